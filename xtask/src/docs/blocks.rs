//! Runs what the pages show: `cargo xtask docs --test`.
//!
//! Each page has a folder of its own, in which its blocks run in their order, as a reader would paste them: commands,
//! Python and Rust are run, experiments are looked at by `reco check`, JSON and other TOML is parsed. Flags are looked
//! up in the help. Does not know what is shown.
//!
//! **Invariant**: a block is run, parsed, shown (a language that is not run), left out since the machine lacks what it
//! needs, not run for the reason that it states, or not reached since one before it failed; each of them is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{Write as _, stdout};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::page::{self, Block, Page};
use super::python::Session;
use super::rust;
use super::shell::Shell;
use crate::ci::{CLUSTER, wheel};
use crate::files;
use crate::process::{Workspace, answer, succeed};
use crate::python::{Environment, PAGES, RECTOOLS};
use crate::splits;

/// What became of the blocks of all pages.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    shown: usize,
    not_reached: usize,
    /// What the machine lacks.
    left_out: Vec<String>,
    /// How many are not run, by the reason that they state.
    not_run: BTreeMap<String, usize>,
}

/// All that pages share.
struct Machine<'a> {
    workspace: &'a Workspace,
    reco: PathBuf,
    /// Where the programs of Rust blocks are.
    programs: PathBuf,
    /// The wheel, once it is built.
    wheel: Option<PathBuf>,
    /// The environments that have it.
    ready: BTreeSet<&'static str>,
    /// The help of each command that was asked for.
    help: BTreeMap<String, String>,
}

/// A page that is run.
struct Running<'a> {
    page: &'a Page,
    shell: Shell,
    python: &'static Environment,
    session: Option<Session>,
    /// Whether a block was left out, on which those behind it may build.
    lacks_a_block: bool,
}

/// What a block ended as, if it did not fail.
enum Ended {
    Passed,
    Shown,
    LeftOut(String),
    NotRun(String),
}

/// Runs the pages whose path has one of `wanted` in it, all if there is none.
pub(super) fn run(workspace: &Workspace, wanted: &[String]) -> Result<ExitCode> {
    let mut pages = page::all(workspace.root())?;
    pages.retain(|page| wanted.is_empty() || wanted.iter().any(|part| page.path.contains(part.as_str())));
    if pages.is_empty() {
        bail!("no page has `{}` in its path\nhint: `{}` lists them", wanted.join("` or `"), page::SUMMARY);
    }
    let begun = Instant::now();
    let mut tally = Tally::default();
    let reco = workspace.build_reco(false)?;
    // Once for all pages, which run on it.
    match splits::ratings(workspace, &reco) {
        Ok(_) => {
            let mut machine = Machine::new(workspace, reco, &pages)?;
            for page in &pages {
                machine.page(page, &mut tally)?;
            }
        }
        Err(error) => tally.left_out.push(format!("all pages: MovieLens 100K cannot be fetched: {error:#}")),
    }
    print!("{}", summary(&tally, begun.elapsed().as_secs_f64()));
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl<'a> Machine<'a> {
    fn new(workspace: &'a Workspace, reco: PathBuf, pages: &[Page]) -> Result<Self> {
        let blocks = || pages.iter().flat_map(|page| &page.blocks);
        let has_rust = blocks().any(rust::is_run);
        let programs = if has_rust { rust::build(workspace, pages)? } else { PathBuf::new() };
        // It takes minutes where nothing of it was ever built: then its blocks are left out.
        if blocks().any(|block| block.needs.iter().any(|need| need == CLUSTER))
            && reco.with_file_name(CLUSTER).is_file()
        {
            succeed(&mut workspace.cargo(&["build", "--locked", "--package", CLUSTER]))?;
        }
        Ok(Self { workspace, reco, programs, wheel: None, ready: BTreeSet::new(), help: BTreeMap::new() })
    }

    /// Puts the wheel into an environment; returns why that cannot be done on this machine.
    fn lacks_python(&mut self, environment: &'static Environment) -> Result<Option<String>> {
        if self.ready.contains(environment.name()) {
            return Ok(None);
        }
        let cannot_be_made = || environment.command(self.workspace).err().map(|error| format!("{error:#}"));
        if let Some(why) = wheel::lacking(self.workspace).or_else(cannot_be_made) {
            return Ok(Some(why));
        }
        let wheel = match &self.wheel {
            Some(wheel) => wheel,
            None => self.wheel.insert(wheel::build(self.workspace)?),
        };
        wheel::install(self.workspace, wheel, environment)?;
        self.ready.insert(environment.name());
        Ok(None)
    }

    /// Runs a page, up to the first block that fails.
    fn page(&mut self, page: &Page, tally: &mut Tally) -> Result<()> {
        for finding in page.findings.iter().cloned().chain(self.unknown_flags(page)?) {
            println!("{finding}");
            tally.failed += 1;
        }
        if page.blocks.is_empty() {
            return Ok(());
        }
        let folder = self.workspace.target().join("docs").join(page.path.replace(['/', '.'], "-"));
        prepare(self.workspace.root(), &folder)?;
        let python = if page.path.contains("rectools") { &RECTOOLS } else { &PAGES };
        let built = self.reco.parent().context("a program has a folder")?.to_owned();
        let inherited = env::var_os("PATH").unwrap_or_default();
        let first = [built, python.programs(self.workspace)];
        let path = env::join_paths(first.into_iter().chain(env::split_paths(&inherited)))?;
        let shell = Shell::new(folder, path)?;
        let mut running = Running { page, shell, python, session: None, lacks_a_block: false };
        for (at, block) in page.blocks.iter().enumerate() {
            let begun = Instant::now();
            print!("{}:{} {} ... ", page.path, block.line, block.language);
            stdout().flush()?;
            let ended = match self.block(&mut running, block) {
                Err(_) if running.lacks_a_block => Ok(Ended::LeftOut("it needs a block that was left out".to_owned())),
                ended => ended,
            };
            let seconds = begun.elapsed().as_secs_f64();
            match ended {
                Ok(Ended::Passed) => {
                    println!("ok, {seconds:.1} s");
                    tally.passed += 1;
                }
                Ok(Ended::Shown) => {
                    println!("shown");
                    tally.shown += 1;
                }
                Ok(Ended::LeftOut(lacks)) => {
                    println!("left out: {lacks}");
                    running.lacks_a_block = true;
                    tally.left_out.push(format!("{}:{}: {lacks}", page.path, block.line));
                }
                Ok(Ended::NotRun(reason)) => {
                    println!("not run: {reason}");
                    *tally.not_run.entry(reason).or_default() += 1;
                }
                Err(error) => {
                    println!("FAILED, {seconds:.1} s\n{error:#}");
                    tally.failed += 1;
                    // What follows builds on it.
                    tally.not_reached += page.blocks.len() - at - 1;
                    break;
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, running: &mut Running<'_>, block: &Block) -> Result<Ended> {
        let parsed = match block.language.as_str() {
            "toml" => toml::from_str::<toml::Table>(&block.text).map(|_| ()).map_err(anyhow::Error::from),
            "json" => serde_json::from_str::<serde_json::Value>(&block.text).map(|_| ()).map_err(anyhow::Error::from),
            _ => Ok(()),
        };
        parsed?;
        if let Some(name) = &block.file {
            files::write(&running.shell.folder.join(name), &block.text)?;
        }
        if let Some(reason) = &block.not_run {
            return Ok(Ended::NotRun(reason.clone()));
        }
        let curl = (block.language == "sh" && block.text.contains("curl ")).then_some("curl");
        for need in block.needs.iter().map(String::as_str).chain(curl) {
            if let Some(lacks) = running.lacks(need) {
                return Ok(Ended::LeftOut(lacks));
            }
        }
        let runs_python = block.language == "python" && block.of.is_none();
        let calls_python = block.language == "sh" && block.text.contains("python ");
        if (runs_python || calls_python)
            && let Some(why) = self.lacks_python(running.python)?
        {
            return Ok(Ended::LeftOut(why));
        }
        match (block.language.as_str(), &block.of) {
            ("sh", _) => running.shell.run(&block.text)?,
            ("rust" | "python", Some(file)) => {
                if !block.is_in(self.workspace.root(), file)? {
                    bail!("`{file}` has no such lines");
                }
            }
            ("rust", None) => {
                let program = self.programs.join(rust::name(&running.page.path, block));
                if !program.is_file() {
                    bail!("it does not compile: see above");
                }
                let log = running.shell.folder.join(".program.log");
                Shell::finish(running.shell.command(&program.display().to_string(), &log)?, &log)?;
            }
            ("python", None) => {
                let session = match &mut running.session {
                    Some(session) => session,
                    None => {
                        let python = running.python.command(self.workspace)?;
                        running.session.insert(Session::start(python, &running.shell)?)
                    }
                };
                session.run(&running.page.path, block)?;
            }
            ("toml", of) => self.experiment(running, block, of.as_deref())?,
            ("json", _) => {}
            _ => return Ok(Ended::Shown),
        }
        Ok(Ended::Passed)
    }

    /// Has `reco check` look at a block that is an experiment, or a table of one.
    fn experiment(&self, running: &Running<'_>, block: &Block, of: Option<&str>) -> Result<()> {
        let text = match of {
            None => block.text.clone(),
            Some("data") => format!("[data]\n{}", block.text),
            Some(_) => return Ok(()),
        };
        // A part of an experiment is looked at as what it changes in the built-in one.
        let keys: toml::Table = toml::from_str(&text)?;
        let is_part = !["extends", "approach"].iter().any(|key| keys.contains_key(*key));
        let text = if is_part { format!("extends = \"default\"\n{text}") } else { text };
        let name = block.file.clone().unwrap_or_else(|| format!("block-{}.toml", block.line));
        files::write(&running.shell.folder.join(&name), text)?;
        let log = running.shell.folder.join(".check.log");
        let mut check = running.shell.command(&self.reco.display().to_string(), &log)?;
        check.args(["check", &name, "--out", "not-run"]);
        Shell::finish(check, &log)
    }

    /// Findings on inline commands: a command or a flag that the help does not have.
    fn unknown_flags(&mut self, page: &Page) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        for (line, shown) in &page.commands {
            let mut words = shown.split_whitespace().skip(1);
            let Some(name) = words.next().filter(|name| name.chars().all(|c| c.is_ascii_lowercase())) else { continue };
            if !self.help.contains_key(name) {
                let help = answer(Command::new(&self.reco).args([name, "--help"])).unwrap_or_default();
                self.help.insert(name.to_owned(), help);
            }
            let help = &self.help[name];
            if help.is_empty() {
                findings.push(format!("{}:{line}: `{shown}`: there is no command `{name}`", page.path));
                continue;
            }
            let flags = words.filter(|word| word.starts_with("--")).filter_map(|word| word.split('=').next());
            for flag in flags.filter(|flag| !help.split([' ', ',', '\n', '[']).any(|word| word == *flag)) {
                findings.push(format!("{}:{line}: `{shown}`: `reco {name} --help` has no `{flag}`", page.path));
            }
        }
        Ok(findings)
    }
}

impl Running<'_> {
    /// Why a block cannot be run that needs a program, a `$VARIABLE` or a file, if it cannot.
    fn lacks(&self, need: &str) -> Option<String> {
        let (is_here, how) = match need.strip_prefix('$') {
            Some(variable) => (env::var_os(variable).is_some(), "set"),
            None if need.contains('/') => (self.shell.folder.join(need).exists(), "there"),
            None => (env::split_paths(&self.shell.path).any(|folder| folder.join(need).is_file()), "installed"),
        };
        (!is_here).then(|| format!("`{need}` is not {how}"))
    }
}

/// Makes the folder of a page: what a clone has besides its pages, copied where a page might write into it, and the raw
/// files that pages read.
fn prepare(root: &Path, folder: &Path) -> Result<()> {
    files::empty(folder)?;
    for copied in ["data/experiments", "data/fixture"] {
        let place = folder.join(copied);
        fs::create_dir_all(&place).with_context(|| format!("cannot make `{}`", place.display()))?;
        for path in files::all(&root.join(copied))? {
            let place = folder.join(path.strip_prefix(root)?);
            fs::copy(&path, &place).with_context(|| format!("cannot copy `{}`", path.display()))?;
        }
    }
    let raw = folder.join("data/raw");
    fs::create_dir_all(&raw).with_context(|| format!("cannot make `{}`", raw.display()))?;
    for link in ["crates", "xtask", "data/raw/ml-100k", "data/raw/article"] {
        if root.join(link).exists() {
            symlink(root.join(link), folder.join(link)).with_context(|| format!("cannot link `{link}`"))?;
        }
    }
    Ok(())
}

fn summary(tally: &Tally, seconds: f64) -> String {
    let mut text = String::new();
    for lacks in &tally.left_out {
        text += &format!("left out: {lacks}\n");
    }
    let n_not_run: usize = tally.not_run.values().sum();
    let Tally { shown, not_reached, .. } = tally;
    text += &format!("{seconds:.0} s; {n_not_run} blocks are not run, {shown} shown, {not_reached} not reached\n");
    for (reason, n) in &tally.not_run {
        text += &format!("  {n}: {reason}\n");
    }
    let how = if tally.failed == 0 { "ok" } else { "FAILED" };
    // As Rust's test runner closes, so that CI counts them.
    text + &format!("test result: {how}. {} passed; {} failed\n", tally.passed, tally.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_every_block() {
        let tally = Tally {
            passed: 7,
            failed: 1,
            shown: 2,
            not_reached: 4,
            left_out: vec!["docs/a.md:3: `curl` is not installed".to_owned()],
            not_run: [("it takes hours".to_owned(), 3)].into(),
        };
        let expected = "left out: docs/a.md:3: `curl` is not installed\n\
                        60 s; 3 blocks are not run, 2 shown, 4 not reached\n  3: it takes hours\n\
                        test result: FAILED. 7 passed; 1 failed\n";
        assert_eq!(summary(&tally, 60.2), expected);
    }

    #[test]
    fn a_page_s_folder_has_what_a_clone_has() {
        let root = Workspace::find().unwrap().root().to_owned();
        let folder = env::temp_dir().join(format!("docs-blocks-{}", std::process::id()));
        prepare(&root, &folder).unwrap();
        assert!(folder.join("data/experiments/default.toml").is_file() && folder.join("data/raw").is_dir());
        files::remove(&folder).unwrap();
        assert!(root.join("data/experiments/default.toml").is_file());
    }
}
