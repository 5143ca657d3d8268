//! Checks whether the best of several options is chosen by the test rows that it is then quoted for.
//!
//! Every approach of an experiment is measured on the test rows, and so is every value that `[repeat]` takes. Does not
//! know what anyone quotes.
//!
//! **Invariant**: options of one kind of approach are compared only with each other; several seeds, folds or data sets
//! are no choice.

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict};
use crate::Configured;

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "tuned-on-test",
    about: "whether several options compete on the test rows, so that the best of them is partly best by chance",
    look,
};

const WHY: &str =
    "the best of several on the test rows is best partly by chance: its number is higher than it would be on new rows";

/// The beginnings of the keys that can be repeated over without making a choice.
const NO_CHOICE: [&str; 7] = ["seed", "split.seed", "split.fold", "data", "device", "name", "report"];

fn look(subject: &Subject<'_>) -> Verdict {
    let experiment = subject.experiment;
    let mut findings = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    for one in &experiment.approaches {
        if kinds.contains(&one.kind) {
            continue;
        }
        kinds.push(one.kind);
        let alike: Vec<&Configured> = experiment.approaches.iter().filter(|other| other.kind == one.kind).collect();
        let first = one.approach.options();
        if alike.iter().all(|other| other.approach.options() == first) {
            continue;
        }
        let names = alike.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join("`, `");
        let found =
            format!("{} configurations of `{}` are measured on the test rows: `{names}`", alike.len(), one.kind);
        findings.push(finding(found, are_validated(subject, &alike)?));
    }
    let over = experiment.repeat.over.as_str();
    let is_choice =
        !NO_CHOICE.iter().any(|key| over == *key || over.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
    let n = experiment.repetitions.len();
    if is_choice && n > 1 {
        let varied = over.strip_prefix("approach.").and_then(|rest| rest.split('.').next());
        let varied = varied.and_then(|name| experiment.approaches.iter().find(|one| one.name == name));
        let found = format!("`[repeat]` measures {n} values of `{over}` on the test rows");
        findings.push(finding(found, varied.map_or(Ok(false), |one| are_validated(subject, &[one]))?));
    }
    Ok(findings)
}

/// Whether validation rows could choose instead: each approach is a network that says how it does on them.
fn are_validated(subject: &Subject<'_>, approaches: &[&Configured]) -> Result<bool, Unknown> {
    for one in approaches {
        match one.approach.options()["validation_split"].as_f64() {
            None => return Ok(false),
            Some(share) if share > 0.0 => {}
            Some(_) => match subject.has_validation() {
                None => return Err(Unknown::Dataset),
                Some(false) => return Ok(false),
                Some(true) => {}
            },
        }
    }
    Ok(true)
}

fn finding(found: String, is_validated: bool) -> Finding {
    if is_validated {
        let remedy =
            "choose by the lowest `validation_loss` of `models/<name>/history.json`, and quote the test of that one";
        Finding::new(
            Severity::Note,
            format!("{found}; all of them have a loss on validation rows as well"),
            WHY,
            remedy,
        )
    } else {
        let remedy = "quote all of them; or choose on validation rows, as `reco tune` does, and measure here only the one \
            chosen";
        Finding::new(Severity::Optimistic, format!("{found}; no validation rows choose among them"), WHY, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{experiment, found, of, subject, unknown};
    use super::*;

    const TWO_NETWORKS: &str = "[split]\nkind = \"random\"\n[[approach]]\nname = \"wide\"\n\
        kind = \"neural\"\nembedding_size = 99\n\
        [[approach]]\nname = \"neural\"";

    fn severities(text: &str, sets: &[&str]) -> Vec<Severity> {
        found(&ENTRY, &subject(&of(text, sets))).iter().map(|one| one.severity).collect()
    }

    #[test]
    fn several_options_of_one_kind_compete() {
        let knn = "[[approach]]\nname = \"a\"\nkind = \"item-knn\"\n[[approach]]\nname = \"b\"\n\
            kind = \"item-knn\"\nsimilarity = \"cosine\"";
        let experiment = of(knn, &[]);
        let found = found(&ENTRY, &subject(&experiment));
        assert_eq!(found[0].severity, Severity::Optimistic, "neighbours have no loss on validation rows");
        assert!(found[0].found.starts_with("2 configurations of `item-knn` are measured on the test rows: `a`, `b`"));
        let same = "[[approach]]\nname = \"a\"\nkind = \"random\"\n[[approach]]\nname = \"b\"\nkind = \"random\"";
        assert!(severities(same, &[]).is_empty());
    }

    #[test]
    fn networks_can_be_chosen_by_validation_rows() {
        assert_eq!(severities(TWO_NETWORKS, &[]), [Severity::Note]);
        assert_eq!(severities(TWO_NETWORKS, &["split.validation=0"]), [Severity::Optimistic]);
        assert_eq!(severities(TWO_NETWORKS, &["split.refit=true"]), [Severity::Optimistic]);
        assert_eq!(severities(TWO_NETWORKS, &["split.kind=k-fold"]), [Severity::Optimistic]);
        let own = ["split.validation=0", "approach.wide.validation_split=0.1", "approach.neural.validation_split=0.1"];
        assert_eq!(severities(TWO_NETWORKS, &own), [Severity::Note]);
        let file = of(TWO_NETWORKS, &["split.kind=file", "split.path=mine.csv"]);
        assert_eq!(unknown(&ENTRY, &subject(&file)), Unknown::Dataset);
    }

    #[test]
    fn repeating_over_options_is_a_choice_and_over_seeds_is_none() {
        let values = "repeat.values=[1, 2]";
        for over in ["seed", "split.seed", "split.fold", "data.rows"] {
            let kind = if over == "split.fold" { "k-fold" } else { "per-user-random" };
            let repeated = experiment(&[&format!("repeat.over={over}"), values, &format!("split.kind={kind}")]);
            assert!(found(&ENTRY, &subject(&repeated)).is_empty(), "{over}");
        }
        let options = of("[[approach]]\nname = \"item-knn\"", &["repeat.over=approach.item-knn.k", values]);
        let found = found(&ENTRY, &subject(&options));
        assert_eq!(found[0].severity, Severity::Optimistic);
        assert!(found[0].found.contains("2 values of `approach.item-knn.k`"), "{}", found[0].found);
        assert_eq!(
            severities("[[approach]]\nname = \"neural\"", &["repeat.over=approach.neural.epochs", values]),
            [Severity::Note]
        );
        assert_eq!(
            severities("[[approach]]\nname = \"random\"", &["repeat.over=split.folds", values, "split.kind=k-fold"]),
            [Severity::Optimistic]
        );
    }
}
