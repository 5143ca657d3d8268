//! Measures how many ratings a second a network learns from, and how long it takes to rank every item for every user.
//!
//! `cargo run --release -p reco-models --example train_speed -- APPROACH BATCH_SIZE OPTIMIZER STEP [DEVICE [EPOCHS
//! [RATINGS [RANKINGS [SEED]]]]]` trains on as many ratings, users and items as MovieLens 100K's train part has, unless
//! told otherwise, drawn at random, and prints a JSON line. RATINGS may also be a folder with `train.tsv` and
//! `valid.tsv` (user, item and target, counted from 0): the line then has the mean absolute error of the second. Does
//! not know other programs.
//!
//! **Invariant**: the seconds are those of a whole fit, after an unmeasured one that warms up.

use std::error::Error;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use reco_core::testing::{catalogue, chance};
use reco_core::{
    Candidates, Catalogue, ContextColumn, DeviceChoice, Features, Fitted, Interaction, Interactions, Matrix, Query,
    RatingScale, Run, Scores, Seen, Silent, Target, TestUser, Train, Who,
};
use serde_json::json;

const N_RATINGS: u64 = 80_000;
const N_USERS: usize = 943;
const N_ITEMS: usize = 1_682;
const N_FEATURES: usize = 19;

/// Rankings of everything; their median is printed.
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
    let seed: u64 = words.get(8).map_or(Ok(1), |word| word.parse())?;
    let run = Run { seed, device, progress: &Silent };
    let word = words.get(6).map(String::as_str);
    let folder = word.map(Path::new).filter(|folder| folder.is_dir());
    let generated = match word {
        Some(word) if folder.is_none() => word.parse()?,
        _ => N_RATINGS,
    };
    let (train, valid) = train(folder, generated)?;
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
        "loss": log.epochs.last().map(|epoch| epoch.train_loss),
        "error": if valid.is_empty() { None } else { Some(error(&*fitted, &valid)?) },
    });
    std::io::stdout().write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

/// The mean absolute error of `rows`.
fn error(fitted: &dyn Fitted, rows: &Interactions) -> Result<f64, Box<dyn Error>> {
    let cases = TestUser::group(rows, fitted.catalogue().n_users());
    let queries: Vec<Query<'_>> = cases
        .iter()
        .map(|case| Query {
            who: Who::Known(case.user()),
            context: &[0.0, 0.0],
            candidates: Candidates::These(case.rows().items()),
        })
        .collect();
    let mut scores = Scores::new();
    fitted.score(&queries, &mut scores)?;
    let mut sum = 0.0;
    for (row, case) in cases.iter().enumerate() {
        for (score, target) in scores.row(row).iter().zip(case.rows().targets()) {
            sum += f64::from(score - target.get()).abs();
        }
    }
    Ok(sum / rows.len() as f64)
}

/// The rows to train on, and those that only measure the error: none where ratings are generated.
fn train(folder: Option<&Path>, n_ratings: u64) -> Result<(Train, Interactions), Box<dyn Error>> {
    let features = (0..N_ITEMS * N_FEATURES).map(|at| f32::from(u8::from(chance(at as u64) < 0.1))).collect();
    let matrix = Matrix::new(N_ITEMS, N_FEATURES, features).ok_or("a number for each feature")?;
    let names = (0..N_FEATURES).map(|at| format!("genre {at}")).collect();
    let item_features = Features::new(names, matrix).ok_or("a name for each")?;
    let names = vec!["daytime".to_owned(), "weekend".to_owned()];
    // Every query states its context, so that no average is needed.
    let contexts = ContextColumn::of(names, &Matrix::zeros(0, 2), 0..0);
    // Targets are stars between a half and 1.
    let scale = RatingScale::new(0.5, 1.0)?;
    let catalogue = Catalogue { item_features, contexts, scale, ..catalogue(N_USERS, N_ITEMS) };
    let read = |name: &str| -> Result<Interactions, Box<dyn Error>> {
        let mut rows = Interactions::builder(2);
        for line in
            folder.map(|folder| std::fs::read_to_string(folder.join(name))).transpose()?.unwrap_or_default().lines()
        {
            let mut fields = line.split('\t');
            let mut field = || fields.next().ok_or("user, item and target");
            let user = catalogue.users.at(field()?.parse()?).ok_or("a user")?;
            let item = catalogue.items.at(field()?.parse()?).ok_or("an item")?;
            let stars: f32 = field()?.parse()?;
            let (rating, target) = (Some(scale.rating(stars)?), Target::new(stars).ok_or("a target")?);
            rows.push(Interaction { user, item, rating, target, timestamp: None, context: &[0.0, 0.0] });
        }
        Ok(rows.finish())
    };
    if folder.is_some() {
        let (fit, valid) = (read("train.tsv")?, read("valid.tsv")?);
        return Ok((Train { catalogue: Arc::new(catalogue), fit, validation: None }, valid));
    }
    let mut rows = Interactions::builder(2);
    for at in 0..n_ratings {
        // Some users and items have many ratings, most have few.
        let pick = |draw: u64, n: usize| (chance(3 * at + draw).powi(2) * n as f64) as usize;
        let user = catalogue.users.at(pick(0, N_USERS)).ok_or("a user")?;
        let item = catalogue.items.at(pick(1, N_ITEMS)).ok_or("an item")?;
        let stars = (0.5 + 0.5 * chance(3 * at + 2)) as f32;
        let (rating, target) = (Some(scale.rating(stars)?), Target::new(stars).ok_or("a target")?);
        let moment = [(at % 2) as f32, (at % 7 / 5) as f32];
        rows.push(Interaction { user, item, rating, target, timestamp: None, context: &moment });
    }
    let train = Train { catalogue: Arc::new(catalogue), fit: rows.finish(), validation: None };
    Ok((train, Interactions::builder(2).finish()))
}
