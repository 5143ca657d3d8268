//! Reads ratings from a file or a folder into a [`Dataset`], through a temporary folder of tables.
//!
//! Does not know formats: reco-data does.
//!
//! **Invariant**: the temporary folder is removed, also where reading fails.

use std::path::Path;

use reco_data::{DataConfig, DataError, SilentIngest, StoredTables, ingest};

use crate::{Dataset, FeaturesConfig, FeaturesError, SplitConfig, prepare_stored};

/// Reads the ratings at `path` and splits them. The path is that of a CSV, TSV, JSON lines or Parquet file, or of a
/// public data set as it was published; `$NAME` in it is replaced from the environment. `data` states what cannot be
/// detected.
///
/// # Errors
/// A file that is missing or damaged, or whose columns cannot be detected; as [`prepare`](crate::prepare).
pub fn read(
    path: &Path,
    data: &DataConfig,
    features: &FeaturesConfig,
    split: &SplitConfig,
    seed: u64,
) -> Result<Dataset, FeaturesError> {
    let io = |source| DataError::Io { action: "make a folder in", path: std::env::temp_dir(), source };
    let tables = tempfile::tempdir().map_err(io)?;
    // The path replaces the places that `data` names.
    let path_text = path.display().to_string();
    let data = DataConfig { path: path_text, from: Vec::new(), fetch: String::new(), ..data.clone() };
    ingest(&data, path.parent().unwrap_or(path), tables.path(), &SilentIngest)?;
    prepare_stored(StoredTables::open(tables.path())?, features, split, seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ones_own_is_a_data_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ratings.csv");
        let mut text = "customer;film;stars\n".to_owned();
        for user in 0..10 {
            (0..10).for_each(|item| text += &format!("{user};film {item};{}\n", 1 + (user + item) % 5));
        }
        std::fs::write(&path, text).unwrap();
        let split = SplitConfig { validation: 0.0, ..SplitConfig::default() };
        let read = |path: &Path| read(path, &DataConfig::default(), &FeaturesConfig::default(), &split, 1);
        let dataset = read(&path).unwrap();
        assert_eq!((dataset.fit.len(), dataset.test.len(), dataset.catalogue.n_items()), (90, 10, 10));
        assert!(read(&folder.path().join("nowhere.csv")).is_err());
    }
}
