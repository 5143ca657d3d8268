//! Tests that ambiguous or damaged input is reported rather than misread.
//!
//! Does not know sound files: `strangers.rs` does. **Invariant**: each test reads the message, or all rows that come
//! out.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod support;

use std::sync::Arc;

use reco_data::table::{Column, Table};
use reco_data::{NamedColumn, Values};
use serde_json::{Value, json};
use support::{Ingested, folder, ingest_path};

fn ingested(files: &[(&str, &[u8])], more: Value) -> Result<Ingested, String> {
    let dir = folder(files);
    let mut more = more;
    more["source"] = json!("table");
    ingest_path(&dir.path().join(files[0].0), more)
        .map_err(|error| error.to_string().replace(dir.path().to_str().unwrap(), "RAW"))
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], more: Value) -> String {
    ingested(&[(name, bytes)], more).err().expect("it is refused")
}

#[track_caller]
fn ids(ingested: &Ingested) -> Vec<(String, String)> {
    let ratings = &ingested.tables.ratings;
    ratings.user_id.iter().zip(&ratings.item_id).map(|(user, item)| (user.to_string(), item.to_string())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(user, item)| ((*user).to_owned(), (*item).to_owned())).collect()
}

fn reasons(ingested: &Ingested) -> Vec<(i64, &str)> {
    ingested.rejects.iter().map(|(_, line, reason)| (*line, reason.as_str())).collect()
}

fn places() -> Value {
    json!({ "columns": { "user": "1", "item": "2", "rating": "3" } })
}

#[test]
fn a_first_line_that_could_be_names_or_a_row_is_asked_about() {
    let row = refused("own.csv", b"1,3,2\n1,4,5\n2,3,4\n", places());
    assert!(
        row.contains("columns are named by numbers, and its first line `1,3,2` could name them or be a row"),
        "{row}"
    );
    assert!(row.contains("`data.header = \"no\"` if it is a row: columns are counted from `1`"), "{row}");
    let pandas = refused("own.csv", b"0,1,2,3\n7,10,4,99\n8,10,5,99\n", places());
    assert!(
        pandas.contains("its first line `0,1,2,3` could name them") && pandas.contains("the first of them `0`"),
        "{pandas}"
    );
    let mut more = places();
    more["header"] = json!("no");
    let read = ingested(&[("own.csv", b"1,3,2\n1,4,5\n2,3,4\n")], more).unwrap();
    assert_eq!(ids(&read), pairs(&[("1", "3"), ("1", "4"), ("2", "3")]));
    let events = json!({ "columns": { "user": "1", "item": "2" } });
    let header = refused("own.csv", b"user_id,item_id\n7,10\n8,10\n", events);
    assert!(
        header.contains("its first line `user_id,item_id` names them\nhint: name them as it does, such as `user_id`"),
        "{header}"
    );
}

#[test]
fn an_open_quote_is_named_by_its_line_and_costs_the_lines_that_it_takes() {
    let good: String = (0..5_000).map(|n| format!("u{n},10,4\n")).collect();
    let text = format!("user,item,rating\n{good}\"u,10,4\n{}", good.repeat(3));
    let open = refused("own.csv", text.as_bytes(), json!({}));
    assert!(
        open.contains("own.csv` can't be read: a quote that opens in line 5002 is never closed\nhint: close it"),
        "{open}"
    );
    let closed = text + "u\",11,3,9\n" + "u1,11,3\n";
    let closed = refused("own.csv", closed.as_bytes(), json!({}));
    assert!(closed.starts_with("15002 of 20003 rows of `RAW/own.csv` are bad"), "{closed}");
    assert!(
        closed.contains("own.csv line 5002: it has `4` fields, not `3` in 15002 lines: a quote may be open"),
        "{closed}"
    );
    let header = refused("own.csv", b"user,item,\"rating\n1,2,3\n1,3,4\n", json!({}));
    assert!(header.contains("a quote that opens in line 1 is never closed") || header.contains("names of"), "{header}");
}

#[test]
fn what_has_no_end_of_line_is_refused_before_it_fills_memory() {
    let endless = vec![b'x'; (1 << 25) + (1 << 20)];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, b"user,item,rating\n1,2,3\n1,4,").unwrap();
    std::io::Write::write_all(&mut gzip, &endless).unwrap();
    let packed = gzip.finish().unwrap();
    let long = refused("own.csv.gz", &packed, json!({ "rows": 9 }));
    assert!(long.contains("what begins in line 3 is longer than 32 MiB\nhint: "), "{long}");
    let long = refused("own.csv.gz", &packed, json!({}));
    assert!(long.contains("what begins in line 3 is longer than 32 MiB\nhint: "), "{long}");
    let text = [b"{\"user\":1,\"item\":2,\"rating\":3}\n{\"user\":\"", &endless[..]].concat();
    let long = refused("own.jsonl", &text, json!({}));
    assert!(long.contains("what begins in line 2 is longer than 32 MiB"), "{long}");
    let list = refused("own.json", b" \n[{\"user\":1,\n\"item\":2}]", json!({}));
    assert!(list.contains("it is one list, not one JSON object a line"), "{list}");
}

#[test]
fn bad_rows_and_repeated_ones_are_said() {
    let rows: String = (0..20).map(|n| format!("u{n},10,{}\n", 1 + n % 5)).collect();
    let text = format!("user,item,rating\n{rows}x,y,z\nu1,10,3\n");
    let said = ingested(&[("own.csv", text.as_bytes())], json!({ "max_reject_share": 0.1 })).unwrap().summary.said;
    let said = said.join("\n");
    assert!(
        said.contains(
            "1 of 22 rows of `own.csv` are bad: `tables/rejects.parquet` has them; line 22: rating `z` is not a number"
        ),
        "{said}"
    );
    assert!(
        said.contains("1 rows rate a pair of a user and an item again: the latest of each stays (`data.duplicates`)"),
        "{said}"
    );
}

#[test]
fn one_odd_time_flips_none() {
    let text = |times: &[&str]| {
        let rows: String = times.iter().enumerate().map(|(n, time)| format!("{n},10,{},{time}\n", 1 + n % 5)).collect();
        format!("user,item,rating,time\n{rows}")
    };
    let odd = refused("own.csv", text(&["20240131", "20240201", "5"]).as_bytes(), json!({}));
    assert!(
        odd.contains("most times in `time` are dates, such as `20240131` (line 2), and others are not: `5` (line 4)"),
        "{odd}"
    );
    let compact = ingested(&[("own.csv", text(&["20240131183015", "202401311830"]).as_bytes())], json!({})).unwrap();
    assert_eq!(compact.tables.ratings.timestamp, [Some(1_706_725_815), Some(1_706_725_800)]);
    let basic =
        ingested(&[("own.csv", text(&["20240131T183015Z", "20240131T1930+0100"]).as_bytes())], json!({})).unwrap();
    assert_eq!(basic.tables.ratings.timestamp, [Some(1_706_725_815), Some(1_706_725_800)]);
    for (times, shown) in [(["2019", "2020"], "2019"), (["202401", "202402"], "202401")] {
        let years = refused("own.csv", text(&times).as_bytes(), json!({}));
        assert!(years.contains(&format!("times in `time` look like years or months: `{shown}` (line 2)")), "{years}");
    }
}

#[test]
fn one_broken_byte_does_not_change_all_other_letters() {
    let mut text = "user,item,rating\n".to_owned().into_bytes();
    for n in 0..2_000 {
        text.extend(format!("Café{n},10,{}\n", 1 + n % 5).into_bytes());
    }
    text.extend(b"x\xff,10,4\n");
    let read = ingested(&[("own.csv", &text)], json!({})).unwrap();
    assert_eq!(ids(&read)[0].0, "Café0");
    assert_eq!(reasons(&read), [(2_002, "`x\\u{fffd}` is not UTF-8; `data.encoding` says what a file is")]);
    let mixed = refused("own.csv", b"user,item,rating\n\xe9,1,2\n\xe9,2,2\n\xc3\xa9,3,4\n", json!({}));
    assert!(mixed.contains("line 2 is not UTF-8, and other lines are\nhint: `data.encoding = \"utf-8\"`"), "{mixed}");
}

#[test]
fn json_that_is_no_id_or_no_number_is_a_bad_row() {
    let share = json!({ "max_reject_share": 1.0, "columns": { "user": "user", "item": "item" } });
    let empty = b"{\"user\":1,\"item\":2,\"\":5}\n{\"user\":1,\"item\":3,\"\":4}\n";
    let read = ingested(&[("own.jsonl", empty)], share.clone()).unwrap();
    assert_eq!(read.tables.ratings.rating, [None, None], "a key that is called nothing is no rating");
    let large = b"{\"user\":12345678901234567890123,\"item\":1}\n{\"user\":12345678901234567890124,\"item\":1}\n{\"user\":18446744073709551615,\"item\":1}\n{\"user\":[7],\"item\":1}\n{\"user\":{\"id\":7},\"item\":1}\n{\"user\":7,\"item\":[]}\n";
    let read = ingested(&[("own.jsonl", large)], share).unwrap();
    assert_eq!(ids(&read), pairs(&[("18446744073709551615", "1")]));
    let found = reasons(&read);
    assert!(
        found[0].1.ends_with("is too large to be read exactly; in quotes it is a text, which can be an id"),
        "{found:?}"
    );
    let others: Vec<&str> = found[2..].iter().map(|(_, reason)| *reason).collect();
    assert_eq!(
        others,
        ["user `7` is a list, not an id", "user `{\"id\":7}` is a JSON object, not an id", "it names no item"]
    );
    assert_eq!(found.len(), 5);
}

/// A Parquet file of those columns.
fn parquet(columns: Vec<(&str, arrow::array::ArrayRef)>) -> Vec<u8> {
    let batch = arrow::array::RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_that_is_no_id_is_a_bad_row() {
    use arrow::array::{ArrayRef, BinaryArray, Float32Array, Float64Array, StructArray};
    let stars = || -> ArrayRef { Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0])) };
    let items = || -> ArrayRef { Arc::new(Float64Array::from(vec![7.0, 8.0, f64::NAN])) };
    let users: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\xff", b"\xfe", b"ann"]));
    let file = parquet(vec![("user", users), ("item", items()), ("rating", stars())]);
    let read = ingested(&[("own.parquet", &file)], json!({ "max_reject_share": 1.0, "rating_scale": [0, 5] }));
    assert_eq!(read.err().unwrap().lines().next(), Some("`RAW/own.parquet` has no rows"));
    let users: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"\xff", b"bob", b"ann"]));
    let file = parquet(vec![("user", users), ("item", items()), ("rating", stars())]);
    let read = ingested(&[("own.parquet", &file)], json!({ "max_reject_share": 1.0, "rating_scale": [0, 5] })).unwrap();
    assert_eq!(ids(&read), pairs(&[("bob", "8")]));
    assert_eq!(reasons(&read), [(1, "`\\xff` is not UTF-8"), (3, "item `NaN` means a missing value")]);
    let inner: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]));
    let field = Arc::new(arrow::datatypes::Field::new("a", arrow::datatypes::DataType::Float64, true));
    let records: ArrayRef = Arc::new(StructArray::from(vec![(field, inner)]));
    let file = parquet(vec![("user", records), ("item", items()), ("rating", stars())]);
    let columns = json!({ "columns": { "user": "user", "item": "film", "rating": "rating" } });
    let kinds = refused("own.parquet", &file, columns);
    assert!(kinds.contains("it has no column `film`") && kinds.contains("column `user` holds records"), "{kinds}");
}

#[test]
fn words_for_nothing_are_no_ids_and_no_ratings() {
    let text = b"user,item,rating\n7,1,4\nNA,1,4\nNULL,1,4\n<NA>,1,4\nnan,1,4\n8,None,4\nnina,N1,nan\n";
    let more = json!({ "max_reject_share": 1.0, "rating_scale": [1, 5] });
    let read = ingested(&[("own.csv", text)], more).unwrap();
    assert_eq!(ids(&read), pairs(&[("7", "1"), ("nina", "N1")]));
    assert_eq!(read.tables.ratings.rating, [Some(4.0), None]);
    let found: Vec<&str> = read.rejects.iter().map(|(_, _, reason)| reason.as_str()).collect();
    assert_eq!(
        found,
        ["NA", "NULL", "<NA>", "nan"]
            .map(|id| format!("user `{id}` means a missing value"))
            .into_iter()
            .chain(["item `None` means a missing value".to_owned()])
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_table_of_items_that_joins_nothing_is_refused_and_one_that_lacks_some_is_said() {
    let ratings = b"user,item,rating\n1,7,4\n2,8,5\n";
    let columns = json!({ "columns": { "item_table": { "path": "items.csv", "id": "id", "attributes": ["price"] } } });
    let none = ingested(&[("own.csv", ratings), ("items.csv", b"id,price\n7.0,3\n8.0,4\n")], columns.clone());
    let none = none.err().unwrap();
    assert!(none.contains("items.csv` can't be read: no item of the ratings is in it: here one is called `7.0`, there `7`\nhint: `data.columns.item_table.id`"), "{none}");
    let some = ingested(&[("own.csv", ratings), ("items.csv", b"id,price\n7,3\n9,4\n")], columns).unwrap();
    let said = some.summary.said.join("\n");
    assert!(said.contains("`items.csv` lacks 1 items that the ratings name, such as `8`"), "{said}");
}

#[test]
fn obstacles_of_all_files_are_said_at_once() {
    let columns = json!({ "columns": {
        "user": "user", "item": "film", "item_table": { "path": "items.csv", "id": "id", "title": "name" }
    } });
    let files: [(&str, &[u8]); 2] = [("own.csv", b"user,item\n1,7\n"), ("items.csv", b"id,price\n7.0,3\n")];
    assert_eq!(
        ingested(&files, columns).err().unwrap(),
        "`RAW/own.csv` can't be read as it is:\n  it has no column `film`\n  `RAW/items.csv` has no column `name`\nhint: it has `user`, `item`; it has `id`, `price`"
    );
}

#[test]
fn attributes_have_the_decimals_of_the_file() {
    let text = b"user;item;rating;price\n1;7;4,5;1,25\n2;8;5;3\n";
    let columns =
        json!({ "columns": { "user": "user", "item": "item", "rating": "rating", "item_attributes": ["price"] } });
    let read = ingested(&[("own.csv", text)], columns).unwrap();
    let price = NamedColumn { name: "price".to_owned(), values: Values::Number(vec![Some(1.25), Some(3.0)]) };
    assert_eq!(read.tables.items.attributes, [price]);
}

#[test]
fn quotes_that_are_characters_in_some_fields_are_asked_about() {
    let text = b"user\titem\trating\n\"ann\"\t\"a\"\t4\n\"bob\"\t\"Great\" film\t5\n";
    let unclear = refused("own.tsv", text, json!({}));
    assert!(unclear.contains("some fields stand in quotes, and in others a quote is a character: `\"Great\" film`\nhint: `data.quote = \"double\"`"), "{unclear}");
}

#[test]
fn what_others_write_above_a_table_is_read_or_named() {
    let rows: &[(&str, &str)] = &[("7", "10"), ("8", "20")];
    let excel = ingested(
        &[("own.csv", b"sep=;\r\nuser;item;rating\r\n7;10;4,5\r\n8;20;1\r\nx;y;z\r\n")],
        json!({ "max_reject_share": 0.5 }),
    )
    .unwrap();
    assert_eq!(ids(&excel), pairs(rows));
    assert_eq!(reasons(&excel), [(5, "rating `z` is not a number")]);
    let comment = refused("own.csv", b"# written today\nuser,item,rating\n7,10,4\n", json!({}));
    assert!(
        comment.contains("its first line `# written today` looks like a comment\nhint: leave such lines out"),
        "{comment}"
    );
    let r = refused("own.csv", b"user,item,rating\n\"1\",7,10,4\n\"2\",8,20,5\n", json!({}));
    assert!(
        r.contains(
            "its first line has 3 fields, and those below have 4\nhint: name all columns, in R by `col.names = NA`"
        ),
        "{r}"
    );
    let spaces = refused("own.txt", b"7 10 4\n8 20 5\n", json!({}));
    assert!(spaces.contains("`data.delimiter = \" \"`"), "{spaces}");
    let beside =
        ingested(&[("own.csv", b"user_id,username,item,rating\n7,ann,10,4\n8,bob,20,5\n")], json!({})).unwrap();
    assert_eq!(ids(&beside), pairs(rows));
}

#[test]
fn lines_that_end_with_returns_alone_have_numbers() {
    let text = b"user,item,rating\r7,10,4\r8,20,5\rx,y,z\r";
    let read = ingested(&[("own.csv", text)], json!({ "max_reject_share": 0.5 })).unwrap();
    assert_eq!(reasons(&read), [(4, "rating `z` is not a number")]);
}

#[test]
fn json_lines_may_be_utf_16() {
    let text = "{\"user\":7,\"item\":\"é\",\"rating\":4}\n{\"user\":8,\"item\":\"b\",\"rating\":5}\n";
    let bytes: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(ids(&ingested(&[("own.jsonl", &bytes)], json!({})).unwrap()), pairs(&[("7", "é"), ("8", "b")]));
}

#[test]
fn long_values_are_cut_in_messages_and_rejects() {
    let long = "x".repeat(100_000);
    let rows = format!("user,item,rating,time\n7,10,{long},{long}\n8,10,4,1700000000\n9,10,3,1700000000\n");
    let read = ingested(&[("own.csv", rows.as_bytes())], json!({ "max_reject_share": 1.0 })).unwrap();
    assert!(read.rejects[0].2.len() < 600, "{}", read.rejects[0].2.len());
    let rows = format!("user,item,rating,time\n7,10,{long},{long}\n8,10,{long},{long}\n");
    assert!(refused("own.csv", rows.as_bytes(), json!({})).len() < 1_500);
    let columns: String = (0..2_000).map(|n| format!("user{},", "_".repeat(n))).collect();
    let several = refused("own.csv", format!("{columns}item\n").as_bytes(), json!({}));
    assert!(several.len() < 20_000, "{}", several.len());
}

#[test]
fn a_table_of_ours_is_unchanged_by_all_this() {
    let dir = folder(&[]);
    let path = dir.path().join("own.parquet");
    let mut table = Table::new();
    table.push("user", Column::Text(vec![Some("a".to_owned()), Some("b".to_owned())])).unwrap();
    table.push("item", Column::I64(vec![Some(1), Some(2)])).unwrap();
    table.push("rating", Column::F32(vec![Some(1.0), Some(2.0)])).unwrap();
    table.write(&path).unwrap();
    assert_eq!(ids(&ingest_path(&path, json!({})).unwrap()), pairs(&[("a", "1"), ("b", "2")]));
}
