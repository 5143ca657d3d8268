//! Draws bar charts of the ratings: per user, per number of stars and per value of a context.
//!
//! Does not know who counted.
//!
//! **Invariant**: bars start at zero, so that their lengths can be compared.

use std::cmp::Reverse;

use super::chart::{Axis, Plot, SMALL, Scale, TITLE, WIDTH, label, short, titled, whole, widest};
use crate::canvas::{Anchor, fitted};
use crate::cells::count;
use crate::palette::{ACCENT, INK, SOFT};
use crate::{ContextCounts, Counts, Drawing};

/// The most bars: beyond this number, each bar is the mean of a few users.
const MOST_BARS: usize = 170;

/// The most values of a context drawn apart: beyond this number, the rarest are drawn as one.
const MOST_VALUES: usize = 12;

/// Pixels from one horizontal bar to the next.
const ROW: f64 = 26.0;

/// Ratings per user, in descending order.
pub(super) fn per_user(counts: &Counts) -> Option<Drawing> {
    let mut sorted: Vec<usize> = counts.per_user.clone();
    sorted.sort_unstable_by_key(|n| Reverse(*n));
    let most = *sorted.first().filter(|most| **most > 0)?;
    let n = sorted.len();
    let description = format!(
        "The ratings of each of {} users, the most active first: {} the most, {} the median, {} the fewest.",
        count(n),
        count(most),
        count(sorted[n / 2]),
        count(sorted[n - 1])
    );
    let n_bars = n.min(MOST_BARS);
    let title = "Ratings per user";
    let mut canvas = titled(title, 230.0);
    let x =
        Axis { scale: Scale::Linear(0.0, n as f64), title: "users, the most active first", ticks: 5, format: &whole };
    let y = Axis { scale: Scale::Linear(0.0, most as f64 * 1.05), title: "ratings", ticks: 5, format: &whole };
    let gap = if n_bars < 80 { 0.12 } else { 0.0 };
    Plot::new(&mut canvas, [0.0, TITLE, WIDTH - 14.0, 230.0], &x, &y).bars((0..n_bars).map(|bar| {
        let (from, to) = (bar * n / n_bars, (bar + 1) * n / n_bars);
        let mean = sorted[from..to].iter().sum::<usize>() as f64 / (to - from) as f64;
        (from as f64 + gap, to as f64 - gap, mean)
    }));
    Some(canvas.finish("ratings-per-user", title, &description))
}

/// How often each number of stars was given.
pub(super) fn stars(counts: &Counts) -> Option<Drawing> {
    let values = &counts.stars;
    let most = values.iter().map(|(_, n)| *n).max().filter(|most| *most > 0)?;
    let total: usize = values.iter().map(|(_, n)| n).sum();
    let mean = values.iter().map(|(stars, n)| stars * *n as f64).sum::<f64>() / total as f64;
    let description =
        format!("How often each number of stars was given. The mean of {} ratings is {mean:.2}.", count(total));
    let title = "Ratings by stars";
    let mut canvas = titled(title, 230.0);
    let n = values.len();
    let x = Axis { scale: Scale::Linear(0.4, n as f64 + 0.6), title: "stars", ticks: 0, format: &whole };
    let y = Axis { scale: Scale::Linear(0.0, most as f64 * 1.12), title: "ratings", ticks: 5, format: &whole };
    let mut plot = Plot::new(&mut canvas, [0.0, TITLE, WIDTH - 6.0, 230.0], &x, &y);
    plot.bars(values.iter().enumerate().map(|(at, (_, n))| (at as f64 + 0.6, at as f64 + 1.4, *n as f64)));
    // With many values, only every few have a label.
    let every = n.div_ceil(12);
    for (at, (stars, n_here)) in values.iter().enumerate() {
        let place = at as f64 + 1.0;
        if at.is_multiple_of(every) {
            plot.below(place, &stars.to_string());
        }
        if n <= 10 {
            let height = *n_here as f64;
            plot.near((place, height), (0.0, -9.0), &short(height), Anchor::Middle);
        }
    }
    Some(canvas.finish("ratings-by-stars", title, &description))
}

/// How often each value of a context occurs.
pub(super) fn context(context: &ContextCounts) -> Option<Drawing> {
    let total: usize = context.values.iter().map(|(_, n)| n).sum();
    let mut values = context.values.clone();
    if values.len() > MOST_VALUES {
        values.sort_by_key(|(_, n)| Reverse(*n));
        let rest = values.split_off(MOST_VALUES - 1);
        values.push((format!("{} others", rest.len()), rest.iter().map(|(_, n)| n).sum()));
    }
    let most = values.iter().map(|(_, n)| *n).max().filter(|most| *most > 0)? as f64;
    let share = |n: usize| 100.0 * n as f64 / total as f64;
    let told: Vec<String> =
        values.iter().map(|(value, n)| format!("{value}: {} ({:.1} %)", count(*n), share(*n))).collect();
    let description = format!("Ratings by {}: {}.", context.name, told.join(", "));
    let title = format!("Ratings by {}", context.name);
    let mut canvas = titled(&title, TITLE + ROW * values.len() as f64 + 4.0);
    let labels: Vec<String> = values.iter().map(|(value, _)| fitted(value, SMALL, 110.0)).collect();
    let numbers: Vec<String> =
        values.iter().map(|(_, n)| format!("{} · {:.0} %", short(*n as f64), share(*n))).collect();
    let (left, right) = (widest(&labels) + 10.0, WIDTH - widest(&numbers) - 10.0);
    for (row, (_, n)) in values.iter().enumerate() {
        let middle = TITLE + ROW * (row as f64 + 0.5);
        let end = left + (right - left) * *n as f64 / most;
        canvas.area([left, middle - 8.0, end, middle + 8.0], ACCENT);
        label(&mut canvas, &labels[row], left - 6.0, middle, INK, Anchor::End);
        label(&mut canvas, &numbers[row], end + 6.0, middle, SOFT, Anchor::Start);
    }
    Some(canvas.finish(&format!("context-{}", crate::file_name(&context.name)), &title, &description))
}
