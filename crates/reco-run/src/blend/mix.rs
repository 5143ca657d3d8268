//! How the scores of a blend's parts are joined, and how that is learned on inner folds of the training rows.
//!
//! Some of each user's training rows are held out, several times over; the parts are fitted to the others, and what
//! joins their scores is fitted to what was held out. Does not know the parts, nor how they are fitted again
//! afterwards.
//!
//! **Invariant**: what is learned follows from training rows alone.

use reco_classic::stacking::{List, TreeOptions, Trees, ndcg, regression, softmax};
use reco_core::random::{keyed_hash, keyed_user_hash};
use reco_core::{
    AnyApproach, Candidates, Catalogue, FitError, Fitted, ItemIdx, LoadError, Query, Run, ScoreError, Scores, Seen,
    Train, UserIdx, Weights, Who,
};

use super::BlendOptions;
use super::evidence::Evidence;

/// Lists that are learned from, at most: users are drawn where there are more.
pub(super) const LISTS: usize = 20_000;

/// The length of a list by which it is said what a part is worth.
const K: usize = 10;

/// How scores are joined.
#[derive(Debug)]
pub(super) enum Mix {
    /// Standard scores, weighed, and trees; both are brought to a deviation of 1 over the candidates, and added.
    Lists { weights: Vec<f64>, trees: Trees },
    /// Stars, weighed.
    Stars {
        untimed: Weighed,
        /// The same for ratings at known moments, where a part reads their times.
        timed: Option<Weighed>,
    },
}

/// The weights of the parts' stars, and what is added to all.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) added: f64,
    pub(super) weights: Vec<f64>,
}

/// What is learned from, and how.
pub(super) struct Lesson<'a> {
    pub(super) approaches: &'a [Box<dyn AnyApproach>],
    pub(super) options: &'a BlendOptions,
    pub(super) train: &'a Train,
    pub(super) run: &'a Run<'a>,
}

impl Lesson<'_> {
    /// Learns how to join scores of lists.
    pub(super) fn lists(&self) -> Result<Mix, FitError> {
        let n = self.approaches.len();
        let lists = self.held_out_lists()?;
        let n_parts = self.options.parts.len();
        // Nothing says which part is better than another.
        let prior = |weight: f64| [vec![weight; n_parts], vec![0.0; n - n_parts]].concat();
        if lists.is_empty() {
            return Ok(Mix::Lists { weights: prior(1.0), trees: Trees::default() });
        }
        // The weight that serves best where it is the same for all parts.
        let sum = |row: &[f32]| row[..n_parts].iter().sum::<f32>();
        let sums = lists
            .iter()
            .map(|list| List { features: list.features.chunks(n).map(sum).collect(), relevant: list.relevant.clone() });
        let equal = softmax(&sums.collect::<Vec<_>>(), 1, &[1.0], 0.0)[0];
        let weights = softmax(&lists, n, &prior(equal), self.options.reg);
        let options = TreeOptions { n_trees: self.options.n_trees, seed: self.run.seed };
        let trees = Trees::fit(&lists, n, options, self.run.progress)?;
        self.run.progress.note(&self.worth(&lists, &weights, &trees));
        Ok(Mix::Lists { weights, trees })
    }

    /// Learns how to join predicted stars, and those for known moments where a part reads their times.
    pub(super) fn stars(&self, reads_time: bool) -> Result<Mix, FitError> {
        let n = self.approaches.len();
        let (mut rows, mut timed, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        self.each_fold(|_, parts, held| {
            let fit = &self.train.fit;
            let asked: Vec<(UserIdx, &Vec<usize>)> = self.train.catalogue.users.indices().zip(held).collect();
            let items = |rows: &[usize]| rows.iter().map(|row| fit.items()[*row]).collect::<Vec<_>>();
            let items: Vec<Vec<ItemIdx>> = asked.iter().map(|(_, rows)| items(rows)).collect();
            let times = |rows: &[usize]| rows.iter().map(|row| fit.timestamps().get(*row)).collect::<Vec<_>>();
            let times: Vec<Vec<Option<i64>>> = asked.iter().map(|(_, rows)| times(rows)).collect();
            let times: Vec<&[Option<i64>]> = times.iter().map(Vec::as_slice).collect();
            let queries: Vec<Query<'_>> = asked
                .iter()
                .zip(&items)
                .map(|((user, _), items)| Query {
                    who: Who::Known(*user),
                    context: &[],
                    candidates: Candidates::These(items),
                })
                .collect();
            let untimed = stars_of(parts, &queries, None).map_err(failed)?;
            let at_times =
                if reads_time { stars_of(parts, &queries, Some(&times)).map_err(failed)? } else { Vec::new() };
            for (at, (_, own)) in asked.iter().enumerate() {
                for (place, row) in own.iter().enumerate() {
                    let Some(rating) = fit.ratings()[*row] else { continue };
                    rows.extend(untimed.iter().map(|scores| scores.row(at)[place]));
                    timed.extend(at_times.iter().map(|scores| scores.row(at)[place]));
                    targets.push(rating.stars());
                }
            }
            Ok(())
        })?;
        let n_parts = self.options.parts.len();
        let prior = [vec![1.0 / n_parts as f64; n_parts], vec![0.0; n - n_parts]].concat();
        let weighed = |rows: &[f32]| {
            let (added, weights) = regression(rows, &targets, &prior, self.options.reg);
            Weighed { added, weights }
        };
        Ok(Mix::Stars { untimed: weighed(&rows), timed: reads_time.then(|| weighed(&timed)) })
    }

    /// Has `learn` look at each fold: what the parts were fitted to, the parts, and each user's held-out rows.
    fn each_fold(
        &self,
        mut learn: impl FnMut(&Train, &[Box<dyn Fitted>], &[Vec<usize>]) -> Result<(), FitError>,
    ) -> Result<(), FitError> {
        let Self { approaches, options, train, run } = self;
        for fold in 0..options.n_folds {
            let (kept, held) = divided(train, run.seed, fold, options.held_out);
            let inner = Train { fit: train.fit.select(&kept), ..(*train).clone() };
            if inner.fit.is_empty() || held.iter().all(Vec::is_empty) {
                continue;
            }
            let parts = approaches.iter().map(|part| part.fit(&inner, run)).collect::<Result<Vec<_>, _>>()?;
            learn(&inner, &parts, &held)?;
        }
        Ok(())
    }

    /// For each fold and user the candidates, with those that were held out as relevant.
    fn held_out_lists(&self) -> Result<Vec<List>, FitError> {
        let catalogue = &self.train.catalogue;
        let (n_users, n_parts) = (catalogue.n_users(), self.approaches.len());
        let mut drawn: Vec<UserIdx> = catalogue.users.indices().collect();
        let most = LISTS / self.options.n_folds.max(1);
        if n_users > most {
            drawn.sort_by_key(|user| keyed_user_hash(self.run.seed, catalogue.users.id(*user)));
            drawn.truncate(most);
            drawn.sort_unstable();
        }
        let mut lists = Vec::new();
        self.each_fold(|inner, parts, held| {
            let met = Seen::by_user(n_users, [&inner.fit]);
            let users: Vec<UserIdx> = drawn.iter().copied().filter(|user| !held[user.index()].is_empty()).collect();
            for users in users.chunks(Evidence::tile(n_parts, catalogue.n_items())) {
                let asked: Vec<(Query<'_>, &Seen)> = users
                    .iter()
                    .map(|user| {
                        let met = &met[user.index()];
                        (Query { who: Who::Known(*user), context: &[], candidates: Candidates::AllExcept(met) }, met)
                    })
                    .collect();
                let evidence = Evidence::of(parts, &asked).map_err(failed)?;
                for ((user, (_, met)), evidence) in users.iter().zip(&asked).zip(evidence) {
                    let rows = held[user.index()].iter();
                    let held = Seen::new(rows.map(|row| self.train.fit.items()[*row]).collect());
                    let candidates = evidence.candidates(met, self.options.parts.len(), self.options.n_candidates);
                    let is_held =
                        |at: &usize| catalogue.items.at(candidates[*at]).is_some_and(|item| held.contains(item));
                    let relevant: Vec<usize> = (0..candidates.len()).filter(is_held).collect();
                    if !relevant.is_empty() {
                        lists.push(List { features: evidence.features(&candidates), relevant });
                    }
                }
            }
            Ok(())
        })?;
        Ok(lists)
    }

    /// In words, what the lists would lose with each part.
    fn worth(&self, lists: &[List], weights: &[f64], trees: &Trees) -> String {
        let n = weights.len();
        // A fold is enough to tell, and quicker.
        let lists = &lists[..lists.len().div_ceil(self.options.n_folds.max(1))];
        let measured = |without: Option<usize>| {
            let of = |list: &List| {
                let mut features = list.features.clone();
                // A part that says the same of all candidates says nothing.
                if let Some(part) = without {
                    let column = || (part..list.features.len()).step_by(n);
                    let mean = column().map(|at| list.features[at]).sum::<f32>() / column().count() as f32;
                    column().for_each(|at| features[at] = mean);
                }
                let linear: Vec<f32> = features.chunks(n).map(|row| weighed(row, weights)).collect();
                let of_trees: Vec<f32> = features.chunks(n).map(|row| trees.score(row)).collect();
                let (scale, scale_of_trees) = (per_deviation(&linear), per_deviation(&of_trees));
                let joined = linear.iter().zip(&of_trees).map(|(a, b)| a * scale + b * scale_of_trees);
                ndcg(list, &joined.collect::<Vec<_>>(), K)
            };
            lists.iter().map(of).sum::<f64>() / lists.len() as f64
        };
        let whole = measured(None);
        let mut without: Vec<(f64, &str)> =
            self.options.all().enumerate().map(|(at, part)| (measured(Some(at)), part.name.as_str())).collect();
        without.sort_by(|a, b| a.0.total_cmp(&b.0));
        let without: Vec<String> = without.iter().map(|(value, name)| format!("`{name}` {value:.4}")).collect();
        format!("blend: NDCG@{K} of the rows it learned from is {whole:.4}, and without {}", without.join(", "))
    }
}

impl Mix {
    /// What each part adds to the score of each item of the catalogue, `[n_parts][n_items]`, and then, if there are
    /// trees, what these add. Trees look at the candidates; all others get what the worst of these gets.
    pub(super) fn added(&self, evidence: &Evidence, met: &Seen, options: &BlendOptions) -> Vec<Vec<f32>> {
        let weights = self.weights();
        let mut added = evidence.standard.clone();
        for (scores, weight) in added.iter_mut().zip(weights) {
            scores.iter_mut().for_each(|score| *score *= *weight as f32);
        }
        match self {
            Self::Lists { trees, .. } if !trees.is_empty() => {
                let candidates = evidence.candidates(met, options.parts.len(), options.n_candidates);
                let features = evidence.features(&candidates);
                let found: Vec<f32> = features.chunks(weights.len()).map(|row| trees.score(row)).collect();
                let sum = |item: &usize| added.iter().map(|scores| scores[*item]).sum::<f32>();
                let linear: Vec<f32> = candidates.iter().map(sum).collect();
                let (scale, scale_of_trees) = (per_deviation(&linear), per_deviation(&found));
                added.iter_mut().flatten().for_each(|score| *score *= scale);
                let worst = found.iter().copied().reduce(f32::min).unwrap_or(0.0);
                let mut of_trees = vec![worst * scale_of_trees; added.first().map_or(0, Vec::len)];
                candidates.iter().zip(&found).for_each(|(item, found)| of_trees[*item] = found * scale_of_trees);
                added.push(of_trees);
            }
            _ => {}
        }
        added
    }

    /// How many numbers were learned.
    pub(super) fn n_parameters(&self) -> usize {
        match self {
            Self::Lists { weights, trees } => weights.len() + trees.n_parameters(),
            Self::Stars { untimed, timed } => [untimed].into_iter().chain(timed).map(|one| one.weights.len() + 1).sum(),
        }
    }

    fn weights(&self) -> &[f64] {
        let (Self::Lists { weights, .. } | Self::Stars { untimed: Weighed { weights, .. }, .. }) = self;
        weights
    }

    /// Adds itself to `weights`: `parts.weight`, and trees or `parts.added`.
    pub(super) fn save(&self, to: Weights) -> Weights {
        match self {
            Self::Lists { weights, trees } => {
                trees.save(to.with(UNTIMED[0], &[weights.len()], weights.iter().copied()))
            }
            Self::Stars { untimed, timed } => {
                let to = untimed.save(UNTIMED, to);
                timed.iter().fold(to, |to, timed| timed.save(TIMED, to))
            }
        }
    }

    /// Takes out what [`Mix::save`] added, of parts that predict stars or do not.
    pub(super) fn load(from: &mut Weights, parts: &[Box<dyn Fitted>], stars: bool) -> Result<Self, LoadError> {
        let n = parts.len();
        Ok(if stars {
            let timed = reads_time(parts).then(|| Weighed::load(TIMED, from, n)).transpose()?;
            Self::Stars { untimed: Weighed::load(UNTIMED, from, n)?, timed }
        } else {
            let weights = from.take(UNTIMED[0], &[n])?;
            Self::Lists { weights, trees: Trees::load(from, n)? }
        })
    }
}

/// The tensors of the weights of parts, and of what is added to all stars.
const UNTIMED: [&str; 2] = ["parts.weight", "parts.added"];
const TIMED: [&str; 2] = ["times.weight", "times.added"];

impl Weighed {
    fn save(&self, [weights, added]: [&str; 2], to: Weights) -> Weights {
        to.with(weights, &[self.weights.len()], self.weights.iter().copied()).with(added, &[], [self.added])
    }

    fn load([weights, added]: [&str; 2], from: &mut Weights, n: usize) -> Result<Self, LoadError> {
        Ok(Self { weights: from.take(weights, &[n])?, added: from.take_one(added)? })
    }
}

/// Whether what is predicted depends on the time of a rating.
pub(super) fn reads_time(parts: &[Box<dyn Fitted>]) -> bool {
    parts.iter().any(|part| part.reads_time())
}

/// What each part predicts, at `times` if there are any (see [`reco_core::Recommender::score_at`]).
pub(super) fn stars_of(
    parts: &[Box<dyn Fitted>],
    queries: &[Query<'_>],
    times: Option<&[&[Option<i64>]]>,
) -> Result<Vec<Scores>, ScoreError> {
    let of = |part: &dyn Fitted| {
        let mut scores = Scores::new();
        match times {
            Some(times) => part.score_at(queries, times, &mut scores)?,
            None => part.score(queries, &mut scores)?,
        }
        Ok(scores)
    };
    parts.iter().map(|part| of(part.as_ref())).collect()
}

/// The sum of the first features, weighed.
fn weighed(features: &[f32], weights: &[f64]) -> f32 {
    features.iter().zip(weights).map(|(x, weight)| x * *weight as f32).sum()
}

/// The reciprocal of the deviation of `values`; 0 where they are all alike.
fn per_deviation(values: &[f32]) -> f32 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let square = |value: &f32| (f64::from(*value) - mean) * (f64::from(*value) - mean);
    let deviation = (values.iter().map(square).sum::<f64>() / n).sqrt();
    if deviation > 0.0 { (1.0 / deviation) as f32 } else { 0.0 }
}

fn failed(error: ScoreError) -> FitError {
    FitError::Other(error.into())
}

/// The rows of `train` that are kept, and those of each user that are held out in `fold`: of each user's rows, in the
/// order of their draws, other ones each time.
pub(super) fn divided(train: &Train, seed: u64, fold: usize, held_out: f64) -> (Vec<usize>, Vec<Vec<usize>>) {
    let Catalogue { users, items, .. } = &*train.catalogue;
    let mut by_user = vec![Vec::new(); users.len()];
    for (row, (user, item)) in train.fit.users().iter().zip(train.fit.items()).enumerate() {
        by_user[user.index()].push((keyed_hash(seed, users.id(*user), items.id(*item)), row));
    }
    let mut kept = Vec::new();
    let mut held = vec![Vec::new(); users.len()];
    for (rows, held) in by_user.iter_mut().zip(&mut held) {
        rows.sort_unstable();
        let end = |folds: usize| (rows.len() as f64 * held_out * folds as f64) as usize;
        let range = end(fold)..end(fold + 1);
        for (at, (_, row)) in rows.iter().enumerate() {
            if range.contains(&at) { held.push(*row) } else { kept.push(*row) }
        }
    }
    kept.sort_unstable();
    (kept, held)
}
