//! Joins two runs by the users they share, and counts those who were measured on different tests.
//!
//! Does not know files.
//!
//! **Invariant**: shared users stand in the order of their ids, each once; every metric has one place for each of them.

use std::collections::BTreeMap;

use reco_core::UserId;

use crate::buckets::Buckets;
use crate::metric::Better;
use crate::{Column, Protocol};

/// One recommender's values for each user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunValues {
    /// The users, each once, in any order.
    pub users: Vec<UserRow>,
    /// The metrics.
    pub metrics: Vec<MetricValues>,
}

/// One user, with the numbers of the user's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// The user.
    pub user: UserId,
    /// Rows to learn from.
    pub n_train: usize,
    /// Test rows.
    pub n_test: usize,
    /// Test rows that are rated.
    pub n_rated: usize,
    /// Test rows that are relevant.
    pub n_relevant: usize,
    /// A number that is the same for the same test rows; `None` where the rows are not known.
    pub test_rows: Option<u64>,
}

/// One metric of each user.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricValues {
    /// Its column: `ndcg@10`.
    pub column: Column,
    /// Which of two values is the better one.
    pub better: Better,
    /// One per user, finite; `None` where it does not apply.
    pub values: Vec<Option<f64>>,
}

/// Two runs side by side: A, the baseline, and B.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    users: Vec<UserRow>,
    metrics: Vec<PairedMetric>,
    n_only_a: usize,
    n_only_b: usize,
    n_different_tests: usize,
}

/// One metric of each shared user.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedMetric {
    /// Its column: `ndcg@10`.
    pub column: Column,
    /// Which of two values is the better one.
    pub better: Better,
    /// (A, B) of each shared user who has a value of both.
    pub values: Vec<Option<(f64, f64)>>,
}

/// Users in groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// The attribute that groups them: `gender`.
    pub attribute: String,
    /// The names of the groups, in the order in which they are shown.
    pub groups: Vec<String>,
    /// The place in `groups` of each shared user, in the order of [`Pair::users`]; `None` for a user in no group.
    pub of_user: Vec<Option<usize>>,
}

impl Pair {
    /// `run_a` and `run_b` with the users that they share and the metrics that both have for at least one of them.
    pub fn join(run_a: &RunValues, run_b: &RunValues) -> Self {
        let place = |run: &RunValues| -> BTreeMap<UserId, usize> {
            run.users.iter().enumerate().map(|(row, user)| (user.user.clone(), row)).collect()
        };
        let (in_a, in_b) = (place(run_a), place(run_b));
        let shared: Vec<(usize, usize)> =
            in_a.iter().filter_map(|(user, row)| Some((*row, *in_b.get(user)?))).collect();
        let differs = |&(a, b): &(usize, usize)| {
            let (a, b) = (&run_a.users[a], &run_b.users[b]);
            let counts = |row: &UserRow| (row.n_test, row.n_rated, row.n_relevant);
            counts(a) != counts(b) || a.test_rows.zip(b.test_rows).is_some_and(|(a, b)| a != b)
        };
        let paired = |ours: &MetricValues| {
            let theirs = run_b.metrics.iter().find(|theirs| theirs.column == ours.column)?;
            let values: Vec<Option<(f64, f64)>> =
                shared.iter().map(|&(a, b)| ours.values[a].zip(theirs.values[b])).collect();
            let any = values.iter().any(Option::is_some);
            any.then(|| PairedMetric { column: ours.column.clone(), better: ours.better, values })
        };
        Self {
            metrics: run_a.metrics.iter().filter_map(paired).collect(),
            n_only_a: in_a.len() - shared.len(),
            n_only_b: in_b.len() - shared.len(),
            n_different_tests: shared.iter().filter(|rows| differs(rows)).count(),
            users: shared.iter().map(|&(row, _)| run_a.users[row].clone()).collect(),
        }
    }

    /// The shared users, as A counts their rows.
    pub fn users(&self) -> &[UserRow] {
        &self.users
    }

    /// The metrics that both have for at least one shared user, in A's order.
    pub fn metrics(&self) -> &[PairedMetric] {
        &self.metrics
    }

    /// The same pair with only those metrics that `keep` accepts.
    #[must_use]
    pub fn with_metrics(mut self, keep: impl Fn(&Column) -> bool) -> Self {
        self.metrics.retain(|metric| keep(&metric.column));
        self
    }

    /// How many users of A are left out, since B does not have them.
    pub fn n_only_a(&self) -> usize {
        self.n_only_a
    }

    /// How many users of B are left out, since A does not have them.
    pub fn n_only_b(&self) -> usize {
        self.n_only_b
    }

    /// Shared users with other test rows in B than in A, or with another number of rated or of relevant ones: they were
    /// not measured on the same test.
    pub fn n_different_tests(&self) -> usize {
        self.n_different_tests
    }

    /// The shared users by how many rows A had to learn from: 0, 1-4, 5-9, 10-49, 50+.
    pub fn by_activity(&self) -> Grouping {
        let starts = Protocol::default().buckets;
        let buckets = Buckets::new(&starts).expect("they ascend");
        Grouping {
            attribute: "activity".to_owned(),
            groups: buckets.names(),
            of_user: self.users.iter().map(|user| Some(buckets.of(user.n_train))).collect(),
        }
    }
}
