//! Saves and loads the weights of this crate's models.
//!
//! Does not know what they learned. The file is `weights.json`: the approach's name, a version, the sizes of the
//! catalogue and whatever the model itself serialises to. Many numbers go into files beside it.
//!
//! **Invariant**: weights are loaded only if the same approach saved them, for a catalogue of the same size.

use std::error::Error;
use std::fs;
use std::path::Path;

use reco_core::{Catalogue, LoadError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FILE: &str = "weights.json";
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    approach: String,
    version: u32,
    n_users: usize,
    n_items: usize,
    weights: T,
}

/// Writes `weights` into `folder`.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn save<T: Serialize>(
    folder: &Path,
    approach: &'static str,
    catalogue: &Catalogue,
    weights: T,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (n_users, n_items) = (catalogue.n_users(), catalogue.n_items());
    let envelope = Envelope { approach: approach.to_owned(), version: VERSION, n_users, n_items, weights };
    save_file(folder, FILE, &serde_json::to_vec(&envelope)?)
}

/// Writes `bytes` into the file `name` of `folder`: many numbers, beside the weights.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn save_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
    Ok(())
}

/// Reads back what [`save_file`] wrote; `read` gives `None` for bytes that are something else.
///
/// # Errors
/// [`LoadError::Weights`] for a file that is missing or damaged.
pub(crate) fn load_file<T>(
    folder: &Path,
    name: &str,
    approach: &'static str,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, LoadError> {
    let path = folder.join(name);
    let refuse = |reason| LoadError::Weights { path: path.display().to_string(), approach, reason };
    let bytes = fs::read(&path).map_err(|error| refuse(error.to_string()))?;
    read(&bytes).ok_or_else(|| refuse(format!("its `{}` bytes are not the numbers of this catalogue", bytes.len())))
}

/// Reads back what [`save`] wrote.
///
/// # Errors
/// [`LoadError::Weights`] for a file that is missing, damaged, another approach's or made for another catalogue.
pub(crate) fn load<T: DeserializeOwned>(
    folder: &Path,
    approach: &'static str,
    catalogue: &Catalogue,
) -> Result<T, LoadError> {
    let refuse = |reason| refuse(folder, approach, reason);
    let bytes = fs::read(folder.join(FILE)).map_err(|error| refuse(error.to_string()))?;
    let envelope: Envelope<T> = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
    if envelope.approach != approach || envelope.version != VERSION {
        return Err(refuse(format!("it is version `{}` of `{}`", envelope.version, envelope.approach)));
    }
    let expected = (catalogue.n_users(), catalogue.n_items());
    let (n_users, n_items) = (envelope.n_users, envelope.n_items);
    if (n_users, n_items) != expected {
        return Err(refuse(format!(
            "it was made for `{n_users}` users and `{n_items}` items, and the catalogue has `{}` and `{}`",
            expected.0, expected.1
        )));
    }
    Ok(envelope.weights)
}

/// The refusal of the weights in `folder`.
pub(crate) fn refuse(folder: &Path, approach: &'static str, reason: String) -> LoadError {
    LoadError::Weights { path: folder.join(FILE).display().to_string(), approach, reason }
}
