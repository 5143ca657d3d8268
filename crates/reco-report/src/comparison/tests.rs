//! Tests how a comparison reads on a terminal, on a page and in JSON.
//!
//! **Invariant**: what is awkward in a name is escaped.

use reco_eval::compare::{GroupDifference, Paired, Planted, Rejections, TestResult};

use super::*;

fn test(p: f64) -> Option<TestResult> {
    Some(TestResult { statistic: 2.0, p, p_holm: Some((3.0 * p).min(1.0)), exact: false })
}

fn interval(low: f64, high: f64) -> Option<Interval> {
    Some(Interval { low, high })
}

fn group(group: &str, difference: f64, verdict: Verdict) -> GroupDifference {
    let paired = Paired {
        n: 273,
        mean_a: 0.1,
        mean_b: 0.1 + difference,
        difference,
        interval: interval(difference - 0.01, difference + 0.01),
        t: Some(TestResult { p: 0.004, p_holm: Some(0.008), ..TestResult::default() }),
        ..Paired::default()
    };
    GroupDifference { attribute: "gender".to_owned(), group: group.to_owned(), paired, verdict }
}

fn difference(metric: &str, paired: Paired, better: Better, verdict: Verdict) -> Difference {
    Difference { metric: metric.parse().unwrap(), better, paired, verdict, groups: Vec::new(), self_check: None }
}

/// Two pairs with every kind of outcome.
fn sample() -> Comparison {
    let side = |label: &str| ComparedRun {
        label: label.to_owned(),
        run: format!("runs/{label}"),
        approach: "neural".to_owned(),
    };
    let of_ndcg = Paired {
        n: 943,
        mean_a: 0.1234,
        mean_b: 0.1434,
        difference: 0.02,
        interval: interval(0.011, 0.029),
        t: test(1.25e-5),
        wilcoxon: test(0.0004),
        sign: test(0.02),
        d_z: Some(0.14),
        rank_biserial: Some(0.11),
        n_up: 400,
        n_down: 300,
        n_same: 243,
    };
    let check = SelfCheck {
        n_rounds: 200,
        expected: (3, 19),
        limit: 23,
        rejections: Rejections { t: 9, wilcoxon: 11, sign: 8 },
        planted: Some(Planted {
            shift: 0.0412,
            deviations: 0.2,
            found: Rejections { t: 200, wilcoxon: 199, sign: 170 },
        }),
        is_sound: true,
    };
    let ndcg = Difference {
        groups: vec![
            group("F", 0.03, Verdict::Better),
            group("M", 0.002, Verdict::Unclear),
            group("<i>X</i>", -0.04, Verdict::Worse),
        ],
        self_check: Some(check),
        ..difference("ndcg@10", of_ndcg, Better::Higher, Verdict::Better)
    };
    let of_rmse = Paired {
        n: 940,
        mean_a: 0.95,
        mean_b: 0.97,
        difference: 0.02,
        interval: interval(0.001, 0.039),
        t: test(0.0123),
        wilcoxon: test(0.2),
        sign: test(0.6),
        d_z: Some(0.05),
        rank_biserial: Some(0.02),
        n_down: 440,
        n_up: 500,
        n_same: 0,
    };
    let rejections = Rejections { t: 30, ..Rejections::default() };
    let rmse = Difference {
        self_check: Some(SelfCheck { rejections, planted: None, is_sound: false, ..check }),
        ..difference("rmse", of_rmse, Better::Lower, Verdict::Worse)
    };
    let of_equal = Paired {
        n: 943,
        mean_a: 0.5,
        mean_b: 0.5,
        interval: interval(0.0, 0.0),
        t: test(1.0),
        wilcoxon: test(1.0),
        sign: test(1.0),
        d_z: Some(0.0),
        rank_biserial: Some(0.0),
        n_same: 943,
        ..Paired::default()
    };
    let equal = difference("recall@10", of_equal, Better::Higher, Verdict::Equal);
    let of_one = Paired { n: 1, mean_a: 0.7, mean_b: 0.6, difference: -0.1, n_down: 1, ..Paired::default() };
    let one_user = difference("mae", of_one, Better::Lower, Verdict::TooFew);
    let novelty = difference("novelty@10", of_ndcg, Better::Neither, Verdict::Higher);
    let unclear = Difference { paired: Paired { t: test(0.4), ..of_ndcg }, verdict: Verdict::Unclear, ..ndcg.clone() };
    let pair = ComparedPair {
        a: side("popularity"),
        b: side("neural"),
        n_users: 943,
        n_only_a: 1,
        n_only_b: 1200,
        n_different_tests: 0,
        metrics: vec![ndcg, rmse, equal],
    };
    let other = ComparedPair {
        b: side("<b>hybrid</b>"),
        n_different_tests: 17,
        n_only_a: 0,
        n_only_b: 0,
        metrics: vec![unclear, one_user, novelty],
        ..pair.clone()
    };
    Comparison {
        alpha: 0.05,
        pairs: vec![pair, other],
        notes: vec!["`age` has more than 12 values and parts no groups".to_owned()],
    }
}

#[test]
fn on_a_terminal() {
    let text = comparison_table(&sample());
    for line in text.lines().filter(|line| line.starts_with([' ', '═', '─'])) {
        assert!(line.chars().count() <= 116, "{} wide: {line}", line.chars().count());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_summary_has_at_most_twenty_lines() {
    let one = Comparison { pairs: sample().pairs[..1].to_vec(), ..sample() };
    insta::assert_snapshot!(comparison_summary(&one));
    let recall = |k: usize| format!("recall@{k}").parse().unwrap();
    let mut many = sample();
    for n in 0..15 {
        let mut other = sample().pairs[0].clone();
        other.b.label = format!("other-{n}");
        other.metrics = (1..=30).map(|k| Difference { metric: recall(k), ..other.metrics[k % 3].clone() }).collect();
        many.pairs.push(other);
    }
    many.notes = (0..40).map(|n| format!("note {n}")).collect();
    let text = comparison_summary(&many);
    insta::assert_snapshot!(text);
    let mut long = one.clone();
    long.pairs[0].metrics = many.pairs[5].metrics.clone();
    long.notes = many.notes.clone();
    for text in [text, comparison_summary(&long), comparison_summary(&one)] {
        assert!(text.lines().count() <= 20, "{} lines\n{text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }
}

#[test]
fn written_and_read_again_it_is_the_same() {
    let text = serde_json::to_string_pretty(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), sample());
    assert!(text.contains("\"verdict\": \"too-few\"") && text.contains("\"interval\": null"), "{text}");
}

#[test]
fn the_page_says_all_of_it_escapes_names_and_asks_nothing_of_a_network() {
    let page = comparison_page(&sample());
    for part in [
        "neural against popularity",
        "+0.0110 to +0.0290",
        "1e-5",
        "better for 1, worse for 1 of 3 groups",
        "17 users with other test rows",
        "3 to 19 times",
        "NOT sound",
        "two seeds of the same approach",
        "too few",
        "against popularity",
        "more than 12 values",
        "42.4 %",
        "42.4 % higher",
        "higher<",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<b>hybrid") && !page.contains("<i>X"), "a name became markup");
    assert!(page.contains("&lt;b&gt;hybrid"));
    assert_eq!(page.matches("<script").count(), 1);
    for mark in ["http://", "https://", "src=", "url(", "@import", "NaN", ">inf"] {
        let found = page.match_indices(mark).find(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
        assert_eq!(found, None, "{mark} in the page");
    }
    // Every metric and every group has its line.
    let rows: usize = sample().pairs.iter().flat_map(|pair| &pair.metrics).map(|one| 1 + one.groups.len()).sum();
    assert_eq!(page.matches("<svg").count(), rows);
    assert_eq!(page, comparison_page(&sample()));
    let mut one = Comparison { pairs: sample().pairs[..1].to_vec(), ..sample() };
    one.pairs[0].metrics.iter_mut().for_each(|one| one.self_check = None);
    let page = comparison_page(&one);
    assert!(!page.contains("id=\"overview\"") && !page.contains("id=\"self-check\""));
}

#[test]
fn a_line_stands_where_its_number_is() {
    let half = Paired { difference: 0.5, interval: interval(0.0, 4.0), ..Paired::default() };
    let svg = forest::forest("x", &half, Verdict::Better, 1.0).inline();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let dot = document.descendants().find(|node| node.has_tag_name("circle")).unwrap();
    assert_eq!(dot.attribute("cx"), Some("109.5"), "half of the way from the middle to the end");
    assert!(svg.contains("M75 10L144 10"), "an interval beyond the scale ends at its edge: {svg}");
    let nothing = forest::forest("x", &Paired::default(), Verdict::Equal, 0.0).inline();
    assert!(nothing.contains("cx=\"75\"") && !nothing.contains("NaN"), "{nothing}");
}

#[test]
fn small_numbers_keep_their_size() {
    let shown = [Some(0.05), Some(1e-5), Some(1e-120), Some(0.0), Some(1.0), None].map(probability);
    assert_eq!(shown, ["0.0500", "1e-5", "<1e-99", "<1e-99", "1.0000", "–"]);
    assert_eq!([0.0, 0.01, -0.01, -1e-9].map(signed), ["0", "+0.0100", "-0.0100", "0.0000"]);
}
