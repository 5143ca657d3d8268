//! Runs the workspace's chores: `cargo xtask pipeline | ci | tidy | golden | instructions | splits | torture | bench`.
//!
//! Does not know recommenders: it links none of our crates, and builds and runs them as anyone would.
//!
//! **Invariant**: each task works from any folder of the workspace, and exits with a code other than 0 on failure.

#![expect(clippy::print_stdout, reason = "a task talks to the one who runs it")]

mod bench;
mod ci;
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

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::process::Workspace;

/// The chores of the reco workspace
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build `reco`, then fetch, train, compare and report: `reco run` with the arguments that follow
    Pipeline(pipeline::Arguments),
    /// All that continuous integration checks, the cheapest first; ends with `N passed, N failed`
    Ci(ci::Arguments),
    /// What no compiler checks: arrows between crates, homes of outside crates, file headers, banned marks
    Tidy,
    /// Make anew what reco-eval's tests expect, by evaluators in Python, and compare it with what is committed
    Golden(golden::Arguments),
    /// Count the instructions of the hot loops, and compare them with what is committed; needs valgrind
    Instructions(instructions::Arguments),
    /// Make the splits of MovieLens 100K that tests and measurements share with other programs, by Surprise and NumPy
    Splits,
    /// Give `reco` bad inputs, damaged files and kills, and look whether it panics, hangs or loses anything
    #[cfg(unix)]
    Torture(torture::Arguments),
    /// Measure, and write the measurements into docs/results.md
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let done = Workspace::find().and_then(|workspace| match Cli::parse().task {
        Task::Pipeline(arguments) => pipeline::run(&workspace, arguments),
        Task::Ci(arguments) => ci::run(&workspace, &arguments),
        Task::Tidy => tidy::run(&workspace).map(|()| ExitCode::SUCCESS),
        Task::Golden(arguments) => golden::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Task::Instructions(arguments) => instructions::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Task::Splits => splits::run(&workspace).map(|()| ExitCode::SUCCESS),
        #[cfg(unix)]
        Task::Torture(arguments) => torture::run(&workspace, &arguments).map(|()| ExitCode::SUCCESS),
        Task::Bench(arguments) => bench::run(&workspace, &arguments),
    });
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
