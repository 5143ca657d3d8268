//! Writes a self-contained page of sections, and the parts that sections share.
//!
//! Styles, figures and the few lines of script are in it. Does not know what a section tells.
//!
//! **Invariant**: all text is escaped by the template library; without its script the page says the same.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::cells::DOWN;
use crate::tables::{Cell, TextTable};
use crate::{Drawing, palette};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// A part of the page.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) body: Markup,
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

/// Drawings side by side where there is room; with `captioned`, each has its description below it.
pub(crate) fn cards(drawings: &[Drawing], captioned: bool) -> Markup {
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

/// The heading of a column, which may break at its joints and explains its arrow.
pub(crate) fn heading(name: &str) -> Markup {
    let stem = name.strip_suffix(DOWN);
    let parts = stem.unwrap_or(name).split_inclusive('_').flat_map(|part| {
        let (stem, k) = part.split_at(part.find('@').unwrap_or(part.len()));
        [stem, k].into_iter().filter(|part| !part.is_empty())
    });
    html! {
        @for (n, part) in parts.enumerate() { @if n > 0 { wbr; } (part) }
        @if stem.is_some() { abbr title="lower is better" { (DOWN) } }
    }
}

/// Labels with their values.
pub(super) fn definitions(rows: &[(String, String)]) -> Markup {
    let rows = rows.iter().filter(|(_, value)| !value.is_empty());
    html! { dl { @for (label, value) in rows { div { dt { (label) } dd { (value) } } } } }
}

/// Heads of columns of numbers.
pub(crate) fn numbers(names: &[impl AsRef<str>]) -> Markup {
    html! { @for name in names { th.number scope="col" { (heading(name.as_ref())) } } }
}

/// A table of results with these cells as its head. A row is its name and the cells after it.
pub(crate) fn results(label: &str, head: &Markup, rows: impl Iterator<Item = (Markup, Markup)>) -> Markup {
    wide(
        label,
        &html! {
            table.results {
                thead { tr { (head) } }
                tbody { @for (name, cells) in rows { tr { th scope="row" { (name) } (cells) } } }
            }
        },
    )
}

/// A table of results whose columns after the first are numbers.
pub(super) fn of_numbers(label: &str, TextTable { header, rows }: &TextTable) -> Markup {
    let cells = |cells: &[Cell]| {
        html! {
            @for Cell { text, is_best } in cells {
                @if *is_best { td.number.best { strong { (text) "*" } } } @else { td.number { (text) } }
            }
        }
    };
    let head = html! { th scope="col" { (header[0]) } (numbers(&header[1..])) };
    results(label, &head, rows.iter().map(|(name, row)| (html! { (name) }, cells(row))))
}
