//! Checks whether users and items are dropped by counts of ratings that include test ratings.
//!
//! `min_ratings_per_user` and `min_ratings_per_item` are counted before the split. Does not know how many users and
//! items would stay by train rows alone.
//!
//! **Invariant**: a filter that dropped nobody is fine.

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "count-filters",
    about: "whether users or items are dropped by counts of ratings that include held-out ones",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let features = &subject.experiment.features;
    let (users, items) = (features.min_ratings_per_user, features.min_ratings_per_item);
    if users == 0 && items == 0 {
        return Ok(Vec::new());
    }
    let filters = format!("`min_ratings_per_user = {users}` and `min_ratings_per_item = {items}`");
    // A minimum of 1 drops only what has no known rating at all, and that may be nothing.
    let is_core = users > 1 || items > 1;
    let found = match &subject.dataset {
        Some(dataset) => {
            let filtered = dataset.info.filtered;
            if filtered.n_users == 0 && filtered.n_items == 0 {
                return Ok(Vec::new());
            }
            let [n_users, n_items, n_ratings] = [filtered.n_users, filtered.n_items, filtered.n_ratings];
            format!(
                "{filters} dropped {n_users} users and {n_items} items with {n_ratings} ratings, counted before the \
                 split"
            )
        }
        None if is_core => format!("{filters} are counted before the split"),
        None => return Err(Unknown::Dataset),
    };
    let severity = if is_core { Severity::Optimistic } else { Severity::Note };
    Ok(vec![Finding::new(
        severity,
        found,
        "held-out ratings decide which users and items remain, and those with few ratings, which are the hardest, are \
         not tested",
        "quote the filters beside the numbers, or set both to 0: metrics by history then show users and items with few \
         ratings apart",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, experiment, found, subject, unknown};
    use super::*;

    #[test]
    fn a_core_is_optimistic_where_it_dropped_someone() {
        let core = experiment(&["features.min_ratings_per_user=10", "features.min_ratings_per_item=5"]);
        let before = found(&ENTRY, &subject(&core));
        assert_eq!(before[0].severity, Severity::Optimistic);
        let mut data = dataset(&[(1, 1, 4, 0)], &[(1, 2, 4, 0)]);
        data.info.filtered.n_users = 7;
        data.info.filtered.n_ratings = 31;
        let after = found(&ENTRY, &Subject { dataset: Some(data.clone()), ..subject(&core) });
        assert!(after[0].found.contains("dropped 7 users and 0 items with 31 ratings"), "{}", after[0].found);
        data.info.filtered = Default::default();
        assert!(found(&ENTRY, &Subject { dataset: Some(data), ..subject(&core) }).is_empty());
    }

    #[test]
    fn without_ratings_at_all_is_a_note_and_no_filter_is_fine() {
        let one = experiment(&["features.min_ratings_per_item=1"]);
        assert_eq!(unknown(&ENTRY, &subject(&one)), Unknown::Dataset);
        let mut data = dataset(&[(1, 1, 4, 0)], &[(1, 2, 4, 0)]);
        data.info.filtered.n_items = 3;
        let found_there = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&one) });
        assert_eq!(found_there[0].severity, Severity::Note);
        assert!(found(&ENTRY, &subject(&experiment(&[]))).is_empty());
    }
}
