//! The values among which each option of an approach is searched for.
//!
//! Does not know how they are searched. Every value of an option has a place in [0, 1], on the scale that the space
//! states; that is where searches work.
//!
//! **Invariant**: a space that exists names options that its approach has, each once, with values that the approach
//! takes where all others are at their defaults; a place gives the same value on every platform.

use reco_core::AnyApproach;
use reco_core::options::{self, OptionsError, did_you_mean};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::experiment::{Configured, entry};

/// Options by name.
pub(crate) type Options = Map<String, Value>;

/// The built-in spaces, by the approach's kind.
const BUILT_IN: &str = include_str!("spaces.toml");

/// What follows the kind of a network that is trained for lists.
const LISTS: &str = "-lists";

/// The values of one option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dimension {
    pub(crate) option: String,
    pub(crate) values: Values,
}

/// Which values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    /// All numbers between two, equally often by difference, or by ratio where `log`.
    Range { from: f64, to: f64, log: bool, integer: bool },
    /// These, equally often.
    List(Vec<Value>),
}

/// An option's table in a space.
#[derive(Default, Serialize, Deserialize)]
struct Table {
    from: Option<f64>,
    to: Option<f64>,
    scale: Scale,
    integer: Option<bool>,
    values: Option<Vec<Value>>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    #[default]
    Linear,
    Log,
}

/// What is searched for of one approach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Space {
    pub(crate) dimensions: Vec<Dimension>,
}

/// The built-in spaces: a table of options by what [`kind`] says.
pub(crate) fn built_in() -> Map<String, Value> {
    let spaces: Value = toml::from_str(BUILT_IN).expect("a test reads the file that is compiled in");
    spaces.as_object().cloned().unwrap_or_default()
}

/// Which built-in space an approach has: that of its kind; a network trained for lists has one of its own.
fn kind(configured: &Configured) -> String {
    match configured.approach.options()["loss"].as_str() {
        Some("bce" | "bpr" | "softmax") => format!("{}{LISTS}", configured.kind),
        _ => configured.kind.to_owned(),
    }
}

impl Space {
    /// The space that `spaces`, the table `[tune.space]`, has for `configured`, else the built-in one of its kind;
    /// `None` where there is neither.
    ///
    /// # Errors
    /// An option that the approach does not have; a key that is none of a space's; values that cannot be, or that the
    /// approach refuses.
    pub(crate) fn of(configured: &Configured, spaces: &Map<String, Value>) -> Result<Option<Self>, OptionsError> {
        let place = format!("[tune.space.{}]", configured.name);
        match spaces.get(&configured.name) {
            Some(given) => Self::parse(&place, configured, given).map(Some),
            None => built_in().get(&kind(configured)).map(|given| Self::parse(&place, configured, given)).transpose(),
        }
    }

    fn parse(place: &str, configured: &Configured, given: &Value) -> Result<Self, OptionsError> {
        let refuse = |reason: String| OptionsError::Value { place: place.to_owned(), reason };
        let Some(given) = given.as_object().filter(|given| !given.is_empty()) else {
            let reason =
                format!("`{given}` names no option\nhint: write `reg = {{ from = 1, to = 100, scale = \"log\" }}`");
            return Err(refuse(reason));
        };
        let defaults = configured.approach.options();
        let defaults = defaults.as_object().cloned().unwrap_or_default();
        let mut dimensions = Vec::new();
        for (option, values) in given {
            let Some(default) = defaults.get(option) else {
                let hint = did_you_mean(option, defaults.keys().map(String::as_str));
                return Err(OptionsError::UnknownKey { key: option.clone(), place: place.to_owned(), hint });
            };
            let dimension =
                Dimension { option: option.clone(), values: values_of(&format!("{place} {option}"), values, default)? };
            for value in dimension.extremes() {
                let one: Options = [(option.clone(), value)].into_iter().collect();
                configured.with(&one).map_err(|error| refuse(format!("`{}` refuses it: {error}", configured.kind)))?;
            }
            dimensions.push(dimension);
        }
        Ok(Self { dimensions })
    }

    /// The options at these places, one for each dimension.
    pub(crate) fn options(&self, places: &[f64]) -> Options {
        let value = |(dimension, place): (&Dimension, &f64)| (dimension.option.clone(), dimension.value(*place));
        self.dimensions.iter().zip(places).map(value).collect()
    }

    /// The place of each option's value; `None` for a value that the space does not hold.
    pub(crate) fn places(&self, options: &Options) -> Vec<Option<f64>> {
        let place = |dimension: &Dimension| dimension.place(options.get(&dimension.option)?);
        self.dimensions.iter().map(place).collect()
    }

    /// What `configured` says of each of these options.
    pub(crate) fn defaults(&self, configured: &Configured) -> Options {
        let options = configured.approach.options();
        self.dimensions.iter().map(|one| (one.option.clone(), options[&one.option].clone())).collect()
    }

    /// The approach with the greatest value of each range: what a trial needs at most.
    pub(crate) fn largest(&self, configured: &Configured) -> Option<Box<dyn AnyApproach>> {
        let ranges = self.dimensions.iter().filter(|one| matches!(one.values, Values::Range { .. }));
        configured.with(&ranges.map(|one| (one.option.clone(), one.value(1.0))).collect()).ok()
    }
}

impl Configured {
    /// Its approach with other values for these options.
    ///
    /// # Errors
    /// What the approach refuses.
    pub(crate) fn with(&self, options: &Options) -> Result<Box<dyn AnyApproach>, OptionsError> {
        let mut all = self.approach.options();
        options.iter().for_each(|(key, value)| all[key] = value.clone());
        let entry = entry("", self.kind).expect("what is configured is in the registry");
        (entry.configure)(&all)
    }
}

/// Reads the values of one option, whose default says whether it is a whole number.
fn values_of(place: &str, given: &Value, default: &Value) -> Result<Values, OptionsError> {
    let refuse = |reason: &str| {
        let reason = format!("{reason}\nhint: write `{{ from = 1, to = 100, scale = \"log\" }}`, or a list of values");
        Err(OptionsError::Value { place: place.to_owned(), reason })
    };
    let Table { from, to, scale, integer, values } = match given {
        Value::Array(values) => Table { values: Some(values.clone()), ..Table::default() },
        Value::Object(_) => options::parse(place, given)?,
        other => return refuse(&format!("`{other}` is neither a range nor a list")),
    };
    let list = match (from.zip(to), values) {
        (Some((from, to)), None) => {
            let integer = integer.unwrap_or(default.is_u64() || default.is_i64());
            let log = scale == Scale::Log;
            return match (from, to) {
                _ if from >= to => refuse(&format!("`from` is `{from}` and `to` is `{to}`, which is not above it")),
                _ if log && from <= 0.0 => refuse(&format!("`from` is `{from}`, and a `log` scale begins above 0")),
                _ if integer && [from, to].iter().any(|end| end.fract() != 0.0 || end.abs() > 1e15) => {
                    refuse(&format!("`from` is `{from}` and `to` is `{to}`, and the option is a whole number"))
                }
                _ => Ok(Values::Range { from, to, log, integer }),
            };
        }
        (None, Some(values)) if from.or(to).is_none() => values,
        _ => return refuse("it has not either `from` and `to`, or `values`"),
    };
    if list.is_empty() {
        return refuse("`values` is empty");
    }
    match list.iter().enumerate().find(|(at, value)| list[..*at].contains(value)) {
        Some((_, twice)) => refuse(&format!("`{twice}` stands twice")),
        None => Ok(Values::List(list)),
    }
}

impl Dimension {
    /// How many values there are; `None` for a range.
    pub(crate) fn n_values(&self) -> Option<usize> {
        match &self.values {
            Values::List(list) => Some(list.len()),
            Values::Range { .. } => None,
        }
    }

    /// The values that an approach has to take so that it takes those between them.
    fn extremes(&self) -> Vec<Value> {
        match &self.values {
            Values::List(list) => list.clone(),
            Values::Range { .. } => [0.0, 1.0].map(|place| self.value(place)).to_vec(),
        }
    }

    /// The value at `place`; numbers that are not whole have four significant digits, for people to read.
    pub(crate) fn value(&self, place: f64) -> Value {
        match &self.values {
            Values::List(list) => list[((place * list.len() as f64) as usize).min(list.len() - 1)].clone(),
            Values::Range { from, to, integer, log } => {
                let (low, high) = self.ends();
                let at = low + place * (high - low);
                let value = if *log { libm::exp(at) } else { at };
                if *integer {
                    return Value::from(value.round().clamp(*from, *to) as i64);
                }
                let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
                Value::from(rounded.clamp(*from, *to))
            }
        }
    }

    /// The place of `value`.
    fn place(&self, value: &Value) -> Option<f64> {
        match &self.values {
            Values::List(list) => {
                let at = list.iter().position(|known| known == value)?;
                Some((at as f64 + 0.5) / list.len() as f64)
            }
            Values::Range { from, to, log, .. } => {
                let value = value.as_f64().filter(|value| (*from..=*to).contains(value))?;
                let (low, high) = self.ends();
                let at = if *log { libm::log(value) } else { value };
                Some(((at - low) / (high - low)).clamp(0.0, 1.0))
            }
        }
    }

    /// Where places 0 and 1 lie on the scale. Each whole number has as much room as its neighbours, those at the ends
    /// too.
    fn ends(&self) -> (f64, f64) {
        let Values::Range { from, to, log, integer } = self.values else { return (0.0, 1.0) };
        let room = if integer { 0.5 } else { 0.0 };
        let ends = (from - room, to + room);
        if log { (libm::log(ends.0), libm::log(ends.1)) } else { ends }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Experiment, Source, approaches};

    fn configured(name: &str) -> Configured {
        let (name, set) = match name.strip_suffix(LISTS) {
            Some(kind) => (kind, vec![format!("approach.{kind}.loss=softmax")]),
            None => (name, Vec::new()),
        };
        let experiment = Experiment::read(&Source::Default, &set, &[name.to_owned()]).unwrap();
        experiment.approaches.into_iter().next().unwrap()
    }

    fn space(name: &str, given: Value) -> Result<Space, String> {
        let spaces = [(name.to_owned(), given)].into_iter().collect();
        Space::of(&configured(name), &spaces).map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn built_in_spaces_are_of_approaches_that_there_are_and_hold_their_defaults() {
        for kind in built_in().keys() {
            let configured = configured(kind);
            assert!(approaches().any(|entry| entry.name == configured.kind), "{kind}");
            assert_eq!(*kind, super::kind(&configured));
            let space = Space::of(&configured, &Map::new()).unwrap_or_else(|error| panic!("{kind}: {error}"));
            let space = space.unwrap();
            let places = space.places(&space.defaults(&configured));
            assert!(places.iter().all(Option::is_some), "{kind}: a default is not among its values: {places:?}");
            assert!(space.largest(&configured).is_some(), "{kind}");
        }
        assert!(Space::of(&configured("popularity"), &Map::new()).unwrap().is_none());
    }

    #[test]
    fn places_lead_to_values_and_back_on_every_scale() {
        let space = space(
            "ials",
            json!({
                "reg": { "from": 1, "to": 100, "scale": "log" }, "alpha": { "from": 0, "to": 10 },
                "embedding_size": { "from": 8, "to": 256, "scale": "log" }, "steps": [1, 3]
            }),
        )
        .unwrap();
        let at = |place: f64| Value::Object(space.options(&[place; 4]));
        assert_eq!(at(0.0), json!({ "reg": 1.0, "alpha": 0.0, "embedding_size": 8, "steps": 1 }));
        assert_eq!(at(1.0), json!({ "reg": 100.0, "alpha": 10.0, "embedding_size": 256, "steps": 3 }));
        assert_eq!(at(0.5), json!({ "reg": 10.0, "alpha": 5.0, "embedding_size": 44, "steps": 3 }));
        for n in 0..=100 {
            let place = f64::from(n) / 100.0;
            let options = space.options(&[place; 4]);
            let back: Vec<f64> = space.places(&options).into_iter().map(Option::unwrap).collect();
            assert_eq!(space.options(&back), options, "{place}");
        }
        let outside = json!({ "reg": 0.5, "alpha": 11, "embedding_size": 7, "steps": 2 });
        assert_eq!(space.places(outside.as_object().unwrap()), [None; 4]);
    }

    #[test]
    fn whole_numbers_are_equally_frequent() {
        let space = space("ials", json!({ "epochs": { "from": 1, "to": 4 } })).unwrap();
        let mut counts = [0; 4];
        for n in 0..400 {
            let epochs = space.options(&[(f64::from(n) + 0.5) / 400.0])["epochs"].as_u64().unwrap();
            counts[epochs as usize - 1] += 1;
        }
        assert_eq!(counts, [100; 4]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_remedy() {
        let refused = |given| space("ease", given).unwrap_err();
        let unknown = refused(json!({ "regg": [1] }));
        assert_eq!(unknown, "unknown key `regg` in [tune.space.ease]\nhint: did you mean `reg`?");
        let key = refused(json!({ "reg": { "from": 1, "two": 3 } }));
        assert_eq!(key, "unknown key `two` in [tune.space.ease] reg\nhint: did you mean `to`?");
        for (given, part) in [
            (json!({ "reg": 3 }), "`3` is neither a range nor a list"),
            (json!({ "reg": { "from": 3 } }), "it has not either `from` and `to`, or `values`"),
            (json!({ "reg": { "from": 1, "to": 2, "values": [1] } }), "it has not either"),
            (json!({ "reg": { "from": 3, "to": 2 } }), "`from` is `3` and `to` is `2`"),
            (json!({ "reg": { "from": 0, "to": 2, "scale": "log" } }), "a `log` scale begins above 0"),
            (json!({ "reg": { "from": 0.5, "to": 2, "integer": true } }), "the option is a whole number"),
            (json!({ "reg": { "from": 1, "to": 2, "scale": "cubic" } }), "cubic"),
            (json!({ "reg": [] }), "`values` is empty"),
            (json!({ "reg": [1, 2, 1] }), "`1` stands twice"),
            (json!({ "reg": ["much"] }), "`ease` refuses it"),
            (json!({ "dropout": { "from": 0, "to": 1 } }), "below 1"),
            (json!({}), "names no option"),
            (json!(3), "names no option"),
        ] {
            let error = refused(given.clone());
            assert!(error.contains(part) && error.contains("[tune.space.ease]"), "{given}: {error}");
        }
    }
}
