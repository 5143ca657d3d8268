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
    /// The trained approach; left out, the one that ranked best on validation
    pub(crate) approach: Option<String>,
    /// What it is written as
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// The file that `onnx` writes, or the folder of tables that `embeddings` writes
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// The folder that a run wrote with `--out`, or the folder of models in it
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) models: PathBuf,
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
}
