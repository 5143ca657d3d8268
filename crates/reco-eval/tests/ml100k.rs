//! Tests that the ranking metrics agree with an independent evaluator on MovieLens 100K.
//!
//! Runs where `reco_core::testing::ml_100k` finds the ratings and `ratio811.csv` (one row per rating: its zero-based
//! number and `train`, `valid` or `test`). Does not know other splits.
//!
//! **Invariant**: the expected numbers come from a NumPy program that shares no code with this crate.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use reco_core::testing::{Assigned, ml_100k};
use reco_core::{DeviceChoice, Run, Seen, Silent, TestUser, Train};
use reco_eval::{Evaluation, Protocol, Test, TrainingCounts, evaluate};

struct Data {
    train: Train,
    test: Test,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[test]
fn popularity_agrees_with_numpy() -> Result<()> {
    let Some((ratings, split)) = ml_100k("ratio811.csv") else { return Ok(()) };
    let data = read(&ratings, &split)?;
    let clock = Instant::now();
    let evaluation = measured("popularity", &data)?;
    println!("fitted and evaluated in {:.0} ms: {:?}", clock.elapsed().as_secs_f64() * 1e3, evaluation.metrics);
    for (name, expected) in [
        ("recall@10", 0.127_714_190_656_404),
        ("ndcg@10", 0.159_946_274_740_925),
        ("mrr@10", 0.320_082_394_923_328),
        ("hit@10", 0.647_932_131_495_228),
        ("precision@10", 0.122_163_308_589_607),
        ("map@10", 0.077_290_510_436_530),
    ] {
        let value = evaluation.metric(name).ok_or(name)?;
        assert!((value - expected).abs() < 1e-12, "`{name}` is {value}, not {expected}");
    }
    // Ten of some 1,600 unseen items are 0.6 % of them.
    let chance = measured("random", &data)?.metric("recall@10").ok_or("recall@10")?;
    assert!(chance > 0.003 && chance < 0.012, "{chance}");
    Ok(())
}

fn measured(name: &str, data: &Data) -> Result<Evaluation> {
    let entry = reco_classic::APPROACHES.iter().find(|entry| entry.name == name).ok_or(name)?;
    let run = Run { seed: 42, device: DeviceChoice::Cpu, progress: &Silent };
    let fitted = (entry.configure)(&(entry.defaults)())?.fit(&data.train, &run)?;
    // Every test rating is relevant, whatever its stars.
    let config = Protocol { relevance_threshold: Some(0.0), ..Protocol::default() };
    Ok(evaluate(&*fitted, &data.test, &config)?)
}

fn read(ratings: &Path, split: &Path) -> Result<Data> {
    let assigned = Assigned::read(&std::fs::read_to_string(ratings)?, &std::fs::read_to_string(split)?)?;
    let part = |name| assigned.part(|part| part == name);
    let catalogue = Arc::clone(&assigned.catalogue);
    let (fit, valid, test) = (part("train")?, part("valid")?, part("test")?);
    let test_users = TestUser::group(&test, catalogue.n_users());
    let seen = Seen::by_user(catalogue.n_users(), [&fit, &valid]);
    let test = Test::new(&catalogue, test_users, seen, TrainingCounts::new(&fit, &catalogue));
    Ok(Data { test, train: Train { catalogue, fit, validation: None } })
}
