//! What is kept of the chains of Gibbs sampling between two epochs, as tensors.
//!
//! Does not know how anything is drawn, nor how chains take turns.
//!
//! **Invariant**: a side has the numbers that it was kept with, to the bit; sums over ratings are not among them, as
//! each epoch makes them anew.

use std::slice;

use reco_core::{LoadError, Weights};

use super::gibbs::Sample;
use super::side::{Prior, Side, SideSample};

/// Adds lists of one length as `[n_lists, n]`.
fn with_lists(state: Weights, name: &str, lists: &[Vec<f64>]) -> Weights {
    let n = lists.first().map_or(0, Vec::len);
    state.with(name, &[lists.len(), n], lists.iter().flatten().copied())
}

fn with_priors(state: Weights, name: &str, priors: &[Prior]) -> Weights {
    state.with(name, &[priors.len(), 2], priors.iter().flat_map(|prior| [prior.mean, prior.precision]))
}

fn take_priors(state: &mut Weights, name: &str, n: usize) -> Result<Vec<Prior>, LoadError> {
    let numbers: Vec<f64> = state.take(name, &[n, 2])?;
    Ok(numbers.chunks(2).map(|prior| Prior { mean: prior[0], precision: prior[1] }).collect())
}

impl Side<'_> {
    /// Adds all numbers that it has between two epochs, by names that begin with `name`.
    pub(super) fn keep(&self, name: &str, state: Weights) -> Weights {
        let state = with_lists(state, &format!("{name}.own"), slice::from_ref(&self.own));
        let state = with_lists(state, &format!("{name}.factors"), &self.factors);
        self.groups.iter().enumerate().fold(state, |state, (at, group)| {
            let state = with_lists(state, &format!("{name}.{at}.weights"), &group.weights);
            with_priors(state, &format!("{name}.{at}.priors"), &group.priors)
        })
    }

    /// Takes out what [`Side::keep`] added.
    pub(super) fn take(&mut self, name: &str, state: &mut Weights) -> Result<(), LoadError> {
        let n_rows = self.own.len();
        self.own = state.take(&format!("{name}.own"), &[1, n_rows])?;
        let n_in_each = if self.factors.is_empty() { 0 } else { n_rows };
        self.factors = state.take_rows(&format!("{name}.factors"), self.factors.len(), n_in_each)?;
        for (at, group) in self.groups.iter_mut().enumerate() {
            let (n_planes, n_columns) = (group.weights.len(), group.columns.len());
            group.weights = state.take_rows(&format!("{name}.{at}.weights"), n_planes, n_columns)?;
            group.priors = take_priors(state, &format!("{name}.{at}.priors"), n_planes)?;
        }
        Ok(())
    }
}

impl SideSample {
    fn keep(&self, name: &str, state: Weights) -> Weights {
        let state = with_lists(state, &format!("{name}.rows"), &self.rows);
        let state = with_priors(state, &format!("{name}.ids"), &self.ids);
        self.columns
            .iter()
            .enumerate()
            .fold(state, |state, (at, planes)| with_lists(state, &format!("{name}.{at}.columns"), planes))
    }

    /// That of `side`.
    fn take(side: &Side<'_>, name: &str, state: &mut Weights) -> Result<Self, LoadError> {
        let n_planes = 1 + side.factors.len();
        let rows = state.take_rows(&format!("{name}.rows"), n_planes, side.own.len())?;
        let ids = take_priors(state, &format!("{name}.ids"), n_planes)?;
        let columns = side
            .groups
            .iter()
            .enumerate()
            .map(|(at, group)| state.take_rows(&format!("{name}.{at}.columns"), n_planes, group.columns.len()));
        Ok(Self { rows, columns: columns.collect::<Result<_, _>>()?, ids })
    }
}

impl Sample {
    /// All of it.
    pub(super) fn keep(&self) -> Weights {
        let state = Weights::default().with("common", &[2], [self.intercept, self.precision]).with(
            "cutpoints",
            &[self.cutpoints.len()],
            self.cutpoints.iter().copied(),
        );
        let state = self.items.keep("items", self.users.keep("users", state));
        self.moments
            .iter()
            .enumerate()
            .fold(state, |state, (at, weights)| with_lists(state, &format!("moments.{at}"), slice::from_ref(weights)))
    }

    /// What [`Sample::keep`] gave, of a chain with these sides and so many cutpoints.
    pub(super) fn take(
        state: &mut Weights,
        [users, items]: [&Side<'_>; 2],
        moments: impl Iterator<Item = usize>,
        n_cutpoints: usize,
    ) -> Result<Self, LoadError> {
        let common: Vec<f64> = state.take("common", &[2])?;
        Ok(Self {
            intercept: common[0],
            precision: common[1],
            cutpoints: state.take("cutpoints", &[n_cutpoints])?,
            users: SideSample::take(users, "users", state)?,
            items: SideSample::take(items, "items", state)?,
            moments: moments
                .enumerate()
                .map(|(at, n)| state.take(&format!("moments.{at}"), &[1, n]))
                .collect::<Result<_, _>>()?,
        })
    }
}
