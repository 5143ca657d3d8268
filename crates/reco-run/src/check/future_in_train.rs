//! Checks whether models learn from what happened after the ratings that they are asked about.
//!
//! On this leak, see Meng et al. 2020, and Ji et al. 2023, "A critical study on data leakage in recommender system
//! offline evaluation". Does not know which split it is: it reads the times of the rows.
//!
//! **Invariant**: rows of one second are not in each other's future; rows without a time are counted nowhere.

use super::{CheckEntry, Finding, Severity, Subject, Unknown, Verdict, share};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "future-in-train",
    about: "whether train rows are later than the test rows that are asked about",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    let dataset = subject.dataset()?;
    // The latest known time of each user; the rows given of a held-out user are known as well.
    let mut latest: Vec<Option<i64>> = vec![None; dataset.catalogue.n_users()];
    for rows in [&dataset.fit].into_iter().chain(&dataset.fold_in) {
        for (user, time) in rows.users().iter().zip(rows.timestamps().iter()) {
            latest[user.index()] = latest[user.index()].max(time);
        }
    }
    let test = || dataset.test.iter().filter_map(|row| Some((row.user, row.timestamp?)));
    let train = || dataset.fit.timestamps().iter().flatten();
    let (Some(first_test), Some(last_train)) = (test().map(|(_, time)| time).min(), train().max()) else {
        return Err(Unknown::Untellable("the ratings have no times".to_owned()));
    };
    let n_test = test().count();
    let own = test().filter(|(user, time)| latest[user.index()] > Some(*time)).count();
    let any = test().filter(|(_, time)| last_train > *time).count();
    let n_later = train().filter(|time| *time > first_test).count();
    if own == 0 && any == 0 {
        return Ok(Vec::new());
    }
    let n_train = train().count();
    Ok(vec![Finding::new(
        Severity::Optimistic,
        format!(
            "{} have a later known row of the same user, {any} a later train row of anyone; {} are later than the \
             first test row",
            share(own, n_test, "test rows"),
            share(n_later, n_train, "train rows"),
        ),
        "a model in use never knows what is rated afterwards, by the same user or by others",
        "set `split.kind = \"temporal\"`: what lies before one point in time trains, what lies after it tests",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, experiment, found, rows, subject, unknown};
    use super::*;

    #[test]
    fn rows_with_a_future_are_counted() {
        let experiment = experiment(&[]);
        // User 1 is asked about time 5 and learned from at 9; user 2 is asked about 20, after everything, and 7.
        let data = dataset(
            &[(1, 1, 4, 1), (1, 2, 4, 9), (2, 1, 4, 6), (2, 2, 4, -1)],
            &[(1, 3, 4, 5), (2, 3, 4, 20), (2, 4, 4, 7), (2, 5, 4, -1)],
        );
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) });
        assert_eq!(found[0].severity, Severity::Optimistic);
        assert_eq!(
            found[0].found,
            "1 of 3 test rows (33.3 %) have a later known row of the same user, 2 a later train row of anyone; 2 of 3 \
             train rows (66.7 %) are later than the first test row"
        );
    }

    #[test]
    fn what_is_given_of_a_held_out_user_can_be_their_future() {
        let experiment = experiment(&[]);
        let mut data = dataset(&[(1, 1, 4, 1)], &[(2, 1, 4, 5)]);
        data.fold_in = Some(rows(&data, &[(2, 1, 4, 8)]));
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) });
        assert!(found[0].found.starts_with("1 of 1 test rows"), "{}", found[0].found);
    }

    #[test]
    fn one_point_in_time_is_fine_and_without_times_nobody_knows() {
        let experiment = experiment(&[]);
        let with = |data| Subject { dataset: Some(data), ..subject(&experiment) };
        assert!(found(&ENTRY, &with(dataset(&[(1, 1, 4, 3), (2, 2, 4, 5)], &[(1, 2, 4, 5), (2, 1, 4, 6)]))).is_empty());
        let without = with(dataset(&[(1, 1, 4, -1)], &[(1, 2, 4, -1)]));
        assert_eq!(unknown(&ENTRY, &without), Unknown::Untellable("the ratings have no times".to_owned()));
    }
}
