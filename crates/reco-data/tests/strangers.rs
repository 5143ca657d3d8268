//! Tests reading files of pandas, polars, DuckDB, Excel, Postgres, R, jq and others, given four column names at most.
//!
//! The files in `strangers/` were written by those programs (`make.py` there); those of programs that cost money or
//! need a server are spelled out here, byte by byte. Does not know how detection works. **Invariant**: every rating and
//! every time that comes out is compared.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Ingested, folder, ingest_path};

/// What one row says: user, item, rating, time.
type Said = (&'static str, &'static str, Option<f32>, Option<i64>);

const NOON: i64 = 1_706_725_815; // 2024-01-31 18:30:15
const JUNE: i64 = 1_685_577_605; // 2023-06-01 00:00:05
const EVE: i64 = 1_672_531_199; // 2022-12-31 23:59:59
const MINUTE: i64 = 1_706_725_800; // 2024-01-31 18:30
const DAY: i64 = 86_400;

/// The four rows that the programs were given.
const ROWS: [Said; 4] = [
    ("7", "10", Some(4.5), Some(NOON)),
    ("7", "20", Some(3.0), Some(JUNE)),
    ("9", "10", Some(0.5), Some(EVE)),
    ("12", "30", Some(5.0), Some(MINUTE)),
];

fn rows(ingested: &Ingested) -> Vec<(String, String, Option<f32>, Option<i64>)> {
    let ratings = &ingested.tables.ratings;
    let numbers = ratings.rating.iter().zip(&ratings.timestamp);
    let ids = ratings.user_id.iter().zip(&ratings.item_id);
    ids.zip(numbers).map(|((user, item), (stars, time))| (user.to_string(), item.to_string(), *stars, *time)).collect()
}

/// Reads a file, compares its rows, and returns what was concluded.
#[track_caller]
fn reads(path: &Path, columns: Value, expected: &[Said]) -> Vec<String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let more = json!({ "source": "table", "columns": columns });
    let ingested = ingest_path(path, more).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected: Vec<_> = expected
        .iter()
        .map(|(user, item, stars, time)| ((*user).to_owned(), (*item).to_owned(), *stars, *time))
        .collect();
    assert_eq!(rows(&ingested), expected, "{name}");
    assert!(ingested.rejects.is_empty(), "{name}: {:?}", ingested.rejects);
    ingested.summary.said
}

#[track_caller]
fn written(name: &str, bytes: &[u8], columns: Value, expected: &[Said]) -> Vec<String> {
    reads(&folder(&[(name, bytes)]).path().join(name), columns, expected)
}

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers").join(name)
}

fn named(user: &str, item: &str, rating: &str, time: &str) -> Value {
    json!({ "user": user, "item": item, "rating": rating, "timestamp": time })
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn files_written_by_programs_are_read_without_a_word() {
    let dates = ROWS.map(|(user, item, stars, time)| (user, item, stars, time.map(|time| time.div_euclid(DAY) * DAY)));
    for (file, is_read_as) in [
        ("pandas.csv", "comma-separated text, times as ISO 8601, in UTC where no zone stands"),
        ("pandas_german.csv", "`;`-separated text, decimal commas, times as ISO 8601, in UTC where no zone stands"),
        ("pandas.tsv.gz", "tab-separated text, packed by gzip, times in seconds since 1970"),
        ("pandas.jsonl", "JSON lines, times in milliseconds since 1970"),
        ("pandas_ns.parquet", "Parquet, times as its own points in time"),
        ("pandas_gzip_ms.parquet", "Parquet, times in milliseconds since 1970"),
        ("pyarrow_lz4.parquet", "Parquet, times as its own points in time"),
        ("pyarrow_int96.parquet", "Parquet, times as its own points in time"),
        ("polars.csv", "comma-separated text, times as ISO 8601, in UTC where no zone stands"),
        ("polars_bars.txt", "`|`-separated text, times as ISO 8601, in UTC where no zone stands"),
        ("polars.ndjson", "JSON lines, times as ISO 8601, in UTC where no zone stands"),
        ("polars_brotli.parquet", "Parquet, times as its own points in time"),
        ("polars_snappy_us.parquet", "Parquet, times in microseconds since 1970"),
        ("duckdb.csv", "comma-separated text, times as ISO 8601, in UTC where no zone stands"),
        ("duckdb.json.gz", "JSON lines, packed by gzip, times as ISO 8601, in UTC where no zone stands"),
        ("python.tsv", "tab-separated text, fields in quotes, times in seconds since 1970"),
    ] {
        let expected = if file == "polars_brotli.parquet" { &dates } else { &ROWS };
        let said = reads(&made(file), json!({}), expected);
        assert_eq!(said[0], format!("`{file}` is read as {is_read_as}"));
        assert!(said[1].starts_with("columns taken by their names: `user = \""), "{said:?}");
        assert_eq!(
            said[2],
            "ratings are on the scale that occurs, from 0.5 to 5; `data.rating_scale = [0.5, 5]` states it"
        );
    }
    const UUIDS: [&str; 3] = [
        "00000000-0000-0000-0000-000000000007",
        "00000000-0000-0000-0000-000000000009",
        "00000000-0000-0000-0000-000000000012",
    ];
    let mut expected = ROWS;
    (expected[0].0, expected[1].0, expected[2].0, expected[3].0) = (UUIDS[0], UUIDS[0], UUIDS[1], UUIDS[2]);
    reads(&made("duckdb.parquet"), json!({}), &expected);
}

#[test]
fn spreadsheets_are_read() {
    // Excel in German, "CSV (Trennzeichen-getrennt)": Windows-1252, and what one sees in the cells.
    let excel = b"Kundennr;Artikel;Bewertung;Datum\r\nM\xfcller;Caf\xe9 \x80;4,5;31.01.2024 18:30\r\nWei\xdf;\"a;b\";3;01.06.2023 00:00\r\n";
    let expected = [("Müller", "Café €", Some(4.5), Some(MINUTE)), ("Weiß", "a;b", Some(3.0), Some(JUNE - 5))];
    let said = written("Mappe1.csv", excel, json!({}), &expected);
    assert_eq!(
        said[0],
        "`Mappe1.csv` is read as `;`-separated text, Windows-1252, decimal commas, times as day, month, year, in UTC where no zone stands"
    );
    // "CSV UTF-8 (durch Trennzeichen getrennt)": a mark, and no seconds either.
    let text = "\u{feff}Kunde;Artikel;Sterne;Zeit\r\n7;10;4,5;31.01.2024 18:30\r\n9;20;0,5;31.12.2022 23:59\r\n";
    written(
        "Mappe2.csv",
        text.as_bytes(),
        json!({}),
        &[("7", "10", Some(4.5), Some(MINUTE)), ("9", "20", Some(0.5), Some(EVE - 59))],
    );
    // "Unicode-Text".
    let text =
        "user\titem\trating\tdate\r\n7\t\"say \"\"hi\"\"\"\t4.5\t1/31/2024 18:30\r\n9\té\t1\t12/31/2022 23:59\r\n";
    let said = written(
        "Book1.txt",
        &utf16(text),
        json!({}),
        &[("7", "say \"hi\"", Some(4.5), Some(MINUTE)), ("9", "é", Some(1.0), Some(EVE - 59))],
    );
    assert!(said[0].contains("tab-separated text, UTF-16, fields in quotes"), "{said:?}");
    // A column of dates whose cells were never formatted.
    written(
        "serial.csv",
        b"user,item,rating,date\n7,10,4.5,45322.7710069444\n9,20,1,45078.5\n",
        json!({}),
        &[("7", "10", Some(4.5), Some(NOON)), ("9", "20", Some(1.0), Some(1_685_620_800))],
    );
    // Google Sheets, downloaded as TSV; LibreOffice with "quote all text cells".
    written(
        "Sheet1.tsv",
        b"User\tMovie\tStars\tWhen\r\n7\tTen \"best\" films\t5\t2024-01-31\r\n9\tOther\t4\t2023-06-01\r\n",
        json!({}),
        &[("7", "Ten \"best\" films", Some(5.0), Some(NOON / DAY * DAY)), ("9", "Other", Some(4.0), Some(JUNE - 5))],
    );
    let quoted = b"\"user\"\t\"item\"\t\"rating\"\r\n\"ann\"\t\"a\tb\"\t4\r\n\"bob\"\t\"c\"\t2\r\n";
    written("quoted.tsv", quoted, json!({}), &[("ann", "a\tb", Some(4.0), None), ("bob", "c", Some(2.0), None)]);
}

#[test]
fn databases_are_read() {
    let places = || named("1", "2", "3", "4");
    // Postgres: COPY ratings TO STDOUT; then with (FORMAT csv, HEADER).
    let copy = b"7\t10\t4.5\t2024-01-31 18:30:15+00\n7\t20\t\\N\t2023-06-01 00:00:05+00\n9\t10\t0.5\t\\N\n";
    let expected = [ROWS[0], ("7", "20", None, Some(JUNE)), ("9", "10", Some(0.5), None)];
    let said = written("ratings.copy", copy, places(), &expected);
    assert!(said[0].contains("tab-separated text, without a line of names"), "{said:?}");
    written(
        "pg.csv",
        b"user_id,item_id,rating,created_at\n7,10,4.5,2024-01-31 19:30:15.123+01\n9,10,0.5,2022-12-31 23:59:59+00\n",
        json!({}),
        &[ROWS[0], ROWS[2]],
    );
    // MySQL: SELECT … INTO OUTFILE; then mysql --batch.
    written(
        "outfile.txt",
        b"7\t10\t4.5\t2024-01-31 18:30:15\n9\t10\t0.5\t\\N\n",
        places(),
        &[ROWS[0], ("9", "10", Some(0.5), None)],
    );
    written("batch.tsv", b"user_id\titem_id\trating\tts\n7\t10\t4.5\t2024-01-31 18:30:15\n9\t10\tNULL\tNULL\n12\t30\t5\t2024-01-31 18:30:00\n", json!({}), &[ROWS[0], ("9", "10", None, None), ROWS[3]]);
    // sqlite3 -separator '|'.
    written("sqlite.txt", b"7|10|4.5|1706725815\n9|10|0.5|1672531199\n", places(), &[ROWS[0], ROWS[2]]);
}

#[test]
fn r_jq_and_published_data_are_read() {
    // write.csv2(ratings, file): row names, commas, quotes around every text.
    let r = b"\"\";\"user\";\"item\";\"rating\";\"time\"\n\"1\";7;\"10\";4,5;\"2024-01-31 18:30:15\"\n\"2\";9;\"10\";NA;\"2022-12-31 23:59:59\"\n\"3\";9;\"20\";0,5;NA\n";
    written("r.csv", r, json!({}), &[ROWS[0], ("9", "10", None, Some(EVE)), ("9", "20", Some(0.5), None)]);
    // jq -r '… | @csv' and '… | @tsv', jq -c; PowerShell puts a mark before it.
    written(
        "jq.csv",
        b"\"7\",\"10\",4.5,1706725815\n\"9\",\"10\",0.5,1672531199\n",
        named("1", "2", "3", "4"),
        &[ROWS[0], ROWS[2]],
    );
    written(
        "jq.tsv",
        b"7\t10\t4.5\t1706725815\n9\t10\t0.5\t1672531199\n",
        named("1", "2", "3", "4"),
        &[ROWS[0], ROWS[2]],
    );
    let lines = "\u{feff}{\"who\":7,\"what\":10,\"stars\":4.5,\"at\":\"2024-01-31T18:30:15Z\"}\r\n{\"who\":9,\"what\":10,\"at\":null}\r\n{\"who\":9,\"what\":11,\"stars\":1}\r\n";
    written(
        "events.json",
        lines.as_bytes(),
        named("who", "what", "stars", "at"),
        &[ROWS[0], ("9", "10", None, None), ("9", "11", Some(1.0), None)],
    );
    // Amazon's reviews: two columns are times.
    let amazon = br#"{"reviewerID": "A2", "asin": "B01", "reviewerName": "J", "helpful": [0, 0], "overall": 5.0, "unixReviewTime": 1252800000, "reviewTime": "09 13, 2009"}
{"reviewerID": "A3", "asin": "B01", "overall": 2.0, "unixReviewTime": 1672444800, "reviewTime": "12 31, 2022"}
"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(amazon).unwrap();
    let gzip = gzip.finish().unwrap();
    let expected = [("A2", "B01", Some(5.0), Some(1_252_800_000)), ("A3", "B01", Some(2.0), Some(1_672_444_800))];
    for time in ["unixReviewTime", "reviewTime"] {
        written("reviews.json.gz", &gzip, named("reviewerID", "asin", "overall", time), &expected);
    }
    let dir = folder(&[("reviews.json.gz", &gzip)]);
    let error = ingest_path(&dir.path().join("reviews.json.gz"), json!({})).err().unwrap().to_string();
    assert!(
        error.ends_with("the timestamp could be in `reviewTime` or `unixReviewTime`\nhint: `data.columns.timestamp = \"reviewTime\"` or `data.columns.timestamp = \"unixReviewTime\"`"),
        "{error}"
    );
}

#[test]
fn all_obstacles_of_a_file_are_said_at_once() {
    let dir = folder(&[("own.csv", b"who;what;stars;when\n7;10;1,250;01/02/2024\n8;11;2,500;03/04/2024\n")]);
    let path = dir.path().join("own.csv");
    let columns =
        json!({ "user": "wer", "item": "what", "rating": "stars", "timestamp": "when", "context": ["device"] });
    let error = ingest_path(&path, json!({ "columns": columns })).err().unwrap().to_string();
    let error = error.replace(dir.path().to_str().unwrap(), "RAW");
    assert_eq!(
        error,
        "`RAW/own.csv` can't be read as it is: \n  it has no column `wer`, nor `device`\n  ratings in `stars` have commas that stand before a fraction or set thousands apart: `1,250` (line 2)\n  dates in `when` have the day first or the month: `01/02/2024` (line 2)\nhint: it has `who`, `what`, `stars`, `when`; `data.decimal = \",\"`, or write thousands without commas; `data.time_format = \"day-month-year\"` or `data.time_format = \"month-day-year\"`"
            .replace("is: \n", "is:\n")
    );
    let stated = json!({
        "columns": named("who", "what", "stars", "when"), "decimal": ",", "time_format": "day-month-year",
    });
    let read = rows(&ingest_path(&path, stated).unwrap());
    assert_eq!(read[0], ("7".to_owned(), "10".to_owned(), Some(1.25), Some(1_706_745_600)));
}

#[test]
fn a_row_that_contradicts_the_first_is_refused_with_its_line() {
    let mut text = "user;item;rating;time\r\n".to_owned();
    for n in 0..20_000 {
        text += &format!("{n};1;4;1700000000000\r\n");
    }
    text += "\r\n\"x\r\ny\";1;4,5;1700000000000\r\n1;2;4.5;1700000000\r\n\r\n2;2;3;0\r\n";
    let dir = folder(&[("late.csv", text.as_bytes())]);
    let ingested = ingest_path(&dir.path().join("late.csv"), json!({ "max_reject_share": 0.5 })).unwrap();
    let reasons: Vec<(i64, &str)> = ingested.rejects.iter().map(|(_, line, reason)| (*line, reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (20_003, "rating `4,5` has a comma, and ratings are read with decimal points (`data.decimal`)"),
            (20_005, "time `1700000000` is not a number of milliseconds since 1970"),
        ]
    );
    let tsv = "user\titem\trating\n".to_owned() + &"7\t10\t4\n".repeat(50_000) + "\"7\"\t11\t5\n";
    let dir = folder(&[("late.tsv", tsv.as_bytes())]);
    let more = json!({ "max_reject_share": 0.5, "rating_scale": [1, 5] });
    let ingested = ingest_path(&dir.path().join("late.tsv"), more).unwrap();
    assert_eq!(ingested.rejects[0].1, 50_002);
    assert!(
        ingested.rejects[0].2.starts_with("`\"7\"` is in quotes, and no field before was"),
        "{:?}",
        ingested.rejects
    );
}

#[test]
fn what_cannot_be_found_out_is_asked_for_and_can_be_stated() {
    let refused = |name: &str, bytes: &[u8], more: Value| {
        let dir = folder(&[(name, bytes)]);
        ingest_path(&dir.path().join(name), more)
            .err()
            .unwrap()
            .to_string()
            .replace(dir.path().to_str().unwrap(), "RAW")
    };
    assert_eq!(
        refused("own.csv", b"7,10,4\n8,11,5\n", json!({})),
        "`RAW/own.csv` can't be read as it is: its first line `7,10,4` names no columns\nhint: name them by their places, e.g. `data.columns = { user = \"1\", item = \"2\", rating = \"3\", timestamp = \"4\" }`; or `data.header = \"yes\"`"
    );
    let list = refused("own.json", b"[{\"user\":1}]", json!({}));
    assert!(list.contains("it is one list, not one JSON object a line") && list.contains("jq -c '.[]'"), "{list}");
    let other =
        refused("own.csv", "user,item\nМосква,1\n".replace("Москва", "~").as_bytes(), json!({ "encoding": "utf-16" }));
    assert!(other.contains("it does not begin with the mark of UTF-16"), "{other}");
    let parquet = ingest_path(&made("pandas_ns.parquet"), json!({ "delimiter": ";", "time_format": "seconds" }));
    let parquet = parquet.err().unwrap().to_string();
    assert!(
        parquet.contains("it is not text with separators: `data.delimiter`")
            && parquet.contains("whatever `data.time_format` says"),
        "{parquet}"
    );
    let dir = folder(&[
        ("ratings.csv", b"userId,movieId,rating,timestamp\n1,1,4,10\n"),
        ("movies.csv", b"movieId,title,genres\n"),
    ]);
    let foreign = ingest_path(dir.path(), json!({ "decimal": "," })).err().unwrap().to_string();
    assert!(
        foreign.starts_with("`data.decimal`: the source `movielens-csv` knows how its files are written\nhint: "),
        "{foreign}"
    );
    // Stated, each of these is read.
    let dir = folder(&[("own.log", b"7^10^4^20240131\n8^11^5^20230601\n")]);
    let more = json!({ "source": "table", "delimiter": "^", "header": "no", "columns": named("1", "2", "3", "4") });
    let read = rows(&ingest_path(&dir.path().join("own.log"), more).unwrap());
    assert_eq!(read[1], ("8".to_owned(), "11".to_owned(), Some(5.0), Some(JUNE - 5)));
}
