//! Detects how a user's table is written: its separators, its encoding, its columns, its numbers and times.
//!
//! Looks at the beginning of a file only. Does not know what its rows mean for a recommender.
//!
//! **Invariant**: every row agrees with what is concluded, or is refused later by its line number; what cannot be
//! concluded is an obstacle, and all obstacles of a file are reported at once.

mod delimitation;
mod encoding;
pub(crate) mod names;
mod shape;
mod values;

use std::path::Path;

use crate::records::{Records, listed};
use crate::values::{Decimal, TimeFormat, Times};
use crate::{DataConfig, DataError, Obstacle};

pub use shape::is_table;
pub(crate) use shape::{Shape, TextKeys};

/// How one's own ratings are written, as detected or stated.
#[derive(Clone, Debug)]
pub struct Detected {
    shape: Shape,
    /// The columns of user, item, rating and time; empty where there is none.
    pub columns: [String; 4],
    /// What stands before a fraction, never `Auto`.
    pub decimal: Decimal,
    /// How times are written.
    pub times: Times,
    /// All conclusions in words, one line each.
    pub said: Vec<String>,
}

/// Finds out how the ratings at `path` are written, as far as `config` does not state it.
///
/// # Errors
/// A file that is missing or empty; otherwise all obstacles to reading it, at once.
pub fn detect(path: &Path, config: &DataConfig) -> Result<Detected, DataError> {
    let mut obstacles = Vec::new();
    let keys = TextKeys::of(config);
    let columns = &config.columns;
    let stated = [&columns.user, &columns.item, &columns.rating, &columns.timestamp];
    let extra: Vec<&String> =
        [&columns.context, &columns.user_attributes, &columns.item_attributes].into_iter().flatten().collect();
    let wanted: Vec<&str> = stated
        .iter()
        .copied()
        .chain(extra.iter().copied())
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    let shape = Shape::find(path, keys, &wanted, &mut obstacles)?;
    let Some(shape) = shape else { return Err(DataError::obstructed(path, obstacles)) };
    let found = shape.names();
    let missing: Vec<&str> = wanted.iter().copied().filter(|name| !found.iter().any(|column| column == name)).collect();
    if !missing.is_empty() {
        obstacles.push(Obstacle {
            what: format!("it has no column `{}`", missing.join("`, nor `")),
            hint: shape.naming_hint(),
        });
    }
    let (chosen, missing) = names::choose(found, columns, &mut obstacles);
    if shape.has_header() || chosen.iter().any(|name| !name.is_empty()) {
        obstacles.extend(missing);
    } else {
        // Columns without names are named by their numbers.
        obstacles.push(Obstacle {
            what: format!("its first line `{}` names no columns", shape.first_line()),
            hint: "name them by their places, e.g. `data.columns = { user = \"1\", item = \"2\", rating = \"3\", \
                   timestamp = \"4\" }`; or `data.header = \"yes\"`"
                .to_owned(),
        });
    }
    let of_use: Vec<&str> = chosen.iter().chain(extra.iter().copied()).map(String::as_str).collect();
    for (column, kind) in shape.unreadable(&of_use) {
        obstacles.push(Obstacle {
            what: format!("column `{column}` holds {kind}"),
            hint: "numbers, texts, times and lists of texts can be read".to_owned(),
        });
    }
    let is_readable = |name: &String| shape.unreadable(&[name]).is_empty();
    let there = |name: &String| if found.contains(name) && is_readable(name) { name.clone() } else { String::new() };
    let [rating, time] = [there(&chosen[2]), there(&chosen[3])];
    let is_typed = shape.is_timestamp(&time);
    let time_format = match (is_typed, config.time_format) {
        (true, TimeFormat::Auto) => TimeFormat::Seconds,
        (true, _) => {
            obstacles.push(Obstacle {
                what: format!("column `{time}` holds points in time, whatever `data.time_format` says"),
                hint: "leave `data.time_format` out".to_owned(),
            });
            TimeFormat::Seconds
        }
        (false, stated) => stated,
    };
    let mut records = shape.open(path, &[rating.clone(), time.clone()], "|")?;
    let looked = values::look(&mut *records, [&rating, &time], config.decimal, time_format, &mut obstacles)?;
    if !obstacles.is_empty() {
        return Err(DataError::obstructed(path, obstacles));
    }
    let (decimal, times) = looked;
    let mut detected = Detected { shape, columns: chosen, decimal, times, said: Vec::new() };
    detected.said = detected.say(path, config, is_typed);
    Ok(detected)
}

impl Detected {
    /// Opens the ratings to read their four columns and the `extra` ones.
    pub(crate) fn open(&self, path: &Path, extra: &[String], separator: &str) -> Result<Box<dyn Records>, DataError> {
        let wanted: Vec<String> = self.columns.iter().chain(extra).cloned().collect();
        self.shape.open(path, &wanted, separator)
    }

    fn say(&self, path: &Path, config: &DataConfig, is_typed: bool) -> Vec<String> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let [user, item, rating, time] = &self.columns;
        let mut parts = self.shape.said();
        if self.decimal == Decimal::Comma {
            parts.push("decimal commas".to_owned());
        }
        if !time.is_empty() {
            let times = if is_typed { "times as its own points in time" } else { self.times.format.words().1 };
            parts.push(times.to_owned());
        }
        let mut said = vec![format!("`{file}` is read as {}", parts.join(", "))];
        let columns = &config.columns;
        let chosen = [
            ("user", user, &columns.user),
            ("item", item, &columns.item),
            ("rating", rating, &columns.rating),
            ("timestamp", time, &columns.timestamp),
        ];
        let recognised: Vec<String> = chosen
            .iter()
            .filter(|(_, name, stated)| stated.is_empty() && !name.is_empty())
            .map(|(role, name, _)| format!("{role} = \"{name}\""))
            .collect();
        if !recognised.is_empty() {
            said.push(format!("columns taken by their names: `{}`", recognised.join(", ")));
        }
        if rating.is_empty() {
            let unused = names::candidates(self.shape.names(), names::RATING);
            let others = match unused.len() {
                0 => String::new(),
                _ => format!("; `data.columns.rating` could name {}", listed(&unused)),
            };
            said.push(format!("no column of ratings is named: every row is an event{others}"));
        }
        said
    }
}
