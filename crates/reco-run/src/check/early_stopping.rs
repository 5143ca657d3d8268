//! By which rows do networks stop, and which are then not learned from?
//!
//! A network stops by the split's validation rows; with `validation_split` by the last share of the train rows, which it then does
//! not learn from; without either by none, whatever its `patience`. Test rows never stop it. Does not know classic approaches.
//!
//! **Invariant**: an approach without these options is not looked at.

use reco_core::Approach;

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "early-stopping",
    about: "whether networks stop, and choose their best epoch, by rows that are there for it",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let mut findings = Vec::new();
    for one in &subject.experiment.approaches {
        let Some((patience, share)) = stops(one.approach.as_ref()) else { continue };
        let name = &one.name;
        if share > 0.0 {
            let percent = 100.0 * share;
            findings.push(Finding::new(
                Severity::Note,
                format!(
                    "`{name}` leaves out the last {percent} % of the train rows (`validation_split = {share}`): \
                     the rows of the last users, who are then not learned from; validation rows of the split are not looked at"
                ),
                "rows are in the order of users, so that the loss it is judged by is that of strangers, and test users among them are unknown to it",
                format!("set `approach.{name}.validation_split = 0` and `split.validation = 0.1`, which takes some rows of many users"),
            ));
        } else if patience > 0 && !subject.has_validation().ok_or(Unknown::Dataset)? {
            findings.push(Finding::new(
                Severity::Note,
                format!("`{name}` has `patience = {patience}` and nothing to stop by: it trains all epochs and keeps the last"),
                "whoever then picks the number of epochs by the test has tuned on it",
                "let a split with a validation part stop it: `split.validation = 0.1`, `split.refit = false`",
            ));
        }
    }
    Ok(findings)
}

/// `patience` and `validation_split` of an approach that has them.
fn stops(approach: &dyn Approach) -> Option<(u64, f64)> {
    let options = approach.options();
    Some((options["patience"].as_u64()?, options["validation_split"].as_f64()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, experiment, found, of, rows, subject, unknown};
    use super::*;

    const NEURAL: &str = "[split]\nkind = \"random\"\n[[approach]]\nname = \"neural\"\npatience = 3";

    fn texts(sets: &[&str]) -> Vec<String> {
        found(&ENTRY, &subject(&of(NEURAL, sets))).into_iter().map(|one| one.found).collect()
    }

    #[test]
    fn patience_without_rows_to_stop_by_stops_nothing() {
        for sets in [["split.validation=0"], ["split.refit=true"], ["split.kind=k-fold"]] {
            let texts = texts(&sets);
            assert!(texts[0].contains("`patience = 3` and nothing to stop by"), "{sets:?}: {texts:?}");
        }
        let file = of(NEURAL, &["split.kind=file", "split.path=mine.csv"]);
        assert_eq!(unknown(&ENTRY, &subject(&file)), Unknown::Dataset);
        let mut data = dataset(&[(1, 1, 4, 0), (1, 2, 4, 0)], &[(1, 3, 4, 0)]);
        let with = |data: &reco_features::Dataset| Subject { dataset: Some(data.clone()), ..subject(&file) };
        assert_eq!(found(&ENTRY, &with(&data)).len(), 1);
        data.validation = Some(rows(&data, &[(1, 2, 4, 0)]));
        assert!(found(&ENTRY, &with(&data)).is_empty());
    }

    #[test]
    fn the_last_share_of_train_rows_is_that_of_the_last_users() {
        let texts = texts(&["approach.neural.validation_split=0.25"]);
        assert!(texts[0].contains("the last 25 % of the train rows"), "{texts:?}");
    }

    #[test]
    fn validation_rows_or_no_patience_are_fine() {
        assert!(texts(&[]).is_empty());
        assert!(texts(&["split.validation=0", "approach.neural.patience=0"]).is_empty());
        assert!(found(&ENTRY, &subject(&experiment(&["split.validation=0"]))).is_empty(), "no network is there");
    }
}
