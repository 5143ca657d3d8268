//! Runs the workspace's chores: `cargo xtask pipeline`, `ci`, `tidy`, `golden`, `instructions`, `splits`, `torture`,
//! `bench`, `contest`, `scale`, `wheel`, `web`, `dist` and `docs`.
//!
//! Does not know recommenders: it links none of our crates, and builds and runs them as anyone would.
//!
//! **Invariant**: each chore works from any folder of the workspace, and exits with a code other than 0 on failure.

#![expect(clippy::print_stdout, reason = "a chore talks to the one who runs it")]

mod bench;
mod ci;
mod dist;
mod docs;
mod files;
mod golden;
mod instructions;
mod pipeline;
mod process;
mod python;
mod splits;
mod tidy;
#[cfg(unix)]
mod torture;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::Workspace;

/// The chores of the reco workspace
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build `reco`, then fetch, train, compare and report: `reco run` with the arguments that follow
    Pipeline(pipeline::Arguments),
    /// Run all checks of continuous integration, the cheapest first; the last line is `N passed, N failed`
    Ci(ci::Arguments),
    /// Check what no compiler checks: arrows between crates, homes of outside crates, file headers, banned marks
    Tidy,
    /// Compute again what reco-eval's tests expect, by evaluators in Python, and compare it with what is committed
    Golden(golden::Arguments),
    /// Count the instructions of the hot loops, and compare them with what is committed; needs valgrind
    Instructions(instructions::Arguments),
    /// Make the splits of MovieLens 100K that tests and measurements share with other programs, by Surprise and NumPy
    Splits,
    /// Give `reco` bad inputs, damaged files and kills, and check that it does not panic, hang or lose anything
    #[cfg(unix)]
    Torture(torture::Arguments),
    /// Measure, and write the measurements into docs/results.md
    Bench(bench::Arguments),
    /// Run every approach under every preset on MovieLens 100K, and write the tables into docs/results.md
    Contest(bench::contest::Arguments),
    /// Run every stage on up to 100 million generated ratings, and write seconds and memory into docs/results.md
    Scale(bench::scale::Arguments),
    /// Build the Python wheel into target/wheels, with maturin in an environment made for it
    Wheel,
    /// Compile what answers in a browser, for `reco export --format web`
    Web,
    /// Make what a release consists of, for one kind of machine: program, wheel, contents, checksums
    Dist(dist::Arguments),
    /// Build the documentation as a site into target/site, or run what its pages show
    Docs(docs::Arguments),
}

fn main() -> ExitCode {
    let done = Workspace::find().and_then(|workspace| match Cli::parse().chore {
        Chore::Pipeline(arguments) => pipeline::run(&workspace, arguments),
        Chore::Ci(arguments) => ci::run(&workspace, &arguments),
        Chore::Tidy => tidy::run(&workspace).map(|()| ExitCode::SUCCESS),
        Chore::Golden(arguments) => golden::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Chore::Instructions(arguments) => instructions::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Chore::Splits => splits::run(&workspace).map(|()| ExitCode::SUCCESS),
        #[cfg(unix)]
        Chore::Torture(arguments) => torture::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Chore::Bench(arguments) => bench::run(&workspace, &arguments),
        Chore::Contest(arguments) => bench::contest::run(&workspace, &arguments),
        Chore::Scale(arguments) => bench::scale::run(&workspace, &arguments),
        Chore::Wheel => ci::wheel::make(&workspace).map(|()| ExitCode::SUCCESS),
        Chore::Web => web::run(&workspace).map(|()| ExitCode::SUCCESS),
        Chore::Dist(arguments) => dist::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Chore::Docs(arguments) => docs::run(&workspace, &arguments),
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
