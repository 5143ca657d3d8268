//! Ranks items by how often they were met around a moment, called `trending`.
//!
//! A training row counts `e^(-|t - moment| / days)`, and a score is `ln(1 + sum)`. The moment is the median of the
//! user's own training rows, so that what was not there yet, or is no longer talked about, comes late; for someone new
//! it is the last of all. A kernel estimate of popularity over time, as the time-aware baselines of Koren 2009
//! ("Collaborative Filtering with Temporal Dynamics", section 3) have it by bins. It looks ahead as well as back: where
//! a split leaves later rows in train, it profits from them. A fit sorts the rows; an answer costs two exponentials and
//! a search among an item's rows, for each item. Does not know stars, features or contexts.
//!
//! **Invariant**: without times every row counts 1, and the order is that of `popularity`.

use std::sync::Arc;

use reco_core::options::OptionsError;
use reco_core::{
    Approach, Catalogue, EachQuery, Explanation, FitError, Fitted, ItemIdx, LoadError, Loaded, Query, Run, ScoreError,
    Train, Weights, Who,
};
use serde::{Deserialize, Serialize};

use crate::baseline::not_negative;
use crate::terms::part;

const NAME: &str = "trending";

/// Seconds.
const DAY: f64 = 86_400.0;

/// The approach `trending`: what people met around the time when the user was active.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trending {
    /// How many days off a row counts 1/e of one at the moment itself.
    pub days: f64,
}

impl Default for Trending {
    fn default() -> Self {
        Self { days: 7.0 }
    }
}

impl Approach for Trending {
    const NAME: &'static str = NAME;
    const ABOUT: &'static str = "lists: what people met around the time when you were active";

    fn check(&self, place: &str) -> Result<(), OptionsError> {
        not_negative(place, "days", self.days)?;
        if self.days < 1.0 / DAY {
            let reason = format!("`days` is `{}`\nhint: it is at least a second, 0.0000116", self.days);
            return Err(OptionsError::Value { place: place.to_owned(), reason });
        }
        Ok(())
    }

    fn follows_ratings(&self) -> bool {
        false
    }

    fn learn(&self, train: &Train, _: &Run<'_>) -> Result<Box<dyn Fitted>, FitError> {
        if train.fit.is_empty() {
            return Err(FitError::NoRows { approach: NAME });
        }
        let (catalogue, times) = (&train.catalogue, train.fit.timestamps());
        let first = times.iter().flatten().min();
        // Days since the first row; rows without a time count only where no row has one.
        let day = |time: Option<i64>| match (time, first) {
            (Some(time), Some(first)) => Some(time.saturating_sub(first) as f64 / DAY),
            (None, Some(_)) => None,
            (_, None) => Some(0.0),
        };
        let mut of_items = vec![Vec::new(); catalogue.n_items()];
        let mut of_users = vec![Vec::new(); catalogue.n_users()];
        for ((user, item), time) in train.fit.users().iter().zip(train.fit.items()).zip(times.iter()) {
            if let Some(day) = day(time) {
                of_items[item.index()].push(day);
                of_users[user.index()].push(day);
            }
        }
        of_items.iter_mut().chain(&mut of_users).for_each(|days| days.sort_unstable_by(f64::total_cmp));
        let last = of_items.iter().flatten().copied().fold(0.0, f64::max);
        let moments = of_users.iter().map(|days| days.get(days.len() / 2).copied().unwrap_or(last)).collect();
        Ok(Box::new(Model::new(*self, &of_items, moments, last, catalogue)))
    }

    fn load(&self, weights: &mut Weights, catalogue: &Arc<Catalogue>, _: &Run<'_>) -> Loaded {
        let refuse = |reason: &str| LoadError::Weights { reason: reason.to_owned() };
        let n = weights.n_rows("items.day")?;
        let days: Vec<f64> = weights.take("items.day", &[n])?;
        let ends: Vec<u64> = weights.take("items.end", &[catalogue.n_items()])?;
        if ends.last().is_some_and(|last| *last != n as u64) || !ends.is_sorted() {
            return Err(refuse("its `items.end` do not end at its `items.day`"));
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let of_items: Vec<Vec<f64>> =
            starts.zip(&ends).map(|(start, end)| days[start as usize..*end as usize].to_vec()).collect();
        if !of_items.iter().all(|days| days.is_sorted()) {
            return Err(refuse("its `items.day` are not in order"));
        }
        let moments = weights.take("users.day", &[catalogue.n_users()])?;
        let last = weights.take_one("last.day")?;
        Ok(Box::new(Model::new(*self, &of_items, moments, last, catalogue)))
    }
}

/// A training row of an item.
#[derive(Clone, Copy)]
struct Met {
    /// When, in days since the first row.
    day: f64,
    /// The sum over the item's rows up to this one, as they count at its moment.
    before: f64,
    /// The sum over the rows from this one on.
    after: f64,
}

struct Model {
    options: Trending,
    /// For each item, ascending.
    items: Vec<Vec<Met>>,
    /// The moment of each user.
    moments: Vec<f64>,
    /// That of someone new.
    last: f64,
    catalogue: Arc<Catalogue>,
}

impl Model {
    fn new(options: Trending, of_items: &[Vec<f64>], moments: Vec<f64>, last: f64, catalogue: &Arc<Catalogue>) -> Self {
        let faded = |from: f64, to: f64| libm::exp((from - to) / options.days);
        let met = |days: &Vec<f64>| {
            let mut rows: Vec<Met> = days.iter().map(|&day| Met { day, before: 1.0, after: 1.0 }).collect();
            for at in 1..rows.len() {
                rows[at].before += rows[at - 1].before * faded(rows[at - 1].day, rows[at].day);
            }
            for at in (1..rows.len()).rev() {
                rows[at - 1].after += rows[at].after * faded(rows[at - 1].day, rows[at].day);
            }
            rows
        };
        let items = of_items.iter().map(met).collect();
        Self { options, items, moments, last, catalogue: Arc::clone(catalogue) }
    }

    fn moment(&self, who: &Who<'_>) -> f64 {
        match who {
            Who::Known(user) => self.moments[user.index()],
            Who::Visitor { .. } => self.last,
        }
    }

    fn score_at(&self, moment: f64, item: usize) -> f32 {
        let rows = &self.items[item];
        let at = rows.partition_point(|row| row.day <= moment);
        let faded = |days: f64| libm::exp(-days / self.options.days);
        let before = at.checked_sub(1).map_or(0.0, |at| rows[at].before * faded(moment - rows[at].day));
        let after = rows.get(at).map_or(0.0, |row| row.after * faded(row.day - moment));
        libm::log1p(before + after) as f32
    }
}

impl EachQuery for Model {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> Result<(), ScoreError> {
        let moment = self.moment(&query.who);
        query.candidates.write(scores, |item| self.score_at(moment, item));
        Ok(())
    }

    fn explain(&self, query: &Query<'_>, items: &[ItemIdx]) -> Result<Option<Vec<Explanation>>, ScoreError> {
        let moment = self.moment(&query.who);
        let explain = |item: &ItemIdx| {
            let score = self.score_at(moment, item.index());
            Explanation { score, terms: vec![part("met around that time", score.into())], without: Vec::new() }
        };
        Ok(Some(items.iter().map(explain).collect()))
    }
}

impl Fitted for Model {
    fn n_parameters(&self) -> usize {
        self.items.iter().map(Vec::len).sum()
    }

    fn save(&self) -> Result<Weights, ScoreError> {
        let ends = self.items.iter().scan(0, |end, rows| {
            *end += rows.len() as u64;
            Some(*end)
        });
        let days = self.items.iter().flatten().map(|row| row.day);
        Ok(Weights::new(NAME, &self.catalogue)
            .with("items.day", &[self.n_parameters()], days)
            .with("items.end", &[self.items.len()], ends)
            .with("users.day", &[self.moments.len()], self.moments.iter().copied())
            .with("last.day", &[], [self.last]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reco_core::{ApproachEntry, Model as Asked, RawInteraction, Visitor};
    use serde_json::json;

    fn model(days: f64, rows: &[(&str, &str, Option<i64>)]) -> Asked {
        let row = |&(user, item, day): &(&str, &str, Option<i64>)| RawInteraction {
            timestamp: day.map(|day| 1_000_000_000 + 86_400 * day),
            ..RawInteraction::event(user, item)
        };
        let train = Train::builder().rows(rows.iter().map(row)).build().unwrap();
        Trending { days }.fit(&train, &Run::default()).unwrap()
    }

    #[test]
    fn rows_fade_with_their_distance_in_days() {
        let rows = [
            ("ann", "Alien", Some(0)),
            ("ann", "Brazil", Some(2)),
            ("ann", "Casablanca", Some(2)),
            ("bob", "Alien", Some(4)),
            ("cem", "Alien", None),
        ];
        let model = model(2.0, &rows);
        let score = |asker: &str, item: &str| f64::from(model.score_items(asker, [item]).unwrap()[0]);
        let near = |found: f64, sum: f64| assert!((found - sum.ln_1p()).abs() < 1e-6, "{found}");
        // Ann's moment is day 2; both rows of Alien that have a time are two days off.
        near(score("ann", "Alien"), 2.0 * (-1.0_f64).exp());
        near(score("ann", "Brazil"), 1.0);
        // Bob's is day 4, as is that of Cem, who has no times, and of who is new.
        near(score("bob", "Alien"), 1.0 + (-2.0_f64).exp());
        near(score("bob", "Brazil"), (-1.0_f64).exp());
        assert_eq!(score("cem", "Alien"), score("bob", "Alien"));
        let new = model.score_items(Visitor::new().met("Brazil"), ["Alien"]).unwrap();
        assert_eq!(f64::from(new[0]), score("bob", "Alien"));
    }

    #[test]
    fn without_times_it_is_popularity() {
        let model = model(7.0, &[("ann", "Alien", None), ("bob", "Alien", None), ("bob", "Brazil", None)]);
        let scores = model.score_items(Visitor::new(), ["Alien", "Brazil"]).unwrap();
        let counts = scores.iter().map(|score| score.exp_m1().round());
        assert!(counts.eq([2.0, 1.0]), "{scores:?}");
    }

    #[test]
    fn a_width_of_nothing_is_refused() {
        let refuse = |given| (ApproachEntry::of::<Trending>().configure)(&given).err().unwrap().to_string();
        assert!(refuse(json!({ "days": 0 })).contains("`days` is `0`\nhint: it is at least a second"));
        assert!(refuse(json!({ "days": -1 })).contains("`days` is `-1`"));
    }
}
