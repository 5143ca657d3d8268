//! Runs every approach under every preset on MovieLens 100K, and its leaders on further splits: `cargo xtask contest`.
//!
//! Does not know approaches or protocols: `data/experiments` has both, and `contest/presets.rs` names them. A preset is
//! run with the approaches of `contest-lists.toml` or `contest-stars.toml` instead of its own. Nothing is tuned here.
//!
//! **Invariant**: every number is read from what a run of `reco` left in `target/contest`; a stage that is done is not
//! done again, so that a contest that was stopped goes on.

mod presets;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use self::presets::{PRESETS, Preset, SEED, SEEDS};
use super::machine;
use super::protocols::protocol;
use super::turns::{deviation, mean};
use crate::files;
use crate::process::{Workspace, answer, succeed};

/// Arguments of `cargo xtask contest`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask contest                  every preset, into docs/results.md
  cargo xtask contest ratio-811        one of them, printed
  cargo xtask contest --splits 10      the leaders on ten further splits, into docs/results.md
What is done is not done again: a contest that was stopped goes on, and --again begins anew")]
pub(crate) struct Arguments {
    /// Only these presets, printed and not written into docs/results.md
    presets: Vec<String>,
    /// The leaders on so many further splits, instead
    #[arg(long, value_name = "N")]
    splits: Option<usize>,
    /// Forget what is done
    #[arg(long)]
    again: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if let Some(unknown) = arguments.presets.iter().find(|name| PRESETS.iter().all(|preset| preset.name != **name)) {
        bail!("there is no preset `{unknown}`\nhint: known are `{}`", PRESETS.map(|preset| preset.name).join("`, `"));
    }
    let machine = machine::describe(workspace);
    let contest = Contest { workspace, reco: workspace.build_reco(false)?, at: workspace.target().join("contest") };
    if arguments.again {
        files::remove(&contest.at)?;
    }
    fs::create_dir_all(&contest.at).with_context(|| format!("cannot make `{}`", contest.at.display()))?;
    if let Some(n) = arguments.splits {
        let text = contest.splits(n)?;
        super::record(workspace, "contest-splits", "The leaders on further splits", (&machine, "dev"), &text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted =
        |preset: &&Preset| arguments.presets.is_empty() || arguments.presets.iter().any(|one| one == preset.name);
    let tables = PRESETS.iter().filter(wanted).map(|preset| contest.table(preset)).collect::<Result<Vec<_>>>()?;
    if arguments.presets.is_empty() {
        let about = "The contest: every approach under every preset";
        super::record(workspace, "contest", about, (&machine, "dev"), &page(&tables))?;
        super::readme::write(workspace.root())?;
    } else {
        println!("{}", tables.iter().map(|table| table.section.as_str()).collect::<Vec<_>>().join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the runs of a contest lie, and who runs them.
struct Contest<'a> {
    workspace: &'a Workspace,
    reco: PathBuf,
    at: PathBuf,
}

/// What came of one preset.
struct Table {
    preset: &'static str,
    column: &'static str,
    /// The best of all, and the best baseline: names and values.
    best: (String, f64),
    baseline: (String, f64),
    /// The difference between the two in words.
    difference: String,
    section: String,
}

impl Contest<'_> {
    /// Runs the preset `preset`, with `approaches` alone where there are any, and a `[repeat]` or further keys.
    fn go(&self, preset: &Preset, name: &str, approaches: &[&str], keys: &str, sets: &[String]) -> Result<PathBuf> {
        let listed = files::read(&self.experiment(preset.entrants.file))?;
        let listed: toml::Table = toml::from_str(&listed).with_context(|| format!("`{}`", preset.entrants.file))?;
        let all = listed.get("approach").and_then(toml::Value::as_array).context("the contest lists no approach")?;
        let name_of = |one: &toml::Value| one.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let asked = |one: &&toml::Value| approaches.is_empty() || approaches.contains(&name_of(one).as_str());
        // A blend takes the options of what it names from the list.
        let named: BTreeSet<&str> = all
            .iter()
            .filter(asked)
            .flat_map(|one| ["parts", "hints"].map(|key| one.get(key).and_then(toml::Value::as_array)))
            .flatten()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        let takes = |one: &&toml::Value| {
            let name = name_of(one);
            !preset.without.contains(&name.as_str()) && (asked(one) || named.contains(name.as_str()))
        };
        let entrants: Vec<toml::Value> = all.iter().filter(takes).cloned().collect();
        let mut experiment = toml::Table::new();
        let base = self.experiment(preset.name).display().to_string();
        experiment.insert("extends".to_owned(), base.into());
        experiment.insert("name".to_owned(), format!("contest-{name}").into());
        experiment.extend(listed.get("features").map(|features| ("features".to_owned(), features.clone())));
        experiment.insert("approach".to_owned(), entrants.into());
        let file = self.at.join(format!("{name}.toml"));
        files::write(&file, format!("{experiment}\n{keys}"))?;
        let out = self.at.join(name);
        let mut command = self.workspace.command(&self.reco);
        command.arg("run").arg(&file).arg("--out").arg(&out);
        for set in preset.sets.iter().map(|set| (*set).to_owned()).chain(sets.iter().cloned()) {
            command.args(["--set", &set]);
        }
        eprintln!("contest: {name}");
        succeed(command.stdout(std::process::Stdio::null()))?;
        Ok(out)
    }

    fn experiment(&self, name: &str) -> PathBuf {
        self.workspace.root().join(format!("data/experiments/{name}.toml"))
    }

    fn table(&self, preset: &'static Preset) -> Result<Table> {
        let out = self.go(preset, preset.name, &[], "", &[])?;
        let results = files::json(&out.join("report/results.json"))?;
        let column = preset.columns[0];
        let lower = is_lower_better(&results, column);
        let entrants = Entrant::all(&results, &out, preset)?;
        let better = |a: &&Entrant, b: &&Entrant| {
            let order = a.values[0].unwrap_or(f64::NAN).total_cmp(&b.values[0].unwrap_or(f64::NAN));
            if lower { order.reverse() } else { order }
        };
        let measured = || entrants.iter().filter(|entrant| entrant.values[0].is_some());
        let best = measured().max_by(better).with_context(|| format!("nobody has `{column}`"))?;
        let is_baseline = |entrant: &&Entrant| preset.entrants.baselines.contains(&entrant.name.as_str());
        let baseline = measured().filter(is_baseline).max_by(better).context("no baseline was measured")?;
        let differences = self.differences(&results, &out, baseline, column)?;
        let by_seed = if results["repeat"].is_null() && preset.name == "ratio-811" {
            self.seeds(preset, &results)?
        } else {
            BTreeMap::new()
        };

        let mut text = format!("### {}\n\n", preset.name);
        let report = files::read(&out.join("report/report.md"))?;
        text += &format!("`cargo xtask contest {}`\n\n{}\n\n", preset.name, protocol(&report, &out)?);
        text += &format!("The best baseline is `{}`; differences are of `{column}`.", baseline.name);
        if !preset.without.is_empty() {
            let without = preset.without.join("`, `");
            text += &format!(" Not asked, as they know only the users that they were trained on: `{without}`.");
        }
        text += &format!(
            "\n\n| approach | {} | difference | by seed | fit s | evaluation s | size |\n",
            preset.columns.join(" | ")
        );
        text += &format!("| --- |{} --- | --- | ---: | ---: | ---: |\n", " ---: |".repeat(preset.columns.len()));
        let mut sorted: Vec<&Entrant> = entrants.iter().collect();
        sorted.sort_by(|a, b| b.values[0].is_some().cmp(&a.values[0].is_some()).then(better(b, a)));
        for entrant in sorted {
            let cells = entrant.values.iter().zip(&entrant.around).map(|(value, around)| match value {
                Some(value) => format!("{value:.4}{around}"),
                None => "–".to_owned(),
            });
            let name = &entrant.name;
            let difference = differences.get(name).map_or("–", String::as_str);
            let seeds = by_seed.get(name).map_or("–", String::as_str);
            let cells = cells.collect::<Vec<_>>().join(" | ");
            text += &format!(
                "| {name} | {cells} | {difference} | {seeds} | {:.2} | {} | {} |\n",
                entrant.fit,
                entrant.evaluation.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2}")),
                entrant.size.map_or_else(|| "–".to_owned(), machine::bytes),
            );
        }
        let named = |entrant: &Entrant| (entrant.name.clone(), entrant.values[0].unwrap_or(f64::NAN));
        Ok(Table {
            preset: preset.name,
            column,
            best: named(best),
            baseline: named(baseline),
            difference: differences.get(&best.name).cloned().unwrap_or_else(|| "–".to_owned()),
            section: text,
        })
    }

    /// Everyone's difference to the baseline: over users with its interval and p, or over repetitions.
    fn differences(
        &self,
        results: &Value,
        out: &Path,
        baseline: &Entrant,
        column: &str,
    ) -> Result<BTreeMap<String, String>> {
        if let Some(repetitions) = results["repeat"].as_array() {
            return Ok(over_repetitions(repetitions, &baseline.name, column, is_lower_better(results, column)));
        }
        over_users(self.workspace.command(&self.reco), out, &baseline.name, column)
    }

    /// The deciding column of those who depend on chance under three seeds: mean and deviation.
    fn seeds(&self, preset: &Preset, results: &Value) -> Result<BTreeMap<String, String>> {
        let column = preset.columns[0];
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut add = |results: &Value| {
            for approach in results["approaches"].as_array().into_iter().flatten() {
                let (name, value) = (approach["name"].as_str(), approach["metrics"][column].as_f64());
                if let (Some(name), Some(value)) = (name, value)
                    && preset.entrants.chance.contains(&name)
                {
                    values.entry(name.to_owned()).or_default().push(value);
                }
            }
        };
        add(results);
        for seed in SEEDS {
            let sets = [format!("split.seed={SEED}"), format!("seed={seed}")];
            let name = format!("{}-seed-{seed}", preset.name);
            let out = self.go(preset, &name, preset.entrants.chance, "", &sets)?;
            add(&files::json(&out.join("report/results.json"))?);
        }
        let told = values.into_iter().filter(|(_, values)| values.len() > 1);
        Ok(told.map(|(name, values)| (name, format!("{:.4} ± {:.4}", mean(&values), deviation(&values)))).collect())
    }

    /// The leaders of lists and of stars on `n` further splits of the same kind.
    fn splits(&self, n: usize) -> Result<String> {
        let kinds: [(&str, &str, &[String]); 2] = [
            ("ratio-811", "Lists: ratio-811", &[]),
            (
                "surprise-5fold",
                "Stars: a fifth of each user's ratings",
                &[
                    "split.kind=per-user-random".to_owned(),
                    "split.test=0.2".to_owned(),
                    "split.validation=0".to_owned(),
                ],
            ),
        ];
        let values: Vec<String> = (1..=n).map(|seed| seed.to_string()).collect();
        let repeat = format!("[repeat]\nover = \"seed\"\nvalues = [{}]\n", values.join(", "));
        let mut text =
            format!("`cargo xtask contest --splits {n}`: seeds 1 to {n} draw the splits and seed the models.\n");
        for (name, title, sets) in kinds {
            let preset = PRESETS.iter().find(|preset| preset.name == name).context("a leader's preset is gone")?;
            let leaders = preset.entrants.leaders;
            let out = self.go(preset, &format!("{name}-splits-{n}"), leaders, &repeat, sets)?;
            let results = files::json(&out.join("report/results.json"))?;
            let repetitions = results["repeat"].as_array().context("the run has no repetitions")?;
            let column = preset.columns[0];
            let differences = over_repetitions(repetitions, leaders[0], column, is_lower_better(&results, column));
            text += &format!(
                "\n### {title}\n\n| approach | {} | {column} less {}'s |\n",
                preset.columns.join(" | "),
                leaders[0]
            );
            text += &format!("| --- |{} --- |\n", " ---: |".repeat(preset.columns.len()));
            for leader in leaders {
                let cell = |column: &&str| match of_repetitions(repetitions, leader, column) {
                    Some(values) if values.len() > 1 => format!("{:.4} ± {:.4}", mean(&values), deviation(&values)),
                    _ => "–".to_owned(),
                };
                let cells = preset.columns.iter().map(cell).collect::<Vec<_>>().join(" | ");
                text += &format!("| {leader} | {cells} | {} |\n", differences.get(*leader).map_or("–", String::as_str));
            }
        }
        Ok(text)
    }
}

/// An approach under a preset.
struct Entrant {
    name: String,
    /// One for each column of the preset, with what stands around it: half an interval, or the deviation.
    values: Vec<Option<f64>>,
    around: Vec<String>,
    fit: f64,
    evaluation: Option<f64>,
    /// Bytes of its weights.
    size: Option<u64>,
}

impl Entrant {
    fn all(results: &Value, out: &Path, preset: &Preset) -> Result<Vec<Self>> {
        let repetitions = results["repeat"].as_array();
        let approaches = results["approaches"].as_array().context("results.json has no approaches")?;
        let first = repetitions.and_then(|all| all.first()).and_then(|one| one["repetition"].as_str());
        let models = first.map_or_else(|| out.to_owned(), |label| out.join(label)).join("models");
        let of = |approach: &Value| {
            let name = approach["name"].as_str().context("an approach without a name")?.to_owned();
            let around = |column: &&str| match repetitions {
                Some(all) => of_repetitions(all, &name, column)
                    .filter(|values| values.len() > 1)
                    .map_or_else(String::new, |values| format!(" ± {:.4}", deviation(&values))),
                None => interval(approach, column),
            };
            Ok(Self {
                values: preset.columns.iter().map(|column| approach["metrics"][*column].as_f64()).collect(),
                around: preset.columns.iter().map(around).collect(),
                fit: approach["train_seconds"].as_f64().context("an approach without seconds")?,
                evaluation: approach["evaluate_seconds"].as_f64(),
                size: fs::metadata(models.join(&name).join("weights.safetensors")).ok().map(|file| file.len()),
                name,
            })
        };
        approaches.iter().map(of).collect()
    }
}

fn is_lower_better(results: &Value, column: &str) -> bool {
    results["lower_is_better"].as_array().is_some_and(|lower| lower.iter().any(|name| name == column))
}

/// The interval of a column of an approach, after a blank.
pub(super) fn interval(approach: &Value, column: &str) -> String {
    let [low, high] = [0, 1].map(|end| approach["intervals"][column][end].as_f64());
    low.zip(high).map_or_else(String::new, |(low, high)| format!(" ({low:.4} to {high:.4})"))
}

/// Everyone's difference to `against` in the run `out`, paired over users: with its interval and p. `reco` is asked.
pub(super) fn over_users(
    mut reco: Command,
    out: &Path,
    against: &str,
    column: &str,
) -> Result<BTreeMap<String, String>> {
    reco.arg("compare").arg(out).args(["--against", against, "--metrics", column, "--json"]);
    let compared: Value = serde_json::from_str(&answer(&mut reco)?).context("`reco compare` answered no JSON")?;
    let pairs = compared["pairs"].as_array().context("`reco compare` has no pairs")?;
    let told = pairs.iter().filter_map(|pair| {
        let metric = pair["metrics"].get(0)?;
        let (low, high) = (metric["interval"][0].as_f64()?, metric["interval"][1].as_f64()?);
        let p = metric["t"]["p_holm"].as_f64().or(metric["t"]["p"].as_f64())?;
        let difference = metric["difference"].as_f64()?;
        let name = pair["b"]["approach"].as_str()?.to_owned();
        Some((name, format!("{difference:+.4} ({low:+.4} to {high:+.4}), {}", chance(p))))
    });
    Ok(told.collect())
}

/// A column of an approach in every repetition; `None` where one has no value.
fn of_repetitions(repetitions: &[Value], approach: &str, column: &str) -> Option<Vec<f64>> {
    let value = |repetition: &Value| {
        let all = repetition["approaches"].as_array()?;
        all.iter().find(|one| one["name"] == approach)?["metrics"][column].as_f64()
    };
    repetitions.iter().map(value).collect()
}

/// Everyone's difference to `baseline` in each repetition: mean, deviation, and how often it was better.
fn over_repetitions(repetitions: &[Value], baseline: &str, column: &str, lower: bool) -> BTreeMap<String, String> {
    let Some(against) = of_repetitions(repetitions, baseline, column) else { return BTreeMap::new() };
    let names = repetitions.first().and_then(|one| one["approaches"].as_array()).into_iter().flatten();
    let told = names.filter_map(|one| {
        let name = one["name"].as_str().filter(|name| *name != baseline)?;
        let own = of_repetitions(repetitions, name, column)?;
        let differences: Vec<f64> = own.iter().zip(&against).map(|(own, other)| own - other).collect();
        let better =
            differences.iter().filter(|difference| if lower { **difference < 0.0 } else { **difference > 0.0 });
        let better = better.count();
        let spread = if differences.len() > 1 { deviation(&differences) } else { 0.0 };
        let n = differences.len();
        Some((name.to_owned(), format!("{:+.4} ± {spread:.4}, better in {better} of {n}", mean(&differences))))
    });
    told.collect()
}

/// A probability in words.
fn chance(p: f64) -> String {
    if p < 0.0001 { "p < 0.0001".to_owned() } else { format!("p = {p:.4}") }
}

/// The section: who leads, and every preset.
fn page(tables: &[Table]) -> String {
    let mut text = "`cargo xtask contest`. Every approach was fitted to the train rows alone, with the options of \
         `data/experiments/contest-lists.toml` and `contest-stars.toml`. Those of lists \
         were chosen on validation rows of `ratio-811`, those of stars on a tenth of one fold's train part. In brackets: 95 % intervals over \
         users; after ±: the deviation over folds, draws or seeds. Differences are paired by user, with p of a t test \
         after Holm's correction, against the baseline that is best on these very test rows, which favours it.\n\n\
         | preset | column | best baseline | best | difference |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    for Table { preset, column, best, baseline, difference, .. } in tables {
        text += &format!(
            "| {preset} | `{column}` | {} {:.4} | {} {:.4} | {difference} |\n",
            baseline.0, baseline.1, best.0, best.1
        );
    }
    for table in tables {
        text += &format!("\n{}", table.section);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_over_repetitions_are_paired() {
        let repetition = |a: f64, b: f64| {
            let of = |name: &str, value: f64| json!({ "name": name, "metrics": { "ndcg@10": value } });
            json!({ "repetition": "seed=1", "approaches": [of("a", a), of("b", b)] })
        };
        let both = [repetition(0.1, 0.2), repetition(0.3, 0.25)];
        let told = over_repetitions(&both, "a", "ndcg@10", false);
        assert_eq!(told["b"], "+0.0250 ± 0.1061, better in 1 of 2");
        assert_eq!(told.len(), 1);
        assert_eq!(over_repetitions(&both[..1], "a", "ndcg@10", true)["b"], "+0.1000 ± 0.0000, better in 0 of 1");
        assert!(over_repetitions(&both, "absent", "ndcg@10", false).is_empty());
    }

    #[test]
    fn probabilities_read_well() {
        assert_eq!([chance(0.000_01), chance(0.025)], ["p < 0.0001", "p = 0.0250"]);
    }
}
