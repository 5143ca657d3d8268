//! Draws lines on logarithmic axes, in panels side by side: an SVG in docs/figures/.
//!
//! Does not know what they mean.
//!
//! **Invariant**: all panels have the same axes; a line of fewer than two points is not drawn, and one that is has its
//! name.

use anyhow::Result;
use svg::node::element::{Circle, Line as Rule, Polyline, Text, Title};

use super::record::shown;
use crate::bench::plot;
use crate::process::Workspace;

/// The size of a panel, with the room around it.
const PANEL: (f64, f64) = (240.0, 300.0);
/// Room at the left for numbers, above for titles, below for sizes.
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 30.0;
/// Room in each panel for the names of lines.
const NAMES: f64 = 80.0;
/// Between the names of two lines.
const APART: f64 = 14.0;

/// Colours of lines: they differ in brightness, and can be read on white and on black.
const COLOURS: [&str; 5] = ["#2a78d6", "#d6762a", "#3a9a5b", "#b04fb8", "#8a8a2e"];

/// Lines on common axes.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) lines: Vec<Line>,
}

/// Points from left to right, both numbers above 0.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Draws `panels` as docs/figures/`name`.svg; the line of Markdown that shows it. `unit` writes the numbers of the
/// axis.
pub(super) fn draw(
    workspace: &Workspace,
    name: &str,
    title: &str,
    panels: &[Panel],
    unit: fn(f64) -> String,
) -> Result<String> {
    let drawing = drawing(title, panels, unit).to_string() + "\n";
    plot::keep(workspace, name, &format!("{title}, both axes logarithmic"), drawing)
}

/// The decades that hold all of `numbers`: exponents of the first and the last.
fn decades(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), n| (low.min(n), high.max(n)));
    let (low, high) = (low.min(high).log10().floor(), high.log10().ceil());
    (low, high.max(low + 1.0))
}

fn drawing(title: &str, panels: &[Panel], unit: fn(f64) -> String) -> svg::Document {
    let (width, height) = (LEFT + PANEL.0 * panels.len() as f64, TOP + PANEL.1 + BOTTOM);
    let lines = || panels.iter().flat_map(|panel| &panel.lines).filter(|line| line.points.len() > 1);
    let points = || lines().flat_map(|line| line.points.iter().copied());
    let (x, y) = (decades(points().map(|(x, _)| x)), decades(points().map(|(_, y)| y)));
    let along = |n: f64, (low, high): (f64, f64)| (n.log10() - low) / (high - low);
    let text = |at: (f64, f64), anchor: &str, colour: &str, words: &str| {
        Text::new(words).set("x", round(at.0)).set("y", round(at.1)).set("text-anchor", anchor).set("fill", colour)
    };
    let grey = "#7a7a7a";
    let mut document = svg::Document::new()
        .set("viewBox", (0, 0, width as i64, height as i64))
        .set("font-family", "system-ui, sans-serif")
        .set("font-size", 12)
        .set("role", "img")
        .add(Title::new(title))
        .add(text((8.0, 18.0), "start", grey, title).set("font-weight", "bold"));
    for (number, panel) in panels.iter().enumerate() {
        let left = LEFT + PANEL.0 * number as f64;
        let place = |(a, b): (f64, f64)| {
            (left + along(a, x) * (PANEL.0 - NAMES), TOP + PANEL.1 - along(b, y) * (PANEL.1 - 10.0))
        };
        document = document.add(text((left, TOP - 8.0), "start", grey, panel.title));
        for exponent in y.0 as i32..=y.1 as i32 {
            let number = 10_f64.powi(exponent);
            let (from, to) = (place((10_f64.powf(x.0), number)), place((10_f64.powf(x.1), number)));
            document = document.add(rule(from, to));
            if left == LEFT {
                document = document.add(text((from.0 - 6.0, from.1 + 4.0), "end", grey, &unit(number)));
            }
        }
        for exponent in x.0 as i32..=x.1 as i32 {
            let number = 10_f64.powi(exponent);
            let (from, to) = (place((number, 10_f64.powf(y.0))), place((number, 10_f64.powf(y.1))));
            document =
                document.add(rule(from, to)).add(text((from.0, from.1 + 18.0), "middle", grey, &shown(number as u64)));
        }
        let drawn: Vec<(usize, &Line)> =
            panel.lines.iter().enumerate().filter(|(_, line)| line.points.len() > 1).collect();
        let ends: Vec<f64> = drawn.iter().map(|(_, line)| place(line.points[line.points.len() - 1]).1).collect();
        for (&(at, line), name_at) in drawn.iter().zip(apart(&ends)) {
            let colour = COLOURS[at % COLOURS.len()];
            let places: Vec<(f64, f64)> = line.points.iter().map(|&point| place(point)).collect();
            let joined: Vec<String> = places.iter().map(|(x, y)| format!("{},{}", round(*x), round(*y))).collect();
            let polyline = Polyline::new().set("points", joined.join(" ")).set("fill", "none").set("stroke", colour);
            document = document.add(polyline.set("stroke-width", 2));
            for (x, y) in &places {
                document = document
                    .add(Circle::new().set("cx", round(*x)).set("cy", round(*y)).set("r", 3).set("fill", colour));
            }
            let end = places[places.len() - 1].0;
            document = document.add(text((end + 8.0, name_at + 4.0), "start", colour, &line.name));
        }
    }
    document
}

fn rule(from: (f64, f64), to: (f64, f64)) -> Rule {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(round);
    Rule::new()
        .set("x1", x1)
        .set("y1", y1)
        .set("x2", x2)
        .set("y2", y2)
        .set("stroke", "#7a7a7a")
        .set("stroke-opacity", 0.3)
}

/// A tenth of a pixel is enough.
fn round(n: f64) -> f64 {
    (n * 10.0).round() / 10.0
}

/// The heights `ends`, moved down where two are too near for their names.
fn apart(ends: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|&a, &b| ends[a].total_cmp(&ends[b]));
    let mut moved = ends.to_vec();
    let mut least = f64::MIN;
    for at in order {
        moved[at] = moved[at].max(least);
        least = moved[at] + APART;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_hold_all_numbers() {
        assert_eq!(decades([0.5, 20.0].into_iter()), (-1.0, 2.0));
        assert_eq!(decades([10.0, 100.0].into_iter()), (1.0, 2.0));
        assert_eq!(decades([10.0].into_iter()), (1.0, 2.0), "one number has a decade of its own");
    }

    #[test]
    fn names_do_not_lie_on_each_other() {
        assert_eq!(apart(&[50.0, 10.0, 12.0]), [50.0, 10.0, 24.0]);
    }

    #[test]
    fn a_line_goes_from_corner_to_corner() {
        let line = |name: &str, points: &[(f64, f64)]| Line { name: name.to_owned(), points: points.to_vec() };
        let lines = vec![line("a < b", &[(1e5, 0.1), (1e8, 100.0)]), line("short", &[(1e5, 1.0)])];
        let text = drawing("seconds", &[Panel { title: "train", lines }], |n| format!("{n} s")).to_string();
        let [left, right] = [LEFT, LEFT + PANEL.0 - NAMES];
        let corners = format!("points=\"{left},{} {right},{}\"", TOP + PANEL.1, TOP + 10.0);
        assert!(text.contains(&corners), "{text}");
        assert!(text.contains("a &lt; b") && text.contains("0.1 s") && text.contains("100M"), "{text}");
        assert!(!text.contains("short"), "{text}");
    }
}
