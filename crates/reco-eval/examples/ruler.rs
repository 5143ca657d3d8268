//! Measures how long an evaluation takes when the scores are ready.
//!
//! `cargo run -p reco-eval --example ruler -- FOLDER` prints a JSON line for the metrics that other evaluators have as
//! well, and one for all metrics of the registry: test rows have stars, items have genres, and scores count as stars,
//! so that every metric has a value. The folder has the NumPy files that `xtask/src/bench/peers/ruler_inputs.py`
//! describes. Does not know other evaluators: `ruler_numpy.py` beside it does the same work on the same files.
//!
//! **Invariant**: reading and grouping are not in the seconds; handing over scores, ranking and measuring are.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use reco_core::testing::catalogue;
use reco_core::{
    Catalogue, EachQuery, Features, Interaction, Interactions, Matrix, Query, ScoreError, ScoreKind, Seen, Target,
    TestUser, Who,
};
use reco_eval::{Evaluation, Protocol, Test, TrainingCounts, evaluate};
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const REPEATS: usize = 25;

/// The metrics that other evaluators have as well.
const METRICS: [&str; 7] = ["precision@k", "recall@k", "ndcg@k", "mrr@k", "hit@k", "map@k", "uncapped_map@k"];

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which folder?")?);
    let (shape, bytes) = array(&folder.join("scores.npy"), "<f4")?;
    let [n_users, n_items] = *shape.as_slice() else { return Err("`scores.npy` is no matrix".into()) };
    let (shape, genres) = array(&folder.join("genres.npy"), "<f4")?;
    let [_, n_genres] = *shape.as_slice() else { return Err("`genres.npy` is no matrix".into()) };
    let genres =
        Matrix::new(n_items, n_genres, numbers(&genres, f32::from_le_bytes)).ok_or("other items in `genres.npy`")?;
    let names = |row: &[f32]| (0..n_genres).filter(|genre| row[*genre] > 0.0).map(|genre| genre.to_string()).collect();
    let genres_of: Vec<Vec<String>> = (0..n_items).map(|item| names(genres.row(item))).collect();
    let item_features =
        Features::new((0..n_genres).map(|genre| genre.to_string()).collect(), genres).ok_or("a name for each genre")?;
    let catalogue = Catalogue { item_features, ..catalogue(n_users, n_items) };
    let told = Told { catalogue: Arc::new(catalogue), scores: numbers(&bytes, f32::from_le_bytes) };
    let relevant = pairs(&folder, "relevant", &told.catalogue)?;
    let met = pairs(&folder, "seen", &told.catalogue)?;
    let seen = Seen::by_user(n_users, [&met]);
    let test_users = TestUser::group(&relevant, n_users);
    // Validation rows count as known here: it costs as much, and none of the seven metrics looks at them.
    let known = TrainingCounts::new(&met, &told.catalogue).with_genres(genres_of.iter().map(Vec::as_slice));
    let test = Test::new(&told.catalogue, test_users, seen, known);
    let few = METRICS.map(str::to_owned).to_vec();
    for (evaluator, metrics) in [("reco", few), ("reco, all metrics", Vec::new())] {
        // Every test row is relevant, whatever its stars.
        let config = Protocol {
            metrics,
            relevance_threshold: Some(0.0),
            buckets: Vec::new(),
            detail_users: 0,
            ..Protocol::default()
        };
        let mut seconds = Vec::new();
        let mut values = Map::new();
        for _ in 0..REPEATS {
            let begun = Instant::now();
            let evaluation = evaluate(&told, &test, &config)?;
            seconds.push(begun.elapsed().as_secs_f64());
            values = shown(&evaluation);
        }
        let first = seconds[0];
        seconds.sort_unstable_by(f64::total_cmp);
        let line = json!({
            "evaluator": evaluator,
            "n_users": test.users().len(),
            "n_items": n_items,
            "seconds": seconds[0],
            "median": seconds[REPEATS / 2],
            "first": first,
            "n_metrics": values.len(),
            "values": values,
        });
        #[expect(clippy::print_stdout, reason = "the lines are what it is for")]
        {
            println!("{line}");
        }
    }
    Ok(())
}

fn shown(evaluation: &Evaluation) -> Map<String, Value> {
    evaluation.metrics.iter().filter_map(|(name, value)| Some((name.to_string(), json!((*value)?)))).collect()
}

/// Reads the ratings of the lists called `name`.
fn pairs(folder: &Path, name: &str, catalogue: &Catalogue) -> Result<Interactions> {
    let read = |part: &str| -> Result<Vec<i64>> {
        Ok(numbers(&array(&folder.join(format!("{name}_{part}.npy")), "<i8")?.1, i64::from_le_bytes))
    };
    let (offsets, items) = (read("offsets")?, read("items")?);
    let stars = numbers(&array(&folder.join(format!("{name}_stars.npy")), "<f4")?.1, f32::from_le_bytes);
    let mut rows = Interactions::builder(0);
    for (user, ends) in catalogue.users.indices().zip(offsets.windows(2)) {
        for row in usize::try_from(ends[0])?..usize::try_from(ends[1])? {
            let item = catalogue.items.at(usize::try_from(items[row])?).ok_or("no such item")?;
            let rating = Some(catalogue.scale.rating(stars[row])?);
            let target = Target::new(stars[row]).ok_or("no stars")?;
            rows.push(Interaction { user, item, rating, target, timestamp: None, context: &[] });
        }
    }
    Ok(rows.finish())
}

/// The shape and the bytes of a NumPy file of version 1, which `numpy.save` writes: six bytes of magic, two of version,
/// two of the header's length, and the header, a dictionary in Python's notation.
fn array(path: &Path, kind: &str) -> Result<(Vec<usize>, Vec<u8>)> {
    let named = |what: &str| format!("`{}` {what}", path.display());
    let bytes = fs::read(path).map_err(|error| named(&format!("cannot be read: {error}")))?;
    let [magic @ .., low, high] = bytes.first_chunk::<10>().ok_or_else(|| named("is too short"))?;
    if magic != b"\x93NUMPY\x01\x00" {
        return Err(named("is no NumPy file of version 1").into());
    }
    let end = 10 + usize::from(u16::from_le_bytes([*low, *high]));
    let header = std::str::from_utf8(bytes.get(10..end).ok_or_else(|| named("ends in its header"))?)?;
    if !header.contains(&format!("'descr': '{kind}', 'fortran_order': False")) {
        return Err(named(&format!("is not of `{kind}`, row by row: {header}")).into());
    }
    let shape = header.split(['(', ')']).nth(1).ok_or_else(|| named("has no shape"))?;
    let shape = shape.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::parse);
    Ok((shape.collect::<std::result::Result<_, _>>()?, bytes[end..].to_vec()))
}

fn numbers<T, const N: usize>(bytes: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

/// A recommender whose scores are ready.
struct Told {
    catalogue: Arc<Catalogue>,
    scores: Vec<f32>,
}

impl EachQuery for Told {
    fn score_kind(&self) -> ScoreKind {
        ScoreKind::Stars
    }

    fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    fn answer(&self, query: &Query<'_>, scores: &mut [f32]) -> std::result::Result<(), ScoreError> {
        let n_items = self.catalogue.n_items();
        let Who::Known(user) = query.who else { return Err(ScoreError::Visitor { approach: "told" }) };
        scores.copy_from_slice(&self.scores[user.index() * n_items..][..n_items]);
        Ok(())
    }
}
