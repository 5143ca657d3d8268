//! Checks whether validation rows are learned from before the test.
//!
//! Does not know by what the options were chosen before.
//!
//! **Invariant**: a split without a validation part has nothing to learn from in addition.

use reco_features::{SplitEntry, find_split};

use super::{CheckEntry, Finding, Severity, Subject, Verdict};

pub(super) const ENTRY: CheckEntry =
    CheckEntry { name: "refit", about: "whether validation rows are learned from before the test", look };

fn look(subject: &Subject<'_>) -> Verdict {
    let split = &subject.experiment.split;
    let validates = split.validation > 0.0 && find_split(&split.kind).is_ok_and(SplitEntry::validates);
    if !split.refit || !(validates || split.kind == "file") {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::new(
        Severity::Note,
        "`split.refit` adds the validation rows to training".to_owned(),
        "models learn from more rows than the models by which options were chosen, so numbers differ from those of a \
         run without it",
        "compare only with protocols that do the same, and choose options in a run with `split.refit = false`",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{experiment, found, subject};
    use super::*;

    #[test]
    fn only_a_split_that_validates_can_refit() {
        let severities = |sets: &[&str]| -> Vec<Severity> {
            found(&ENTRY, &subject(&experiment(sets))).iter().map(|one| one.severity).collect()
        };
        assert_eq!(severities(&["split.refit=true"]), [Severity::Note]);
        assert_eq!(severities(&["split.refit=true", "split.kind=file"]), [Severity::Note]);
        for sets in [&[][..], &["split.refit=true", "split.validation=0"], &["split.refit=true", "split.kind=k-fold"]] {
            assert!(severities(sets).is_empty(), "{sets:?}");
        }
    }
}
