//! Checks whether only the items that nobody met are ranked, not the whole catalogue.
//!
//! Does not know how many those are; `cold-start` tells how many test rows are of such items.
//!
//! **Invariant**: where no metric ranks candidates, it does not matter who they are.

use reco_eval::RankedItems;

use super::{CheckEntry, Finding, Severity, Subject, Verdict};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "untrained-candidates",
    about: "whether rankings are of untrained items alone, not of the whole catalogue",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let ranks = subject.columns.iter().any(|(_, entry)| entry.measure.ranks());
    let protocol = &subject.experiment.evaluate;
    // Sampled candidates are drawn from all items, and have a finding of their own.
    if !ranks || protocol.candidates == RankedItems::All || protocol.sampled_negatives > 0 {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::new(
        Severity::Optimistic,
        "`evaluate.candidates` is `untrained`: only items without a train row are ranked".to_owned(),
        "new items need not beat those that people know, so that numbers are far higher than in the catalogue",
        "set `evaluate.candidates = \"all\"`; compare these numbers only with those of the same protocol",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{experiment, found, subject};
    use super::*;

    #[test]
    fn rankings_of_new_items_alone_are_optimistic() {
        let n = |sets: &[&str]| found(&ENTRY, &subject(&experiment(sets))).len();
        let untrained = "evaluate.candidates=\"untrained\"";
        assert_eq!(found(&ENTRY, &subject(&experiment(&[untrained])))[0].severity, Severity::Optimistic);
        assert_eq!(n(&[]), 0);
        assert_eq!(n(&[untrained, "evaluate.sampled_negatives=99"]), 0);
        assert_eq!(n(&[untrained, "evaluate.metrics=[\"rmse\"]"]), 0);
    }
}
