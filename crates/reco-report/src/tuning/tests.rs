//! Tests that a search is told in full, and that its page and figures are well-formed.
//!
//! Does not know how options are searched for.
//!
//! **Invariant**: names that a page could trip over are shown as text.

use roxmltree::Document;
use serde_json::json;

use super::*;

/// A search with a range, a list, trials of a part of the training, and a failure.
pub(crate) fn sample() -> Tuning {
    let options =
        |reg: f64, kind: &str| Map::from_iter([("reg".to_owned(), json!(reg)), ("kind".to_owned(), json!(kind))]);
    let trial = |trial: u32, share: f64, reg: f64, value: Option<f64>| TuningTrial {
        trial,
        share,
        options: options(reg, if trial.is_multiple_of(2) { "<b>" } else { "plain" }),
        value,
        failure: value.is_none().then(|| "the loss became `NaN` & more".to_owned()),
    };
    let tuned = Tuned {
        name: "ease<i>".to_owned(),
        kind: "ease".to_owned(),
        best_trial: 3,
        value: 0.3712,
        options: options(123.456_789, "plain"),
        default_value: Some(0.3551),
        default_options: options(300.0, "<b>"),
        difference: Some(TunedDifference {
            difference: 0.0161,
            interval: Some(Interval { low: 0.0101, high: 0.0221 }),
        }),
        out_of_time: true,
        seconds: 98.765,
        searched: vec![
            SearchedOption {
                option: "reg".to_owned(),
                values: SearchedValues::Range(1.0, 1000.0, true),
                explains: Some(0.62),
            },
            SearchedOption {
                option: "kind".to_owned(),
                values: SearchedValues::List(vec![json!("<b>"), json!("plain")]),
                explains: None,
            },
        ],
        trials: vec![
            trial(0, 1.0, 300.0, Some(0.3551)),
            trial(1, 1.0, 1.0, Some(0.21)),
            trial(2, 1.0, 2.0, None),
            trial(3, 1.0, 123.456_789, Some(0.3712)),
            trial(4, 0.5, 20.0, Some(0.39)),
        ],
    };
    Tuning {
        experiment: "ratio-811".to_owned(),
        dataset: "ml-100k".to_owned(),
        method: "tpe".to_owned(),
        seed: 42,
        metric: "ndcg@10".parse().unwrap(),
        better: Better::Higher,
        n_users: 943,
        n_rows: 9430,
        approaches: vec![tuned],
        left_out: vec!["`popularity` has no options to try".to_owned()],
    }
}

#[test]
fn the_table_says_what_was_found() {
    insta::assert_snapshot!(tuning_table(&sample()));
}

#[test]
fn the_page_escapes_what_it_shows_and_orders_trials() {
    let page = tuning_page(&sample());
    assert!(!page.contains("<b>") && !page.contains("ease<i>"), "text is text");
    assert!(
        page.contains("reg alone explains 62 %") && page.contains("trial 2 failed: the loss became `NaN` &amp; more")
    );
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(at("0.3551") < at("0.2100") && at("0.2100") < at("0.3900"), "whole trainings first, then by value");
    assert!(!page.contains("98.7"), "seconds differ from run to run");
}

#[test]
fn figures_show_each_option_with_its_values() {
    let tuning = sample();
    let figures = tuning_figures(&tuning, &tuning.approaches[0]);
    assert_eq!(figures.len(), 2);
    for figure in &figures {
        let alone = figure.alone();
        let document = Document::parse(&alone).unwrap();
        let n_dots = document.descendants().filter(|node| node.has_tag_name("circle")).count();
        assert_eq!(
            n_dots,
            3 + 3,
            "of the legend, and trials with a value of the share that most have; {}",
            figure.name
        );
    }
    assert!(figures[1].inline().contains("&lt;b&gt;"), "a list names its values");
    assert_eq!(figures[0].name, "tuning-ease-i--reg");
}

#[test]
fn numbers_are_short_and_texts_plain() {
    assert_eq!(words(&sample().approaches[0].options), "kind plain, reg 123.5");
    assert_eq!(
        [json!(0.300_000_011), json!(12), json!(1e-9), json!(null)].map(|value| word(&value)),
        ["0.3", "12", "0.000000001", "null"]
    );
}

#[test]
fn what_lies_at_an_end_of_its_range_is_told() {
    let searched = |from, to, is_log| SearchedOption {
        option: "reg".to_owned(),
        values: SearchedValues::Range(from, to, is_log),
        explains: None,
    };
    assert!(searched(1.0, 1000.0, true).ends_at(&json!(990)) && searched(1.0, 1000.0, true).ends_at(&json!(1.05)));
    assert!(searched(2.0, 9.0, true).ends_at(&json!(2)) && !searched(1.0, 9.0, true).ends_at(&json!(1)));
    assert!(!searched(1.0, 1000.0, true).ends_at(&json!(800)));
    assert!(!searched(0.0, 1.0, false).ends_at(&json!(0.0)), "nothing lies below 0");
    let mut tuning = sample();
    tuning.approaches[0].options["reg"] = json!(1000.0);
    assert!(tuning_table(&tuning).contains("at an end of the range, a wider one may have better: reg\n"));
}
