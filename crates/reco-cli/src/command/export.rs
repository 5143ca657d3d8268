//! Runs `reco export`: writes a trained model in forms that other programs read.
//!
//! Does not know formats: reco-run does.
//!
//! **Invariant**: what is written is written whole.

use anyhow::{Context as _, bail};
use reco_core::DeviceChoice;
use reco_run::{Artifact, AskedBy, ExportFormat, choose, export as write, find};
use reco_serve::export_web;

use crate::args::{ExportArgs, Format};
use crate::interrupt::Interrupt;
use crate::progress::Watch;
use crate::text;

/// `reco export`
pub(crate) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let format = match args.format {
        Format::Onnx => ExportFormat::Onnx,
        Format::Embeddings => ExportFormat::Embeddings,
        Format::Web => return web(args),
    };
    if args.wasm.is_some() {
        bail!("`--wasm` is of `--format web` alone\nhint: leave it out");
    }
    let folder = match &args.approach[..] {
        [] => choose(&args.models, AskedBy::Users)?.folder,
        [name] => find(&args.models, name)?,
        [_, other, ..] => bail!("`{other}` is one approach too many\nhint: only `--format web` takes several"),
    };
    let watch = Watch::new(Interrupt::listen()?);
    let artifact = Artifact::load_watched(&folder, DeviceChoice::Cpu, &watch)?;
    write(&artifact, format, &args.out)?;
    text::say(&format!(
        "`{}`: {} for {} items",
        args.out.display(),
        artifact.config.name,
        artifact.catalogue().n_items()
    ));
    Ok(())
}

fn web(args: &ExportArgs) -> anyhow::Result<()> {
    let beside = || -> anyhow::Result<_> {
        Ok(std::env::current_exe().context("the program does not know where it lies")?.with_file_name("reco.wasm"))
    };
    let wasm = args.wasm.clone().map_or_else(beside, Ok)?;
    let page = export_web(&args.models, &args.approach, &wasm, &args.out)?;
    let out = args.out.display();
    text::say(&format!("`{out}`: {}, {:.1} MB", page.approaches.join(", "), page.n_bytes as f64 / 1e6));
    if !page.left_out.is_empty() {
        text::say(&format!("on a server alone: {}", page.left_out.join(", ")));
    }
    text::say(&format!("look at it: `python3 -m http.server --directory {out}`, or put the folder on any web server"));
    Ok(())
}
