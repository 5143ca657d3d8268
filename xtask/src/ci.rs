//! Is the workspace fit to be merged? `cargo xtask ci` *is* continuous integration.
//!
//! Does not know the machine: what it lacks is left out and named at the end.
//!
//! **Invariant**: the last line is `N passed, N failed`; it counts tests, and every failed step has at least one failure
//! in it, so that `0 failed` and success are the same.

mod count;
mod fixture;
mod packages;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::count::Count;
use crate::process::{Workspace, is_installed, shown, succeed};
use crate::{golden, instructions, tidy};

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

/// Crates that need neither Burn nor Arrow: tested before anything large is compiled.
const LIGHT: &[&str] = &["reco-core", "reco-classic", "reco-eval", "reco-report", "xtask"];

/// The others, those without Burn first.
const HEAVY: &[&str] = &["reco-data", "reco-features", "reco-models", "reco-run", "reco-cli"];

/// Packs every crate but this one.
const PACKAGE: &[&str] = &["package", "--locked", "--workspace", "--exclude", "xtask", "--allow-dirty"];

/// What a step does.
enum Work {
    /// Our own code.
    Own(fn(&Workspace) -> Result<()>),
    /// A program that succeeds or fails.
    Run(Command),
    /// A program whose tests are counted.
    Test(Command),
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

    let mut left_out = lacking();
    let mut count = Count::default();
    let mut ended: Vec<Ended> = Vec::new();
    for step in steps {
        println!("\n=== {}", step.name);
        let begun = Instant::now();
        let failed_before = count.failed;
        let done = match step.work {
            Work::Own(work) => work(workspace),
            Work::Run(mut command) => succeed(&mut command),
            Work::Test(command) => test(command, &mut count),
            Work::LeftOut(why) => {
                println!("left out: {why}");
                left_out.push(format!("{}: {why}", step.name));
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

/// All steps, the cheapest first.
fn steps(workspace: &Workspace) -> Result<Vec<Step>> {
    let step = |name: &str, work| Step { name: name.to_owned(), work };
    let cargo = |arguments: &[&str]| workspace.cargo(arguments);
    let mut steps = vec![
        step("tidy", Work::Own(tidy::run)),
        step("fmt", Work::Run(cargo(&["fmt", "--all", "--check"]))),
        step(
            "typos",
            if is_installed("typos", &[]) {
                Work::Run(workspace.command("typos"))
            } else {
                Work::LeftOut("typos is not installed: `pip install typos`".to_owned())
            },
        ),
        step(
            "deny",
            if is_installed("cargo-deny", &[]) {
                Work::Run(cargo(&[
                    "deny",
                    "--locked",
                    "check",
                    "--hide-inclusion-graph",
                    "bans",
                    "licenses",
                    "sources",
                ]))
            } else {
                Work::LeftOut("cargo-deny is not installed: `cargo install cargo-deny --locked`".to_owned())
            },
        ),
    ];
    // Each crate by itself: what one crate switches on in a shared dependency, the others would get with it.
    let test = |package: &&str| {
        let mut command = cargo(&["test", "--locked", "--no-fail-fast", "--package", package]);
        // A snapshot that differs is a failure, and writes nothing.
        command.env("INSTA_UPDATE", "no");
        step(&format!("test {package}"), Work::Test(command))
    };
    steps.extend(LIGHT.iter().map(test));
    steps.push(step(
        "clippy",
        Work::Run(cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"])),
    ));
    let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    steps.push(step("doc", Work::Run(doc)));
    steps.extend(HEAVY.iter().map(test));
    // What the tests have built: only its examples are compiled for it.
    let count = instructions::lacking().map_or(Work::Own(instructions::check), Work::LeftOut);
    steps.push(step("instructions", count));
    steps.push(step("fixture twice", Work::Own(fixture::run)));
    // Evaluators of many megabytes are fetched for it, and what they say of pinned versions does not change: on request alone.
    if env::var_os("RECO_REMAKE_GOLDEN").is_some() {
        steps.push(step("golden", Work::Own(golden::check)));
    }
    steps.push(step("package", Work::Run(cargo(&[PACKAGE, &["--no-verify"]].concat()))));
    steps.push(step("package and compile", Work::Own(packages::run)));
    for package in &workspace.metadata.packages {
        if !LIGHT.iter().chain(HEAVY).any(|known| *known == package.name) {
            bail!("`{}` is tested by no step\nhint: add it to LIGHT or HEAVY in `xtask/src/ci.rs`", package.name);
        }
    }
    Ok(steps)
}

/// What the machine lacks, so that tests which ask for it said so and passed.
fn lacking() -> Vec<String> {
    let mut lacking = Vec::new();
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];
    if cfg!(target_os = "linux") && !drivers.iter().any(|folder| has_files(Path::new(folder))) {
        lacking.push(
            "tests on wgpu: there is no Vulkan driver: Debian's `mesa-vulkan-drivers` is one in software".to_owned(),
        );
    }
    let browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    if !browsers.into_iter().any(|browser| is_installed(browser, &[])) {
        lacking.push("tests of the report in a browser: there is no Chromium: Debian's `chromium`".to_owned());
    }
    if !is_installed("pip", &[]) && !is_installed("python3", &["-m", "pip"]) {
        lacking.push("fetching MovieLens 100K from PyPI: there is no pip: Debian's `python3-pip`".to_owned());
    }
    if env::var_os("RECO_EXTRA_DATA").is_none_or(|path| !Path::new(&path).is_dir()) {
        lacking.push(
            "tests on the article's workbook and on Surprise's folds: `RECO_EXTRA_DATA` names no folder".to_owned(),
        );
    }
    if env::var_os("RECO_NETWORK_TESTS").is_none() {
        lacking.push("tests that fetch from PyPI: `RECO_NETWORK_TESTS` is not set".to_owned());
    }
    lacking
}

fn has_files(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|mut entries| entries.next().is_some())
}

/// Runs tests, shows what they print, and counts them.
fn test(mut command: Command, count: &mut Count) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let output = child.stdout.take().context("its output was not piped")?;
    for line in BufReader::new(output).split(b'\n') {
        // What a test prints need not be UTF-8.
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        count.read(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(&command));
    }
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
    fn tests_are_counted_while_their_output_is_shown() {
        let mut count = Count::default();
        let mut command = Command::new("sh");
        command.args(["-c", "printf '\\377\\ntest result: FAILED. 2 passed; 1 failed; 0 ignored\\n'; exit 101"]);
        let error = test(command, &mut count).unwrap_err().to_string();
        assert!(error.contains("failed: exit status: 101"), "{error}");
        assert_eq!(count, Count { passed: 2, failed: 1 });
    }

    #[test]
    fn every_crate_is_tested_by_a_step() {
        let steps = steps(&Workspace::find().unwrap()).unwrap();
        assert_eq!(steps.iter().filter(|step| matches!(step.work, Work::Test(_))).count(), LIGHT.len() + HEAVY.len());
    }
}
