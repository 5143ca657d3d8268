//! Tests the law that tables on disk, read chunk by chunk, make the bytes of the same tables in memory.
//!
//! Does not know what the bytes should be: the other tests do.
//!
//! **Invariant**: every split of the registry is under it, and so is every kind of column, each with missing values.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

#[expect(dead_code, reason = "the other tests of laws use the rest of it")]
mod any;
mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use any::{any_config, any_tables};
use proptest::prelude::*;
use reco_core::{ItemId, Progress, Silent, UserId};
use reco_data::table::{Column, Table};
use reco_data::{NamedColumn, StoredTables, Tables, Values};
use reco_features::{
    Dataset, FeaturesConfig, FeaturesError, SPLITS, ScalingConfig, ScalingFit, ScalingKind, SourceRows, SplitConfig,
    prepare, prepare_into, prepare_stored,
};

/// The tables as `ingest` writes them.
fn store(tables: &Tables, dir: &Path) {
    let further = |table: &mut Table, columns: &[NamedColumn]| {
        for NamedColumn { name, values } in columns {
            let column = match values {
                Values::Text(texts) => Column::Text(texts.clone()),
                Values::Number(numbers) => Column::F64(numbers.clone()),
            };
            table.push(name, column).unwrap();
        }
    };
    let Tables { ratings, items, users, scale, dataset } = tables;
    let mut table = Table::new();
    for (key, value) in [
        ("scale_min", scale.min().to_string()),
        ("scale_max", scale.max().to_string()),
        ("dataset", dataset.name.clone()),
        ("source", dataset.source.clone()),
        ("sha256", dataset.sha256.clone()),
        ("licence", dataset.licence.clone()),
        ("citation", dataset.citation.clone()),
        ("n_rejected", dataset.n_rejected.to_string()),
        ("n_duplicates", dataset.n_duplicates.to_string()),
    ] {
        table = table.with_metadata(key, &value);
    }
    table.push("user_id", Column::of_ids(ratings.user_id.iter().map(|id| &id.0))).unwrap();
    table.push("item_id", Column::of_ids(ratings.item_id.iter().map(|id| &id.0))).unwrap();
    table.push("rating", Column::F32(ratings.rating.clone())).unwrap();
    table.push("timestamp", Column::I64(ratings.timestamp.clone())).unwrap();
    table.push("source_row", Column::I64(ratings.source_row.iter().map(|row| Some(*row as i64)).collect())).unwrap();
    further(&mut table, &ratings.contexts);
    table.write(&dir.join("ratings.parquet")).unwrap();

    let mut table = Table::new();
    table.push("item_id", Column::of_ids(items.item_id.iter().map(|id| &id.0))).unwrap();
    table.push("title", Column::Text(items.title.iter().cloned().map(Some).collect())).unwrap();
    table.push("name", Column::Text(items.name.iter().cloned().map(Some).collect())).unwrap();
    table.push("year", Column::I64(items.year.iter().map(|year| year.map(i64::from)).collect())).unwrap();
    table.push("genres", Column::OptionalTextList(items.genres.clone())).unwrap();
    further(&mut table, &items.attributes);
    table.write(&dir.join("items.parquet")).unwrap();

    let mut table = Table::new();
    table.push("user_id", Column::of_ids(users.user_id.iter().map(|id| &id.0))).unwrap();
    further(&mut table, &users.attributes);
    table.write(&dir.join("users.parquet")).unwrap();
}

/// Every file of a folder.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())).collect()
}

/// Tables with events among ratings, rows without a time, contexts of both kinds, ids that are texts.
fn any_odd_tables() -> impl Strategy<Value = Tables> {
    let odd = (any::<[u8; 32]>(), any::<bool>(), any::<bool>());
    (any_tables(), odd).prop_map(|(mut tables, (bytes, are_texts, are_timed))| {
        let byte =
            |row: usize, salt: u8| bytes[row % 32].wrapping_mul(31).wrapping_add(salt).wrapping_mul(row as u8 | 1);
        let n = tables.ratings.len();
        for row in 0..n {
            if byte(row, 1).is_multiple_of(8) {
                tables.ratings.rating[row] = None;
            }
            if !are_timed && !byte(row, 2).is_multiple_of(3) {
                tables.ratings.timestamp[row] = None;
            }
        }
        let device =
            |row: usize| ["tv", "mobile", "a lamp"].get(byte(row, 3) as usize % 4).map(|name| (*name).to_owned());
        let delay = |row: usize| (byte(row, 4) % 4 > 0).then(|| f64::from(byte(row, 5)) / 7.0);
        tables.ratings.contexts = vec![
            NamedColumn { name: "device".to_owned(), values: Values::Text((0..n).map(device).collect()) },
            NamedColumn { name: "delay".to_owned(), values: Values::Number((0..n).map(delay).collect()) },
        ];
        tables.items.genres[3] = None;
        tables.items.genres[4] = Some(vec!["Drama".to_owned()]);
        if are_texts {
            let renamed = |id: &mut UserId| *id = UserId::parse(&format!("user {id}"));
            tables.users.user_id.iter_mut().chain(&mut tables.ratings.user_id).for_each(renamed);
            // One text makes a column of texts; the other ids stay integers.
            let alien = |id: &mut ItemId| {
                if *id == ItemId::from(2) {
                    *id = ItemId::parse("Alien");
                }
            };
            tables.items.item_id.iter_mut().chain(&mut tables.ratings.item_id).for_each(alien);
        }
        tables
    })
}

fn any_features() -> impl Strategy<Value = FeaturesConfig> {
    let scaling = prop_oneof![
        Just((ScalingKind::None, ScalingFit::Train)),
        Just((ScalingKind::MinMax, ScalingFit::Train)),
        Just((ScalingKind::ItemMinMax, ScalingFit::Train)),
        Just((ScalingKind::ItemMinMax, ScalingFit::All)),
    ];
    let filters = (proptest::option::of(1..5_u8), 0..4_usize, 0..3_usize, any::<bool>(), any::<bool>());
    (scaling, filters).prop_map(|((kind, fit), (least, per_user, per_item, without_genres, one))| FeaturesConfig {
        time_zone: "Europe/Rome".to_owned(),
        drop_items_without_genres: without_genres,
        drop_items: if one { vec![1.into()] } else { vec![] },
        min_rating: least.map(f32::from),
        min_ratings_per_user: per_user,
        min_ratings_per_item: per_item,
        year_bands: 2,
        scaling: ScalingConfig { kind, to: (0.5, 1.0), fit },
    })
}

proptest! {
    // Each case writes eleven data sets twice, and waits until they are on disk.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tables_on_disk_make_the_bytes_of_those_in_memory(
        tables in any_odd_tables(), features in any_features(), config in any_config(), seed: u64,
        refit: bool, drop_untrained_items: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let stored = dir.path().join("tables");
        std::fs::create_dir(&stored).unwrap();
        store(&tables, &stored);
        let path = dir.path().join("split.csv");
        let line = |row: &u64| format!("{row},{}\n", if row % 3 == 2 { "test" } else { "train" });
        let kept = |features: &FeaturesConfig| {
            let split = SplitConfig { kind: "random".to_owned(), validation: 0.0, ..SplitConfig::default() };
            prepare(&tables, features, &split, 0).map(|dataset| dataset.source_rows)
        };
        let lines = |rows: &SourceRows| rows.fit.iter().chain(&rows.test).map(line).collect::<String>();
        let text = kept(&features).as_ref().map(lines).unwrap_or_default();
        std::fs::write(&path, "row,part\n".to_owned() + &text).unwrap();

        for (number, entry) in SPLITS.iter().enumerate() {
            let split = SplitConfig {
                kind: entry.name.to_owned(),
                path: path.to_str().unwrap().to_owned(),
                refit,
                drop_untrained_items,
                ..config.clone()
            };
            let (one, two) = (dir.path().join(format!("one {number}")), dir.path().join(format!("two {number}")));
            let open = || StoredTables::open(&stored).unwrap();
            let written = prepare_into(&two, open(), &features, &split, seed, &Silent);
            match prepare(&tables, &features, &split, seed) {
                Ok(dataset) => {
                    dataset.write(&one).unwrap();
                    prop_assert_eq!(&written.unwrap(), &dataset.info, "{}", entry.name);
                    let (one, two) = (files(&one), files(&two));
                    prop_assert!(one == two, "{}: {:?} and {:?}", entry.name, one.keys(), two.keys());
                    let read = prepare_stored(open(), &features, &split, seed).unwrap();
                    prop_assert!(read.fit.iter().eq(dataset.fit.iter()) && read.test.iter().eq(dataset.test.iter()));
                    prop_assert_eq!(&read.source_rows, &dataset.source_rows);
                }
                Err(error) => prop_assert_eq!(written.unwrap_err().to_string(), error.to_string(), "{}", entry.name),
            }
        }
    }
}

/// More rows than a chunk has, written and read back: places across chunks, users whose rows lie in several of them.
#[test]
fn tables_of_many_chunks_make_the_bytes_of_those_in_memory() {
    let (n_users, n_items) = (500_i64, 700_i64);
    let rating = |n: i64| {
        let pair = n * 7_919 % (n_users * n_items);
        let stars = (pair % 10 + 1) as f32 / 2.0;
        (pair % n_users, pair / n_users, stars, (n % 11 > 0).then_some(800_000_000 + n * 97 % 1_000_003))
    };
    let mut tables = common::tables(n_users, n_items, &(0..200_000).map(rating).collect::<Vec<_>>());
    let device = |row: usize| (!row.is_multiple_of(5)).then(|| format!("device {}", row / 70_000));
    let values = Values::Text((0..200_000).map(device).collect());
    tables.ratings.contexts = vec![NamedColumn { name: "device".to_owned(), values }];
    let dir = tempfile::tempdir().unwrap();
    store(&tables, dir.path());
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let (features, split) =
        (FeaturesConfig { min_rating: Some(1.5), ..FeaturesConfig::default() }, SplitConfig::default());
    let dataset = prepare(&tables, &features, &split, 3).unwrap();
    dataset.write(&one).unwrap();

    /// Counts rows, and asks to stop after so many.
    struct Count(AtomicUsize, usize);
    impl Progress for Count {
        fn advance(&self, rows: usize) {
            self.0.fetch_add(rows, Ordering::Relaxed);
        }
        fn interrupted(&self) -> bool {
            self.0.load(Ordering::Relaxed) > self.1
        }
    }
    let open = || StoredTables::open(dir.path()).unwrap();
    let count = Count(AtomicUsize::new(0), usize::MAX);
    let info = prepare_into(&two, open(), &features, &split, 3, &count).unwrap();
    assert_eq!(info, dataset.info);
    assert!(files(&one) == files(&two));
    assert_eq!(
        count.0.into_inner(),
        200_000 + info.n_ratings,
        "every row is read once and every kept one written once"
    );
    let read = Dataset::read(&two).unwrap();
    assert!(read.fit.iter().eq(dataset.fit.iter()) && read.source_rows == dataset.source_rows);
    assert_eq!(Tables::read(dir.path()).unwrap().ratings, tables.ratings);
    for stop in [100_000, 200_000] {
        let count = Count(AtomicUsize::new(0), stop);
        let stopped = prepare_into(&dir.path().join("three"), open(), &features, &split, 3, &count).unwrap_err();
        assert!(matches!(stopped, FeaturesError::Interrupted), "{stopped}");
    }
}
