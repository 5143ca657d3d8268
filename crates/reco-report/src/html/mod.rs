//! Writes report.html, one file that needs nothing else.
//!
//! Styles, figures and the few lines of script are in it. Does not know how a figure is drawn, nor how a number came
//! about.
//!
//! **Invariant**: all text is escaped by the template library; what was measured in this run alone, times and memory,
//! stands in the section `run` and nowhere else; without its script the page says the same.

mod data;
mod groups;
mod history;
mod summary;
mod users;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use reco_eval::Column;

use self::data::{definitions, table};
use crate::facts::SHARES;
use crate::results::meaning;
use crate::terminal::how_repeated;
use crate::{ApproachFacts, Drawing, Facts, Figures, HOW_TO_READ, ReportConfig, Results, Work, cells, palette};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// The text of report.html.
pub fn html(results: &Results, facts: &Facts, figures: &Figures, config: &ReportConfig) -> String {
    let sections = sections(results, facts, figures, config);
    let footer = "Numbers are rounded for reading; results.json has every bit.";
    page(&results.experiment, &subtitle(results), &sections, footer)
}

/// A self-contained page of these sections, with a footer.
pub(crate) fn page(title: &str, subtitle: &str, sections: &[Section], footer: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("reco ", env!("CARGO_PKG_VERSION")));
                // No icon, so that a browser asks for none.
                link rel="icon" href="data:,";
                title { (title) " · reco" }
                style { (PreEscaped(palette::page_css())) (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the results" }
                header {
                    div.line {
                        h1 { (title) }
                        button #theme type="button" hidden { "Light / dark" }
                    }
                    p { (subtitle) }
                    nav aria-label="Sections" {
                        ul { @for section in sections { li { a href={ "#" (section.id) } { (section.title) } } } }
                    }
                }
                main #main {
                    @for section in sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer { p { "Written by reco " (env!("CARGO_PKG_VERSION")) ". " (footer) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// How many metrics are drawn where they are seen at once.
const FIRST_METRICS: usize = 8;

/// A part of the page.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: Markup,
}

fn sections(results: &Results, facts: &Facts, figures: &Figures, config: &ReportConfig) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut add = |id, title, body: Option<Markup>| sections.extend(body.map(|body| Section { id, title, body }));
    add("summary", "In short", summary::summary(results, facts, figures));
    add("results", "Results", Some(result_table(results)));
    add("metrics", "How sure is that?", (!figures.metrics.is_empty()).then(|| metrics(results, figures)));
    add("history", "Which approach takes over where", history::by_history(results, figures));
    add("groups", "Who is served worse", groups::by_group(results, facts));
    add("data", "Data and licence", Some(data::data(results, facts, figures)));
    add("features", "Product features", (!figures.features.is_empty()).then(|| cards(&figures.features, true)));
    add("context", "Context", (!figures.contexts.is_empty()).then(|| cards(&figures.contexts, false)));
    add("approaches", "Approaches", (!facts.approaches.is_empty()).then(|| approaches(facts, figures)));
    add(
        "users",
        "One user in detail",
        (!facts.details.is_empty()).then(|| users::users(&facts.details, &facts.chosen_by, config)),
    );
    add("provenance", "Do it again", Some(provenance(results, facts)));
    add("run", "This run", Some(run(results, facts)));
    sections
}

fn subtitle(results: &Results) -> String {
    let Results { dataset, split, .. } = results;
    let approaches = match results.approaches.len() {
        1 => "one approach".to_owned(),
        n => format!("{n} approaches"),
    };
    format!(
        "{approaches} on {}: {} ratings by {} users of {} products; split {}, {} to learn from, {} to stop by, {} held out.",
        dataset.name,
        cells::count(dataset.n_ratings),
        cells::count(dataset.n_users),
        cells::count(dataset.n_items),
        split.kind,
        cells::count(split.n_train),
        cells::count(split.n_valid),
        cells::count(split.n_test),
    )
}

fn result_table(results: &Results) -> Markup {
    let absent = results.columns().into_iter().filter(|column| !results.applies(column));
    let absent: Vec<String> = absent.map(Column::to_string).collect();
    html! {
        @for (title, names) in results.families() {
            @let shown: Vec<&Column> = names.iter().copied().filter(|name| results.applies(name)).collect();
            @if !shown.is_empty() {
                @if !title.is_empty() { h3 { (title) } }
                (table_of(results, title, &shown))
                (meanings(&shown))
            }
        }
        p.soft { (HOW_TO_READ) }
        @if results.repeat.is_some() { p.soft { (how_repeated(results)) } (shares(results)) }
        @if !absent.is_empty() { p.soft { "Of no meaning for these data: " (absent.join(", ")) "." } }
    }
}

/// What the columns of a table mean, beside it, each metric once.
fn meanings(shown: &[&Column]) -> Markup {
    let mut told: Vec<(&Column, &str)> = Vec::new();
    for name in shown {
        let Some(about) = meaning(name) else { continue };
        if told.iter().all(|(_, known)| *known != about) {
            told.push((name, about));
        }
    }
    html! {
        @if !told.is_empty() {
            dl.meanings { @for (name, about) in told { div { dt { (name) } dd { (about) } } } }
        }
    }
}

/// The share of each metric's variance that is due to the repetitions.
fn shares(results: &Results) -> Markup {
    let names = results.columns_with_shares();
    let share = |approach: &str, name: &Column| {
        let share = results.share_of_repetitions(approach, name);
        share.map_or_else(|| cells::NOTHING.to_owned(), |share| format!("{:.0} %", 100.0 * share))
    };
    let row = |approach: &crate::ApproachResult| {
        let shares = names.iter().map(|name| share(&approach.name, name));
        [approach.name.clone()].into_iter().chain(shares).collect::<Vec<_>>()
    };
    let rows = results.approaches.iter().map(row);
    let rows: Vec<Vec<String>> = rows.filter(|row| row[1..].iter().any(|cell| cell != cells::NOTHING)).collect();
    let header: Vec<String> =
        ["approach".to_owned()].into_iter().chain(names.iter().map(ToString::to_string)).collect();
    html! {
        @if !rows.is_empty() {
            h3 { "Share of variance due to the repetitions" }
            p { (SHARES) }
            (wide("Share of variance", &table(&header, 1, rows.into_iter())))
        }
    }
}

/// A table or a diagram that may be wider than the page: it scrolls by itself, and says so where it does, without a
/// script.
pub(crate) fn wide(label: &str, table: &Markup) -> Markup {
    html! {
        div.wide role="region" aria-label=(label) tabindex="0" {
            div.all {
                div.hint aria-hidden="true" { span { "scroll sideways →" } }
                (table)
            }
        }
    }
}

fn table_of(results: &Results, title: &str, shown: &[&Column]) -> Markup {
    let label = if title.is_empty() { "Table of results".to_owned() } else { format!("Table of results: {title}") };
    html! {
        (wide(&label, &html! {
            table.results {
                thead {
                    tr {
                        th scope="col" { "approach" }
                        @for name in shown {
                            th.number scope="col" { (breakable(name)) @if results.is_error(name) { abbr title="lower is better" { " ↓" } } }
                        }
                    }
                }
                tbody {
                    @for approach in &results.approaches {
                        tr {
                            th scope="row" { (approach.name) }
                            @for name in shown {
                                @let value = approach.metrics.get(name);
                                @let cell = cells::repeated(value, results.deviation(&approach.name, name));
                                @if value.is_some() && value == results.best(name) {
                                    td.number.best { strong { (cell) "*" } }
                                } @else {
                                    td.number { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }))
    }
}

/// A name that may break at its joints.
pub(crate) fn breakable(column: &Column) -> Markup {
    let name = column.to_string();
    let parts = name.split_inclusive('_').flat_map(|part| {
        let (stem, k) = part.split_at(part.find('@').unwrap_or(part.len()));
        [stem, k].into_iter().filter(|part| !part.is_empty())
    });
    html! { @for (n, part) in parts.enumerate() { @if n > 0 { wbr; } (part) } }
}

fn metrics(results: &Results, figures: &Figures) -> Markup {
    html! {
        @if results.approaches.iter().any(|one| !one.intervals.is_empty()) {
            p {
                "The line around a dot is its 95 % interval: how far the number could be off because the test set has these "
                "users and not others (bootstrap over users). Where two lines overlap widely, the difference may be luck. "
                "Another split or another seed is another matter."
            }
        }
        // Nobody reads a page of thirty figures.
        @let (first, further) = figures.metrics.split_at(figures.metrics.len().min(FIRST_METRICS));
        (cards(first, false))
        @if !further.is_empty() {
            details {
                summary { "Further metrics" }
                (cards(further, false))
            }
        }
    }
}

/// Drawings side by side where there is room; with `captioned`, each has its description below it.
fn cards(drawings: &[Drawing], captioned: bool) -> Markup {
    html! {
        div.cards {
            @for drawing in drawings {
                figure {
                    (PreEscaped(drawing.inline()))
                    @if captioned { figcaption { (drawing.description) } }
                }
            }
        }
    }
}

fn approaches(facts: &Facts, figures: &Figures) -> Markup {
    html! {
        @for ApproachFacts { name, about, .. } in &facts.approaches {
            article {
                h3 { (name) }
                p { (about) "." }
                @if let Some((_, diagram)) = figures.diagrams.iter().find(|(known, _)| known == name) {
                    figure.diagram {
                        (wide(&format!("Diagram of {name}"), &html! {
                            div style={ "--width:" (diagram.width()) "px" } { (PreEscaped(diagram.inline())) }
                        }))
                    }
                }
                @if let Some((_, curves)) = figures.training.iter().find(|(known, _)| known == name) {
                    (cards(curves, true))
                }
            }
        }
    }
}

fn provenance(results: &Results, facts: &Facts) -> Markup {
    let experiment = &facts.provenance.experiment;
    let mut conditions =
        vec![("seed".to_owned(), results.seed.to_string()), ("device".to_owned(), results.device.clone())];
    conditions.extend(facts.provenance.versions.iter().cloned());
    html! {
        (definitions(&conditions))
        @if !experiment.is_empty() {
            p { "Save the experiment below as " code { "experiment.toml" } ", and " code { "reco run experiment.toml" } " does it again, to the last bit on such a device." }
            details {
                summary { "The whole experiment, every default filled in" }
                pre tabindex="0" { code { (experiment) } }
            }
        }
        @if !facts.checksums.is_empty() {
            details {
                summary { "Checksums (SHA-256)" }
                (wide("Checksums", &html! {
                    (table(&["file", "sha256"], 0, facts.checksums.iter().map(|(file, sum)| vec![file.clone(), sum.clone()])))
                }))
            }
        }
    }
}

/// All that another run would measure differently.
fn run(results: &Results, facts: &Facts) -> Markup {
    let or_nothing = |n: Option<usize>| n.map_or_else(|| cells::NOTHING.to_owned(), cells::count);
    let training = results.approaches.iter().map(|approach| {
        let log = facts.training.iter().find(|(name, _)| *name == approach.name).map(|(_, log)| log);
        vec![
            approach.name.clone(),
            cells::count(approach.n_parameters),
            or_nothing(approach.epochs),
            or_nothing(log.map(|log| log.best_epoch)),
            cells::seconds(approach.train_seconds),
            or_nothing(approach.ratings_per_second.map(|rate| rate.round() as usize)),
        ]
    });
    let header = ["approach", "parameters", "epochs", "best epoch", "seconds", "ratings a second"];
    html! {
        @if !facts.provenance.command.is_empty() { pre tabindex="0" { code { (facts.provenance.command) } } }
        (wide("Training", &html! { (table(&header, 1, training)) }))
        @if !facts.provenance.work.is_empty() {
            details {
                summary { "What each folder took" }
                (wide("Work", &html! {
                    (table(&["folder", "device", "seconds", "peak memory"], 2, facts.provenance.work.iter().map(work)))
                }))
            }
        }
    }
}

fn work(work: &Work) -> Vec<String> {
    let memory = work.peak_memory_bytes.map(|bytes| format!("{} MiB", cells::count((bytes >> 20) as usize)));
    let device = if work.device.is_empty() { cells::NOTHING } else { &work.device };
    vec![
        work.what.clone(),
        device.to_owned(),
        cells::seconds(work.seconds),
        memory.unwrap_or_else(|| cells::NOTHING.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::tests::facts;
    use crate::results::tests::{column, sample};
    use crate::{DetailList, DetailRow, Provenance, Recommended, RecommendedItem, Suggestion, UserDetail};

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
        let ids = [
            "summary",
            "results",
            "metrics",
            "data",
            "features",
            "context",
            "approaches",
            "users",
            "provenance",
            "run",
        ];
        let places: Vec<usize> = ids.iter().map(|id| page.find(&format!("<section id=\"{id}\"")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        for said in
            ["not for &lt;sale&gt;", "<strong>0.3000*</strong>", "00ff", "seed = 42", "burn", "0.22.1", "reco run"]
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
        assert!(
            page.contains("<strong>0.2500*</strong>") && !page.contains("<th class=\"number\" scope=\"col\">0 (0)")
        );
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
        // `hybrid` alone is the only best one anywhere in the first figure; `neural` and the others are as good as each other.
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
        assert_eq!(breakable(&column("article_mrr@10")).into_string(), "article_<wbr>mrr<wbr>@10");
        assert_eq!(breakable(&column("mae")).into_string(), "mae");
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
}
