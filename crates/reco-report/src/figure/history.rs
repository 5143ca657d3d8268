//! Draws each approach's metrics by how many training ratings users and items have.
//!
//! Does not know why one takes over: it draws the value of each approach in each bucket.
//!
//! **Invariant**: a bucket without held-out ratings has no place on the axis; an approach keeps its colour in all
//! figures; among many approaches, a figure colours only those that are best somewhere in it.

use reco_eval::metric::Better;
use reco_eval::{BucketValues, Column};

use super::chart::{Axis, Keys, Mark, Plot, Scale, TITLE, WIDTH, decimals, ends, titled, whole};
use crate::palette::{AXIS, Colour, SERIES};
use crate::{ApproachResult, Drawing, Results, cells};

/// Users, or the items of held-out ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryOf {
    Users,
    Items,
}

impl HistoryOf {
    pub(crate) const ALL: [Self; 2] = [Self::Users, Self::Items];

    /// `users`
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Items => "items",
        }
    }

    fn buckets(self, approach: &ApproachResult) -> &[BucketValues] {
        match self {
            Self::Users => &approach.by_user_history,
            Self::Items => &approach.by_item_history,
        }
    }

    /// The name of a bucket, and how many users, or held-out ratings, it has: `1-4 (3)`.
    pub(crate) fn header(self, results: &Results, at: usize) -> String {
        let bucket = &self.buckets(&results.approaches[0])[at];
        let size = match self {
            Self::Users => bucket.n_users,
            Self::Items => bucket.n_test,
        };
        format!("{} ({})", bucket.bucket, cells::count(size))
    }

    /// The value of `column` in a bucket.
    pub(crate) fn value(self, approach: &ApproachResult, at: usize, column: &Column) -> Option<f64> {
        self.buckets(approach).get(at).and_then(|bucket| bucket.metrics.get(column))
    }

    /// The buckets that have held-out ratings. They are the same for all approaches, which are judged by the same rows.
    pub(crate) fn shown(self, results: &Results) -> Vec<usize> {
        let first = results.approaches.first().map(|approach| self.buckets(approach)).unwrap_or_default();
        (0..first.len()).filter(|&at| first[at].n_test > 0).collect()
    }
}

/// The most approaches that can be told apart; among more, only those that are best in some bucket are.
const FEW: usize = 6;

/// One drawing for each main metric, of users and of items.
pub(super) fn by_history(results: &Results) -> Vec<Drawing> {
    let mut figures: Vec<History<'_>> = Vec::new();
    for side in HistoryOf::ALL {
        let shown = side.shown(results);
        for metric in results.main_columns().into_iter().filter(|_| shown.len() > 1) {
            figures.push(History::new(results, side, &shown, metric));
        }
    }
    let few = results.approaches.len() <= FEW;
    let names = results.approaches.iter().map(|approach| approach.name.as_str());
    let coloured: Vec<&str> =
        names.filter(|name| few || figures.iter().any(|figure| figure.best.contains(&Some(name)))).collect();
    // The colour of an approach, and whether that colour is used a second time.
    let colour = |figure: &History<'_>, approach: &str| {
        let at = coloured.iter().position(|name| *name == approach)?;
        let told = few || figure.best.contains(&Some(approach));
        told.then_some((SERIES[at % SERIES.len()], at >= SERIES.len()))
    };
    figures.iter().map(|figure| figure.draw(&|approach| colour(figure, approach))).collect()
}

/// One metric, bucket by bucket.
struct History<'a> {
    side: HistoryOf,
    metric: &'a Column,
    better: Better,
    /// What the buckets are called.
    buckets: Vec<&'a str>,
    /// The approach that is better than all others in each; `None` where two are as good, or no value is better.
    best: Vec<Option<&'a str>>,
    /// The approaches to which the metric applies.
    series: Vec<Series<'a>>,
}

/// An approach, and its values by their places on the axis.
type Series<'a> = (&'a str, Vec<(f64, f64)>);

impl<'a> History<'a> {
    fn new(results: &'a Results, side: HistoryOf, shown: &[usize], metric: &'a Column) -> Self {
        let one = |approach: &'a ApproachResult| {
            let value = |at: usize| side.value(approach, at, metric);
            let points = shown.iter().enumerate().filter_map(|(x, &at)| Some((x as f64, value(at)?)));
            (approach.name.as_str(), points.collect::<Vec<_>>())
        };
        let all = results.approaches.iter().map(one);
        let series: Vec<Series<'_>> = all.filter(|(_, points)| !points.is_empty()).collect();
        let first = side.buckets(&results.approaches[0]);
        Self {
            side,
            metric,
            better: results.better(metric),
            buckets: shown.iter().map(|&at| first[at].bucket.as_str()).collect(),
            best: (0..shown.len()).map(|x| best_at(results, metric, &series, x as f64)).collect(),
            series,
        }
    }

    fn draw(&self, colour: &dyn Fn(&str) -> Option<(Colour, bool)>) -> Drawing {
        let Self { side, metric, better, buckets, best, series } = self;
        let mut description = format!("{metric} by how many training ratings the {} have.", side.name());
        let told: Vec<String> =
            buckets.iter().zip(best).filter_map(|(bucket, best)| Some(format!("{bucket}: {}", (*best)?))).collect();
        if !told.is_empty() {
            description += &format!(" Best with {}.", told.join(", with "));
        }
        let title = format!("{} by {}’ training ratings", cells::heading(metric, *better), side.name());
        let values = series.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
        let (low, high) = ends(values, *better != Better::Lower);

        let mut keys: Vec<(String, Colour, Mark)> = Vec::new();
        for (approach, _) in series {
            if let Some((colour, again)) = colour(approach) {
                keys.push(((*approach).to_owned(), colour, if again { Mark::Ringed } else { Mark::Dotted }));
            }
        }
        if keys.len() < series.len() {
            keys.push((format!("{} others", series.len() - keys.len()), AXIS, Mark::Thin));
        }
        let keys = Keys(keys.iter().map(|(text, colour, mark)| (text.as_str(), *colour, *mark)).collect());
        let height = 240.0 + keys.height();
        let mut canvas = titled(&title, height);
        keys.draw(&mut canvas, TITLE - 4.0);
        let last = (buckets.len() - 1) as f64;
        let x = Axis { scale: Scale::Linear(-0.3, last + 0.3), title: "training ratings", ticks: 0, format: &whole };
        let y = Axis { scale: Scale::Linear(low, high), title: "", ticks: 5, format: &decimals(low, high, 5) };
        let mut plot = Plot::new(&mut canvas, [0.0, TITLE + keys.height(), WIDTH - 6.0, height], &x, &y);
        buckets.iter().enumerate().for_each(|(at, bucket)| plot.below(at as f64, bucket));
        // Approaches without a colour come first, so that they lie below.
        let (plain, told): (Vec<_>, Vec<_>) = series.iter().partition(|(approach, _)| colour(approach).is_none());
        for (approach, points) in plain.into_iter().chain(told) {
            let (ink, width) = colour(approach).map_or((AXIS, 1.0), |(colour, _)| (colour, 2.0));
            if points.len() > 1 {
                plot.line(points, ink, width);
            }
            match colour(approach) {
                Some((_, again)) => points.iter().for_each(|at| plot.dot(*at, 3.5, ink, again)),
                None => points.iter().for_each(|at| plot.dot(*at, 1.8, ink, false)),
            }
        }
        let name = format!("history-{}-{}", side.name(), crate::file_name(&metric.to_string()));
        canvas.finish(&name, &title, &description)
    }
}

/// The approach that is better than all others; `None` where two are as good, or no value is better.
fn best_at<'a>(results: &Results, metric: &Column, series: &[Series<'a>], x: f64) -> Option<&'a str> {
    let at = |points: &[(f64, f64)]| points.iter().find(|(place, _)| *place == x).map(|(_, value)| *value);
    let values: Vec<(&str, f64)> =
        series.iter().filter_map(|(approach, points)| Some((*approach, at(points)?))).collect();
    let best = results.best_of(metric, values.iter().map(|(_, value)| *value))?;
    let mut found = values.iter().filter(|(_, value)| *value == best);
    match (found.next(), found.next()) {
        (Some((approach, _)), None) => Some(approach),
        _ => None,
    }
}
