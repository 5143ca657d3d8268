//! One step of training a network for lists on the CPU: forward, backward and Adam, by SIMD on all cores.
//!
//! With `H` the vectors of a step's users and `Q` those of the items, scores are `Q Hᵀ`. The loss of a user is the sum
//! over the events that are predicted, divided by the root of their number; that of a step is the mean over its users.
//! Over the whole catalogue, the slopes are `g = w (n p - t)` with the softmax `p`, `n` events `t` of the weight `w`;
//! what a history has is left out of `p`. Then `∂Q = g H` and `∂H = gᵀ Q`, and from them follow all tables'. Adam's
//! equations are those of `adam/mod.rs`. Does not know epochs.
//!
//! **Invariant**: items are divided into shares by their number alone; what shares add up is added in their order, so
//! that neither the number of threads nor the width of vectors changes a bit.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use reco_core::Matrix;
use reco_core::lanes::{arch, dots, padded};

use super::events::{Asked, Events};
use super::loss::of_group;
use super::{Shape, Table, Tables, add};
use crate::adam::Adam;
use crate::arithmetic::{Padded, Rows, add_transposed_product, product};
use crate::description::OfUser;
use crate::fused::adam_step;
use crate::options::{Loss, NetworkOptions};

/// Shares of the items, at most.
const SHARES: usize = 16;

/// A table with its moments.
#[derive(Clone, Debug)]
struct State {
    weight: Padded,
    moments: [Padded; 2],
}

/// A share of the items, with all that a step computes of them.
#[derive(Debug)]
struct Share {
    /// The first item.
    from: usize,
    n: usize,
    items: State,
    history: Option<State>,
    /// `[n, n_features]`, each less its mean.
    features: Option<Padded>,
    /// The items' vectors, as they are recommended and as they stand in a history, where they are more than a row.
    vectors: [Option<Padded>; 2],
    /// `[n, n_asked]`: scores, then their slopes.
    scores: Padded,
    /// Of each user asked: the highest score, and the sum of exponentials of scores less that.
    most: Vec<f32>,
    sums: Vec<f32>,
    /// The sum of the weighted scores of events.
    events: f64,
    /// Gradients.
    of_items: Padded,
    of_history: Padded,
    /// `[n_asked, size + 1]`: what this share adds to the gradient of the users' vectors.
    of_users: Padded,
    /// `[n_features, size + 1]`: the same of features, as recommended and in a history.
    of_features: [Padded; 2],
    /// Which of the rows the step meets, as recommended and in a history.
    met: [Vec<bool>; 2],
}

/// A network for lists, with all that its optimizer keeps.
pub(super) struct Step {
    shape: Shape,
    options: NetworkOptions,
    shares: Vec<Share>,
    n_per_share: usize,
    users: Option<State>,
    attributes: Option<State>,
    /// Of items, as recommended and in a history.
    features: [Option<State>; 2],
    /// `[n_users, n_attributes]`, each less its mean.
    of_users: Padded,
    /// `[n_asked, size + 1]`: the users' vectors and their gradients.
    vectors: Padded,
    gradients: Padded,
    /// `[size + 1, n_asked]`
    transposed: Padded,
    adam: Adam,
    step: usize,
}

/// What is computed of a user: the slopes of scores of items, and the loss.
#[derive(Debug, Default)]
struct Slopes {
    of: Vec<(u32, f32)>,
    loss: f64,
}

impl State {
    fn new(weight: Padded) -> Self {
        let zeros = || Padded::zeros(weight.n_rows(), weight.n_columns());
        Self { moments: [zeros(), zeros()], weight }
    }

    /// Adam on each row that is `met`, or on all.
    #[inline(always)]
    fn update<S: Simd>(&mut self, simd: S, gradient: &mut Padded, met: Option<&[bool]>, pace: Pace) {
        for row in (0..gradient.n_rows()).filter(|row| met.is_none_or(|met| met[*row])) {
            self.update_row(simd, row, gradient.row_mut(row), pace);
        }
    }

    /// Adam on a row; its gradient is `gradient` with the decay.
    #[inline(always)]
    fn update_row<S: Simd>(&mut self, simd: S, row: usize, gradient: &mut [f32], pace: Pace) {
        let bias = self.weight.n_columns() - 1;
        let of_bias = gradient[bias];
        add(simd, pace.decay, self.weight.row(row), gradient);
        gradient[bias] = of_bias;
        let [m, v] = &mut self.moments;
        adam_step(simd, [self.weight.row_mut(row), m.row_mut(row), v.row_mut(row)], gradient, pace.rate);
    }
}

/// How far a step goes.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rate: f32,
    decay: f32,
    /// Whether rows that the step does not meet move on.
    is_dense: bool,
}

impl Step {
    /// Copies the numbers of `tables`; features are less their means, and steps have at most `n_asked` users.
    pub(super) fn new(
        tables: &Tables,
        options: &NetworkOptions,
        item_features: &Matrix,
        user_features: &Matrix,
        n_asked: usize,
    ) -> Self {
        let shape = tables.shape;
        let (n_items, width) = (shape.n_items, shape.size + 1);
        let n_per_share = n_items.div_ceil(SHARES).max(1);
        let state = |table| tables.get(table).map(|rows| State::new(rows.clone()));
        let part = |table, from: usize, n: usize| {
            let rows = tables.get(table)?;
            let mut own = Padded::zeros(n, width);
            (0..n).for_each(|row| own.row_mut(row).copy_from_slice(rows.row(from + row)));
            Some(State::new(own))
        };
        let zeros = |n_rows| Padded::zeros(n_rows, width);
        let is_sampled = options.negatives > 0;
        let shares = (0..n_items).step_by(n_per_share).map(|from| {
            let n = n_per_share.min(n_items - from);
            let n_features = shape.rows(Table::Features);
            let features = n_features.map(|n_features| {
                Padded::of(&item_features.values()[from * n_features..][..n * n_features], n_features)
            });
            let history = part(Table::History, from, n);
            Share {
                from,
                n,
                items: part(Table::Items, from, n).expect("items always have a table"),
                vectors: [n_features, n_features.filter(|_| history.is_some())].map(|some| some.map(|_| zeros(n))),
                of_history: zeros(if history.is_some() { n } else { 0 }),
                history,
                features,
                scores: if is_sampled { Padded::default() } else { Padded::zeros(n, n_asked) },
                most: vec![0.0; padded(n_asked)],
                sums: vec![0.0; padded(n_asked)],
                events: 0.0,
                of_items: zeros(n),
                of_users: zeros(if is_sampled { 0 } else { n_asked }),
                of_features: [0; 2].map(|_| zeros(n_features.unwrap_or(0))),
                met: [0; 2].map(|_| vec![false; n]),
            }
        });
        Self {
            shares: shares.collect(),
            n_per_share,
            users: state(Table::Users),
            attributes: state(Table::Attributes),
            features: [state(Table::Features), state(Table::HistoryFeatures)],
            of_users: Padded::of(user_features.values(), user_features.n_columns()),
            vectors: zeros(n_asked),
            gradients: zeros(n_asked),
            transposed: Padded::zeros(width, n_asked),
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
            shape,
            options: options.clone(),
        }
    }

    /// The network as it stands.
    pub(super) fn tables(&self) -> Tables {
        self.numbers(|state| &state.weight)
    }

    /// The first moments as if they were weights.
    #[cfg(test)]
    pub(super) fn first_moments(&self) -> Tables {
        self.numbers(|state| &state.moments[0])
    }

    fn numbers(&self, which: impl Fn(&State) -> &Padded) -> Tables {
        let whole = |state: &Option<State>| state.as_ref().map(|state| which(state).clone());
        let of_shares = |of: &dyn Fn(&Share) -> Option<&State>| {
            let mut rows = Padded::zeros(self.shape.n_items, self.shape.size + 1);
            for share in &self.shares {
                let own = which(of(share)?);
                (0..share.n).for_each(|row| rows.row_mut(share.from + row).copy_from_slice(own.row(row)));
            }
            Some(rows)
        };
        let of = Table::ALL.map(|table| match table {
            Table::Users => whole(&self.users),
            Table::Attributes => whole(&self.attributes),
            Table::History => of_shares(&|share| share.history.as_ref()),
            Table::HistoryFeatures => whole(&self.features[1]),
            Table::Items => of_shares(&|share| Some(&share.items)),
            Table::Features => whole(&self.features[0]),
        });
        Tables { shape: self.shape, of }
    }

    /// One step over the users `asked`; returns the sum of the losses of their events.
    pub(super) fn step(&mut self, asked: &[Asked], events: &Events) -> f64 {
        self.step += 1;
        let arch = arch();
        let features = self.features.each_ref().map(|state| state.as_ref().map(|state| &state.weight));
        self.shares.par_iter_mut().for_each(|share| arch.dispatch(Vectors { share, features }));

        // The users' vectors.
        let stride = padded(self.shape.size + 1);
        let mut vectors = std::mem::take(&mut self.vectors);
        vectors.values_mut().par_chunks_mut(stride).enumerate().for_each(|(at, vector)| match asked.get(at) {
            Some(asked) => arch.dispatch(OfAsked { step: self, asked, vector }),
            None => vector.fill(0.0),
        });
        self.vectors = vectors;

        let weights: Vec<f32> = asked.iter().map(|one| weight(one, asked.len())).collect();
        let loss = if self.options.negatives == 0 {
            self.over_all(asked, &weights)
        } else {
            self.over_negatives(asked, &weights, events)
        };
        // The 1 beside each vector is not learned.
        let bias = self.shape.size;
        (0..asked.len()).for_each(|row| self.gradients.row_mut(row)[bias] = 0.0);
        self.update(asked);
        loss
    }

    /// The softmax over the whole catalogue: gradients of items, and of users' vectors.
    fn over_all(&mut self, asked: &[Asked], weights: &[f32]) -> f64 {
        let arch = arch();
        let Self { vectors, transposed, gradients, shares, .. } = self;
        vectors.transpose_into(transposed);
        shares.par_iter_mut().for_each(|share| arch.dispatch(Forward { share, transposed, asked }));
        // The logarithm of the sum of exponentials, over all shares.
        let (mut loss, mut factors) = (0.0, vec![vec![0.0; padded(transposed.n_columns())]; shares.len()]);
        for (at, (one, weight)) in asked.iter().zip(weights).enumerate() {
            let n_targets = one.targets.len() as f32;
            let most = shares.iter().map(|share| share.most[at]).fold(f32::MIN, f32::max);
            let sum: f32 = shares.iter().map(|share| share.sums[at] * libm::expf(share.most[at] - most)).sum();
            if n_targets > 0.0 {
                loss += f64::from(n_targets) * (f64::from(most) + libm::log(f64::from(sum)));
                for (share, factors) in shares.iter().zip(&mut factors) {
                    factors[at] = weight * n_targets * libm::expf(share.most[at] - most) / sum;
                }
            }
        }
        loss -= shares.iter().map(|share| share.events).sum::<f64>();
        shares.par_iter_mut().zip(&factors).for_each(|(share, factors)| {
            arch.dispatch(Backward { share, factors, vectors, asked, weights });
        });
        gradients.values_mut().fill(0.0);
        let sums: Vec<&Padded> = shares.iter().map(|share| &share.of_users).collect();
        arch.dispatch(Sum { sums: &sums, to: gradients });
        loss
    }

    /// A loss over drawn negatives: the same gradients.
    fn over_negatives(&mut self, asked: &[Asked], weights: &[f32], events: &Events) -> f64 {
        let arch = arch();
        let stride = padded(self.shape.size + 1);
        let mut gradients = std::mem::take(&mut self.gradients);
        let rows: Vec<_> = asked.iter().zip(weights).zip(gradients.values_mut().chunks_mut(stride)).collect();
        let slopes: Vec<Slopes> = rows
            .into_par_iter()
            .enumerate()
            .map(|(at, ((asked, weight), gradient))| {
                arch.dispatch(Groups { step: self, asked, weight: *weight, vector: at, gradient, events })
            })
            .collect();
        self.gradients = gradients;
        let vectors = &self.vectors;
        self.shares.par_iter_mut().for_each(|share| arch.dispatch(Gather { share, slopes: &slopes, vectors }));
        slopes.iter().map(|one| one.loss).sum()
    }

    /// Adam on all tables.
    fn update(&mut self, asked: &[Asked]) {
        let arch = arch();
        let Self { shape, options, shares, users, attributes, features, of_users, gradients, adam, step, .. } = self;
        let is_dense = adam.is_dense();
        let pace = Pace { rate: adam.rate(*step) as f32, decay: options.weight_decay as f32, is_dense };
        let of_features = Pace { decay: options.feature_decay as f32, ..pace };
        let paces = [pace, of_features];
        arch.dispatch(UpdateUsers { users, attributes, of_users, gradients, asked, paces });
        if shape.sums(OfUser::History) {
            for (at, one) in asked.iter().enumerate() {
                let scale = scale(one.kept.len());
                gradients.row_mut(at).iter_mut().for_each(|x| *x *= scale);
            }
        }
        shares.par_iter_mut().for_each(|share| arch.dispatch(UpdateItems { share, gradients, asked, pace }));
        for (which, state) in features.iter_mut().enumerate() {
            if let Some(state) = state {
                let sums: Vec<&Padded> = shares.iter().map(|share| &share.of_features[which]).collect();
                let mut gradient = Padded::zeros(sums[0].n_rows(), shape.size + 1);
                arch.dispatch(Sum { sums: &sums, to: &mut gradient });
                arch.dispatch(UpdateAll { state, gradient: &mut gradient, pace: of_features });
            }
        }
    }
}

/// What each event of a user weighs in a step of `n_asked` users.
fn weight(asked: &Asked, n_asked: usize) -> f32 {
    1.0 / ((asked.targets.len().max(1) as f32).sqrt() * n_asked as f32)
}

/// By what the sum over a history of `n` items is multiplied.
pub(super) fn scale(n: usize) -> f32 {
    1.0 / (n.max(1) as f32).sqrt()
}

impl Share {
    /// The vector of an item, as it is recommended (0) or stands in a history (1), by its number in the share.
    #[inline(always)]
    fn vector(&self, which: usize, item: usize) -> &[f32] {
        let state = if which == 0 { Some(&self.items) } else { self.history.as_ref() };
        let rows = self.vectors[which].as_ref().or(state.map(|state| &state.weight));
        rows.expect("a history is there where it is read").row(item)
    }

    /// The numbers of those of `items`, ascending, that this share has.
    fn own<'a>(&self, items: &'a [u32]) -> impl Iterator<Item = usize> + 'a + use<'a> {
        let from = self.from;
        let [first, last] = [from, from + self.n].map(|bound| items.partition_point(|item| (*item as usize) < bound));
        items[first..last].iter().map(move |item| *item as usize - from)
    }
}

/// The items' vectors, where they are sums over features.
struct Vectors<'a> {
    share: &'a mut Share,
    features: [Option<&'a Padded>; 2],
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
struct OfAsked<'a> {
    step: &'a Step,
    asked: &'a Asked,
    vector: &'a mut [f32],
}

impl WithSimd for OfAsked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { step, asked, vector } = self;
        vector.fill(0.0);
        if step.shape.sums(OfUser::History) {
            for item in &asked.kept {
                let (share, item) = (*item as usize / step.n_per_share, *item as usize % step.n_per_share);
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
        vector[step.shape.size] = 1.0;
    }
}

/// The scores of a share, and what the softmax needs of them.
struct Forward<'a> {
    share: &'a mut Share,
    /// `[size + 1, n_asked]`
    transposed: &'a Padded,
    asked: &'a [Asked],
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
struct Backward<'a> {
    share: &'a mut Share,
    /// By what each user's exponentials are multiplied.
    factors: &'a [f32],
    vectors: &'a Padded,
    asked: &'a [Asked],
    weights: &'a [f32],
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
struct Groups<'a> {
    step: &'a Step,
    asked: &'a Asked,
    weight: f32,
    /// The row of the user's vector.
    vector: usize,
    gradient: &'a mut [f32],
    events: &'a Events,
}

impl WithSimd for Groups<'_> {
    type Output = Slopes;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Slopes {
        let Self { step, asked, weight, vector, gradient, events } = self;
        let Step { options, n_per_share, shares, vectors, .. } = step;
        gradient.fill(0.0);
        let user = S::as_simd_f32s(vectors.row(vector)).0;
        let mut found = Slopes::default();
        let mut scores = Vec::with_capacity(1 + options.negatives);
        for (target, negatives) in asked.targets.iter().zip(asked.negatives.chunks(options.negatives)) {
            scores.clear();
            for item in std::iter::once(target).chain(negatives) {
                let row = shares[*item as usize / n_per_share].vector(0, *item as usize % n_per_share);
                let [mut score] = dots(simd, [[user, S::as_simd_f32s(row).0]]);
                if options.loss == Loss::Softmax {
                    score -= events.chance(*item, options.negatives_by);
                }
                scores.push(score);
            }
            found.loss += of_group(options.loss, &mut scores);
            for (item, slope) in std::iter::once(target).chain(negatives).zip(&scores) {
                let row = shares[*item as usize / n_per_share].vector(0, *item as usize % n_per_share);
                add(simd, weight * slope, row, gradient);
                found.of.push((*item, weight * slope));
            }
        }
        found
    }
}

/// Adds slopes up to the gradients of a share's items.
struct Gather<'a> {
    share: &'a mut Share,
    slopes: &'a [Slopes],
    vectors: &'a Padded,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { share, slopes, vectors } = self;
        share.of_items.values_mut().fill(0.0);
        share.met[0].fill(false);
        for (at, slopes) in slopes.iter().enumerate() {
            for (item, slope) in &slopes.of {
                if let Some(item) = (*item as usize).checked_sub(share.from).filter(|item| *item < share.n) {
                    add(simd, *slope, vectors.row(at), share.of_items.row_mut(item));
                    share.met[0][item] = true;
                }
            }
        }
    }
}

/// Adam on the users' embeddings and on those of their attributes.
struct UpdateUsers<'a> {
    users: &'a mut Option<State>,
    attributes: &'a mut Option<State>,
    of_users: &'a Padded,
    gradients: &'a Padded,
    asked: &'a [Asked],
    paces: [Pace; 2],
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
struct UpdateItems<'a> {
    share: &'a mut Share,
    /// Of the users' vectors, times the scale of their history.
    gradients: &'a Padded,
    asked: &'a [Asked],
    pace: Pace,
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
struct UpdateAll<'a> {
    state: &'a mut State,
    gradient: &'a mut Padded,
    pace: Pace,
}

impl WithSimd for UpdateAll<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.state.update(simd, self.gradient, None, self.pace);
    }
}

/// Adds up matrices of one shape.
struct Sum<'a> {
    sums: &'a [&'a Padded],
    to: &'a mut Padded,
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
