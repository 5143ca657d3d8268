//! Draws each metric of all approaches with its bounds, which show the differences that could be luck.
//!
//! Does not know what a metric means.
//!
//! **Invariant**: a metric that applies to no approach has no figure; a value without bounds is a dot alone.

use reco_eval::metric::Better;
use reco_eval::{Column, Interval};

use super::chart::{Axis, Plot, SMALL, Scale, TITLE, WIDTH, decimals, ends, label, titled, whole, widest};
use crate::canvas::{Anchor, fitted, text_width};
use crate::palette::{ACCENT, INK, SOFT};
use crate::{ApproachResult, Drawing, Results, cells};

/// Pixels from one approach to the next.
const ROW: f64 = 22.0;

/// One drawing per metric, in the order of the table.
pub(super) fn metrics(results: &Results) -> Vec<Drawing> {
    results.applying().into_iter().map(|name| metric(results, name)).collect()
}

fn metric(results: &Results, name: &Column) -> Drawing {
    let (approaches, better, best) = (&results.approaches, results.better(name), results.best(name));
    let value = |approach: &ApproachResult| approach.metrics.get(name);
    let interval = |approach: &ApproachResult| approach.intervals.get(name).copied();
    let told = approaches.iter().map(|approach| match (value(approach), interval(approach)) {
        (None, _) => format!("{}: does not apply", approach.name),
        (Some(value), None) => format!("{}: {value:.4}", approach.name),
        (Some(value), Some(Interval { low, high })) => {
            format!("{}: {value:.4}, from {low:.4} to {high:.4}", approach.name)
        }
    });
    let told = told.collect::<Vec<_>>().join("; ");
    let told_better = match better {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
        Better::Neither => "neither higher nor lower is better",
    };
    let description = format!("{name}, {told_better}. {told}.");
    let file = format!("metric-{}", crate::file_name(&name.to_string()));
    let title = cells::heading(name, better);

    let ends_of = |approach| {
        let interval: Option<Interval> = interval(approach);
        [value(approach), interval.map(|it| it.low), interval.map(|it| it.high)]
    };
    let values = || approaches.iter().flat_map(ends_of).flatten();
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    // Errors that are far from zero have an axis that begins near the lowest.
    let (low, high) = ends(values(), better != Better::Lower || low <= high - low);

    let labels: Vec<String> = approaches.iter().map(|approach| fitted(&approach.name, SMALL, 110.0)).collect();
    let left = widest(&labels) + 4.0;
    let right = WIDTH - text_width("0.0000", SMALL) - 20.0;
    let n = approaches.len() as f64;
    let field = [left, TITLE, right, TITLE + ROW * n + 20.0];
    let mut canvas = titled(&title, field[3] + 4.0);
    let x = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
    // The first approach is on top.
    let y = Axis { scale: Scale::Linear(n, 0.0), title: "", ticks: 0, format: &whole };
    let mut plot = Plot::new(&mut canvas, field, &x, &y);
    for (place, approach) in approaches.iter().enumerate() {
        let (value, at) = (value(approach), place as f64 + 0.5);
        let colour = if value.is_some() && value == best { ACCENT } else { SOFT };
        if let Some(Interval { low, high }) = interval(approach) {
            plot.line(&[(low, at), (high, at)], colour, 2.0);
        }
        if let Some(value) = value {
            plot.dot((value, at), 4.0, colour, false);
        }
        let middle = plot.height(at);
        label(plot.canvas, &labels[place], left, middle, INK, Anchor::End);
        label(plot.canvas, &cells::metric(value), WIDTH - 4.0, middle, colour, Anchor::End);
    }
    canvas.finish(&file, &title, &description)
}
