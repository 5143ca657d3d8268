//! Tests that every bad input is refused with a helpful message.
//!
//! Does not know good input, nor archives: those are tested where they are fetched. **Invariant**: each test reads the
//! message.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod support;

use reco_data::{DataError, IngestProgress, ingest};
use serde_json::json;
use support::{cell, config, folder, ingest_path, movielens, workbook, workbook_of};

const HEADER: &str = "userId,movieId,rating,timestamp\n";
const MOVIES: &[u8] = b"movieId,title,genres\n1,One (2001),Drama\n2,Two (2002),Comedy\n";

/// The error of a MovieLens folder.
fn refused(ratings: &[u8], movies: &[u8]) -> String {
    let dir = movielens(ratings, movies);
    ingest_path(dir.path(), json!({}))
        .err()
        .expect("it is refused")
        .to_string()
        .replace(dir.path().to_str().unwrap(), "RAW")
}

/// What the rejects say of those lines, when bad rows are allowed.
fn rejects(lines: &[&str]) -> Vec<(String, i64, String)> {
    let text = format!("{HEADER}1,1,4,10\n{}\n2,2,3,10\n", lines.join("\n"));
    let ingested = ingest_path(movielens(text.as_bytes(), MOVIES).path(), json!({ "max_reject_share": 0.9 })).unwrap();
    assert_eq!(ingested.summary.n_ratings, 2);
    assert_eq!(ingested.summary.dataset.n_rejected, lines.len() as u64);
    assert_eq!(ingested.tables.ratings.source_row, [0, lines.len() as u64 + 1], "bad rows are counted as rows");
    ingested.rejects
}

#[test]
fn bad_rows_are_written_down_with_file_line_and_reason() {
    let found = rejects(&[
        "1,2,NaN,10",
        "1,2,7,10",
        "1,2,0,10",
        "1,2,four,10",
        "1,2,,10",
        "1,2,4,-10",
        "1,2,4,yesterday",
        ",2,4,10",
        "1,,4,10",
        "1,2,4",
        "1,2,4,10,9",
    ]);
    let expected = [
        "it has no rating",
        "rating `7` is outside the scale `0.5` to `5`",
        "rating `0` is outside the scale `0.5` to `5`",
        "rating `four` is not a number",
        "it has no rating",
        "time `-10` is negative",
        "time `yesterday` is not a number of seconds since 1970",
        "it names no user",
        "it names no item",
        "it has `3` fields, not `4`",
        "it has `5` fields, not `4`",
    ];
    for ((found, reason), line) in found.iter().zip(expected).zip(3..) {
        assert_eq!(found, &("ratings.csv".to_owned(), line, reason.to_owned()));
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn too_many_bad_rows_stop_it_and_the_first_ten_are_shown() {
    let bad: String = (0..12).map(|i| format!("1,{i},9,10\n")).collect();
    let message = refused(format!("{HEADER}1,1,4,10\n{bad}").as_bytes(), MOVIES);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines[0], "12 of 13 rows of `RAW/ratings.csv` are bad, more than the share 0.001 that is allowed");
    assert_eq!(lines[1], "  ratings.csv line 3: rating `9` is outside the scale `0.5` to `5`");
    assert_eq!(lines[10], "  ratings.csv line 12: rating `9` is outside the scale `0.5` to `5`");
    assert_eq!(lines[11], "hint: mend the file, or raise `data.max_reject_share`");
    assert_eq!(lines.len(), 12);
}

#[test]
fn another_encoding_is_named() {
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(HEADER.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(
        refused(&utf16, MOVIES),
        "`RAW/ratings.csv` is UTF-16 text, not UTF-8\nhint: convert it, e.g. `iconv -f UTF-16 -t UTF-8`"
    );
    let latin1 = refused(format!("{HEADER}1,1,4,10\n").as_bytes(), b"movieId,title,genres\n1,Caf\xe9 (2001),Drama\n");
    assert!(latin1.starts_with("1 of 1 rows of `RAW/movies.csv` are bad"), "{latin1}");
    assert!(latin1.contains("  movies.csv line 2: `Caf\\u{fffd} (2001)` is not UTF-8\n"), "{latin1}");
}

#[test]
fn a_missing_column_is_named_beside_those_that_are_there() {
    assert_eq!(
        refused(b"userId,movieId,stars,timestamp\n1,1,4,10\n", MOVIES),
        "`RAW/ratings.csv` has no column `rating`\nhint: it has `userId`, `movieId`, `stars`, `timestamp`"
    );
    assert!(
        refused(format!("{HEADER}1,1,4,10\n").as_bytes(), b"id;title\n")
            .contains("has no column `movieId`, nor `title`, nor `genres`\nhint: it has `id;title`")
    );
    let dir = folder(&[("own.jsonl", b"{\"a\":1,\"b\":2}\n"), ("own.csv", b"a,b\n1,2\n")]);
    for file in ["own.jsonl", "own.csv"] {
        let error =
            ingest_path(&dir.path().join(file), json!({ "columns": { "user": "a", "item": "item" } })).err().unwrap();
        assert!(error.to_string().contains("has no column `item`\nhint: it has `a`, `b`"), "{error}");
    }
    let error = ingest_path(&dir.path().join("own.csv"), json!({})).err().unwrap().to_string();
    assert!(
        error.contains("own.csv` can't be read as it is:\n  no column is named for the user, and none of its columns"),
        "{error}"
    );
    assert!(error.ends_with("hint: `data.columns.user = \"…\"`; `data.columns.item = \"…\"`"), "{error}");
}

#[test]
fn empty_files_are_named() {
    let empty = "`RAW/ratings.csv` has no rows\nhint: it may have been cut short; fetch or copy it again";
    assert_eq!(refused(b"", MOVIES), empty);
    assert_eq!(refused(HEADER.as_bytes(), MOVIES), empty);
    assert!(refused(format!("{HEADER}1,1,4,10\n").as_bytes(), b"").starts_with("`RAW/movies.csv` has no rows"));
}

#[test]
fn a_file_that_is_missing_or_damaged_is_named() {
    let dir = folder(&[("u.data", b"1\t1\t4\t10\n"), ("u.item", b"")]);
    let error = ingest_path(dir.path(), json!({})).err().unwrap().to_string();
    assert!(error.contains("u.user` is missing\nhint: the folder may have been unpacked only in part"), "{error}");
    let path = dir.path().join("cut.xlsx");
    std::fs::write(&path, b"PK\x03\x04 cut").unwrap();
    let error = ingest_path(&path, json!({})).err().unwrap().to_string();
    assert!(error.contains("cut.xlsx` can't be read: ") && error.contains("\nhint: save it again"), "{error}");
    let path = dir.path().join("other.xlsx");
    workbook(&path, &[("Sheet1", &[&["a"]])]);
    let error = ingest_path(&path, json!({})).err().unwrap().to_string();
    assert!(error.contains("it has no sheet `products`, only `Sheet1`"), "{error}");
    let path = dir.path().join("own.parquet");
    std::fs::write(&path, b"PAR1 cut").unwrap();
    let error = ingest_path(&path, json!({ "columns": { "user": "a", "item": "b" } })).err().unwrap().to_string();
    assert!(error.contains("own.parquet` is not a readable Parquet file: "), "{error}");
}

#[test]
fn a_sheet_of_two_cells_at_opposite_ends_takes_the_memory_of_two_cells() {
    let dir = folder(&[]);
    let path = dir.path().join("data_movies.xlsx");
    let header = ["userId", "movieId", "rating", "timestamp"];
    let row = |line: u32, texts: [&str; 4]| {
        let cells =
            ["A", "B", "C", "XFD"].iter().zip(texts).map(|(column, text)| cell(&format!("{column}{line}"), text));
        format!("<row r=\"{line}\">{}</row>", cells.collect::<String>())
    };
    let ratings = row(1, header) + &row(1_048_576, ["7", "1", "4", "881250949"]);
    let products = "<row r=\"1\">".to_owned()
        + &cell("A1", "movieId")
        + &cell("B1", "title")
        + &cell("C1", "genres")
        + "</row><row r=\"9\">"
        + &cell("A9", "1")
        + &cell("B9", "One (2001)")
        + &cell("C9", "Drama")
        + "</row>";
    workbook_of(&path, &[("products", products), ("users", ratings)]);
    let ingested = ingest_path(&path, json!({})).unwrap();
    assert_eq!((ingested.summary.n_ratings, ingested.summary.n_items), (1, 1));
    assert_eq!(ingested.tables.ratings.timestamp, [Some(881_250_949)]);
}

#[test]
fn duplicates_give_way_and_are_counted() {
    let ratings = format!("{HEADER}1,1,4,10\n1,2,1,20\n1,1,5,9\n2,1,3,5\n1,2,2,20\n");
    let ingested = ingest_path(movielens(ratings.as_bytes(), MOVIES).path(), json!({})).unwrap();
    assert_eq!(ingested.summary.dataset.n_duplicates, 2);
    assert_eq!((ingested.summary.n_rows, ingested.summary.n_ratings), (5, 3));
    assert_eq!(ingested.tables.ratings.source_row, [0, 3, 4], "the later of two times, the last of equal ones");
    assert_eq!(ingested.tables.ratings.rating, [Some(4.0), Some(3.0), Some(2.0)]);
    let first = ingest_path(movielens(ratings.as_bytes(), MOVIES).path(), json!({ "duplicates": "first" })).unwrap();
    assert_eq!(first.tables.ratings.rating, [Some(1.0), Some(5.0), Some(3.0)]);
    let error = ingest_path(movielens(ratings.as_bytes(), MOVIES).path(), json!({ "duplicates": "refuse" }));
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("ratings.csv` rates `2` pairs of a user and an item again\nhint: `data.duplicates`"),
        "{error}"
    );
}

#[test]
fn items_and_users_are_checked_as_well() {
    let ratings = format!("{HEADER}1,1,4,10\n9,7,4,10\n");
    let movies = b"movieId,title,genres\n1,One (2001),Drama\n1,Again (2001),Drama\n,Nameless,Drama\n2,,\n";
    let dir = movielens(ratings.as_bytes(), movies);
    let ingested = ingest_path(dir.path(), json!({ "max_reject_share": 0.5 })).unwrap();
    let reasons: Vec<(i64, &str)> = ingested.rejects.iter().map(|(_, line, reason)| (*line, reason.as_str())).collect();
    assert_eq!(reasons, [(3, "item `1` has a line already"), (4, "it names no item")]);
    assert_eq!(
        ingested.tables.items.title,
        ["One (2001)", "2", "7"],
        "no title: the id; met only in ratings: at the end"
    );
    assert_eq!(ingested.tables.items.genres, [Some(vec!["Drama".to_owned()]), None, None]);
    let dat = folder(&[
        ("ratings.dat", b"1::1::4::10\n"),
        ("movies.dat", b"1::One (2001)::Drama\n"),
        ("users.dat", b"1::F::99::10::1\n2::F::1::30::1\n"),
    ]);
    let error = ingest_path(dat.path(), json!({})).err().unwrap().to_string();
    assert!(error.contains("users.dat line 1: age `99` is not a code of this format"), "{error}");
    assert!(error.contains("users.dat line 2: occupation `30` is not a code of this format"), "{error}");
}

#[test]
fn a_scale_that_cannot_be_observed_is_asked_for() {
    let dir = folder(&[("own.csv", b"u,i,r\n1,1,5\n1,2,5\n")]);
    let columns = json!({ "user": "u", "item": "i", "rating": "r" });
    let error = ingest_path(&dir.path().join("own.csv"), json!({ "columns": columns })).err().unwrap().to_string();
    assert!(
        error.starts_with("every rating is `5`, which says nothing of the scale that ratings are on\nhint: "),
        "{error}"
    );
    assert!(error.contains("e.g. `data.rating_scale = [1, 5]`"), "{error}");
    let stated = json!({ "columns": columns, "rating_scale": [0, 10] });
    let scale = ingest_path(&dir.path().join("own.csv"), stated).unwrap().tables.scale;
    assert_eq!((scale.min(), scale.max()), (0.0, 10.0));
}

/// Asks to stop after so many reports.
struct StopsAfter {
    reports: u32,
    so_far: std::sync::atomic::AtomicU32,
}

impl IngestProgress for StopsAfter {
    fn begin(&self, _: u64) {}
    fn advance(&self, _: u64) {
        self.so_far.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn end(&self) {}
    fn interrupted(&self) -> bool {
        self.so_far.load(std::sync::atomic::Ordering::Relaxed) >= self.reports
    }
}

/// Stops reading after each of those reports.
fn interrupted_after(config: &reco_data::DataConfig, reports: &[u32]) {
    for &reports in reports {
        let out = tempfile::tempdir().unwrap();
        let progress = StopsAfter { reports, so_far: Default::default() };
        let stopped = ingest(config, std::path::Path::new("no-raw-folder"), out.path(), &progress);
        assert!(matches!(stopped, Err(DataError::Interrupted)), "{reports}");
        assert_eq!(progress.so_far.into_inner(), reports);
    }
}

#[test]
fn an_interruption_stops_either_pass_at_once() {
    let rows: String = (0..200_000).map(|n| format!("{},{},4,10\n", n % 1000, n / 1000)).collect();
    let raw = movielens(format!("{HEADER}{rows}").as_bytes(), MOVIES);
    // Where not all rows are wanted, they are read one by one, and each pass over these rows reports seven times.
    interrupted_after(&config(json!({ "path": raw.path().to_str().unwrap(), "rows": 200_000 })), &[1, 9]);
}

#[test]
fn an_interruption_stops_reading_on_all_cores_at_once() {
    // Fourteen megabytes and a user who comes back: four blocks, read up to the first and then all.
    let rows: String = (0..800_000).map(|n| format!("{},{},4,1000000000\n", 1000 + n % 1000, n / 1000)).collect();
    let raw = movielens(format!("{HEADER}{rows}").as_bytes(), MOVIES);
    interrupted_after(&config(json!({ "path": raw.path().to_str().unwrap() })), &[1, 2, 4, 5]);
}
