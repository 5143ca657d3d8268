//! What does an experiment say about its data?
//!
//! Does not know which sources there are, nor whether a path exists.
//!
//! **Invariant**: every key that `[data]` can have is in [`DataConfig::default`].

use serde::{Deserialize, Serialize};

use reco_core::RatingScale;

use crate::DataError;

/// The experiment's `[data]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set's name in results; empty: the name of what was fetched, or of the file.
    pub name: String,
    /// What to fetch if nothing is there; looked for in the raw folder under this name.
    pub fetch: String,
    /// An entry of [`SOURCES`](crate::SOURCES), or `auto`: the first that recognises the path.
    pub source: String,
    /// A file or folder, `$VARIABLES` expanded; empty: `fetch` in the raw folder.
    pub path: String,
    /// Places tried in order instead of `fetch`, `source`, `path`: the first that exists wins.
    pub from: Vec<Place>,
    /// Only so many rows of the ratings, from the first; 0: all.
    pub rows: u64,
    /// The lowest and the highest rating; empty: the source's own, or else the lowest and highest that occur.
    pub rating_scale: Vec<f32>,
    /// The share of a file's rows that may be bad.
    pub max_reject_share: f64,
    /// Which of several ratings of one item by one user stays.
    pub duplicates: Duplicates,
    /// The columns of one's own files, for the source `table`.
    pub columns: Columns,
}

/// Which of several ratings of one item by one user stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The latest one; of the same time, or without times, the last in the file.
    #[default]
    Latest,
    /// The earliest one; of the same time, or without times, the first in the file.
    First,
    /// None: a file that has any is refused.
    Refuse,
}

/// A place where the data may lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Place {
    /// As [`DataConfig::source`].
    pub source: String,
    /// As [`DataConfig::path`].
    pub path: String,
    /// As [`DataConfig::fetch`].
    pub fetch: String,
}

/// Names of columns in one's own ratings; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Who.
    pub user: String,
    /// What.
    pub item: String,
    /// How many stars; empty: every row is an implicit event.
    pub rating: String,
    /// When, in UTC seconds since 1970 (a Parquet timestamp is converted).
    pub timestamp: String,
    /// Columns that describe the moment: place, device, search.
    pub context: Vec<String>,
    /// Columns that describe the user; the first value met counts.
    pub user_attributes: Vec<String>,
    /// Columns that describe the item; the first value met counts.
    pub item_attributes: Vec<String>,
    /// A file of its own about items.
    pub item_table: ItemTable,
    /// A file of its own about users.
    pub user_table: UserTable,
}

/// A file about items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemTable {
    /// The file, relative to the ratings' folder; empty: there is none.
    pub path: String,
    /// The column of the item's id.
    pub id: String,
    /// The column of its title; empty: none.
    pub title: String,
    /// The column of its genres, tags or categories; empty: none.
    pub genres: String,
    /// What stands between two genres.
    pub genre_separator: String,
    /// Further columns.
    pub attributes: Vec<String>,
}

/// A file about users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTable {
    /// The file, relative to the ratings' folder; empty: there is none.
    pub path: String,
    /// The column of the user's id.
    pub id: String,
    /// Further columns.
    pub attributes: Vec<String>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            fetch: "ml-100k".to_owned(),
            source: "auto".to_owned(),
            path: String::new(),
            from: Vec::new(),
            rows: 0,
            rating_scale: Vec::new(),
            max_reject_share: 0.001,
            duplicates: Duplicates::Latest,
            columns: Columns::default(),
        }
    }
}

impl Default for Place {
    fn default() -> Self {
        Self { source: "auto".to_owned(), path: String::new(), fetch: String::new() }
    }
}

impl Default for ItemTable {
    fn default() -> Self {
        Self {
            path: String::new(),
            id: String::new(),
            title: String::new(),
            genres: String::new(),
            genre_separator: "|".to_owned(),
            attributes: Vec::new(),
        }
    }
}

impl DataConfig {
    /// The places to look at, in order.
    pub(crate) fn places(&self) -> Vec<Place> {
        if self.from.is_empty() {
            vec![Place { source: self.source.clone(), path: self.path.clone(), fetch: self.fetch.clone() }]
        } else {
            self.from.clone()
        }
    }

    /// What may be fetched, in order, when [`locate`](crate::locate) finds nothing. A place with a path of its own is
    /// put there by hand, and fetches nothing.
    pub fn fetchable(&self) -> Vec<String> {
        let places = self.places().into_iter().filter(|place| place.path.is_empty());
        places.map(|place| place.fetch).filter(|name| !name.is_empty()).collect()
    }

    /// The scale that the experiment states, if it states one.
    pub(crate) fn stated_scale(&self) -> Result<Option<RatingScale>, DataError> {
        match self.rating_scale[..] {
            [] => Ok(None),
            [min, max] => RatingScale::new(min, max).map(Some).map_err(DataError::Scale),
            _ => Err(DataError::Config {
                key: "rating_scale",
                reason: format!("`{:?}` is no scale", self.rating_scale),
                hint: "two numbers: the lowest and the highest rating, e.g. `[0.5, 5]`".to_owned(),
            }),
        }
    }

    /// The share of bad rows that is allowed.
    pub(crate) fn allowed_rejects(&self) -> Result<f64, DataError> {
        if (0.0..=1.0).contains(&self.max_reject_share) {
            Ok(self.max_reject_share)
        } else {
            Err(DataError::Config {
                key: "max_reject_share",
                reason: format!("`{}` is no share", self.max_reject_share),
                hint: "a number from 0 to 1".to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_one() {
        let parse = |value| reco_core::options::parse::<DataConfig>("[data]", &value).unwrap_err().to_string();
        assert_eq!(parse(json!({ "row": 3 })), "unknown key `row` in [data]\nhint: did you mean `rows`?");
        assert_eq!(
            parse(json!({ "columns": { "users": "u" } })),
            "unknown key `users` in [data].columns\nhint: did you mean `user`?"
        );
        assert!(parse(json!({ "from": [{ "paht": "x" }] })).contains("unknown field `paht`"));
    }

    #[test]
    fn only_places_without_a_path_are_fetched() {
        let from = vec![
            Place { path: "a.xlsx".to_owned(), ..Place::default() },
            Place { fetch: "ml-latest-small".to_owned(), ..Place::default() },
        ];
        assert_eq!(DataConfig { from, ..DataConfig::default() }.fetchable(), ["ml-latest-small"]);
        assert_eq!(DataConfig::default().fetchable(), ["ml-100k"]);
    }

    #[test]
    fn refuses_what_is_no_scale_and_no_share() {
        let scale = |given: &[f32]| DataConfig { rating_scale: given.to_vec(), ..DataConfig::default() }.stated_scale();
        assert!(scale(&[1.0]).unwrap_err().to_string().starts_with("`data.rating_scale`: `[1.0]` is no scale\nhint: "));
        assert!(scale(&[5.0, 1.0]).unwrap_err().to_string().contains("`5` to `1` is no rating scale"));
        let share = DataConfig { max_reject_share: 2.0, ..DataConfig::default() }.allowed_rejects();
        assert_eq!(
            share.unwrap_err().to_string(),
            "`data.max_reject_share`: `2` is no share\nhint: a number from 0 to 1"
        );
    }
}
