//! Checks whether test rows of users and items unknown to training are left out, and how many there are.
//!
//! Does not know which approaches know something of them.
//!
//! **Invariant**: a held-out user whose ratings are given with the question is not unknown.

use super::{CheckEntry, Finding, Severity, Subject, Verdict, count_items, counts, share};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "cold-start",
    about: "whether test rows of items that nobody trained on are left out, and how much of the test is unknown to \
        training",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let is_dropping = subject.experiment.split.drop_untrained_items;
    let dropped = |found: String| {
        Finding::new(
            Severity::Optimistic,
            found,
            "the items that are hardest to recommend are not tested, so approaches that fail at them look better",
            "set `split.drop_untrained_items = false`, or quote how many rows were left out",
        )
    };
    let Some(dataset) = &subject.dataset else {
        let found = "`split.drop_untrained_items` leaves out test rows whose item has no train row".to_owned();
        return if is_dropping { Ok(vec![dropped(found)]) } else { Err(super::Unknown::Dataset) };
    };
    let mut findings = Vec::new();
    let (n_dropped, n_test) = (dataset.info.split.n_test_dropped, dataset.test.len());
    if n_dropped > 0 {
        let rows = share(n_dropped, n_dropped + n_test, "held-out rows");
        findings.push(dropped(format!("{rows} are left out: their item has no train row")));
    }
    let given = dataset.fold_in.iter().flat_map(|rows| rows.users());
    let n_users = dataset.catalogue.n_users();
    let known = counts(n_users, dataset.fit.users().iter().chain(given).map(|user| user.index()));
    let asked = counts(n_users, dataset.test.users().iter().map(|user| user.index()));
    let trained = counts(dataset.catalogue.n_items(), dataset.fit.items().iter().map(|item| item.index()));
    let cold_users = asked.iter().zip(&known).filter(|(asked, known)| **asked > 0 && **known == 0).count();
    let cold_rows = count_items(&dataset.test, |item| trained[item] == 0);
    if cold_users > 0 || cold_rows > 0 {
        let users = share(cold_users, asked.iter().filter(|n| **n > 0).count(), "test users");
        let rows = share(cold_rows, n_test, "test rows");
        findings.push(Finding::new(
            Severity::Note,
            format!("{users} have no train row, and {rows} are of an item without one; they count"),
            "an approach that knows users and items by their ratings alone has no answer there, and the mean over all \
             users hides it",
            "read the metrics by history (`evaluate.buckets`): bucket `0` is these users and items",
        ));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::Unknown;
    use super::super::testing::{dataset, experiment, found, rows, subject, unknown};
    use super::*;

    #[test]
    fn rows_left_out_are_optimistic_and_unknown_ones_a_note() {
        let experiment = experiment(&["split.drop_untrained_items=true"]);
        assert_eq!(found(&ENTRY, &subject(&experiment))[0].severity, Severity::Optimistic);
        // User 2 and item 2 are unknown to training; users 1 and 3 are not.
        let mut data = dataset(&[(1, 1, 4, 0), (3, 3, 4, 0)], &[(2, 1, 4, 0), (1, 2, 4, 0), (3, 1, 4, 0)]);
        data.info.split.n_test_dropped = 1;
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) });
        let texts: Vec<&str> = found.iter().map(|one| one.found.as_str()).collect();
        assert_eq!(
            texts,
            [
                "1 of 4 held-out rows (25.0 %) are left out: their item has no train row",
                "1 of 3 test users (33.3 %) have no train row, and 1 of 3 test rows (33.3 %) are of an item without \
                 one; they count",
            ]
        );
        assert_eq!(found.iter().map(|one| one.severity).collect::<Vec<_>>(), [Severity::Optimistic, Severity::Note]);
    }

    #[test]
    fn users_whose_ratings_are_given_are_known() {
        let experiment = experiment(&[]);
        let mut data = dataset(&[(1, 1, 4, 0), (1, 2, 4, 0)], &[(2, 1, 4, 0)]);
        data.fold_in = Some(rows(&data, &[(2, 2, 4, 0)]));
        assert!(found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) }).is_empty());
        assert_eq!(unknown(&ENTRY, &subject(&experiment)), Unknown::Dataset);
    }
}
