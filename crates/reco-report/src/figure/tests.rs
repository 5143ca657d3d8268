//! Tests that every figure is well-formed, stands alone and says what it shows.
//!
//! **Invariant**: a second XML parser reads what one library wrote.

use reco_core::{EpochLog, TrainingLog};
use roxmltree::Document;

use super::*;
use crate::diagram::tests::small;
use crate::results::tests::{column, sample};
use crate::{ApproachFacts, ContextCounts, Grid};

/// What a page or an XML parser could trip over.
const AWKWARD: &str = "<b>&\"x\"</b> ]]> 'é'";

pub(crate) fn log(n: usize) -> TrainingLog {
    let epoch = |epoch: usize| EpochLog {
        epoch,
        train_loss: 0.2 + 0.3 / epoch as f64,
        train_mape: Some(20.0 + 30.0 / epoch as f64),
        validation_loss: Some(0.25 + 0.3 / epoch as f64),
        validation_mape: Some(25.0 + 30.0 / epoch as f64),
        validation_ndcg: None,
    };
    TrainingLog {
        epochs: (1..=n).map(epoch).collect(),
        best_epoch: n / 2 + 1,
        n_train: 10,
        n_validation: 5,
        train_seconds: 1.5,
    }
}

/// Ratings of `n_users` users and `n_items` items.
pub(crate) fn counts(n_users: usize, n_items: usize) -> Counts {
    let mut rated = Grid::new(n_users, n_items, 60, 180);
    let (mut per_user, mut per_item) = (vec![0; n_users], vec![0; n_items]);
    for (user, n) in per_user.iter_mut().enumerate() {
        for item in (0..n_items).filter(|item| (user * 31 + item * 17) % (item + 2) == 0) {
            rated.add(user, item, 1.0);
            *n += 1;
            per_item[item] += 1;
        }
    }
    let mut features = Grid::new(3, n_items, 3, 180);
    (0..n_items).for_each(|item| features.add(item % 3, item, 1.0));
    Counts {
        per_user,
        per_item,
        stars: vec![(1.0, 3), (2.5, 10_000), (5.0, 12)],
        contexts: vec![
            ContextCounts { name: AWKWARD.to_owned(), values: vec![(AWKWARD.to_owned(), 3), ("no".to_owned(), 1)] },
            ContextCounts { name: "device".to_owned(), values: (0..40).map(|n| (format!("d{n}"), n)).collect() },
        ],
        days: vec![(10_124, 5), (10_200, 7), (10_338, 1)],
        rated,
        features,
        feature_names: vec!["old".to_owned(), AWKWARD.to_owned(), "Film-Noir".to_owned()],
    }
}

pub(crate) fn facts(n_users: usize, n_items: usize) -> Facts {
    Facts {
        counts: Some(counts(n_users, n_items)),
        approaches: vec![
            ApproachFacts { name: "popularity".to_owned(), about: "counts".to_owned(), layers: None },
            ApproachFacts { name: AWKWARD.to_owned(), about: AWKWARD.to_owned(), layers: Some(small()) },
        ],
        training: vec![(AWKWARD.to_owned(), log(20)), ("one".to_owned(), log(1))],
        ..Facts::default()
    }
}

/// [`sample`] with bounds of two approaches.
fn with_intervals() -> Results {
    let mut results = sample();
    for (row, bounds) in [(0, [0.25, 0.35]), (1, [0.05, 0.07])] {
        results.approaches[row].intervals.insert(column("ndcg@10"), bounds.into());
    }
    results
}

#[test]
fn every_figure_is_well_formed_stands_alone_and_says_what_it_shows() {
    for (n_users, n_items) in [(3, 4), (66, 900), (1000, 40)] {
        let figures = Figures::new(&with_intervals(), &facts(n_users, n_items));
        let names: Vec<&str> = figures.all().map(|drawing| drawing.name.as_str()).collect();
        for name in [
            "metric-ndcg@10",
            "metric-mae",
            "users-items",
            "items-features",
            "ratings-per-user",
            "ratings-by-stars",
            "popularity",
            "ratings-over-time",
            "context-device",
            "loss-one",
            "mape-one",
        ] {
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
        for (at, drawing) in figures.all().enumerate() {
            assert!(!names[..at].contains(&names[at]), "{} stands twice", names[at]);
            assert!(drawing.name.chars().all(|c| c.is_alphanumeric() || "-_@.".contains(c)), "{}", drawing.name);
            for svg in [drawing.inline(), drawing.alone()] {
                let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{}: {error}\n{svg}", drawing.name));
                let root = document.root_element();
                assert_eq!(root.attribute("role"), Some("img"));
                let first = root.first_element_child().unwrap();
                assert_eq!((first.tag_name().name(), first.text()), ("title", Some(drawing.title.as_str())));
                let described = first.next_sibling_element().unwrap();
                assert_eq!(described.text(), Some(drawing.description.as_str()));
                inside(&document, drawing);
            }
        }
    }
}

/// Checks that all text lies within the picture, and that every number is one that SVG has.
fn inside(document: &Document<'_>, drawing: &Drawing) {
    let root = document.root_element();
    let size = |name: &str| root.attribute(name).unwrap().parse::<f64>().unwrap();
    let (width, height) = (size("width"), size("height"));
    for node in document.descendants().filter(|node| node.is_element()) {
        for attribute in node.attributes() {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{}: {value}", drawing.name);
        }
        if node.has_tag_name("text") && node.attribute("transform").is_none() {
            let number = |name: &str| node.attribute(name).unwrap().parse::<f64>().unwrap();
            let long = crate::canvas::text_width(node.text().unwrap(), number("font-size"));
            let left = match node.attribute("text-anchor") {
                None => number("x"),
                Some("middle") => number("x") - long / 2.0,
                _ => number("x") - long,
            };
            let within = left >= -2.0 && left + long <= width + 14.0 && number("y") <= height;
            assert!(within, "{}: {:?} at {left} of {width}", drawing.name, node.text());
        }
    }
}

#[test]
fn bounds_are_told_and_neither_side_is_called_better_where_none_is() {
    let told = |results: &Results| {
        let drawings = metrics::metrics(results);
        drawings.into_iter().find(|drawing| drawing.name == "metric-ndcg@10").unwrap().description
    };
    let mut results = with_intervals();
    let start = "ndcg@10, higher is better. popularity: 0.3000, from 0.2500 to 0.3500; neural: 0.0625, from ";
    assert!(told(&results).starts_with(start), "{}", told(&results));
    results.neither_is_better = vec![column("ndcg@10")];
    assert!(told(&results).starts_with("ndcg@10, neither higher nor lower is better. "), "{}", told(&results));
}

#[test]
fn what_is_not_there_is_not_drawn() {
    let figures = Figures::new(&Results::default(), &Facts::default());
    assert_eq!(figures.all().count(), 0);
    let nothing = Facts { counts: Some(Counts::default()), ..Facts::default() };
    assert_eq!(Figures::new(&Results::default(), &nothing).all().count(), 0);
    let events = Counts { stars: vec![], days: vec![], ..counts(5, 5) };
    let events = Facts { counts: Some(events), ..Facts::default() };
    let figures = Figures::new(&Results::default(), &events);
    let names: Vec<&str> = figures.ratings.iter().map(|drawing| drawing.name.as_str()).collect();
    assert_eq!(names, ["users-items", "ratings-per-user", "popularity"]);
}

#[test]
fn a_hundred_thousand_users_take_no_more_room_than_a_thousand() {
    let size = |n_users: usize| {
        let per_user = (0..n_users).map(|user| 20 + user % 300).collect();
        let mut rated = Grid::new(n_users, 9741, 60, 180);
        (0..n_users * 40).for_each(|n| rated.add(n / 40, (n * 7919) % 9741, 1.0));
        let facts = Facts { counts: Some(Counts { per_user, rated, ..Counts::default() }), ..Facts::default() };
        let figures = Figures::new(&Results::default(), &facts);
        figures.all().map(|drawing| drawing.alone().len()).sum::<usize>()
    };
    let (few, many) = (size(1000), size(100_000));
    assert!(many < 2 * few && many < 600_000, "{few} and {many} bytes");
}

#[test]
fn a_figure_as_text() {
    let log = TrainingLog { epochs: log(2).epochs, ..log(2) };
    let drawings = curves::training("two", &log);
    insta::assert_snapshot!(drawings[0].alone());
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let draw = || {
        let figures = Figures::new(&sample(), &facts(66, 900));
        figures.all().map(Drawing::alone).collect::<Vec<_>>()
    };
    assert_eq!(draw(), draw());
}
