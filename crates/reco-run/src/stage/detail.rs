//! What does the report tell beside its numbers?
//!
//! Does not know how any of it looks.
//!
//! **Invariant**: words about metrics are those of their registry; words about a user are those of the evaluation.

use reco_eval::metric::Better;
use reco_eval::{Evaluation, MetricEntry};
use reco_features::Dataset;
use reco_report::{DetailList, DetailRow, UserDetail};

use crate::Experiment;

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

/// Users from close by, as each approach sees their held-out ratings: the one that the experiment names, then the others.
pub(super) fn users<'a>(
    dataset: &Dataset,
    evaluations: impl Iterator<Item = (&'a str, &'a Evaluation)>,
) -> Vec<UserDetail> {
    let of = |evaluation: &'a Evaluation| evaluation.detail.iter().chain(&evaluation.details);
    let evaluations: Vec<_> = evaluations.collect();
    let Some((_, first)) = evaluations.first() else { return Vec::new() };
    let seen = dataset.seen();
    of(first)
        .map(|detail| {
            let user = dataset.catalogue.users.get(&detail.user);
            let lists = evaluations.iter().filter_map(|(name, evaluation)| {
                // The same users for every approach: they are chosen by their held-out rows alone.
                Some(list(name, of(evaluation).find(|other| other.user == detail.user)?, dataset))
            });
            UserDetail {
                user: detail.user.to_string(),
                n_seen: user.map_or(0, |user| seen[user.index()].items().len()),
                lists: lists.collect(),
            }
        })
        .collect()
}

fn list(name: &str, detail: &reco_eval::UserDetail, dataset: &Dataset) -> DetailList {
    DetailList {
        approach: name.to_owned(),
        rows: detail.rows.iter().map(|row| line(dataset, detail, row)).collect(),
        n_hits: detail.n_hits,
        n_best: detail.y_test.len(),
        metrics: vec![
            ("article_accuracy".to_owned(), detail.article_accuracy),
            ("article_mrr".to_owned(), detail.article_mrr),
            ("mrr".to_owned(), detail.mrr),
        ],
    }
}

fn line(dataset: &Dataset, detail: &reco_eval::UserDetail, row: &reco_eval::DetailRow) -> DetailRow {
    let catalogue = &dataset.catalogue;
    let item = catalogue.items.get(&row.item);
    let known = item.map(|item| &dataset.details[item.index()]);
    let old = catalogue.item_features.names().iter().position(|name| name == "old");
    DetailRow {
        item: known.map_or_else(|| row.item.to_string(), |details| details.name.clone()),
        genres: known.map_or_else(Vec::new, |details| details.genres.clone()),
        old: item.zip(old).map(|(item, old)| catalogue.item_features.matrix().row(item.index())[old] > 0.5),
        // Back to the half star it was: the target was rounded on its way.
        rating: item
            .and_then(|item| catalogue.scaling.stars(item, row.y as f32))
            .map(|stars| (f64::from(stars) * 1000.0).round() / 1000.0),
        y: row.y,
        yhat: row.yhat,
        is_best: detail.y_test.contains(&row.item),
        is_predicted_best: detail.predicted.contains(&row.item),
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
