//! Compares baselines, neighbours and factors with Surprise's errors over five folds of MovieLens 100K.
//!
//! Does not carry the folds: where they are not on this machine (`tests/common/mod.rs` says where they lie), it says so
//! and passes. Does not know rankings.
//!
//! **Invariant**: the expected numbers are what Surprise 1.1.5 gave for the same folds and options, with its training
//! rows sorted by user and item, since of equally near neighbours it takes those whose rows come first. They are means
//! over the folds of each fold's error, as in its documentation, whose own numbers are these to 0.001 for the options
//! that it shows.

mod common;

use common::{Result, Scored, folds, measured};
use serde_json::{Value, json};

/// Similarities are 32 bits wide here, and 64 there.
const NEAR: f64 = 1e-5;

#[test]
fn five_folds_give_surprises_errors() -> Result<()> {
    let Some(folds) = folds()? else { return Ok(()) };
    let expected = |name: &str, options: Value, rmse: f64, mae: f64| -> Result<()> {
        let found = measured(name, &options, &folds, Scored::TestRows)?;
        let seconds = (found.fit + found.score).as_secs_f64();
        println!("{name} {options}: rmse {:.6}, mae {:.6}, {seconds:.2} s", found.rmse, found.mae);
        let near = (found.rmse - rmse).abs() < NEAR && (found.mae - mae).abs() < NEAR;
        assert!(near, "{name} {options}: rmse {} for {rmse}, mae {} for {mae}", found.rmse, found.mae);
        Ok(())
    };
    expected("baseline", json!({}), 0.943_969, 0.748_373)?;
    for (name, similarity, of_variants) in [
        ("user-knn", "msd", [(0.979_716, 0.773_602), (0.951_059, 0.749_425), (0.930_653, 0.733_203)]),
        ("user-knn", "cosine", [(1.017_462, 0.804_387), (0.955_584, 0.754_442), (0.933_972, 0.736_696)]),
        ("user-knn", "pearson", [(1.011_702, 0.803_473), (0.949_494, 0.743_740), (0.931_435, 0.732_352)]),
        ("user-knn", "pearson-baseline", [(1.001_002, 0.792_069), (0.937_808, 0.730_733), (0.922_146, 0.721_949)]),
        ("item-knn", "msd", [(0.975_567, 0.770_635), (0.935_674, 0.734_248), (0.932_190, 0.732_851)]),
        ("item-knn", "cosine", [(1.029_886, 0.814_545), (0.944_031, 0.742_041), (0.942_931, 0.743_135)]),
        ("item-knn", "pearson", [(1.041_967, 0.834_693), (0.942_560, 0.738_964), (0.939_539, 0.740_864)]),
        ("item-knn", "pearson-baseline", [(0.994_063, 0.781_895), (0.922_161, 0.721_103), (0.917_585, 0.719_637)]),
    ] {
        for (variant, (rmse, mae)) in ["basic", "with-means", "with-baseline"].into_iter().zip(of_variants) {
            expected(name, json!({ "variant": variant, "similarity": similarity }), rmse, mae)?;
        }
    }
    // Surprise's `SVD` starts from other random numbers: 0.9359 to 0.9373 and 0.7369 to 0.7391 for its seeds 0 to 4.
    let found = measured("svd", &json!({}), &folds, Scored::TestRows)?;
    println!("svd: rmse {:.6}, mae {:.6}, {:.2} s", found.rmse, found.mae, (found.fit + found.score).as_secs_f64());
    assert!((found.rmse - 0.9363).abs() < 0.002 && (found.mae - 0.7377).abs() < 0.002, "{} {}", found.rmse, found.mae);
    let found = measured("svdpp", &json!({}), &folds, Scored::TestRows)?;
    println!("svdpp: rmse {:.6}, mae {:.6}, {:.2} s", found.rmse, found.mae, (found.fit + found.score).as_secs_f64());
    assert!((found.rmse - 0.9053).abs() < 0.003 && (found.mae - 0.7117).abs() < 0.003, "{} {}", found.rmse, found.mae);
    // Over all five folds, and with all its epochs, it is near 0.880; one fold and few epochs take seconds.
    let few = json!({ "epochs": 40, "burn_in": 20, "chains": 1 });
    let found = measured("bayesian-fm", &few, &folds[..1], Scored::TestRows)?;
    println!(
        "bayesian-fm: rmse {:.6}, mae {:.6}, {:.2} s",
        found.rmse,
        found.mae,
        (found.fit + found.score).as_secs_f64()
    );
    assert!(found.rmse < 0.895 && found.mae < 0.70, "{} {}", found.rmse, found.mae);
    // Scores are the same for the whole catalogue and for a few of its items.
    let whole = measured("user-knn", &json!({}), &folds, Scored::Catalogue)?;
    let few = measured("user-knn", &json!({}), &folds, Scored::TestRows)?;
    assert_eq!((whole.rmse, whole.mae), (few.rmse, few.mae));
    Ok(())
}
