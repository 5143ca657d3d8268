//! Tests that the statistics are those of scipy and that every outcome is defined.
//!
//! **Invariant**: golden numbers are those of `tests/statistics/make.py`.

use proptest::prelude::*;
use reco_core::random::{keyed_hash, unit_interval};
use serde::Deserialize;

use super::distribution::t_quantile;
use super::*;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<GoldenCase>,
    holm: GoldenHolm,
    quantiles: Vec<GoldenQuantile>,
}

#[derive(Deserialize)]
struct GoldenCase {
    name: String,
    a: Vec<f64>,
    b: Vec<f64>,
    t: f64,
    t_p: f64,
    low: f64,
    high: f64,
    d_z: f64,
    wilcoxon: f64,
    wilcoxon_p: f64,
    exact: bool,
    rank_biserial: f64,
    sign_p: f64,
}

#[derive(Deserialize)]
struct GoldenHolm {
    raw: Vec<f64>,
    corrected: Vec<f64>,
}

#[derive(Deserialize)]
struct GoldenQuantile {
    two_sided: f64,
    freedom: f64,
    t: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../tests/statistics/statistics.json")).unwrap()
}

/// Equal to 1e-9 of the larger of 1 and the number; p values to 1e-9 of themselves.
fn assert_near(what: &str, found: f64, expected: f64) {
    let room = 1e-9 * if what.ends_with(" p") { expected.abs() } else { expected.abs().max(1.0) };
    assert!((found - expected).abs() <= room, "{what}: {found:e}, expected {expected:e}");
}

#[test]
fn tests_effects_and_intervals_are_those_of_scipy() {
    let golden = golden();
    assert_eq!(golden.cases.len(), 11);
    for case in golden.cases {
        let values: Vec<(f64, f64)> = case.a.iter().copied().zip(case.b).collect();
        let paired = Paired::of(&values).unwrap();
        let (t, wilcoxon, interval) = (paired.t.unwrap(), paired.wilcoxon.unwrap(), paired.interval.unwrap());
        assert_eq!(wilcoxon.exact, case.exact, "{}", case.name);
        for (what, found, expected) in [
            ("t", t.statistic, case.t),
            ("t p", t.p, case.t_p),
            ("low", interval.low, case.low),
            ("high", interval.high, case.high),
            ("d_z", paired.d_z.unwrap(), case.d_z),
            ("wilcoxon", wilcoxon.statistic, case.wilcoxon),
            ("wilcoxon p", wilcoxon.p, case.wilcoxon_p),
            ("rank biserial", paired.rank_biserial.unwrap(), case.rank_biserial),
            ("sign p", paired.sign.unwrap().p, case.sign_p),
        ] {
            assert_near(&format!("{}: {what}", case.name), found, expected);
        }
    }
    for GoldenQuantile { two_sided, freedom, t } in golden.quantiles {
        assert_near(&format!("t beyond which {two_sided} of {freedom} lies"), t_quantile(two_sided, freedom), t);
    }
    for (found, expected) in holm(&golden.holm.raw).into_iter().zip(golden.holm.corrected) {
        assert_near("holm p", found, expected);
    }
}

fn column(name: &str) -> Column {
    name.parse().unwrap()
}

/// Users 0, 1, … with these values of `ndcg@10`.
fn run(values: &[Option<f64>]) -> RunValues {
    let user = |n: usize| UserRow {
        user: (n as i64).into(),
        n_train: n,
        n_test: 2,
        n_rated: 2,
        n_relevant: 1,
        test_rows: None,
    };
    RunValues {
        users: (0..values.len()).map(user).collect(),
        metrics: vec![MetricValues { column: column("ndcg@10"), better: Better::Higher, values: values.to_vec() }],
    }
}

fn pair(a: &[f64], b: &[f64]) -> Pair {
    let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    Pair::join(&run(&some(a)), &run(&some(b)))
}

#[test]
fn no_difference_one_user_and_the_same_difference_for_all_have_outcomes() {
    let equal = &compare(&[(&pair(&[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3]), &[])], 0.05)[0][0];
    assert_eq!(equal.verdict, Verdict::Equal);
    let Paired { t, wilcoxon, sign, interval, d_z, n_same, .. } = equal.paired;
    assert_eq!((t.unwrap().p, wilcoxon.unwrap().p, sign.unwrap().p, d_z, n_same), (1.0, 1.0, 1.0, Some(0.0), 3));
    assert_eq!(interval, Some(crate::Interval { low: 0.0, high: 0.0 }));

    let one = &compare(&[(&pair(&[0.1], &[0.4]), &[])], 0.05)[0][0];
    assert_eq!(one.verdict, Verdict::TooFew);
    assert_eq!((one.paired.t, one.paired.wilcoxon, one.paired.sign, one.paired.interval), (None, None, None, None));
    assert_eq!((one.paired.n, one.paired.n_up), (1, 1));

    // The differences of 0.1 are not the same to the last bit.
    let a: Vec<f64> = (1..=30).map(|n| f64::from(n) / 10.0).collect();
    let b: Vec<f64> = (1..=30).map(|n| f64::from(n + 1) / 10.0).collect();
    let constant = &compare(&[(&pair(&a, &b), &[])], 0.05)[0][0];
    assert_eq!((constant.paired.t, constant.paired.d_z), (None, None));
    assert_eq!(constant.verdict, Verdict::Better, "the signed-rank test decides");
    assert!(constant.paired.interval.is_some_and(|interval| (interval.high - interval.low).abs() < 1e-12));
    assert_eq!(compare(&[(&pair(&[0.0; 3], &[0.5; 3]), &[])], 0.05)[0][0].verdict, Verdict::Unclear);

    assert!(compare(&[(&pair(&[], &[]), &[])], 0.05)[0].is_empty());
    assert_eq!(self_check(&pair(&[0.1, 0.2], &[0.1, 0.2]), 0.05, 10, 1), [None]);
}

#[test]
fn who_stands_in_one_run_only_is_left_out_and_other_tests_are_counted() {
    let mut a = run(&[Some(0.1), Some(0.2), None, Some(0.4)]);
    let mut b = run(&[Some(0.3), Some(0.2), Some(0.1), Some(0.5)]);
    b.users.swap(0, 1);
    b.metrics[0].values.swap(0, 1);
    b.users[3].user = 99.into();
    a.users[2].n_relevant = 2;
    a.metrics.push(MetricValues { column: column("rmse"), better: Better::Lower, values: vec![Some(1.0); 4] });
    let pair = Pair::join(&a, &b);
    assert_eq!((pair.n_only_a(), pair.n_only_b(), pair.n_different_tests()), (1, 1, 1));
    assert_eq!(pair.metrics().len(), 1, "B has no rmse");
    a.users[2].n_relevant = 1;
    (a.users[0].test_rows, a.users[1].test_rows) = (Some(7), Some(8));
    assert_eq!(Pair::join(&a, &b).n_different_tests(), 0, "of B the rows are not known");
    (b.users[0].test_rows, b.users[1].test_rows) = (Some(9), Some(7));
    assert_eq!(Pair::join(&a, &b).n_different_tests(), 1, "as many rows, and others");
    assert_eq!(pair.metrics()[0].values, [Some((0.1, 0.3)), Some((0.2, 0.2)), None]);
    assert_eq!(pair.with_metrics(|metric| metric.is("rmse")).metrics().len(), 0);
}

#[test]
fn lower_is_better_where_it_is_said_and_holm_covers_all_pairs() {
    let n = 60;
    let noise = |user: i64, part: i64| unit_interval(keyed_hash(5, &user.into(), &part.into()));
    let a: Vec<f64> = (0..n).map(|user| noise(user, 0)).collect();
    let b: Vec<f64> = (0..n).map(|user| noise(user, 0) + 0.02 * noise(user, 1) - 0.002).collect();
    let mut errors = pair(&a, &b);
    let other = pair(&b, &a);
    let first = compare(&[(&errors, &[])], 0.05)[0][0].clone();
    let both = compare(&[(&errors, &[]), (&other, &[])], 0.05);
    assert_eq!((both[0][0].verdict, both[1][0].verdict), (Verdict::Better, Verdict::Worse));
    let (one, two) = (first.paired.t.unwrap(), both[0][0].paired.t.unwrap());
    assert_eq!(one.p_holm, Some(one.p), "one test needs no correction");
    assert_eq!(two.p_holm, Some(2.0 * one.p));
    for (better, expected) in [(Better::Lower, Verdict::Worse), (Better::Neither, Verdict::Higher)] {
        errors = Pair::join(&judged(run_of(&a), better), &judged(run_of(&b), better));
        assert_eq!(compare(&[(&errors, &[])], 0.05)[0][0].verdict, expected);
    }
}

fn run_of(values: &[f64]) -> RunValues {
    run(&values.iter().copied().map(Some).collect::<Vec<_>>())
}

fn judged(mut run: RunValues, better: Better) -> RunValues {
    run.metrics[0].better = better;
    run
}

#[test]
fn groups_are_tested_by_themselves() {
    // Users of few ratings gain, the others do not; user n has n training rows.
    let noise = |user: i64| unit_interval(keyed_hash(9, &user.into(), &0.into())) - 0.5;
    let a = [0.5; 100];
    let b: Vec<f64> = (0..100).map(|n| 0.5 + 0.01 * noise(n) + if n < 50 { 0.05 } else { 0.0 }).collect();
    let pair = pair(&a, &b);
    let activity = pair.by_activity();
    let halves = Grouping {
        attribute: "half".to_owned(),
        groups: vec!["nobody".to_owned(), "even".to_owned()],
        of_user: (0..100).map(|n| (n % 2 == 0).then_some(1)).collect(),
    };
    let compared = compare(&[(&pair, &[activity, halves])], 0.05);
    let groups: Vec<(&str, &str, usize, Verdict)> = compared[0][0]
        .groups
        .iter()
        .map(|group| (group.attribute.as_str(), group.group.as_str(), group.paired.n, group.verdict))
        .collect();
    assert_eq!(
        groups,
        [
            ("activity", "0", 1, Verdict::TooFew),
            ("activity", "1-4", 4, Verdict::Better),
            ("activity", "5-9", 5, Verdict::Better),
            ("activity", "10-49", 40, Verdict::Better),
            ("activity", "50+", 50, Verdict::Unclear),
            ("half", "even", 50, Verdict::Better),
        ]
    );
    let few = &compared[0][0].groups[1];
    let decides = few.paired.deciding().unwrap();
    assert!(decides.p_holm > Some(decides.p), "five groups have a p");
}

/// Two runs of `n` users, of whom some have zero in both, as with short lists.
fn skewed(n: i64) -> Pair {
    let unit = |user: i64, part: i64| unit_interval(keyed_hash(3, &user.into(), &part.into()));
    let value = |user, part| if unit(user, part) < 0.4 { 0.0 } else { unit(user, part + 10).powi(3) };
    let values = |part| (0..n).map(|user| value(user, part)).collect::<Vec<f64>>();
    pair(&values(0), &values(1))
}

#[test]
fn exchanged_runs_differ_in_5_percent_of_rounds_and_what_is_planted_is_found() {
    for (n, seed) in [(40, 1), (200, 1), (200, 2), (1000, 1)] {
        let checked = self_check(&skewed(n), 0.05, 200, seed);
        let check = checked[0].as_ref().unwrap();
        let Rejections { t, wilcoxon, sign } = check.rejections;
        assert_eq!(check.expected, (3, 19));
        assert!((3..=19).contains(&t) && (3..=19).contains(&wilcoxon) && sign <= 19, "{check:?}");
        let found = check.planted.unwrap().found;
        assert!(found.t >= 199 && found.wilcoxon >= 195, "{check:?}");
        assert!(check.is_sound);
        assert_eq!(checked, self_check(&skewed(n), 0.05, 200, seed));
    }
    assert!(self_check(&skewed(6), 0.05, 20, 1)[0].unwrap().planted.is_none());
}

proptest! {
    #[test]
    fn exchanged_values_give_the_same_p_and_every_number_is_finite(
        values in prop::collection::vec((-5_i32..=5, -5_i32..=5, 0.0..1.0_f64), 1..60),
        is_coarse in any::<bool>(),
    ) {
        let fine = |whole: i32, part: f64| f64::from(whole) / 10.0 + if is_coarse { 0.0 } else { part };
        let values: Vec<(f64, f64)> = values.into_iter().map(|(a, b, part)| (fine(a, part), fine(b, part * part))).collect();
        let exchanged: Vec<(f64, f64)> = values.iter().map(|(a, b)| (*b, *a)).collect();
        let (one, other) = (Paired::of(&values).unwrap(), Paired::of(&exchanged).unwrap());
        prop_assert_eq!(one.n_up + one.n_down + one.n_same, one.n);
        prop_assert_eq!((one.n_up, one.n_down), (other.n_down, other.n_up));
        prop_assert_eq!(one.t.map(|t| t.p), other.t.map(|t| t.p));
        prop_assert_eq!(one.sign.map(|s| s.p), other.sign.map(|s| s.p));
        prop_assert_eq!(one.wilcoxon.map(|w| w.p), other.wilcoxon.map(|w| w.p));
        prop_assert_eq!(one.rank_biserial, other.rank_biserial.map(|effect| -effect));
        let ps = [one.t, one.wilcoxon, one.sign].map(|test| test.map(|test| test.p));
        prop_assert!(ps.into_iter().flatten().all(|p| (0.0..=1.0).contains(&p)), "{:?}", ps);
        let numbers = [
            Some(one.mean_a), Some(one.mean_b), Some(one.difference), one.d_z, one.t.map(|t| t.statistic),
            one.interval.map(|i| i.low), one.interval.map(|i| i.high), one.rank_biserial,
        ];
        prop_assert!(numbers.into_iter().flatten().all(f64::is_finite), "{:?}", one);
        if let Some(interval) = one.interval {
            prop_assert!(interval.low <= one.difference && one.difference <= interval.high);
        }
    }
}
