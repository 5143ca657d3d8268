//! Measures how fast, and how well, the rating models predict MovieLens 100K over Surprise's five folds.
//!
//! `cargo run -p reco-classic --example five_folds -- [--test-rows] [APPROACH…]` prints a JSON line per model: errors
//! in stars, seconds of all five fits, and seconds of scoring the whole catalogue, or the test rows alone, for every
//! user of every fold. Does not know other programs.
//!
//! **Invariant**: the seconds leave out reading the ratings, and have all that a model computes.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Result, Scored, folds, measured};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let folds = folds()?.ok_or("there is nothing to measure")?;
    let knn = |name, variant: &str, similarity: &str| (name, json!({ "variant": variant, "similarity": similarity }));
    let models: [(&str, Value); 11] = [
        ("baseline", json!({})),
        knn("user-knn", "basic", "msd"),
        knn("user-knn", "with-means", "msd"),
        knn("user-knn", "with-baseline", "msd"),
        knn("user-knn", "with-baseline", "pearson-baseline"),
        knn("item-knn", "with-baseline", "msd"),
        knn("item-knn", "with-baseline", "pearson-baseline"),
        ("svd", json!({})),
        ("svdpp", json!({})),
        ("bayesian-fm", json!({})),
        ("clusters", json!({})),
    ];
    let (flags, wanted): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let scored = match flags.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Scored::Catalogue,
        ["--test-rows"] => Scored::TestRows,
        _ => return Err("the one flag is `--test-rows`".into()),
    };
    let wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    for (name, options) in models.into_iter().filter(|(name, _)| wanted(name)) {
        let found = measured(name, &options, &folds, scored)?;
        let text = |key: &str| options[key].as_str().unwrap_or("–").to_owned();
        let line = json!({
            "approach": name,
            "variant": text("variant"),
            "similarity": text("similarity"),
            "rmse": found.rmse,
            "mae": found.mae,
            "fit": found.fit.as_secs_f64(),
            "score": found.score.as_secs_f64(),
        });
        #[expect(clippy::print_stdout, reason = "the lines are what it is for")]
        {
            println!("{line}");
        }
    }
    Ok(())
}
