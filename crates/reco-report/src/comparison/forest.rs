//! Draws a difference and its interval as a row of a forest plot.
//!
//! Does not know tables.
//!
//! **Invariant**: zero is in the middle; drawings of one scale can be compared from row to row.

use reco_eval::Interval;
use reco_eval::compare::{Paired, Verdict};

use super::{interval, signed, words};
use crate::Drawing;
use crate::canvas::Canvas;
use crate::palette::{ACCENT, AXIS, GRID, INK, SECOND, SOFT};

const WIDTH: f64 = 150.0;
const HEIGHT: f64 = 20.0;
/// From the middle to the end of the scale.
const HALF: f64 = WIDTH / 2.0 - 6.0;

/// A difference as a dot, with a line for its interval, on a scale from `-reach` to `reach`.
pub(super) fn forest(title: &str, paired: &Paired, verdict: Verdict, reach: f64) -> Drawing {
    let colour = match verdict {
        Verdict::Better => ACCENT,
        Verdict::Worse => SECOND,
        Verdict::Higher | Verdict::Lower => INK,
        _ => SOFT,
    };
    let across = |value: f64| WIDTH / 2.0 + HALF * if reach > 0.0 { (value / reach).clamp(-1.0, 1.0) } else { 0.0 };
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let middle = HEIGHT / 2.0;
    canvas.line(&[(4.0, middle), (WIDTH - 4.0, middle)], GRID, 1.0);
    canvas.line(&[(WIDTH / 2.0, 1.0), (WIDTH / 2.0, HEIGHT - 1.0)], AXIS, 1.0);
    if let Some(Interval { low, high }) = paired.interval {
        // An end beyond the scale runs to the edge, without the tick that marks an end.
        canvas.line(&[(across(low), middle), (across(high), middle)], colour, 2.0);
        for end in [low, high].into_iter().filter(|end| end.abs() <= reach) {
            canvas.line(&[(across(end), middle - 4.0), (across(end), middle + 4.0)], colour, 1.5);
        }
    }
    canvas.dot((across(paired.difference), middle), 3.5, colour, false);
    let described = format!("{} (95 %: {}), {}", signed(paired.difference), interval(paired.interval), words(verdict));
    canvas.finish("difference", title, &described)
}

/// How far a scale has to reach for these differences and their intervals: to the farthest end.
pub(super) fn reach<'a>(all: impl Iterator<Item = &'a Paired>) -> f64 {
    let ends = |one: &Paired| {
        let (low, high) = one.interval.map_or((0.0, 0.0), |Interval { low, high }| (low, high));
        [one.difference, low, high]
    };
    all.flat_map(ends).fold(0.0, |reach, end| reach.max(end.abs()))
}
