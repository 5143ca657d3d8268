//! Tests that a data set is read back as it was written.
//!
//! Does not know what the rows mean.
//!
//! **Invariant**: equality is exact, to the bit of every number.

mod common;

use std::path::Path;
use std::time::Instant;

use common::tables;
use reco_core::{GROUP_ROWS, Interactions, RowGroups, UserId};
use reco_data::{NamedColumn, Values};
use reco_features::{
    Dataset, FeaturesConfig, ScalingConfig, ScalingKind, SplitConfig, StoredDataset, TrainingData, prepare,
    read_catalogue,
};

fn example(kind: ScalingKind, validation: f64) -> Dataset {
    let split = SplitConfig { validation, ..SplitConfig::default() };
    example_of(kind, &split, FeaturesConfig::default())
}

fn example_of(kind: ScalingKind, split: &SplitConfig, features: FeaturesConfig) -> Dataset {
    let rating = |user: i64, item: i64| (user, item, ((user + 3 * item) % 10 + 1) as f32 / 2.0, Some(user + item));
    let ratings: Vec<_> = (0..5).flat_map(|user| (0..7).map(move |item| rating(user, item))).collect();
    let mut tables = tables(5, 7, &ratings);
    tables.ratings.rating[4] = None;
    tables.ratings.source_row.iter_mut().for_each(|row| *row += 1_000_000_000_000);
    let delays = (0..35).map(|n| Some(0.1 * f64::from(n))).collect();
    tables.ratings.contexts = vec![NamedColumn { name: "delay".to_owned(), values: Values::Number(delays) }];
    tables.items.genres[3] = Some(vec!["Sci-Fi".to_owned(), "Émigré".to_owned()]);
    tables.items.year[2] = None;
    // One text makes the column of ids one of texts.
    let ann = UserId::parse("ann");
    let renamed = std::mem::replace(&mut tables.users.user_id[1], ann.clone());
    tables.ratings.user_id.iter_mut().filter(|user| **user == renamed).for_each(|user| *user = ann.clone());

    let scaling = ScalingConfig { kind, ..ScalingConfig::default() };
    prepare(&tables, &FeaturesConfig { scaling, ..features }, split, 1).expect("the example is complete")
}

fn assert_equal(one: &Dataset, two: &Dataset) {
    assert_catalogues_equal(one, &two.catalogue);
    assert_eq!(one.details, two.details);
    assert_eq!(one.source_rows, two.source_rows);
    assert_eq!(one.info, two.info);
    let are_there = |of: &Dataset| (of.validation.is_some(), of.fold_in.is_some());
    assert_eq!(are_there(one), are_there(two));
    let rows = |of: &Dataset| {
        let parts = [Some(&of.fit), of.validation.as_ref(), of.fold_in.as_ref(), Some(&of.test)];
        parts.map(|part| part.cloned().unwrap_or_default())
    };
    for (one, two) in rows(one).iter().zip(&rows(two)) {
        assert!(one.iter().eq(two.iter()));
    }
}

/// Group by group, the parts on the disk have the rows of those in memory.
fn assert_stored(dataset: &Dataset, stored: &StoredDataset) {
    assert_catalogues_equal(dataset, &stored.catalogue);
    assert_eq!((&stored.details, &stored.info), (&dataset.details, &dataset.info));
    let parts = [Some(&dataset.fit), dataset.validation.as_ref(), dataset.fold_in.as_ref(), Some(&dataset.test)];
    let of_disk = [Some(&stored.fit), stored.validation.as_ref(), stored.fold_in.as_ref(), Some(&stored.test)];
    for (rows, part) in parts.into_iter().zip(of_disk) {
        let rows = rows.cloned().unwrap_or_default();
        assert_eq!(part.map_or(0, RowGroups::len), rows.len());
        let groups = part
            .iter()
            .flat_map(|part| (0..part.n_groups()).map(|group| part.read(group).expect("it was just written")));
        let read: Vec<Interactions> = groups.collect();
        assert!(read.iter().flat_map(Interactions::iter).eq(rows.iter()));
        assert!(part.is_none_or(|part| part.collect().expect("it was just written").iter().eq(rows.iter())));
    }
}

fn assert_catalogues_equal(dataset: &Dataset, two: &reco_core::Catalogue) {
    let one = &dataset.catalogue;
    assert_eq!(one.users.ids(), two.users.ids());
    assert_eq!(one.items.ids(), two.items.ids());
    assert_eq!(one.user_features, two.user_features);
    assert_eq!(one.item_features, two.item_features);
    assert_eq!(one.contexts, two.contexts);
    assert_eq!((one.scale, &one.scaling), (two.scale, &two.scaling));
}

#[test]
fn a_data_set_is_read_back_equal() {
    for kind in [ScalingKind::None, ScalingKind::MinMax, ScalingKind::ItemMinMax] {
        for validation in [0.0, 0.2] {
            let dir = tempfile::tempdir().unwrap();
            let dataset = example(kind, validation);
            dataset.write(dir.path()).unwrap();
            assert_equal(&dataset, &Dataset::read(dir.path()).unwrap());
            assert_stored(&dataset, &StoredDataset::open(dir.path()).unwrap());
        }
    }
}

#[test]
fn what_is_given_of_held_out_users_and_what_was_dropped_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let split = SplitConfig {
        kind: "held-out-users".to_owned(),
        test: 0.4,
        drop_untrained_items: true,
        ..SplitConfig::default()
    };
    let features = FeaturesConfig { min_rating: Some(1.5), min_ratings_per_user: 2, ..FeaturesConfig::default() };
    let dataset = example_of(ScalingKind::ItemMinMax, &split, features);
    assert!(dataset.fold_in.is_some() && dataset.info.filtered.n_ratings_below > 0, "{:?}", dataset.info);
    dataset.write(dir.path()).unwrap();
    let read = Dataset::read(dir.path()).unwrap();
    assert_equal(&dataset, &read);
    assert_eq!(read.test_users().len(), dataset.info.split.n_test_users);
    assert!(read.test_users().iter().all(|test_user| !test_user.history().is_empty()));
    std::fs::remove_file(dir.path().join("fold_in.parquet")).unwrap();
    let missing = Dataset::read(dir.path()).unwrap_err().to_string();
    assert!(missing.contains("fold_in.parquet"), "{missing}");
}

#[test]
fn the_same_data_set_gives_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    example(ScalingKind::ItemMinMax, 0.2).write(one.path()).unwrap();
    example(ScalingKind::ItemMinMax, 0.2).write(two.path()).unwrap();
    let names = |dir: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(one.path()), names(two.path()));
    assert_eq!(names(one.path()).len(), 7);
    for name in names(one.path()) {
        assert_eq!(std::fs::read(one.path().join(&name)).unwrap(), std::fs::read(two.path().join(&name)).unwrap());
    }
}

#[test]
fn the_catalogue_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dataset = example(ScalingKind::ItemMinMax, 0.0);
    dataset.write_catalogue(&dir.path().join("catalogue")).unwrap();
    let (catalogue, details) = read_catalogue(&dir.path().join("catalogue")).unwrap();
    assert_catalogues_equal(&dataset, &catalogue);
    assert_eq!(details, dataset.details);
}

#[test]
fn what_a_choice_may_look_at_is_read_where_there_is_no_test_part() {
    let dataset = example(ScalingKind::None, 0.2);
    let dir = tempfile::tempdir().unwrap();
    dataset.write(dir.path()).unwrap();
    std::fs::remove_file(dir.path().join("test.parquet")).unwrap();
    let read = TrainingData::read(dir.path()).unwrap();
    assert!(read.fit.iter().eq(dataset.fit.iter()) && !read.fit.is_empty());
    let validation = [read.validation, dataset.validation].map(Option::unwrap);
    assert!(validation[0].iter().eq(validation[1].iter()) && !validation[0].is_empty());
    assert!(Dataset::read(dir.path()).is_err(), "a data set is not whole without it");
}

#[test]
fn files_that_were_changed_are_refused() {
    let refuse = |change: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().unwrap();
        example(ScalingKind::ItemMinMax, 0.2).write(dir.path()).unwrap();
        change(dir.path());
        Dataset::read(dir.path()).unwrap_err().to_string()
    };
    let swapped = refuse(&|dir| std::fs::rename(dir.join("test.parquet"), dir.join("train.parquet")).unwrap());
    assert!(swapped.contains("train.parquet` is not what `reco features` writes: it has `5` rows, not `"), "{swapped}");
    assert!(swapped.ends_with("\nhint: make it again: `reco features`"), "{swapped}");
    let missing = refuse(&|dir| std::fs::remove_file(dir.join("catalogue.json")).unwrap());
    assert!(missing.contains("catalogue.json"), "{missing}");
    let edit = |from: &'static str, to: &'static str| {
        refuse(&|dir| {
            let path = dir.join("catalogue.json");
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(path, text.replace(from, to)).unwrap();
        })
    };
    assert!(edit("\"version\": 2", "\"version\": 9").contains("its version is `9` and this program reads `2`"));
    let old = refuse(&|dir| {
        let path = dir.join("dataset.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace("\"version\": 2", "\"version\": 1")).unwrap();
    });
    assert!(old.contains("dataset.json` is not what") && old.contains("its version is `1` and this program reads `2`"));
    assert!(edit("\"delay\"", "\"dela\"").contains("its contexts are not those of `catalogue.json`"));
    assert!(edit("\"n_users\": 5", "\"n_users\": 4").contains("users.parquet` is not what"));
    assert!(edit("\"max\": 5.0", "\"max\": 3.0").contains("is outside the scale"));
}

/// Bytes changed in the first half of a part, where its rows lie.
#[test]
fn a_damaged_row_group_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    example(ScalingKind::None, 0.0).write(dir.path()).unwrap();
    let path = dir.path().join("train.parquet");
    let whole = std::fs::read(&path).unwrap();
    let mut n_refused = 0;
    for at in 4..whole.len() / 2 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&path, bytes).unwrap();
        let Ok(stored) = StoredDataset::open(dir.path()) else { continue };
        if let Err(error) = stored.fit.read(0) {
            let error = error.to_string();
            assert!(error.contains("train.parquet` is not") && error.contains("\nhint: "), "{error}");
            n_refused += 1;
        }
    }
    assert!(n_refused > 20, "{n_refused}");
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(StoredDataset::open(dir.path()).err().unwrap().to_string().contains("train.parquet"));
}

/// 943 users, 1,682 items, 100,000 ratings, as ML-100K has.
#[test]
fn a_hundred_thousand_ratings_take_well_under_a_second() {
    let (n_users, n_items) = (943_i64, 1682_i64);
    let ratings: Vec<_> = (0..100_000_i64)
        .map(|n| {
            let user = n % n_users;
            (user, (n / n_users * 13 + user * 7) % n_items, (n % 10 + 1) as f32 / 2.0, Some(874_724_710 + n * 181))
        })
        .collect();
    let tables = tables(n_users, n_items, &ratings);
    let dir = tempfile::tempdir().unwrap();
    let features = FeaturesConfig { time_zone: "Europe/Rome".to_owned(), ..FeaturesConfig::default() };
    let start = Instant::now();
    let dataset = prepare(&tables, &features, &SplitConfig::default(), 42).unwrap();
    let prepared = start.elapsed();
    dataset.write(dir.path()).unwrap();
    let written = start.elapsed() - prepared;
    let read = Dataset::read(dir.path()).unwrap();
    let stored = StoredDataset::open(dir.path()).unwrap();
    assert_stored(&dataset, &stored);
    assert_eq!((stored.fit.n_groups(), stored.fit.n_rows(0)), (2, GROUP_ROWS));
    println!("prepare {prepared:?}, write {written:?}, read {:?}", start.elapsed() - prepared - written);
    assert_equal(&dataset, &read);
    // Far more than it takes, so that a busy machine does not fail it.
    assert!(prepared.as_secs() < 5, "{prepared:?}");
}
