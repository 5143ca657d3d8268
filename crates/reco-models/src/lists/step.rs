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

mod work;

use pulp::Simd;
use rayon::prelude::*;
use reco_core::Matrix;
use reco_core::lanes::{arch, padded};

use self::work::{
    Backward, Forward, Gather, Groups, OfAsked, Sum, UpdateAll, UpdateContexts, UpdateItems, UpdateUsers, Vectors,
};
use super::events::{Asked, Events};
use super::{Shape, Table, Tables, add};
use crate::adam::Adam;
use crate::arithmetic::Padded;
use crate::fused::adam_step;
use crate::options::{NetworkOptions, Part};

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
    contexts: Option<State>,
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

/// What is computed of a user: the slopes of scores, and the loss.
#[derive(Debug, Default)]
struct Slopes {
    /// By the item's number in its share, share after share.
    of: Vec<(u32, f32)>,
    /// Where those of each share end.
    ends: [u32; SHARES],
    loss: f64,
}

impl Slopes {
    /// Sorts slopes by their shares, in each in the order in which they come.
    fn new(loss: f64, met: &[(Place, f32)]) -> Self {
        let mut starts = [0; SHARES];
        met.iter().for_each(|(place, _)| starts[place.share] += 1);
        let mut sum = 0;
        starts.iter_mut().for_each(|n| (*n, sum) = (sum, sum + *n));
        // Each start moves on to the end.
        let (mut of, mut ends) = (vec![(0, 0.0); met.len()], starts);
        for (place, slope) in met {
            let end = &mut ends[place.share];
            of[*end as usize] = (place.item as u32, *slope);
            *end += 1;
        }
        Self { of, ends, loss }
    }

    /// Those of a share.
    fn of_share(&self, share: usize) -> &[(u32, f32)] {
        let start = share.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.of[start as usize..self.ends[share] as usize]
    }
}

/// An item by its share and its number there.
#[derive(Clone, Copy, Debug)]
struct Place {
    share: usize,
    item: usize,
}

impl State {
    fn new(weight: Padded) -> Self {
        let zeros = || Padded::zeros(weight.n_rows(), weight.n_columns());
        Self { moments: [zeros(), zeros()], weight }
    }

    /// The weight (0) or one of its moments (1, 2).
    fn part(&self, which: usize) -> &Padded {
        which.checked_sub(1).map_or(&self.weight, |moment| &self.moments[moment])
    }

    fn part_mut(&mut self, which: usize) -> &mut Padded {
        match which.checked_sub(1) {
            None => &mut self.weight,
            Some(moment) => &mut self.moments[moment],
        }
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
    /// Copies the numbers of `tables`; features are less their means.
    pub(super) fn new(
        tables: &Tables,
        options: &NetworkOptions,
        item_features: &Matrix,
        user_features: &Matrix,
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
                scores: Padded::default(),
                most: Vec::new(),
                sums: Vec::new(),
                events: 0.0,
                of_items: zeros(n),
                of_users: Padded::default(),
                of_features: [0; 2].map(|_| zeros(n_features.unwrap_or(0))),
                met: [0; 2].map(|_| vec![false; n]),
            }
        });
        Self {
            shares: shares.collect(),
            n_per_share,
            users: state(Table::Users),
            attributes: state(Table::Attributes),
            contexts: state(Table::Contexts),
            features: [state(Table::Features), state(Table::HistoryFeatures)],
            of_users: Padded::of(user_features.values(), user_features.n_columns()),
            vectors: Padded::default(),
            gradients: Padded::default(),
            transposed: Padded::default(),
            adam: Adam::new(options.learning_rate, options.optimizer),
            step: 0,
            shape,
            options: options.clone(),
        }
    }

    fn place(&self, item: u32) -> Place {
        Place { share: item as usize / self.n_per_share, item: item as usize % self.n_per_share }
    }

    /// The network as it stands (0), or one of its moments as if they were weights (1, 2).
    pub(super) fn tables(&self, which: usize) -> Tables {
        let whole = |state: &Option<State>| state.as_ref().map(|state| state.part(which).clone());
        let of_shares = |of: &dyn Fn(&Share) -> Option<&State>| {
            let mut rows = Padded::zeros(self.shape.n_items, self.shape.size + 1);
            for share in &self.shares {
                let own = of(share)?.part(which);
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
            Table::Contexts => whole(&self.contexts),
        });
        Tables { shape: self.shape, of }
    }

    /// Takes what [`Step::tables`] gave.
    pub(super) fn set(&mut self, which: usize, tables: &Tables) {
        let Self { shares, users, attributes, contexts, features: [features, history_features], .. } = self;
        let whole = [
            (Table::Users, users),
            (Table::Attributes, attributes),
            (Table::Contexts, contexts),
            (Table::Features, features),
            (Table::HistoryFeatures, history_features),
        ];
        for (table, state) in whole {
            if let (Some(rows), Some(state)) = (tables.get(table), state) {
                state.part_mut(which).clone_from(rows);
            }
        }
        for share in shares {
            for (table, state) in [(Table::Items, Some(&mut share.items)), (Table::History, share.history.as_mut())] {
                let (Some(rows), Some(state)) = (tables.get(table), state) else { continue };
                let own = state.part_mut(which);
                (0..share.n).for_each(|row| own.row_mut(row).copy_from_slice(rows.row(share.from + row)));
            }
        }
    }

    /// The steps so far, and the users and moments that there is room for.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.step, self.vectors.n_rows())
    }

    /// Takes what [`Step::counts`] gave.
    pub(super) fn set_counts(&mut self, (step, n_asked): (usize, usize)) {
        self.step = step;
        self.hold(n_asked);
    }

    /// Room for `n_asked` users and moments.
    fn hold(&mut self, n_asked: usize) {
        if self.vectors.n_rows() >= n_asked {
            return;
        }
        let width = self.shape.size + 1;
        self.vectors = Padded::zeros(n_asked, width);
        self.gradients = Padded::zeros(n_asked, width);
        if self.options.negatives == 0 {
            self.transposed = Padded::zeros(width, n_asked);
            for share in &mut self.shares {
                share.scores = Padded::zeros(share.n, n_asked);
                [share.most, share.sums] = [0; 2].map(|_| vec![0.0; padded(n_asked)]);
                share.of_users = Padded::zeros(n_asked, width);
            }
        }
    }

    /// One step over the users `asked`, each with its moments in a row; returns the sum of the losses of their events.
    pub(super) fn step(&mut self, asked: &[Asked], events: &Events) -> f64 {
        self.step += 1;
        self.hold(asked.len());
        let arch = arch();
        let features = self.features.each_ref().map(|state| state.as_ref().map(|state| &state.weight));
        self.shares.par_iter_mut().for_each(|share| arch.dispatch(Vectors { share, features }));

        // The users' vectors.
        let stride = padded(self.shape.size + 1);
        let mut vectors = std::mem::take(&mut self.vectors);
        vectors.values_mut().par_chunks_mut(stride).enumerate().for_each(|(at, vector)| match asked.get(at) {
            Some(asked) => arch.dispatch(OfAsked { step: self, asked, moment: events.moment(asked), vector }),
            None => vector.fill(0.0),
        });
        self.vectors = vectors;

        let n_users = asked.chunk_by(|one, next| one.user == next.user).count();
        let weights: Vec<f32> = asked.iter().map(|one| weight(one, n_users)).collect();
        let loss = if self.options.negatives == 0 {
            self.over_all(asked, &weights)
        } else {
            self.over_negatives(asked, &weights, events)
        };
        // The 1 beside each vector is not learned.
        let bias = self.shape.size;
        (0..asked.len()).for_each(|row| self.gradients.row_mut(row)[bias] = 0.0);
        self.update(asked, events);
        loss
    }

    /// Adds the gradients of a user's moments up; returns the first moment of each user, whose rows these are.
    fn join<'a>(&mut self, asked: &'a [Asked]) -> Vec<&'a Asked> {
        let mut users: Vec<&Asked> = Vec::with_capacity(asked.len());
        for (at, one) in asked.iter().enumerate() {
            let is_same = users.last().is_some_and(|last| last.user == one.user);
            if !is_same {
                users.push(one);
            }
            let to = users.len() - 1;
            if to < at {
                let own = self.gradients.row(at).to_vec();
                let sum = self.gradients.row_mut(to);
                sum.iter_mut().zip(own).for_each(|(sum, own)| *sum = if is_same { *sum + own } else { own });
            }
        }
        users
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
        self.shares
            .par_iter_mut()
            .enumerate()
            .for_each(|(at, share)| arch.dispatch(Gather { share, at, slopes: &slopes, vectors }));
        slopes.iter().map(|one| one.loss).sum()
    }

    /// Adam on all tables.
    fn update(&mut self, asked: &[Asked], events: &Events) {
        let arch = arch();
        let is_dense = self.adam.is_dense();
        let [decay, feature_decay] = [self.options.weight_decay, self.options.feature_decay].map(|decay| decay as f32);
        let pace = Pace { rate: self.adam.rate(self.step) as f32, decay, is_dense };
        let of_features = Pace { decay: feature_decay, ..pace };
        if let Some(contexts) = &mut self.contexts {
            arch.dispatch(UpdateContexts { contexts, gradients: &self.gradients, asked, events, pace: of_features });
        }
        let asked = &self.join(asked)[..];
        let Self { shape, shares, users, attributes, features, of_users, gradients, .. } = self;
        let paces = [pace, of_features];
        arch.dispatch(UpdateUsers { users, attributes, of_users, gradients, asked, paces });
        if shape.has(Part::History) {
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

/// What each event of a user weighs in a step of `n_users`.
fn weight(asked: &Asked, n_users: usize) -> f32 {
    1.0 / ((asked.n_hidden.max(1) as f32).sqrt() * n_users as f32)
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
