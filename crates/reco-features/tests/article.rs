//! Tests that the article's own workbook gives the article's own numbers.
//!
//! Does not carry the workbook: where `RECO_EXTRA_DATA` names a folder with `movielens-seed/` in it, the test reads it
//! there.
//!
//! **Invariant**: what is expected is read from `reference.json` beside the workbook, and every count, feature and row
//! in it is compared exactly.

use std::path::PathBuf;

use reco_core::testing::left_out;
use reco_core::{Interaction, Interactions};
use reco_data::{DataConfig, SilentIngest, Tables};
use reco_features::{Dataset, FeaturesConfig, ScalingConfig, ScalingFit, ScalingKind, SplitConfig, prepare};
use serde_json::{Value, json};

#[test]
fn the_workbook_gives_the_reference() {
    let Some(extra) = std::env::var_os("RECO_EXTRA_DATA") else {
        left_out("features of the article's workbook: RECO_EXTRA_DATA is not set");
        return;
    };
    let folder = PathBuf::from(extra).join("movielens-seed");
    let text = std::fs::read_to_string(folder.join("reference.json")).unwrap();
    let reference: Value = serde_json::from_str(&text).unwrap();

    let temporary = tempfile::tempdir().unwrap();
    let data = DataConfig {
        source: "article-workbook".to_owned(),
        path: folder.join("data_movies.xlsx").to_str().unwrap().to_owned(),
        fetch: String::new(),
        rows: reference["rows_read"].as_u64().unwrap(),
        ..DataConfig::default()
    };
    reco_data::ingest(&data, temporary.path(), temporary.path(), &SilentIngest).unwrap();
    let tables = Tables::read(temporary.path()).unwrap();
    let scaling = ScalingConfig { kind: ScalingKind::ItemMinMax, to: (0.5, 1.0), fit: ScalingFit::All };
    let features = FeaturesConfig {
        time_zone: reference["timezone"].as_str().unwrap().to_owned(),
        drop_items_without_genres: true,
        scaling,
        ..FeaturesConfig::default()
    };
    let split = SplitConfig { kind: "article".to_owned(), ..SplitConfig::default() };
    let dataset = prepare(&tables, &features, &split, 42).unwrap();

    assert_eq!(counts(&tables, &dataset), reference["counts"]);
    assert_eq!(json!(dataset.catalogue.item_features.names()), reference["features_sorted"]);
    let products: Vec<Value> = (0..5).map(|row| json!([row, dataset.details[row].name, old(&dataset, row)])).collect();
    assert_eq!(json!(products), reference["first_rows"]["products"]);
    assert!(dataset.catalogue.context_names().eq(["daytime", "weekend"]));
    let contexts: Vec<Value> = dataset
        .fit
        .iter()
        .take(5)
        .map(|row| json!([row.user.index(), row.item.index(), row.context[0] as u8, row.context[1] as u8]))
        .collect();
    assert_eq!(json!(contexts), reference["first_rows"]["contexts_user_product_daytime_weekend"]);
    for (product, expected) in reference["scaled_first_row"].as_object().unwrap() {
        let Some(item) = product.strip_prefix("product_") else { continue };
        let is_item = |row: &Interaction<'_>| row.user.index() == 0 && row.item.index().to_string() == item;
        let row = dataset.fit.iter().find(is_item).unwrap();
        assert_eq!(row.target.get(), expected.as_f64().unwrap() as f32, "{product}");
    }
    assert!(dataset.validation.is_none());

    // An item with equal ratings has the lower end as its target, from which there is no way back to stars.
    assert!(!dataset.catalogue.scaling.is_invertible());
    let targets = dataset.fit.targets().iter().chain(dataset.test.targets());
    assert!(targets.clone().all(|target| (0.5..=1.0).contains(&target.get())));

    let features = temporary.path().join("features");
    dataset.write(&features).unwrap();
    let read = Dataset::read(&features).unwrap();
    assert_eq!((&read.info, &read.source_rows), (&dataset.info, &dataset.source_rows));
    assert!(read.fit.iter().eq(dataset.fit.iter()) && read.test.iter().eq(dataset.test.iter()));
}

fn old(dataset: &Dataset, item: usize) -> u8 {
    dataset.catalogue.item_features.matrix().row(item)[0] as u8
}

/// What `reference.json` counts, under its names.
fn counts(tables: &Tables, dataset: &Dataset) -> Value {
    let n_items = dataset.catalogue.n_items();
    let set = |rows: &Interactions, context: usize| rows.iter().filter(|row| row.context[context] == 1.0).count();
    let set_anywhere = |context| set(&dataset.fit, context) + set(&dataset.test, context);
    json!({
        "products_in_sheet": tables.items.item_id.len(),
        "products_kept": n_items,
        "users": dataset.catalogue.n_users(),
        "product_columns": n_items,
        "split_column": dataset.info.split.cuts["split_column"],
        "train_ratings": dataset.fit.len(),
        "test_ratings": dataset.test.len(),
        "features": dataset.catalogue.item_features.names().len(),
        "contexts": dataset.catalogue.contexts.len(),
        "ratings_in_daytime": set_anywhere(0),
        "ratings_on_weekend": set_anywhere(1),
        "products_old": (0..n_items).filter(|&item| old(dataset, item) == 1).count(),
    })
}
