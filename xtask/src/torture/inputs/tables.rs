//! Draws bad tables: delimited text, JSON lines, Parquet and scores.
//!
//! Does not know what `reco` makes of them.
//!
//! **Invariant**: the experiment beside a table mostly names columns that the table has, so that its rows are read, not
//! only its header.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::Drawn;
use super::archives::packed;
use crate::torture::bytes::{damaged, damaged_parquet};
use crate::torture::chance::Chance;
use crate::torture::prepared::Prepared;

/// Cells that are no plain number, name or time.
const ABSURD: [&str; 46] = [
    "",
    " ",
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "1e308",
    "-1e308",
    "1e999",
    "1e-400",
    "-0",
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "340282366920938463463374607431768211456",
    "0x10",
    "1_000",
    "1,5",
    "1.234,5",
    "4.5.6",
    "+5",
    "5e0",
    "١٢",
    "½",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{7}\u{8}",
    "a\0b",
    "\"",
    "\"\"",
    "'",
    "{\"a\":[1]}",
    "[1,2]",
    "true",
    "null",
    "2000-07-30T18:45:03+02:00",
    "2000-13-40T99:99:99Z",
    "-271821-04-20T00:00:00Z",
    "99999999999999999999-01-01",
    "\u{202e}evil",
    "\u{feff}",
    "../../etc/passwd",
    "/dev/null",
    "=1+1",
];

/// An absurd cell, or a very long one.
pub(super) fn absurd(chance: &mut Chance) -> String {
    if chance.one_in(30) { "x".repeat(chance.below(200_000)) } else { chance.pick(&ABSURD).to_owned() }
}

/// A cell that fits the column, or sometimes an absurd one.
fn cell(column: usize, bad: usize, chance: &mut Chance) -> String {
    if bad > 0 && chance.one_in(bad) {
        return absurd(chance);
    }
    match column {
        0 => chance.below(12).to_string(),
        1 => format!("i{}", chance.below(15)),
        2 => (1 + chance.below(5)).to_string(),
        3 => (1_000_000_000 + chance.below(100_000_000)).to_string(),
        _ => chance.pick(&["phone", "desk", "3", ""]).to_owned(),
    }
}

/// Names of the columns, and how bad the cells are: one in how many is absurd.
fn header(chance: &mut Chance) -> (Vec<String>, usize) {
    let mut names: Vec<String> = ["who", "what", "stars", "when", "where"].map(str::to_owned).to_vec();
    match chance.below(24) {
        0 => drop(names.remove(chance.below(5))),
        1 => names[4] = "who".to_owned(),
        2 => names[chance.below(5)] = absurd(chance),
        3 => names.extend((0..chance.below(3000)).map(|row| format!("c{row}"))),
        _ => {}
    }
    (names, *chance.pick(&[&0, &3, &20, &200]))
}

/// Rows of cells.
fn rows(n_columns: usize, bad: usize, chance: &mut Chance) -> Vec<Vec<String>> {
    let n_rows = if chance.one_in(20) { chance.below(4000) } else { chance.below(120) };
    let n_rows = n_rows.min(200_000 / n_columns.max(1));
    (0..n_rows).map(|_| (0..n_columns).map(|column| cell(column, bad, chance)).collect()).collect()
}

/// Writes an experiment that reads `file`, and says how to run it.
fn reads(prepared: &Prepared, file: &str, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let mut columns = json!({ "user": "who", "item": "what" });
    for (key, name) in [("rating", "stars"), ("timestamp", "when")] {
        if !chance.one_in(5) {
            columns[key] = name.into();
        }
    }
    for key in ["context", "user_attributes", "item_attributes"] {
        if chance.one_in(4) {
            columns[key] = json!(["where"]);
        }
    }
    let source = chance.pick(&["table", "table", "auto"]);
    let share = *chance.pick(&[&0.001, &0.5, &1.0]);
    runs(prepared, file, columns, source, share, chance, folder)
}

/// Writes an experiment with these columns, and says how to run it.
pub(super) fn runs(
    prepared: &Prepared,
    file: &str,
    columns: Value,
    source: &str,
    max_reject_share: f64,
    chance: &mut Chance,
    folder: &Path,
) -> Result<Drawn> {
    let kind = chance.pick(&["per-user-random", "temporal", "leave-last-out", "random"]);
    let models = prepared.models();
    let approach = |name: &str| match name {
        "collaborative" | "neural" | "hybrid" => json!({ "name": name, "epochs": 1 }),
        _ => json!({ "name": name }),
    };
    let other = &models[chance.below(models.len() - 1)];
    let mut approaches = vec![approach("popularity")];
    if other != "popularity" {
        approaches.push(approach(other));
    }
    let experiment = json!({
        "device": "cpu",
        "data": {
            "name": "bad",
            "path": file,
            "source": source,
            "max_reject_share": max_reject_share,
            "columns": columns,
        },
        "split": { "kind": kind },
        "approach": approaches,
    });
    fs::write(folder.join("experiment.toml"), toml::Table::try_from(experiment)?.to_string())?;
    Ok(Drawn::words(match chance.below(8) {
        0 => vec!["ingest", "experiment.toml", "--out", "out"],
        1 => vec!["check", "experiment.toml", "--out", "out"],
        2 => vec!["run", "experiment.toml", "--out", "out", "--json"],
        3 => vec!["init", file, "--yes", "--json"],
        _ => vec!["run", "experiment.toml", "--out", "out"],
    }))
}

/// Text with one character between fields, mostly the one that the file's name implies.
fn text(names: &[String], rows: &[Vec<String>], file: &str, chance: &mut Chance) -> Vec<u8> {
    let promised = if file.ends_with(".tsv") { '\t' } else { ',' };
    let delimiter = *chance.pick(&[&promised; 9].iter().chain(&[&';', &'\t', &'|']).copied().collect::<Vec<_>>());
    let end = chance.pick(&["\n", "\n", "\r\n", "\r"]);
    let quoting = chance.below(4);
    let comma = chance.one_in(8);
    let mut text = if chance.one_in(10) { "\u{feff}".to_owned() } else { String::new() };
    let mut line = |cells: &[String], chance: &mut Chance| {
        for (column, cell) in cells.iter().enumerate() {
            if column > 0 {
                text.push(delimiter);
            }
            let cell = if comma { cell.replace('.', ",") } else { cell.clone() };
            let must = cell.contains([delimiter, '"', '\n', '\r']);
            match quoting {
                0 if must => text += &format!("\"{}\"", cell.replace('"', "\"\"")),
                1 => text += &format!("\"{}\"", cell.replace('"', "\"\"")),
                // A quote that is not closed.
                2 if chance.one_in(9) => text += &format!("\"{cell}"),
                _ => text += &cell,
            }
        }
        // Too many fields, or too few.
        if chance.one_in(60) {
            text.push(delimiter);
        }
        text += end;
    };
    if !chance.one_in(12) {
        line(names, chance);
    }
    for cells in rows {
        let n_cells = if chance.one_in(80) { chance.below(cells.len() + 1) } else { cells.len() };
        line(&cells[..n_cells], chance);
    }
    let bytes = match chance.below(24) {
        0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        1 => text.chars().map(|one| u32::from(one) as u8).collect(),
        _ => text.into_bytes(),
    };
    if chance.one_in(3) { damaged(bytes, chance) } else { bytes }
}

/// Writes a table, sometimes packed with gzip and perhaps damaged; returns the file's name.
fn write(file: &str, bytes: Vec<u8>, chance: &mut Chance, folder: &Path) -> Result<String> {
    let (file, bytes) = match chance.below(6) {
        0 => (format!("{file}.gz"), packed(&bytes)),
        1 => (format!("{file}.gz"), damaged(packed(&bytes), chance)),
        // Packed without a name that says so; then named so without being packed.
        2 if chance.one_in(4) => (file.to_owned(), packed(&bytes)),
        3 if chance.one_in(4) => (format!("{file}.gz"), bytes),
        _ => (file.to_owned(), bytes),
    };
    fs::write(folder.join(&file), bytes)?;
    Ok(file)
}

pub(super) fn delimited(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let (names, bad) = header(chance);
    let rows = rows(names.len(), bad, chance);
    let files = ["ratings.csv", "ratings.csv", "ratings.csv", "ratings.tsv", "ratings.tsv", "ratings.dat", "ratings"];
    let file = chance.pick(&files);
    let bytes = text(&names, &rows, file, chance);
    let file = write(file, bytes, chance, folder)?;
    reads(prepared, &file, chance, folder)
}

pub(super) fn json_lines(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let (names, bad) = header(chance);
    let mut text = if chance.one_in(10) { "\u{feff}".to_owned() } else { String::new() };
    for cells in rows(names.len(), bad, chance) {
        let mut fields = Vec::new();
        for (name, cell) in names.iter().zip(cells) {
            // Numbers stay numbers, and some cells are nested or null.
            let value = match chance.below(if bad > 0 { 4 * bad } else { 2 }) {
                0 | 1 => serde_json::from_str(&cell).unwrap_or_else(|_| cell.into()),
                2 => json!([cell, { "a": null }]),
                3 => Value::Null,
                _ => cell.into(),
            };
            fields.push(format!("{}:{value}", Value::from(name.as_str())));
        }
        text += &format!("{{{}}}{}", fields.join(","), chance.pick(&["\n", "\n", "\n", "\r\n", "\n\n"]));
    }
    if chance.one_in(12) {
        text += &"[".repeat(chance.below(100_000));
    }
    let bytes = if chance.one_in(3) { damaged(text.into_bytes(), chance) } else { text.into_bytes() };
    let file = chance.pick(&["ratings.jsonl", "ratings.ndjson"]);
    let file = write(file, bytes, chance, folder)?;
    reads(prepared, &file, chance, folder)
}

/// A damaged table of a run, as the user's own.
pub(super) fn parquet(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let bytes = fs::read(prepared.folder.join("out/tables/ratings.parquet"))?;
    fs::write(folder.join("ratings.parquet"), damaged_parquet(bytes, chance))?;
    let columns = json!({ "user": "user_id", "item": "item_id", "rating": "rating", "timestamp": "timestamp" });
    runs(prepared, "ratings.parquet", columns, "table", 1.0, chance, folder)
}

/// Somebody else's scores of the fixture's users and items.
pub(super) fn scores(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let names = ["user", "item", chance.pick(&["score", "score", "score", "rank", "stars"])].map(str::to_owned);
    let bad = *chance.pick(&[&0, &5, &100]);
    let rows: Vec<Vec<String>> = (0..chance.below(400))
        .map(|_| {
            let score = if bad > 0 && chance.one_in(bad) { absurd(chance) } else { (1 + chance.below(50)).to_string() };
            vec![chance.below(105).to_string(), chance.below(155).to_string(), score]
        })
        .collect();
    let file = chance.pick(&["scores.csv", "scores.csv", "scores.csv", "scores.tsv", "scores.tsv", "scores.jsonl"]);
    fs::write(folder.join(file), text(&names, &rows, file, chance))?;
    let out = prepared.folder.join("out").display().to_string();
    let experiment = prepared.folder.join("experiment.toml").display().to_string();
    let mut words = vec!["evaluate", experiment.as_str(), "--out", out.as_str(), "--scores", file];
    words.extend(chance.pick(&[&[][..], &["--stars"], &["--json"], &["--per-user", "users.parquet"]]));
    Ok(Drawn::words(words))
}

/// A good table of ratings beside bad ones of items and users.
pub(super) fn side_tables(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let names = ["who", "what", "stars", "when", "where"].map(str::to_owned);
    let good: Vec<String> =
        (0..80).map(|_| (0..5).map(|column| cell(column, 0, chance)).collect::<Vec<_>>().join(",")).collect();
    fs::write(folder.join("ratings.csv"), format!("{}\n{}\n", names.join(","), good.join("\n")))?;
    let mut columns = json!({ "user": "who", "item": "what", "rating": "stars", "timestamp": "when" });
    for (key, id) in [("item_table", "what"), ("user_table", "who")] {
        let (names, bad) = header(chance);
        let rows = rows(names.len(), bad, chance);
        let file = format!("{key}.csv");
        fs::write(folder.join(&file), text(&names, &rows, &file, chance))?;
        columns[key] = json!({ "path": file, "id": id, "attributes": ["where", "stars"] });
        if key == "item_table" {
            columns[key]["title"] = "when".into();
            columns[key]["genres"] = "where".into();
            columns[key]["genre_separator"] = chance.pick(&["|", "", ",", "\0"]).into();
        }
    }
    runs(prepared, "ratings.csv", columns, "table", 1.0, chance, folder)
}
