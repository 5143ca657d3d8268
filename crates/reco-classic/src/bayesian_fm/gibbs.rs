//! Fits a factorization machine of users and items by Gibbs sampling, over blocks of repeated rows.
//!
//! The row of a rating is that of its user beside that of its item: `x = (x_u, x_i)`. The machine expects
//! `w_0 + Σ_c w_c x_c + Σ_f ½ ((Σ_c v_cf x_c)² - Σ_c v_cf² x_c²)` (Rendle 2012, "Factorization Machines with libFM",
//! equation 1), which is `w_0 + own_u + own_i + p_u · q_i`, where `own` holds all that one row adds by itself and `p`
//! and `q` are the sums `Σ_c v_cf x_c`. Each number is drawn from its normal distribution given all others, then means
//! and precisions of each group of columns, and the precision of the noise (the same, section 4.3, and Freudenthaler
//! et al. 2011, "Bayesian Factorization Machines"). Sums over the ratings of a row are kept once for the row, so that a
//! column costs its entries, not its ratings (Rendle 2013, "Scaling Factorization Machines to Relational Data", section
//! 4). Does not know what columns mean, nor who asks.
//!
//! **Invariant**: one thread runs an epoch of a chain, and its chance is drawn for the chain: the number of threads
//! changes no bit. A column without ratings has the mean of its group.

use reco_core::random::Draws;
use reco_core::{Catalogue, FitError, LoadError, Progress, Run, Weights, parallel};

use super::ordinal::Cutpoints;
use super::side::{Block, Side, SideSample};
use crate::error::ClassicError;
use crate::rating_matrix::{RatingMatrix, Stars};

/// What is drawn, and how much of it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Products of numbers in each pair.
    pub(super) n_factors: usize,
    /// Standard deviation of the initial factors; weights start at 0.
    pub(super) init_std: f32,
    /// Epochs before the first sample is kept.
    pub(super) burn_in: usize,
    /// Epochs of which samples are kept.
    pub(super) epochs: usize,
    /// Chains, each from a start of its own.
    pub(super) n_chains: usize,
    /// How many samples of each chain are kept, no more than `epochs`.
    pub(super) n_kept: usize,
}

/// What a rating is to the machine.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A number with normal noise.
    Gaussian,
    /// A level, for each rating by user and item: an ordered probit.
    Levels {
        /// Of each rating.
        of_ratings: Vec<u8>,
        /// How many there are.
        n: usize,
    },
}

/// The numbers of one epoch. What is listed by plane has that of the weights first, then those of the factors.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) intercept: f64,
    /// Precision of the noise; 1 for levels.
    pub(super) precision: f64,
    pub(super) cutpoints: Vec<f64>,
    pub(super) users: SideSample,
    pub(super) items: SideSample,
    /// The weights of each group of moments.
    pub(super) moments: Vec<Vec<f64>>,
}

/// A group of columns of which each rating has one.
pub(super) struct MomentGroup {
    /// A row for each column.
    pub(super) block: Block,
    /// The column of each rating, by user and item.
    pub(super) of_ratings: Vec<u32>,
}

/// Draws samples of the machine given `stars`, those of one chain after those of another.
///
/// # Errors
/// Numbers that are not finite, an interruption.
pub(super) fn samples(
    stars: &Stars,
    blocks: [&Block; 2],
    moments: &[MomentGroup],
    output: &Output,
    settings: Settings,
    (approach, catalogue): (&'static str, &Catalogue),
    run: &Run<'_>,
) -> Result<Vec<Sample>, FitError> {
    let n_epochs = settings.burn_in.saturating_add(settings.epochs);
    let begun = || -> Vec<Chain<'_>> {
        let draws = |number: usize| Draws::new(run.seed, number as u32, 0);
        let chain = |number| Chain::new(stars, blocks, moments, output, settings, draws(number));
        (0..settings.n_chains).map(chain).collect()
    };
    let left = run.epochs_from_checkpoint(approach, catalogue, n_epochs, |state| {
        let mut chains = begun();
        for (number, chain) in chains.iter_mut().enumerate() {
            state.read_part(&format!("chains.{number}"), |state| chain.take(state))?;
        }
        Ok(chains)
    });
    let (n_done, mut chains) = left.unwrap_or_else(|| (0, begun()));
    let n_turns = |epochs: usize| epochs.saturating_mul(settings.n_chains);
    run.progress.begin(approach, n_turns(n_epochs), stars.len());
    run.progress.skip(n_turns(n_done).saturating_mul(stars.len()));
    for epoch in n_done..n_epochs {
        run.keep_epochs_if_due(approach, catalogue, epoch, |state| {
            let with = |state: Weights, (number, chain): (usize, &Chain<'_>)| {
                state.with_part(&format!("chains.{number}"), chain.keep())
            };
            chains.iter().enumerate().fold(state, with)
        });
        let mut turns: Vec<Result<(), FitError>> = chains.iter().map(|_| Ok(())).collect();
        // Errors of ratings are made anew in each turn: a thread's memory serves all its chains.
        parallel::each(chains.iter_mut().zip(&mut turns).collect(), Vec::new, |errors, (chain, turn)| {
            std::mem::swap(errors, &mut chain.errors);
            *turn = chain.turn(epoch, settings, approach, run.progress);
            std::mem::swap(errors, &mut chain.errors);
        });
        turns.into_iter().collect::<Result<(), _>>()?;
    }
    run.progress.end();
    Ok(chains.into_iter().flat_map(|chain| chain.samples).collect())
}

/// A chain of samples. Ratings are by user, then by item.
struct Chain<'a> {
    stars: &'a Stars,
    output: &'a Output,
    users: Side<'a>,
    items: Side<'a>,
    moments: Vec<(Side<'a>, &'a [u32])>,
    intercept: f64,
    precision: f64,
    cutpoints: Cutpoints,
    /// What is expected, then what is given less that.
    errors: Vec<f64>,
    moved: Vec<[f64; 2]>,
    draws: Draws,
    samples: Vec<Sample>,
}

impl<'a> Chain<'a> {
    fn new(
        stars: &'a Stars,
        blocks: [&'a Block; 2],
        moments: &'a [MomentGroup],
        output: &'a Output,
        settings: Settings,
        mut draws: Draws,
    ) -> Self {
        let counts = |ratings: &RatingMatrix| ratings.iter().map(|(_, list)| list.len()).collect::<Vec<_>>();
        let [users, items] = blocks;
        let users = Side::new(users, &counts(&stars.by_user), settings, &mut draws);
        let items = Side::new(items, &counts(&stars.by_item), settings, &mut draws);
        let moment = |group: &'a MomentGroup| {
            let mut counts = vec![0; group.block.n_rows];
            group.of_ratings.iter().for_each(|column| counts[*column as usize] += 1);
            let settings = Settings { n_factors: 0, ..settings };
            (Side::new(&group.block, &counts, settings, &mut draws), group.of_ratings.as_slice())
        };
        let moments = moments.iter().map(moment).collect();
        let (intercept, n_levels) = match output {
            Output::Gaussian => (stars.mean, 1),
            // The cutpoints have its place.
            Output::Levels { n, .. } => (0.0, *n),
        };
        Self {
            stars,
            output,
            users,
            items,
            moments,
            intercept,
            precision: 1.0,
            cutpoints: Cutpoints::new(n_levels),
            errors: Vec::new(),
            moved: Vec::new(),
            draws,
            samples: Vec::new(),
        }
    }

    /// An epoch, counted from 0, and a sample of it if it is one of those that are kept.
    fn turn(
        &mut self,
        epoch: usize,
        settings: Settings,
        approach: &'static str,
        progress: &dyn Progress,
    ) -> Result<(), FitError> {
        if progress.interrupted() {
            return Err(FitError::Interrupted);
        }
        if !self.epoch() {
            return Err(ClassicError::TooLarge { approach }.into());
        }
        if let Some(at) = epoch.checked_sub(settings.burn_in) {
            // Evenly among the epochs.
            let n_kept = |at: usize| at as u128 * settings.n_kept as u128 / settings.epochs as u128;
            if n_kept(at + 1) > n_kept(at) {
                self.samples.push(Sample {
                    intercept: self.intercept,
                    precision: self.precision,
                    cutpoints: self.cutpoints.values().to_vec(),
                    users: self.users.sample(),
                    items: self.items.sample(),
                    moments: self.moments.iter().map(|(side, _)| side.own.clone()).collect(),
                });
            }
        }
        progress.advance(self.stars.len());
        Ok(())
    }

    /// All that it has between two epochs.
    fn keep(&self) -> Weights {
        let cutpoints = self.cutpoints.values();
        let state = Weights::default()
            .with("common", &[2], [self.intercept, self.precision])
            .with("cutpoints", &[cutpoints.len()], cutpoints.iter().copied())
            .with_value("draws", self.draws.state())
            .with_value("n_samples", self.samples.len());
        let state = self.items.keep("items", self.users.keep("users", state));
        let moments = self.moments.iter().enumerate();
        let state = moments.fold(state, |state, (at, (side, _))| side.keep(&format!("moments.{at}"), state));
        let samples = self.samples.iter().enumerate();
        samples.fold(state, |state, (at, sample)| state.with_part(&format!("samples.{at}"), sample.keep()))
    }

    /// Takes what [`Chain::keep`] gave.
    fn take(&mut self, state: &mut Weights) -> Result<(), LoadError> {
        let common: Vec<f64> = state.take("common", &[2])?;
        (self.intercept, self.precision) = (common[0], common[1]);
        let n_cutpoints = self.cutpoints.values().len();
        self.cutpoints = Cutpoints::of(state.take("cutpoints", &[n_cutpoints])?);
        self.draws = Draws::from_state(state.take_value("draws")?);
        self.users.take("users", state)?;
        self.items.take("items", state)?;
        for (at, (side, _)) in self.moments.iter_mut().enumerate() {
            side.take(&format!("moments.{at}"), state)?;
        }
        let n_samples: usize = state.take_value("n_samples")?;
        for at in 0..n_samples {
            let moments = self.moments.iter().map(|(side, _)| side.own.len());
            let sides = [&self.users, &self.items];
            let take = |state: &mut Weights| Sample::take(state, sides, moments, n_cutpoints);
            self.samples.push(state.read_part(&format!("samples.{at}"), take)?);
        }
        Ok(())
    }

    /// Draws every number once. Returns whether what is expected is finite.
    fn epoch(&mut self) -> bool {
        self.expect();
        let largest = self.errors.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()));
        if !(largest < 1e100 && self.errors.iter().all(|number| number.is_finite())) {
            return false;
        }
        self.compare();
        for plane in 0..=self.users.factors.len() {
            self.users_begin(plane);
            self.users.sweep(plane, self.precision, &mut self.draws);
            self.users.end(plane, &mut self.moved);
            self.items_begin(plane);
            self.items.sweep(plane, self.precision, &mut self.draws);
            self.items.end(plane, &mut self.moved);
            if plane == 0 {
                self.sweep_moments();
            }
        }
        true
    }

    /// Writes what is expected of each rating.
    fn expect(&mut self) {
        self.errors.resize(self.stars.len(), 0.0);
        let mut rest = self.errors.as_mut_slice();
        let mut factors = vec![0.0; self.users.factors.len()];
        // By item, since a user's items are read one after the other.
        let n_factors = factors.len();
        let mut of_items = vec![0.0; self.items.own.len() * n_factors];
        for (at, plane) in self.items.factors.iter().enumerate() {
            plane.iter().enumerate().for_each(|(item, factor)| of_items[item * n_factors + at] = *factor);
        }
        for (user, list) in self.stars.by_user.iter() {
            let (errors, after) = std::mem::take(&mut rest).split_at_mut(list.len());
            rest = after;
            factors.iter_mut().zip(&self.users.factors).for_each(|(factor, plane)| *factor = plane[user]);
            let own = self.intercept + self.users.own[user];
            for (error, entry) in errors.iter_mut().zip(list) {
                let q = &of_items[entry.index() * n_factors..][..n_factors];
                let pairs: f64 = factors.iter().zip(q).map(|(p, q)| p * q).sum();
                *error = own + self.items.own[entry.index()] + pairs;
            }
        }
        for (side, columns) in &self.moments {
            self.errors.iter_mut().zip(*columns).for_each(|(error, column)| *error += side.own[*column as usize]);
        }
        // The first sweep moves nothing before it.
        self.moved.clear();
        self.moved.resize(self.items.own.len(), [0.0; 2]);
    }

    /// Turns what is expected into errors, and draws what concerns all ratings.
    fn compare(&mut self) {
        let Self { stars, errors, draws, .. } = self;
        match self.output {
            Output::Gaussian => {
                let given = stars.by_user.iter().flat_map(|(_, list)| list);
                errors.iter_mut().zip(given).for_each(|(error, entry)| *error = f64::from(entry.value) - *error);
                let n = errors.len() as f64;
                let squares: f64 = errors.iter().map(|error| error * error).sum();
                self.precision = draws.gamma((1.0 + n) / 2.0) / ((1.0 + squares) / 2.0);
                let sum = self.precision * n + 1.0;
                let mean = self.precision * (errors.iter().sum::<f64>() + n * self.intercept) / sum;
                let moved = mean + draws.normal() / sum.sqrt() - self.intercept;
                self.intercept += moved;
                errors.iter_mut().for_each(|error| *error -= moved);
            }
            Output::Levels { of_ratings, .. } => {
                self.cutpoints.draw(errors, of_ratings, draws);
                for (error, level) in errors.iter_mut().zip(of_ratings) {
                    *error = self.cutpoints.hidden(usize::from(*level), *error, draws) - *error;
                }
            }
        }
    }

    /// Draws the weights of moments, right after those of items.
    fn sweep_moments(&mut self) {
        let Self { moments, errors, moved, draws, .. } = self;
        if moments.is_empty() {
            return;
        }
        let items = self.stars.by_user.iter().flat_map(|(_, list)| list);
        errors.iter_mut().zip(items).for_each(|(error, entry)| *error -= moved[entry.index()][0]);
        for (side, columns) in moments {
            side.begin(0);
            errors.iter().zip(*columns).for_each(|(error, column)| side.rows[*column as usize].errors += error);
            side.sweep(0, self.precision, draws);
            side.end(0, moved);
            errors.iter_mut().zip(*columns).for_each(|(error, column)| *error -= moved[*column as usize][0]);
        }
        // The items' next sweep follows these.
        moved.clear();
        moved.resize(self.items.own.len(), [0.0; 2]);
    }

    /// Takes from the errors what the items' sweep before moved, and sums them for the users' sweep of `plane`.
    fn users_begin(&mut self, plane: usize) {
        self.users.begin(plane);
        // The plane of that sweep: the weights', which have no factors, or a factor's.
        let before = plane.checked_sub(2).map(|factor| self.users.factors[factor].as_slice());
        let q = plane.checked_sub(1).map(|factor| self.items.factors[factor].as_slice());
        let mut rest = self.errors.as_mut_slice();
        for (user, list) in self.stars.by_user.iter() {
            let (errors, after) = std::mem::take(&mut rest).split_at_mut(list.len());
            rest = after;
            let p = before.map_or(0.0, |factors| factors[user]);
            let row = &mut self.users.rows[user];
            for (error, entry) in errors.iter_mut().zip(list) {
                let [own, grown] = self.moved[entry.index()];
                *error -= own + grown * p;
                row.errors += *error;
                if let Some(q) = q {
                    let q = q[entry.index()];
                    row.errors_q += *error * q;
                    row.q += q;
                    row.q_squared += q * q;
                }
            }
        }
    }

    /// Takes from the errors what the users' sweep of `plane` moved, and sums them for the items' sweep of it.
    fn items_begin(&mut self, plane: usize) {
        self.items.begin(plane);
        let factor = plane.checked_sub(1);
        let q = factor.map(|factor| self.items.factors[factor].as_slice());
        let p = factor.map(|factor| self.users.factors[factor].as_slice());
        let mut rest = self.errors.as_mut_slice();
        for (user, list) in self.stars.by_user.iter() {
            let (errors, after) = std::mem::take(&mut rest).split_at_mut(list.len());
            rest = after;
            let [own, grown] = self.moved[user];
            let p = p.map_or(0.0, |p| p[user]);
            for (error, entry) in errors.iter_mut().zip(list) {
                let row = &mut self.items.rows[entry.index()];
                *error -= own + q.map_or(0.0, |q| grown * q[entry.index()]);
                row.errors += *error;
                row.errors_q += *error * p;
                row.q += p;
                row.q_squared += p * p;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::side::{Prior, sums_of_pairs};
    use super::*;
    use crate::rating_matrix::Entry;
    use crate::rating_matrix::tests::three_users;
    use reco_core::{DeviceChoice, Silent};

    const RUN: Run<'_> = Run { seed: 1, device: DeviceChoice::Cpu, progress: &Silent };

    const SETTINGS: Settings = Settings { n_factors: 3, init_std: 0.5, burn_in: 2, epochs: 5, n_chains: 2, n_kept: 3 };

    /// The lists of a matrix's columns, from rows of numbers.
    fn columns(rows: &[&[f32]]) -> RatingMatrix {
        let entry = |(row, value): (usize, f32)| (value != 0.0).then_some(Entry { row: row as u32, value });
        let column = |at: usize| rows.iter().map(|row| row[at]).enumerate().filter_map(entry).collect();
        (0..rows[0].len()).map(column).collect()
    }

    /// Four users, of whom Dan has no ratings, and five items, of which one has none: ids, and two features.
    fn world() -> (Stars, [Block; 2]) {
        let stars = Stars::new(&three_users().1, "x").unwrap();
        let ids = |n: usize| (0..n as u32).map(|row| vec![Entry { row, value: 1.0 }]).collect::<RatingMatrix>();
        let of_users = columns(&[&[1.0, 0.0], &[0.5, 2.0], &[0.0, 1.0], &[1.0, 1.0]]);
        let of_items = columns(&[&[1.0, 0.3], &[0.0, 1.0], &[1.0, 0.0], &[0.5, 0.5], &[0.0, 1.0]]);
        let users = Block { n_rows: 4, groups: vec![ids(4), of_users] };
        let items = Block { n_rows: 5, groups: vec![ids(5), of_items] };
        (stars, [users, items])
    }

    fn chain<'a>(stars: &'a Stars, [users, items]: &'a [Block; 2], output: &'a Output) -> Chain<'a> {
        Chain::new(stars, [users, items], &[], output, SETTINGS, Draws::new(1, 0, 0))
    }

    /// All columns of a row with their numbers, each with its weight and its factors.
    fn row_of(side: &Side<'_>, row: usize) -> Vec<(f64, Vec<f64>)> {
        let mut found = Vec::new();
        for group in &side.groups {
            for (column, list) in group.columns.iter() {
                if let Some(entry) = list.iter().find(|entry| entry.index() == row) {
                    let weights = group.weights.iter().map(|plane| plane[column]).collect();
                    found.push((f64::from(entry.value), weights));
                }
            }
        }
        found
    }

    /// The definition, pair by pair.
    fn machine(intercept: f64, row: &[(f64, Vec<f64>)]) -> f64 {
        let mut sum = intercept;
        for (at, (x, weights)) in row.iter().enumerate() {
            sum += x * weights[0];
            for (y, others) in &row[..at] {
                sum += x * y * weights[1..].iter().zip(&others[1..]).map(|(a, b)| a * b).sum::<f64>();
            }
        }
        sum
    }

    #[test]
    fn what_is_kept_for_rows_is_what_the_definition_says() {
        let (stars, blocks) = world();
        let output = Output::Gaussian;
        // Nine ratings in columns 0 and 1, and none in column 2.
        let ids = (0..3).map(|row| vec![Entry { row, value: 1.0 }]).collect::<RatingMatrix>();
        let of_ratings = vec![0, 1, 0, 0, 1, 1, 0, 1, 1];
        let groups = [MomentGroup { block: Block { n_rows: 3, groups: vec![ids] }, of_ratings }];
        let [users, items] = &blocks;
        let mut chain = Chain::new(&stars, [users, items], &groups, &output, SETTINGS, Draws::new(1, 0, 0));
        for _ in 0..4 {
            assert!(chain.epoch());
            let (moments, of_ratings) = &chain.moments[0];
            let mean = moments.groups[0].priors[0].mean;
            assert!(moments.own[0] != moments.own[1] && (moments.own[2] - mean).abs() < 1e-9);
            let added: Vec<f64> = of_ratings.iter().map(|column| moments.own[*column as usize]).collect();
            // What the last sweep moved is not in the errors yet.
            let last = chain.users.factors.last().unwrap().clone();
            let mut errors = chain.errors.clone();
            let pairs = || stars.by_user.iter().flat_map(|(user, list)| list.iter().map(move |entry| (user, *entry)));
            for (error, (user, entry)) in errors.iter_mut().zip(pairs()) {
                let [own, grown] = chain.moved[entry.index()];
                *error -= own + grown * last[user];
            }
            chain.expect();
            let found = errors.iter().zip(&chain.errors).zip(added);
            for (((error, expected), added), (user, entry)) in found.zip(pairs()) {
                let row = [row_of(&chain.users, user), row_of(&chain.items, entry.index())].concat();
                let defined = machine(chain.intercept, &row) + added;
                assert!((expected - defined).abs() < 1e-9, "{expected} {defined}");
                assert!((error + expected - f64::from(entry.value)).abs() < 1e-9, "{error} {expected}");
            }
        }
    }

    #[test]
    fn a_column_is_drawn_by_how_expected_numbers_grow_with_it() {
        let (stars, blocks) = world();
        let output = Output::Gaussian;
        let mut chain = chain(&stars, &blocks, &output);
        chain.epoch();
        // For each column of the users' features, and their first factor: sums over ratings by the definition.
        let (group, plane) = (1, 1);
        chain.expect();
        chain.compare();
        chain.users_begin(plane);
        for (column, list) in chain.users.groups[group].columns.iter() {
            let old = chain.users.groups[group].weights[plane][column];
            let found = sums_of_pairs(&chain.users.rows, list, old);
            let (mut squares, mut errors, mut at) = (0.0, 0.0, 0);
            for (user, ratings) in stars.by_user.iter() {
                for rating in ratings {
                    let item = row_of(&chain.items, rating.index());
                    let before = machine(0.0, &[row_of(&chain.users, user), item.clone()].concat());
                    chain.users.groups[group].weights[plane][column] = old + 1.0;
                    let slope = machine(0.0, &[row_of(&chain.users, user), item].concat()) - before;
                    chain.users.groups[group].weights[plane][column] = old;
                    squares += slope * slope;
                    errors += slope * chain.errors[at];
                    at += 1;
                }
            }
            assert!(
                (found.0 - squares).abs() < 1e-9 && (found.1 - errors).abs() < 1e-9,
                "{found:?} {squares} {errors}"
            );
        }
    }

    #[test]
    fn without_noise_a_weight_is_the_mean_of_its_errors() {
        let (stars, blocks) = world();
        let output = Output::Gaussian;
        let mut chain = chain(&stars, &blocks, &output);
        for row in &mut chain.users.rows {
            row.errors = 2.0 * row.n;
        }
        chain.users.sweep(0, 1e12, &mut chain.draws);
        let ids = &chain.users.groups[0];
        assert!(ids.weights[0][..3].iter().all(|weight| (weight - 2.0).abs() < 1e-4), "{:?}", ids.weights[0]);
        // Dan's is the mean of the group, and nothing is left of the others' errors.
        assert_eq!(ids.weights[0][3], ids.priors[0].mean);
        assert!(chain.users.rows.iter().all(|row| row.errors.abs() < 1e-3));
        let mut moved = Vec::new();
        chain.users.end(0, &mut moved);
        assert!((moved[0][0] - 2.0).abs() < 1e-3 && moved[0][1] == 0.0);
    }

    #[test]
    fn priors_follow_many_columns() {
        let mut draws = Draws::new(2, 0, 0);
        let numbers: Vec<f64> = (0..5000).map(|_| 2.0 + 0.5 * draws.normal()).collect();
        let mut prior = Prior { mean: 0.0, precision: 1.0 };
        for _ in 0..3 {
            prior.draw(5000.0, || numbers.iter().copied(), &mut draws);
        }
        assert!((prior.mean - 2.0).abs() < 0.05 && (prior.precision - 4.0).abs() < 0.4, "{prior:?}");
        // Without columns there is the prior of priors.
        prior.draw(0.0, std::iter::empty, &mut draws);
        assert!(prior.mean.is_finite() && prior.precision > 0.0);
    }

    #[test]
    fn samples_are_kept_evenly_from_every_chain() {
        let (stars, blocks) = world();
        let of_ratings: Vec<u8> = stars.by_user.iter().flat_map(|(_, list)| list).map(|e| e.value as u8 - 1).collect();
        let catalogue = reco_core::testing::catalogue(4, 5);
        let of = ("x", &catalogue);
        for output in [Output::Gaussian, Output::Levels { of_ratings, n: 5 }] {
            let draw = || samples(&stars, [&blocks[0], &blocks[1]], &[], &output, SETTINGS, of, &RUN).unwrap();
            let found = draw();
            assert_eq!(found.len(), 6);
            let intercepts: Vec<f64> = found.iter().map(|sample| sample.users.rows[0][0]).collect();
            assert!((1..6).all(|at| !intercepts[..at].contains(&intercepts[at])), "{intercepts:?}");
            assert_eq!(intercepts, draw().iter().map(|sample| sample.users.rows[0][0]).collect::<Vec<_>>());
            assert_eq!(found[0].cutpoints.len(), if matches!(output, Output::Gaussian) { 0 } else { 4 });
            assert!(found.iter().all(|sample| sample.cutpoints.is_sorted()));
        }
        let wild = Settings { init_std: f32::MAX, n_factors: 3, ..SETTINGS };
        let output = Output::Gaussian;
        let mut chain = Chain::new(&stars, [&blocks[0], &blocks[1]], &[], &output, wild, Draws::new(1, 0, 0));
        chain.users.own[0] = f64::INFINITY;
        let error = chain.turn(0, wild, "x", &Silent).unwrap_err().to_string();
        assert!(error.starts_with("`x` drew numbers that are too large to compute with\nhint: "), "{error}");
    }
}
