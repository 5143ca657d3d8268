//! Finds the best approach for lists and for stars, its leads, and the user on whom approaches differ most.
//!
//! Does not know the words for it: reco-report does. Chance is a yardstick, and never the best unless it stands alone.
//!
//! **Invariant**: a lead and its interval are of the numbers that tables show, over the users that both approaches
//! have.

use reco_core::UserId;
use reco_eval::compare::{ARITHMETIC, Averaged, RunValues, Shared};
use reco_eval::metric::Better;
use reco_eval::{BestFor, Column, Interval, METRICS, MetricEntry};
use reco_report::{Best, Headline, Lead, Results};

use crate::Experiment;
use crate::models::CHANCE;

/// The number of test rows from which a user's NDCG is more than one hit or none.
const ENOUGH_ROWS: usize = 5;

/// The plainest approach for each task: what everyone knows, and what each user gives on average.
const PLAIN: [(BestFor, &str); 2] = [(BestFor::Lists, "popularity"), (BestFor::Stars, "user-mean")];

/// The best of one run; `values` are each approach's values by user, in the order of the results.
pub(super) fn of_run(experiment: &Experiment, results: &Results, values: &[RunValues]) -> Headline {
    of(experiment, results, |entry, name, best, other| {
        let averaged = || {
            let [best, other] = [best, other].map(|row| values.get(row));
            Averaged::of(&shared(best?, other?, name), entry.measure.average()?)
        };
        let Some(Averaged { n, interval, .. }) = averaged() else { return Lead::default() };
        // The interval is of B - A; it is turned so that a positive end is the better side.
        let is_error = entry.better == Better::Lower;
        let seen = |Interval { low, high }: Interval| if is_error { (-high, -low) } else { (low, high) };
        let (low, high) = interval.map(seen).unzip();
        Lead { low, high, n_users: Some(n), ..Lead::default() }
    })
}

/// The best in the mean of repetitions, and in how many of them it is better.
pub(super) fn of_repetitions(experiment: &Experiment, results: &Results) -> Headline {
    of(experiment, results, |entry, name, best, other| {
        let repeat = results.repeat.iter().flatten();
        let pairs = repeat.filter_map(|one| {
            Some([one.approaches.get(best)?.metrics.get(name)?, one.approaches.get(other)?.metrics.get(name)?])
        });
        let (mut n_better, mut n) = (0, 0);
        for [best, other] in pairs {
            n += 1;
            n_better += usize::from(lead(entry, best, other) > 0.0);
        }
        Lead { repetitions: (n > 0).then_some([n_better, n]), ..Lead::default() }
    })
}

/// By how much `best` is better than `other`; 0 where they differ by arithmetic alone.
fn lead(entry: &MetricEntry, best: f64, other: f64) -> f64 {
    let lead = if entry.better == Better::Lower { other - best } else { best - other };
    if lead.abs() <= ARITHMETIC * best.abs().max(other.abs()) { 0.0 } else { lead }
}

/// The best for each task; `how_sure` fills in how sure the lead of one row over another is.
fn of(
    experiment: &Experiment,
    results: &Results,
    how_sure: impl Fn(&'static MetricEntry, &Column, usize, usize) -> Lead,
) -> Headline {
    let best_for = |(task, plain): (BestFor, &str)| {
        let name = task.main_column(results.columns(), METRICS)?;
        let entry = name.entry(METRICS)?;
        let rows: Vec<(usize, f64)> = (results.approaches.iter().enumerate())
            .filter_map(|(row, approach)| Some((row, approach.metrics.get(name)?)))
            .collect();
        let called = |row: usize| results.approaches[row].name.clone();
        let is_chance =
            |row: usize| experiment.approaches.iter().any(|one| one.kind == CHANCE && one.name == called(row));
        // Of equals, the first wins, which is the plainer one in the order of the registry.
        let best = |best: (usize, f64), row: (usize, f64)| if lead(entry, row.1, best.1) > 0.0 { row } else { best };
        let others = rows.iter().copied().filter(|(row, _)| !is_chance(*row));
        let (best, value) = others.reduce(best).or_else(|| rows.first().copied())?;
        let mut leads: Vec<Lead> = (rows.iter().filter(|(row, _)| *row != best))
            .map(|&(row, other)| {
                let sure = how_sure(entry, name, best, row);
                Lead { over: called(row), value: other, lead: lead(entry, value, other), ..sure }
            })
            .collect();
        leads.sort_by(|a, b| a.lead.total_cmp(&b.lead));
        let plain = experiment.approaches.iter().find(|one| one.kind == plain).map(|one| one.name.clone());
        let plain = plain.filter(|name| leads.iter().any(|lead| lead.over == *name));
        Some(Best { task, metric: name.clone(), approach: called(best), value, plain, leads })
    };
    Headline { best: PLAIN.into_iter().filter_map(best_for).collect() }
}

/// The values of `other` (A) and of `best` (B), for every user that both have.
fn shared(best: &RunValues, other: &RunValues, metric: &Column) -> Vec<Shared> {
    let of = |run: &RunValues| run.metrics.iter().find(|one| one.column == *metric).map(|one| one.values.clone());
    let (Some(b), Some(a)) = (of(best), of(other)) else { return Vec::new() };
    // One evaluation has the same users in the same order.
    (best.users.iter().zip(&other.users).zip(b.into_iter().zip(a)))
        .filter(|((one, other), _)| one.user == other.user)
        .filter_map(|((user, _), (b, a))| Some(Shared { n_rated: user.n_rated, a: a?, b: b? }))
        .collect()
}

/// The user of `among`, described by `whom`, on whom approaches differ most, and how that was decided: by the largest
/// spread of the metric that tells approaches apart, among users with five test rows or more where there are such; of
/// equals, the one with more test rows, then the first.
pub(super) fn most_disputed<'a>(
    results: &Results,
    values: &[RunValues],
    (whom, among): (&str, &'a [UserId]),
) -> Option<(&'a UserId, String)> {
    let name = BestFor::ALL.into_iter().find_map(|task| task.main_column(results.columns(), METRICS))?;
    let first = values.first()?;
    let place = |user: &UserId| first.users.iter().position(|row| row.user == *user);
    let spread = |at: usize| {
        let of_user = values.iter().filter_map(|run| {
            let metric = run.metrics.iter().find(|metric| metric.column == *name)?;
            *metric.values.get(at)?
        });
        let (low, high) =
            of_user.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), one| (low.min(one), high.max(one)));
        (high >= low).then_some((low, high))
    };
    let known: Vec<_> = (among.iter())
        .filter_map(|user| {
            let at = place(user)?;
            Some((user, first.users[at].n_test, spread(at)?))
        })
        .collect();
    let has_enough = |n_test: usize| n_test >= ENOUGH_ROWS;
    let any_has = known.iter().any(|(_, n_test, _)| has_enough(*n_test));
    let candidates: Vec<_> = known.iter().filter(|(_, n_test, _)| !any_has || has_enough(*n_test)).collect();
    let width = |(low, high): (f64, f64)| high - low;
    let chosen = candidates.iter().copied().reduce(|best, one| {
        let order = width(one.2).total_cmp(&width(best.2)).then(one.1.cmp(&best.1));
        if order.is_gt() { one } else { best }
    })?;
    let (user, _, (low, high)) = chosen;
    let best = results.best(name).map_or_else(String::new, |best| format!("; over all users the best has {best:.2}"));
    // Not `-0.00`.
    let (n, low, high) = (candidates.len(), low + 0.0, *high);
    let what = match (n, values.len()) {
        _ if high > low => {
            format!("the one on whom approaches differ most: {name} from {low:.2} to {high:.2}{best}")
        }
        (1, _) => format!("the only one: {name} {low:.2}{best}"),
        (_, 1) => format!("the one with the most of them: {name} {low:.2}"),
        _ => format!("the one with the most of them, as approaches differ on none: {name} {low:.2} of each{best}"),
    };
    Some((user, format!("Of the {n} {}{whom}, {what}.", if n == 1 { "user" } else { "users" })))
}

#[cfg(test)]
mod tests {
    use reco_eval::Metrics;
    use reco_eval::compare::{MetricValues, UserRow};
    use reco_report::{ApproachResult, RepeatedResult};

    use super::*;
    use crate::Source;

    fn experiment() -> Experiment {
        let only = ["popularity", "user-mean", "svd"].map(str::to_owned);
        Experiment::read(&Source::Default, &[], &only).unwrap()
    }

    fn approach(name: &str, ndcg: f64, rmse: Option<f64>) -> ApproachResult {
        let metrics = Metrics(vec![("rmse".parse().unwrap(), rmse), ("ndcg@10".parse().unwrap(), Some(ndcg))]);
        ApproachResult { name: name.to_owned(), metrics, ..ApproachResult::default() }
    }

    fn results() -> Results {
        let approaches = vec![
            approach("popularity", 0.5, None),
            approach("user-mean", 0.25, Some(1.0)),
            approach("svd", 0.5, Some(0.5)),
        ];
        Results { approaches, ..Results::default() }
    }

    /// Users with 2, 5, 6, 6, 9 and 9 test rows, and with these values of NDCG and RMSE.
    fn values<const N: usize>(ndcg: [f64; N], rmse: Option<[f64; N]>) -> RunValues {
        let user = |(n, rows): (i64, usize)| UserRow {
            user: n.into(),
            n_train: 9,
            n_test: rows,
            n_rated: rows,
            n_relevant: 1,
            test_rows: None,
        };
        let metric = |name: &str, better, values: [f64; N]| MetricValues {
            column: name.parse().unwrap(),
            better,
            values: values.map(Some).to_vec(),
        };
        let mut metrics = vec![metric("ndcg@10", Better::Higher, ndcg)];
        metrics.extend(rmse.map(|rmse| metric("rmse", Better::Lower, rmse)));
        RunValues { users: (1..).zip([2, 5, 6, 6, 9, 9]).take(N).map(user).collect(), metrics }
    }

    #[test]
    fn the_best_leads_by_what_the_table_shows_and_errors_count_the_other_way() {
        let runs = [
            values([1.0, 0.4, 0.3, 0.3, 0.5, 0.5], None),
            values([0.0, 0.4, 0.3, 0.3, 0.5, 0.5], Some([1.0, 0.9, 1.1, 1.0, 1.0, 1.0])),
            values([0.2, 0.2, 0.8, 0.8, 0.5, 0.5], Some([0.5; 6])),
        ];
        let headline = of_run(&experiment(), &results(), &runs);
        let lists = headline.of(BestFor::Lists).unwrap();
        assert_eq!(
            (lists.approach.as_str(), lists.metric.to_string().as_str()),
            ("popularity", "ndcg@10"),
            "of equals the first"
        );
        assert_eq!(lists.plain, None, "it is the plainest itself");
        assert_eq!((lists.leads[0].over.as_str(), lists.leads[0].lead), ("svd", 0.0));
        let stars = headline.of(BestFor::Stars).unwrap();
        assert_eq!((stars.approach.as_str(), stars.leads.len()), ("svd", 1), "popularity says no stars");
        let Lead { over, value, lead, low, high, n_users, .. } = &stars.leads[0];
        assert_eq!((over.as_str(), *value, *lead, *n_users), ("user-mean", 1.0, 0.5, Some(6)));
        assert!(low.unwrap() > 0.4 && high.unwrap() < 0.6, "{low:?} to {high:?}");
        assert_eq!(stars.leads[0].is_sure(), Some(true));
        assert_eq!(lists.leads[0].is_sure(), Some(false));
    }

    #[test]
    fn users_alike_are_no_evidence_and_chance_is_never_the_best() {
        let of = |ndcg: f64| Results {
            approaches: vec![approach("random", 0.3, None), approach("dice", 0.3, None), approach("svd", ndcg, None)],
            ..Results::default()
        };
        let sets = ["approach=[{name='random'}, {name='dice', kind='random'}, {name='svd'}]".to_owned()];
        let mine = Experiment::read(&Source::Default, &sets, &[]).unwrap();
        let headline =
            of_run(&mine, &of(0.5), &[values([0.3; 6], None), values([0.3; 6], None), values([0.5; 6], None)]);
        let best = headline.of(BestFor::Lists).unwrap();
        assert_eq!((best.approach.as_str(), best.leads[0].is_sure()), ("svd", None), "the same lead for every user");
        let headline = of_run(&mine, &of(0.1), &[]);
        let best = headline.of(BestFor::Lists).unwrap();
        assert_eq!((best.approach.as_str(), best.leads[0].lead < -0.19), ("svd", true), "{best:?}");
        let of_chance = Results { approaches: of(0.0).approaches[..1].to_vec(), ..Results::default() };
        assert_eq!(of_run(&mine, &of_chance, &[]).of(BestFor::Lists).unwrap().approach, "random", "it stands alone");
        // 0.3 - 0.1 is not 0.2: by arithmetic alone.
        let noise = Results { approaches: vec![approach("a", 0.2, None), approach("b", 0.3 - 0.1, None)], ..of(0.0) };
        assert_eq!(of_run(&mine, &noise, &[]).of(BestFor::Lists).unwrap().leads[0].lead, 0.0);
    }

    #[test]
    fn repetitions_are_counted() {
        let one = |label: &str, svd| RepeatedResult {
            repetition: label.to_owned(),
            approaches: vec![
                approach("popularity", 0.5, None),
                approach("user-mean", 0.2, Some(1.0)),
                approach("svd", 0.3, Some(svd)),
            ],
        };
        let repeated = Results { repeat: Some(vec![one("seed=1", 0.9), one("seed=2", 1.1)]), ..results() };
        let headline = of_repetitions(&experiment(), &repeated);
        let lead = &headline.of(BestFor::Stars).unwrap().leads[0];
        assert_eq!((lead.lead, lead.low, lead.repetitions), (0.5, None, Some([1, 2])));
    }

    #[test]
    fn the_user_shown_is_one_on_whom_approaches_differ_with_rows_enough() {
        let runs = [values([1.0, 0.4, 0.3, 0.9], None), values([0.0, 0.4, 0.8, 0.4], None)];
        let among: Vec<UserId> = (1..=4).map(UserId::from).collect();
        let whom = " with the most held-out ratings";
        let (user, how) = most_disputed(&results(), &runs, (whom, &among)).unwrap();
        assert_eq!(*user, 3.into(), "user 1 has two rows, user 4 differs as much and comes later");
        assert!(how.starts_with("Of the 3 users with the most held-out ratings, the one on whom"), "{how}");
        assert!(how.ends_with("ndcg@10 from 0.30 to 0.80; over all users the best has 0.50."), "{how}");
        let (user, _) = most_disputed(&results(), &runs, (whom, &among[..1])).unwrap();
        assert_eq!(*user, 1.into(), "where nobody has enough, anyone");
        assert_eq!(most_disputed(&results(), &runs, (whom, &[])), None);
        let how = |runs: &[RunValues]| most_disputed(&results(), runs, (" with held-out rows", &among)).unwrap().1;
        let alone = "Of the 3 users with held-out rows, the one with the most of them: ndcg@10 0.30.";
        assert_eq!(how(&runs[..1]), alone);
        let alike = how(&[runs[0].clone(), runs[0].clone()]);
        assert!(alike.contains("most of them, as approaches differ on none: ndcg@10 0.30 of each; over"), "{alike}");
    }
}
