//! Writes the table of results that a run shows at its end on a terminal.
//!
//! Does not know the terminal: the text is plain and fits one that is 120 characters wide.
//!
//! **Invariant**: no line of the table is wider than [`WIDTH`]; columns that do not fit are named below it, and a
//! metric that applies to no approach has no column.

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use reco_eval::Column;

use crate::tables::TextTable;
use crate::{HOW_TO_READ, Results, cells};

/// The most characters of a line of the table.
const WIDTH: usize = 116;

/// How many of the metrics without room are named.
const NAMED: usize = 8;

/// The approaches as rows and their metrics as columns, the best marked, with a heading and a line that says how to
/// read it. Ends with a newline.
pub fn terminal_table(results: &Results) -> String {
    let mut columns =
        vec![TextColumn::new("approach", results.approaches.iter().map(|approach| approach.name.clone()))];
    let seconds =
        TextColumn::new("train s", results.approaches.iter().map(|approach| cells::seconds(approach.train_seconds)));
    let mut room = WIDTH.saturating_sub(columns[0].width() + seconds.width());
    let mut left_out = Vec::new();
    for name in results.applying() {
        let column = metric_column(results, name);
        if column.width() <= room {
            room -= column.width();
            columns.push(column);
        } else {
            left_out.push(name.to_string());
        }
    }
    // An approach that was not trained here took no time.
    if results.approaches.iter().any(|approach| approach.train_seconds > 0.0) {
        columns.push(seconds);
    }

    let mut text = heading(results);
    text += &render(&columns);
    text += &format!("\n{HOW_TO_READ}\n");
    remarks(results).iter().for_each(|line| text += &format!("{line}\n"));
    if !left_out.is_empty() {
        let more = left_out.len().saturating_sub(NAMED);
        left_out.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text += &format!("In the report: {}{more}\n", left_out.join(", "));
    }
    text
}

/// What the numbers are means of, and whose errors read the times of test rows: a line for each, and none for a single
/// run without.
pub(crate) fn remarks(results: &Results) -> Vec<String> {
    let repeated = results.repeat.as_ref().map(|repeat| {
        let labels: Vec<&str> = repeat.iter().map(|one| one.repetition.as_str()).collect();
        format!("Mean ± standard deviation of {} repetitions: {}", repeat.len(), labels.join(", "))
    });
    let timed = results.approaches.iter().filter(|approach| approach.row_times);
    let timed: Vec<&str> = timed.map(|approach| approach.name.as_str()).collect();
    let times = "told the time of each test row, which nobody knows before the rating: errors only, not lists";
    repeated.into_iter().chain((!timed.is_empty()).then(|| format!("{}: {times}", timed.join(", ")))).collect()
}

fn heading(results: &Results) -> String {
    let Results { experiment, dataset, split, device, seed, .. } = results;
    let [[ratings, users, items], [train, validation, test]] = results.counts();
    let data = format!("{} ({ratings} ratings, {users} users, {items} items)", dataset.name);
    format!("{experiment}: {data}, {} {train} / {validation} / {test}, {device}, seed {seed}\n", split.kind)
}

/// A column of a table on a terminal.
pub(crate) struct TextColumn {
    header: String,
    cells: Vec<String>,
}

impl TextColumn {
    pub(crate) fn new(header: &str, cells: impl Iterator<Item = String>) -> Self {
        Self { header: header.to_owned(), cells: cells.collect() }
    }

    /// Characters on a line, with one of padding on each side and one between columns.
    fn width(&self) -> usize {
        let widest = self.cells.iter().chain([&self.header]).map(|text| text.chars().count()).max();
        widest.unwrap_or(0) + 3
    }
}

fn metric_column(results: &Results, name: &Column) -> TextColumn {
    let TextTable { header, rows } = TextTable::of_metrics(results, &[name]);
    let cells = rows.iter().flat_map(|(_, cells)| cells);
    TextColumn::new(&header[1], cells.map(|cell| format!("{}{}", if cell.is_best { "*" } else { "" }, cell.text)))
}

/// Columns side by side, all but the first aligned to the right. Ends without a newline.
pub(crate) fn render(columns: &[TextColumn]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(columns.iter().map(|column| &column.header));
    for row in 0..columns[0].cells.len() {
        table.add_row(columns.iter().map(|column| &column.cells[row]));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{column, sample};

    #[test]
    fn marks_the_best_and_says_what_does_not_apply() {
        insta::assert_snapshot!(terminal_table(&sample()));
    }

    #[test]
    fn whoever_is_told_times_is_named() {
        let mut results = sample();
        assert!(remarks(&results).is_empty());
        results.approaches.iter_mut().skip(1).for_each(|approach| approach.row_times = true);
        let text = terminal_table(&results);
        assert!(
            text.ends_with(
                "\nneural, hybrid: told the time of each test row, which nobody knows before the \
                                rating: errors only, not lists\n"
            ),
            "{text}"
        );
        assert!(results.to_json().unwrap().contains("\"row_times\": true"));
    }

    #[test]
    fn a_metric_that_applies_to_no_approach_has_no_column() {
        let mut results = sample();
        for approach in &mut results.approaches {
            approach.metrics.0.push((column("scaled_mape"), None));
        }
        assert_eq!(terminal_table(&results), terminal_table(&sample()));
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let mut results = sample();
        for approach in &mut results.approaches {
            for k in 1..=20 {
                approach.metrics.0.push((column(&format!("precision@{k}")), Some(1.0 / k as f64)));
            }
        }
        let text = terminal_table(&results);
        for line in text.lines().filter(|line| line.starts_with([' ', '═', '─'])) {
            assert!(line.chars().count() <= WIDTH, "{} wide: {line}", line.chars().count());
        }
        let below = text.lines().last().unwrap();
        assert!(below.starts_with("In the report: precision@") && below.ends_with(" more"), "{below}");
        assert_eq!(below.matches("precision@").count(), NAMED, "{below}");
        assert!(text.contains(" precision@1 ") && !below.contains("precision@1,"), "{text}");
    }
}
