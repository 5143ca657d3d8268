//! Runs all checks of continuous integration, the cheapest first: `cargo xtask ci`.
//!
//! Does not know the machine: what it lacks is named as left out at the end, from what tests and steps print.
//!
//! **Invariant**: the last line is `N passed, N failed`; it counts tests, and every failed step has at least one
//! failure in it, so that `0 failed` and success are the same.

mod cluster;
mod count;
pub(crate) mod fixture;
mod one_burn;
mod packages;
mod tracking;
pub(crate) mod wheel;

#[cfg(unix)]
use std::env;
use std::io::{self, BufRead as _, BufReader, Write};
use std::panic::resume_unwind;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use self::count::Count;
use crate::process::{Workspace, is_installed, shown, succeed};
#[cfg(unix)]
use crate::torture;
use crate::{docs, golden, instructions, splits, tidy, web};

/// Arguments of `cargo xtask ci`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the steps whose name starts with this; may be given several times
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps, and run none
    #[arg(long)]
    list: bool,
}

/// Crates that need neither Burn nor Arrow nor data: tested before anything large is compiled, each by itself, since
/// features that one crate switches on in a shared dependency are on for all that are built with it.
const LIGHT: &[&str] = &["reco-core", "reco-report", "reco-web", "xtask"];

/// Crates that need MovieLens 100K besides, since they are compared with other programs on it, and the one that
/// re-exports them.
const WITH_DATA: &[&str] = &["reco-classic", "reco-eval", "reco"];

/// The others, those without Burn first. Their tests and those of the crates before are compiled as one: of each
/// dependency, and of these crates, there is what was compiled for the program, and nothing else.
const HEAVY: &[&str] = &["reco-data", "reco-features", NETWORKS, "reco-run", "reco-serve", "reco-cli"];

/// The crate whose tests wait for a compiler of Vulkan's most of the time, on one core.
const NETWORKS: &str = "reco-models";

/// The crate that brings an SQL engine: whatever goes through the whole workspace leaves it out, so that Burn and Arrow
/// are not compiled once more with what the engine switches on in the crates that they share.
pub(crate) const CLUSTER: &str = "reco-cluster";

/// The crate of the Python wheel, which brings PyO3: tested from Python alone.
pub(crate) const WHEEL: &str = "reco-python";

/// The beginning of a line that says what was left out, and why.
const LEFT_OUT: &str = "left out: ";

/// Packs every crate but this one.
const PACKAGE: &[&str] = &[
    "package",
    "--locked",
    "--workspace",
    "--exclude",
    "xtask",
    "--exclude",
    CLUSTER,
    "--exclude",
    WHEEL,
    "--allow-dirty",
];

/// What a step does.
enum Work {
    /// Our own code.
    Own(fn(&Workspace) -> Result<()>),
    /// Our own code, which may say what the machine lacks for it.
    Maybe(fn(&Workspace) -> Result<Option<String>>),
    /// A program that succeeds or fails.
    Run(Command),
    /// A program whose tests are counted, and one beside it, where neither has work for all cores.
    Test(Command, Option<Command>),
    /// Nothing, because the machine lacks something.
    LeftOut(String),
}

struct Step {
    name: String,
    work: Work,
}

/// How a step ended.
struct Ended {
    name: String,
    seconds: f64,
    /// Empty for a success.
    failure: String,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut steps = steps(workspace)?;
    if !arguments.only.is_empty() {
        steps.retain(|step| arguments.only.iter().any(|only| step.name.starts_with(only.as_str())));
        if steps.is_empty() {
            bail!("no step starts with `{}`\nhint: `cargo xtask ci --list` names them", arguments.only.join("` or `"));
        }
    }
    if arguments.list {
        for step in steps {
            println!("{}", step.name);
        }
        return Ok(ExitCode::SUCCESS);
    }

    let mut left_out = Vec::new();
    let mut count = Count::default();
    let mut ended: Vec<Ended> = Vec::new();
    for step in steps {
        println!("\n=== {}", step.name);
        let begun = Instant::now();
        let failed_before = count.failed;
        let done = match step.work {
            Work::Own(work) => work(workspace),
            Work::Maybe(work) => match work(workspace) {
                Ok(None) => Ok(()),
                Ok(Some(why)) => {
                    leave_out(&step.name, &why, &mut left_out);
                    continue;
                }
                Err(error) => Err(error),
            },
            Work::Run(mut command) => succeed(&mut command),
            Work::Test(first, second) => {
                let mut said = Vec::new();
                let done = match second {
                    None => test(first, &mut count, &mut said, &mut io::stdout()),
                    Some(second) => both(first, second, &mut count, &mut said, &mut io::stdout()),
                };
                left_out.extend(said.into_iter().map(|what| format!("{}: {what}", step.name)));
                done
            }
            Work::LeftOut(why) => {
                leave_out(&step.name, &why, &mut left_out);
                continue;
            }
        };
        if done.is_err() && count.failed == failed_before {
            count.failed += 1;
        }
        let failure = done.err().map(|error| format!("{error:#}")).unwrap_or_default();
        let seconds = begun.elapsed().as_secs_f64();
        let how = if failure.is_empty() { "ok" } else { &failure };
        println!("=== {}: {how}, {seconds:.1} s", step.name);
        ended.push(Ended { name: step.name, seconds, failure });
    }
    print!("\n{}", summary(&ended, &left_out, &count));
    Ok(if count.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says that a step is left out, now and at the end.
fn leave_out(step: &str, why: &str, left_out: &mut Vec<String>) {
    println!("{LEFT_OUT}{why}");
    left_out.push(format!("{step}: {why}"));
}

/// All steps, the cheapest first.
fn steps(workspace: &Workspace) -> Result<Vec<Step>> {
    let step = |name: &str, work| Step { name: name.to_owned(), work };
    let cargo = |arguments: &[&str]| workspace.cargo(arguments);
    let tool = |program: &str, command, install: &str| match is_installed(program) {
        true => Work::Run(command),
        false => Work::LeftOut(format!("{program} is not installed: `{install}`")),
    };
    let deny = ["deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    let mut steps = vec![
        step("tidy", Work::Own(tidy::run)),
        step("fmt", Work::Run(cargo(&["fmt", "--all", "--check"]))),
        // The fuzzer is a workspace of its own.
        step("fmt of the fuzzer", Work::Run(cargo(&["fmt", "--manifest-path", "xtask/fuzz/Cargo.toml", "--check"]))),
        step("locks", Work::Own(locks)),
        step("typos", tool("typos", workspace.command("typos"), "pip install typos")),
        step("deny", tool("cargo-deny", cargo(&deny), "cargo install cargo-deny --locked")),
    ];
    let tests = |packages: &[&str], rest: &[&str]| {
        let mut command = cargo(&["test", "--locked", "--no-fail-fast"]);
        for package in packages {
            command.args(["--package", package]);
        }
        command.args(rest);
        // A snapshot that differs is a failure, and writes nothing.
        command.env("INSTA_UPDATE", "no");
        command
    };
    // The output of passing tests is shown, because it says what they left out.
    let test = |packages: &[&str]| tests(packages, &["--", "--show-output"]);
    let alone = |package: &&str| step(&format!("test {package}"), Work::Test(test(&[*package]), None));
    steps.extend(LIGHT.iter().map(alone));
    let clippy = |selected: &[&str]| {
        let rest = ["--all-targets", "--", "--deny", "warnings"];
        Work::Run(cargo(&[&["clippy", "--locked"][..], selected, &rest].concat()))
    };
    let whole = ["--workspace", "--exclude", CLUSTER];
    steps.push(step("clippy", clippy(&whole)));
    let mut doc = cargo(&[&["doc", "--locked", "--no-deps"][..], &whole].concat());
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    steps.push(step("doc", Work::Run(doc)));
    // The data on which tests compare with other programs. If it cannot be fetched, the tests say so too.
    steps.push(step("data", Work::Maybe(splits::all)));
    steps.push(step("one Burn", Work::Own(one_burn::check)));
    // A test of the page without a server asks the module that lies beside the program.
    steps.push(step("web", Work::Maybe(web::step)));
    let all = [WITH_DATA, HEAVY].concat();
    let others: Vec<&str> = all.iter().copied().filter(|name| *name != NETWORKS).collect();
    steps.push(step("compile tests", Work::Run(tests(&all, &["--no-run"]))));
    steps.push(step(&format!("test {}", all.join(", ")), Work::Test(test(&others), Some(test(&[NETWORKS])))));
    // The crates that are not tested by themselves compile by themselves; those with Burn are known by `one Burn`.
    let check = |package: &&str| {
        step(
            &format!("check {package}"),
            Work::Run(cargo(&["check", "--locked", "--all-targets", "--package", package])),
        )
    };
    steps.extend(WITH_DATA.iter().chain(&["reco-data", "reco-features"]).map(check));
    let whole = ["check", "--locked", "--package", "reco", "--features", "data,networks"];
    steps.push(step("check reco, whole", Work::Run(cargo(&whole))));
    steps.push(step("outside", Work::Own(packages::outside)));
    // It uses what the tests have built: only examples are compiled for it.
    let count = instructions::lacking().map_or(Work::Own(instructions::check), Work::LeftOut);
    steps.push(step("instructions", count));
    steps.push(step("fixture twice", Work::Own(fixture::run)));
    steps.push(step(&format!("clippy {CLUSTER}"), clippy(&["--package", CLUSTER])));
    steps.push(alone(&CLUSTER));
    steps.push(step("cluster", Work::Own(cluster::run)));
    steps.push(step("wheel", Work::Maybe(wheel::run)));
    steps.push(step("tracking", Work::Maybe(tracking::run)));
    // It uses what the steps before have built.
    #[cfg(unix)]
    steps.push(step("docs", Work::Test(pages(workspace)?, None)));
    steps.push(step("site", Work::Maybe(docs::site::check_in_ci)));
    #[cfg(unix)]
    {
        steps.push(step("torture", Work::Own(torture::short)));
        steps.push(step("fuzz", torture::lacking().map_or(Work::Own(torture::fuzz), Work::LeftOut)));
    }
    steps.push(step("golden", golden::lacking().map_or(Work::Own(golden::check), Work::LeftOut)));
    steps.push(step("package", Work::Run(cargo(&[PACKAGE, &["--no-verify"]].concat()))));
    steps.push(step("package and compile", Work::Own(packages::run)));
    for package in &workspace.metadata.packages {
        if ![LIGHT, WITH_DATA, HEAVY, &[CLUSTER, WHEEL]].concat().iter().any(|known| **known == package.name) {
            bail!(
                "`{}` is tested by no step\nhint: add it to LIGHT, WITH_DATA or HEAVY in `xtask/src/ci.rs`",
                package.name
            );
        }
    }
    Ok(steps)
}

/// Whether the locks of all workspaces are those of their manifests: steps that come late would fail of it.
fn locks(workspace: &Workspace) -> Result<()> {
    for manifest in ["Cargo.toml", "xtask/fuzz/Cargo.toml", "xtask/outside/Cargo.toml"] {
        let call = ["metadata", "--locked", "--format-version", "1", "--manifest-path", manifest];
        succeed(workspace.cargo(&call).stdout(Stdio::null())).with_context(|| {
            format!("the lock beside `{manifest}` is old\nhint: `cargo update --workspace --manifest-path {manifest}`")
        })?;
    }
    Ok(())
}

/// Runs what the pages of the documentation show, which counts as tests.
#[cfg(unix)]
fn pages(workspace: &Workspace) -> Result<Command> {
    let mut command = workspace.command(env::current_exe().context("cannot find this program")?);
    command.args(["docs", "--test"]);
    Ok(command)
}

/// Runs tests, shows what they print, counts them, and adds each thing that they left out once.
fn test(mut command: Command, count: &mut Count, left_out: &mut Vec<String>, out: &mut impl Write) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let output = child.stdout.take().context("its output was not piped")?;
    for line in BufReader::new(output).split(b'\n') {
        // What a test prints need not be UTF-8.
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(out, "{line}")?;
        count.read(&line);
        if let Some(what) = line.strip_prefix(LEFT_OUT)
            && left_out.iter().all(|known| known != what)
        {
            left_out.push(what.to_owned());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(&command));
    }
    Ok(())
}

/// As [`test()`], with another program's tests beside, which are shown when they have ended.
fn both(
    first: Command,
    second: Command,
    count: &mut Count,
    left_out: &mut Vec<String>,
    out: &mut impl Write,
) -> Result<()> {
    let mut shown = Vec::new();
    let mut said = (Count::default(), Vec::new());
    let ended = thread::scope(|scope| {
        let second = scope.spawn(|| test(second, &mut said.0, &mut said.1, &mut shown));
        [test(first, count, left_out, out), second.join().unwrap_or_else(|panic| resume_unwind(panic))]
    });
    out.write_all(&shown)?;
    count.passed += said.0.passed;
    count.failed += said.0.failed;
    said.1.retain(|what| !left_out.contains(what));
    left_out.append(&mut said.1);
    let failures: Vec<String> = ended.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn summary(ended: &[Ended], left_out: &[String], count: &Count) -> String {
    let mut text = String::new();
    for step in ended {
        let how = if step.failure.is_empty() { "ok" } else { "FAILED" };
        text += &format!("{:<24}{:>8.1} s  {how}\n", step.name, step.seconds);
    }
    if !left_out.is_empty() {
        text += "left out:\n";
        for what in left_out {
            text += &format!("  {what}\n");
        }
    }
    for step in ended.iter().filter(|step| !step.failure.is_empty()) {
        text += &format!("failed: {}: {}\n", step.name, step.failure);
    }
    text + &format!("{} passed, {} failed\n", count.passed, count.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_failed_and_what_was_left_out_and_closes_with_the_count() {
        let ended =
            |name: &str, failure: &str| Ended { name: name.to_owned(), seconds: 1.25, failure: failure.to_owned() };
        let steps = [ended("tidy", ""), ended("clippy", "`cargo clippy` failed")];
        let text = summary(&steps, &["typos: not installed".to_owned()], &Count { passed: 12, failed: 1 });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "tidy                         1.2 s  ok");
        assert!(lines[1].starts_with("clippy") && lines[1].ends_with("FAILED"), "{text}");
        assert_eq!(lines[2..4], ["left out:", "  typos: not installed"]);
        assert_eq!(lines[4], "failed: clippy: `cargo clippy` failed");
        assert_eq!(lines[5..], ["12 passed, 1 failed"]);
    }

    #[test]
    fn tests_beside_each_other_are_all_counted_and_each_failure_is_told() {
        let tests = |said: &str, code: u8| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("echo 'left out: {code}'; echo 'test result: {said}'; exit {code}")]);
            command
        };
        let (mut count, mut left_out, mut shown) = (Count::default(), Vec::new(), Vec::new());
        let first = tests("ok. 2 passed; 0 failed; 0 ignored", 0);
        let second = tests("FAILED. 3 passed; 4 failed; 0 ignored", 101);
        let error = both(first, second, &mut count, &mut left_out, &mut shown).unwrap_err().to_string();
        assert!(error.contains("failed: exit status: 101") && !error.contains("; `sh"), "{error}");
        assert_eq!(count, Count { passed: 5, failed: 4 });
        assert_eq!(left_out, ["0", "101"]);
        assert_eq!(String::from_utf8(shown).unwrap().lines().count(), 4);
    }

    #[test]
    fn tests_are_counted_while_their_output_is_shown() {
        let (mut count, mut left_out, mut shown) = (Count::default(), Vec::new(), Vec::new());
        let mut command = Command::new("sh");
        let said = "\\377\\nleft out: a: no b\\nis left out: no\\nleft out: a: no b\\ntest result: FAILED. 2 passed; 1 \
            failed; 0 ignored\\n";
        command.args(["-c", &format!("printf '{said}'; exit 101")]);
        let error = test(command, &mut count, &mut left_out, &mut shown).unwrap_err().to_string();
        assert!(error.contains("failed: exit status: 101"), "{error}");
        assert_eq!(count, Count { passed: 2, failed: 1 });
        assert_eq!(left_out, ["a: no b"]);
        assert_eq!(String::from_utf8(shown).unwrap().lines().count(), 5);
    }

    #[test]
    fn a_test_that_leaves_something_out_says_so_through_the_one_helper() {
        // A test file that looks at a variable of ours, or for a program, without the helper would pass in silence.
        let workspace = Workspace::find().unwrap();
        let mut pending = vec![workspace.root().join("crates")];
        let mut wrong = Vec::new();
        while let Some(folder) = pending.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    pending.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let is_ad_hoc = |line: &str| line.contains("print") && line.contains("!(\"skipped");
                    wrong.extend(text.lines().any(is_ad_hoc).then_some(path));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}: use `reco_core::testing::left_out`");
    }

    #[test]
    fn every_crate_is_tested_by_a_step() {
        let steps = steps(&Workspace::find().unwrap()).unwrap();
        let tests = steps.iter().filter(|step| matches!(step.work, Work::Test(..)));
        // `steps` has refused a crate that no list names; all that are not LIGHT are one step, and CLUSTER is another.
        // So are the pages.
        assert_eq!(tests.count(), LIGHT.len() + 2 + usize::from(cfg!(unix)));
    }
}
