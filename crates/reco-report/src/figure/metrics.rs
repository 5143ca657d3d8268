//! Draws each metric of all approaches with its bounds, which show the differences that could be luck.
//!
//! Does not know what a metric means.
//!
//! **Invariant**: a metric that applies to no approach has no figure; a value without bounds is a dot alone.

use reco_eval::metric::Better;
use reco_eval::{Column, Interval};

use super::chart::{Axis, Plot, SMALL, Scale, TITLE, WIDTH, decimals, ends, label, titled, widest};
use crate::canvas::{Anchor, fitted, text_width};
use crate::palette::{ACCENT, INK, SOFT};
use crate::{Drawing, Results, cells};

/// Pixels from one approach to the next.
const ROW: f64 = 22.0;

/// One drawing per metric, in the order of the table.
pub(super) fn metrics(results: &Results) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    for name in results.applying() {
        let rows: Vec<MetricRow> = results
            .approaches
            .iter()
            .map(|approach| {
                let value = approach.metrics.get(name);
                MetricRow {
                    approach: &approach.name,
                    value,
                    bounds: approach.intervals.get(name).copied(),
                    is_best: value.is_some() && value == results.best(name),
                }
            })
            .collect();
        drawings.push(metric(name, results.better(name), &rows));
    }
    drawings
}

struct MetricRow<'a> {
    approach: &'a str,
    value: Option<f64>,
    bounds: Option<Interval>,
    is_best: bool,
}

fn metric(name: &Column, better: Better, rows: &[MetricRow<'_>]) -> Drawing {
    let is_error = better == Better::Lower;
    let told: Vec<String> = rows
        .iter()
        .map(|row| match (row.value, row.bounds) {
            (None, _) => format!("{}: does not apply", row.approach),
            (Some(value), None) => format!("{}: {value:.4}", row.approach),
            (Some(value), Some(Interval { low, high })) => {
                format!("{}: {value:.4}, from {low:.4} to {high:.4}", row.approach)
            }
        })
        .collect();
    let told_better = match better {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
        Better::Neither => "neither higher nor lower is better",
    };
    let description = format!("{name}, {told_better}. {}.", told.join("; "));
    let file = format!("metric-{}", crate::file_name(&name.to_string()));
    let title = cells::heading(name, better);

    let numbers =
        rows.iter().flat_map(|row| [row.value, row.bounds.map(|b| b.low), row.bounds.map(|b| b.high)]).flatten();
    // Errors are never near zero.
    let (low, high) = ends(numbers, !is_error);

    let labels: Vec<String> = rows.iter().map(|row| fitted(row.approach, SMALL, 110.0)).collect();
    let left = widest(&labels) + 4.0;
    let right = WIDTH - text_width("0.0000", SMALL) - 20.0;
    let n = rows.len() as f64;
    let field = [left, TITLE, right, TITLE + ROW * n + 20.0];
    let mut canvas = titled(&title, field[3] + 4.0);
    let x = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
    // The first approach is on top.
    let y = Axis { scale: Scale::Linear(n, 0.0), title: "", ticks: 0, format: &|_| String::new() };
    let mut plot = Plot::new(&mut canvas, field, &x, &y);
    for (place, row) in rows.iter().enumerate() {
        let (at, colour) = (place as f64 + 0.5, if row.is_best { ACCENT } else { SOFT });
        if let Some(Interval { low, high }) = row.bounds {
            plot.line(&[(low, at), (high, at)], colour, 2.0);
        }
        if let Some(value) = row.value {
            plot.dot((value, at), 4.0, colour, false);
        }
        let middle = plot.height(at);
        label(plot.canvas, &labels[place], left, middle, INK, Anchor::End);
        label(plot.canvas, &cells::metric(row.value), WIDTH - 4.0, middle, colour, Anchor::End);
    }
    canvas.finish(&file, &title, &description)
}
