//! Says which trials a search makes, round by round.
//!
//! Does not know how a trial is made. The trials of a round depend on those of the rounds before it alone, so that they
//! can be made side by side, in any order.
//!
//! **Invariant**: trial 0 has the options that the experiment has; the same space, seed and values give the same
//! trials.

use reco_core::random::Draws;

use super::config::Method;
use super::space::{Options, Space};
use super::tpe;

/// Trials of a round, where rounds are no part of the method.
const ROUND: usize = 4;

/// Trials at random before the first is proposed.
const STARTUP: usize = 8;

/// The factor by which successive halving raises the training of a round, and lowers its trials.
const HALVING: usize = 3;

/// Rounds of successive halving after the first, at most: the first trains a 27th part.
const MOST_HALVINGS: u32 = 3;

/// One trial that a search asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) number: u32,
    pub(super) options: Options,
    /// How much of a whole training it is, of epochs or of users.
    pub(super) share: f64,
}

/// One trial that was made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    pub(super) proposal: Proposal,
    /// The metric's value, or why there is none.
    pub(super) value: Result<f64, String>,
}

impl Trial {
    /// What is to be low: the value, turned where more of it is better; infinite without one.
    pub(super) fn loss(&self, lower_is_better: bool) -> f64 {
        match self.value {
            Ok(value) if lower_is_better => value,
            Ok(value) => -value,
            Err(_) => f64::INFINITY,
        }
    }
}

/// A search among the options of one approach.
pub(super) struct Search<'a> {
    pub(super) method: Method,
    pub(super) space: &'a Space,
    /// What the experiment has for the options of the space.
    pub(super) defaults: Options,
    pub(super) n_trials: usize,
    pub(super) seed: u64,
    /// Numbers the draws, differently for each approach.
    pub(super) table: u32,
    pub(super) lower_is_better: bool,
}

impl Search<'_> {
    /// The trials of round `round`, after `before`, all trials of the rounds before it; `None` after the last round.
    pub(super) fn round(&self, round: usize, before: &[Trial]) -> Option<Vec<Proposal>> {
        if self.method == Method::SuccessiveHalving {
            return self.halving(round, before);
        }
        let numbers = round * ROUND..((round + 1) * ROUND).min(self.n_trials);
        (!numbers.is_empty())
            .then(|| numbers.map(|number| self.proposal(number, self.options(number, before), 1.0)).collect())
    }

    /// The trials of a round that is to be the last, because there is no more time: none, or the best so far with all
    /// of its training.
    pub(super) fn last_round(&self, before: &[Trial]) -> Vec<Proposal> {
        let is_whole = |trial: &Trial| trial.proposal.share == 1.0;
        if self.method != Method::SuccessiveHalving || before.iter().any(is_whole) {
            return Vec::new();
        }
        let first = before.iter().map(|trial| trial.proposal.number as usize + 1).max().unwrap_or(0);
        let share = before.iter().map(|trial| trial.proposal.share).fold(0.0, f64::max);
        let latest: Vec<Trial> = before.iter().filter(|trial| trial.proposal.share == share).cloned().collect();
        self.promoted(&latest, 1, first, 1.0)
    }

    /// How many trials there will be, at most.
    pub(super) fn n_proposals(&self) -> usize {
        match self.method {
            Method::SuccessiveHalving => (0..=self.n_halvings()).map(|round| self.n_in_round(round)).sum(),
            _ => self.n_trials,
        }
    }

    fn proposal(&self, number: usize, options: Options, share: f64) -> Proposal {
        // A search has fewer trials than 2^32, as it would take longer than anyone lives.
        Proposal { number: u32::try_from(number).unwrap_or(u32::MAX), options, share }
    }

    fn options(&self, number: usize, before: &[Trial]) -> Options {
        if number == 0 {
            return self.defaults.clone();
        }
        let mut draws = Draws::new(self.seed, self.table, u32::try_from(number).unwrap_or(u32::MAX));
        let places = if self.method == Method::Tpe && before.len() >= STARTUP {
            let sizes: Vec<_> = self.space.dimensions.iter().map(|dimension| dimension.n_values()).collect();
            let tried = |trial: &Trial| (self.space.places(&trial.proposal.options), trial.loss(self.lower_is_better));
            tpe::propose(&sizes, &before.iter().map(tried).collect::<Vec<_>>(), &mut draws)
        } else {
            self.space.dimensions.iter().map(|_| draws.uniform()).collect()
        };
        self.space.options(&places)
    }

    fn n_halvings(&self) -> u32 {
        self.n_trials.max(1).ilog(HALVING).min(MOST_HALVINGS)
    }

    /// Trials of a round of successive halving; the defaults stay in it to the end.
    fn n_in_round(&self, round: u32) -> usize {
        match round {
            0 => self.n_trials,
            round => self.n_kept(round) + 1,
        }
    }

    /// The best of the round before that are in `round`.
    fn n_kept(&self, round: u32) -> usize {
        (self.n_trials / HALVING.pow(round)).max(1)
    }

    fn halving(&self, round: usize, before: &[Trial]) -> Option<Vec<Proposal>> {
        let round = u32::try_from(round).ok().filter(|round| *round <= self.n_halvings())?;
        let share = 1.0 / HALVING.pow(self.n_halvings() - round) as f64;
        if round == 0 {
            let all = 0..self.n_trials;
            return Some(all.map(|number| self.proposal(number, self.options(number, &[]), share)).collect());
        }
        let first = (0..round).map(|earlier| self.n_in_round(earlier)).sum();
        let latest = before.iter().map(|trial| trial.proposal.share).fold(0.0, f64::max);
        let latest: Vec<Trial> = before.iter().filter(|trial| trial.proposal.share == latest).cloned().collect();
        Some(self.promoted(&latest, self.n_kept(round), first, share))
    }

    /// The defaults and the `n` best of `latest`, with `share` of their training, numbered from `first`.
    fn promoted(&self, latest: &[Trial], n: usize, first: usize, share: f64) -> Vec<Proposal> {
        let mut order: Vec<&Trial> = latest.iter().filter(|trial| trial.proposal.options != self.defaults).collect();
        order.sort_by(|one, other| one.loss(self.lower_is_better).total_cmp(&other.loss(self.lower_is_better)));
        let best =
            order.into_iter().filter(|trial| trial.value.is_ok()).take(n).map(|trial| trial.proposal.options.clone());
        let options = [self.defaults.clone()].into_iter().chain(best);
        options.enumerate().map(|(at, options)| self.proposal(first + at, options, share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tune::space::{Dimension, Values};

    fn space() -> Space {
        let range = |option: &str| Dimension {
            option: option.to_owned(),
            values: Values::Range { from: 1.0, to: 1000.0, log: true, integer: false },
        };
        Space { dimensions: vec![range("a"), range("b")] }
    }

    fn search(method: Method, space: &Space, n_trials: usize) -> Search<'_> {
        let defaults = json!({ "a": 10.0, "b": 10.0 }).as_object().unwrap().clone();
        Search { method, space, defaults, n_trials, seed: 7, table: 3, lower_is_better: true }
    }

    /// All trials of a search, whose value is the distance from `a` = 100.
    fn made(search: &Search<'_>) -> Vec<Trial> {
        let mut trials = Vec::new();
        for round in 0.. {
            let Some(proposals) = search.round(round, &trials) else { return trials };
            trials.extend(proposals.into_iter().map(|proposal| {
                let value = Ok((libm::log10(proposal.options["a"].as_f64().unwrap()) - 2.0).abs());
                Trial { proposal, value }
            }));
        }
        unreachable!("rounds end")
    }

    #[test]
    fn trials_are_numbered_begin_with_the_defaults_and_repeat() {
        let space = space();
        for (method, _) in Method::ALL {
            let search = search(method, &space, 30);
            let trials = made(&search);
            assert_eq!(trials.len(), search.n_proposals(), "{method:?}");
            assert!(trials.iter().enumerate().all(|(at, trial)| trial.proposal.number as usize == at), "{method:?}");
            assert_eq!(trials[0].proposal.options, search.defaults);
            assert_eq!(trials, made(&search));
            let other = Search { seed: 8, ..self::search(method, &space, 30) };
            assert_ne!(trials[1], made(&other)[1]);
        }
    }

    #[test]
    fn a_shorter_search_is_the_beginning_of_a_longer_one() {
        let space = space();
        for method in [Method::Random, Method::Tpe] {
            let (short, long) = (made(&search(method, &space, 18)), made(&search(method, &space, 30)));
            assert_eq!(short, long[..18]);
        }
    }

    #[test]
    fn the_better_third_goes_on_with_three_times_the_training() {
        let space = space();
        let search = search(Method::SuccessiveHalving, &space, 27);
        let trials = made(&search);
        let of = |share: f64| trials.iter().filter(|trial| trial.proposal.share == share).collect::<Vec<_>>();
        assert_eq!([1.0 / 27.0, 1.0 / 9.0, 1.0 / 3.0, 1.0].map(|share| of(share).len()), [27, 10, 4, 2]);
        let best = of(1.0 / 27.0).into_iter().min_by(|a, b| a.loss(true).total_cmp(&b.loss(true))).unwrap();
        assert_eq!(of(1.0)[1].proposal.options, best.proposal.options);
        assert!([1.0 / 9.0, 1.0 / 3.0, 1.0].iter().all(|share| of(*share)[0].proposal.options == search.defaults));

        let cut = search.last_round(&trials[..30]);
        assert_eq!(cut.len(), 2);
        assert_eq!((cut[0].number, cut[0].share, &cut[0].options), (30, 1.0, &search.defaults));
        assert_eq!(search.last_round(&trials), []);
    }

    #[test]
    fn a_few_trials_are_enough_to_halve() {
        let space = space();
        for n in 1..8 {
            let search = search(Method::SuccessiveHalving, &space, n);
            let trials = made(&search);
            assert_eq!(trials.len(), search.n_proposals().min(trials.len()));
            assert!(trials.last().unwrap().proposal.share == 1.0, "{n}");
        }
    }
}
