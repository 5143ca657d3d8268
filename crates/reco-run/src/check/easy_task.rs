//! Checks whether chance or popularity comes near the best approach.
//!
//! Does not know why: few candidates, few items, or models that learned little.
//!
//! **Invariant**: it looks at one ranking metric, and only at numbers that a run left.

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict};

pub(super) const ENTRY: CheckEntry =
    CheckEntry { name: "easy-task", about: "whether chance or popularity come near the best approach", look };

/// The share of the best number from which the task is mostly one of popularity.
const NEAR: f64 = 0.95;

/// The share of the best number from which chance does well.
const HALF: f64 = 0.5;

fn look(subject: &Subject<'_>) -> Verdict {
    let untellable = |why: &str| Err(Unknown::Untellable(why.to_owned()));
    let Some(metric) = subject.main_ranking() else {
        return untellable("no metric of rankings is measured");
    };
    let results = subject.results()?;
    let of = |name: &str| results.approaches.iter().find(|one| one.name == name)?.metrics.get(metric);
    let of_kind = |kind: &str| {
        let names = subject.experiment.approaches.iter().filter(|one| one.kind == kind);
        names.filter_map(|one| of(&one.name)).reduce(f64::max)
    };
    let others = subject.experiment.approaches.iter().filter(|one| !["random", "popularity"].contains(&one.kind));
    let others = others.filter_map(|one| Some((one.name.as_str(), of(&one.name)?)));
    let Some((best, most)) = others.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, most)| *most > 0.0) else {
        return untellable("no approach beside `random` and `popularity` has a number above 0");
    };
    let (random, popularity) = (of_kind("random"), of_kind("popularity"));
    if random.is_none() && popularity.is_none() {
        return untellable("neither `random` nor `popularity` is in the experiment: add them with `[[approach]]`");
    }
    let mut findings = Vec::new();
    if let Some(chance) = random.filter(|chance| *chance >= HALF * most) {
        findings.push(Finding::new(
            Severity::Optimistic,
            format!("`{metric}` of chance is {chance:.4}, and of `{best}`, the best of the others, {most:.4}"),
            "most of the number is what the task gives to anyone: few candidates, or many of them relevant",
            "rank the whole catalogue, `evaluate.sampled_negatives = 0`, and quote what is above chance",
        ));
    }
    if let Some(popular) = popularity.filter(|popular| *popular >= NEAR * most) {
        findings.push(Finding::new(
            Severity::Note,
            format!("`{metric}` of `popularity` is {popular:.4}, and of `{best}`, the best of the others, {most:.4}"),
            "what is measured is mostly popularity: the same list for everyone does as well",
            "quote `popularity` beside it, and read novelty and the metrics by items' history",
        ));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{experiment, found, results, subject, unknown};
    use super::*;

    fn severities(values: [f64; 3]) -> Vec<Severity> {
        let [random, popularity, content] = values.map(Some);
        let last = results("ndcg@10", &[("random", random), ("popularity", popularity), ("content", content)]);
        let experiment = experiment(&[]);
        let run = Subject { results: Some(last), ..subject(&experiment) };
        found(&ENTRY, &run).iter().map(|one| one.severity).collect()
    }

    #[test]
    fn chance_at_half_of_the_best_and_popularity_near_it() {
        assert_eq!(severities([0.01, 0.1, 0.2]), []);
        assert_eq!(severities([0.1, 0.1, 0.2]), [Severity::Optimistic]);
        assert_eq!(severities([0.01, 0.191, 0.2]), [Severity::Note]);
        assert_eq!(severities([0.01, 0.189, 0.2]), []);
        assert_eq!(severities([0.15, 0.3, 0.2]), [Severity::Optimistic, Severity::Note]);
    }

    #[test]
    fn who_has_nothing_to_compare_cannot_tell() {
        let all = experiment(&[]);
        assert_eq!(unknown(&ENTRY, &subject(&all)), Unknown::Results);
        let errors = experiment(&["evaluate.metrics=[\"rmse\"]"]);
        assert!(matches!(unknown(&ENTRY, &subject(&errors)), Unknown::Untellable(why) if why.contains("no metric")));
        let none = results("ndcg@10", &[("random", Some(0.1)), ("content", Some(0.0))]);
        let run = Subject { results: Some(none), ..subject(&all) };
        assert!(matches!(unknown(&ENTRY, &run), Unknown::Untellable(why) if why.contains("above 0")));
    }
}
