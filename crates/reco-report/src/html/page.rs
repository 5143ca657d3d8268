//! Writes a self-contained page of sections, and the parts that sections share.
//!
//! Styles, figures and the few lines of script are in it. Does not know what a section tells.
//!
//! **Invariant**: all text is escaped by the template library; without its script the page says the same.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use reco_eval::Column;

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
pub(super) fn cards(drawings: &[Drawing], captioned: bool) -> Markup {
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

/// A name that may break at its joints.
pub(crate) fn breakable(column: &Column) -> Markup {
    let name = column.to_string();
    let parts = name.split_inclusive('_').flat_map(|part| {
        let (stem, k) = part.split_at(part.find('@').unwrap_or(part.len()));
        [stem, k].into_iter().filter(|part| !part.is_empty())
    });
    html! { @for (n, part) in parts.enumerate() { @if n > 0 { wbr; } (part) } }
}

/// Labels with their values.
pub(super) fn definitions(rows: &[(String, String)]) -> Markup {
    html! {
        dl { @for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { div { dt { (label) } dd { (value) } } } }
    }
}

/// A table whose columns from `numbers` on are aligned to the right.
pub(super) fn table(header: &[impl AsRef<str>], numbers: usize, rows: impl Iterator<Item = Vec<String>>) -> Markup {
    let class = |column: usize| (numbers > 0 && column >= numbers).then_some("number");
    html! {
        table {
            thead { tr { @for (column, name) in header.iter().enumerate() { th scope="col" class=[class(column)] { (name.as_ref()) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (column, cell) in row.iter().enumerate() {
                            @if column == 0 { th scope="row" { (cell) } } @else { td class=[class(column)] { (cell) } }
                        }
                    }
                }
            }
        }
    }
}
