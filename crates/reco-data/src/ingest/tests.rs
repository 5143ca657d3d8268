//! Tests that reading on all cores gives the same as reading row by row.
//!
//! Does not know what is right: `tests/` does. **Invariant**: files are compared byte by byte, and errors by their
//! text.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::blocks::Sizes;
use super::*;

const FILES: [&str; 4] = ["ratings.parquet", "items.parquet", "users.parquet", "rejects.parquet"];

/// The outcome of an ingestion: its summary and the files, or its error.
type Outcome = Result<(IngestSummary, Vec<Vec<u8>>), String>;

fn outcome(config: &DataConfig, guess: Guess) -> Outcome {
    let out = tempfile::tempdir().unwrap();
    let summary = ingest_guessing(config, Path::new("no-raw-folder"), out.path(), &SilentIngest, guess);
    let files = FILES.map(|file| fs::read(out.path().join(file)).unwrap_or_default());
    summary.map(|summary| (summary, files.to_vec())).map_err(|error| error.to_string())
}

/// The same file read row by row and in parts of those sizes.
fn both(file: &str, text: &[u8], sizes: Sizes, mut more: Value) -> (Outcome, Outcome) {
    let raw = tempfile::tempdir().unwrap();
    let path = raw.path().join(file);
    fs::write(&path, text).unwrap();
    // MovieLens is known by its folder.
    for (beside, text) in
        [("u.item", ""), ("u.user", ""), ("movies.csv", "movieId,title,genres\n3,Three (2003),Drama\n")]
    {
        if file == "ratings.csv" && beside == "movies.csv" || file == "u.data" && beside.starts_with("u.") {
            let text = if text.is_empty() { "1|x\n" } else { text };
            fs::write(raw.path().join(beside), text).unwrap();
        }
    }
    let place = if file.starts_with("own") { &path } else { raw.path() };
    more["name"] = json!("a name");
    more["path"] = json!(place.to_str().unwrap());
    let config: DataConfig = reco_core::options::parse("[data]", &more).unwrap();
    let row_by_row = outcome(&config, Guess { row_by_row: true, ..Guess::default() });
    (row_by_row, outcome(&config, Guess { sizes, ..Guess::default() }))
}

fn own(more: Value) -> Value {
    let mut config = json!({ "columns": { "user": "u", "item": "i", "rating": "r", "timestamp": "t" } });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// A plain field, or an unusual one.
fn field(plain: &'static str) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        " 4",
        "-3",
        "+3",
        "007",
        "x1",
        "a b",
        "é",
        "\"7\"",
        "\"7",
        "7\"",
        "\"a\"\"b\"",
        "\"4,5\"",
        "\"4\n5\"",
        "NaN",
        "inf",
        "1e3",
        ".5",
        "5.",
        "4.5.1",
        "12345678901234567890",
        "9223372036854775807",
        "4.123456789",
        "\u{feff}5",
        "\t",
        "5x",
        "{}",
        "[]",
        "\"[1,2]\"",
        "NA",
        "nan",
        "<NA>",
        "Na1",
    ]);
    prop_oneof![30 => plain.prop_map(String::from), 1 => odd.prop_map(str::to_owned)]
}

/// A line and its end.
fn line() -> impl Strategy<Value = String> {
    let row = (field("[1-4]"), field("[1-9]"), field("[1-5](\\.[05])?"), field("[0-9]{1,10}"))
        .prop_map(|(user, item, rating, time)| format!("{user},{item},{rating},{time}"));
    let odd = prop::sample::select(vec!["", " ", "1,2,3", "1,2,3,4,5", "\u{feff}1,1,4,7", "\"", ",,,", "\r"]);
    let end =
        prop_oneof![40 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\n\n"), 1 => Just("\r\n\r\n")];
    (prop_oneof![20 => row, 1 => odd.prop_map(str::to_owned)], end).prop_map(|(line, end)| line + end)
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (prop::sample::select(vec![7_usize, 40, 200, 1 << 22]), prop::sample::select(vec![1_usize, 17, 90, 1 << 18]))
        .prop_map(|(block, part)| Sizes { block, part })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn odd_text_gives_the_same_tables_and_errors(
        lines in prop::collection::vec(line(), 0..40),
        crlf in prop::bool::weighted(0.2),
        without_last_end in any::<bool>(),
        latin1 in prop::bool::weighted(0.1),
        sizes in sizes(),
        share in prop::sample::select(vec![0.0, 0.2, 1.0]),
        duplicates in prop::sample::select(vec!["latest", "latest", "first", "refuse"]),
        file in prop::sample::select(vec!["own.csv", "own.tsv", "ratings.csv", "u.data"]),
    ) {
        let header = match file { "ratings.csv" => "userId,movieId,rating,timestamp\n", "u.data" => "", _ => "u,i,r,t\n" };
        let mut text = header.to_owned() + &lines.concat();
        if file == "own.tsv" || file == "u.data" {
            text = text.replace(',', "\t");
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if without_last_end {
            text.truncate(text.trim_end().len());
        }
        let mut bytes = text.into_bytes();
        if latin1 {
            bytes.iter_mut().filter(|byte| **byte == b'x').for_each(|byte| *byte = 0xe9);
        }
        let more = json!({ "max_reject_share": share, "duplicates": duplicates });
        let more = if file.starts_with("own") { own(more) } else { more };
        let (row_by_row, at_once) = both(file, &bytes, sizes, more);
        prop_assert_eq!(row_by_row, at_once);
    }

    #[test]
    fn other_dialects_give_the_same_tables_and_errors(
        rows in prop::collection::vec((
            prop::sample::select(vec!["1", "2", "27", "\u{e9}", "\"a;b\"", "\\N", "007"]),
            1_u32..40,
            prop::sample::select(vec!["4", "4,5", "0,25", "3.5", "", "NA", "x", "\"4,5\"", "1,2,3"]),
            prop::sample::select(vec![
                "2024-01-31 18:30:15", "2024-01-31T18:30:15.5+01:00", "\"2023-06-01\"", "2023-02-29", "", "1700000000", "1969-12-31",
            ]),
        ), 1..80),
        crlf in any::<bool>(),
        how in 0..4,
        delimiter in prop::sample::select(vec![";", "|", "\t"]),
        sizes in sizes(),
    ) {
        let lines = rows.iter().map(|(user, item, stars, time)| format!("{user};{item};{stars};{time}\n"));
        let mut text = "u;i;r;t\n".to_owned() + &lines.collect::<String>();
        text = text.replace(';', delimiter);
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let bytes = match how {
            0 => text.into_bytes(),
            1 => {
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
                packed.finish().unwrap()
            }
            2 => std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
            _ => text.chars().map(|c| u8::try_from(c).unwrap()).collect(),
        };
        let delimiter = if delimiter == "\t" { "tab" } else { delimiter };
        let more = json!({
            "decimal": ",", "time_format": "iso-8601", "max_reject_share": 1.0, "delimiter": delimiter, "quote": "double",
            "rating_scale": [0, 10],
        });
        let (row_by_row, at_once) = both("own.csv", &bytes, sizes, own(more));
        prop_assert_eq!(row_by_row, at_once);
    }

    #[test]
    fn plain_text_gives_the_same_tables(
        rows in prop::collection::vec((1_u32..30, 1_u32..40, 1_u32..=5, 0_u64..10_000_000_000), 1..300),
        order in 0..3,
        ids in prop::sample::select(vec!["", "u"]),
        sizes in sizes(),
    ) {
        let mut rows = rows;
        match order {
            0 => rows.sort_unstable(),
            1 => rows.sort_unstable_by_key(|row| row.3),
            _ => {
                rows.sort_unstable();
                rows.dedup_by_key(|row| (row.0, row.1));
            }
        }
        let lines: Vec<String> =
            rows.iter().map(|(user, item, stars, time)| format!("{time},{ids}{user},-,{item},{stars}\n")).collect();
        let text = "t,u,other,i,r\n".to_owned() + &lines.concat();
        let (row_by_row, at_once) = both("own.csv", text.as_bytes(), sizes, own(json!({ "rating_scale": [1, 5] })));
        prop_assert!(row_by_row.is_ok());
        prop_assert_eq!(row_by_row, at_once);
    }
}

#[test]
fn columns_that_are_missing_or_named_twice_give_the_same() {
    let text = b"u,i,r\n1,2,3\n1,3,\n2,2,4\n";
    let sizes = Sizes { block: 20, part: 5 };
    for columns in [
        json!({ "user": "u", "item": "i" }),
        json!({ "user": "u", "item": "i", "rating": "r" }),
        json!({ "user": "u", "item": "u", "rating": "r" }),
        json!({ "user": "u", "item": "i", "rating": "r", "context": ["r"] }),
    ] {
        let (row_by_row, at_once) = both("own.csv", text, sizes, json!({ "columns": columns }));
        assert!(row_by_row.is_ok(), "{row_by_row:?}");
        assert_eq!(row_by_row, at_once);
    }
}

#[test]
fn a_field_longer_than_any_block_gives_the_same() {
    let long = "x".repeat(5_000);
    let text = format!("u,i,r,t\n1,2,3,4\n{long},2,4,5\n3,{long}{long},4,5\n4,5,1,\"{long}\n\n{long}\"\n5,6,4,5\n");
    for sizes in [Sizes { block: 16, part: 4 }, Sizes { block: 4_000, part: 100 }, Sizes::default()] {
        let (row_by_row, at_once) = both("own.csv", text.as_bytes(), sizes, own(json!({ "max_reject_share": 1.0 })));
        assert_eq!(row_by_row.as_ref().map(|(summary, _)| summary.n_ratings), Ok(4));
        assert_eq!(row_by_row, at_once);
    }
}

#[test]
fn more_rows_than_a_chunk_give_the_same_on_any_number_of_threads() {
    let mut text = "userId,movieId,rating,timestamp\n".to_owned();
    for row in 0..150_000_u32 {
        let stars = if row % 9_999 == 7 { 9 } else { 1 + row % 5 };
        text += &format!("{},{},{stars},{}\n", row / 40, row * 7_919 % 40_009, 1_000_000_000 + row * 31 % 1_000);
    }
    let sizes = Sizes { block: 1 << 16, part: 1 << 12 };
    let (row_by_row, at_once) = both("ratings.csv", text.as_bytes(), sizes, json!({}));
    assert!(row_by_row.is_ok(), "{row_by_row:?}");
    assert_eq!(row_by_row, at_once);
    for threads in [1, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| both("ratings.csv", text.as_bytes(), Sizes::default(), json!({})).1), row_by_row);
    }
}
