//! Writes the experiment for a stranger's table, from what was guessed of it.
//!
//! Does not know how anything is guessed: reco-data does; nor where the text goes.
//!
//! **Invariant**: the text is TOML that reads as an experiment, with every name quoted as TOML has it; what is
//! commented out can be switched on by taking the `#` away.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reco_data::{DataConfig, Guess, GuessedColumn, Role};
use serde::Serialize;
use serde_json::Value;

use crate::manifest::{Manifest, ManifestError};

/// The file for an experiment on the table at `path`, beside it: `ratings.toml` for `ratings.csv.gz`.
pub fn experiment_beside(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.toml", stem(path)))
}

/// The folder for the run of an experiment on `table`: `data/ratings` for `ratings.toml`, and `data/ratings-2` where a
/// run on another table is in that one.
pub fn folder_for(experiment: &Path, table: &Path) -> PathBuf {
    let stem = stem(experiment);
    // Names in the folder of the built-in experiment's run.
    let taken = ["raw", "tables", "features", "models", "evaluation", "report", "tuning", "tuned", "set-aside"];
    let first = if taken.contains(&stem.as_str()) { format!("{stem}-run") } else { stem };
    let nth = |n: usize| Path::new("data").join(if n == 1 { first.clone() } else { format!("{first}-{n}") });
    (1..).map(nth).find(|folder| is_free_for(folder, table)).expect("not every folder that can be named has a run")
}

/// Whether no run is in `folder`, or one on the same table.
fn is_free_for(folder: &Path, table: &Path) -> bool {
    match Manifest::read(&folder.join("tables"), "") {
        Ok(manifest) => manifest.experiment["data"]["path"].as_str().is_some_and(|path| Path::new(path) == table),
        Err(error) => !matches!(error, ManifestError::Foreign { .. } | ManifestError::Schema { .. }),
    }
}

/// A file's name without the endings of tables and experiments: `sales.2023` of `sales.2023.csv.gz`.
fn stem(path: &Path) -> String {
    /// What is cut off.
    const ENDINGS: [&str; 12] =
        ["toml", "csv", "tsv", "tab", "txt", "dat", "data", "jsonl", "ndjson", "json", "parquet", "gz"];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem = name.trim_start_matches('.');
    while let Some((before, ending)) = stem.rsplit_once('.')
        && ENDINGS.contains(&ending.to_ascii_lowercase().as_str())
    {
        stem = before;
    }
    if stem.is_empty() { "mine".to_owned() } else { stem.to_owned() }
}

/// The text of an experiment on the guessed table; `init` is the command that asked for it, `run` the one that runs it.
pub fn experiment_for(guess: &Guess, init: &str, run: &str) -> String {
    let mut text = String::new();
    let has_stars = has(guess, Role::Rating);
    // What a file is called must not end a comment.
    let mut line = |words: &str| {
        let one = words.chars().map(|c| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() });
        let _ = writeln!(text, "{}", one.collect::<String>());
    };
    line(&format!("# Written by `{init}`. To run it:"));
    line(&format!("#   {run}"));
    line("# `reco ingest --help` explains all keys of [data].");
    line("");
    line(
        "extends = \"default\" # the built-in split, approaches and metrics; what these data cannot serve is left out",
    );
    line("");
    line("[data]");
    line("source = \"table\"");
    line(&format!("path = {} # {}", quoted(&guess.data.path), guess.written));
    for (key, value) in stated(&guess.data) {
        line(&format!("{key} = {value}"));
    }
    if let (true, Some((low, high))) = (has_stars, column(guess, Role::Rating).and_then(|column| column.range)) {
        line(&format!("# rating_scale = [{low}, {high}] # unless it is stated, the lowest and the highest that occur"));
    }
    line("");
    line("[data.columns]");
    let rows = if guess.is_whole { "rows".to_owned() } else { format!("first {} rows", guess.n_rows) };
    for (key, role) in [("user", Role::User), ("item", Role::Item), ("rating", Role::Rating), ("timestamp", Role::Time)]
    {
        match (column(guess, role), role) {
            (Some(GuessedColumn { name, range: Some((low, high)), .. }), Role::Rating) => {
                line(&format!("{key} = {} # from {low} to {high} in the {rows}", quoted(name)));
            }
            (Some(GuessedColumn { name, n_distinct, .. }), Role::User | Role::Item) => {
                line(&format!("{key} = {} # {n_distinct} different in the {rows}", quoted(name)));
            }
            (Some(GuessedColumn { name, .. }), _) => line(&format!("{key} = {}", quoted(name))),
            (None, Role::Rating) => line("# rating = \"…\" # a column of stars; without one every row is an event"),
            (None, _) => {}
        }
    }
    for (key, about, sure, maybe) in [
        ("context", "describe the moment", Role::Context, Role::MaybeContext),
        ("user_attributes", "describe the user", Role::UserAttribute, Role::MaybeUserAttribute),
        ("item_attributes", "describe the item", Role::ItemAttribute, Role::MaybeItemAttribute),
    ] {
        let (sure, maybe) = (names(guess, sure), names(guess, maybe));
        match (sure.is_empty(), maybe.is_empty()) {
            (true, true) => {}
            (false, true) => line(&format!("{key} = [{sure}] # they {about}")),
            (false, false) => line(&format!("{key} = [{sure}] # they {about}; perhaps also: {maybe}")),
            (true, false) => line(&format!("# {key} = [{maybe}] # perhaps they {about}")),
        }
    }
    let unused = names(guess, Role::Unused);
    if !unused.is_empty() {
        line(&format!("# Not of use as they are: {unused}"));
    }
    if !guess.notes.is_empty() {
        line("");
        line("# Decided by rules of thumb:");
        guess.notes.iter().for_each(|note| line(&format!("# - {note}")));
    }
    if has(guess, Role::Time) {
        line("");
        line("# Rows have times: this asks about everyone's latest rows instead of rows drawn by chance.");
        line("# [split]");
        line("# kind = \"temporal\"");
    }
    text
}

/// The keys of `[data]` beside `source`, `path` and `columns` that are not at their defaults, in the order of their
/// names, as TOML.
fn stated(data: &DataConfig) -> Vec<(String, String)> {
    let (Ok(Value::Object(stated)), Ok(usual)) =
        (serde_json::to_value(data), serde_json::to_value(DataConfig::default()))
    else {
        return Vec::new();
    };
    let is_own = |key: &String| !["source", "path", "columns", "fetch"].contains(&key.as_str());
    let changed = stated.into_iter().filter(|(key, value)| is_own(key) && usual[key] != *value);
    changed.map(|(key, value)| (key, value.as_str().map_or_else(|| value.to_string(), quoted))).collect()
}

fn column(guess: &Guess, role: Role) -> Option<&GuessedColumn> {
    guess.columns.iter().find(|column| column.role == role)
}

fn has(guess: &Guess, role: Role) -> bool {
    column(guess, role).is_some()
}

fn names(guess: &Guess, role: Role) -> String {
    let names = guess.columns.iter().filter(|column| column.role == role).map(|column| quoted(&column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// A text as TOML writes it, on one line.
fn quoted(text: &(impl AsRef<str> + Serialize + ?Sized)) -> String {
    // JSON's strings are TOML's, but JSON escapes fewer control characters.
    let escaped = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    serde_json::to_string(text).unwrap_or_default().chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reco_data::{StatedColumns, guess};

    use super::*;
    use crate::manifest::{Digests, MANIFEST, SCHEMA_VERSION};
    use crate::{Experiment, Source};

    /// What is written for a table of these bytes, and the experiment that it reads as.
    fn written(bytes: &str, change: impl Fn(&str) -> String) -> (String, Experiment) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.csv");
        std::fs::write(&path, bytes).unwrap();
        let guess = guess(&path, &StatedColumns::default()).unwrap();
        let text = experiment_for(&guess, "reco init own.csv", "reco run own.toml --out data/own");
        let file = folder.path().join("own.toml");
        std::fs::write(&file, change(&text)).unwrap();
        let read = Experiment::read(&Source::File(file), &[], &[]);
        (text.clone(), read.unwrap_or_else(|error| panic!("{error}\n{text}")))
    }

    #[test]
    fn what_is_commented_out_can_be_switched_on() {
        let rows: String = (0..40)
            .map(|n| {
                format!(
                    "u{},p{},{},2024-01-{:02},{},n{} y,long {n}\n",
                    n % 7,
                    n % 5,
                    1 + n % 5,
                    1 + n % 28,
                    n % 5 * 10,
                    n % 3
                )
            })
            .collect();
        let text = format!("customer,product,stars,date,price,note,remark\n{rows}");
        let (plain, experiment) = written(&text, str::to_owned);
        assert_eq!(experiment.data.columns.item_attributes, ["price"], "{plain}");
        assert_eq!((experiment.split.kind.as_str(), experiment.takes_what_fits), ("per-user-random", true));
        assert!(plain.contains("\n# context = [\"note\", \"remark\"] # perhaps they describe the moment\n"), "{plain}");
        let on = |text: &str| {
            let keys = ["# rating_scale", "# context", "# [split]", "# kind"];
            let line = |line: &str| match keys.iter().any(|key| line.starts_with(key)) {
                true => format!("{}\n", &line[2..]),
                false => format!("{line}\n"),
            };
            text.lines().map(line).collect::<String>()
        };
        let (_, on) = written(&text, on);
        assert_eq!((on.split.kind.as_str(), &on.data.rating_scale[..]), ("temporal", &[1.0, 5.0][..]));
        assert_eq!(on.data.columns.context, ["note", "remark"]);
    }

    #[test]
    fn a_run_has_a_folder_of_its_own() {
        let of = |table: &str| {
            let (experiment, table) = (experiment_beside(Path::new(table)), Path::new(table));
            (folder_for(&experiment, table).display().to_string(), experiment.display().to_string())
        };
        assert_eq!(of("a/ratings.csv.gz"), ("data/ratings".into(), "a/ratings.toml".into()));
        assert_eq!(of("sales.2023.csv"), ("data/sales.2023".into(), "sales.2023.toml".into()));
        assert_eq!(of("sales.2024.JSON.gz"), ("data/sales.2024".into(), "sales.2024.toml".into()));
        assert_eq!(of(".csv").1, "csv.toml");
        assert_eq!(of("models.csv").0, "data/models-run");
    }

    #[test]
    fn a_run_on_another_table_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        let is_free = |table: &str| is_free_for(out.path(), Path::new(table));
        assert!(is_free("a/ratings.csv"));
        let tables = out.path().join("tables");
        std::fs::create_dir(&tables).unwrap();
        std::fs::write(tables.join(MANIFEST), "{ cut").unwrap();
        assert!(!is_free("a/ratings.csv"), "whatever is there is somebody's");
        let manifest = Manifest {
            schema_version: SCHEMA_VERSION,
            stage: "ingest".to_owned(),
            stage_version: 1,
            experiment: serde_json::json!({ "data": { "path": "a/ratings.csv" } }),
            inputs: Digests::new(),
            outputs: Digests::new(),
            versions: std::collections::BTreeMap::new(),
            device: None,
            seed: 0,
            seconds: 0.0,
            peak_memory_bytes: None,
            notes: Value::Null,
        };
        std::fs::write(tables.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
        assert!(is_free("a/ratings.csv") && !is_free("b/ratings.csv"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever stands in names of columns, the text reads as an experiment with these names.
        #[test]
        fn any_name_of_a_column_survives(name in "[ -~äß\u{7f}\u{1}\u{85}]{1,12}", other in "\\PC{1,12}") {
            let names =
                [format!("n{name}"), format!("m{other}")].map(|name| name.replace('"', "'").trim().to_owned());
            let rows: String = (0..30).map(|n| format!("{},{},{},{}\n", n % 5, n % 7, n % 7 * 2, n % 5 * 3)).collect();
            let header = format!("user_id,item_id,\"{}\",\"{}\"", names[0], names[1]);
            let (text, experiment) = written(&format!("{header}\n{rows}"), str::to_owned);
            let columns = &experiment.data.columns;
            prop_assert_eq!((columns.user.as_str(), columns.item.as_str()), ("user_id", "item_id"));
            let described: Vec<&String> = columns.item_attributes.iter().chain(&columns.user_attributes).collect();
            prop_assert!(described.iter().all(|name| names.contains(name)), "{}", text);
        }
    }
}
