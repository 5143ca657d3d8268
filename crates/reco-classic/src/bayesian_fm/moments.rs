//! The moments of ratings as columns of a factorization machine: the week, a user's day, the place in that day's
//! session, and the age of the item (Koren 2009, "Collaborative Filtering with Temporal Dynamics", has biases of days
//! and of periods in the same way).
//!
//! A rating has one column of each group, and a column has a weight and no factors, so that a moment costs a few
//! additions. Each group has columns that no rating has, for moments that training does not know: their weight is the
//! mean of their group. Does not know stars.
//!
//! **Invariant**: the columns of a moment follow from training rows and the moment alone.

use reco_core::{Catalogue, LoadError, Train, Weights};

use super::gibbs::{MomentGroup, Sample};
use super::side::Block;
use crate::rating_matrix::{Entry, Stars};

const DAY: i64 = 24 * 60 * 60;
const WEEK: i64 = 7 * DAY;

/// Periods of an age or of a place, from one that is twice as long to the next; there are no more than 2^64.
const N_PERIODS: usize = 65;

/// The groups of columns: weeks, users' days, places, ages.
const N_GROUPS: usize = 4;
const DAYS: usize = 1;

/// What training says of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moments {
    /// For each user, the seconds of their ratings, ascending.
    times: Vec<Vec<i64>>,
    /// For each item, the second of its first rating; `i64::MAX` for an item without.
    firsts: Vec<i64>,
    /// What follows from these.
    spans: Spans,
}

#[derive(Clone, Debug, PartialEq)]
struct Spans {
    /// All weeks that have a rating, ascending.
    weeks: Vec<i64>,
    /// The days of each user, ascending.
    days: Vec<Vec<i64>>,
    /// Where each user's columns begin.
    starts: Vec<usize>,
    n_days: usize,
}

impl Spans {
    fn of(times: &[Vec<i64>]) -> Self {
        let mut weeks: Vec<i64> = times.iter().flatten().map(|second| second.div_euclid(WEEK)).collect();
        weeks.sort_unstable();
        weeks.dedup();
        let days = times.iter().map(|own| {
            let mut days: Vec<i64> = own.iter().map(|second| second.div_euclid(DAY)).collect();
            days.dedup();
            days
        });
        let days: Vec<Vec<i64>> = days.collect();
        let (mut starts, mut n_days) = (Vec::with_capacity(days.len()), 0);
        for own in &days {
            starts.push(n_days);
            // And one for any other day.
            n_days += own.len() + 1;
        }
        Self { weeks, days, starts, n_days }
    }
}

/// The period of a number from 0: 0, 1 to 2, 3 to 6 and so on.
fn period(number: i64) -> usize {
    (number.max(0) as u64 + 1).ilog2() as usize
}

impl Moments {
    /// What the rows of `train` say, and the columns of each rating.
    pub(super) fn of(train: &Train) -> (Self, Vec<MomentGroup>) {
        let (rows, catalogue) = (&train.fit, &train.catalogue);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let pair = |row: usize| (rows.users()[row], rows.items()[row]);
        order.sort_by_key(|row| pair(*row));
        // Of one pair's rows the last counts, as for stars.
        let last = |at: &usize| order.get(at + 1).is_none_or(|next| pair(*next) != pair(order[*at]));
        let kept: Vec<usize> = (0..order.len()).filter(last).map(|at| order[at]).collect();
        let mut times = vec![Vec::new(); catalogue.n_users()];
        let mut firsts = vec![i64::MAX; catalogue.n_items()];
        for &row in &kept {
            if let Some(second) = rows.timestamps().get(row) {
                times[rows.users()[row].index()].push(second);
                let first = &mut firsts[rows.items()[row].index()];
                *first = second.min(*first);
            }
        }
        times.iter_mut().for_each(|own| own.sort_unstable());
        let moments = Self { spans: Spans::of(&times), times, firsts };
        let mut columns = vec![Vec::new(); N_GROUPS];
        for row in kept {
            let (user, item) = pair(row);
            let of = moments.columns(user.index(), item.index(), rows.timestamps().get(row));
            columns.iter_mut().zip(of).for_each(|(group, column)| group.push(column as u32));
        }
        let ids = |n: usize| (0..n).map(|row| vec![Entry { row: row as u32, value: 1.0 }]).collect();
        let group = |(n, of_ratings)| MomentGroup { block: Block { n_rows: n, groups: vec![ids(n)] }, of_ratings };
        let groups = moments.sizes().into_iter().zip(columns).map(group).collect();
        (moments, groups)
    }

    /// How many columns each group has.
    pub(super) fn sizes(&self) -> [usize; N_GROUPS] {
        [self.spans.weeks.len() + 1, self.spans.n_days, N_PERIODS + 1, N_PERIODS + 1]
    }

    /// The column of each group of a rating at the second `at`.
    pub(super) fn columns(&self, user: usize, item: usize, at: Option<i64>) -> [usize; N_GROUPS] {
        let Spans { weeks, days, starts, .. } = &self.spans;
        let (own, start) = (&days[user], starts[user]);
        let Some(at) = at else { return [weeks.len(), start + own.len(), N_PERIODS, N_PERIODS] };
        let week = weeks.binary_search(&at.div_euclid(WEEK)).unwrap_or(weeks.len());
        let day = at.div_euclid(DAY);
        let times = &self.times[user];
        let before = |second: i64| times.partition_point(|other| *other < second);
        let place = (before(at) - before(day.saturating_mul(DAY))) as i64;
        let first = self.firsts[item];
        let age = if first == i64::MAX { N_PERIODS } else { period(at.saturating_sub(first) / WEEK) };
        [week, start + own.binary_search(&day).unwrap_or(own.len()), period(place), age]
    }

    /// Adds to the users and the intercepts of `sample` what their own ratings' moments add in the mean, which is what
    /// a query without a moment gets; a user's days are told from that mean.
    pub(super) fn settle(&self, sample: &mut Sample, stars: &Stars, groups: &[MomentGroup]) {
        let Sample { moments: weights, users, intercept, .. } = sample;
        let of_rating = |at: usize| -> f64 {
            groups.iter().zip(weights.iter()).map(|(group, weights)| weights[group.of_ratings[at] as usize]).sum()
        };
        let mut at = 0;
        let mut sums = Vec::with_capacity(stars.by_user.len());
        for (_, list) in stars.by_user.iter() {
            sums.push((at..at + list.len()).map(of_rating).sum::<f64>());
            at += list.len();
        }
        let mean = sums.iter().sum::<f64>() / at as f64;
        *intercept += mean;
        for (user, sum) in sums.iter().enumerate() {
            let n = stars.by_user.of(user).len();
            let own = if n == 0 { mean } else { sum / n as f64 };
            users.rows[0][user] += own - mean;
            let start = self.spans.starts[user];
            weights[DAYS][start..=start + self.spans.days[user].len()].iter_mut().for_each(|day| *day -= own);
        }
    }

    /// The rows of a table of all columns that a rating at `at` has.
    pub(super) fn rows(&self, user: usize, item: usize, at: i64) -> [usize; N_GROUPS] {
        let mut rows = self.columns(user, item, Some(at));
        let mut start = 0;
        for (row, size) in rows.iter_mut().zip(self.sizes()) {
            *row += start;
            start += size;
        }
        rows
    }

    /// Adds itself to `weights`: the seconds of each user's ratings, and of each item's first.
    pub(super) fn save(&self, weights: Weights) -> Weights {
        let times = || self.times.iter().flatten().copied();
        let ends = self.times.iter().scan(0, |end, own| {
            *end += own.len() as u64;
            Some(*end)
        });
        let weights = weights.with("times.end", &[self.times.len()], ends);
        let weights = weights.with("times.second", &[times().count()], times());
        weights.with("items.first", &[self.firsts.len()], self.firsts.iter().copied())
    }

    /// Takes out what [`Moments::save`] added, for the same catalogue.
    ///
    /// # Errors
    /// As [`Weights::take`]; seconds that do not ascend.
    pub(super) fn load(weights: &mut Weights, catalogue: &Catalogue) -> Result<Self, LoadError> {
        let n = weights.n_rows("times.second")?;
        let ends: Vec<u64> = weights.take("times.end", &[catalogue.n_users()])?;
        let seconds: Vec<i64> = weights.take("times.second", &[n])?;
        let firsts = weights.take("items.first", &[catalogue.n_items()])?;
        let refuse = |reason: &str| LoadError::Weights { reason: reason.to_owned() };
        if ends.last().is_some_and(|last| *last != n as u64) || !ends.is_sorted() {
            return Err(refuse("its `times.end` do not end at its `times.second`"));
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let of_user = |(start, end): (u64, &u64)| seconds[start as usize..*end as usize].to_vec();
        let times: Vec<Vec<i64>> = starts.zip(&ends).map(of_user).collect();
        if times.iter().any(|own| !own.is_sorted()) {
            return Err(refuse("its seconds of a user do not ascend"));
        }
        Ok(Self { spans: Spans::of(&times), times, firsts })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rating_matrix::tests::three_users;
    use reco_core::{Interaction, Interactions};

    /// Ann rated at noon of day 0, a minute later and nine days later; Bob within 4 minutes of day 1; Cem's first
    /// rating has no time, the second is of day 0.
    pub(in super::super) fn in_time() -> Train {
        let (_, train) = three_users();
        let noon = DAY / 2;
        let days = [0, 1].map(|day| day * DAY + noon);
        let ann = [days[0], days[0] + 60, days[0] + 9 * DAY].map(Some);
        let bob = [0, 1, 2, 3].map(|minute| Some(days[1] + 60 * minute));
        let times: Vec<Option<i64>> = ann.into_iter().chain(bob).chain([None, Some(days[0])]).collect();
        let mut fit = Interactions::builder(0);
        train.fit.iter().zip(times).for_each(|(row, timestamp)| fit.push(Interaction { timestamp, ..row }));
        Train { fit: fit.finish(), ..train }
    }

    #[test]
    fn columns_of_moments_by_hand() {
        let (moments, groups) = Moments::of(&in_time());
        // Two weeks, which begin on Thursdays as 1970 did; days of Ann, Bob, Cem, Dan.
        assert_eq!(moments.sizes(), [3, 3 + 2 + 2 + 1, 66, 66]);
        let of = |group: usize| groups[group].of_ratings.clone();
        assert_eq!(of(0), [0, 0, 1, 0, 0, 0, 0, 2, 0]);
        assert_eq!(of(1), [0, 0, 1, 3, 3, 3, 3, 6, 5]);
        // None before, one before; Bob's second and third have 1 and 2 before, his fourth 3.
        assert_eq!(of(2), [0, 1, 0, 0, 1, 1, 2, 65, 0]);
        // Ann's third is the second of its item; Bob was a week before her there.
        assert_eq!(of(3), [0, 0, 1, 0, 0, 0, 0, 65, 0]);
        // A day and a week that nobody rated in, an item that nobody has, and long before all.
        assert_eq!(moments.columns(0, 4, Some(100 * DAY)), [2, 2, 0, 65]);
        assert_eq!(moments.columns(0, 0, Some(i64::MIN)), [2, 2, 0, 0]);
        assert_eq!(moments.rows(3, 0, 0), [0, 3 + 7, 3 + 8, 3 + 8 + 66]);
    }

    #[test]
    fn it_is_read_back_and_refuses_what_cannot_be() {
        let train = in_time();
        let (moments, _) = Moments::of(&train);
        let weights = || moments.save(Weights::new("x", &train.catalogue));
        assert_eq!(Moments::load(&mut weights(), &train.catalogue).unwrap(), moments);
        let mut other = moments.clone();
        other.times[0].reverse();
        let mut weights = other.save(Weights::new("x", &train.catalogue));
        let error = Moments::load(&mut weights, &train.catalogue).unwrap_err().to_string();
        assert!(error.contains("its seconds of a user do not ascend"), "{error}");
    }
}
