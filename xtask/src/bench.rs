//! Measures speed, memory and quality, and writes them into docs/results.md: `cargo xtask bench`.
//!
//! Does not know how a case is measured; `CASES` lists the functions that do.
//!
//! **Invariant**: in docs/results.md only the sections of cases that ran change; each says its commands and machine.

mod ablation;
mod build;
mod cases;
pub(crate) mod contest;
mod dot_product;
mod five_folds;
mod ingest;
mod machine;
mod others;
mod page;
mod peers;
mod plot;
mod protocols;
pub(crate) mod readme;
mod ruler;
pub(crate) mod scale;
mod train;
mod turns;

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, bail};

use self::cases::CASES;
use crate::files;
use crate::process::Workspace;

/// The page that is written.
const PAGE: &str = "docs/results.md";

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench                           every case
  cargo xtask bench train                     one of them
  cargo xtask bench keras                     what others do, in a Python environment made for it
  cargo xtask bench readme                    README's table from docs/results.md, as after each other case
Others' programs run in the newest Python that is found; RECO_PYTHON names another")]
pub(crate) struct Arguments {
    /// The cases; left out, all that are our own: build, ml-100k, article, article-seeds, article-choices, choices,
    /// ablation, compare, train
    cases: Vec<String>,
    /// Those that run others' programs as well: keras, surprise, lenskit, ruler, full-ranking, dot-product, others,
    /// train-peers, ingest-peers
    #[arg(long)]
    peers: bool,
}

/// One thing that is measured: one line in [`CASES`].
struct Case {
    name: &'static str,
    /// The section's heading.
    about: &'static str,
    /// Whether our programs are built in the release profile, not in the one that `cargo xtask pipeline` uses.
    release: bool,
    /// Whether it runs others' programs, which need an environment and time; such a case runs only when asked for.
    peer: bool,
    /// Measures, and returns the section's text: commands and tables.
    measure: Measure,
}

type Measure = fn(&Workspace) -> Result<String>;

impl Case {
    /// A case that runs our programs alone.
    const fn ours(name: &'static str, about: &'static str, measure: Measure) -> Self {
        Self { name, about, release: false, peer: false, measure }
    }

    /// A case that runs others' programs as well.
    const fn peer(name: &'static str, about: &'static str, measure: Measure) -> Self {
        Self { peer: true, ..Self::ours(name, about, measure) }
    }

    /// The same, in the release profile.
    const fn in_release(self) -> Self {
        Self { release: true, ..self }
    }
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.cases == ["readme"] {
        readme::write(workspace.root())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = arguments.cases.iter().find(|name| CASES.iter().all(|case| case.name != **name)) {
        let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        bail!("there is no case `{unknown}`\nhint: known are `{}`", known.join("`, `"));
    }
    let machine = machine::describe(workspace);
    let mut failed = false;
    let wanted = |case: &&Case| match arguments.cases.as_slice() {
        [] => arguments.peers || !case.peer,
        named => named.iter().any(|name| name == case.name),
    };
    for case in CASES.iter().filter(wanted) {
        eprintln!("measuring {}: {}", case.name, case.about);
        match (case.measure)(workspace) {
            Ok(text) => {
                let profile = if case.release { "release" } else { "dev" };
                record(workspace, case.name, case.about, (&machine, profile), &text)?;
            }
            Err(error) => {
                eprintln!("error: {}: {error:#}", case.name);
                failed = true;
            }
        }
    }
    readme::write(workspace.root())?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints a section, and writes it into the page of results; `measured` is the machine and the profile.
fn record(workspace: &Workspace, name: &str, about: &str, measured: (&str, &str), text: &str) -> Result<()> {
    let path = workspace.root().join(PAGE);
    let (machine, profile) = measured;
    // Read again each time: a case takes minutes, and someone may edit the page meanwhile.
    let page = fs::read_to_string(&path).unwrap_or_default();
    let section = format!("## {about}\n\n{machine}; {profile} profile.\n\n{}", text.trim_end());
    files::write(&path, page::with_section(&page, name, &section))?;
    println!("{section}\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn the_help_names_every_case_where_it_belongs() {
        let help = Arguments::augment_args(clap::Command::new("bench")).render_long_help().to_string();
        let (ours, others) = help.split_once("Those that run others' programs as well").unwrap();
        for case in CASES {
            let place = if case.peer { others } else { ours };
            assert!(place.contains(&format!(" {}", case.name)), "`{}` is not in the help", case.name);
        }
    }
}
