//! Defines the arguments of `reco export`.
//!
//! Does not know formats.
//!
//! **Invariant**: each argument documents itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `reco export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The trained approach; left out, the one that ranked best on validation. `web` takes several; left out, all that
    /// answer in a browser
    pub(crate) approach: Vec<String>,
    /// What it is written as
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// The file that `onnx` writes, or the folder that the other formats write to
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// The folder that a run wrote with `--out`, or the folder of models in it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) models: PathBuf,
    /// What answers in the browser, for `web`; left out, the file `reco.wasm` beside this program
    #[arg(long, value_name = "FILE")]
    pub(crate) wasm: Option<PathBuf>,
}

/// A format.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// A graph from users, or from histories, to the scores of all items, for any runtime of ONNX: networks, `ease`,
    /// `svd`, `svdpp`, `ials`
    Onnx,
    /// Parquet tables of users' and items' vectors, whose dot products are the scores before they are clamped to the
    /// rating scale, for stores that search vectors: `svd`, `svdpp`, `ials`, networks for lists
    Embeddings,
    /// The page of `reco serve` as static files: visitors rate items and are recommended others by models that run in
    /// their browser; no user of the data is in it, and nothing leaves the browser. `popularity`, `top-rated`, `svd`,
    /// `svdpp`, `ease`, `ials`, `item-features`
    Web,
}
