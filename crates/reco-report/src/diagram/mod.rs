//! Draws a network as Keras' `plot_model(show_shapes=True, show_layer_names=True)` does.
//!
//! A box per layer has its name, kind, output shape and parameters, with the inputs on top. Does not know where boxes
//! go: `layout` does.
//!
//! **Invariant**: every layer has a box and every connection an edge; no edge passes through a box.

mod layout;
mod mermaid;
mod summary;

use std::fmt::Write as _;

use reco_core::{Layer, LayerGraph};

use self::layout::{Edge, Layout, Place};
use crate::canvas::{Anchor, Canvas, Words, bold_width, text_width};
use crate::palette;
use crate::{Drawing, cells, file_name};

pub use mermaid::mermaid;
pub use summary::summary;

/// Font sizes: of a layer's name, and of the rest.
const NAME_SIZE: f64 = 13.0;
const SMALL: f64 = 11.5;

/// Pixels around the text of a box.
const PADDING: f64 = 10.0;

/// Height of every box: three lines.
const BOX_HEIGHT: f64 = 60.0;

/// Half the width of an arrow's head, and its length.
const ARROW: f64 = 4.0;

/// The diagram of a network that the experiment calls `approach`.
pub fn diagram(approach: &str, graph: &LayerGraph) -> Drawing {
    let sizes: Vec<f64> = graph.layers.iter().map(width).collect();
    let Layout { width, height, places, edges } = layout::layout(graph, &sizes, BOX_HEIGHT);
    let head = 30.0;
    let title = format!("{approach}: {} ({} parameters)", graph.name, cells::count(graph.n_parameters()));
    let width = width.max(bold_width(&title, 14.0) + 8.0);
    let mut canvas = Canvas::new(width, height + head);
    canvas.text(&title, 2.0, 17.0, Words::new(14.0, palette::INK).bold());
    for edge in &edges {
        draw_edge(&mut canvas, edge, head);
    }
    for (layer, place) in graph.layers.iter().zip(&places) {
        draw_box(&mut canvas, layer, place, head);
    }
    let told: Vec<String> = graph.layers.iter().map(tell).collect();
    let description = format!("{} layers. {}.", graph.layers.len(), told.join("; "));
    canvas.finish(&format!("diagram-{}", file_name(approach)), &title, &description)
}

/// `(None, 50)`: the batch's size is unknown, the rest is known.
pub(crate) fn shape(layer: &Layer) -> String {
    format!("(None, {})", layer.output_size)
}

/// `Dense · relu`
fn kind(layer: &Layer) -> String {
    if layer.detail.is_empty() { layer.kind.clone() } else { format!("{} · {}", layer.kind, layer.detail) }
}

fn parameters(layer: &Layer) -> String {
    match layer.n_parameters {
        0 => String::new(),
        n => format!("{} parameters", cells::count(n)),
    }
}

fn tell(layer: &Layer) -> String {
    let mut text = format!("{}, {}, output {}", layer.name, kind(layer), shape(layer));
    if layer.n_parameters > 0 {
        let _ = write!(text, ", {}", parameters(layer));
    }
    if !layer.inputs.is_empty() {
        let _ = write!(text, ", reads {}", layer.inputs.join(" and "));
    }
    text
}

/// The third line has the shape to the left and the parameters to the right.
fn width(layer: &Layer) -> f64 {
    let last = text_width(&shape(layer), SMALL) + text_width(&parameters(layer), SMALL) + 14.0;
    let widest = [bold_width(&layer.name, NAME_SIZE), text_width(&kind(layer), SMALL), last];
    (widest.into_iter().fold(0.0, f64::max) + 2.0 * PADDING).ceil()
}

fn draw_box(canvas: &mut Canvas, layer: &Layer, place: &Place, head: f64) {
    let (left, top) = (place.x - place.width / 2.0, place.y + head);
    let fill = if layer.kind == "Input" { palette::SURFACE } else { palette::RAISED };
    canvas.card(left, top, place.width, BOX_HEIGHT, fill, palette::AXIS);
    let right = left + place.width - PADDING;
    let left = left + PADDING;
    canvas.text(&layer.name, left, top + 18.0, Words::new(NAME_SIZE, palette::INK).bold());
    canvas.text(&kind(layer), left, top + 34.0, Words::new(SMALL, palette::SOFT));
    canvas.text(&shape(layer), left, top + 50.0, Words::new(SMALL, palette::SOFT));
    if layer.n_parameters > 0 {
        canvas.text(&parameters(layer), right, top + 50.0, Words::new(SMALL, palette::SOFT).at(Anchor::End));
    }
}

/// Curves between ranks, straight lines through them, and an arrow's head.
fn draw_edge(canvas: &mut Canvas, edge: &Edge, head: f64) {
    let mut data = String::new();
    let mut from = None;
    for &(x, y) in &edge.points {
        let y = y + head;
        match from {
            None => {
                let _ = write!(data, "M{x:.1} {y:.1}");
            }
            // The edge runs down a column of its own, past the boxes of a rank.
            Some((before, _)) if before == x => {
                let _ = write!(data, "V{y:.1}");
            }
            Some((before, above)) => {
                let middle = (above + y) / 2.0;
                let _ = write!(data, "C{before:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}");
            }
        }
        from = Some((x, y));
    }
    canvas.curve(&data, palette::AXIS, 1.3);
    if let Some((x, y)) = from {
        let (left, right, top) = (x - ARROW, x + ARROW, y - 2.0 * ARROW);
        canvas.shape(&format!("M{left:.1} {top:.1}L{right:.1} {top:.1}L{x:.1} {y:.1}z"), palette::AXIS);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small version of the article's second network, with a name that markup would trip over.
    pub(crate) fn small() -> LayerGraph {
        let mut graph = LayerGraph::new("Neural");
        graph.add("users_in", "Input", "", &[], 1, 0);
        graph.add("cf_users", "Embedding", "", &["users_in"], 4, 12);
        graph.add("items_in", "Input", "", &[], 1, 0);
        graph.add("cf_items", "Embedding", "", &["items_in"], 4, 28);
        graph.add("cf", "Dot", "normalize", &["cf_users", "cf_items"], 1, 0);
        graph.add("nn_users", "Embedding", "", &["users_in"], 4, 12);
        graph.add("nn_items", "Embedding", "", &["items_in"], 4, 28);
        graph.add("nn_concat", "Concatenate", "", &["nn_users", "nn_items"], 8, 0);
        graph.add("a<b> & \"c\"", "Dense", "relu", &["nn_concat"], 2, 18);
        graph.add("concat", "Concatenate", "", &["cf", "a<b> & \"c\""], 3, 0);
        graph.add("y_out", "Dense", "linear", &["concat"], 1, 4);
        graph
    }

    #[test]
    fn every_layer_has_a_box_and_every_connection_an_arrow() {
        let drawing = diagram("neural", &small());
        let svg = drawing.alone();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
        // The background is a rectangle too; an edge is a curve and a head.
        assert_eq!(count("rect"), small().layers.len() + 1);
        assert_eq!(count("path"), 2 * small().layers.iter().map(|layer| layer.inputs.len()).sum::<usize>());
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        for text in ["a<b> & \"c\"", "Dot · normalize", "(None, 8)", "18 parameters", "neural: Neural (102 parameters)"]
        {
            assert!(texts.contains(&text), "{text} is not in {svg}");
        }
    }

    #[test]
    fn a_small_diagram_as_text() {
        let mut graph = LayerGraph::new("Two");
        graph.add("x_in", "Input", "", &[], 1, 0);
        graph.add("y_out", "Dense", "linear", &["x_in"], 1, 2);
        insta::assert_snapshot!(diagram("two", &graph).inline());
    }
}
