//! Runs `reco describe`: shows a trained network as a table, as JSON, as a Mermaid flowchart or as an SVG picture.
//!
//! Does not know networks: each describes itself when it is trained, and reco-run reads that description.
//!
//! **Invariant**: a picture is written whole or not at all; everything else goes to stdout.

use reco_run::{Output, describe as layers, diagram, mermaid, summary};
use serde_json::json;

use crate::args::DescribeArgs;
use crate::interrupt::Interrupt;
use crate::text;

/// `reco describe`
pub(crate) fn describe(args: &DescribeArgs) -> anyhow::Result<()> {
    let picture = args.svg.as_deref().map(Output::at).transpose()?;
    let (name, graph) = layers(&args.models, args.approach.as_deref())?;
    if let (Some(picture), Some(file)) = (picture, &args.svg) {
        // From here on ctrl-C waits for the moment that writing takes, so that nothing half-written is left.
        Interrupt::listen()?;
        picture.write_text(&diagram(&name, &graph).alone())?;
        if !args.mermaid && !args.json {
            text::say(&format!("`{}`: the diagram of {name}", file.display()));
            return Ok(());
        }
    }
    if args.json {
        return text::print_json(&json!({
            "model": name, "network": graph.name, "layers": graph.layers, "n_parameters": graph.n_parameters(),
        }));
    }
    text::print(&if args.mermaid { mermaid(&graph) } else { summary(&graph) })
}
