//! Writes the experiment that extends another with options that were found for its approaches.
//!
//! Does not know how they were found.
//!
//! **Invariant**: what is written reads as the other experiment does, with its overrides, its approaches reduced to
//! those named, and the options of these replaced by what was found; approaches that consist of others take the new
//! options.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ExperimentError, Source, file};

/// The keys in the order in which one reads them.
#[derive(Serialize)]
struct Tuned {
    extends: String,
    name: String,
    #[serde(flatten)]
    overridden: Map<String, Value>,
    approach: Vec<Value>,
}

/// The TOML of the experiment `<name>-tuned`. `extends` is what it calls the file of `source`; `sets` are overrides of
/// that; `best` has the options found, by the approach's name.
///
/// # Errors
/// What makes the experiment unreadable.
pub(crate) fn tuned_toml(
    source: &Source,
    sets: &[String],
    extends: &str,
    name: &str,
    approaches: &[&str],
    best: &BTreeMap<&str, &Map<String, Value>>,
) -> Result<String, ExperimentError> {
    let (table, _) = file::read(source, sets)?;
    let listed = table.get("approach").and_then(Value::as_array).cloned().unwrap_or_default();
    let approach = |name: &&str| {
        let is = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(*name);
        let mut entry = listed.iter().find(is).and_then(Value::as_object).cloned().unwrap_or_default();
        entry.insert("name".to_owned(), (*name).into());
        entry.extend(best.get(*name).into_iter().flat_map(|found| (*found).clone()));
        Value::Object(entry)
    };
    // A table of which a key is overridden is written whole: another kind of split has other keys.
    let tables = sets.iter().filter_map(|set| set.split(['.', '=']).next()).map(str::trim);
    let mut overridden = Map::new();
    for key in tables.filter(|key| !["approach", "tune", "name"].contains(key)) {
        overridden.extend(table.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let tuned = Tuned {
        extends: extends.to_owned(),
        name: format!("{name}-tuned"),
        overridden,
        approach: approaches.iter().map(approach).collect(),
    };
    Ok(toml::to_string(&tuned).expect("what was read from TOML can be written as TOML"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Experiment;

    #[test]
    fn it_reads_as_the_experiment_with_other_options() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            Source::File(folder.path().join(name))
        };
        let base = write(
            "base.toml",
            "seed = 3\n[split]\nkind = \"k-fold\"\nfolds = 4\n[[approach]]\nname = \"mine\"\nkind = \"ease\"\n\
             dropout = 0.2\n[[approach]]\nname = \"popularity\"\n[[approach]]\nname = \"blend\"\n\
             parts = [\"mine\", \"popularity\"]",
        );
        let sets =
            ["split.kind=per-user-random", "split.validation=0.2", "approach.mine.item_features=0"].map(str::to_owned);
        let found = json!({ "reg": 12.5, "dropout": 0.1 }).as_object().unwrap().clone();
        let best = BTreeMap::from([("mine", &found)]);
        let text = tuned_toml(&base, &sets, "base.toml", "base", &["mine", "blend", "ials"], &best).unwrap();
        let tuned =
            Experiment::read(&write("best.toml", &text), &[], &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let names: Vec<&str> = tuned.approaches.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((tuned.name.as_str(), tuned.seed), ("base-tuned", 3));
        assert_eq!(names, ["mine", "blend", "ials"]);
        let options = tuned.approaches[0].approach.options();
        assert_eq!([&options["reg"], &options["dropout"], &options["item_features"]], [12.5, 0.1, 0.0]);
        assert_eq!((tuned.split.kind.as_str(), tuned.split.validation), ("per-user-random", 0.2));
        assert!(text.starts_with("extends = \"base.toml\"\nname = \"base-tuned\"\n"), "{text}");
        let of_blend = tuned.approaches[1].approach.options().to_string();
        assert!(of_blend.contains("12.5"), "a blend takes the options that were found: {of_blend}");
    }
}
