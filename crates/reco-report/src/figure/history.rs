//! Which approach takes over where, as users and items have more training ratings?
//!
//! Does not know why: it draws what each approach is worth in each bucket.
//!
//! **Invariant**: a bucket without held-out ratings has no place on the axis; an approach keeps its colour in all figures, and
//! among many, only those have one that are best somewhere.

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, titled};
use crate::palette::{AXIS, Colour, SERIES};
use crate::{ApproachResult, BucketResult, Drawing, Results};

/// Users, or items of held-out ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Users,
    Items,
}

impl Side {
    pub(crate) const ALL: [Self; 2] = [Self::Users, Self::Items];

    /// `users`
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Items => "items",
        }
    }

    pub(crate) fn buckets(self, approach: &ApproachResult) -> &[BucketResult] {
        match self {
            Self::Users => &approach.by_user_history,
            Self::Items => &approach.by_item_history,
        }
    }

    /// How many users, or held-out ratings, a bucket has.
    pub(crate) fn size(self, bucket: &BucketResult) -> usize {
        match self {
            Self::Users => bucket.n_users,
            Self::Items => bucket.n_test,
        }
    }

    /// The buckets that have held-out ratings, the same ones for all approaches: they are judged by the same rows.
    pub(crate) fn shown(self, results: &Results) -> Vec<usize> {
        let first = results.approaches.first().map(|approach| self.buckets(approach)).unwrap_or_default();
        (0..first.len()).filter(|&at| first[at].n_test > 0).collect()
    }
}

/// So many approaches can be told apart; of more, only those that are best in some bucket are.
const FEW: usize = 6;

/// One drawing for each main metric, of users and of items.
pub(super) fn by_history(results: &Results) -> Vec<Drawing> {
    let metrics = results.main_metrics();
    let sides: Vec<(Side, Vec<usize>)> =
        Side::ALL.into_iter().map(|side| (side, side.shown(results))).filter(|(_, shown)| shown.len() > 1).collect();
    let all: Vec<(Side, &[usize], &str, Vec<Series<'_>>)> = sides
        .iter()
        .flat_map(|(side, shown)| metrics.iter().map(move |metric| (*side, shown.as_slice(), *metric)))
        .map(|(side, shown, metric)| (side, shown, metric, series(results, side, shown, metric)))
        .collect();
    let is_best = |approach: &str| {
        all.iter().any(|(_, shown, metric, series)| {
            (0..shown.len()).any(|x| best_at(series, x as f64, results.is_error(metric)) == Some(approach))
        })
    };
    let names = results.approaches.iter().map(|approach| approach.name.as_str());
    let coloured: Vec<&str> = names.filter(|name| results.approaches.len() <= FEW || is_best(name)).collect();
    all.iter().map(|(side, shown, metric, series)| lines(results, *side, shown, metric, series, &coloured)).collect()
}

struct Series<'a> {
    approach: &'a str,
    /// Place on the axis, and value.
    points: Vec<(f64, f64)>,
}

/// The approaches to which `metric` applies.
fn series<'a>(results: &'a Results, side: Side, shown: &[usize], metric: &str) -> Vec<Series<'a>> {
    let one = |approach: &'a ApproachResult| {
        let buckets = side.buckets(approach);
        let value = |at: usize| buckets.get(at).and_then(|bucket| bucket.metrics.get(metric));
        let points = shown.iter().enumerate().filter_map(|(x, &at)| Some((x as f64, value(at)?)));
        Series { approach: &approach.name, points: points.collect() }
    };
    results.approaches.iter().map(one).filter(|series| !series.points.is_empty()).collect()
}

fn lines(
    results: &Results,
    side: Side,
    shown: &[usize],
    metric: &str,
    series: &[Series<'_>],
    coloured: &[&str],
) -> Drawing {
    let first = side.buckets(&results.approaches[0]);
    let labels: Vec<&str> = shown.iter().map(|&at| first[at].bucket.as_str()).collect();
    let told: Vec<String> = labels
        .iter()
        .enumerate()
        .filter_map(|(x, label)| {
            let best = best_at(series, x as f64, results.is_error(metric))?;
            Some(format!("{label}: {best}"))
        })
        .collect();
    let mut description = format!("{metric} by how many training ratings the {} have.", side.name());
    if !told.is_empty() {
        description += &format!(" Best with {}.", told.join(", with "));
    }
    let name = format!("history-{}-{}", side.name(), crate::file_name(metric));
    let arrow = if results.is_error(metric) { " ↓" } else { "" };
    let title = format!("{metric}{arrow} by {}’ training ratings", side.name());

    let values = || series.iter().flat_map(|series| series.points.iter().map(|(_, value)| *value));
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let low = if results.is_error(metric) { low } else { low.min(0.0) };
    let room = if high > low { (high - low) * 0.06 } else { high.abs().max(1.0) * 0.1 };
    let (low, high) = if low == 0.0 { (0.0, high + room) } else { (low - room, high + room) };

    // The colour of an approach, and whether that colour is met a second time.
    let colour = |approach: &str| {
        let at = coloured.iter().position(|name| *name == approach)?;
        Some((SERIES[at % SERIES.len()], at >= SERIES.len()))
    };
    let key = |series: &Series<'_>| {
        let (colour, again) = colour(series.approach)?;
        Some((series.approach.to_owned(), colour, if again { Mark::Ringed } else { Mark::Dotted }))
    };
    let mut keys: Vec<(String, Colour, Mark)> = series.iter().filter_map(key).collect();
    if keys.len() < series.len() {
        keys.push((format!("{} others", series.len() - keys.len()), AXIS, Mark::Thin));
    }
    let keys = Keys(keys.iter().map(|(text, colour, mark)| (text.as_str(), *colour, *mark)).collect());
    let height = 240.0 + keys.height();
    let mut sheet = titled(&title, height);
    keys.draw(&mut sheet, TITLE - 4.0);
    let last = (shown.len() - 1) as f64;
    let nothing = |_| String::new();
    let x = Axis { scale: Scale::Linear(-0.3, last + 0.3), title: "training ratings", ticks: 0, format: &nothing };
    let y = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
    let mut plot = Plot::new(&mut sheet, [0.0, TITLE + keys.height(), WIDTH - 6.0, height], &x, &y);
    labels.iter().enumerate().for_each(|(at, label)| plot.below(at as f64, label));
    // Those without a colour first, so that they lie below.
    let (plain, told): (Vec<_>, Vec<_>) = series.iter().partition(|series| colour(series.approach).is_none());
    for Series { approach, points } in plain.into_iter().chain(told) {
        let (ink, width) = colour(approach).map_or((AXIS, 1.0), |(colour, _)| (colour, 2.0));
        if points.len() > 1 {
            plot.line(points, ink, width);
        }
        match colour(approach) {
            Some((_, again)) => points.iter().for_each(|at| plot.dot(*at, 3.5, ink, again)),
            None => points.iter().for_each(|at| plot.dot(*at, 1.8, ink, false)),
        }
    }
    sheet.finish(&name, &title, &description)
}

/// The approach that is better than all others; `None` where two are as good.
fn best_at<'a>(series: &[Series<'a>], x: f64, is_error: bool) -> Option<&'a str> {
    let at = |series: &Series<'a>| series.points.iter().find(|(place, _)| *place == x).map(|(_, value)| *value);
    let values: Vec<(&str, f64)> = series.iter().filter_map(|series| Some((series.approach, at(series)?))).collect();
    let best = values.iter().map(|(_, value)| *value).reduce(if is_error { f64::min } else { f64::max })?;
    let mut found = values.iter().filter(|(_, value)| *value == best);
    match (found.next(), found.next()) {
        (Some((approach, _)), None) => Some(approach),
        _ => None,
    }
}
