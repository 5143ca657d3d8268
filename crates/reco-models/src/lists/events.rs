//! The events that a network for lists learns from, and what of them an epoch hides, predicts and sets against them.
//!
//! Does not know networks.
//!
//! **Invariant**: what is drawn for a user in an epoch follows from the seed, the epoch and the user alone; a negative
//! is never an item that the user met, but where the user met nearly all.

use std::collections::BTreeMap;

use reco_core::random::Draws;
use reco_core::{ContextColumn, Interactions};

use super::from_average;
use crate::options::{NegativesBy, NetworkOptions};

/// Turns at drawing a negative that the user did not meet.
const TURNS: usize = 20;

/// What users met.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    /// The items of each user, ascending.
    pub(super) of_users: Vec<Vec<u32>>,
    /// When each of them was, by the number of the moment.
    when: Vec<Vec<u32>>,
    /// Moments as [`from_average`] gives them.
    moments: Vec<Vec<f32>>,
    /// The item of each event, user by user.
    items: Vec<u32>,
    /// How many events each item has.
    counts: Vec<u32>,
}

/// A user in a step, at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) user: u32,
    /// The number of the moment.
    moment: u32,
    /// How many items are predicted of this user in the step, at any moment.
    pub(super) n_hidden: usize,
    /// The items that the history has.
    pub(super) kept: Vec<u32>,
    /// The items that are predicted: those of the moment.
    pub(super) targets: Vec<u32>,
    /// For each target as many as there are negatives.
    pub(super) negatives: Vec<u32>,
}

impl Events {
    /// The rows numbered `rows` that are events: those with at least `threshold` stars, or without any. Moments differ
    /// in these `contexts` alone.
    pub(super) fn of(
        data: &Interactions,
        rows: std::ops::Range<usize>,
        threshold: f32,
        [n_users, n_items]: [usize; 2],
        contexts: &[ContextColumn],
    ) -> Self {
        let (mut events, mut counts) = (vec![Vec::new(); n_users], vec![0; n_items]);
        let (mut moments, mut numbered) = (Vec::new(), BTreeMap::new());
        for row in rows.map(|row| data.row(row)) {
            if row.rating.is_none_or(|rating| rating.stars() >= threshold || threshold == 0.0) {
                let moment = from_average(contexts, row.context);
                let bits: Vec<u32> = moment.iter().map(|number| number.to_bits()).collect();
                let when = *numbered.entry(bits).or_insert_with(|| {
                    moments.push(moment);
                    moments.len() as u32 - 1
                });
                events[row.user.index()].push((row.item.get(), when));
            }
        }
        for events in &mut events {
            events.sort_by_key(|(item, _)| *item);
            events.dedup_by_key(|(item, _)| *item);
            events.iter().for_each(|(item, _)| counts[*item as usize] += 1);
        }
        let (of_users, when): (Vec<Vec<u32>>, _) = events.into_iter().map(|events| events.into_iter().unzip()).unzip();
        let items = of_users.concat();
        Self { of_users, when, moments, items, counts }
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

    /// The moment of a user in a step.
    pub(super) fn moment(&self, asked: &Asked) -> &[f32] {
        self.moments.get(asked.moment as usize).map_or(&[], Vec::as_slice)
    }

    /// What `epoch` asks of a user, moment by moment, once at least; without a history all events are predicted.
    pub(super) fn ask(
        &self,
        user: u32,
        epoch: usize,
        seed: u64,
        options: &NetworkOptions,
        history: bool,
    ) -> Vec<Asked> {
        let mut draws = Draws::new(seed.wrapping_add(1), epoch as u32, user);
        let met = &self.of_users[user as usize];
        let (mut kept, mut hidden) = (Vec::new(), BTreeMap::<u32, Vec<u32>>::new());
        for (item, when) in met.iter().zip(&self.when[user as usize]) {
            let is_hidden = !history || draws.uniform() < options.history_dropout;
            if is_hidden { hidden.entry(*when).or_default() } else { &mut kept }.push(*item);
        }
        let n_hidden = met.len() - kept.len();
        if hidden.is_empty() {
            return vec![Asked { user, kept, ..Asked::default() }];
        }
        let asked = hidden.into_iter().map(|(moment, targets)| {
            let negatives = self.negatives(met, targets.len() * options.negatives, options.negatives_by, &mut draws);
            Asked { user, moment, n_hidden, kept: kept.clone(), targets, negatives }
        });
        asked.collect()
    }

    /// So many items that are not among those `met`.
    fn negatives(&self, met: &[u32], n: usize, by: NegativesBy, draws: &mut Draws) -> Vec<u32> {
        let mut negatives = Vec::with_capacity(n);
        for _ in 0..n {
            let draw = |draws: &mut Draws| match by {
                NegativesBy::Uniform => (draws.uniform() * self.counts.len() as f64) as u32,
                NegativesBy::Popularity => self.items[(draws.uniform() * self.items.len() as f64) as usize],
            };
            let mut item = draw(draws);
            for _ in 1..TURNS {
                if met.binary_search(&item).is_err() {
                    break;
                }
                item = draw(draws);
            }
            negatives.push(item);
        }
        negatives
    }
}

#[cfg(test)]
mod tests {
    use reco_core::testing::{Feedback, checkerboard};
    use reco_core::{Interaction, Target};

    use super::*;

    #[test]
    fn an_epoch_hides_a_share_and_sets_what_was_not_met_against_it() {
        let train = checkerboard(40, Feedback::Events).train;
        let events = Events::of(&train.fit, 0..train.fit.len(), 4.0, [40, 40], &[]);
        assert_eq!((events.len(), events.users().len()), (train.fit.len(), 40), "rows without stars are events");
        let options = NetworkOptions { negatives: 3, history_dropout: 0.3, ..NetworkOptions::default() };
        let mut n_hidden = 0;
        for user in 0..40 {
            let [asked] = &events.ask(user, 1, 7, &options, true)[..] else { panic!("there is one moment") };
            let mut all = [asked.kept.clone(), asked.targets.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, events.of_users[user as usize]);
            assert_eq!(asked.negatives.len(), 3 * asked.targets.len());
            assert!(asked.negatives.iter().all(|item| !all.contains(item)));
            assert_eq!(asked.kept, events.ask(user, 1, 7, &options, true)[0].kept);
            n_hidden += asked.targets.len();
            assert_eq!(events.ask(user, 1, 7, &options, false)[0].targets, all, "without a history all are predicted");
        }
        let share = n_hidden as f64 / events.len() as f64;
        assert!((share - 0.3).abs() < 0.05, "{share}");
        let [first, second] = [1, 2].map(|epoch| events.ask(0, epoch, 7, &options, true).swap_remove(0).kept);
        assert_ne!(first, second);
    }

    #[test]
    fn what_is_hidden_is_asked_for_at_its_own_moment() {
        let mut rows = Interactions::builder(2);
        let catalogue = checkerboard(8, Feedback::Events).train.catalogue;
        let (user, items) = (catalogue.users.at(3).unwrap(), &catalogue.items);
        for (item, hour) in [(0, 6.0), (5, 12.0), (1, 18.0), (3, 6.0), (5, 6.0)] {
            let item = items.at(item).unwrap();
            let context = &[hour, 1.0];
            rows.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context });
        }
        let column = |name: &str, low, mean, high| ContextColumn { name: name.to_owned(), mean, low, high };
        let contexts = [column("hour", 6.0, 9.0, 18.0), column("alike", 1.0, 1.0, 1.0)];
        let events = Events::of(&rows.finish(), 0..5, 0.0, [8, 8], &contexts);
        assert_eq!(events.of_users[3], [0, 1, 3, 5]);
        let options = NetworkOptions { negatives: 2, ..NetworkOptions::default() };
        let asked = events.ask(3, 1, 7, &options, false);
        let found: Vec<_> =
            asked.iter().map(|one| (events.moment(one), &one.targets[..], one.negatives.len())).collect();
        // From an average hour of 9, in a range of 12; the first row of an item counts.
        assert_eq!(found, [(&[-0.25, 0.0][..], &[0, 3][..], 4), (&[0.25, 0.0], &[5], 2), (&[0.75, 0.0], &[1], 2)]);
        assert!(asked.iter().all(|one| (one.user, one.n_hidden) == (3, 4)));
    }

    #[test]
    fn a_threshold_leaves_rows_with_fewer_stars_out() {
        let train = checkerboard(8, Feedback::Stars).train;
        let events = |threshold| Events::of(&train.fit, 0..train.fit.len(), threshold, [8, 8], &[]);
        assert_eq!((events(0.0).len(), events(4.0).len(), events(5.5).len()), (8 * 6, 8 * 3, 0));
        let popular = events(4.0);
        assert_eq!(popular.chance(0, NegativesBy::Popularity), libm::log(3.0 / 24.0) as f32);
    }
}
