//! Says what each stage took at each size: tables, slopes, figures.
//!
//! Does not know how it was measured.
//!
//! **Invariant**: what was not measured is marked as an estimate, and no slope is made of it.

use anyhow::Result;

use super::chart::{self, Line, Panel};
use super::record::{Key, Outcome, Record, STAGES, Stage, seconds, shown, slope};
use crate::bench::machine::bytes;
use crate::process::Workspace;

/// Slopes begin here: below, much of the time is that of starting a program.
const FROM: f64 = 1e6;

/// The approaches of the figures.
const DRAWN: [&str; 5] = ["popularity", "svd", "ials", "neural", "hybrid"];

/// The section, and its figures in docs/figures/.
pub(super) fn text(workspace: &Workspace, record: &Record, approaches: &[String]) -> Result<String> {
    let mut text = format!(
        "`cargo xtask scale`: `reco synth` makes one user for 150 ratings and 5 √ratings items, as MovieLens has up to \
         20 million; the experiment is `{}`, the default one with networks for one epoch, all others for all of theirs. \
         A cell is a whole command (`reco ingest`, `features`, `train`, `evaluate`, `recommend --all`), with reading its \
         input, checking digests and writing: how long it took, its peak memory, and what it left on the disk. A tenth of \
         each user's ratings is held out twice, all users are evaluated, and all of them are given ten items of the \
         whole catalogue. The median of three where it takes less than 5 s. *Slopes*, of seconds and of memory, are those \
         of the line nearest to the measured sizes from 1M on, both axes logarithmic: users × items grows with an \
         exponent of 1.5. *A rating* is the time for one at the largest size measured, beside that at 1M. ≈ is an \
         estimate by the slope of the two sizes before.\n\n",
        super::EXPERIMENT
    );
    text += &table(record, &rows(record, approaches));
    let refused: Vec<String> = record.cells.iter().filter_map(|cell| refusal(&cell.key, &cell.outcome)).collect();
    if !refused.is_empty() {
        text += &format!("\nRefused before any work:\n\n{}\n", refused.join("\n"));
    }
    for (name, title, of, unit) in [
        ("scale-seconds", "Seconds by ratings", seconds as Of, brief as fn(f64) -> String),
        ("scale-memory", "Peak memory by ratings", peak, |n| bytes(n as u64)),
    ] {
        text += &format!("\n{}", chart::draw(workspace, name, title, &panels(record, of), unit)?);
    }
    Ok(text)
}

/// A number of an outcome.
type Of = fn(&Outcome) -> Option<f64>;

/// Stages with their approaches, those that were measured.
fn rows(record: &Record, approaches: &[String]) -> Vec<(Stage, Option<String>)> {
    let mut rows = Vec::new();
    for stage in STAGES {
        if stage.is_of_an_approach() {
            rows.extend(approaches.iter().map(|approach| (stage, Some(approach.clone()))));
        } else {
            rows.push((stage, None));
        }
    }
    rows.retain(|(stage, approach)| {
        record.cells.iter().any(|cell| cell.key.stage == *stage && cell.key.approach == *approach)
    });
    rows
}

fn table(record: &Record, rows: &[(Stage, Option<String>)]) -> String {
    let sizes = record.sizes();
    let heads: Vec<String> = sizes.iter().map(|&size| shown(size)).collect();
    let mut text = format!("| stage | {} | slopes | a rating |\n", heads.join(" | "));
    text += &format!("| --- |{} --- | ---: |\n", " ---: |".repeat(sizes.len()));
    for (stage, approach) in rows {
        let key = |n_ratings| Key { n_ratings, stage: *stage, approach: approach.clone() };
        let approach = approach.iter().map(|approach| format!(" `{approach}`")).collect::<String>();
        let cells: Vec<String> = sizes.iter().map(|&size| cell(record, &key(size))).collect();
        let from = |of: Of| {
            let mut points = record.curve(&key(0), of);
            points.retain(|&(n_ratings, _)| n_ratings >= FROM);
            points
        };
        let slope = |of: Of| Some(from(of)).filter(|points| points.len() > 1).and_then(|points| slope(&points));
        let slopes = [seconds as Of, peak].map(|of| slope(of).map(|slope| format!("{slope:.2}")));
        let a_rating = match from(seconds)[..] {
            [(n, first), .., (m, last)] => format!("{:.2}", last / m / (first / n)),
            _ => "–".to_owned(),
        };
        text += &format!(
            "| {}{approach} | {} | {} | {a_rating} |\n",
            stage.name(),
            cells.join(" | "),
            slopes.map(|slope| slope.unwrap_or_else(|| "–".to_owned())).join(", "),
        );
    }
    text
}

/// How long, how much memory, how much is left on the disk.
fn cell(record: &Record, key: &Key) -> String {
    match record.outcome(key) {
        Some(Outcome::Measured { seconds, peak, written, .. }) => {
            let peak = peak.map_or_else(|| "–".to_owned(), bytes);
            format!("{}, {peak}, {}", brief(*seconds), bytes(*written))
        }
        Some(Outcome::Stopped { seconds, .. }) => format!("over {}", brief(*seconds)),
        Some(Outcome::Refused { .. }) => "refused".to_owned(),
        None => record.estimate(key).map_or_else(|| "–".to_owned(), |seconds| format!("≈ {}", brief(seconds))),
    }
}

/// `ease at 100M: …`, a line of a list.
fn refusal(key: &Key, outcome: &Outcome) -> Option<String> {
    let Outcome::Refused { reason } = outcome else { return None };
    Some(format!("- {key}: {}", reason.lines().map(str::trim).collect::<Vec<_>>().join("; ")))
}

fn peak(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Measured { peak, .. } => peak.map(|n| n as f64),
        _ => None,
    }
}

/// Seconds, for reading.
fn brief(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{s:.0} s"),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// The data, then training, evaluation and lists of a few approaches.
fn panels(record: &Record, of: Of) -> Vec<Panel> {
    let line = |stage: Stage, approach: Option<&str>| {
        let key = Key { n_ratings: 0, stage, approach: approach.map(str::to_owned) };
        Line { name: approach.unwrap_or(stage.name()).to_owned(), points: record.curve(&key, of) }
    };
    let data = Panel { title: "data", lines: vec![line(Stage::Ingest, None), line(Stage::Features, None)] };
    let others = [Stage::Train, Stage::Evaluate, Stage::Recommend]
        .map(|stage| Panel { title: stage.name(), lines: DRAWN.map(|name| line(stage, Some(name))).to_vec() });
    [data].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::Cell;
    use super::*;

    #[test]
    fn measured_estimated_refused_and_stopped_are_told_apart() {
        let path = std::env::temp_dir().join(format!("scale-page-{}.json", std::process::id()));
        let mut record = Record::read(&path).unwrap();
        let mut add = |n_ratings, approach: &str, outcome| {
            let key = Key { n_ratings, stage: Stage::Train, approach: Some(approach.to_owned()) };
            record.add(Cell { key, outcome, machine: "one".to_owned() }).unwrap();
        };
        let measured =
            |seconds| Outcome::Measured { seconds, processor: Some(7.0), peak: Some(5 << 20), written: 1_000 };
        add(1_000_000, "svd", measured(2.0));
        add(10_000_000, "svd", measured(24.0));
        add(1_000_000, "ials", measured(1.0));
        add(10_000_000, "ials", Outcome::Stopped { seconds: 61.0, peak: None });
        add(100_000_000, "ease", Outcome::Refused { reason: "too large\nhint: less".to_owned() });
        std::fs::remove_file(&path).unwrap();
        let rows = rows(&record, &["svd", "ials", "ease", "auto"].map(str::to_owned));
        let expected = "| stage | 1M | 10M | 100M | slopes | a rating |\n| --- | ---: | ---: | ---: | --- | ---: |\n\
                        | train `svd` | 2.00 s, 5.0 MiB, 1 KiB | 24.0 s, 5.0 MiB, 1 KiB | ≈ 288 s | 1.08, 0.00 | 1.20 |\n\
                        | train `ials` | 1.00 s, 5.0 MiB, 1 KiB | over 61.0 s | ≈ 3721 s | –, – | – |\n\
                        | train `ease` | – | – | refused | –, – | – |\n";
        assert_eq!(table(&record, &rows), expected);
        let refusals: Vec<_> = record.cells.iter().filter_map(|cell| refusal(&cell.key, &cell.outcome)).collect();
        assert_eq!(refusals, ["- 100M ratings, train ease: too large; hint: less"]);
        assert_eq!(
            [brief(7.126), brief(12.34), brief(1_234.5), brief(9_000.0)],
            ["7.13 s", "12.3 s", "1234 s", "2.5 h"]
        );
    }
}
