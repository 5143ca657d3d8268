//! Finds the files that an experiment's `[data]` stands for, and the source that reads them.
//!
//! Does not fetch, and reads no more than a digest needs.
//!
//! **Invariant**: the first place that exists wins, whatever lies at the later ones.

use std::path::{Path, PathBuf};

use reco_core::options::did_you_mean;

use crate::events::Events;
use crate::fetch::checksum;
use crate::source::{Files, SOURCES, Source};
use crate::{DataConfig, DataError};

/// The files that an experiment's `[data]` stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The data set's name.
    pub name: String,
    /// The entry of [`SOURCES`](crate::SOURCES) that reads it.
    pub source: String,
    /// The file or folder.
    pub path: PathBuf,
    /// SHA-256 of the raw ratings, as [`DatasetInfo`](crate::DatasetInfo) has it.
    pub sha256: String,
    /// Every file that is read and its SHA-256, in hexadecimal digits.
    pub inputs: Vec<(PathBuf, String)>,
}

/// Like [`Located`], without digests.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) source: &'static dyn Source,
    pub(crate) path: PathBuf,
    pub(crate) files: Files,
}

/// Finds the files that `config` stands for. `raw` is the folder of raw data.
///
/// # Errors
/// If no place exists, or nothing recognises what is there; if a file can't be read.
pub fn locate(config: &DataConfig, raw: &Path) -> Result<Located, DataError> {
    let found = find(config, raw)?;
    let facts = found.source.facts(&found.files);
    let sha256 = |path: &Path, skip_header| checksum::sha256(path, skip_header).map_err(DataError::io("read", path));
    let Files { ratings, items, users } = &found.files;
    let mut paths: Vec<&PathBuf> = [Some(ratings), items.as_ref(), users.as_ref()].into_iter().flatten().collect();
    // One file may describe both.
    paths.dedup();
    let inputs = paths.into_iter().map(|path| Ok((path.clone(), sha256(path, false)?)));
    let mut inputs = inputs.collect::<Result<Vec<_>, DataError>>()?;
    let ratings = match facts.digest_skips_header {
        true => sha256(ratings, true)?,
        false => inputs[0].1.clone(),
    };
    for path in Events::find(config)?.map(|events| events.files()).unwrap_or_default() {
        let digest = sha256(&path, false)?;
        inputs.push((path, digest));
    }
    Ok(Located { name: found.name, source: found.source.name().to_owned(), path: found.path, sha256: ratings, inputs })
}

/// The files that `config` stands for, without reading them; none where they cannot be located.
pub fn located_files(config: &DataConfig, raw: &Path) -> Vec<PathBuf> {
    let Ok(Found { path, files, .. }) = find(config, raw) else { return Vec::new() };
    let events = Events::find(config).ok().flatten().map(|events| events.files()).unwrap_or_default();
    [Some(path), Some(files.ratings), files.items, files.users].into_iter().flatten().chain(events).collect()
}

pub(crate) fn find(config: &DataConfig, raw: &Path) -> Result<Found, DataError> {
    let mut tried = Vec::new();
    for place in config.places() {
        let path = match expand(&place.path) {
            Ok(path) if path.is_empty() => raw.join(&place.fetch),
            Ok(path) => PathBuf::from(path),
            Err(unset) => {
                tried.push(format!("`{}` (${unset} is not set)", place.path));
                continue;
            }
        };
        if !path.exists() {
            tried.push(format!("`{}`", path.display()));
            continue;
        }
        let (source, path) = recognise(&place.source, &path)?;
        let files = source.files(&path, config)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let names = [Some(config.name.clone()), place.path.is_empty().then_some(place.fetch), stem];
        let name = names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_else(|| "data".to_owned());
        return Ok(Found { name, source, path, files });
    }
    let fetch = config.fetchable();
    let by_hand = "put the data there, or name a file or folder in `data.path`";
    Err(DataError::NotFound {
        what: format!("no data: nothing is at {}", tried.join(" or ")),
        hint: fetch.first().map_or_else(|| by_hand.to_owned(), |name| format!("`reco fetch {name}`, or {by_hand}")),
    })
}

/// The source called `name`, or for `auto` the first that recognises `path`; an archive often has one folder inside,
/// so the folders in `path` are tried as well.
fn recognise(name: &str, path: &Path) -> Result<(&'static dyn Source, PathBuf), DataError> {
    let mut candidates = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(DataError::io("read", path))?;
        let mut folders: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.is_dir());
        folders.sort();
        candidates.extend(folders);
    }
    let known = || SOURCES.iter().map(|source| source.name());
    if name != "auto" {
        let source = SOURCES.iter().find(|source| source.name() == name).ok_or_else(|| DataError::UnknownName {
            what: "source",
            name: name.to_owned(),
            hint: did_you_mean(name, known().chain(["auto"])),
        })?;
        let recognised = candidates.into_iter().find(|candidate| source.detect(candidate));
        // Where nothing is recognised, the source's own error says what is missing.
        return Ok((*source, recognised.unwrap_or_else(|| path.to_owned())));
    }
    for candidate in candidates {
        if let Some(source) = SOURCES.iter().find(|source| source.detect(&candidate)) {
            return Ok((*source, candidate));
        }
    }
    Err(DataError::NotFound {
        what: format!("no source recognises `{}`", path.display()),
        hint: format!(
            "it may be incomplete; or name one in `data.source`: `{}`",
            known().collect::<Vec<_>>().join("`, `")
        ),
    })
}

/// `path` with `$NAME` and `${NAME}` replaced by the environment's values.
///
/// # Errors
/// The first name that has no value.
pub fn expand(path: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, after) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((name, after)) => (name, after),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        expanded.push_str(&std::env::var(name).map_err(|_| name.to_owned())?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use checksum::{sha256, sha256_unless};

    #[test]
    fn variables_are_expanded() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(expand("a/$PATH/b").unwrap(), format!("a/{path}/b"));
        assert_eq!(expand("${PATH}b").unwrap(), format!("{path}b"));
        assert_eq!(expand("$RECO_NEVER_SET/x").unwrap_err(), "RECO_NEVER_SET");
        assert_eq!(expand("plain").unwrap(), "plain");
    }

    #[test]
    fn the_digest_can_leave_out_the_header() {
        let dir = tempfile::tempdir().unwrap();
        let (with, without) = (dir.path().join("with"), dir.path().join("without"));
        std::fs::write(&with, "a\tb\n1\t2\n").unwrap();
        std::fs::write(&without, "1\t2\n").unwrap();
        assert_eq!(sha256(&with, true).unwrap(), sha256(&without, false).unwrap());
        assert_ne!(sha256(&with, false).unwrap(), sha256(&without, false).unwrap());
        assert_eq!(sha256_unless(&with, true, &|| true).unwrap(), None, "told to stop");
        // The digest of no bytes, as every implementation gives it.
        std::fs::write(&with, "").unwrap();
        assert!(sha256(&with, false).unwrap().starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }

    #[test]
    fn says_where_it_looked() {
        let raw = Path::new("no-such-folder");
        let nothing = locate(&DataConfig::default(), raw).unwrap_err().to_string();
        assert!(
            nothing.starts_with("no data: nothing is at `no-such-folder/ml-100k`\nhint: `reco fetch ml-100k`, or ")
        );
        let unset = DataConfig { path: "$RECO_NEVER_SET/x".to_owned(), ..DataConfig::default() };
        let unset = locate(&unset, raw).unwrap_err().to_string();
        assert!(
            unset.contains("`$RECO_NEVER_SET/x` ($RECO_NEVER_SET is not set)\nhint: put the data there"),
            "{unset}"
        );
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ml-100k")).unwrap();
        let foreign = locate(&DataConfig::default(), dir.path()).unwrap_err().to_string();
        assert!(foreign.contains("no source recognises") && foreign.contains("`movielens-csv`, "), "{foreign}");
        let misspelt = DataConfig { source: "movielens-cvs".to_owned(), ..DataConfig::default() };
        let misspelt = locate(&misspelt, dir.path()).unwrap_err().to_string();
        assert_eq!(misspelt, "unknown source `movielens-cvs`\nhint: did you mean `movielens-csv`?");
    }
}
