//! Reads ratings from a file or a folder into a [`Dataset`], without a folder of tables that stays.
//!
//! Does not know formats: reco-data does.
//!
//! **Invariant**: what was read by the way is gone afterwards.

use std::path::Path;

use reco_data::{DataConfig, DataError, SilentIngest, Tables, ingest};

use crate::{Dataset, FeaturesConfig, FeaturesError, SplitConfig, prepare};

/// Reads the ratings at `path`, CSV, TSV, JSON lines or Parquet as they come, or a public data set as it was published,
/// and splits them: `data` says what cannot be found out.
///
/// # Errors
/// A file that is not there, or whose path is empty or begins with `$NAME`, which is replaced from the environment; is
/// damaged, or of which it cannot be found out what its columns are; as [`prepare`].
pub fn read(
    path: &Path,
    data: &DataConfig,
    features: &FeaturesConfig,
    split: &SplitConfig,
    seed: u64,
) -> Result<Dataset, FeaturesError> {
    let io = |source| DataError::Io { action: "make a folder in", path: std::env::temp_dir(), source };
    let tables = tempfile::tempdir().map_err(io)?;
    // What `data` says of other places is not asked for.
    let path_text = path.display().to_string();
    let data = DataConfig { path: path_text, from: Vec::new(), fetch: String::new(), ..data.clone() };
    ingest(&data, path.parent().unwrap_or(path), tables.path(), &SilentIngest)?;
    prepare(&Tables::read(tables.path())?, features, split, seed)
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
