//! Reads an experiment, from TOML or built in, with the chain of its `extends` and the `--set` overrides, into one JSON
//! object.
//!
//! Does not know what any key means: [`super::Experiment`] reads the object.
//!
//! **Invariant**: the chain ends, and no key `extends` remains; tables merge key by key, other values are replaced; a
//! base's `name` is dropped; where `split.kind` changes, the keys go that the new kind does not read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reco_core::options::did_you_mean;
use reco_data::is_table;
use reco_features::SplitConfig;
use serde_json::{Map, Value};

use super::ExperimentError;

/// The experiment that is built in.
pub const DEFAULT: &str = include_str!("../../experiments/default.toml");

/// What `extends` calls it.
const BUILT_IN: &str = "default";

/// Where an experiment comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The one that is built in: MovieLens 100K, the best approach of each kind.
    #[default]
    Default,
    /// A TOML file.
    File(PathBuf),
}

impl Source {
    /// Its name in messages.
    pub fn place(&self) -> String {
        match self {
            Self::Default => "the built-in experiment".to_owned(),
            Self::File(path) => format!("`{}`", path.display()),
        }
    }
}

/// The whole experiment as one JSON object, with `sets` (`split.kind=temporal`) applied last, in their order; and
/// whether its list of approaches differs from the built-in one.
///
/// # Errors
/// A file that is missing, is no TOML, or extends itself; an override without `=`, or of an approach that is not there.
pub(super) fn read(source: &Source, sets: &[String]) -> Result<(Map<String, Value>, bool), ExperimentError> {
    let built_in = || parse(&Source::Default.place(), DEFAULT);
    let mut table = match source {
        Source::Default => built_in()?,
        Source::File(path) => read_chain(path, &mut Vec::new())?,
    };
    let lists_approaches = table.get("approach") != built_in()?.get("approach");
    let kind = sets.iter().rev().find_map(|set| set.split_once('=').filter(|(key, _)| key.trim() == SPLIT_KIND));
    if let Some((_, kind)) = kind {
        drop_unread(&mut table, kind.trim().trim_matches(['"', '\'']));
    }
    for set in sets {
        apply(&mut table, set)?;
    }
    Ok((table, lists_approaches))
}

/// The key of the split's kind.
pub(super) const SPLIT_KIND: &str = "split.kind";

/// Removes from the split of `base`, which is to become one of `kind`, the keys that this kind does not read: they
/// belong to another.
pub(super) fn drop_unread(base: &mut Map<String, Value>, kind: &str) {
    if let Some(Value::Object(split)) = base.get_mut("split")
        && split.get("kind").and_then(Value::as_str) != Some(kind)
    {
        SplitConfig::unread(kind).for_each(|key| drop(split.remove(key)));
    }
}

/// Merges the table of a file into that of its base. Names are not inherited: another experiment has another name, and
/// so have other data.
fn extended(mut base: Map<String, Value>, table: Map<String, Value>) -> Map<String, Value> {
    base.remove("name");
    if let (Some(data), Some(other)) = (base.get_mut("data").and_then(Value::as_object_mut), table.get("data"))
        && ["path", "from", "fetch"].iter().any(|key| other.get(key).is_some())
    {
        data.remove("name");
    }
    if let Some(kind) = table.get("split").and_then(|split| split.get("kind")).and_then(Value::as_str) {
        drop_unread(&mut base, kind);
    }
    merge(&mut base, table);
    base
}

fn read_chain(path: &Path, chain: &mut Vec<PathBuf>) -> Result<Map<String, Value>, ExperimentError> {
    if path.is_file() && (is_table(path) || fs::read(path).is_ok_and(|bytes| str::from_utf8(&bytes).is_err())) {
        return Err(no_experiment(path));
    }
    let place = format!("`{}`", path.display());
    let text = fs::read_to_string(path).map_err(|error| match (error.kind(), chain.last()) {
        (io::ErrorKind::NotFound, None) => ExperimentError::Missing { path: path.display().to_string() },
        (io::ErrorKind::NotFound, Some(by)) => {
            ExperimentError::MissingBase { path: path.display().to_string(), by: by.display().to_string() }
        }
        _ => ExperimentError::Unreadable { path: path.display().to_string(), reason: error.to_string() },
    })?;
    let mut table = parse(&place, &text).map_err(|error| match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("toml") => error,
        _ => no_experiment(path),
    })?;
    let Some(extends) = table.remove("extends") else { return Ok(table) };
    let Value::String(extends) = extends else {
        return Err(ExperimentError::Extends { place, value: extends.to_string() });
    };
    if extends == BUILT_IN {
        return Ok(extended(parse(&Source::Default.place(), DEFAULT)?, table));
    }
    let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    chain.push(identity);
    let base = path.parent().unwrap_or(Path::new("")).join(extends);
    let base_identity = fs::canonicalize(&base).unwrap_or_else(|_| base.clone());
    if chain.contains(&base_identity) {
        let files = chain.iter().chain([&base_identity]).map(|file| format!("`{}`", file.display()));
        return Err(ExperimentError::Cycle { chain: files.collect::<Vec<_>>().join(" extends ") });
    }
    Ok(extended(read_chain(&base, chain)?, table))
}

/// The error where data were named in the place of an experiment.
fn no_experiment(path: &Path) -> ExperimentError {
    ExperimentError::Table { path: path.display().to_string() }
}

fn parse(place: &str, text: &str) -> Result<Map<String, Value>, ExperimentError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..start];
        ExperimentError::Syntax {
            place: place.to_owned(),
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            reason: error.message().to_owned(),
        }
    })?;
    table.into_iter().map(|(key, value)| Ok((key.clone(), json(place, &key, value)?))).collect()
}

fn json(place: &str, key: &str, value: toml::Value) -> Result<Value, ExperimentError> {
    Ok(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => {
                return Err(ExperimentError::NotFinite { place: place.to_owned(), key: key.to_owned(), value: number });
            }
        },
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => {
            values.into_iter().map(|value| json(place, key, value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(inner, value)| Ok((inner.clone(), json(place, &format!("{key}.{inner}"), value)?)))
            .collect::<Result<Map<_, _>, ExperimentError>>()?
            .into(),
    })
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Applies an override: `split.kind=temporal`, `evaluate.k=[5, 10]`, `approach.neural.epochs=3`. A value is TOML where
/// it can be, else text.
fn apply(table: &mut Map<String, Value>, set: &str) -> Result<(), ExperimentError> {
    let no_set = || ExperimentError::Set { set: set.to_owned() };
    let (path, text) = set.split_once('=').ok_or_else(no_set)?;
    let keys: Vec<&str> = path.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(no_set());
    }
    let place = format!("`--set {set}`");
    let value = match toml::from_str::<toml::Table>(&format!("value = {text}")) {
        Ok(mut parsed) if parsed.len() == 1 => match parsed.remove("value") {
            Some(value) => json(&place, path, value)?,
            None => return Err(no_set()),
        },
        _ => Value::String(text.trim().to_owned()),
    };
    set_at(table, keys, value, &place)
}

/// Sets the key that `path` names, `split.fold` or `approach.neural.epochs`; `place` names in errors who asked for it.
///
/// # Errors
/// A path through something that is no table, or to an approach that is not there.
pub(super) fn set(
    table: &mut Map<String, Value>,
    path: &str,
    value: Value,
    place: &str,
) -> Result<(), ExperimentError> {
    set_at(table, path.split('.').map(str::trim).collect(), value, place)
}

fn set_at(
    table: &mut Map<String, Value>,
    mut keys: Vec<&str>,
    value: Value,
    place: &str,
) -> Result<(), ExperimentError> {
    let last = keys.pop().unwrap_or_default();
    let mut slot = table;
    if keys.first() == Some(&"approach") && keys.len() >= 2 {
        slot = approach(slot, keys[1], place)?;
        keys.drain(..2);
    }
    for key in keys {
        slot = match slot.entry(key.to_owned()).or_insert_with(|| Map::new().into()) {
            Value::Object(inner) => inner,
            other => {
                let (place, key, value) = (place.to_owned(), key.to_owned(), other.to_string());
                return Err(ExperimentError::SetThroughValue { place, key, value });
            }
        };
    }
    slot.insert(last.to_owned(), value);
    Ok(())
}

fn approach<'a>(
    table: &'a mut Map<String, Value>,
    name: &str,
    place: &str,
) -> Result<&'a mut Map<String, Value>, ExperimentError> {
    let list = match table.get_mut("approach") {
        Some(Value::Array(list)) => list.as_mut_slice(),
        _ => &mut [],
    };
    let name_of = |entry: &Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<String> = list.iter().filter_map(name_of).collect();
    list.iter_mut().find(|entry| name_of(entry).as_deref() == Some(name)).and_then(Value::as_object_mut).ok_or_else(
        || ExperimentError::SetApproach {
            place: place.to_owned(),
            name: name.to_owned(),
            hint: did_you_mean(name, names.iter().map(String::as_str)),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn read_in(folder: &tempfile::TempDir, name: &str, sets: &[&str]) -> Result<Value, ExperimentError> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        read(&Source::File(folder.path().join(name)), &sets).map(|(table, _)| Value::Object(table))
    }

    #[test]
    fn extends_merges_tables_and_replaces_lists() {
        let folder = folder(&[
            ("base.toml", "seed = 1\n[split]\nkind = \"random\"\ntest = 0.2\n[[approach]]\nname = \"random\""),
            ("middle.toml", "extends = \"base.toml\"\nseed = 2\n[split]\ntest = 0.3"),
            ("top.toml", "extends = \"middle.toml\"\n[[approach]]\nname = \"content\""),
        ]);
        assert_eq!(
            read_in(&folder, "top.toml", &[]).unwrap(),
            json!({ "seed": 2, "split": { "kind": "random", "test": 0.3 }, "approach": [{ "name": "content" }] })
        );
    }

    #[test]
    fn the_built_in_experiment_can_be_extended_from_anywhere() {
        let folder = folder(&[("mine.toml", "extends = \"default\"\nseed = 7\n[split]\ntest = 0.2")]);
        let mine = read_in(&folder, "mine.toml", &[]).unwrap();
        assert_eq!((&mine["seed"], &mine["split"]["test"]), (&json!(7), &json!(0.2)));
        assert_eq!((mine.get("name"), &mine["split"]["kind"]), (None, &json!("per-user-random")));
        assert_eq!(mine["data"], json!({ "fetch": "ml-100k" }));
    }

    #[test]
    fn extending_oneself_is_an_error_that_shows_the_chain() {
        let folder = folder(&[("a.toml", "extends = \"b.toml\""), ("b.toml", "extends = \"a.toml\"")]);
        let error = read_in(&folder, "a.toml", &[]).unwrap_err().to_string();
        assert!(error.matches("a.toml").count() == 2 && error.contains("b.toml"), "{error}");
    }

    #[test]
    fn missing_files_and_syntax_errors_name_file_and_line() {
        let folder = folder(&[
            ("lost.toml", "extends = \"nowhere.toml\""),
            ("bad.toml", "seed = 1\n\n[split\nkind = 3"),
            ("number.toml", "extends = 3"),
            ("nan.toml", "[split]\ntest = nan"),
        ]);
        let message = |name: &str| read_in(&folder, name, &[]).unwrap_err().to_string();
        assert!(message("none.toml").contains("none.toml"), "{}", message("none.toml"));
        let lost = message("lost.toml");
        assert!(lost.contains("nowhere.toml") && lost.contains("lost.toml"), "{lost}");
        let bad = message("bad.toml");
        assert!(bad.contains("bad.toml` line 3"), "{bad}");
        assert!(message("number.toml").contains("`3`"));
        assert!(message("nan.toml").contains("`split.test`"));
    }

    #[test]
    fn overrides_are_toml_where_they_can_be() {
        let folder = folder(&[("a.toml", "seed = 1\n[[approach]]\nname = \"neural\"\nepochs = 100")]);
        let sets = ["seed=3", "split.kind=temporal", "evaluate.k=[5, 10]", "approach.neural.epochs=2", "data.path=a b"];
        assert_eq!(
            read_in(&folder, "a.toml", &sets).unwrap(),
            json!({
                "seed": 3, "split": { "kind": "temporal" }, "evaluate": { "k": [5, 10] },
                "approach": [{ "name": "neural", "epochs": 2 }], "data": { "path": "a b" }
            })
        );
        for (set, expected) in [
            ("seed", "`--set seed` is no override"),
            ("=3", "`--set =3` is no override"),
            ("seed.x=3", "`seed` is `1`"),
            ("approach.neurla.epochs=3", "did you mean `neural`?"),
        ] {
            let error = read_in(&folder, "a.toml", &[set]).unwrap_err().to_string();
            assert!(error.contains(expected), "{set}: {error}");
        }
    }
}
