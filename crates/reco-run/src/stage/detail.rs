//! What does the report tell beside its numbers?
//!
//! Does not know how any of it looks.
//!
//! **Invariant**: words about metrics are those of their registry; words about a user are those of the evaluation.

use reco_core::{Catalogue, ItemId};
use reco_eval::metric::Better;
use reco_eval::{Evaluation, MetricEntry};
use reco_features::{Dataset, ItemDetails};
use reco_report::{DetailList, DetailRow, UserDetail};

use super::Context;
use crate::{Experiment, RunError};

/// Which of `columns` are errors.
pub(super) fn lower_is_better(columns: &[String]) -> Vec<String> {
    let is_error = |column: &&String| MetricEntry::of_column(column).is_some_and(|entry| entry.better == Better::Lower);
    columns.iter().filter(is_error).cloned().collect()
}

/// What each metric of `columns` means, each once.
pub(super) fn meanings(columns: &[String]) -> Vec<(String, String)> {
    let mut meanings: Vec<(String, String)> = Vec::new();
    for entry in columns.iter().filter_map(|column| MetricEntry::of_column(column)) {
        if meanings.iter().all(|(name, _)| name != entry.name) {
            meanings.push((entry.name.to_owned(), entry.about.to_owned()));
        }
    }
    meanings
}

/// How it was judged.
pub(super) fn protocol(experiment: &Experiment, evaluation: Option<&Evaluation>) -> Vec<(String, String)> {
    let config = &experiment.evaluate;
    let mut lines = vec![("relevant from".to_owned(), format!("{} stars", config.relevance_threshold))];
    if !config.context.is_empty() {
        let stated = config.context.iter().map(|(name, value)| format!("{name} = {value}"));
        lines.push(("predicted for".to_owned(), stated.collect::<Vec<_>>().join(", ")));
    }
    if let Some(evaluation) = evaluation {
        lines.push(("test users".to_owned(), evaluation.n_users.to_string()));
        lines.push(("of them without a relevant item".to_owned(), evaluation.n_users_without_relevant.to_string()));
        lines.push(("of them in the article's metrics".to_owned(), evaluation.n_users_article.to_string()));
    }
    lines
}

/// The user shown in detail, as each approach sees their held-out ratings.
pub(super) fn user<'a>(
    context: &Context<'_>,
    evaluations: impl Iterator<Item = (&'a str, &'a Evaluation)>,
) -> Result<Option<UserDetail>, RunError> {
    let details: Vec<_> =
        evaluations.filter_map(|(name, evaluation)| Some((name, evaluation.detail.as_ref()?))).collect();
    let Some((_, first)) = details.first() else { return Ok(None) };
    let dataset = Dataset::read(&context.at("features"))?;
    let n_seen = match dataset.catalogue.users.get(&first.user) {
        Some(user) => dataset.seen()[user.index()].items().len(),
        None => 0,
    };
    let list = |(name, detail): &(&str, &reco_eval::UserDetail)| DetailList {
        title: format!("{name}: held-out ratings, best prediction first"),
        rows: detail.rows.iter().map(|row| line(&dataset.catalogue, &dataset.details, &row.item, row)).collect(),
    };
    Ok(Some(UserDetail { user: first.user.to_string(), n_seen, lists: details.iter().map(list).collect() }))
}

fn line(catalogue: &Catalogue, details: &[ItemDetails], id: &ItemId, row: &reco_eval::DetailRow) -> DetailRow {
    let item = catalogue.items.get(id);
    let known = item.map(|item| &details[item.index()]);
    DetailRow {
        item: known.map_or_else(|| id.to_string(), |details| details.name.clone()),
        genres: known.map_or_else(Vec::new, |details| details.genres.clone()),
        // Back to the half star it was: the target was rounded on its way.
        rating: item
            .and_then(|item| catalogue.scaling.stars(item, row.y as f32))
            .map(|stars| (f64::from(stars) * 1000.0).round() / 1000.0),
        score: row.yhat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_find_their_metric() {
        let columns = ["rmse", "mrr@10", "mrr@5", "mrr"].map(str::to_owned);
        assert_eq!(lower_is_better(&columns), ["rmse"]);
        let names: Vec<String> = meanings(&columns).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["rmse", "mrr@k", "mrr"]);
    }
}
