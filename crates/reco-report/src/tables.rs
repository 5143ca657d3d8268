//! Builds the tables that a report has in several forms: as Markdown, as HTML and on a terminal.
//!
//! Does not know these forms: a cell is plain text.
//!
//! **Invariant**: every form shows the same cells and marks the same ones as best.

use reco_eval::Column;

use crate::figure::HistoryOf;
use crate::{ApproachResult, Facts, Results, cells};

/// Rows of text under a header. The first column names the row; the others are numbers.
pub(crate) struct TextTable {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<Cell>)>,
}

/// The text of a cell, and whether it is the best of its column.
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) is_best: bool,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, is_best: false }
    }
}

impl TextTable {
    /// A row for each approach.
    fn of_approaches(
        results: &Results,
        columns: impl IntoIterator<Item = String>,
        cells: impl Fn(&ApproachResult) -> Vec<Cell>,
    ) -> Self {
        Self {
            header: ["approach".to_owned()].into_iter().chain(columns).collect(),
            rows: results.approaches.iter().map(|approach| (approach.name.clone(), cells(approach))).collect(),
        }
    }

    /// The values of `columns`, with their deviations over repetitions.
    pub(crate) fn of_metrics(results: &Results, columns: &[&Column]) -> Self {
        Self::of_approaches(results, columns.iter().map(|column| results.heading(column)), |approach| {
            let cell = |column: &&Column| {
                let value = approach.metrics.get(column);
                let text = cells::repeated(value, results.deviation(&approach.name, column));
                Cell { text, is_best: value.is_some() && value == results.best(column) }
            };
            columns.iter().map(cell).collect()
        })
    }

    /// The values on validation rows; `None` where there are none.
    pub(crate) fn of_validation(results: &Results) -> Option<Self> {
        let first = results.approaches.iter().map(|one| &one.validation).find(|one| !one.is_empty())?;
        Some(Self::of_approaches(results, first.columns().map(Column::to_string), |approach| {
            first.columns().map(|column| cells::metric(approach.validation.get(column)).into()).collect()
        }))
    }

    /// The values of `metric` in the buckets `shown`.
    pub(crate) fn of_history(results: &Results, of: HistoryOf, shown: &[usize], metric: &Column) -> Self {
        let best = |at: usize| {
            let values = results.approaches.iter().filter_map(|approach| of.value(approach, at, metric));
            results.best_of(metric, values)
        };
        Self::of_approaches(results, shown.iter().map(|&at| of.header(results, at)), |approach| {
            let cell = |&at: &usize| {
                let value = of.value(approach, at, metric);
                Cell { text: cells::metric(value), is_best: value.is_some() && value == best(at) }
            };
            shown.iter().map(cell).collect()
        })
    }

    /// The share of each metric's variance that is due to the repetitions; `None` where no approach has one.
    pub(crate) fn of_shares(results: &Results) -> Option<Self> {
        let share = |approach: &ApproachResult, column: &Column| results.share_of_repetitions(&approach.name, column);
        let has_share = |column: &&Column| results.approaches.iter().any(|one| share(one, column).is_some());
        let columns: Vec<&Column> = results.columns().into_iter().filter(has_share).collect();
        let mut table = Self::of_approaches(results, columns.iter().map(ToString::to_string), |approach| {
            let percent = |share: f64| format!("{:.0} %", 100.0 * share);
            columns.iter().map(|column| cells::or_nothing(share(approach, column), percent).into()).collect()
        });
        table.rows.retain(|(_, cells)| cells.iter().any(|cell| cell.text != cells::NOTHING));
        (!table.rows.is_empty()).then_some(table)
    }

    /// What each training took, and the epoch whose weights were kept.
    pub(crate) fn of_training(results: &Results, facts: &Facts) -> Self {
        let header = [
            "parameters",
            "epochs",
            "best epoch",
            "train loss",
            "validation loss",
            "seconds",
            "ratings a second",
            "evaluation, seconds",
        ];
        Self::of_approaches(results, header.map(str::to_owned), |approach| {
            let log = facts.training.iter().find(|(name, _)| *name == approach.name).map(|(_, log)| log);
            let best = log.and_then(|log| log.epochs.iter().find(|epoch| epoch.epoch == log.best_epoch));
            let cells = [
                cells::count(approach.n_parameters),
                cells::or_nothing(approach.epochs, cells::count),
                cells::or_nothing(best, |epoch| cells::count(epoch.epoch)),
                cells::metric(best.map(|epoch| epoch.train_loss)),
                cells::metric(best.and_then(|epoch| epoch.validation_loss)),
                cells::seconds(approach.train_seconds),
                cells::or_nothing(approach.ratings_per_second, |rate| cells::count(rate.round() as usize)),
                cells::or_nothing(approach.evaluate_seconds, cells::seconds),
            ];
            cells.map(Cell::from).into()
        })
    }
}

/// Labels and values of the ratings, the data set's name first.
pub(crate) fn of_data(results: &Results, facts: &Facts) -> Vec<(String, String)> {
    let dataset = &results.dataset;
    let n_pairs = dataset.n_users as f64 * dataset.n_items as f64;
    let density = (n_pairs > 0.0).then(|| 100.0 * dataset.n_ratings as f64 / n_pairs);
    let mut rows = labelled([
        ("dataset", dataset.name.clone()),
        ("ratings", cells::count(dataset.n_ratings)),
        ("users", cells::count(dataset.n_users)),
        ("items", cells::count(dataset.n_items)),
        ("rated pairs", cells::or_nothing(density, |percent| format!("{percent:.2} %"))),
    ]);
    rows.extend(facts.dataset.iter().cloned());
    rows.extend(labelled([("sha256", dataset.sha256.clone())]));
    rows
}

/// Labels and values of the split and of the evaluation.
pub(crate) fn of_protocol(results: &Results, facts: &Facts) -> Vec<(String, String)> {
    let split = &results.split;
    let [train, valid, given, test] = [split.n_train, split.n_valid, split.n_fold_in, split.n_test].map(cells::count);
    let kind = split.kind.clone();
    let mut rows =
        labelled([("split", kind), ("train", train), ("validation", valid), ("fold-in", given), ("test", test)]);
    rows.retain(|(label, n)| label != "fold-in" || n != "0");
    rows.extend(facts.evaluation.iter().cloned());
    rows
}

fn labelled<const N: usize>(rows: [(&str, String); N]) -> Vec<(String, String)> {
    rows.map(|(label, value)| (label.to_owned(), value)).into()
}
