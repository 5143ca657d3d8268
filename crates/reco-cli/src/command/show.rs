//! Runs `reco show`: prints the first rows of a Parquet table.
//!
//! Does not know what the table means.
//!
//! **Invariant**: one line per row, as wide as it needs.

use reco_run::Shown;
use serde_json::Value;

use crate::args::ShowArgs;
use crate::text;

/// `reco show`
pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let shown = reco_run::show(&args.file, args.rows)?;
    if args.json { text::print_json(&shown) } else { text::print(&describe(&shown)) }
}

fn describe(shown: &Shown) -> String {
    let lines = shown.rows.iter().map(|row| row.iter().map(cell).collect());
    let rows: Vec<Vec<String>> = [shown.columns.clone()].into_iter().chain(lines).collect();
    let n_columns = shown.columns.len();
    format!("{}\n{} rows, {n_columns} columns\n", text::columns(&rows, &shown.numbers), shown.n_rows)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join("|"),
        other => other.to_string(),
    }
}
