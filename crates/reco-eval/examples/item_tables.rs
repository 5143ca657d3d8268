//! Measures what 16-bit and 8-bit item tables save in bytes and cost in lists and metrics.
//!
//! `cargo run -p reco-eval --example item_tables -- RATINGS SPLIT` fits `svd` on a split of MovieLens 100K, keeps its
//! items in 32, 16 and 8 bits, and prints a JSON line for each: bytes of the saved table, seconds to find all users'
//! lists of ten, the share of their items in common with those of 32 bits, and errors and metrics of the test. Does not
//! know the formats: it names them.
//!
//! **Invariant**: the three fits have the same seed and differ in the format alone.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use reco_classic::APPROACHES;
use reco_core::testing::Assigned;
use reco_core::{Candidates, DeviceChoice, Fitted, Query, Ranking, Run, Seen, Silent, TestUser, Train, Who};
use reco_eval::{Protocol, Test, TrainingCounts, evaluate};
use serde_json::json;

const K: usize = 10;
const TURNS: usize = 25;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut file = |what: &str| -> Result<String, Box<dyn Error>> {
        Ok(fs::read_to_string(words.next().ok_or_else(|| format!("which {what}?"))?)?)
    };
    let assigned = Assigned::read(&file("ratings")?, &file("split")?)?;
    let catalogue = Arc::clone(&assigned.catalogue);
    let n_users = catalogue.n_users();
    let train = Train { catalogue, fit: assigned.part(|part| part == "train")?, validation: None };
    let (validation, test) = (assigned.part(|part| part == "valid")?, assigned.part(|part| part == "test")?);
    let seen = Seen::by_user(n_users, [&train.fit, &validation]);
    let known = TrainingCounts::new(&train.fit, &train.catalogue);
    let test = Test::new(&train.catalogue, TestUser::group(&test, n_users), seen.clone(), known);
    let config = Protocol { buckets: Vec::new(), detail_users: 0, ..Protocol::default() };

    let mut exact: Vec<Ranking> = Vec::new();
    for format in ["f32", "f16", "int8"] {
        let fitted = fitted(format, &train)?;
        let query = |test_user: &TestUser| Query {
            who: Who::Known(test_user.user()),
            context: &[],
            candidates: Candidates::AllExcept(&seen[test_user.user().index()]),
        };
        let queries: Vec<Query<'_>> = test.users().iter().map(query).collect();
        let (mut lists, mut seconds) = (Vec::new(), Vec::with_capacity(TURNS));
        for _ in 0..TURNS {
            let begun = Instant::now();
            lists = fitted.recommend(&queries, NonZeroUsize::new(K).ok_or("lists are not empty")?)?;
            seconds.push(begun.elapsed().as_secs_f64());
        }
        seconds.sort_unstable_by(f64::total_cmp);
        if exact.is_empty() {
            exact.clone_from(&lists);
        }
        let shared =
            |(a, b): (&Ranking, &Ranking)| a.items().filter(|item| b.items().any(|other| other == *item)).count();
        let overlap = lists.iter().zip(&exact).map(shared).sum::<usize>() as f64 / (K * lists.len()) as f64;
        let evaluation = evaluate(&*fitted, &test, &config)?;
        let metrics: BTreeMap<&str, _> =
            ["rmse", "ndcg@10", "user_auc"].into_iter().map(|name| (name, evaluation.metric(name))).collect();
        let line = json!({
            "format": format,
            "table_bytes": bytes_of_items(&*fitted)?,
            "fastest": seconds[0],
            "median": seconds[TURNS / 2],
            "overlap": overlap,
            "metrics": metrics,
        });
        #[expect(clippy::print_stdout, reason = "the lines are what it is for")]
        {
            println!("{line}");
        }
    }
    Ok(())
}

fn fitted(format: &str, train: &Train) -> Result<Box<dyn Fitted>, Box<dyn Error>> {
    let entry = APPROACHES.iter().find(|entry| entry.name == "svd").ok_or("there is no `svd`")?;
    let run = Run { seed: 42, device: DeviceChoice::Cpu, progress: &Silent };
    Ok((entry.configure)(&json!({ "item_table": format }))?.fit(train, &run)?)
}

/// The size of the item table in a file.
fn bytes_of_items(fitted: &dyn Fitted) -> Result<usize, Box<dyn Error>> {
    Ok(fitted.save()?.take_part("items").to_bytes().len())
}
