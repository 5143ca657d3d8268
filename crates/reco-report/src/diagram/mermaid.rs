//! Writes a network as a Mermaid flowchart, which pages such as GitHub's draw themselves.
//!
//! Does not know where boxes go: the program that draws the chart does.
//!
//! **Invariant**: names are quoted and escaped, so that none is read as syntax.

use std::fmt::Write as _;

use reco_core::LayerGraph;

use super::{kind, parameters, shape};

/// A Mermaid flowchart of `graph`. Ends with a newline.
pub fn mermaid(graph: &LayerGraph) -> String {
    let mut text = "flowchart TB\n".to_owned();
    for (n, layer) in graph.layers.iter().enumerate() {
        let mut lines = vec![escaped(&layer.name), escaped(&kind(layer)), shape(layer)];
        lines.extend(Some(parameters(layer)).filter(|parameters| !parameters.is_empty()));
        let _ = writeln!(text, "    l{n}[\"{}\"]", lines.join("<br/>"));
    }
    for (to, layer) in graph.layers.iter().enumerate() {
        for input in &layer.inputs {
            if let Some(from) = graph.layers.iter().position(|other| other.name == *input) {
                let _ = writeln!(text, "    l{from} --> l{to}");
            }
        }
    }
    text
}

/// Mermaid's own entities: `#quot;` for `"`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '#' => escaped.push_str("#35;"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::tests::small;

    #[test]
    fn a_network_as_a_flowchart() {
        insta::assert_snapshot!(mermaid(&small()));
    }
}
