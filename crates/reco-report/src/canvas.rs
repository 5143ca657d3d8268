//! Builds a drawing from texts, lines and shapes, and turns it into SVG.
//!
//! Does not know charts or diagrams.
//!
//! **Invariant**: text is text, escaped by the `svg` crate; every colour is one of the palette's; the same calls give
//! the same bytes.

use std::fmt::Write as _;

use svg::Node as _;
use svg::node::Text;
use svg::node::element::Element;

use crate::palette::{self, Colour};

/// The font that the reader's system calls its own.
const FONTS: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'Liberation Sans', Arial, sans-serif";

/// A finished drawing.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Names its file: `metric-ndcg@10`.
    pub name: String,
    /// What it is, in a few words; also the heading inside it.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    /// Its width and height in pixels.
    pub(crate) size: (f64, f64),
    nodes: Vec<Element>,
}

impl Drawing {
    /// The SVG as a part of a page that brings the palette's rules. Ends without a newline.
    pub fn inline(&self) -> String {
        self.root().to_string()
    }

    /// The SVG as a file that stands alone, light or dark as its reader is.
    pub fn alone(&self) -> String {
        let mut root = self.root();
        let mut style = Element::new("style");
        style.append(Text::new(palette::alone_css()));
        let size = [("width", "100%"), ("height", "100%"), ("fill", palette::SURFACE.light)];
        let background = element("rect", size);
        // The background comes after the title and the description, and before all that is drawn.
        let children = root.get_children_mut();
        children.insert(2, Box::new(background));
        children.insert(2, Box::new(style));
        format!("{root}\n")
    }

    fn root(&self) -> Element {
        let (width, height) = (number(self.size.0), number(self.size.1));
        let mut root =
            element("svg", [("xmlns", "http://www.w3.org/2000/svg"), ("width", &width), ("height", &height)]);
        root.assign("viewBox", format!("0 0 {width} {height}"));
        root.assign("font-family", FONTS);
        root.assign("role", "img");
        for (name, text) in [("title", &self.title), ("desc", &self.description)] {
            let mut element = Element::new(name);
            element.append(Text::new(text.as_str()));
            root.append(element);
        }
        for node in &self.nodes {
            root.append(node.clone());
        }
        root
    }
}

/// Where a text has its anchor, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    pub(crate) size: f64,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    pub(crate) bold: bool,
}

impl Words {
    /// Text of that size in pixels, to the right of its anchor.
    pub(crate) fn new(size: f64, colour: Colour) -> Self {
        Self { size, colour, anchor: Anchor::Start, bold: false }
    }

    /// With another anchor.
    pub(crate) fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// In bold.
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// A drawing under construction. Coordinates are pixels from the upper left corner.
pub(crate) struct Canvas {
    size: (f64, f64),
    nodes: Vec<Element>,
    /// Areas of one colour in a row, which become one path.
    area: Option<(Colour, String)>,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: (width, height), nodes: Vec::new(), area: None }
    }

    pub(crate) fn finish(mut self, name: &str, title: &str, description: &str) -> Drawing {
        self.end_area();
        Drawing {
            name: name.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            size: self.size,
            nodes: self.nodes,
        }
    }

    /// One line of text whose baseline starts, ends or is centred at (`x`, `y`).
    pub(crate) fn text(&mut self, text: &str, x: f64, y: f64, words: Words) {
        self.push(text_element(text, x, y, words));
    }

    /// One line of text that runs upwards, its middle at (`x`, `y`).
    pub(crate) fn text_upwards(&mut self, text: &str, x: f64, y: f64, words: Words) {
        let mut element = text_element(text, x, y, words);
        element.assign("transform", format!("rotate(-90 {} {})", number(x), number(y)));
        self.push(element);
    }

    /// A box with rounded corners and an edge.
    pub(crate) fn card(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Colour, edge: Colour) {
        let mut element = element("rect", [("rx", "5"), ("fill", fill.light), ("stroke", edge.light)]);
        for (name, value) in [("x", x), ("y", y), ("width", width), ("height", height)] {
            element.assign(name, number(value));
        }
        self.push(element);
    }

    /// A line of that width through points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        let mut data = String::new();
        for &(x, y) in points {
            let _ = write!(data, "{}{} {}", if data.is_empty() { "M" } else { "L" }, number(x), number(y));
        }
        self.curve(&data, colour, width);
    }

    /// A curve along SVG path data.
    pub(crate) fn curve(&mut self, data: &str, colour: Colour, width: f64) {
        let mut path = element("path", [("d", data), ("fill", "none"), ("stroke", colour.light)]);
        path.assign("stroke-linejoin", "round");
        path.assign("stroke-width", number(width));
        self.push(path);
    }

    /// An area around SVG path data.
    pub(crate) fn shape(&mut self, data: &str, colour: Colour) {
        self.push(element("path", [("d", data), ("fill", colour.light)]));
    }

    /// A dot, or a ring.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: Colour, hollow: bool) {
        let fill = if hollow { palette::SURFACE } else { colour };
        let [x, y, radius] = [x, y, radius].map(number);
        let mut circle = element("circle", [("cx", &x), ("cy", &y), ("r", &radius), ("fill", fill.light)]);
        if hollow {
            circle.assign("stroke", colour.light);
            circle.assign("stroke-width", "1.5");
        }
        self.push(circle);
    }

    /// A rectangle. Consecutive ones of one colour become one path.
    pub(crate) fn area(&mut self, [left, top, right, bottom]: [f64; 4], colour: Colour) {
        if self.area.as_ref().is_none_or(|(known, _)| *known != colour) {
            self.end_area();
        }
        let (_, data) = self.area.get_or_insert_with(|| (colour, String::new()));
        let [x, y, width, height] = [left, top, right - left, bottom - top].map(number);
        let _ = write!(data, "M{x} {y}h{width}v{height}h-{width}z");
    }

    fn end_area(&mut self) {
        if let Some((colour, data)) = self.area.take() {
            self.shape(&data, colour);
        }
    }

    fn push(&mut self, element: Element) {
        self.end_area();
        self.nodes.push(element);
    }
}

fn element<const N: usize>(name: &str, attributes: [(&str, &str); N]) -> Element {
    let mut element = Element::new(name);
    attributes.into_iter().for_each(|(name, value)| element.assign(name, value));
    element
}

fn text_element(text: &str, x: f64, y: f64, words: Words) -> Element {
    let [x, y, size] = [x, y, words.size].map(number);
    let mut element = element("text", [("x", &x), ("y", &y), ("font-size", &size), ("fill", words.colour.light)]);
    match words.anchor {
        Anchor::Start => {}
        Anchor::Middle => element.assign("text-anchor", "middle"),
        Anchor::End => element.assign("text-anchor", "end"),
    }
    if words.bold {
        element.assign("font-weight", "600");
    }
    element.append(Text::new(text));
    element
}

/// A number with at most two decimals, without trailing zeros.
fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    // Not `-0`.
    format!("{}", rounded + 0.0)
}

/// About how wide `text` is at a font size of `size`: enough to leave room for it in any of [`FONTS`].
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    // The widths of DejaVu Sans, the widest of those that systems have for `sans-serif`.
    let em = |character: char| match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | 'I' | 'J' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '–' | '→' | '↓' => 1.0,
        'A'..='Z' => 0.74,
        's' | 'c' | 'z' | '_' | '·' => 0.55,
        character if character.is_ascii() => 0.64,
        character if (character as u32) < 0x1100 => 0.7,
        // Ideographs are as wide as high.
        _ => 1.0,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The same in bold.
pub(crate) fn bold_width(text: &str, size: f64) -> f64 {
    1.12 * text_width(text, size)
}

/// `text` cut to `width`, with an ellipsis where it was cut.
pub(crate) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    // No character is narrower than a third of the size: what lies further behind has no room in any case.
    let most = (width / size * 3.0).max(0.0) as usize;
    let mut kept: String = text.chars().take(most).collect();
    while kept.pop().is_some() {
        let cut = format!("{}…", kept.trim_end());
        if text_width(&cut, size) <= width {
            return cut;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_width_however_long_it_is() {
        assert_eq!(fitted("short", 10.0, 110.0), "short");
        let cut = fitted(&"long ".repeat(40), 10.0, 110.0);
        assert!(cut.ends_with('…') && text_width(&cut, 10.0) <= 110.0 && cut.len() > 15, "{cut}");
        // Character by character from its end, a text of this length would take hours.
        assert_eq!(fitted(&"long ".repeat(1_000_000), 10.0, 110.0), cut);
        assert_eq!(fitted("text", 10.0, 0.0), "…");
    }
}
