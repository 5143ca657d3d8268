//! How many ratings a second does a network learn from, and how long does it take to rank every item for every user?
//!
//! `cargo run --release -p reco-models --example train_speed -- APPROACH BATCH_SIZE OPTIMIZER STEP [DEVICE [EPOCHS [RATINGS [RANKINGS]]]]`
//! trains on as many ratings, users and items as MovieLens 100K's train part has, unless told otherwise, drawn by chance, and prints a
//! JSON line. Does not know how good the network gets: there is nothing to learn.
//!
//! **Invariant**: the seconds are those of the whole fit, less what the first, unmeasured fit has warmed.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use reco_core::testing::{catalogue, chance};
use reco_core::{
    Candidates, Catalogue, DeviceChoice, Features, Interaction, Interactions, Matrix, Query, Run, Seen, Silent, Target,
    Train, Who,
};
use serde_json::json;

const N_RATINGS: u64 = 80_000;
const N_USERS: usize = 943;
const N_ITEMS: usize = 1_682;
const N_FEATURES: usize = 19;

/// Rankings of everything, of which the median is told.
const RANKINGS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [approach, batch_size, optimizer, step, ..] = words.as_slice() else {
        return Err("which approach, batch size, optimizer and step? `neural 128 lazy-adam fused`".into());
    };
    let device: DeviceChoice =
        words.get(4).map_or(Ok(DeviceChoice::Cpu), |word| serde_json::from_value(json!(word)))?;
    let epochs: usize = words.get(5).map_or(Ok(5), |word| word.parse())?;
    let batch_size: usize = batch_size.parse()?;
    let entry = reco_models::APPROACHES.iter().find(|entry| entry.name == approach).ok_or("no such approach")?;
    let options = |epochs: usize| json!({ "epochs": epochs, "batch_size": batch_size, "optimizer": optimizer, "training_step": step });
    let run = Run { seed: 1, device, progress: &Silent };
    let n_ratings = words.get(6).map_or(Ok(N_RATINGS), |word| word.parse())?;
    let train = train(n_ratings)?;
    (entry.configure)(&options(1))?.fit(&train, &run)?;
    let fitted = (entry.configure)(&options(epochs))?.fit(&train, &run)?;
    let queries: Vec<Query<'_>> = train
        .catalogue
        .users
        .indices()
        .map(|user| Query { who: Who::Known(user), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) })
        .collect();
    let k = NonZeroUsize::new(10).ok_or("ten")?;
    let mut ranked = Vec::new();
    let n_rankings = words.get(7).map_or(Ok(RANKINGS), |word| word.parse())?;
    for _ in 0..n_rankings {
        let began = Instant::now();
        fitted.recommend(&queries, k)?;
        ranked.push(began.elapsed().as_secs_f64());
    }
    ranked.sort_unstable_by(f64::total_cmp);
    let log = fitted.training().ok_or("it is not trained by epochs")?;
    let line = json!({
        "approach": approach,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "step": step,
        "ratings_per_second": log.ratings_per_second(),
        "ranking_seconds": ranked.get(ranked.len() / 2),
        "rows_per_rating": rows_per_rating(&train, batch_size),
        "loss": log.epochs.last().map(|epoch| epoch.train_loss),
    });
    std::io::stdout().write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

/// Users and items that a batch meets, for each of its ratings: 2 if none came twice.
fn rows_per_rating(train: &Train, batch_size: usize) -> f64 {
    // They are drawn one by one, so that those beside each other are as good as a shuffled batch.
    let distinct = |columns: &[u32]| {
        let batches = columns.chunks(batch_size);
        batches.map(|batch| batch.iter().collect::<BTreeSet<_>>().len()).sum::<usize>() as f64
    };
    let users: Vec<u32> = train.fit.users().iter().map(|user| user.get()).collect();
    let items: Vec<u32> = train.fit.items().iter().map(|item| item.get()).collect();
    (distinct(&users) + distinct(&items)) / users.len() as f64
}

fn train(n_ratings: u64) -> Result<Train, Box<dyn Error>> {
    let features = (0..N_ITEMS * N_FEATURES).map(|at| f32::from(u8::from(chance(at as u64) < 0.1))).collect();
    let matrix = Matrix::new(N_ITEMS, N_FEATURES, features).ok_or("a number for each feature")?;
    let names = (0..N_FEATURES).map(|at| format!("genre {at}")).collect();
    let item_features = Features::new(names, matrix).ok_or("a name for each")?;
    let contexts = vec!["daytime".to_owned(), "weekend".to_owned()];
    let catalogue = Catalogue { item_features, contexts, ..catalogue(N_USERS, N_ITEMS) };
    let mut rows = Interactions::builder(2);
    for at in 0..n_ratings {
        // Some users and items have many ratings, most have few.
        let pick = |draw: u64, n: usize| (chance(3 * at + draw).powi(2) * n as f64) as usize;
        let user = catalogue.users.at(pick(0, N_USERS)).ok_or("a user")?;
        let item = catalogue.items.at(pick(1, N_ITEMS)).ok_or("an item")?;
        let target = Target::new((0.5 + 0.5 * chance(3 * at + 2)) as f32).ok_or("a target")?;
        let moment = [(at % 2) as f32, (at % 7 / 5) as f32];
        rows.push(Interaction { user, item, rating: None, target, timestamp: None, context: &moment });
    }
    Ok(Train { catalogue: Arc::new(catalogue), fit: rows.finish(), validation: None })
}
