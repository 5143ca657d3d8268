//! Runs `reco export`: writes a trained model in forms that other programs read.
//!
//! Does not know formats: reco-run does.
//!
//! **Invariant**: what is written is written whole.

use reco_core::DeviceChoice;
use reco_run::{Artifact, AskedBy, ExportFormat, choose, export as write, find};

use crate::args::{ExportArgs, Format};
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco export`
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let folder = match &args.approach {
        Some(name) => find(&args.models, name)?,
        None => choose(&args.models, AskedBy::Users)?.folder,
    };
    let watch = Watch::new(Interrupt::listen()?);
    let artifact = Artifact::load_watched(&folder, DeviceChoice::Cpu, &watch)?;
    let format = match args.format {
        Format::Onnx => ExportFormat::Onnx,
        Format::Embeddings => ExportFormat::Embeddings,
    };
    write(&artifact, format, &args.out)?;
    text::say(&format!(
        "`{}`: {} for {} items",
        args.out.display(),
        artifact.config.name,
        artifact.catalogue().n_items()
    ));
    Ok(())
}
