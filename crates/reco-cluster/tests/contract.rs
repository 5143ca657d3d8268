//! Compares, file by file, what DataFusion prepares with what one process prepares.
//!
//! Does not know SQL.
//!
//! **Invariant**: for every split that SQL states the files have the same bytes, and what one process refuses the
//! engine refuses with the same words.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;

use common::{assert_equal, data, embedded, expected, experiment, splits, tables};
use proptest::prelude::*;
use reco_cluster::{DataFusion, Job, Said, Work};
use reco_data::table::{Column, Table};
use reco_data::{SilentIngest, ingest};

/// Filters and scaling beside the defaults.
const FILTERED: &str = "[features]\nmin_rating = 2.5\nmin_ratings_per_user = 5\nmin_ratings_per_item = 4\n\
                        time_zone = \"Europe/Rome\"\nyear_bands = 4\n\
                        [features.scaling]\nkind = \"item-min-max\"\nto = [0, 1]\nfit = \"train\"\n";

/// Prepares `text` both ways in a folder that has the tables already.
fn both(text: &str, folder: &Path) {
    let experiment = experiment(folder, text);
    let fresh = tempfile::tempdir().unwrap();
    let out = fresh.path().join("out");
    fs::create_dir(&out).unwrap();
    // The tables of the folder, by a link.
    std::os::unix::fs::symlink(folder.join("tables"), out.join("tables")).unwrap();
    let expected = expected(&experiment, &folder.join("tables"), fresh.path());
    let found = embedded(&experiment, &out);
    match (expected, found) {
        (Ok(expected), Ok(_)) => assert_equal(&expected, &out.join("features"), text),
        (Err(expected), Err(found)) => assert_eq!(found.to_string(), expected, "{text}"),
        (expected, found) => panic!("{text}: expected {expected:?}, found {found:?}"),
    }
}

/// Every split of the data set `name`, plain and filtered.
fn every_split(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(data) = data(name, folder.path()) else { return };
    tables(&experiment(folder.path(), &data), folder.path());
    for split in splits() {
        both(&format!("{data}{split}"), folder.path());
        both(&format!("{data}{FILTERED}{split}"), folder.path());
    }
}

#[test]
fn the_fixture_is_prepared_alike() {
    every_split("fixture");
}

#[test]
fn movielens_is_prepared_alike() {
    every_split("ml-100k");
}

#[test]
fn generated_ratings_are_prepared_alike() {
    every_split("synth");
}

#[test]
fn texts_contexts_and_missing_values_are_prepared_alike() {
    every_split("contexts");
}

#[test]
fn further_choices_are_prepared_alike() {
    let folder = tempfile::tempdir().unwrap();
    let data = data("fixture", folder.path()).unwrap();
    tables(&experiment(folder.path(), &data), folder.path());
    for choice in [
        "seed = 9223372036854775807\n",
        "[features]\nmin_rating = 4.5\n",
        "[features]\nmin_ratings_per_user = 31\n",
        "[features]\nmin_ratings_per_item = 25\ndrop_items = [3, 7]\n",
        "[features]\ndrop_items_without_genres = true\n",
        "[features.scaling]\nkind = \"item-min-max\"\nto = [0.5, 1]\nfit = \"all\"\n",
        "[features.scaling]\nkind = \"min-max\"\nto = [-1, 1]\nfit = \"train\"\n",
        // What is refused.
        "[features]\nmin_rating = 6\n",
        "[features]\nmin_ratings_per_user = 1000\n",
        "[features]\ndrop_items = [\"nobody\"]\n",
        "[split]\nkind = \"random\"\ntest = 0.0001\nvalidation = 0\n",
        "[split]\nkind = \"held-out-items\"\ntest = 0.999\n",
    ] {
        // A key of the whole file comes first.
        let text = if choice.starts_with("seed") { format!("{choice}{data}") } else { format!("{data}{choice}") };
        both(&text, folder.path());
    }
}

/// An event: user, item, stars, time.
type Event = (u8, u8, Option<u8>, Option<u8>);

/// Writes events as Parquet, numbered by `source_row`.
fn write_events(events: &[Event], path: &Path) {
    let mut table = Table::new();
    table.push("who", Column::Text(events.iter().map(|event| Some(format!("u{}", event.0))).collect())).unwrap();
    table.push("what", Column::I64(events.iter().map(|event| Some(event.1.into())).collect())).unwrap();
    table.push("stars", Column::F32(events.iter().map(|event| event.2.map(f32::from)).collect())).unwrap();
    table.push("moment", Column::I64(events.iter().map(|event| event.3.map(i64::from)).collect())).unwrap();
    table.push("source_row", Column::I64((0..events.len() as i64).map(Some).collect())).unwrap();
    table.write(path).unwrap();
}

fn events_experiment(path: &Path, rest: &str) -> String {
    format!(
        "[data]\npath = \"{}\"\nsource = \"table\"\nrating_scale = [1, 5]\n\
         time_format = \"seconds\"\n{rest}",
        path.display()
    )
}

const COLUMNS: &str = "[data.columns]\nuser = \"who\"\nitem = \"what\"\nrating = \"stars\"\ntimestamp = \"moment\"\n";

/// Prepares raw events both ways, tables included.
fn both_of_events(events: &[Event], rest: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    write_events(events, &path);
    let text = events_experiment(&path, &format!("max_reject_share = 0.5\n{rest}"));
    let experiment = experiment(folder.path(), &text);
    let one = folder.path().join("one");
    fs::create_dir(&one).unwrap();
    let ingested = ingest(&experiment.data, folder.path(), &one, &SilentIngest);
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let found = embedded(&experiment, &out);
    if let Err(error) = ingested {
        assert_eq!(first_words(&found.unwrap_err().to_string()), first_words(&error.to_string()), "{events:?}\n{text}");
        return;
    }
    match (expected(&experiment, &one, folder.path()), found) {
        (Ok(expected), Ok(_)) => assert_equal(&expected, &out.join("features"), &format!("{events:?}\n{text}")),
        (Err(expected), Err(found)) => {
            assert_eq!(found.to_string(), expected, "{events:?}\n{text}");
            assert!(!out.join("tables").exists(), "folders get their names together");
            return;
        }
        (expected, found) => panic!("{events:?}\n{text}: expected {expected:?}, found {found:?}"),
    }
    // Of rejected rows the reasons are in other words.
    fs::remove_file(one.join("rejects.parquet")).unwrap();
    fs::remove_file(out.join("tables/rejects.parquet")).unwrap();
    assert_equal(&one, &out.join("tables"), &format!("{events:?}\n{text}"));
}

/// What an error says up to its first number: examples and hints differ.
fn first_words(error: &str) -> String {
    error.lines().next().unwrap_or_default().chars().take_while(|letter| !letter.is_ascii_digit()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_events_are_prepared_alike(
        events in prop::collection::vec(
            (0_u8..12, 0_u8..9, prop::option::weighted(0.9, 1_u8..7), prop::option::weighted(0.8, 0_u8..6)),
            30..160,
        ),
        duplicates in prop::sample::select(vec!["latest", "first", "refuse"]),
        split in prop::sample::select(splits()),
        filters in prop::sample::select(vec![
            "", "[features]\nmin_rating = 3\nmin_ratings_per_user = 3\nmin_ratings_per_item = 3\n",
        ]),
    ) {
        both_of_events(&events, &format!("duplicates = \"{duplicates}\"\n{COLUMNS}{filters}{split}"));
    }
}

#[test]
fn implicit_events_without_times_are_prepared_alike() {
    let events: Vec<Event> = (0..200).map(|n: u32| ((n % 13) as u8, (n * 7 % 29) as u8, None, None)).collect();
    let columns = "[data.columns]\nuser = \"who\"\nitem = \"what\"\n";
    both_of_events(&events, &format!("{columns}[split]\nkind = \"per-user-random\"\n"));
    both_of_events(&events, &format!("{columns}[split]\nkind = \"temporal\"\n"));
}

#[test]
fn a_run_that_breaks_while_features_are_written_goes_on_from_the_same_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    let events: Vec<Event> = (0..200).map(|n: u32| ((n % 13) as u8, (n * 7 % 29) as u8, None, None)).collect();
    write_events(&events, &path);
    let columns = "[data.columns]\nuser = \"who\"\nitem = \"what\"\n[split]\nkind = \"random\"\n";
    let experiment = experiment(folder.path(), &events_experiment(&path, columns));
    let out = folder.path().join("out");
    let prepare = |said: &mut dyn FnMut(Said)| {
        let job = Job::new(experiment.clone(), &out).unwrap();
        let work = Work::take(&out, &job.key().unwrap()).unwrap();
        let mut engine = DataFusion::in_process(1 << 28, &work.path().join("spill")).unwrap();
        job.prepare(&mut engine, work.path(), said)
    };
    // Someone takes the place of the features while they are written.
    let in_the_way = out.join("features");
    let broken = prepare(&mut |said| {
        if matches!(said, Said::Rows(_)) {
            fs::create_dir_all(&in_the_way).unwrap();
        }
    });
    let broken = broken.unwrap_err().to_string();
    assert!(broken.contains("features` is there already") && !out.join("tables").exists(), "{broken}");
    fs::remove_dir(&in_the_way).unwrap();
    let mut n_taken = 0;
    prepare(&mut |said| match said {
        Said::Step(step) => {
            assert_eq!(step.seconds, None, "{} runs again", step.name);
            n_taken += 1;
        }
        Said::Anew(name) => panic!("{name}"),
        Said::Rows(_) => {}
    })
    .unwrap();
    assert!(n_taken > 0 && out.join("tables").exists());
    let expected = expected(&experiment, &out.join("tables"), folder.path()).unwrap();
    assert_equal(&expected, &out.join("features"), "after a break");
}

#[test]
fn raw_events_that_would_be_read_otherwise_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.parquet");
    let refused = |who: &str, rows: [i64; 3], keys: &str| {
        let mut table = Table::new();
        let texts = |texts: [&str; 3]| Column::Text(texts.map(|text| Some(text.to_owned())).to_vec());
        table.push("who", texts([who, "u2", "u1"])).unwrap();
        table.push("what", texts(["1", "2", "2"])).unwrap();
        table.push("stars", Column::F32(vec![Some(1.0), Some(9.0), Some(3.0)])).unwrap();
        table.push("moment", Column::I64(vec![Some(1), Some(2), None])).unwrap();
        table.push("source_row", Column::I64(rows.map(Some).to_vec())).unwrap();
        table.write(&path).unwrap();
        let text = events_experiment(&path, &format!("{keys}{COLUMNS}"));
        let out = tempfile::tempdir().unwrap();
        let error = embedded(&experiment(folder.path(), &text), out.path()).unwrap_err().to_string();
        assert!(!out.path().join("tables").exists() && error.contains("\nhint: "), "{error}");
        error
    };
    let half = "max_reject_share = 0.5\n";
    let padded = refused(" u1", [0, 1, 2], half);
    assert!(padded.contains("user ` u1` has spaces around it\nhint: an engine compares ids byte by byte"), "{padded}");
    let missing = refused("NULL", [0, 1, 2], half);
    assert!(missing.contains("user `NULL` means a missing value"), "{missing}");
    let twice = refused("u1", [0, 1, 0], half);
    assert!(twice.contains("`source_row` numbers the events from 0, each by a number of its own"), "{twice}");
    let strict = refused("u1", [0, 1, 2], "max_reject_share = 0.1\n");
    assert!(strict.contains("line 2: its rating is outside the scale"), "{strict}");
}
