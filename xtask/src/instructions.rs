//! Counts the instructions of the hot loops and compares them with a table: `cargo xtask instructions`.
//!
//! A program runs twice under valgrind's cachegrind, the second time with more to do: the difference is the loop's,
//! without the cost of starting. Instructions are the same on a busy machine and on an idle one, unlike times. Does not
//! know what the programs do: the table `xtask/instructions.toml` lists them. Valgrind has AVX2 and nothing wider, so
//! that the vectors are the same on every machine that has it.
//!
//! **Invariant**: a loop that takes more than the table says, beyond its tolerance, is a failure; the table changes
//! only by `--bless`.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::files;
use crate::process::{Workspace, is_installed, shown, succeed, value_of};

/// The table.
const TABLE: &str = "xtask/instructions.toml";

/// Arguments of `cargo xtask instructions`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask instructions                    count, and compare with xtask/instructions.toml
  cargo xtask instructions --bless            count, and write that down
  cargo xtask instructions ingest --bless     only the loops whose name starts so")]
pub(crate) struct Arguments {
    /// The loops whose name starts with one of these; left out, all
    names: Vec<String>,
    /// Write what was counted into the table
    #[arg(long)]
    bless: bool,
}

#[derive(Deserialize)]
struct Table {
    /// The share by which a count may exceed the table's: what is linked, and how memory is copied, varies a little.
    tolerance: f64,
    #[serde(rename = "loop")]
    loops: Vec<Loop>,
}

/// A loop that is counted.
#[derive(Clone, Deserialize)]
struct Loop {
    name: String,
    /// The crate, and its example; without one, its binary `reco`.
    package: String,
    example: Option<String>,
    /// Commands that run first and are not counted: `{folder}` is an empty folder.
    #[serde(default)]
    before: Vec<Vec<String>>,
    few: Vec<String>,
    many: Vec<String>,
    /// By how many of `unit` the two differ.
    more: f64,
    unit: String,
    /// Instructions of one unit.
    instructions: f64,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if let Some(lack) = lacking() {
        bail!("instructions cannot be counted here: {lack}");
    }
    count(workspace, &arguments.names, arguments.bless)
}

/// All of them, as continuous integration does.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    count(workspace, &[], false)
}

/// What the machine lacks for it, if anything.
pub(crate) fn lacking() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Some("the table is for Linux on x86-64".to_owned());
    }
    if !fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.split_whitespace().any(|flag| flag == "avx2")) {
        return Some("the table is for CPUs with AVX2".to_owned());
    }
    let lacks = |program: &str| !is_installed(program);
    if lacks("taskset") {
        return Some("taskset is not installed: Debian's `util-linux`".to_owned());
    }
    lacks("valgrind").then(|| "valgrind is not installed: Debian's `valgrind`".to_owned())
}

fn count(workspace: &Workspace, names: &[String], bless: bool) -> Result<()> {
    let path = workspace.root().join(TABLE);
    let mut text = files::read(&path)?;
    let table: Table = toml::from_str(&text).with_context(|| format!("`{TABLE}` is no table of loops"))?;
    let wanted = |one: &&Loop| names.is_empty() || names.iter().any(|name| one.name.starts_with(name.as_str()));
    if !table.loops.iter().any(|one| wanted(&one)) {
        bail!("no loop starts with `{}`\nhint: `{TABLE}` names them", names.join("` or `"));
    }
    let mut failures = Vec::new();
    for one in table.loops.iter().filter(wanted) {
        let counted = instructions(workspace, one)?;
        let judged = judge(one, counted, table.tolerance);
        println!("{}", judged.as_ref().unwrap_or_else(|failure| failure));
        if bless {
            text = blessed(&text, &one.name, counted);
        } else {
            failures.extend(judged.err());
        }
    }
    if bless {
        files::write(&path, text)?;
    }
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n")) }
}

/// Instructions of one unit.
fn instructions(workspace: &Workspace, one: &Loop) -> Result<f64> {
    let mut build = workspace.cargo(&["build", "--quiet", "--locked", "--package", &one.package]);
    let program = match &one.example {
        Some(example) => {
            build.args(["--example", example]);
            workspace.target().join("debug/examples").join(example)
        }
        None => workspace.reco(false),
    };
    succeed(&mut build)?;
    let folder = workspace.target().join("instructions").join(one.name.replace(' ', "-"));
    files::empty(&folder)?;
    let words = |words: &[String]| -> Vec<String> {
        words.iter().map(|word| word.replace("{folder}", &folder.display().to_string())).collect()
    };
    for before in &one.before {
        succeed(workspace.command(&program).args(words(before)).stdout(Stdio::null()).stderr(Stdio::null()))?;
    }
    let [few, many] = [&one.few, &one.many].map(|arguments| under_valgrind(workspace, &program, &words(arguments)));
    let (few, many) = (few?, many?);
    files::remove(&folder)?;
    if many <= few {
        bail!("`{}` took no more instructions for more `{}`s: {few} and {many}", one.name, one.unit);
    }
    Ok((many - few) as f64 / one.more)
}

fn under_valgrind(workspace: &Workspace, program: &Path, arguments: &[String]) -> Result<u64> {
    // On one CPU, so that there is one thread: several wait for work, and ask for memory in another order each time,
    // which took 4 % more or fewer instructions of the full ranking.
    let mut command = workspace.command("taskset");
    command
        .args(["--cpu-list", &first_cpu(), "valgrind"])
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(program)
        .args(arguments);
    // Without it `reco` would start once more, out of valgrind's sight.
    command.env("NODEVICE_SELECT", "1");
    let output = command.output().with_context(|| format!("cannot run `{}`", shown(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{}` failed: {}\n{}", shown(&command), output.status, said.trim_end());
    }
    total(&said).with_context(|| format!("`{}` did not say how many instructions it counted", shown(&command)))
}

/// The first CPU that this process may run on.
fn first_cpu() -> String {
    let list = value_of("/proc/self/status", "Cpus_allowed_list").unwrap_or_else(|| "0".to_owned());
    list.chars().take_while(char::is_ascii_digit).collect()
}

/// The number that cachegrind ends with: `I refs: 1,234`.
fn total(said: &str) -> Option<u64> {
    let line = said.lines().rev().find_map(|line| line.split_once("I ")?.1.trim_start().strip_prefix("refs:"))?;
    line.trim().replace(',', "").parse().ok()
}

/// Compares a count with the table: the line to print, as an error where the loop takes more.
fn judge(one: &Loop, counted: f64, tolerance: f64) -> Result<String, String> {
    let Loop { name, unit, instructions, .. } = one;
    let change = counted / instructions - 1.0;
    let line = format!("{name}: {counted:.1} instructions a {unit}");
    let percent = 100.0 * change.abs();
    if change > tolerance {
        return Err(format!(
            "{line}, {percent:.1} % more than the {instructions} of `{TABLE}`\n\
             hint: find out why; if it is intended, `cargo xtask instructions --bless`"
        ));
    }
    if change < -tolerance {
        return Ok(format!(
            "{line}, {percent:.1} % fewer than the {instructions} of `{TABLE}`\n\
             hint: `cargo xtask instructions --bless` records the gain"
        ));
    }
    Ok(format!("{line}, as in `{TABLE}` ({:+.1} %)", 100.0 * change))
}

/// The table with another number for the loop of that name.
fn blessed(text: &str, name: &str, counted: f64) -> String {
    let named = format!("name = \"{name}\"");
    let mut is_it = false;
    let line = |line: &str| {
        if line.starts_with("name = ") {
            is_it = line == named;
        }
        if is_it && line.starts_with("instructions = ") {
            format!("instructions = {counted:.1}\n")
        } else {
            format!("{line}\n")
        }
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "tolerance = 0.05\n\n[[loop]]\nname = \"a\"\npackage = \"p\"\nfew = [\"1\"]\nmany = \
        [\"2\"]\nmore = 10\n\
        unit = \"row\"\ninstructions = 100.0\n\n[[loop]]\nname = \"b\"\npackage = \"p\"\nfew = []\nmany = []\nmore = \
        1\nunit = \"row\"\n\
        instructions = 7.0\n";

    #[test]
    fn more_than_the_table_says_is_an_error_and_fewer_a_hint() {
        let table: Table = toml::from_str(TEXT).unwrap();
        let judged = |counted| judge(&table.loops[0], counted, table.tolerance);
        assert_eq!(judged(104.0).unwrap(), "a: 104.0 instructions a row, as in `xtask/instructions.toml` (+4.0 %)");
        let error = judged(106.0).unwrap_err();
        assert!(error.starts_with("a: 106.0 instructions a row, 6.0 % more than the 100 of"), "{error}");
        assert!(
            error.ends_with("hint: find out why; if it is intended, `cargo xtask instructions --bless`"),
            "{error}"
        );
        assert!(judged(90.0).unwrap().contains("10.0 % fewer than the 100"));
    }

    #[test]
    fn blessing_changes_one_number() {
        let text = blessed(TEXT, "b", 8.26);
        assert_eq!(text, TEXT.replace("= 7.0", "= 8.3"));
        assert_eq!(blessed(&text, "c", 1.0), text);
    }

    #[test]
    fn the_number_is_found_in_what_valgrind_says() {
        let said = "==7== Cachegrind, an I1 and D1\nanswer\n==7== \n==7== I refs:        1,234,567\n";
        assert_eq!(total(said), Some(1_234_567));
        assert_eq!(total("==7== I   refs:      12\n"), Some(12));
        assert_eq!(total("nothing"), None);
    }

    #[test]
    fn the_table_of_the_workspace_can_be_read() {
        let text = fs::read_to_string(Workspace::find().unwrap().root().join(TABLE)).unwrap();
        let table: Table = toml::from_str(&text).unwrap();
        assert!(table.loops.iter().all(|one| one.instructions > 0.0 && one.more > 0.0));
    }
}
