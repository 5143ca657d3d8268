//! Parses a table of options into a type, with its defaults filled in.
//!
//! Does not know which options there are: the type's own defaults say so.
//!
//! **Invariant**: a key that the type does not have is an error that names the nearest one it has.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why options were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A key that is not among the options.
    #[error("unknown key `{key}` in {place}\nhint: {hint}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        place: String,
        /// The nearest valid key, or all of them.
        hint: String,
    },
    /// A value of the wrong type or beyond its bounds.
    #[error("{place}: {reason}")]
    Value {
        /// Where it stands.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

/// Reads `given` as a `T`. Keys that are not given keep `T::default()`'s value, nested tables included.
///
/// # Errors
/// A key that `T::default()` does not have, at any depth; a value that `T` does not take.
pub fn parse<T: DeserializeOwned + Serialize + Default>(place: &str, given: &Value) -> Result<T, OptionsError> {
    let mut merged = serde_json::to_value(T::default())
        .map_err(|error| OptionsError::Value { place: place.to_owned(), reason: error.to_string() })?;
    merge(place, &mut merged, given)?;
    serde_json::from_value(merged).map_err(|error| {
        let (place, value) = culprit::<T>(place, given);
        let value = value.map_or_else(String::new, |value| format!("`{value}`: "));
        OptionsError::Value { place, reason: format!("{value}{}", in_words(&error.to_string())) }
    })
}

/// The first key of `given` that `T` does not take by itself, with its value.
fn culprit<'a, T: DeserializeOwned + Serialize + Default>(
    place: &str,
    given: &'a Value,
) -> (String, Option<&'a Value>) {
    let alone = |key: &str, value: &Value| {
        let mut merged = serde_json::to_value(T::default()).unwrap_or_default();
        let one = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
        merge(place, &mut merged, &one).is_ok() && serde_json::from_value::<T>(merged).is_ok()
    };
    let found = given.as_object().and_then(|given| given.iter().find(|(key, value)| !alone(key, value)));
    found.map_or_else(|| (place.to_owned(), None), |(key, value)| (format!("{place} `{key}`"), Some(value)))
}

/// The message of serde, with plain words in place of Rust's types.
fn in_words(error: &str) -> String {
    const WORDS: [(&str, &str); 18] = [
        ("usize", "a whole number from 0"),
        ("u64", "a whole number from 0"),
        ("u32", "a whole number from 0"),
        ("u16", "a whole number from 0"),
        ("u8", "a whole number from 0 to 255"),
        ("a nonzero usize", "a whole number from 1"),
        ("a nonzero u64", "a whole number from 1"),
        ("a nonzero u32", "a whole number from 1"),
        ("isize", "a whole number"),
        ("i64", "a whole number"),
        ("i32", "a whole number"),
        ("f64", "a number"),
        ("f32", "a number"),
        ("a string", "a text"),
        ("a boolean", "`true` or `false`"),
        ("a sequence", "a list"),
        ("a map", "a table"),
        ("struct", "a table of"),
    ];
    let mut words = error.replace("invalid type: string ", "invalid type: text ");
    for (word, plain) in WORDS {
        let (from, to) = (format!("expected {word}"), format!("expected {plain}"));
        let ends = |at: usize| words[at + from.len()..].chars().next().is_none_or(|next| !next.is_alphanumeric());
        if let Some(at) = words.find(&from).filter(|at| ends(*at)) {
            words.replace_range(at..at + from.len(), &to);
            break;
        }
    }
    words
}

fn merge(place: &str, into: &mut Value, given: &Value) -> Result<(), OptionsError> {
    match (into, given) {
        (Value::Object(into), Value::Object(given)) => {
            for (key, value) in given {
                match into.get_mut(key) {
                    Some(slot @ Value::Object(_))
                        if value.is_object() && !slot.as_object().is_some_and(|map| map.is_empty()) =>
                    {
                        merge(&format!("{place}.{key}"), slot, value)?;
                    }
                    Some(slot) => *slot = value.clone(),
                    None => {
                        return Err(OptionsError::UnknownKey {
                            key: key.clone(),
                            place: place.to_owned(),
                            hint: did_you_mean(key, into.keys().map(String::as_str)),
                        });
                    }
                }
            }
            Ok(())
        }
        (into, given) => {
            *into = given.clone();
            Ok(())
        }
    }
}

/// A remedy for a name that is not known: the nearest known one if it is near, else all of them, or the first where
/// they are many.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = |candidate: &str| name.len().max(candidate.len()).div_ceil(3);
    let nearest = known
        .iter()
        // Long names are not compared: the time grows with the product of lengths.
        .filter(|candidate| name.len().max(candidate.len()) <= NAME)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= near(candidate));
    match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => "nothing can stand here".to_owned(),
        None => format!("known are {}", listed(known.into_iter())),
    }
}

/// Names that a message lists at most, and bytes of each.
const NAMES: usize = 50;
const NAME: usize = 200;

/// Names for a message, in backticks: all if they are few, else the first, `` `a`, `b` and `999998` more ``; a long
/// name is cut.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (at, name) in names.enumerate() {
        if at >= NAMES {
            more += 1;
            continue;
        }
        let (short, dots) = match name.len() {
            0..=NAME => (name, ""),
            _ => (&name[..name.floor_char_boundary(NAME)], "…"),
        };
        let comma = if at > 0 { ", " } else { "" };
        text.push_str(&format!("{comma}`{short}{dots}`"));
    }
    if more > 0 { format!("{text} and `{more}` more") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Options {
        epochs: usize,
        patience: Option<usize>,
        inner: Inner,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        learning_rate: f64,
    }

    impl Default for Options {
        fn default() -> Self {
            Self { epochs: 100, patience: None, inner: Inner { learning_rate: 1e-3 } }
        }
    }

    #[test]
    fn wrong_types_are_named_in_words() {
        let why = |given| parse::<Options>("[t]", &given).unwrap_err().to_string();
        let epochs = why(json!({ "epochs": "x" }));
        assert_eq!(epochs, "[t] `epochs`: `\"x\"`: invalid type: text \"x\", expected a whole number from 0");
        assert!(why(json!({ "epochs": -1 })).ends_with("integer `-1`, expected a whole number from 0"));
        assert!(why(json!({ "inner": { "learning_rate": [] } })).ends_with("sequence, expected a number"));
    }

    #[test]
    fn a_million_names_are_no_hint_of_megabytes() {
        let names: Vec<String> = (0..100_000).map(|n| format!("column number {n}")).collect();
        let hint = did_you_mean("x", names.iter().map(String::as_str));
        assert!(hint.starts_with("known are `column number 0`, `column number 1`, "), "{hint}");
        assert!(hint.ends_with("`column number 49` and `99950` more"), "{hint}");
        let long = "é".repeat(1_000_000);
        assert!(did_you_mean(&long, [long.as_str(), "b"].into_iter()).len() < 500);
        assert_eq!(listed(["a", "b"].into_iter()), "`a`, `b`");
    }

    #[test]
    fn keeps_defaults_and_names_the_nearest_key() {
        let options: Options = parse("[[approach]]", &json!({ "patience": 3, "inner": {} })).unwrap();
        assert_eq!(options, Options { patience: Some(3), ..Options::default() });
        let unknown = |value| parse::<Options>("[[approach]]", &value).unwrap_err().to_string();
        assert_eq!(unknown(json!({ "epoch": 3 })), "unknown key `epoch` in [[approach]]\nhint: did you mean `epochs`?");
        assert!(unknown(json!({ "inner": { "learning_rat": 1 } })).contains("in [[approach]].inner"));
        assert!(unknown(json!({ "zzzzzzzz": 1 })).contains("known are `epochs`"));
        assert!(unknown(json!({ "epochs": "many" })).contains("many"));
    }
}
