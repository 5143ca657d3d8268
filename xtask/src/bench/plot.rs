//! Draws figures as a bar chart: an SVG under docs/figures/, which the page shows.
//!
//! Does not know what they mean.
//!
//! **Invariant**: a bar's length is its number's share of the largest, and its number stands beside it.

use std::fs;

use anyhow::{Context as _, Result};
use svg::node::element::{Rectangle, Text, Title};

use crate::process::Workspace;

/// Where figures lie, seen from the page.
const FOLDER: &str = "figures";

const WIDTH: f64 = 760.0;
const ROW: f64 = 24.0;
/// Where bars begin, and how long the longest is.
const BARS: (f64, f64) = (230.0, 430.0);

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// The text beside it.
    pub(super) shown: String,
    pub(super) is_ours: bool,
}

/// Draws `bars` as docs/figures/`name`.svg; the line of Markdown that shows it.
pub(super) fn bars(workspace: &Workspace, name: &str, title: &str, bars: &[Bar]) -> Result<String> {
    keep(workspace, name, title, drawing(title, bars))
}

/// Writes `drawing` as docs/figures/`name`.svg; the line of Markdown that shows it as `title`.
pub(super) fn keep(workspace: &Workspace, name: &str, title: &str, drawing: String) -> Result<String> {
    let folder = workspace.root().join("docs").join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `docs/{FOLDER}`"))?;
    let file = format!("{name}.svg");
    fs::write(folder.join(&file), drawing).with_context(|| format!("cannot write `{file}`"))?;
    Ok(format!("![{title}]({FOLDER}/{file})\n"))
}

fn drawing(title: &str, bars: &[Bar]) -> String {
    let height = ROW * (bars.len() as f64 + 2.0);
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    // Grey that can be read on white and on black.
    let text = |x: f64, y: f64, anchor: &str, words: &str| {
        Text::new(words).set("x", x).set("y", y).set("text-anchor", anchor).set("fill", "#7a7a7a")
    };
    let mut document = svg::Document::new()
        .set("viewBox", (0, 0, WIDTH as i64, height as i64))
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 13)
        .set("role", "img")
        .add(Title::new(title))
        .add(text(8.0, ROW, "start", title).set("font-weight", "bold"));
    for (row, bar) in bars.iter().enumerate() {
        let top = ROW * (row as f64 + 1.5);
        let length = (bar.value / most * BARS.1).max(1.0);
        document = document
            .add(text(BARS.0 - 8.0, top + 0.7 * ROW, "end", &bar.label))
            .add(
                Rectangle::new()
                    .set("x", BARS.0)
                    .set("y", top + 3.0)
                    .set("width", (length * 10.0).round() / 10.0)
                    .set("height", ROW - 6.0)
                    .set("rx", 2)
                    .set("fill", if bar.is_ours { "#2a78d6" } else { "#9a9a9a" }),
            )
            .add(text(BARS.0 + length.round() + 8.0, top + 0.7 * ROW, "start", &bar.shown));
    }
    document.to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_the_longest_and_numbers_stand_beside() {
        let bar = |label: &str, value: f64, is_ours| Bar {
            label: label.to_owned(),
            value,
            shown: format!("{value} k"),
            is_ours,
        };
        let text = drawing("a < b", &[bar("reco", 200.0, true), bar("other & co", 50.0, false)]);
        assert!(text.contains("width=\"430\"") && text.contains("width=\"107.5\""), "{text}");
        assert!(text.contains("200 k") && text.contains("other &amp; co") && text.contains("a &lt; b"), "{text}");
    }
}
