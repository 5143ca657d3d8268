//! Writes an experiment as TOML, so that nothing about it depends on where it came from.
//!
//! Does not know what its keys mean.
//!
//! **Invariant**: what is written reads back as the same experiment: bases, overrides and defaults are in it.

use serde_json::{Value, json};

use super::{Document, Experiment, RepeatConfig};
use crate::{CheckpointConfig, TuneConfig};

impl Experiment {
    /// The whole experiment as TOML, every default filled in; without `[tracking]`, which is of the place where it ran.
    pub fn to_toml(&self) -> String {
        let approach = self.approaches.iter().map(|one| {
            let mut table = json!({ "name": one.name });
            if one.kind != one.name {
                table["kind"] = one.kind.into();
            }
            if let Value::Object(options) = without_null(one.approach.options()) {
                options.into_iter().for_each(|(key, value)| table[key] = value);
            }
            table
        });
        let is_kept = self.checkpoint != CheckpointConfig::default();
        let is_tuned = self.tune != TuneConfig::default();
        let is_repeated = self.repeat != RepeatConfig::default();
        let written = Document {
            name: self.name.clone(),
            seed: self.seed,
            device: self.device,
            data: without_null(self.part(&self.data)),
            features: without_null(self.part(&self.features)),
            split: without_null(self.part(&self.split)),
            approach: approach.collect(),
            evaluate: without_null(self.part(&self.evaluate)),
            report: without_null(self.part(&self.report)),
            checkpoint: if is_kept { without_null(self.part(&self.checkpoint)) } else { Value::Null },
            repeat: if is_repeated { without_null(self.part(&self.repeat)) } else { Value::Null },
            tune: if is_tuned { without_null(self.part(&self.tune)) } else { Value::Null },
            tracking: Value::Null,
        };
        toml::to_string(&written).expect("what was read from TOML can be written as TOML")
    }
}

/// `value` without nulls, for which TOML has no word.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(table) => table
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_null(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_null).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Source;

    #[test]
    fn every_experiment_reads_back_as_it_was_written() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/experiments");
        let mut sources = vec![Source::Default];
        if let Ok(files) = std::fs::read_dir(folder) {
            sources.extend(files.map(|file| Source::File(file.unwrap().path())));
        }
        for source in &sources {
            let experiment =
                Experiment::read(source, &["evaluate.k=[3]", "checkpoint.every=90s"].map(str::to_owned), &[]).unwrap();
            let text = experiment.to_toml();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("again.toml");
            std::fs::write(&path, &text).unwrap();
            let again = Experiment::read(&Source::File(path), &[], &[]);
            let again = again.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(again.to_toml(), text);
            assert_eq!((again.evaluate, again.checkpoint), (experiment.evaluate, experiment.checkpoint));
            assert!(text.contains("k = [3]") && text.contains("[[approach]]"), "{text}");
            assert_eq!(again.repetitions.len(), experiment.repetitions.len());
        }
    }
}
