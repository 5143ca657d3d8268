//! Writes what a search for options found as a table on a terminal.
//!
//! Does not know the terminal: the text is plain.
//!
//! **Invariant**: every approach has a row, and a line with the options that were found.

use super::{HOW_TO_READ, Tuned, Tuning, signed, words};
use crate::cells;
use crate::terminal::{TextColumn, render};

/// The approaches as rows, then the best options of each and what mattered. Ends with a newline.
pub fn tuning_table(tuning: &Tuning) -> String {
    let approaches = &tuning.approaches;
    let column = |header: &str, cell: &dyn Fn(&Tuned) -> String| TextColumn::new(header, approaches.iter().map(cell));
    let difference = |one: &Tuned| one.difference.map_or_else(|| "0".to_owned(), |found| signed(found.difference));
    let interval = |one: &Tuned| {
        let interval = one.difference.and_then(|found| found.interval);
        cells::or_nothing(interval, |interval| format!("{} to {}", signed(interval.low), signed(interval.high)))
    };
    let trials = |one: &Tuned| match one.n_failed() {
        0 => one.trials.len().to_string(),
        failed => format!("{} ({failed} failed)", one.trials.len()),
    };
    let mut columns = vec![
        column("approach", &|one| one.name.clone()),
        column("trials", &trials),
        column("default", &|one| cells::metric(one.default_value)),
        column(&cells::heading(&tuning.metric, tuning.better), &|one| cells::metric(Some(one.value))),
        column("difference", &difference),
        column("95 %", &interval),
        column("s", &|one| cells::seconds(one.seconds)),
    ];
    if approaches.iter().all(|one| one.difference.is_none_or(|found| found.interval.is_none())) {
        columns.remove(5);
    }
    let mut text = format!("{}: {}\n{}\n", tuning.experiment, tuning.what(), render(&columns));
    for one in approaches {
        let options = match one.best_trial {
            0 => format!("nothing better than {}", words(&one.options)),
            number => format!("{} (trial {number})", words(&one.options)),
        };
        text += &format!("{}: {options}\n", one.name);
        let mattered = one.mattered();
        if !mattered.is_empty() {
            text += &format!("  what mattered: {mattered}\n");
        }
        let at_ends = one.at_ends().join(", ");
        if !at_ends.is_empty() && one.best_trial > 0 {
            text += &format!("  at an end of the range, a wider one may have better: {at_ends}\n");
        }
        if one.out_of_time {
            text += "  stopped by time: how many trials that is depends on the machine\n";
        }
    }
    for sentence in &tuning.left_out {
        text += &format!("left out: {sentence}\n");
    }
    text + HOW_TO_READ + "\n"
}
