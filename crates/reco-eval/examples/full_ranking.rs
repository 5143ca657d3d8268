//! Measures how long it takes to evaluate a model of embeddings on the whole catalogue, scoring included.
//!
//! `cargo run --release -p reco-eval --example full_ranking -- 138000 27000 64 [FILE]` generates embeddings, training
//! and test rows, ranks all items for all users and prints a JSON line: test rows, seconds of the dot products alone,
//! seconds of the whole evaluation with every metric. Does not know how good the model is: its embeddings are random.
//!
//! **Invariant**: users × items is never in memory; the numbers do not depend on the number of threads.

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use reco_core::dot::{ItemTable, TableFormat};
use reco_core::testing::{catalogue, chance};
use reco_core::{
    Candidates, Catalogue, Interaction, Interactions, Matrix, Query, Recommender, ScoreError, Scores, Seen, Target,
    TestUser, Who,
};
use reco_eval::{Protocol, Test, TrainingCounts, evaluate};
use serde_json::json;

/// Ratings that a user has in training; with those of the test, as many as in MovieLens 20M.
const TRAIN: usize = 116;
/// Ratings that a user has in the test.
const TEST: usize = 29;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut number = |what: &str| {
        words.next().ok_or_else(|| format!("how many {what}?"))?.parse::<usize>().map_err(|e| e.to_string())
    };
    let (n_users, n_items, n_factors) = (number("users")?, number("items")?, number("factors")?);
    let model = Embeddings::new(n_users, n_items, n_factors).ok_or("chance is finite")?;
    let test = rows(&model.catalogue, TEST, 1);
    let test_users = TestUser::group(&test, n_users);
    let n_test = test.len();
    drop(test);
    let fit = rows(&model.catalogue, TRAIN, 0);
    let seen = Seen::by_user(n_users, [&fit]);
    let known = TrainingCounts::new(&fit, &model.catalogue);
    drop(fit);

    let begun = Instant::now();
    let mut scores = Scores::new();
    let tile = (4_000_000 / n_items).clamp(1, 256);
    for test_users in test_users.chunks(tile) {
        let query = |test_user: &TestUser| Query {
            who: Who::Known(test_user.user()),
            context: &[],
            candidates: Candidates::AllExcept(Seen::NOTHING),
        };
        model.score(&test_users.iter().map(query).collect::<Vec<_>>(), &mut scores)?;
    }
    let score = begun.elapsed().as_secs_f64();

    let config = Protocol { buckets: Vec::new(), detail_users: 0, ..Protocol::default() };
    let test = Test::new(&model.catalogue, test_users, seen, known);
    let begun = Instant::now();
    let evaluation = evaluate(&model, &test, &config)?;
    let line = json!({
        "n_users": n_users,
        "n_items": n_items,
        "n_test": n_test,
        "score": score,
        "evaluate": begun.elapsed().as_secs_f64(),
        "ndcg@10": evaluation.metric("ndcg@10"),
        "user_auc": evaluation.metric("user_auc"),
    });
    match words.next() {
        Some(file) => std::fs::write(file, line.to_string())?,
        None => std::io::stdout().write_all(format!("{line}\n").as_bytes())?,
    }
    Ok(())
}

/// Items of each user, drawn `n` times, more often from the front of the catalogue; part 0 and part 1 share none.
fn rows(catalogue: &Catalogue, n: usize, part: usize) -> Interactions {
    let mut rows = Interactions::builder(0);
    let n_items = catalogue.n_items();
    for (user, at) in catalogue.users.indices().zip(0_u64..) {
        let mut items: Vec<usize> = (0..n as u64)
            .map(|draw| {
                // Squares favour the front of the catalogue; the parts take turns.
                let place = chance(at * 1000 + draw + 500 * part as u64).powi(2) * (n_items / 2) as f64;
                place as usize * 2 + part
            })
            .collect();
        items.sort_unstable();
        items.dedup();
        for item in items.into_iter().filter_map(|item| catalogue.items.at(item)) {
            rows.push(Interaction { user, item, rating: None, target: Target::EVENT, timestamp: None, context: &[] });
        }
    }
    rows.finish()
}

/// Dot products of users' and items' embeddings.
struct Embeddings {
    catalogue: Arc<Catalogue>,
    users: Matrix,
    items: ItemTable,
}

impl Embeddings {
    fn new(n_users: usize, n_items: usize, n_factors: usize) -> Option<Self> {
        let numbers = |n: usize, from: u64| {
            let values = (0..(n * n_factors) as u64).map(|at| chance(at + from) as f32 - 0.5).collect();
            Matrix::new(n, n_factors, values)
        };
        let items = ItemTable::new(&numbers(n_items, 1 << 40)?, None, TableFormat::F32)?;
        Some(Self { catalogue: Arc::new(catalogue(n_users, n_items)), users: numbers(n_users, 0)?, items })
    }
}

impl Recommender for Embeddings {
    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn score(&self, queries: &[Query<'_>], out: &mut Scores) -> Result<(), ScoreError> {
        self.items.score(queries, out, |query, embedding| {
            let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "embeddings" }) };
            embedding.copy_from_slice(self.users.row(user.index()));
            Ok(0.0)
        })
    }
}
