//! Draws the long tail of popularity: the ratings of each item by its rank.
//!
//! Does not know items.
//!
//! **Invariant**: ranks and ratings are on logarithmic axes, so that both head and tail are seen.

use std::cmp::Reverse;

use super::chart::{Axis, Plot, Scale, TITLE, WIDTH, short, titled, whole};
use crate::canvas::Anchor;
use crate::cells::count;
use crate::palette::{ACCENT, SECOND};
use crate::{Counts, Drawing};

/// Ratings by rank of popularity.
pub(super) fn popularity(counts: &Counts) -> Option<Drawing> {
    let mut sorted: Vec<usize> = counts.per_item.iter().copied().filter(|n| *n > 0).collect();
    sorted.sort_unstable_by_key(|n| Reverse(*n));
    if sorted.len() < 2 {
        return None;
    }
    let total: usize = sorted.iter().sum();
    // The head grows as long as the items before have less than 80 % of the ratings.
    let before = sorted.iter().scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n)));
    let head = before.take_while(|before| before * 5 < total * 4).count();
    let description = format!(
        "Ratings of each item by its rank, both axes logarithmic. {} of {} items get 80 % of all ratings; {} have \
         none.",
        count(head),
        count(counts.per_item.len()),
        count(counts.per_item.len() - sorted.len()),
    );
    let title = "Popularity of items";
    let mut canvas = titled(title, 230.0);
    let (n, most) = (sorted.len() as f64, sorted[0] as f64);
    let x = Axis { scale: Scale::Log(1.0, n.max(10.0)), title: "rank", ticks: 1, format: &whole };
    let y = Axis { scale: Scale::Log(1.0, (most * 1.15).max(10.0)), title: "ratings", ticks: 1, format: &whole };
    let mut plot = Plot::new(&mut canvas, [0.0, TITLE, WIDTH - 14.0, 230.0], &x, &y);
    // As many points as can be told apart: ranks that grow by 2 %.
    let mut ranks = vec![1];
    while let Some(&last) = ranks.last().filter(|last| **last < sorted.len()) {
        ranks.push((last + 1).max((last as f64 * 1.02) as usize).min(sorted.len()));
    }
    let points: Vec<(f64, f64)> = ranks.into_iter().map(|rank| (rank as f64, sorted[rank - 1] as f64)).collect();
    plot.line(&points, ACCENT, 2.0);
    let mark = (head as f64, sorted[head - 1] as f64);
    plot.dot(mark, 4.0, SECOND, false);
    // The curve falls, so there is room to the left and below.
    plot.near(mark, (-8.0, 10.0), &format!("{} items, 80 %", short(head as f64)), Anchor::End);
    Some(canvas.finish("popularity", title, &description))
}
