//! Compares two recommenders on the same users by paired significance tests.
//!
//! Every user has one value of each recommender, and the tests look at what each user gains or loses. Does not know
//! where the values come from, nor what a metric means, only whether more of it is better.
//!
//! **Invariant**: a difference is always B minus A; every number is finite, and what cannot be computed is `None`; the
//! order of users changes nothing.
//!
//! The paired t test decides. It tests the mean over users, the number that tables show, keeps its level on the bounded
//! and skewed values of rankings from a few dozen users on, and has the power to find differences (Smucker, Allan,
//! Carterette 2007, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation"; Urbano,
//! Lima, Hanjalic 2019, "Statistical Significance Testing in Information Retrieval"). The signed-rank and the sign test
//! ask other questions; they are shown beside it, so that one sees when a few users carry a mean. The signed-rank test
//! decides only where all users differ by the same amount, so that there is no spread to judge by.
//!
//! ```
//! use reco_eval::compare::{MetricValues, Pair, RunValues, UserRow, Verdict, compare};
//! use reco_eval::metric::Better;
//!
//! let run = |shift: f64| Ok::<_, reco_eval::EvalError>(RunValues {
//!     users: (0..40).map(|n| UserRow { user: n.into(), n_train: 5, n_test: 3, n_rated: 3, n_relevant: 2, test_rows: None }).collect(),
//!     metrics: vec![MetricValues {
//!         column: "ndcg@10".parse()?,
//!         better: Better::Higher,
//!         values: (0..40).map(|n| Some(0.2 + 0.01 * f64::from(n % 7) + shift * f64::from(n % 3))).collect(),
//!     }],
//! });
//! let pair = Pair::join(&run(0.0)?, &run(0.05)?);
//! let compared = compare(&[(&pair, &[])], 0.05);
//! let ndcg = &compared[0][0];
//! assert_eq!(ndcg.verdict, Verdict::Better);
//! assert!(ndcg.paired.interval.is_some_and(|interval| interval.low > 0.0));
//! # Ok::<(), reco_eval::EvalError>(())
//! ```

mod arms;
mod averaged;
mod distribution;
mod holm;
mod pair;
mod paired;
mod self_check;
#[cfg(test)]
mod tests;
mod wilcoxon;

pub use arms::{Arm, ArmComparison, ArmDifference, ArmMeasure, ArmUser, compare_arms};
pub use averaged::{Averaged, Shared};
pub use pair::{Grouping, MetricValues, Pair, PairedMetric, RunValues, UserRow};
pub use paired::{ARITHMETIC, Paired, TestResult};
pub use self_check::{Planted, Rejections, SelfCheck, self_check};

use serde::{Deserialize, Serialize};

use holm::holm;

use crate::Column;
use crate::metric::Better;

/// What one metric says about two recommenders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The metric's column: `ndcg@10`.
    pub metric: Column,
    /// Which of two values is the better one.
    pub better: Better,
    /// Means, tests and effect sizes over all users who have a value of both; Holm's correction is over all tests of a
    /// kind in the comparison.
    #[serde(flatten)]
    pub paired: Paired,
    /// What follows for B.
    pub verdict: Verdict,
    /// The same difference within each group of users.
    pub groups: Vec<GroupDifference>,
    /// How the tests did on exchanged values; `None` until [`self_check`] was asked for, and where no two users differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<SelfCheck>,
}

/// What one metric says about two recommenders in one group of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupDifference {
    /// The attribute that groups the users: `gender`.
    pub attribute: String,
    /// Their group: `F`.
    pub group: String,
    /// As for all users, over those of the group; the test that decides is corrected over all groups of this metric and
    /// pair.
    #[serde(flatten)]
    pub paired: Paired,
    /// What follows for the group.
    pub verdict: Verdict,
}

/// What a test says of B compared with A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// B is better for these users than chance explains.
    Better,
    /// B is worse for these users than chance explains.
    Worse,
    /// B is above A by more than chance explains, in a metric that calls neither the better one.
    Higher,
    /// B is below A by more than chance explains, in a metric that calls neither the better one.
    Lower,
    /// There is a difference that chance alone could explain.
    Unclear,
    /// No user has any difference.
    Equal,
    /// Fewer than two users: nothing can be said.
    TooFew,
}

impl Verdict {
    /// Whether chance alone does not explain the difference.
    pub fn is_significant(self) -> bool {
        matches!(self, Self::Better | Self::Worse | Self::Higher | Self::Lower)
    }
}

/// All metrics of all pairs, each pair's in the order of [`Pair::metrics`].
///
/// `alpha` is the level of the verdicts, after Holm's correction over every metric of every pair (Holm 1979): the
/// chance that any verdict of the whole comparison is wrong is at most `alpha` if the recommenders are equally good for
/// the population that users are drawn from.
pub fn compare(pairs: &[(&Pair, &[Grouping])], alpha: f64) -> Vec<Vec<Difference>> {
    let mut compared: Vec<Vec<Difference>> = pairs
        .iter()
        .map(|(pair, groupings)| {
            pair.metrics().iter().filter_map(|metric| difference(metric, groupings, alpha)).collect()
        })
        .collect();
    let kinds: [fn(&mut Paired) -> Option<&mut TestResult>; 3] =
        [|paired| paired.t.as_mut(), |paired| paired.wilcoxon.as_mut(), |paired| paired.sign.as_mut()];
    for of_kind in kinds {
        correct(compared.iter_mut().flatten().map(|difference| of_kind(&mut difference.paired)));
    }
    for difference in compared.iter_mut().flatten() {
        difference.verdict = verdict(&difference.paired, difference.better, alpha);
    }
    compared
}

/// Corrects the p values of these tests for being so many.
fn correct<'a>(tests: impl Iterator<Item = Option<&'a mut TestResult>>) {
    let tests: Vec<&mut TestResult> = tests.flatten().collect();
    let corrected = holm(&tests.iter().map(|test| test.p).collect::<Vec<_>>());
    for (test, p_holm) in tests.into_iter().zip(corrected) {
        test.p_holm = Some(p_holm);
    }
}

/// One metric, its groups included, before the correction over all metrics; `None` where no user has a value of both.
fn difference(metric: &PairedMetric, groupings: &[Grouping], alpha: f64) -> Option<Difference> {
    let all: Vec<(f64, f64)> = metric.values.iter().copied().flatten().collect();
    let mut groups = Vec::new();
    for Grouping { attribute, groups: names, of_user } in groupings {
        for (at, group) in names.iter().enumerate() {
            let values = metric.values.iter().zip(of_user).filter(|(_, of)| **of == Some(at));
            let values: Vec<(f64, f64)> = values.filter_map(|(values, _)| *values).collect();
            groups.extend(Paired::of(&values).map(|paired| GroupDifference {
                attribute: attribute.clone(),
                group: group.clone(),
                paired,
                verdict: Verdict::TooFew,
            }));
        }
    }
    correct(groups.iter_mut().map(|group| group.paired.deciding_mut()));
    for group in &mut groups {
        group.verdict = verdict(&group.paired, metric.better, alpha);
    }
    Some(Difference {
        metric: metric.column.clone(),
        better: metric.better,
        paired: Paired::of(&all)?,
        verdict: Verdict::TooFew,
        groups,
        self_check: None,
    })
}

fn verdict(paired: &Paired, better: Better, alpha: f64) -> Verdict {
    let is_up = paired.difference > 0.0;
    match paired.deciding().and_then(|test| test.p_holm) {
        None => Verdict::TooFew,
        Some(_) if paired.n_same == paired.n => Verdict::Equal,
        Some(p) if p > alpha => Verdict::Unclear,
        Some(_) => match (better, is_up) {
            (Better::Higher, true) | (Better::Lower, false) => Verdict::Better,
            (Better::Higher, false) | (Better::Lower, true) => Verdict::Worse,
            (Better::Neither, true) => Verdict::Higher,
            (Better::Neither, false) => Verdict::Lower,
        },
    }
}
