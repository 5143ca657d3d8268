//! Measures how long a dot-product model takes to find every user's best ten items of a whole catalogue.
//!
//! `cargo run --release -p reco-eval --example dot_product -- 138000 27000 64 [FORMAT [FILE]]` generates embeddings and
//! seen items, finds the lists three times and prints a JSON line: the median seconds, the bytes of the item table, the
//! share of their items that the lists have in common with those of 32 bits, and the first lists, for comparison. Does
//! not know how good the lists are: the embeddings are random.
//!
//! **Invariant**: users × items is never in memory; the lists do not depend on the number of threads.

use std::error::Error;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::time::Instant;

use reco_core::dot::{ItemTable, TableFormat};
use reco_core::testing::{catalogue, chance};
use reco_core::{Candidates, ItemIdx, Matrix, Query, Ranking, ScoreError, Seen, Who, parallel};
use serde_json::json;

/// Items that a user has seen: as many ratings as a user of MovieLens 20M has.
const SEEN: usize = 144;
/// Length of the lists.
const K: usize = 10;
/// Users whose lists are printed.
const TOLD: usize = 20;
const TURNS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut number = |what: &str| {
        words.next().ok_or_else(|| format!("how many {what}?"))?.parse::<usize>().map_err(|e| e.to_string())
    };
    let (n_users, n_items, n_factors) = (number("users")?, number("items")?, number("factors")?);
    let format: TableFormat = serde_json::from_value(json!(words.next().as_deref().unwrap_or("f32")))?;
    let catalogue = catalogue(n_users, n_items);
    let users = embeddings(n_users, n_factors, 0);
    let items = embeddings(n_items, n_factors, 1 << 40);
    let table = ItemTable::new(&items, None, format).ok_or("the table does not hold the embeddings")?;
    let seen: Vec<Seen> = seen(n_users, &catalogue.items.indices().collect::<Vec<_>>());
    let query = |(user, seen)| Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(seen) };
    let queries: Vec<Query<'_>> = catalogue.users.indices().zip(&seen).map(query).collect();
    let k = NonZeroUsize::new(K).ok_or("lists are not empty")?;
    let embedding = |query: &Query<'_>, out: &mut [f32]| {
        let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "embeddings" }) };
        out.copy_from_slice(users.row(user.index()));
        Ok(0.0)
    };

    let mut seconds = Vec::with_capacity(TURNS);
    let mut lists: Vec<Ranking> = Vec::new();
    for _ in 0..TURNS {
        lists.clear();
        let begun = Instant::now();
        lists = table.recommend(&catalogue.items, &queries, k, embedding)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds.sort_unstable_by(f64::total_cmp);
    // A few thousand users are enough for the overlap.
    let some = &queries[..queries.len().min(5_000)];
    let exact = ItemTable::new(&items, None, TableFormat::F32).ok_or("chance is finite")?;
    let exact = exact.recommend(&catalogue.items, some, k, embedding)?;
    let shared = |(a, b): (&Ranking, &Ranking)| a.items().filter(|item| b.items().any(|other| other == *item)).count();
    let overlap = lists.iter().zip(&exact).map(shared).sum::<usize>() as f64 / (K * some.len()) as f64;
    let told: Vec<Vec<usize>> =
        lists.iter().take(TOLD).map(|list| list.items().map(ItemIdx::index).collect()).collect();
    let line = json!({
        "n_users": n_users,
        "n_items": n_items,
        "n_factors": n_factors,
        "format": format,
        "threads": parallel::threads(),
        "median": seconds[TURNS / 2],
        "table_bytes": table.n_bytes(),
        "overlap": overlap,
        "lists": told,
    });
    match words.next() {
        Some(file) => std::fs::write(file, line.to_string())?,
        None => std::io::stdout().write_all(format!("{line}\n").as_bytes())?,
    }
    Ok(())
}

/// `[n, n_factors]` of numbers between -½ and ½.
fn embeddings(n: usize, n_factors: usize, from: u64) -> Matrix {
    let mut matrix = Matrix::zeros(n, n_factors);
    for row in 0..n {
        for (factor, value) in matrix.row_mut(row).iter_mut().enumerate() {
            *value = chance(from + (row * n_factors + factor) as u64) as f32 - 0.5;
        }
    }
    matrix
}

/// The items that each user has seen, more often from the front of the catalogue.
fn seen(n_users: usize, items: &[ItemIdx]) -> Vec<Seen> {
    let place = |user: usize, draw: usize| (chance((user * 1000 + draw) as u64).powi(2) * items.len() as f64) as usize;
    (0..n_users).map(|user| Seen::new((0..SEEN).map(|draw| items[place(user, draw)]).collect())).collect()
}
