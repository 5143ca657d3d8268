//! Checks whether test items are ranked among a few sampled candidates instead of the whole catalogue.
//!
//! Does not know which candidates: they are drawn by chance (He et al. 2017; Krichene and Rendle 2020, "On sampled
//! metrics for item recommendation").
//!
//! **Invariant**: where no metric ranks candidates, it does not matter who they are.

use super::{CheckEntry, Finding, Severity, Subject, Verdict};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "sampled-candidates",
    about: "whether rankings are of a few candidates drawn by chance, not of the whole catalogue",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let n = subject.experiment.evaluate.sampled_negatives;
    let ranking = subject.columns.iter().find(|(_, entry)| entry.measure.ranks());
    let (Some((first, _)), 1..) = (ranking, n) else { return Ok(Vec::new()) };
    let mut found =
        format!("`evaluate.sampled_negatives` is `{n}`: each user's test items are ranked among {n} others");
    if let Some(dataset) = &subject.dataset {
        found += &format!(" of {}", dataset.catalogue.n_items());
    }
    let main = subject.main_ranking().unwrap_or(first);
    let reached = subject.results.iter().flat_map(|results| &results.approaches);
    let reached: Vec<String> =
        reached.filter_map(|one| Some(format!("`{}` {:.4}", one.name, one.metrics.get(main)?))).collect();
    if !reached.is_empty() {
        found += &format!("; `{main}` is {}", reached.join(", "));
    }
    Ok(vec![Finding::new(
        Severity::Optimistic,
        found,
        "few candidates are easily beaten, so that numbers are far higher than in the catalogue, and the order of \
         models can turn around",
        "set `evaluate.sampled_negatives = 0`; compare sampled numbers only with those of the same protocol",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, experiment, found, results, subject};
    use super::*;

    #[test]
    fn sampling_is_optimistic_and_its_numbers_are_told() {
        let sampled = experiment(&["evaluate.sampled_negatives=99"]);
        assert_eq!(found(&ENTRY, &subject(&sampled))[0].severity, Severity::Optimistic);
        let last = results("sampled99_ndcg@10", &[("random", Some(0.046)), ("content", Some(0.25)), ("odd", None)]);
        let data = dataset(&[(1, 1, 4, 0)], &[(1, 7, 4, 0)]);
        let run = Subject { dataset: Some(data), results: Some(last), ..subject(&sampled) };
        let said = &found(&ENTRY, &run)[0].found;
        assert!(
            said.ends_with("among 99 others of 7; `sampled99_ndcg@10` is `random` 0.0460, `content` 0.2500"),
            "{said}"
        );
    }

    #[test]
    fn the_whole_catalogue_and_errors_alone_are_fine() {
        for sets in [&[][..], &["evaluate.sampled_negatives=99", "evaluate.metrics=[\"rmse\"]"]] {
            assert!(found(&ENTRY, &subject(&experiment(sets))).is_empty(), "{sets:?}");
        }
    }
}
