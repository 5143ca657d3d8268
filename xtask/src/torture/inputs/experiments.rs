//! Draws experiments with absurd values, as a file or on the command line.
//!
//! Does not know what a key means: it takes the keys that a run has written down.
//!
//! **Invariant**: most of an experiment is sound, so that the one bad value is reached.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::Drawn;
use crate::torture::bytes::damaged;
use crate::torture::chance::Chance;
use crate::torture::prepared::Prepared;

/// Values of every type, as TOML writes them.
pub(super) const VALUES: [&str; 40] = [
    "0",
    "1",
    "-1",
    "2",
    "1000",
    "4294967295",
    "4294967296",
    "1000000007",
    "4611686018427387904",
    "9223372036854775807",
    "-9223372036854775808",
    "0.0",
    "-0.0",
    "0.5",
    "1.0",
    "-1.5",
    "1e-308",
    "1e308",
    "-1e308",
    "3.5e38",
    "nan",
    "inf",
    "-inf",
    "true",
    "false",
    "\"\"",
    "\"auto\"",
    "\"x\"",
    "\"../..\"",
    "\"/\"",
    "\"/dev/zero/x\"",
    "\"\\u001b[31m\"",
    "\"\\u0000\"",
    "[]",
    "[1, 2]",
    "[0.5, 5]",
    "[5, 0.5]",
    "[\"a\", \"b\"]",
    "{}",
    "1979-05-27T07:32:00Z",
];

/// A value for a key: mostly of the kind that it has.
fn value(known: &Value, chance: &mut Chance) -> String {
    let any = |chance: &mut Chance| chance.pick(&VALUES).to_owned();
    match (known, chance.below(5)) {
        (Value::Number(number), 0..4) if number.is_f64() => VALUES[11 + chance.below(12)].to_owned(),
        (Value::Number(_), 0..4) => VALUES[chance.below(11)].to_owned(),
        (Value::Bool(known), 0..3) => (!known).to_string(),
        (Value::String(text), 0) => format!("\"{text}x\""),
        (Value::Array(_), 0) => format!("[{}]", any(chance)),
        (Value::Array(_), 1) => {
            let n = chance.below(2000);
            format!("[{}]", (1..=n).map(|number| number.to_string()).collect::<Vec<_>>().join(", "))
        }
        _ if chance.one_in(40) => format!("\"{}\"", "x".repeat(chance.below(100_000))),
        _ => any(chance),
    }
}

/// A known key, a misspelt one, or none at all.
fn key(prepared: &Prepared, chance: &mut Chance) -> (String, Value) {
    let (mut key, value) = prepared.keys[chance.below(prepared.keys.len())].clone();
    match chance.below(40) {
        0 => key.push('x'),
        1 => drop(key.remove(chance.below(key.len()))),
        2 => key += ".a.b",
        3 => {
            key = chance.pick(&["", ".", "a..b", "approach", "approach.x.y", "extends", "repeat", "device"]).to_owned()
        }
        _ => {}
    }
    (key, value)
}

/// The name of an approach.
fn name(approach: &toml::Value) -> Option<&str> {
    approach.get("name").and_then(toml::Value::as_str)
}

/// The fixture's experiment with popularity and the approaches that `keys` are about.
fn base(prepared: &Prepared, keys: &[(String, Value)]) -> toml::Table {
    let mut experiment = prepared.experiment.clone();
    let about =
        |name: &str| keys.iter().any(|(key, _)| key.strip_prefix("approach.").is_some_and(|key| key.starts_with(name)));
    if let Some(approaches) = experiment.get_mut("approach").and_then(toml::Value::as_array_mut) {
        approaches.retain(|one| name(one).is_some_and(|name| name == "popularity" || about(name)));
        for approach in approaches.iter_mut().filter_map(toml::Value::as_table_mut) {
            if approach.contains_key("epochs") {
                approach.insert("epochs".to_owned(), 1.into());
            }
        }
    }
    experiment
}

/// Puts a value, given as TOML, where `key` leads to.
fn put(experiment: &mut toml::Table, key: &str, value: &str) {
    let Ok(parsed) = format!("x = {value}").parse::<toml::Table>() else { return };
    let mut place = experiment;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            place.insert(part.to_owned(), parsed["x"].clone());
            return;
        }
        let next = place.entry(part).or_insert_with(|| toml::Table::new().into());
        let next = match next {
            toml::Value::Array(approaches) => {
                let name = parts.next();
                approaches.iter_mut().find(|one| one.get("name").and_then(toml::Value::as_str) == name)
            }
            other => Some(other),
        };
        match next.and_then(toml::Value::as_table_mut) {
            Some(table) => place = table,
            None => return,
        }
    }
}

fn command(chance: &mut Chance) -> Drawn {
    let command = chance.pick(&["run", "run", "run", "check"]);
    let drawn = Drawn::words([command, "experiment.toml", "--out", "out"]);
    // A large number may be a sound value that takes long.
    Drawn { may_be_long: true, ..drawn }
}

/// One to three keys, one mostly.
fn keys(prepared: &Prepared, chance: &mut Chance) -> Vec<(String, Value)> {
    let n = *chance.pick(&[&1, &1, &1, &2, &3]);
    (0..n).map(|_| key(prepared, chance)).collect()
}

pub(super) fn experiment(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let keys = keys(prepared, chance);
    let mut experiment = base(prepared, &keys);
    for (key, known) in &keys {
        put(&mut experiment, key, &value(known, chance));
    }
    let text = experiment.to_string().into_bytes();
    let text =
        if chance.one_in(6) { String::from_utf8_lossy(&damaged(text, chance)).into_owned().into_bytes() } else { text };
    fs::write(folder.join("experiment.toml"), text)?;
    Ok(command(chance))
}

pub(super) fn set(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Drawn> {
    let keys = keys(prepared, chance);
    fs::write(folder.join("experiment.toml"), base(prepared, &keys).to_string())?;
    let mut drawn = command(chance);
    for (key, known) in keys {
        let value = value(&known, chance);
        let set = match chance.below(16) {
            0 => key,
            1 => format!("{key}="),
            2 => format!("{key}={}", "[".repeat(chance.below(5000))),
            _ => format!("{key}={value}"),
        };
        // The system takes no NUL, and no more than 128 KiB, as an argument.
        drawn.words.push(format!("--set={}", set.replace('\0', "").chars().take(10_000).collect::<String>()));
    }
    Ok(drawn)
}
