//! The pieces of a step of training for lists that are computed by vectors, share by share and user by user.
//!
//! Does not know in which order they are done, nor threads.
//!
//! **Invariant**: a piece reads and writes what it is given alone; its sums run in one order.

use pulp::{Simd, WithSimd};
use reco_core::lanes::{dots, padded};

use super::super::add;
use super::super::events::{Asked, Events};
use super::super::loss::of_group;
use super::{Pace, Place, Share, Slopes, State, Step, scale};
use crate::arithmetic::{Padded, Rows, add_transposed_product, product};
use crate::options::{Loss, Part};

/// The items' vectors, where they are sums over features.
pub(super) struct Vectors<'a> {
    pub(super) share: &'a mut Share,
    pub(super) features: [Option<&'a Padded>; 2],
}

impl WithSimd for Vectors<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Share { n, items, history, features, vectors, .. } = self.share;
        let rows = [Some(&items.weight), history.as_ref().map(|history| &history.weight)];
        for ((vectors, rows), weight) in vectors.iter_mut().zip(rows).zip(self.features) {
            let (Some(vectors), Some(rows), Some(weight), Some(features)) = (vectors, rows, weight, &features) else {
                continue;
            };
            let zeros = vec![0.0; padded(weight.n_columns())];
            let to = Rows { matrix: &mut *vectors, from: 0 };
            product(simd, *n, Rows { matrix: features, from: 0 }, weight, &zeros, to);
            for row in 0..*n {
                add(simd, 1.0, rows.row(row), vectors.row_mut(row));
            }
        }
    }
}

/// The vector of a user.
pub(super) struct OfAsked<'a> {
    pub(super) step: &'a Step,
    pub(super) asked: &'a Asked,
    pub(super) moment: &'a [f32],
    pub(super) vector: &'a mut [f32],
}

impl WithSimd for OfAsked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { step, asked, moment, vector } = self;
        vector.fill(0.0);
        if step.shape.has(Part::History) {
            for item in &asked.kept {
                let Place { share, item } = step.place(*item);
                add(simd, 1.0, step.shares[share].vector(1, item), vector);
            }
            let scale = scale(asked.kept.len());
            vector.iter_mut().for_each(|x| *x *= scale);
        }
        if let Some(users) = &step.users {
            add(simd, 1.0, users.weight.row(asked.user as usize), vector);
        }
        if let Some(attributes) = &step.attributes {
            let of_user = step.of_users.row(asked.user as usize);
            for (row, number) in (0..attributes.weight.n_rows()).zip(of_user) {
                add(simd, *number, attributes.weight.row(row), vector);
            }
        }
        if let Some(contexts) = &step.contexts {
            for (row, number) in moment.iter().enumerate() {
                add(simd, *number, contexts.weight.row(row), vector);
            }
        }
        vector[step.shape.size] = 1.0;
    }
}

/// The scores of a share, and what the softmax needs of them.
pub(super) struct Forward<'a> {
    pub(super) share: &'a mut Share,
    /// `[size + 1, n_asked]`
    pub(super) transposed: &'a Padded,
    pub(super) asked: &'a [Asked],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { share, transposed, asked } = self;
        let mut scores = std::mem::take(&mut share.scores);
        let zeros = vec![0.0; padded(transposed.n_columns())];
        let vectors = share.vectors[0].as_ref().unwrap_or(&share.items.weight);
        let to = Rows { matrix: &mut scores, from: 0 };
        product(simd, share.n, Rows { matrix: vectors, from: 0 }, transposed, &zeros, to);
        share.events = 0.0;
        for (at, asked) in asked.iter().enumerate() {
            share.own(&asked.kept).for_each(|item| scores.row_mut(item)[at] = f32::NEG_INFINITY);
            share.events += share.own(&asked.targets).map(|item| f64::from(scores.row(item)[at])).sum::<f64>();
        }
        // The least number, so that a share of which all is left out has no infinity.
        share.most.fill(f32::MIN);
        for row in 0..share.n {
            let most = S::as_mut_simd_f32s(&mut share.most).0;
            for (most, score) in most.iter_mut().zip(S::as_simd_f32s(scores.row(row)).0) {
                *most = simd.max_f32s(*most, *score);
            }
        }
        share.sums.fill(0.0);
        for row in 0..share.n {
            let row = &mut scores.row_mut(row)[..asked.len()];
            for ((score, most), sum) in row.iter_mut().zip(&share.most).zip(&mut share.sums) {
                *score = libm::expf(*score - most);
                *sum += *score;
            }
        }
        share.scores = scores;
    }
}

/// The slopes of a share's scores, and the gradients that follow.
pub(super) struct Backward<'a> {
    pub(super) share: &'a mut Share,
    /// By what each user's exponentials are multiplied.
    pub(super) factors: &'a [f32],
    pub(super) vectors: &'a Padded,
    pub(super) asked: &'a [Asked],
    pub(super) weights: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { share, factors, vectors, asked, weights } = self;
        let mut scores = std::mem::take(&mut share.scores);
        for row in 0..share.n {
            let row = S::as_mut_simd_f32s(scores.row_mut(row)).0;
            for (score, factor) in row.iter_mut().zip(S::as_simd_f32s(factors).0) {
                *score = simd.mul_f32s(*score, *factor);
            }
        }
        for (at, (asked, weight)) in asked.iter().zip(weights).enumerate() {
            share.own(&asked.targets).for_each(|item| scores.row_mut(item)[at] -= weight);
        }
        let zeros = vec![0.0; padded(vectors.n_columns())];
        let to = Rows { matrix: &mut share.of_items, from: 0 };
        product(simd, share.n, Rows { matrix: &scores, from: 0 }, vectors, &zeros, to);
        share.of_users.values_mut().fill(0.0);
        let items = share.vectors[0].as_ref().unwrap_or(&share.items.weight);
        add_transposed_product(simd, share.n, Rows { matrix: &scores, from: 0 }, items, &mut share.of_users);
        share.met[0].fill(true);
        share.scores = scores;
    }
}

/// The events of a user and their negatives: slopes of scores, and the gradient of the user's vector.
pub(super) struct Groups<'a> {
    pub(super) step: &'a Step,
    pub(super) asked: &'a Asked,
    pub(super) weight: f32,
    /// The row of the user's vector.
    pub(super) vector: usize,
    pub(super) gradient: &'a mut [f32],
    pub(super) events: &'a Events,
}

impl WithSimd for Groups<'_> {
    type Output = Slopes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Slopes {
        let Self { step, asked, weight, vector, gradient, events } = self;
        let Step { options, shares, vectors, .. } = step;
        gradient.fill(0.0);
        let user = S::as_simd_f32s(vectors.row(vector)).0;
        let mut loss = 0.0;
        let mut met = Vec::with_capacity(asked.targets.len() + asked.negatives.len());
        let (mut scores, mut places) = (Vec::new(), Vec::new());
        for (target, negatives) in asked.targets.iter().zip(asked.negatives.chunks(options.negatives)) {
            scores.clear();
            places.clear();
            for item in std::iter::once(target).chain(negatives) {
                let place = step.place(*item);
                let row = shares[place.share].vector(0, place.item);
                let [mut score] = dots(simd, [[user, S::as_simd_f32s(row).0]]);
                if options.loss == Loss::Softmax {
                    score -= events.chance(*item, options.negatives_by);
                }
                scores.push(score);
                places.push(place);
            }
            loss += of_group(options.loss, &mut scores);
            for (place, slope) in places.iter().zip(&scores) {
                add(simd, weight * slope, shares[place.share].vector(0, place.item), gradient);
                met.push((*place, weight * slope));
            }
        }
        Slopes::new(loss, &met)
    }
}

/// Adds slopes up to the gradients of a share's items.
pub(super) struct Gather<'a> {
    pub(super) share: &'a mut Share,
    /// The number of the share.
    pub(super) at: usize,
    pub(super) slopes: &'a [Slopes],
    pub(super) vectors: &'a Padded,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { share, at, slopes, vectors } = self;
        share.of_items.values_mut().fill(0.0);
        share.met[0].fill(false);
        for (user, slopes) in slopes.iter().enumerate() {
            for (item, slope) in slopes.of_share(at) {
                add(simd, *slope, vectors.row(user), share.of_items.row_mut(*item as usize));
                share.met[0][*item as usize] = true;
            }
        }
    }
}

/// Adam on the embeddings of contexts.
pub(super) struct UpdateContexts<'a> {
    pub(super) contexts: &'a mut State,
    pub(super) gradients: &'a Padded,
    pub(super) asked: &'a [Asked],
    pub(super) events: &'a Events,
    pub(super) pace: Pace,
}

impl WithSimd for UpdateContexts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { contexts, gradients, asked, events, pace } = self;
        let mut gradient = Padded::zeros(contexts.weight.n_rows(), gradients.n_columns());
        for (at, asked) in asked.iter().enumerate() {
            for (row, number) in events.moment(asked).iter().enumerate() {
                add(simd, *number, gradients.row(at), gradient.row_mut(row));
            }
        }
        contexts.update(simd, &mut gradient, None, pace);
    }
}

/// Adam on the users' embeddings and on those of their attributes.
pub(super) struct UpdateUsers<'a> {
    pub(super) users: &'a mut Option<State>,
    pub(super) attributes: &'a mut Option<State>,
    pub(super) of_users: &'a Padded,
    pub(super) gradients: &'a Padded,
    pub(super) asked: &'a [&'a Asked],
    pub(super) paces: [Pace; 2],
}

impl WithSimd for UpdateUsers<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { users, attributes, of_users, gradients, asked, paces } = self;
        let [pace, of_features] = paces;
        if let Some(users) = users {
            let mut place = vec![None; users.weight.n_rows()];
            asked.iter().enumerate().for_each(|(at, asked)| place[asked.user as usize] = Some(at));
            let mut gradient = vec![0.0; padded(gradients.n_columns())];
            for (user, at) in place.into_iter().enumerate().filter(|(_, at)| pace.is_dense || at.is_some()) {
                match at {
                    Some(at) => gradient.copy_from_slice(gradients.row(at)),
                    None => gradient.fill(0.0),
                }
                users.update_row(simd, user, &mut gradient, pace);
            }
        }
        if let Some(attributes) = attributes {
            let mut gradient = Padded::zeros(attributes.weight.n_rows(), gradients.n_columns());
            for (at, asked) in asked.iter().enumerate() {
                for (row, number) in (0..gradient.n_rows()).zip(of_users.row(asked.user as usize)) {
                    add(simd, *number, gradients.row(at), gradient.row_mut(row));
                }
            }
            attributes.update(simd, &mut gradient, None, of_features);
        }
    }
}

/// Adam on a share's items, as they are recommended and as they stand in a history.
pub(super) struct UpdateItems<'a> {
    pub(super) share: &'a mut Share,
    /// Of the users' vectors, times the scale of their history.
    pub(super) gradients: &'a Padded,
    pub(super) asked: &'a [&'a Asked],
    pub(super) pace: Pace,
}

impl WithSimd for UpdateItems<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { share, gradients, asked, pace } = self;
        if share.history.is_some() {
            let (mut of_history, mut met) = (std::mem::take(&mut share.of_history), std::mem::take(&mut share.met[1]));
            of_history.values_mut().fill(0.0);
            met.fill(false);
            for (at, asked) in asked.iter().enumerate() {
                for item in share.own(&asked.kept) {
                    add(simd, 1.0, gradients.row(at), of_history.row_mut(item));
                    met[item] = true;
                }
            }
            (share.of_history, share.met[1]) = (of_history, met);
        }
        let Share { n, items, history, features, of_items, of_history, of_features, met, .. } = share;
        let states = [Some(items), history.as_mut()];
        let gradients = [of_items, of_history];
        for (((state, gradient), of_features), met) in states.into_iter().zip(gradients).zip(of_features).zip(met) {
            let Some(state) = state else { continue };
            if let Some(features) = features {
                of_features.values_mut().fill(0.0);
                add_transposed_product(simd, *n, Rows { matrix: features, from: 0 }, gradient, of_features);
            }
            state.update(simd, gradient, (!pace.is_dense).then_some(met), pace);
        }
    }
}

/// Adam on every row of a table.
pub(super) struct UpdateAll<'a> {
    pub(super) state: &'a mut State,
    pub(super) gradient: &'a mut Padded,
    pub(super) pace: Pace,
}

impl WithSimd for UpdateAll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.state.update(simd, self.gradient, None, self.pace);
    }
}

/// Adds up matrices of one shape.
pub(super) struct Sum<'a> {
    pub(super) sums: &'a [&'a Padded],
    pub(super) to: &'a mut Padded,
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for sum in self.sums {
            add(simd, 1.0, sum.values(), self.to.values_mut());
        }
    }
}
