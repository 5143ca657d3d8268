//! Tests that the page says what it should, in order, escaped, and asks nothing of a network.
//!
//! **Invariant**: names are as awkward as data can make them.

use super::*;
use crate::figure::tests::facts;
use crate::results::tests::sample;
use crate::{DetailList, DetailRow, Provenance, Recommended, RecommendedItem, Suggestion, UserDetail, Work, palette};

fn page(facts: &Facts) -> String {
    let results = Results { summary: Some(crate::headline::tests::headline()), ..sample() };
    let figures = Figures::new(&results, facts);
    html(&results, facts, &figures, &ReportConfig { detail_rows: 2 })
}

fn detailed() -> Facts {
    let row = |item: &str, y, yhat, best: [bool; 2]| DetailRow {
        item: item.to_owned(),
        genres: vec!["Sci-Fi".to_owned()],
        old: Some(true),
        rating: Some(4.0),
        y,
        yhat,
        is_best: best[0],
        is_predicted_best: best[1],
    };
    let list = |approach: &str| DetailList {
        approach: approach.to_owned(),
        rows: vec![
            row("<script>alert(1)</script>", 0.9, 0.8, [true, true]),
            row("Heat & Dust", 0.5, 0.7, [false, true]),
            row("never shown", 0.5, 0.1, [true, false]),
        ],
        n_hits: 1,
        n_best: 2,
        metrics: vec![("mrr".to_owned(), 0.5)],
    };
    let user =
        |id: &str| UserDetail { user: id.to_owned(), n_train: 7, lists: vec![list("popularity"), list("neural")] };
    let told = |item: &str, because: &str, held_out| RecommendedItem {
        item: item.to_owned(),
        year: Some(1977),
        because: because.to_owned(),
        held_out,
    };
    Facts {
        chosen_by: "The one <on whom> they differ.".to_owned(),
        recommended: Some(Recommended {
            approach: "profile".to_owned(),
            user: "<7>".to_owned(),
            n_seen: 1234,
            liked: vec![("Fargo".to_owned(), Some(5.0)), ("Heat".to_owned(), Some(4.5))],
            items: vec![
                told("Star Wars", "because you rated Alien 5", Some(Some(4.0))),
                told("<i>Contact", "rated by 485 people, 4.2 on average", None),
            ],
        }),
        suggestions: vec![Suggestion { words: "Ask <again>.".to_owned(), command: "reco compare data".to_owned() }],
        details: vec![user("2"), user("<7>")],
        dataset: vec![("licence".to_owned(), "not for <sale>".to_owned())],
        checksums: vec![("tables/ratings.parquet".to_owned(), "00ff".to_owned())],
        provenance: Provenance {
            command: "reco run".to_owned(),
            experiment: "seed = 42\n".to_owned(),
            versions: vec![("burn".to_owned(), "0.22.1".to_owned())],
            work: vec![Work { what: "features".to_owned(), seconds: 0.5, ..Work::default() }],
        },
        ..facts(66, 900)
    }
}

#[test]
fn sections_come_in_the_order_in_which_one_asks() {
    let page = page(&detailed());
    let ids =
        ["summary", "results", "metrics", "data", "features", "context", "approaches", "users", "provenance", "run"];
    let places: Vec<usize> = ids.iter().map(|id| page.find(&format!("<section id=\"{id}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    for said in ["not for &lt;sale&gt;", "<strong>0.3000*</strong>", "00ff", "seed = 42", "burn", "0.22.1", "reco run"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn what_each_bucket_of_history_gave_is_told_with_its_best() {
    let results = crate::results::tests::sample_by_history();
    let facts = Facts::default();
    let figures = Figures::new(&results, &facts);
    let names: Vec<&str> = figures.history.iter().map(|drawing| drawing.name.as_str()).collect();
    let expected = ["history-users-ndcg@10", "history-users-rmse", "history-items-ndcg@10", "history-items-rmse"];
    assert_eq!(names, expected);
    let told = "ndcg@10 by how many training ratings the users have. Best with 1-4: hybrid.";
    assert_eq!(figures.history[0].description, told, "with 5+ all are as good");
    let page = html(&results, &facts, &figures, &ReportConfig::default());
    assert!(page.contains("<section id=\"history\"") && page.contains("1-4 (3)") && page.contains("5+ (940)"));
    assert!(page.contains("<strong>0.2500*</strong>") && !page.contains("<th class=\"number\" scope=\"col\">0 (0)"));
}

#[test]
fn among_many_approaches_those_are_told_apart_that_are_best_somewhere() {
    let mut results = crate::results::tests::sample_by_history();
    let colours = |results: &Results| {
        let svg = Figures::new(results, &Facts::default()).history[0].inline();
        palette::SERIES.iter().filter(|colour| svg.contains(&format!("stroke=\"{}\"", colour.light))).count()
    };
    assert_eq!(colours(&results), 3);
    for n in 0..9 {
        let mut other = results.approaches[0].clone();
        other.name = format!("other-{n}");
        results.approaches.push(other);
    }
    // `hybrid` alone is the only best one anywhere in the first figure; `neural` and the others are as good as each
    // other.
    assert_eq!(colours(&results), 1);
    let figures = Figures::new(&results, &Facts::default());
    assert!(figures.history[0].inline().contains("11 others"));
}

#[test]
fn the_first_section_answers_what_one_asks_first() {
    let page = page(&detailed());
    let (from, to) = (page.find("<section id=\"summary\"").unwrap(), page.find("<section id=\"results\"").unwrap());
    let first = &page[from..to];
    for said in [
        "Best for lists",
        "<p class=\"winner\">profile<",
        "<strong>NDCG@10 0.1353</strong>",
        "<small>NDCG@10: how early a list names",
        "<strong>0.0063 better</strong> than popularity, the next: <span class=\"luck\">could be luck</span>",
        "<small>(95 %: -0.0031 to 0.0157)</small>",
        "<strong>0.1200 better</strong> than user-mean: <span class=\"sure\">surely better</span>",
        "What profile recommends to user &lt;7&gt;",
        "Met 1,234 items before, liked best Fargo (5), Heat (4.5).",
        "Star Wars</strong> (1977)",
        "held out: rated 4<",
        "because you rated Alien 5",
        "rated by 485 people, 4.2 on average",
        "Ask &lt;again&gt;.",
        "<code>reco compare data</code>",
    ] {
        assert!(first.contains(said), "{said} is not in {first}");
    }
    assert_eq!(first.matches("<figure").count(), 1, "one figure");
    assert!(!page.contains("<i>Contact"), "an item's title became markup");
}

#[test]
fn what_a_metric_means_stands_below_its_table() {
    let page = page(&detailed());
    let table = page.find("aria-label=\"Table of results: Rankings\"").unwrap();
    let meaning = page.find("<dt>ndcg@10</dt><dd>").unwrap();
    let after = page[table..].find("</table>").unwrap() + table;
    assert!(meaning > after && meaning < page[after..].find("<table").unwrap() + after, "{table} {meaning}");
}

#[test]
fn a_long_name_breaks_at_its_joints() {
    assert_eq!(heading("article_mrr@10").into_string(), "article_<wbr>mrr<wbr>@10");
    assert_eq!(heading("mae").into_string(), "mae");
    assert_eq!(heading("mae ↓").into_string(), "mae<abbr title=\"lower is better\"> ↓</abbr>");
}

#[test]
fn text_from_data_stays_text() {
    let page = page(&detailed());
    assert!(!page.contains("<script>alert"), "an item's title became markup");
    assert!(!page.contains("<b>&"), "a context's name became markup");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("Heat &amp; Dust"));
    assert!(!page.contains("never shown"), "rows beyond `detail_rows` are left out");
    // The one element that is a script is ours.
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let page = page(&detailed());
    for mark in ["http://", "https://", "src=", "url(", "@import", "//cdn"] {
        let found = page.match_indices(mark).find(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
        assert_eq!(found, None, "{mark} in the page");
    }
}

#[test]
fn every_figure_holds_a_picture_with_words_and_headings_go_down_one_by_one() {
    let page = page(&detailed());
    let figures: Vec<&str> = page.split("<figure").skip(1).collect();
    assert!(figures.len() > 10);
    for figure in &figures {
        let inside = figure.split("</figure>").next().unwrap();
        assert_eq!(inside.matches("<svg").count(), 1, "{inside}");
        assert!(inside.contains("role=\"img\"") && inside.contains("<title>"), "{inside}");
    }
    let mut level = 0;
    for heading in page.match_indices("<h").filter_map(|(at, _)| page.as_bytes()[at + 2].checked_sub(b'0')) {
        if (1..=6).contains(&heading) {
            assert!(heading <= level + 1, "a heading of level {heading} below one of level {level}");
            level = heading;
        }
    }
    assert_eq!(page.matches("<h1").count(), 1);
}

#[test]
fn what_is_not_known_is_left_out() {
    let page = page(&Facts::default());
    for absent in [
        "What to try next",
        "recommends to",
        "id=\"features\"",
        "id=\"context\"",
        "id=\"users\"",
        "id=\"approaches\"",
        "id=\"history\"",
        "Checksums",
        "interval",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("id=\"results\"") && page.contains("id=\"metrics\""));
}
