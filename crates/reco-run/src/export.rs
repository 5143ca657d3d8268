//! Writes a trained model in forms that other programs read.
//!
//! `onnx` is a graph that ONNX's runtimes compute; `embeddings` are tables of vectors for stores that search them. The
//! weights themselves are read by anyone: `weights.safetensors` in the model's folder. Does not know which model it is.
//!
//! **Invariant**: what another program computes from it are the model's scores in the average moment, but for rounding;
//! from vectors alone, before they are clamped to the rating scale.

mod graph;
mod onnx;

use std::path::Path;

use reco_core::Matrix;
use reco_core::dot::Vectors;
use reco_data::table::{Column, Table};
use reco_data::{Output, TableOutput};

use crate::RunError;
use crate::artifact::Artifact;

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A graph from users, or histories, to the scores of all items.
    Onnx,
    /// Tables `users.parquet` and `items.parquet`: `row`, `id`, `vector`.
    Embeddings,
}

/// Writes `artifact` to `to`: a file `.onnx`, or a folder of tables.
///
/// # Errors
/// A model that the format cannot state; a file that cannot be written.
pub fn export(artifact: &Artifact, format: ExportFormat, to: &Path) -> Result<(), RunError> {
    match format {
        ExportFormat::Onnx => {
            let output = Output::at(to)?;
            Ok(output.write_bytes(&onnx::of(artifact)?)?)
        }
        ExportFormat::Embeddings => {
            let vectors = artifact.model.vectors()?.ok_or_else(|| refused(artifact, "embeddings", DOTS))?;
            std::fs::create_dir_all(to).map_err(RunError::writing(to))?;
            let Vectors { users, items, .. } = vectors;
            let catalogue = artifact.catalogue();
            let of_users = table(Column::of_ids(catalogue.users.ids().iter().map(|id| &id.0)), &users)?;
            let of_items = table(Column::of_ids(catalogue.items.ids().iter().map(|id| &id.0)), &items)?;
            TableOutput::at(&to.join("users.parquet"))?.write(&of_users)?;
            Ok(TableOutput::at(&to.join("items.parquet"))?.write(&of_items)?)
        }
    }
}

/// Models of dot products.
const DOTS: &str = "`svd`, `svdpp`, `ials` and networks for lists (`loss`) are made of vectors";

/// The error of a model that a format cannot state.
fn refused(artifact: &Artifact, format: &'static str, hint: &str) -> RunError {
    RunError::Export { name: artifact.config.name.clone(), format, hint: hint.to_owned() }
}

/// Row, id and vector.
fn table(ids: Column, vectors: &Matrix) -> Result<Table, RunError> {
    let mut table = Table::new();
    table.push("row", Column::U32((0..).take(vectors.n_rows()).collect()))?;
    table.push("id", ids)?;
    table.push("vector", Column::NumberList((0..vectors.n_rows()).map(|row| vectors.row(row).to_vec()).collect()))?;
    Ok(table)
}
