//! Compares each group of users with all other users.
//!
//! A group is set against all others, so that the question is the same for two groups and for twenty (Ekstrand et al.
//! 2018, "All the cool kids, how do they fit in?", compare groups by age and gender in this way). Does not know
//! recommenders: it reads users' values.
//!
//! **Invariant**: a gap is the group's value minus that of the others; its bounds are those of a normal distribution
//! with the standard error of Welch 1947, weighted means by their linear approximation (the delta method).

use reco_core::{Catalogue, UserIdx};
use serde::{Deserialize, Serialize};

use crate::buckets::Buckets;
use crate::metric::Measure;
use crate::{Column, Evaluation, MetricEntry, Metrics};

/// Attributes with more groups than this are used only when asked for: the groups are too many and too small.
pub const MOST_VALUES: usize = 12;

/// The number of groups of a numeric attribute with many values.
const BANDS: usize = 4;

/// 97.5 % of a normal distribution lie below it.
const NORMAL: f64 = 1.959_963_984_540_054;

/// An attribute by which users are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `gender`, `age`.
    pub name: String,
    /// The names of the groups.
    pub groups: Vec<String>,
    /// The group of each user of the catalogue; `None` where nothing is stated.
    pub of_user: Vec<Option<usize>>,
    /// How many values were put into groups.
    pub n_values: usize,
}

/// Users who have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `gender`, `activity`.
    pub attribute: String,
    /// `F`, `50+`.
    pub name: String,
    /// Whether each user of the catalogue is one of them.
    pub members: Vec<bool>,
}

/// The metrics of a group of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupValues {
    /// See [`Group::attribute`].
    pub attribute: String,
    /// See [`Group::name`].
    pub group: String,
    /// Users with test rows in it.
    pub n_users: usize,
    /// As [`Evaluation::metrics`], of these users alone; `None` also for metrics of all users together.
    pub metrics: Metrics,
    /// The difference of each from that of all other users; `None` where a group or the others have fewer than two
    /// users with a value, and for metrics without a value per user (`r2`).
    pub gaps: Vec<Option<Gap>>,
}

impl GroupValues {
    /// The group's value of `column`, and its difference from that of all other users; `None` where the group has no
    /// value.
    pub fn get(&self, column: &Column) -> Option<(f64, Option<Gap>)> {
        let (at, (_, value)) = self.metrics.iter().enumerate().find(|(_, (known, _))| known == column)?;
        Some(((*value)?, *self.gaps.get(at)?))
    }
}

/// The difference between a group's metric and that of all other users, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The group's value minus the others'.
    pub difference: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Gap {
    /// Whether luck alone does not explain it: its interval lies on one side of 0.
    pub fn is_sure(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The groups of the catalogue's users: those of every attribute that has at most [`MOST_VALUES`] of them.
pub fn groups(catalogue: &Catalogue) -> Vec<Group> {
    let few = attributes(catalogue).into_iter().filter(|attribute| attribute.groups.len() <= MOST_VALUES);
    let groups = few.flat_map(|Attribute { name, groups, of_user, .. }| {
        let group = move |(at, group): (usize, String)| Group {
            attribute: name.clone(),
            name: group,
            members: of_user.iter().map(|of_user| *of_user == Some(at)).collect(),
        };
        groups.into_iter().enumerate().map(group)
    });
    groups.collect()
}

/// The attributes by which the catalogue's users can be grouped, in the order of their features. One-hot columns,
/// `gender=F`, form an attribute by the name before the equals sign; other columns are numbers, which are split into
/// quarters where they have many values.
pub fn attributes(catalogue: &Catalogue) -> Vec<Attribute> {
    let features = &catalogue.user_features;
    let mut attributes: Vec<Attribute> = Vec::new();
    for (column, name) in features.names().iter().enumerate() {
        let values = || (0..catalogue.n_users()).map(|user| features.matrix().row(user)[column]);
        let Some((name, value)) = name.split_once('=') else {
            // Scaled numbers are single-precision: what was 34 is 34 again to a thousandth.
            let number = |value: f32| (features.unscaled(column, value).unwrap_or_default() * 1e3).round() / 1e3;
            attributes.push(numbers(name, &values().map(number).collect::<Vec<_>>()));
            continue;
        };
        let at = attributes.iter().position(|attribute| attribute.name == name).unwrap_or_else(|| {
            let of_user = vec![None; catalogue.n_users()];
            attributes.push(Attribute { name: name.to_owned(), groups: Vec::new(), of_user, n_values: 0 });
            attributes.len() - 1
        });
        let attribute = &mut attributes[at];
        for (of_user, _) in attribute.of_user.iter_mut().zip(values()).filter(|(_, is_it)| *is_it > 0.0) {
            *of_user = Some(attribute.groups.len());
        }
        attribute.groups.push(value.to_owned());
        attribute.n_values += 1;
    }
    attributes
}

/// A numeric attribute, grouped by its values, or by quarters where there are many.
fn numbers(name: &str, numbers: &[f64]) -> Attribute {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut values = sorted.clone();
    values.dedup();
    let starts: Vec<f64> = if values.len() <= MOST_VALUES {
        values.clone()
    } else {
        let mut starts: Vec<f64> = (0..BANDS).map(|band| sorted[band * sorted.len() / BANDS]).collect();
        starts.dedup();
        starts
    };
    let of_user = |number: &f64| starts.partition_point(|start| start <= number).checked_sub(1);
    let last = |band: usize| {
        let end = starts.get(band + 1).copied().unwrap_or(f64::INFINITY);
        values.iter().copied().rfind(|value| *value < end).unwrap_or(starts[band])
    };
    let label = |(band, start): (usize, &f64)| {
        let last = last(band);
        if last > *start { format!("{start}-{last}") } else { start.to_string() }
    };
    Attribute {
        name: name.to_owned(),
        groups: starts.iter().enumerate().map(label).collect(),
        of_user: numbers.iter().map(of_user).collect(),
        n_values: values.len(),
    }
}

/// The metrics of each of `groups`, in an evaluation that was made by these `metrics`, and of users by how much was
/// known of them (`starts` as `buckets` in an experiment), in the order given; without groups that have no user with
/// test rows.
pub fn gaps(
    evaluation: &Evaluation,
    metrics: &[MetricEntry],
    catalogue: &Catalogue,
    groups: &[Group],
    starts: &[std::num::NonZeroUsize],
) -> Vec<GroupValues> {
    let rows: Vec<Option<UserIdx>> = evaluation.per_user.iter().map(|user| catalogue.users.get(&user.user)).collect();
    let of_attribute = groups.iter().map(|group| {
        let is_member = |row: &Option<UserIdx>| row.is_some_and(|user| group.members[user.index()]);
        (group.attribute.clone(), group.name.clone(), rows.iter().map(is_member).collect::<Vec<bool>>())
    });
    // An evaluation that was made has buckets that ascend.
    let buckets = Buckets::new(starts).ok();
    let buckets =
        buckets.iter().flat_map(|buckets| buckets.names().into_iter().enumerate().map(move |bucket| (buckets, bucket)));
    let of_activity = buckets.map(|(buckets, (bucket, name))| {
        let members = evaluation.per_user.iter().map(|user| buckets.of(user.n_train) == bucket).collect();
        ("activity".to_owned(), name, members)
    });
    let all = of_attribute.chain(of_activity).filter(|(.., members)| members.contains(&true));
    all.map(|(attribute, group, members)| values(evaluation, metrics, (attribute, group), &members)).collect()
}

fn values(
    evaluation: &Evaluation,
    metrics: &[MetricEntry],
    (attribute, group): (String, String),
    members: &[bool],
) -> GroupValues {
    let (mut values, mut gaps) = (Vec::new(), Vec::new());
    for (at, (column, value)) in evaluation.metrics.iter().enumerate() {
        let measure = column.entry(metrics).map(|entry| entry.measure).filter(|_| value.is_some());
        let estimate = |wanted: bool| Estimate::new(evaluation, measure?, at, |row| members[row] == wanted);
        let (inside, outside) = (estimate(true), estimate(false));
        values.push((column.clone(), inside.map(|inside| inside.value)));
        gaps.push(inside.zip(outside).and_then(|(inside, outside)| {
            let difference = inside.value - outside.value;
            let half = NORMAL * (inside.variance? + outside.variance?).sqrt();
            Some(Gap { difference, low: difference - half, high: difference + half })
        }));
    }
    let n_users = members.iter().filter(|is| **is).count();
    GroupValues { attribute, group, n_users, metrics: Metrics(values), gaps }
}

/// A metric of some users.
#[derive(Clone, Copy)]
struct Estimate {
    value: f64,
    /// The variance of the value if other users were drawn; `None` for one user, and for metrics without users' values.
    variance: Option<f64>,
}

impl Estimate {
    /// The metric of the users whose row is `wanted`; `None` where none of them has a value.
    fn new(evaluation: &Evaluation, measure: Measure, at: usize, wanted: impl Fn(usize) -> bool) -> Option<Self> {
        let users = || evaluation.per_user.iter().enumerate().filter(|(row, _)| wanted(*row)).map(|(_, user)| user);
        let Some(average) = measure.average() else {
            let Measure::Sums(metric) = measure else { return None };
            let mut sums = crate::metric::Sums::default();
            users().for_each(|user| sums.add(&user.sums.unwrap_or_default(), 1.0));
            return (sums.n > 0.0).then(|| metric(&sums)).flatten().map(|value| Self { value, variance: None });
        };
        let terms = || users().filter_map(|user| Some(average.term(user.values[at]?, user.n_rated as f64)));
        let (sum, weights, n) =
            terms().fold((0.0, 0.0, 0.0), |(s, w, n), (term, weight)| (s + term * weight, w + weight, n + 1.0));
        if weights <= 0.0 {
            return None;
        }
        let mean = sum / weights;
        let squares: f64 = terms().map(|(term, weight)| (weight * (term - mean)).powi(2)).sum();
        let of_mean = (n > 1.0).then(|| n / (n - 1.0) * squares / (weights * weights));
        let variance = of_mean.map(|variance| variance * average.slope(mean).powi(2));
        Some(Self { value: average.of_mean(mean), variance })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use reco_core::testing::catalogue;
    use reco_core::{Features, Matrix, Span};

    use super::*;
    use crate::METRICS;
    use crate::interval::tests::evaluation;

    fn named(metric: &str, values: &[(Option<f64>, usize)], members: &[bool]) -> GroupValues {
        let catalogue = catalogue(values.len(), 1);
        let group = Group { attribute: "side".to_owned(), name: "left".to_owned(), members: members.to_vec() };
        let mut evaluation = evaluation(metric, values);
        for (user, id) in evaluation.per_user.iter_mut().zip(catalogue.users.ids()) {
            user.user = id.clone();
        }
        gaps(&evaluation, METRICS, &catalogue, &[group], &[]).remove(0)
    }

    #[test]
    fn a_gap_has_the_bounds_of_welch() {
        let values: Vec<_> = [1.0, 2.0, 3.0, 6.0, 8.0].map(|value| (Some(value), 1)).to_vec();
        let group = named("ndcg@10", &values, &[true, true, true, false, false]);
        assert_eq!((group.n_users, group.metrics.0[0].1), (3, Some(2.0)));
        // Variances 1 and 2 of 3 and 2 users.
        let (gap, half) = (group.gaps[0].unwrap(), NORMAL * (1.0_f64 / 3.0 + 2.0 / 2.0).sqrt());
        assert_eq!(gap.difference, -5.0);
        assert!((gap.low - (-5.0 - half)).abs() < 1e-12 && (gap.high - (-5.0 + half)).abs() < 1e-12, "{gap:?}");
    }

    #[test]
    fn rows_weigh_in_errors_and_small_groups_have_no_bounds() {
        let values = [(Some(1.0), 3), (Some(3.0), 1), (Some(2.0), 2), (None, 0)];
        let group = named("mae", &values, &[true, true, false, false]);
        assert_eq!((group.metrics.0[0].1, group.gaps[0]), (Some(1.5), None));
        let root = named("rmse", &values, &[true, true, false, false]);
        assert_eq!(root.metrics.0[0].1, Some(((1.0 * 3.0 + 9.0) / 4.0_f64).sqrt()));
        assert_eq!(named("ndcg@10", &values, &[false, false, false, true]).metrics.0[0].1, None);
    }

    #[test]
    fn groups_are_values_of_attributes_and_quarters_of_numbers() {
        let names = ["age", "gender=F", "gender=M"].map(str::to_owned).to_vec();
        let matrix = Matrix::new(3, 3, vec![0.0, 1.0, 0.0, 0.5, 0.0, 1.0, 1.0, 0.0, 0.0]).unwrap();
        let span = BTreeMap::from([("age".to_owned(), Span { low: 20.0, high: 40.0 })]);
        let user_features = Features::new(names, matrix).unwrap().with_spans(span);
        let found = groups(&Catalogue { user_features, ..catalogue(3, 1) });
        let found: Vec<_> =
            found.iter().map(|one| (one.attribute.as_str(), one.name.as_str(), one.members.as_slice())).collect();
        assert_eq!(
            found,
            [
                ("age", "20", &[true, false, false][..]),
                ("age", "30", &[false, true, false]),
                ("age", "40", &[false, false, true]),
                ("gender", "F", &[true, false, false]),
                ("gender", "M", &[false, true, false]),
            ]
        );
    }

    #[test]
    fn few_numbers_are_groups_and_many_are_quarters() {
        let few = numbers("rooms", &[2.0, 1.0, 2.0, 3.5]);
        assert_eq!((few.groups.as_slice(), few.n_values), (&["1", "2", "3.5"].map(str::to_owned)[..], 3));
        assert_eq!(few.of_user, [Some(1), Some(0), Some(1), Some(2)]);
        let ages: Vec<f64> = (20..60).map(f64::from).collect();
        let many = numbers("age", &ages);
        assert_eq!(many.groups, ["20-29", "30-39", "40-49", "50-59"]);
        assert_eq!((many.of_user[9], many.of_user[10], many.of_user[39]), (Some(0), Some(1), Some(3)));
        assert_eq!(many.n_values, 40);
    }
}
