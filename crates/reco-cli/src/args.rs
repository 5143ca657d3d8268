//! Defines the command line: the commands, their arguments and their help, parsed with clap.
//!
//! Does not know what a command does. The commands of stages come from reco-run's registry, so that a new stage is a
//! command without a change here.
//!
//! **Invariant**: every command has an example in its help, and `--json` where it has an answer.

mod experiment;
mod export;
mod init;
mod recommend;
mod retrain;
mod serve;
mod tune;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use reco_core::DeviceChoice;
use reco_run::synth::SynthConfig;
use reco_run::{DATA_KEYS, STAGES, approaches};

pub(crate) use experiment::{ExperimentArgs, ExperimentFile, Folders, ScoresArgs};
pub(crate) use export::{ExportArgs, Format};
pub(crate) use init::{InitArgs, RunsArgs};
pub(crate) use recommend::{RecommendArgs, VisitorArgs};
pub(crate) use retrain::RetrainArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use tune::TuneArgs;

const EXAMPLE: &str = "\
Examples:
  reco run                        fetch MovieLens 100K, train and compare the best approaches
  reco init ratings.csv           an experiment on your own table, which `reco run` runs
  reco recommend --user 1         what user 1 should watch next
  reco doctor                     devices, versions, paths";

const CHECKPOINTS: &str = "\
Key of [checkpoint] in an experiment:
  every          how often the state of a training is kept, as 30s, 5min or 1h; off unless stated.
                 A training that was stopped, in whatever way, goes on from there at the next run,
                 and ends with the same bytes: networks, svd, svdpp, bayesian-fm, ials";

/// The stage whose command also measures scores that somebody else computed.
const SCORES: &str = "evaluate";

#[derive(Parser)]
#[command(name = "reco", version, about = "Train, compare and use recommenders from a table of ratings", after_help = EXAMPLE, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// A valid command line.
pub(crate) enum Parsed {
    /// One stage of a run.
    Stage(&'static str, ExperimentArgs),
    /// The stage `evaluate`, applied to scores that somebody else computed.
    Scores(ExperimentArgs, PathBuf, ScoresArgs),
    /// Anything else.
    Command(Command),
}

impl Parsed {
    /// Whether it may look for a GPU.
    pub(crate) fn looks_for_devices(&self) -> bool {
        use Command::{Doctor, Recommend, Retrain, Run, Serve, Tune};
        let looks = |command: &Command| match command {
            Serve(args) => args.device != DeviceChoice::Cpu,
            Command::Init(args) => args.run,
            other => matches!(other, Run(_) | Tune(_) | Retrain(_) | Recommend(_) | Doctor(_)),
        };
        match self {
            Self::Stage(..) => true,
            Self::Scores(..) => false,
            Self::Command(command) => looks(command),
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a whole experiment: fetch, ingest, features, train, evaluate, report; unchanged stages are skipped
    #[command(
        display_order = 1,
        after_help = "\
Examples:
  reco run
  reco run data/experiments/article.toml --out data/article --set seed=3
  reco run --set data.fetch=ml-1m --set data.name=ml-1m --out data/ml-1m
  reco run mine.toml --out data/mine --from train --approach neural
  reco run mine.toml --set checkpoint.every=5min   what is stopped goes on: `reco train --help`
  reco run --set tracking.tensorboard=runs     seen in TensorBoard; MLflow: docs/tracking.md

Keys of [data], which say what is read and how: `reco ingest --help`"
    )]
    Run(RunArgs),
    /// Look at a table of ratings or events, and write the experiment that reads it
    #[command(
        display_order = 0,
        after_help = init::HELP
    )]
    Init(InitArgs),
    /// List the runs in a folder and below it: with what they were run, and how it came out
    #[command(
        display_order = 18,
        after_help = init::RUNS_HELP
    )]
    Runs(RunsArgs),
    /// Search for the options of approaches that do best on validation rows; the test part is not read
    #[command(
        display_order = 17,
        after_help = tune::HELP
    )]
    Tune(TuneArgs),
    /// Answer for one user, for someone new or for all, from a trained model
    #[command(
        display_order = 20,
        after_help = "\
Examples:
  reco recommend --user 1 --context daytime=0,weekend=0 --top 10
  reco recommend --user 1 --approach content --explain
  reco recommend --user 17 --models data/mine
  reco recommend --new-user --likes Sci-Fi,Thriller --age 34 --gender F --occupation writer
  reco recommend --new-user --rated 50=5,172=4
  reco recommend --all --out recommendations.csv --approach hybrid
  reco recommend --all --shard 2/4 --out lists-2-of-4.parquet --models data/mine"
    )]
    Recommend(RecommendArgs),
    /// Answer over HTTP from a trained run: recommendations, search, events, and a page to try it
    #[command(
        display_order = 20,
        after_help = serve::HELP
    )]
    Serve(ServeArgs),
    /// Train again with the events of a service, and have it serve the new run
    #[command(
        display_order = 20,
        after_help = retrain::HELP
    )]
    Retrain(RetrainArgs),
    /// Show a trained network layer by layer, with shapes and parameters
    #[command(
        display_order = 20,
        after_help = "\
Examples:
  reco describe neural
  reco describe hybrid --svg hybrid.svg
  reco describe neural --mermaid >> notes.md"
    )]
    Describe(DescribeArgs),
    /// Write a trained model in forms that other programs read: a graph of ONNX, tables of vectors, a page
    #[command(
        display_order = 15,
        after_help = "\
Examples:
  reco export hybrid --format onnx --out hybrid.onnx
  reco export ials --format embeddings --out vectors
  reco export --format onnx --out best.onnx --models data/mine
  reco export --format web --out site           a page that answers without a server
Rows of users and items are those of the tables in the model's folder `catalogue`. `weights.safetensors` beside them is
read by any program as it is: docs/architecture.md names the tensors."
    )]
    Export(ExportArgs),
    /// Look for what makes an experiment's numbers too good: leaks, and tasks that are easier than they look
    #[command(
        display_order = 16,
        after_help = "\
Examples:
  reco check data/experiments/article.toml
  reco check --out data
  reco check mine.toml --strict   exit code 1 where numbers are too good"
    )]
    Check(CheckArgs),
    /// Compare runs or approaches user by user, and say which differences could be luck
    #[command(
        display_order = 20,
        after_help = "\
Examples:
  reco compare data --against popularity
  reco compare data/a data/b --html comparison.html
  reco compare data:neural data:hybrid --metrics ndcg@10,rmse --groups gender,activity
  reco compare data/a:neural data/b:neural --self-check 200
  reco compare --exposures data/events.export     the arms of an A/B test, from what `reco serve` kept"
    )]
    Compare(CompareArgs),
    /// Fetch a public data set into the folder of raw files
    #[command(
        display_order = 2,
        after_help = "\
Examples:
  reco fetch                      which data sets there are, and under which terms
  reco fetch ml-1m"
    )]
    Fetch(FetchArgs),
    /// Generate ratings of any size that look like MovieLens', with structure that is known
    #[command(
        display_order = 3,
        after_help = "\
Examples:
  reco synth --ratings 10000000 --parquet --out data/raw/synthetic
  reco synth --context-effect 0.5 --truth truth.parquet --out data/raw/moody
  reco run --set data.path=data/raw/moody --set data.name=moody --out data/moody"
    )]
    Synth(SynthArgs),
    /// Print the first rows of a table that a run made: any of its Parquet files
    #[command(
        display_order = 20,
        after_help = "\
Examples:
  reco show data/tables/items.parquet
  reco show data/features/train.parquet --rows 20 --json"
    )]
    Show(ShowArgs),
    /// Show devices, drivers, versions and paths; with --bench, what the machine can do at most
    #[command(
        display_order = 21,
        after_help = "\
Measured by --bench, each several times; on the CPU by one thread, then by all:
  read-memory     bytes a second: adding up an array that no cache holds
  triad-memory    bytes a second: a = b + 2 c over such arrays, 12 bytes a number
  read-cache      bytes a second: adding up 128 KiB
  compare         numbers a second: counting those above another
  gather-memory   rows of 64 floats a second, at random places of an array that no cache holds
  gather-cache    the same of 256 KiB
  root-quotient   numbers a second: a / √b, as Adam divides
  multiply-add    fused multiply-adds a second, two operations each, by the widest vectors reco uses
and on each device that networks can compute on, by the operations they use:
  launch          seconds of one small operation of many in a row
  answer          seconds of one small operation and of reading its number back
  add-memory      bytes a second: a = b + c over arrays of 64 MiB, 12 bytes a number
  gather-memory   rows of 64 floats a second, at random places of 64 MiB
  matrix-product  multiply-adds a second of a product of square matrices
  upload          bytes a second to a device with memory of its own; read-back: from it

Examples:
  reco doctor
  reco doctor --json
  reco doctor --bench"
    )]
    Doctor(DoctorArgs),
    /// Print shell completions
    #[command(
        display_order = 22,
        after_help = "\
Examples:
  reco completions bash > ~/.local/share/bash-completion/completions/reco"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    /// Begin with this stage, and take what earlier ones left
    #[arg(long, value_name = "STAGE", value_parser = stage_names(), conflicts_with = "only")]
    pub(crate) from: Option<String>,
    /// Run this stage only
    #[arg(long, value_name = "STAGE", value_parser = stage_names())]
    pub(crate) only: Option<String>,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) file: ExperimentFile,
    /// Where it was run, if it was: its data set and its results are looked at as well
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) out: PathBuf,
    /// Fail where a number is too good: a leak, or a task that is easier than it looks
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DescribeArgs {
    /// The trained approach; left out, the last network of `collaborative, neural, hybrid` that was trained
    pub(crate) approach: Option<String>,
    /// The folder that a run wrote with `--out`, or the folder of models in it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) models: PathBuf,
    /// Print a Mermaid flowchart instead of a table
    #[arg(long, conflicts_with = "json")]
    pub(crate) mermaid: bool,
    /// Write the diagram into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// The folder of a run, what `--out` was, or `FOLDER:APPROACH`; each is compared with the first, approaches of one
    /// name with each other, and all approaches of a single folder with one of them
    #[arg(required_unless_present = "exposures", value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// Compare the arms of an A/B test instead: the folder of events that a service exported. Per arm: the share of the
    /// users who saw an answer and did anything after it, what they did, and the mean of their stars
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["runs", "against", "metrics", "groups", "different_tests", "self_check", "details", "html"]
    )]
    pub(crate) exposures: Option<PathBuf>,
    /// What the approaches of a single run are compared with; left out, the first of its results
    #[arg(long, value_name = "NAME")]
    pub(crate) against: Option<String>,
    /// Only these metrics; left out, all that have values in both
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// What users are parted by: attributes of theirs, and `activity`, how many ratings there were to learn from; left
    /// out, that and every attribute of at most 12 values
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) groups: Vec<String>,
    /// The level of the tests, after Holm's correction
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    pub(crate) alpha: f64,
    /// Compare runs that were not measured on the same test rows too
    #[arg(long)]
    pub(crate) different_tests: bool,
    /// Try the tests themselves: exchange the values of both at random, so many times, and plant a difference
    #[arg(long, value_name = "N")]
    pub(crate) self_check: Option<NonZeroUsize>,
    /// Print every metric of every pair, and the groups of users that stand out, instead of a summary
    #[arg(long, conflicts_with = "json")]
    pub(crate) details: bool,
    /// Write a page with all tests, intervals and groups into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct FetchArgs {
    /// The data set; left out, they are listed
    pub(crate) name: Option<String>,
    /// Where it goes: `<DIR>/<NAME>`
    #[arg(long, value_name = "DIR", default_value = "data/raw")]
    pub(crate) raw: PathBuf,
    /// Fetch it even if it is there
    #[arg(long, requires = "name")]
    pub(crate) again: bool,
    /// Print what is there as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SynthArgs {
    /// How many ratings
    #[arg(long, default_value_t = SynthConfig::default().n_ratings)]
    pub(crate) ratings: u64,
    /// How many users [default: one for 150 ratings, about as many as MovieLens has]
    #[arg(long)]
    pub(crate) users: Option<u32>,
    /// How many items [default: 5 √ratings, at least 600, about as many as MovieLens had up to 20M]
    #[arg(long)]
    pub(crate) items: Option<u32>,
    /// How many stars the moment adds: by night at a weekend so many, by day on a weekday so many less (a day is 07:00
    /// to 20:00, UTC); besides, each genre has moments of its own, with half of it as deviation
    #[arg(long, value_name = "STARS", default_value_t = SynthConfig::default().context_effect)]
    pub(crate) context_effect: f32,
    /// How many stars the mean of an item moves in the 22 years that ratings span, as a deviation among items; those
    /// that rise are chosen more
    #[arg(long, value_name = "STARS", default_value_t = SynthConfig::default().drift)]
    pub(crate) drift: f32,
    /// The seed of all random choices
    #[arg(long, default_value_t = SynthConfig::default().seed)]
    pub(crate) seed: u64,
    /// The folder to make: ratings.csv, movies.csv, dataset.toml
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Write ratings.parquet and movies.parquet instead of CSV
    #[arg(long)]
    pub(crate) parquet: bool,
    /// Write the stars that are expected of each rating, before noise and rounding, into this `.csv` or `.parquet`:
    /// user, item, score
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
    /// Print what was made as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The Parquet file
    pub(crate) file: PathBuf,
    /// How many rows
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) rows: usize,
    /// Print them as JSON, with the file's metadata
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) folders: Folders,
    /// Measure what each device can do at most: some ten seconds, during which nothing else should run
    #[arg(long)]
    pub(crate) bench: bool,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn stage_names() -> PossibleValuesParser {
    PossibleValuesParser::new(STAGES.iter().map(|stage| stage.name))
}

/// The whole command line, the stages' commands included.
pub(crate) fn command() -> clap::Command {
    let stages = STAGES.iter().enumerate().map(|(row, stage)| {
        let command = ExperimentArgs::augment_args(clap::Command::new(stage.name)).display_order(10 + row);
        let command = if stage.name == SCORES { ScoresArgs::augment_args(command) } else { command };
        let known = match stage.name {
            "ingest" => format!("{}\n\n", data_keys()),
            "train" => {
                let lines = approaches().map(|entry| format!("  {:<15}{}\n", entry.name, entry.about));
                format!("Approaches:\n{}\n{CHECKPOINTS}\n\n", lines.collect::<String>())
            }
            _ => String::new(),
        };
        // The arguments bring an `about` of their own, so the stage's comes after them.
        command.about(stage.about).after_help(format!("{known}Examples:\n{}", stage.example))
    });
    Cli::command().subcommands(stages)
}

/// The help on the keys of `[data]`: each key, and under it the values that it can take.
fn data_keys() -> String {
    let mut help = "Keys of [data] in an experiment, each with the values that it can take (docs/data.md):".to_owned();
    for key in DATA_KEYS {
        let lines = [key.about, key.values].into_iter().flat_map(wrapped);
        for (n, line) in lines.enumerate() {
            help += &format!("\n  {:<25}{line}", if n == 0 { key.name } else { "" });
        }
    }
    help
}

/// The lines of `text`, at most 71 characters each.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 71 => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Reads a command line.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    let matches = command().try_get_matches_from(words)?;
    if let Some((name, matches)) = matches.subcommand()
        && let Some(stage) = STAGES.iter().find(|stage| stage.name == name)
    {
        let mut experiment = ExperimentArgs::from_arg_matches(matches)?;
        if stage.name == SCORES {
            let args = ScoresArgs::from_arg_matches(matches)?;
            let file = &mut experiment.file.experiment;
            *file = file.take().or_else(|| args.experiment_file.clone());
            if let Some(scores) = args.scores.clone() {
                return Ok(Parsed::Scores(experiment, scores, args));
            }
        }
        return Ok(Parsed::Stage(stage.name, experiment));
    }
    Ok(Parsed::Command(Cli::from_arg_matches(&matches)?.command))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound_and_every_command_has_an_example() {
        let command = super::command();
        command.clone().debug_assert();
        for one in command.get_subcommands() {
            let help = one.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  reco "), "{}: {help}", one.get_name());
            assert!(one.get_about().is_some(), "{}", one.get_name());
        }
        for stage in reco_run::STAGES {
            let one = command.find_subcommand(stage.name).unwrap();
            assert_eq!(one.get_about().map(ToString::to_string).as_deref(), Some(stage.about));
        }
    }
}
