//! Collects what the report tells beside its numbers: the protocol, users in detail.
//!
//! Does not know how any of it looks.
//!
//! **Invariant**: what the report says of a user comes from the evaluation.

use reco_core::RatingScale;
use reco_eval::metric::Better;
use reco_eval::{Column, Evaluation, METRICS};
use reco_features::{Dataset, Info, SplitInfo};
use reco_report::{DetailList, DetailRow, UserDetail};

use crate::Experiment;

/// The columns whose better values are as `better` says: the higher ones, the lower ones, or neither.
pub(super) fn those<'a>(columns: impl Iterator<Item = &'a Column>, better: Better) -> Vec<Column> {
    columns.filter(|column| column.entry(METRICS).is_some_and(|entry| entry.better == better)).cloned().collect()
}

/// The protocol of the evaluation.
pub(super) fn protocol(
    experiment: &Experiment,
    info: &Info,
    scale: RatingScale,
    evaluation: Option<&Evaluation>,
) -> Vec<(String, String)> {
    let (config, split) = (&experiment.evaluate, &info.split);
    let mut lines = vec![("relevant from".to_owned(), format!("{} stars", config.relevant_from(scale)))];
    if !config.context.is_empty() {
        let stated = config.context.iter().map(|(name, value)| format!("{name} = {value}"));
        lines.push(("predicted for".to_owned(), stated.collect::<Vec<_>>().join(", ")));
    }
    let mut count = |what: &str, n: usize| lines.push((what.to_owned(), n.to_string()));
    if split.n_test_dropped > 0 {
        count("test rows of untrained items, dropped", split.n_test_dropped);
    }
    count("test users without a train row", split.n_test_users_without_train);
    count("test items without a train row", split.n_test_items_without_train);
    if let Some(evaluation) = evaluation {
        count("test users", evaluation.n_users);
        count("of them without a relevant item", evaluation.n_users_without_relevant);
        count("of them in the article's metrics", evaluation.n_users_article);
        if evaluation.n_test_masked > 0 {
            count("test rows of items met before, which cannot be hit", evaluation.n_test_masked);
        }
        lines.push(("masked".to_owned(), masked(split, evaluation)));
        lines.push(("ranked among".to_owned(), ranked_among(info, evaluation)));
        if config.sampled_negatives > 0 {
            let why =
                "a few candidates drawn by chance make an easier task, and can turn the order of approaches around";
            lines.push(("sampled metrics".to_owned(), format!("{why}: do not compare them with a full ranking's")));
        }
    }
    lines
}

/// The items that no list may hold.
fn masked(split: &SplitInfo, evaluation: &Evaluation) -> String {
    let parts = [("train", split.n_train), ("validation", split.n_valid), ("fold-in", split.n_fold_in)];
    let parts: Vec<&str> = parts.into_iter().filter(|(_, n)| *n > 0).map(|(part, _)| part).collect();
    let pairs = evaluation.n_masked as f64 / evaluation.n_users.max(1) as f64;
    format!("the user's own {} items, {pairs:.1} for a test user", parts.join(" and "))
}

/// Which candidates lists are drawn from.
fn ranked_among(info: &Info, evaluation: &Evaluation) -> String {
    let candidates = evaluation.n_candidates as f64 / evaluation.n_users.max(1) as f64;
    match evaluation.sampled_negatives {
        0 => format!("all {} items but those masked, {candidates:.1} for a test user", info.n_items),
        n => {
            format!("{n} sampled items and the test items, {candidates:.1} for a test user: SAMPLED, not the catalogue")
        }
    }
}

/// Users in detail, with their held-out ratings as each approach sees them: the one that the experiment names, then the
/// others.
pub(super) fn users<'a>(
    dataset: &Dataset,
    evaluations: impl Iterator<Item = (&'a str, &'a Evaluation)>,
) -> Vec<UserDetail> {
    let of = |evaluation: &'a Evaluation| evaluation.detail.iter().chain(&evaluation.details);
    let evaluations: Vec<_> = evaluations.collect();
    let Some((_, first)) = evaluations.first() else { return Vec::new() };
    of(first)
        .map(|detail| {
            let lists = evaluations.iter().filter_map(|(name, evaluation)| {
                // The users are the same for every approach: they are chosen by their held-out rows alone.
                Some(list(name, of(evaluation).find(|other| other.user == detail.user)?, dataset))
            });
            UserDetail { user: detail.user.to_string(), n_train: detail.n_train, lists: lists.collect() }
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
        // The target was rounded on its way, so the rating is rounded back to the half star it was.
        rating: item
            .and_then(|item| catalogue.scaling.stars(item, row.y as f32))
            .map(|stars| (f64::from(stars) * 1000.0).round() / 1000.0),
        y: row.y,
        yhat: row.yhat,
        is_best: detail.y_test.contains(&row.item),
        is_predicted_best: detail.predicted.contains(&row.item),
    }
}
