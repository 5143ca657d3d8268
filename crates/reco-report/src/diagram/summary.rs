//! Writes a network as a text table, as Keras' `model.summary()` does.
//!
//! Does not know the terminal.
//!
//! **Invariant**: the total is the sum of the column.

use comfy_table::{CellAlignment, LineStyle, Table, presets};
use reco_core::LayerGraph;

use super::{kind, shape};
use crate::cells;

/// One row per layer: name and kind, output shape, parameters, what it reads; then the total. Ends with a newline.
pub fn summary(graph: &LayerGraph) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(["layer (kind)", "output shape", "parameters", "connected to"]);
    for layer in &graph.layers {
        table.add_row([
            format!("{} ({})", layer.name, kind(layer)),
            shape(layer),
            cells::count(layer.n_parameters),
            layer.inputs.join(", "),
        ]);
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{}\n{}\ntotal: {} parameters\n", graph.name, table.trim_fmt(), cells::count(graph.n_parameters()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::tests::small;

    #[test]
    fn a_network_as_a_table() {
        insta::assert_snapshot!(summary(&small()));
    }
}
