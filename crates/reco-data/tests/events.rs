//! Tests that events of a service join the ratings, and that erased users are in no table.
//!
//! **Invariant**: files are made in the test itself; what is expected was reckoned by hand.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reco_data::{
    DataConfig, EXPOSURE, EventRow, IngestSummary, ItemRow, SilentIngest, Tables, Values, erased_digest, ingest,
    locate, write_events,
};
use serde_json::{Value, json};

/// When events of the tests happened; ratings before it are older.
const NOW: i64 = 1_700_000_000;

fn event(user: &str, item: &str, rating: Option<f32>, timestamp: i64) -> EventRow {
    let kind = if rating.is_some() { "rating" } else { "click" }.to_owned();
    let (user_id, item_id) = (user.to_owned(), item.to_owned());
    EventRow { user_id, item_id, rating, timestamp, kind, recommendation_id: None, arm: None }
}

/// What an ingestion of `ratings` and of the events in `folder` leaves.
fn ingested(folder: &Path, ratings: &str, more: Value) -> Result<(IngestSummary, Tables), String> {
    fs::write(folder.join("own.csv"), ratings).unwrap();
    let mut config = json!({ "name": "own", "source": "table", "path": folder.join("own.csv"), "events": folder.join("events.export") });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config: DataConfig = reco_core::options::parse("[data]", &config).unwrap();
    let out = folder.join("tables");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).unwrap();
    let summary = ingest(&config, folder, &out, &SilentIngest).map_err(|error| error.to_string())?;
    let read: Vec<String> = locate(&config, folder)
        .unwrap()
        .inputs
        .into_iter()
        .map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(["events.parquet", "erased.parquet"].iter().all(|name| read.contains(&(*name).to_owned())), "{read:?}");
    Ok((summary, Tables::read(&out).unwrap()))
}

/// The rows as `user item rating`.
fn rows(tables: &Tables) -> BTreeSet<String> {
    let ratings = &tables.ratings;
    let row = |at: usize| {
        let stars = ratings.rating[at].map(|stars| stars.to_string()).unwrap_or_default();
        format!("{} {} {stars}", ratings.user_id[at], ratings.item_id[at])
    };
    (0..ratings.len()).map(row).collect()
}

fn set(rows: &[&str]) -> BTreeSet<String> {
    rows.iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn events_with_stars_follow_the_ratings_whatever_these_are_written_like() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("events.export");
    let seen = EventRow { kind: EXPOSURE.to_owned(), arm: Some("a".to_owned()), ..event("1", "10", None, NOW) };
    let events = vec![
        event("1", "10", Some(1.5), NOW),
        event("2", "10", Some(4.0), 1),
        event("ann", "30", Some(5.0), NOW),
        event("2", "20", None, NOW),
        event("NA", "20", Some(3.0), NOW),
        event("eve", "20", Some(3.0), NOW),
        seen,
    ];
    let item = |id: &str, title: &str, features: &[&str]| ItemRow {
        item_id: id.to_owned(),
        title: title.to_owned(),
        year: Some(1995),
        features: features.iter().map(|feature| (*feature).to_owned()).collect(),
    };
    let items = [item("40", "Heat", &["Crime", "studio=Regency"]), item("10", "Ten", &[])];
    fs::write(folder.path().join("items.csv"), "id,title,studio\n10,Seven (1995),New Line\n").unwrap();
    let erased = BTreeSet::from([erased_digest("3"), erased_digest("eve")]);
    write_events(&at, events, &items, &erased).unwrap();
    let item_table = json!({ "columns": { "item_table": {
        "path": "items.csv", "id": "id", "title": "title", "attributes": ["studio"] } } });
    let ratings =
        "user;item;rating;date\n1;10;4,5;2020-01-02\n2;10;2,5;2020-01-02\n3;10;3,5;2020-01-02\n3;20;x;2020-01-02\n";
    let (summary, tables) = ingested(folder.path(), ratings, item_table).unwrap();
    // The latest of a pair stays: of user 1 the event, of user 2 the rating in the file.
    assert_eq!(rows(&tables), set(&["1 10 1.5", "2 10 2.5", "ann 30 5"]));
    assert_eq!((summary.dataset.n_duplicates, summary.dataset.n_rejected), (2, 1), "a bad event ends nothing");
    let said = summary.said.join("\n");
    assert!(said.contains("5 rows are of users' events, and 3 of erased users are left out"), "{said}");
    let users: Vec<String> = tables.users.user_id.iter().map(ToString::to_string).collect();
    assert_eq!(users, ["1", "2", "ann"]);
    let items: Vec<String> = tables.items.item_id.iter().map(ToString::to_string).collect();
    assert_eq!(items, ["10", "40", "30"], "the file's, the added, and those that events name");
    assert_eq!(tables.items.name[..2], ["Seven", "Heat"], "the file goes before what was added");
    assert_eq!(tables.items.year[1], Some(1995));
    assert_eq!(tables.items.genres[1], Some(vec!["Crime".to_owned()]));
    let studios = Values::Text(vec![Some("New Line".to_owned()), Some("Regency".to_owned()), None]);
    assert_eq!(tables.items.attributes[0].values, studios);
}

#[test]
fn where_ratings_have_no_stars_every_event_is_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let events = vec![event("b", "y", None, NOW), event("c", "x", Some(2.0), NOW), event("c", "y", None, NOW)];
    write_events(&folder.path().join("events.export"), events, &[], &BTreeSet::from([erased_digest("c")])).unwrap();
    let (_, tables) = ingested(folder.path(), "user,item\na,x\nb,x\nc,x\n", json!({})).unwrap();
    assert_eq!(rows(&tables), set(&["a x ", "b x ", "b y "]));
}

#[test]
fn too_many_bad_ratings_fail_however_many_events_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let events = (0..5000).map(|n| event(&n.to_string(), "10", Some(3.0), NOW)).collect();
    write_events(&folder.path().join("events.export"), events, &[], &BTreeSet::new()).unwrap();
    let ratings = "user,item,rating\n1,10,4\n2,,3\n";
    let columns = json!({ "columns": { "user": "user", "item": "item", "rating": "rating" } });
    let error = ingested(folder.path(), ratings, columns).unwrap_err();
    assert!(error.contains("own.csv") && error.contains("1 of 2"), "{error}");
    fs::remove_file(folder.path().join("events.export/events.parquet")).unwrap();
    let error = ingested(folder.path(), ratings, json!({})).unwrap_err();
    assert!(error.starts_with("`data.events`: there is no `") && error.contains("\nhint: "), "{error}");
}
