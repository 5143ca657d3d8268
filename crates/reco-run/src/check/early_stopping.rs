//! Checks by which rows networks stop, and which rows they then do not learn from.
//!
//! A network stops by the split's validation rows; with `validation_split`, by the last share of the train rows, which
//! it then does not learn from; without either, by none, whatever its `patience`. Test rows never stop it. Does not
//! know classic approaches.
//!
//! **Invariant**: an approach without these options is not looked at.

use reco_core::AnyApproach;
use reco_features::Dataset;

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict, counts};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "early-stopping",
    about: "whether networks stop, and choose their best epoch, by rows that are there for it",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let networks = subject.experiment.approaches.iter().filter_map(|one| {
        let (patience, share) = stops(one.approach.as_ref())?;
        Some((one.name.as_str(), patience, share))
    });
    let mut findings = Vec::new();
    // Networks of one share make one finding.
    let mut cuts: Vec<(f64, Vec<&str>)> = Vec::new();
    let mut patient = Vec::new();
    for (name, patience, share) in networks {
        match cuts.iter_mut().find(|(other, _)| *other == share) {
            _ if share == 0.0 => patient.extend((patience > 0).then_some(name)),
            Some((_, names)) => names.push(name),
            None => cuts.push((share, vec![name])),
        }
    }
    for (share, names) in cuts {
        let strangers = subject.dataset.as_ref().map(|dataset| strangers(dataset, share)).unwrap_or_default();
        findings.push(Finding::new(
            Severity::Note,
            format!(
                "`validation_split = {share}` of `{}` leaves out the last rows of train, those of the last \
                 users{strangers}; validation rows of the split are not looked at",
                names.join("`, `")
            ),
            "the loss is that of users without train rows, and of test users among them the network has learned \
             nothing",
            "set `validation_split = 0` there and `split.validation = 0.1`, which takes some rows of many users",
        ));
    }
    if !patient.is_empty() && !subject.has_validation().ok_or(Unknown::Dataset)? {
        findings.push(Finding::new(
            Severity::Note,
            format!(
                "`patience` of `{}` has nothing to stop by: all epochs are trained, and the last is kept",
                patient.join("`, `")
            ),
            "choosing the number of epochs by the test part then means tuning on it",
            "let a split with a validation part stop them: `split.validation = 0.1`, `split.refit = false`",
        ));
    }
    Ok(findings)
}

/// How many test users have no row before the last `share` of train rows.
fn strangers(dataset: &Dataset, share: f64) -> String {
    let n = dataset.fit.len();
    let cut = (n as f64 * (1.0 - share)) as usize;
    let n_users = dataset.catalogue.n_users();
    let learned = counts(n_users, dataset.fit.users()[..cut].iter().map(|user| user.index()));
    let asked = counts(n_users, dataset.test.users().iter().map(|user| user.index()));
    let n_strangers = asked.iter().zip(&learned).filter(|(asked, learned)| **asked > 0 && **learned == 0).count();
    let n_asked = asked.iter().filter(|n| **n > 0).count();
    format!("; {} have no row left that is learned from", super::share(n_strangers, n_asked, "test users"))
}

/// `patience` and `validation_split` of an approach that has them.
fn stops(approach: &dyn AnyApproach) -> Option<(u64, f64)> {
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
            assert!(texts[0].starts_with("`patience` of `neural` has nothing to stop by"), "{sets:?}: {texts:?}");
        }
        let file = of(NEURAL, &["split.kind=file", "split.path=mine.csv"]);
        assert_eq!(unknown(&ENTRY, &subject(&file)), Unknown::Dataset);
        let mut data = dataset(&[(1, 1, 4, 0), (1, 2, 4, 0)], &[(1, 3, 4, 0)]);
        let with = |data: &Dataset| Subject { dataset: Some(data.clone()), ..subject(&file) };
        assert_eq!(found(&ENTRY, &with(&data)).len(), 1);
        data.validation = Some(rows(&data, &[(1, 2, 4, 0)]));
        assert!(found(&ENTRY, &with(&data)).is_empty());
    }

    #[test]
    fn the_last_share_of_train_rows_is_that_of_the_last_users() {
        let two = "[[approach]]\nname = \"neural\"\nvalidation_split = 0.25\n[[approach]]\n\
            name = \"hybrid\"\nvalidation_split = 0.25";
        let experiment = of(two, &[]);
        // Of four train rows the last is left out: the only one of user 2.
        let data = dataset(&[(1, 1, 4, 0), (1, 2, 4, 0), (1, 3, 4, 0), (2, 1, 4, 0)], &[(1, 4, 4, 0), (2, 2, 4, 0)]);
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) });
        assert_eq!(found.len(), 1);
        let said = &found[0].found;
        assert!(said.starts_with("`validation_split = 0.25` of `neural`, `hybrid` leaves out"), "{said}");
        assert!(said.contains("1 of 2 test users (50.0 %) have no row left"), "{said}");
    }

    #[test]
    fn validation_rows_or_no_patience_are_fine() {
        assert!(texts(&[]).is_empty());
        assert!(texts(&["split.validation=0", "approach.neural.patience=0"]).is_empty());
        assert!(found(&ENTRY, &subject(&experiment(&["split.validation=0"]))).is_empty(), "no network is there");
    }
}
