//! The events that a network for lists learns from, and what of them an epoch hides, predicts and sets against them.
//!
//! Does not know networks.
//!
//! **Invariant**: what is drawn for a user in an epoch follows from the seed, the epoch and the user alone; a negative
//! is never an item that the user met, but where the user met nearly all.

use reco_core::Interactions;
use reco_core::random::Draws;

use crate::options::{NegativesBy, NetworkOptions};

/// Turns at drawing a negative that the user did not meet.
const TURNS: usize = 20;

/// What users met.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    /// The items of each user, ascending.
    pub(super) of_users: Vec<Vec<u32>>,
    /// The item of each event, user by user.
    items: Vec<u32>,
    /// How many events each item has.
    counts: Vec<u32>,
}

/// A user in a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) user: u32,
    /// The items that the history has.
    pub(super) kept: Vec<u32>,
    /// The items that are predicted.
    pub(super) targets: Vec<u32>,
    /// For each target as many as there are negatives.
    pub(super) negatives: Vec<u32>,
}

impl Events {
    /// The rows numbered `rows` that are events: those with at least `threshold` stars, or without any.
    pub(super) fn of(
        data: &Interactions,
        rows: std::ops::Range<usize>,
        threshold: f32,
        [n_users, n_items]: [usize; 2],
    ) -> Self {
        let (mut of_users, mut counts) = (vec![Vec::new(); n_users], vec![0; n_items]);
        for row in rows.map(|row| data.row(row)) {
            if row.rating.is_none_or(|rating| rating.stars() >= threshold || threshold == 0.0) {
                of_users[row.user.index()].push(row.item.get());
            }
        }
        for items in &mut of_users {
            items.sort_unstable();
            items.dedup();
            items.iter().for_each(|item| counts[*item as usize] += 1);
        }
        let items = of_users.concat();
        Self { of_users, items, counts }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The users who have any.
    pub(super) fn users(&self) -> Vec<u32> {
        (0..).zip(&self.of_users).filter(|(_, items)| !items.is_empty()).map(|(user, _)| user).collect()
    }

    /// The natural logarithm of an item's chance to be drawn as a negative, for the correction of a sampled softmax.
    pub(super) fn chance(&self, item: u32, by: NegativesBy) -> f32 {
        match by {
            NegativesBy::Uniform => 0.0,
            NegativesBy::Popularity => {
                libm::log(f64::from(self.counts[item as usize].max(1)) / self.items.len() as f64) as f32
            }
        }
    }

    /// What `epoch` asks of a user; without a history all events are predicted.
    pub(super) fn ask(&self, user: u32, epoch: usize, seed: u64, options: &NetworkOptions, history: bool) -> Asked {
        let mut draws = Draws::new(seed.wrapping_add(1), epoch as u32, user);
        let met = &self.of_users[user as usize];
        let mut asked = Asked { user, ..Asked::default() };
        for item in met {
            let hidden = !history || draws.uniform() < options.history_dropout;
            if hidden { &mut asked.targets } else { &mut asked.kept }.push(*item);
        }
        for _ in 0..asked.targets.len() * options.negatives {
            let draw = |draws: &mut Draws| match options.negatives_by {
                NegativesBy::Uniform => (draws.uniform() * self.counts.len() as f64) as u32,
                NegativesBy::Popularity => self.items[(draws.uniform() * self.items.len() as f64) as usize],
            };
            let mut item = draw(&mut draws);
            for _ in 1..TURNS {
                if met.binary_search(&item).is_err() {
                    break;
                }
                item = draw(&mut draws);
            }
            asked.negatives.push(item);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::{Feedback, checkerboard};

    use super::*;

    #[test]
    fn an_epoch_hides_a_share_and_sets_what_was_not_met_against_it() {
        let train = checkerboard(40, Feedback::Events).train;
        let events = Events::of(&train.fit, 0..train.fit.len(), 4.0, [40, 40]);
        assert_eq!((events.len(), events.users().len()), (train.fit.len(), 40), "rows without stars are events");
        let options = NetworkOptions { negatives: 3, history_dropout: 0.3, ..NetworkOptions::default() };
        let mut n_hidden = 0;
        for user in 0..40 {
            let asked = events.ask(user, 1, 7, &options, true);
            let mut all = [asked.kept.clone(), asked.targets.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, events.of_users[user as usize]);
            assert_eq!(asked.negatives.len(), 3 * asked.targets.len());
            assert!(asked.negatives.iter().all(|item| !all.contains(item)));
            assert_eq!(asked.kept, events.ask(user, 1, 7, &options, true).kept);
            n_hidden += asked.targets.len();
            assert_eq!(events.ask(user, 1, 7, &options, false).targets, all, "without a history all are predicted");
        }
        let share = n_hidden as f64 / events.len() as f64;
        assert!((share - 0.3).abs() < 0.05, "{share}");
        assert_ne!(events.ask(0, 1, 7, &options, true).kept, events.ask(0, 2, 7, &options, true).kept);
    }

    #[test]
    fn a_threshold_leaves_rows_with_fewer_stars_out() {
        let train = checkerboard(8, Feedback::Stars).train;
        let events = |threshold| Events::of(&train.fit, 0..train.fit.len(), threshold, [8, 8]);
        assert_eq!((events(0.0).len(), events(4.0).len(), events(5.5).len()), (8 * 6, 8 * 3, 0));
        let popular = events(4.0);
        assert_eq!(popular.chance(0, NegativesBy::Popularity), libm::log(3.0 / 24.0) as f32);
    }
}
