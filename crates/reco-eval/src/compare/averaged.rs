//! The difference of a metric between two recommenders, with an interval over the users they share.
//!
//! Uses the metric's own average, over users or over all users' rated rows, so that the difference is that of the two
//! numbers shown. Does not know metrics.
//!
//! **Invariant**: exchanging A and B gives the other sign and the same width; every number is finite.

use super::distribution::t_quantile;
use super::paired::ARITHMETIC;
use crate::Interval;
use crate::metric::Average;

/// The fewest users that have an interval: of fewer, even all on one side could be luck.
const ENOUGH: usize = 6;

/// One user's values of A and B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// Rated test rows.
    pub n_rated: usize,
    /// The value of A.
    pub a: f64,
    /// The value of B.
    pub b: f64,
}

/// The numbers of A and B over the same users, and how far apart they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averaged {
    /// Users.
    pub n: usize,
    /// The number of A.
    pub a: f64,
    /// The number of B.
    pub b: f64,
    /// B - A.
    pub difference: f64,
    /// Its 95 % interval by Student's t, the users being drawn with all their rows; `None` for fewer than six users,
    /// and where all have the same difference that is not zero: there is no spread to judge by.
    pub interval: Option<Interval>,
}

impl Averaged {
    /// The averages over `users` and their difference; `None` without users, and where none of them has weight.
    ///
    /// An average over rows is a ratio of two sums over users, and its root a function of that: what each user changes
    /// is taken to first order (the delta method; Cochran 1977, "Sampling Techniques", 6.3).
    pub fn of(users: &[Shared], average: Average) -> Option<Self> {
        let terms = |of: fn(&Shared) -> f64| users.iter().map(move |user| average.term(of(user), user.n_rated as f64));
        let (terms_a, terms_b) = (|| terms(|user| user.a), || terms(|user| user.b));
        let total: f64 = terms_a().map(|(_, weight)| weight).sum();
        if total <= 0.0 {
            return None;
        }
        let mean_a = terms_a().map(|(term, weight)| weight * term).sum::<f64>() / total;
        let mean_b = terms_b().map(|(term, weight)| weight * term).sum::<f64>() / total;
        let (a, b) = (average.of_mean(mean_a), average.of_mean(mean_b));
        let (slope_a, slope_b) = (average.slope(mean_a), average.slope(mean_b));
        let n = users.len() as f64;
        let square = |((term_a, weight), (term_b, _)): ((f64, f64), (f64, f64))| {
            let moved = slope_b * (term_b - mean_b) - slope_a * (term_a - mean_a);
            (weight * n / total * moved).powi(2)
        };
        let squares: f64 = terms_a().zip(terms_b()).map(square).sum();
        let largest = users.iter().fold(0.0_f64, |largest, user| largest.max(user.a.abs()).max(user.b.abs()));
        let told = |number: f64| if number.abs() <= ARITHMETIC * largest { 0.0 } else { number };
        let difference = told(b - a);
        let deviation = told((squares / (n - 1.0)).sqrt());
        let tells = users.len() >= ENOUGH && (deviation > 0.0 || difference == 0.0);
        let interval = tells.then(|| {
            let half = deviation / n.sqrt() * t_quantile(0.05, n - 1.0);
            Interval { low: difference - half, high: difference + half }
        });
        Some(Self { n: users.len(), a, b, difference, interval })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Paired;
    use super::*;

    /// Users who differ in rows and in errors.
    fn users() -> Vec<Shared> {
        let user = |n: u32| Shared {
            n_rated: 1 + (n % 9) as usize,
            a: 0.6 + 0.05 * f64::from(n % 11),
            b: 0.55 + 0.05 * f64::from(n % 11) + 0.02 * f64::from(n % 7),
        };
        (0..200).map(user).collect()
    }

    #[test]
    fn over_users_it_is_the_paired_difference() {
        let averaged = Averaged::of(&users(), Average::OverUsers).unwrap();
        let paired = Paired::of(&users().iter().map(|user| (user.a, user.b)).collect::<Vec<_>>()).unwrap();
        let (ours, theirs) = (averaged.interval.unwrap(), paired.interval.unwrap());
        assert!((averaged.difference - paired.difference).abs() < 1e-12);
        assert!((ours.low - theirs.low).abs() < 1e-12 && (ours.high - theirs.high).abs() < 1e-12);
    }

    #[test]
    fn over_rows_the_numbers_are_those_of_a_table_and_their_interval_is_that_of_users_drawn_again() {
        let users = users();
        for average in [Average::OverRows, Average::RootMeanSquareOverRows] {
            let averaged = Averaged::of(&users, average).unwrap();
            let of = |users: &[Shared], value: fn(&Shared) -> f64| {
                let rows: f64 = users.iter().map(|user| user.n_rated as f64).sum();
                let power = if average == Average::OverRows { 1 } else { 2 };
                let sum: f64 = users.iter().map(|user| user.n_rated as f64 * value(user).powi(power)).sum();
                (sum / rows).powf(1.0 / f64::from(power))
            };
            assert!((averaged.a - of(&users, |user| user.a)).abs() < 1e-12);
            assert!((averaged.difference - (averaged.b - averaged.a)).abs() < 1e-15);
            // Drawn again with replacement, 4,000 times, by a fixed stream.
            let mut state = 1_u64;
            let mut drawn: Vec<f64> = (0..4000)
                .map(|_| {
                    let again: Vec<Shared> = (0..users.len())
                        .map(|_| {
                            state =
                                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                            users[(state >> 33) as usize % users.len()]
                        })
                        .collect();
                    of(&again, |user| user.b) - of(&again, |user| user.a)
                })
                .collect();
            drawn.sort_by(f64::total_cmp);
            let Interval { low, high } = averaged.interval.unwrap();
            let width = high - low;
            assert!((drawn[100] - low).abs() < 0.08 * width, "{average:?}: {} and {low}", drawn[100]);
            assert!((drawn[3899] - high).abs() < 0.08 * width, "{average:?}: {} and {high}", drawn[3899]);
        }
    }

    #[test]
    fn of_nobody_there_is_nothing_and_of_few_no_interval() {
        assert_eq!(Averaged::of(&[], Average::OverUsers), None);
        let one = Shared { n_rated: 0, a: 1.0, b: 2.0 };
        assert_eq!(Averaged::of(&[one], Average::OverRows), None, "no rated row");
        assert_eq!(Averaged::of(&[one], Average::OverUsers).unwrap().interval, None);
        let user = |a: f64, b: f64| Shared { n_rated: 1, a, b };
        let five: Vec<Shared> = (0..5).map(|n| user(0.0, f64::from(n))).collect();
        assert_eq!(Averaged::of(&five, Average::OverUsers).unwrap().interval, None, "too few to tell");
        let six: Vec<Shared> = (0..6).map(|n| user(0.0, f64::from(n))).collect();
        assert!(Averaged::of(&six, Average::OverUsers).unwrap().interval.is_some());
        let alike = [user(0.25, 0.5); 20];
        assert_eq!(Averaged::of(&alike, Average::OverUsers).unwrap().interval, None, "no spread to judge by");
        // 0.3 - 0.1 is not 0.2: by arithmetic alone.
        let noise = [user(0.2, 0.3 - 0.1); 20];
        let noise = Averaged::of(&noise, Average::OverUsers).unwrap();
        assert_eq!((noise.difference, noise.interval), (0.0, Some(Interval { low: 0.0, high: 0.0 })));
        let perfect = [user(0.0, 0.0); 6];
        let same = Averaged::of(&perfect, Average::RootMeanSquareOverRows).unwrap();
        assert_eq!(same.interval, Some(Interval { low: 0.0, high: 0.0 }));
    }
}
