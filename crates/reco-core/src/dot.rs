//! Scores and ranks a whole catalogue for a model whose score is a dot product of embeddings.
//!
//! A score is `start + bias_i + q_i · p`: the query gives a start and an embedding, the item a bias and an embedding.
//! Users are taken in tiles and items in blocks, so that both stay in a core's caches and users × items is never in
//! memory; a block of scores is masked and searched there. Does not know how any of them was learned.
//!
//! **Invariant**: a score is one sum in one order, from the start over the factors. Tiles, threads, the CPU, other
//! queries, and [`ItemTable::recommend`] in place of [`ItemTable::score`] change no bit of it.

mod kernel;
mod table;
mod vectors;

use std::num::NonZeroUsize;

use pulp::Arch;

pub use self::table::{ItemTable, TableFormat};
pub use self::vectors::Vectors;

use self::kernel::{GROUP, Product};
use self::table::{BLOCK, PANEL};
use crate::top_k::Best;
use crate::{Candidates, Items, Query, Ranking, ScoreError, Scores, lanes, parallel};

/// Users of a tile, at most: with 64 factors they take 48 KiB, and the table is read once for all of them.
const TILE: usize = 32 * GROUP;

impl ItemTable {
    /// The scores of `queries`, written into `out` as [`Recommender::score`](crate::Recommender::score) specifies.
    /// `user` writes the embedding of the query's user into its slice, `[n_factors]` zeros, and returns the start.
    ///
    /// # Errors
    /// Those of `user`.
    pub fn score<User>(&self, queries: &[Query<'_>], out: &mut Scores, user: User) -> Result<(), ScoreError>
    where
        User: Fn(&Query<'_>, &mut [f32]) -> Result<f32, ScoreError> + Sync,
    {
        out.reset(queries, self.n_items());
        let mut results = unanswered(queries.len());
        let asked =
            queries.iter().zip(out.rows_mut()).zip(&mut results).map(|((query, row), result)| (query, row, result));
        let (whole, named): (Vec<_>, Vec<_>) =
            asked.partition(|(query, ..)| matches!(query.candidates, Candidates::AllExcept(_)));
        parallel::each(tiles(whole), Scratch::new, |scratch, tile| {
            scratch.clear();
            let mut rows = Vec::with_capacity(tile.len());
            for (query, row, result) in tile {
                match scratch.ask(self, query, &user) {
                    Ok(_) => rows.push(row),
                    Err(error) => *result = Err(error),
                }
            }
            self.sweep(scratch, |asker, first, scores| rows[asker][first..][..scores.len()].copy_from_slice(scores));
        });
        parallel::each(named, Scratch::new, |scratch, (query, row, result)| {
            scratch.clear();
            match (scratch.ask(self, query, &user), query.candidates) {
                (Err(error), _) => *result = Err(error),
                (Ok(_), Candidates::These(items)) => {
                    // Neighbours in the catalogue, which most lists have, share a panel.
                    let mut held = None;
                    for (score, item) in row.iter_mut().zip(items) {
                        let panel = item.index() / PANEL;
                        if held.replace(panel) != Some(panel) {
                            self.score_panel(panel, scratch);
                        }
                        *score = scratch.scores[item.index() % PANEL];
                    }
                }
                (Ok(_), Candidates::AllExcept(_)) => unreachable!("whole catalogues are in tiles"),
            }
        });
        results.into_iter().collect()
    }

    /// The best `k` of each query's candidates, as [`Recommender::recommend`](crate::Recommender::recommend) specifies;
    /// `items` are those of the catalogue, and `user` is as for [`ItemTable::score`].
    ///
    /// # Errors
    /// Those of `user`; a score that is not finite; a candidate named twice.
    pub fn recommend<User>(
        &self,
        items: &Items,
        queries: &[Query<'_>],
        k: NonZeroUsize,
        user: User,
    ) -> Result<Vec<Ranking>, ScoreError>
    where
        User: Fn(&Query<'_>, &mut [f32]) -> Result<f32, ScoreError> + Sync,
    {
        let mut rankings = vec![Ranking::default(); queries.len()];
        let mut results = unanswered(queries.len());
        let asked = queries.iter().zip(&mut rankings).zip(&mut results);
        let asked = asked.map(|((query, ranking), result)| (query, ranking, result)).collect();
        parallel::each(tiles(asked), Scratch::new, |scratch, tile| {
            scratch.clear();
            let mut fused = Vec::with_capacity(tile.len());
            for (query, ranking, result) in tile {
                match (scratch.ask(self, query, &user), query.candidates) {
                    (Err(error), _) => *result = Err(error),
                    (Ok(true), Candidates::AllExcept(seen)) => {
                        fused.push((Best::new(k.get(), self.n_items()), seen.items(), ranking));
                    }
                    // A few items, or sums so large that each has to be checked: score first, then rank.
                    (Ok(_), candidates) => {
                        scratch.forget_last();
                        let mut scores = Scores::new();
                        *result = self.score(&[*query], &mut scores, &user).and_then(|()| {
                            *ranking = Ranking::top(items, &candidates, scores.row(0), k)?;
                            Ok(())
                        });
                    }
                }
            }
            self.sweep(scratch, |asker, first, scores| {
                let (best, seen, _) = &mut fused[asker];
                let n_here = seen.partition_point(|item| item.index() < first + scores.len());
                let (here, later) = seen.split_at(n_here);
                here.iter().for_each(|item| scores[item.index() - first] = Scores::ABSENT);
                *seen = later;
                best.offer(scores, first as u32);
            });
            for (best, _, ranking) in fused {
                *ranking = Ranking::of_best(items, &best.finish());
            }
        });
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(rankings)
    }

    /// Scores all items for all users of `scratch`, and calls `take` with a user's place there, the first item and the
    /// scores from it, block by block in the order of the catalogue.
    fn sweep(&self, scratch: &mut Scratch, mut take: impl FnMut(usize, usize, &mut [f32])) {
        let Scratch { users, starts, panels: decoded, scores, arch, .. } = scratch;
        if starts.is_empty() {
            return;
        }
        for first in (0..self.n_panels()).step_by(BLOCK / PANEL) {
            let range = first..(first + BLOCK / PANEL).min(self.n_panels());
            let (biases, first) = (self.biases(range.clone()), first * PANEL);
            let n_here = biases.len().min(self.n_items() - first);
            let panels = self.panels(range, *arch, decoded);
            for (group, starts) in starts.chunks(GROUP).enumerate() {
                let n = self.n_factors() * GROUP;
                arch.dispatch(Product {
                    users: &users[group * n..][..n],
                    starts,
                    panels,
                    biases,
                    range: self.range(),
                    out: scores,
                    stride: BLOCK,
                    n_factors: self.n_factors(),
                });
                for at in 0..starts.len() {
                    take(group * GROUP + at, first, &mut scores[at * BLOCK..][..n_here]);
                }
            }
        }
    }

    /// Scores a panel for the only user of `scratch`, into the first of its scores.
    fn score_panel(&self, panel: usize, scratch: &mut Scratch) {
        let Scratch { users, starts, panels: decoded, scores, arch, .. } = scratch;
        arch.dispatch(Product {
            users,
            starts,
            panels: self.panels(panel..panel + 1, *arch, decoded),
            biases: self.biases(panel..panel + 1),
            range: self.range(),
            out: scores,
            stride: BLOCK,
            n_factors: self.n_factors(),
        });
    }
}

/// What a thread reuses: the users of a tile, and memory.
struct Scratch {
    /// `[n_factors, GROUP]` for each group: the first factor of each of its users, then the second…
    users: Vec<f32>,
    /// One per user.
    starts: Vec<f32>,
    /// `[n_factors]`: the user who is added.
    embedding: Vec<f32>,
    /// A block of the table in 32 bits, where it is kept in another format.
    panels: Vec<f32>,
    /// `[GROUP, BLOCK]`
    scores: Vec<f32>,
    arch: Arch,
}

impl Scratch {
    fn new() -> Self {
        let nothing = Vec::new;
        let scores = vec![0.0; GROUP * BLOCK];
        Self {
            users: nothing(),
            starts: nothing(),
            embedding: nothing(),
            panels: nothing(),
            scores,
            arch: lanes::arch(),
        }
    }

    fn clear(&mut self) {
        self.users.clear();
        self.starts.clear();
    }

    /// Adds the user of `query`; returns whether all scores are certain to be finite.
    fn ask<User>(&mut self, table: &ItemTable, query: &Query<'_>, user: &User) -> Result<bool, ScoreError>
    where
        User: Fn(&Query<'_>, &mut [f32]) -> Result<f32, ScoreError>,
    {
        self.embedding.clear();
        self.embedding.resize(table.n_factors(), 0.0);
        let start = user(query, &mut self.embedding)?;
        let (group, at) = (self.starts.len() / GROUP, self.starts.len() % GROUP);
        if at == 0 {
            self.users.resize(self.users.len() + table.n_factors() * GROUP, 0.0);
        }
        let group = &mut self.users[group * table.n_factors() * GROUP..];
        for (factor, value) in group.chunks_exact_mut(GROUP).zip(&self.embedding) {
            factor[at] = *value;
        }
        self.starts.push(start);
        Ok(table.is_bounded(&self.embedding, start))
    }

    /// Takes back the user added last.
    fn forget_last(&mut self) {
        self.starts.pop();
        if self.starts.len().is_multiple_of(GROUP) {
            self.users.truncate(self.starts.len() / GROUP * self.embedding.len() * GROUP);
        }
    }
}

fn unanswered(n: usize) -> Vec<Result<(), ScoreError>> {
    std::iter::repeat_with(|| Ok(())).take(n).collect()
}

/// Parts of the queries, dealt out to the threads: small enough that each thread has several, large enough that a read
/// of the table is shared.
fn tiles<Asked>(asked: Vec<Asked>) -> Vec<Vec<Asked>> {
    let n = asked.len().div_ceil(4 * parallel::threads()).next_multiple_of(GROUP).clamp(GROUP, TILE);
    let mut asked = asked.into_iter();
    std::iter::from_fn(|| Some(asked.by_ref().take(n).collect::<Vec<_>>()).filter(|tile| !tile.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::unit_interval;
    use crate::testing::{digest, same_on_any_cpu};
    use crate::{ItemIdx, Matrix, Seen, Train, Users, Weights, Who};

    /// Odd multipliers of a 64-bit hash: numbers without a pattern, the same in every run.
    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let number =
            |at: u64| unit_interval((at + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)) as f32 - 0.5;
        (0..n as u64).map(number).collect()
    }

    struct World {
        items: Items,
        users: Users,
        vectors: Matrix,
        embeddings: Matrix,
        biases: Vec<f32>,
    }

    fn world(n_users: usize, n_items: usize, n_factors: usize) -> World {
        let matrix = |n: usize, seed| Matrix::new(n, n_factors, numbers(n * n_factors, seed)).unwrap();
        World {
            items: Items::new((0..n_items as i64).map(Into::into).collect()).unwrap(),
            users: Users::new((0..n_users as i64).map(Into::into).collect()).unwrap(),
            vectors: matrix(n_users, 1),
            embeddings: matrix(n_items, 2_000_000),
            biases: numbers(n_items, 3_000_000),
        }
    }

    impl World {
        fn table(&self, format: TableFormat) -> ItemTable {
            ItemTable::new(&self.embeddings, Some(&self.biases), format).unwrap()
        }

        /// Every `step`-th item, the last one first.
        fn every(&self, step: usize) -> Vec<ItemIdx> {
            let mut items: Vec<ItemIdx> = self.items.indices().step_by(step).collect();
            items.reverse();
            items
        }

        fn query<'a>(&self, user: usize, candidates: Candidates<'a>) -> Query<'a> {
            Query { who: Who::Known(self.users.at(user).unwrap()), context: &[], candidates }
        }

        fn user(&self, query: &Query<'_>, out: &mut [f32]) -> Result<f32, ScoreError> {
            let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "dots" }) };
            out.copy_from_slice(self.vectors.row(user.index()));
            Ok(user.index() as f32 / 8.0)
        }

        fn scores(&self, table: &ItemTable, queries: &[Query<'_>]) -> Scores {
            let mut scores = Scores::new();
            table.score(queries, &mut scores, |query, out| self.user(query, out)).unwrap();
            scores
        }
    }

    #[test]
    fn scores_are_the_sums_of_three_loops_whoever_asks_beside() {
        for (n_users, n_items, n_factors) in
            [(1, 1, 1), (5, 32, 3), (3, 256, 5), (7, 300, 8), (13, 530, 33), (6, 40, 0)]
        {
            let world = world(n_users, n_items, n_factors);
            let table = world.table(TableFormat::F32);
            let named = world.every(3);
            let all: Vec<_> =
                (0..n_users).map(|user| world.query(user, Candidates::AllExcept(Seen::NOTHING))).collect();
            let few: Vec<_> = (0..n_users).map(|user| world.query(user, Candidates::These(&named))).collect();
            let scores = world.scores(&table, &[&all[..], &few[..]].concat());
            for user in 0..n_users {
                let alone = world.scores(&table, &all[user..=user]);
                assert_eq!(alone.row(0), scores.row(user), "alone as in a batch");
                for (item, score) in scores.row(user).iter().enumerate() {
                    let pairs = world.vectors.row(user).iter().zip(world.embeddings.row(item));
                    let sum: f32 = pairs.map(|(p, q)| p * q).sum::<f32>() + user as f32 / 8.0 + world.biases[item];
                    assert!((score - sum).abs() < 1e-5, "{user} {item}: {score} and {sum}");
                }
                let whole: Vec<f32> = named.iter().map(|item| scores.row(user)[item.index()]).collect();
                assert_eq!(scores.row(n_users + user), whole, "named as among all");
            }
        }
    }

    #[test]
    fn rankings_are_those_of_the_scores() {
        let world = world(200, 530, 9);
        let seen: Vec<Seen> = (0..200)
            .map(|user| {
                Seen::new(world.items.indices().filter(|item| (item.index() * 7 + user) % 5 < user % 4).collect())
            })
            .collect();
        for format in [TableFormat::F32, TableFormat::F16, TableFormat::Int8] {
            // After clamping, many scores are equal.
            for table in [world.table(format), world.table(format).clamped(3.0, 3.5)] {
                let named = world.every(50);
                let candidates = |user: usize| match user % 10 {
                    9 => Candidates::These(&named),
                    _ => Candidates::AllExcept(&seen[user]),
                };
                let queries: Vec<_> = (0..200).map(|user| world.query(user, candidates(user))).collect();
                let scores = world.scores(&table, &queries);
                for k in [1, 10, 1000].map(|k| NonZeroUsize::new(k).unwrap()) {
                    let rankings =
                        table.recommend(&world.items, &queries, k, |query, out| world.user(query, out)).unwrap();
                    for (row, ranking) in rankings.iter().enumerate() {
                        let candidates = &queries[row].candidates;
                        let expected = Ranking::top(&world.items, candidates, scores.row(row), k).unwrap();
                        assert_eq!(*ranking, expected, "{format} {k} {row}");
                    }
                }
            }
        }
    }

    #[test]
    fn scores_and_rankings_are_the_same_on_any_cpu() {
        let world = world(13, 530, 33);
        let all = (0..13).map(|user| world.query(user, Candidates::AllExcept(Seen::NOTHING)));
        let named = world.every(3);
        let queries: Vec<_> = all.chain([world.query(5, Candidates::These(&named))]).collect();
        let k = NonZeroUsize::new(20).unwrap();
        let found = same_on_any_cpu("item tables", || {
            [TableFormat::F32, TableFormat::F16, TableFormat::Int8].map(|format| {
                let table = world.table(format).clamped(-2.0, 1.5);
                let scores = world.scores(&table, &queries);
                let rows: Vec<u32> = (0..queries.len()).flat_map(|row| scores.row(row)).map(|s| s.to_bits()).collect();
                (rows, table.recommend(&world.items, &queries, k, |query, out| world.user(query, out)).unwrap())
            })
        });
        let found = found.map(|(scores, _)| digest(scores.into_iter().map(f32::from_bits)));
        assert_eq!(found, ["2985451e2bbf3b5f", "a46f394ac8acf90b", "431f37654e89dc9e"]);
    }

    #[test]
    fn errors_and_numbers_beyond_bounds_come_out() {
        let world = world(3, 20, 4);
        let table = world.table(TableFormat::F32);
        let all = Candidates::AllExcept(Seen::NOTHING);
        let visitor =
            Query { who: Who::Visitor { history: &[], profile: &crate::Profile::default() }, ..world.query(0, all) };
        let queries = [world.query(0, all), visitor, world.query(2, all)];
        let user = |query: &Query<'_>, out: &mut [f32]| world.user(query, out);
        assert!(matches!(table.score(&queries, &mut Scores::new(), user), Err(ScoreError::Visitor { .. })));
        assert!(matches!(
            table.recommend(&world.items, &queries, NonZeroUsize::MIN, user),
            Err(ScoreError::Visitor { .. })
        ));
        let huge = |_: &Query<'_>, out: &mut [f32]| {
            out.fill(f32::MAX);
            Ok(f32::MAX)
        };
        let found = table.recommend(&world.items, &[world.query(0, all)], NonZeroUsize::MIN, huge);
        assert!(matches!(found, Err(ScoreError::NotFinite { .. })), "{found:?}");
    }

    #[test]
    fn smaller_tables_are_near_and_are_read_back_to_the_bit() {
        let world = world(1, 37, 20);
        let mut bytes = Vec::new();
        for (format, error) in [(TableFormat::F32, 0.0), (TableFormat::F16, 2.5e-4), (TableFormat::Int8, 2e-3)] {
            let table = world.table(format);
            assert_eq!(table.format(), format);
            let mut embedding = vec![0.0; 20];
            for item in world.items.indices() {
                table.embedding(item, &mut embedding);
                let pairs = embedding.iter().zip(world.embeddings.row(item.index()));
                assert!(pairs.clone().all(|(a, b)| (a - b).abs() <= error), "{format}");
                assert_eq!(table.bias(item), world.biases[item.index()]);
            }
            bytes.push(table.n_bytes());
            let catalogue = Train::from_events([("ann", "Alien")]).unwrap().catalogue;
            let written = table.save(Weights::new("dots", &catalogue));
            let read = |n_factors, format| ItemTable::load(&mut written.clone(), 37, n_factors, format);
            assert_eq!(read(20, format).unwrap(), table);
            assert!(read(21, format).unwrap_err().to_string().contains("[37, 20]`, and should be"));
            let other = if format == TableFormat::F32 { TableFormat::F16 } else { TableFormat::F32 };
            assert!(read(20, other).unwrap_err().to_string().contains("its `items.embedding` is `"));
        }
        // 64 items with their padding, 20 factors, a bias each, and a scale each.
        assert_eq!(bytes, [64 * 84, 64 * 44, 64 * 28]);
    }

    #[test]
    fn a_number_that_a_table_cannot_hold_is_refused() {
        let of = |value, format| ItemTable::new(&Matrix::new(1, 1, vec![value]).unwrap(), None, format);
        assert!(of(f32::NAN, TableFormat::F32).is_none() && of(1e6, TableFormat::F16).is_none());
        assert!(of(f32::INFINITY, TableFormat::Int8).is_none() && of(f32::NAN, TableFormat::Int8).is_none());
        assert!(of(1e6, TableFormat::Int8).is_some() && of(0.0, TableFormat::Int8).is_some());
        assert!(ItemTable::new(&Matrix::zeros(2, 1), Some(&[0.0]), TableFormat::F32).is_none());
    }
}
