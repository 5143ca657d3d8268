//! Tests that the article's own workbook gives the article's own counts.
//!
//! Does not carry the workbook: it is looked for in `movielens-seed/` of the folder that `RECO_EXTRA_DATA` names.
//! **Invariant**: without that variable the test says that it was left out.

mod support;

use std::path::Path;

use reco_core::testing::left_out;
use serde_json::json;
use support::ingest_path;

#[test]
fn the_workbook_has_the_counts_of_the_article() {
    let Some(extra) = std::env::var_os("RECO_EXTRA_DATA") else {
        left_out("counts of the article's workbook: RECO_EXTRA_DATA is not set");
        return;
    };
    let path = Path::new(&extra).join("movielens-seed/data_movies.xlsx");
    let ingested = ingest_path(&path, json!({})).unwrap();
    assert_eq!(ingested.summary.n_rows, 100_836);
    assert_eq!((ingested.summary.n_ratings, ingested.summary.n_users, ingested.summary.n_items), (100_836, 610, 9_742));
    assert_eq!((ingested.summary.dataset.n_duplicates, ingested.summary.dataset.n_rejected), (0, 0));
    assert_eq!(ingested.tables.dataset.sha256, "9ace4c0a4a43f7f60f1ae5ab91f9ffcd80ab09a746c92c034a2a07edeed10a6c");
    let items = &ingested.tables.items;
    let without_genres: Vec<&str> = items
        .genres
        .iter()
        .zip(&items.title)
        .filter(|(genres, _)| genres.is_none())
        .map(|(_, title)| title.as_str())
        .collect();
    assert_eq!(without_genres, ["Steins"], "the one product that the article drops");
    let old = items
        .genres
        .iter()
        .zip(&items.year)
        .filter(|(genres, year)| genres.is_some() && year.is_some_and(|year| year < 2000));
    assert_eq!(old.count(), 4_949);
    assert_eq!(items.name[..3], ["Toy Story", "Jumanji", "Grumpier Old Men"]);
    let first = ingest_path(&path, json!({ "rows": 10_000 })).unwrap();
    assert_eq!((first.summary.n_ratings, first.summary.n_users, first.summary.n_items), (10_000, 66, 9_742));
}
