//! Tests that rows streamed from the disk train what rows in memory train, and as well as a whole shuffle does.
//!
//! Does not know how rows are stored or networks trained: it asks both for numbers.
//!
//! **Invariant**: bytes are compared whole.

use reco_core::testing::left_out;
use reco_core::{AnyApproach, DeviceChoice, Fitted, Grouped, Silent, StreamedTrain};
use reco_data::synth::{SynthConfig, synth};
use reco_data::{DataConfig, SilentIngest, StoredTables, ingest};
use reco_features::{FeaturesConfig, SplitConfig, TrainingData, prepare_into};

use super::*;

/// The folder of the data set that `split` makes of the ratings at `raw`.
fn prepared(raw: &Path, split: &SplitConfig) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let [tables, features] = ["tables", "features"].map(|name| dir.path().join(name));
    fs::create_dir(&tables).unwrap();
    let config = DataConfig { path: raw.display().to_string(), ..DataConfig::default() };
    ingest(&config, raw, &tables, &SilentIngest).unwrap();
    let tables = StoredTables::open(&tables).unwrap();
    prepare_into(&features, tables, &FeaturesConfig::default(), split, 7, &Silent).unwrap();
    dir
}

fn approach(name: &str, options: Value) -> Box<dyn AnyApproach> {
    let entry = reco_models::APPROACHES.iter().find(|entry| entry.name == name).unwrap();
    (entry.configure)(&options).unwrap()
}

fn on_cpu(seed: u64, progress: &dyn Progress) -> Run<'_> {
    Run { seed, device: DeviceChoice::Cpu, progress }
}

#[test]
fn streamed_from_the_disk_and_in_memory_are_equal_bytes() {
    let place = tempfile::tempdir().unwrap();
    let raw = place.path().join("raw");
    let config = SynthConfig { n_users: 1_500, n_items: 700, n_ratings: 260_000, ..SynthConfig::default() };
    synth(&config, &raw).unwrap();
    let dir = prepared(&raw, &SplitConfig { validation: 0.1, ..SplitConfig::default() });
    let features = dir.path().join("features");
    let stored = StoredDataset::open(&features).unwrap();
    assert!(stored.fit.n_groups() >= 3 && stored.validation.is_some());
    let train = TrainingData::read(&features).unwrap().train();
    for (name, training_step) in [("hybrid", "fused"), ("collaborative", "plain")] {
        let options = json!({
            "shuffle": "row-groups", "shuffle_buffer": 140_000, "epochs": 2, "embedding_size": 4,
            "batch_size": 4_000, "learning_rate": 0.01, "training_step": training_step,
        });
        let approach = approach(name, options);
        assert!(approach.streams());
        let streamed = approach.fit_streamed(&stored.train(), &on_cpu(3, &Silent)).unwrap();
        let in_memory = approach.fit(&train, &on_cpu(3, &Silent)).unwrap();
        assert!(streamed.save().unwrap().to_bytes() == in_memory.save().unwrap().to_bytes(), "{name} differs");
        let log = streamed.training().unwrap();
        assert_eq!(log.epochs, in_memory.training().unwrap().epochs);
        assert!(log.epochs[1].validation_loss < log.epochs[0].validation_loss, "{name} learns: {:?}", log.epochs);
    }
}

#[test]
fn a_row_group_that_is_damaged_while_it_trains_is_an_error_that_names_the_file() {
    let place = tempfile::tempdir().unwrap();
    let raw = place.path().join("raw");
    let config = SynthConfig { n_users: 800, n_items: 600, n_ratings: 100_000, ..SynthConfig::default() };
    synth(&config, &raw).unwrap();
    let dir = prepared(&raw, &SplitConfig::default());
    let path = dir.path().join("features/train.parquet");
    let stored = StoredDataset::open(&dir.path().join("features")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[4..middle].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let approach = approach("collaborative", json!({ "shuffle": "row-groups", "epochs": 1, "embedding_size": 4 }));
    let error = approach.fit_streamed(&stored.train(), &on_cpu(3, &Silent)).err().unwrap().to_string();
    assert!(error.contains("train.parquet` is not a readable Parquet file: row group `"), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
}

/// Mean absolute errors of `neural` on held-out rows of MovieLens 100K after ten epochs, one for each seed: rows
/// shuffled whole, and through a buffer of a tenth of them, of groups of 1,024 rows.
fn errors(folder: &Path, seeds: std::ops::Range<u64>) -> [Vec<f64>; 2] {
    let dir = prepared(folder, &SplitConfig { validation: 0.1, ..SplitConfig::default() });
    let train = TrainingData::read(&dir.path().join("features")).unwrap().train();
    let options = |shuffle: &str| json!({ "shuffle": shuffle, "shuffle_buffer": 8_192, "epochs": 10 });
    let (whole, streamed) = (approach("neural", options("every-epoch")), approach("neural", options("row-groups")));
    let (fit, validation) = (Grouped::new(&train.fit, 1_024), Grouped::new(train.validation.as_ref().unwrap(), 1_024));
    let groups = StreamedTrain { catalogue: &train.catalogue, fit: &fit, validation: Some(&validation) };
    let last = |fitted: Box<dyn Fitted>| fitted.training().unwrap().epochs.last().unwrap().validation_loss.unwrap();
    let whole = seeds.clone().map(|seed| last(whole.fit(&train, &on_cpu(seed, &Silent)).unwrap()));
    let streamed = seeds.clone().map(|seed| last(streamed.fit_streamed(&groups, &on_cpu(seed, &Silent)).unwrap()));
    [whole.collect(), streamed.collect()]
}

#[test]
fn a_shuffle_buffer_learns_as_well_as_a_whole_shuffle() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/raw/ml-100k");
    if !folder.exists() {
        left_out("a shuffle buffer beside a whole shuffle: MovieLens 100K is not in `data/raw`: `reco fetch`");
        return;
    }
    let errors = errors(&folder, 1..5);
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let variance = |of: &[f64]| of.iter().map(|x| (x - mean(of)).powi(2)).sum::<f64>() / (of.len() - 1) as f64;
    let [whole, buffered] = &errors;
    println!("whole {whole:?}, mean {:.5}; buffered {buffered:?}, mean {:.5}", mean(whole), mean(buffered));
    // Three standard errors of a difference between means of four.
    let noise = 3.0 * ((variance(whole) + variance(buffered)) / 4.0).sqrt();
    assert!((mean(whole) - mean(buffered)).abs() < noise.max(0.002), "{errors:?}, noise {noise}");
}
