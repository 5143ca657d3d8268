//! Defines the experiment's `[data]` table: its keys, their values and defaults.
//!
//! Of sources it knows `table` alone, which reads files of one's own; it does not know whether a path exists.
//!
//! **Invariant**: every key that `[data]` can have is in [`DataConfig::default`].

use serde::{Deserialize, Serialize};

use reco_core::RatingScale;

use crate::DataError;
use crate::values::{Decimal, TimeFormat};

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
    /// A folder of events that a service exported, `$VARIABLES` expanded; empty: none.
    pub events: String,
    /// How many rows of the ratings to read, from the first; 0: all.
    pub rows: u64,
    /// The lowest and the highest rating; empty: the source's own, or else the lowest and highest that occur.
    pub rating_scale: Vec<f32>,
    /// The share of a file's rows that may be bad.
    pub max_reject_share: f64,
    /// Which of several ratings of one item by one user stays.
    pub duplicates: Duplicates,
    /// What stands between two fields of one's own file.
    pub delimiter: Delimiter,
    /// Whether fields of one's own file may stand in quotes.
    pub quote: Quote,
    /// What stands before the fraction of a rating in one's own file.
    pub decimal: Decimal,
    /// What the bytes of one's own file are.
    pub encoding: Encoding,
    /// Whether the first line of one's own file names its columns.
    pub header: Header,
    /// How times are written in one's own file.
    pub time_format: TimeFormat,
    /// The columns of one's own files, for the source `table`.
    pub columns: Columns,
}

/// A key of `[data]`, as help and documents explain it.
#[derive(Clone, Copy, Debug)]
pub struct DataKey {
    /// The key.
    pub name: &'static str,
    /// The values it can have, the default first.
    pub values: &'static str,
    /// What it sets, in one line.
    pub about: &'static str,
}

const fn key(name: &'static str, values: &'static str, about: &'static str) -> DataKey {
    DataKey { name, values, about }
}

/// All keys of `[data]`, in the order in which they are explained.
pub const DATA_KEYS: &[DataKey] = &[
    key("path", "a file or folder", "what is read; `$VARIABLES` are expanded; unless stated, what `fetch` names"),
    key("source", "\"auto\" or a format", "which kind of files it is; `table` is your own file"),
    key("name", "text", "what results call the data; unless stated, the file's name"),
    key("fetch", "\"ml-100k\" or another data set", "what to fetch where `path` says nothing and nothing is there"),
    key(
        "from",
        "a list of { path, source, fetch }",
        "places tried in order instead of these: the first that exists is read",
    ),
    key("columns.user", "a column", "who rated; unless stated, a well-known name such as `user_id` or `customer`"),
    key("columns.item", "a column", "what was rated; unless stated, a well-known name such as `item_id` or `product`"),
    key(
        "columns.rating",
        "a column",
        "the rating in stars; without one, every row is an event. Detected by its name where `columns` states nothing",
    ),
    key("columns.timestamp", "a column", "the time of the rating. Detected by its name where `columns` states nothing"),
    key("columns.context", "a list of columns", "what describes the moment: place, device, search"),
    key("columns.user_attributes", "a list of columns", "what describes the user; the first value met counts"),
    key("columns.item_attributes", "a list of columns", "what describes the item; the first value met counts"),
    key(
        "columns.item_table",
        "{ path, id, title, genres, genre_separator, attributes }",
        "a file about items, beside the ratings",
    ),
    key("columns.user_table", "{ path, id, attributes }", "a file about users, beside the ratings"),
    key("rating_scale", "[lowest, highest]", "the lowest and the highest rating; unless stated, those that occur"),
    key("delimiter", "\"auto\", \",\", \";\", \"tab\", \"|\" or another character", "what stands between two fields"),
    key("quote", "\"auto\", \"double\" or \"none\"", "whether a field may stand in double quotes"),
    key("decimal", "\"auto\", \".\" or \",\"", "what stands before the fraction of a number"),
    key(
        "encoding",
        "\"auto\", \"utf-8\", \"utf-16\" or \"windows-1252\"",
        "what the bytes are; Latin-1 is read as Windows-1252",
    ),
    key(
        "header",
        "\"auto\", \"yes\" or \"no\"",
        "whether the first line names the columns; if not, they are called `1`, `2`, …",
    ),
    key(
        "time_format",
        "\"auto\", \"seconds\", \"milliseconds\", \"microseconds\", \"nanoseconds\", \"iso-8601\", \
         \"year-month-day\", \"day-month-year\", \"month-day-year\" or \"excel-days\"",
        "how times are written; counts begin with 1970 (UTC)",
    ),
    key(
        "events",
        "a folder",
        "what a service exported: its events are added to the ratings, its items to the catalogue, and erased users are \
         left out (docs/serving.md)",
    ),
    key("rows", "0 or a number", "read only so many rows, from the first; 0: all"),
    key("duplicates", "\"latest\", \"first\" or \"refuse\"", "which of several ratings of one item by one user stays"),
    key("max_reject_share", "0.001, from 0 to 1", "the share of a file's rows that may be bad"),
];

/// What stands between two fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Delimiter {
    /// Whichever splits the first lines evenly.
    #[default]
    Auto,
    /// This character.
    Byte(u8),
}

impl TryFrom<String> for Delimiter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.as_bytes()) {
            ("auto", _) => Ok(Self::Auto),
            ("tab", _) => Ok(Self::Byte(b'\t')),
            (_, &[byte]) if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n.-".contains(&byte) => {
                Ok(Self::Byte(byte))
            }
            _ => Err("it is `auto`, `tab`, or one character that is no letter, digit, point or quote".to_owned()),
        }
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        match delimiter {
            Delimiter::Auto => "auto".to_owned(),
            Delimiter::Byte(b'\t') => "tab".to_owned(),
            Delimiter::Byte(byte) => char::from(byte).to_string(),
        }
    }
}

/// Whether fields may stand in quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quote {
    /// As the first lines show.
    #[default]
    Auto,
    /// They may stand in double quotes; within them, two quotes stand for one.
    Double,
    /// A quote is an ordinary character.
    None,
}

/// What the bytes of a text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As the first bytes show.
    #[default]
    Auto,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 behind a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Windows-1252, or Latin-1.
    #[serde(rename = "windows-1252", alias = "latin-1")]
    Windows1252,
}

/// Whether the first line names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// Decided by how the line looks.
    #[default]
    Auto,
    /// It names them.
    Yes,
    /// It is an ordinary row.
    No,
}

/// Which of several ratings of one item by one user stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The latest one; with equal or missing times, the last in the file.
    #[default]
    Latest,
    /// The earliest one; with equal or missing times, the first in the file.
    First,
    /// None: a file with duplicates is refused.
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
    /// The column of user ids.
    pub user: String,
    /// The column of item ids.
    pub item: String,
    /// The column of ratings in stars; empty: every row is an implicit event.
    pub rating: String,
    /// The column of times, written as [`DataConfig::time_format`] says.
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
            events: String::new(),
            rows: 0,
            rating_scale: Vec::new(),
            max_reject_share: 0.001,
            duplicates: Duplicates::Latest,
            delimiter: Delimiter::Auto,
            quote: Quote::Auto,
            decimal: Decimal::Auto,
            encoding: Encoding::Auto,
            header: Header::Auto,
            time_format: TimeFormat::Auto,
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

    /// The data sets that may be fetched, in order, when [`locate`](crate::locate) finds nothing. A place with a path
    /// of its own is filled by hand, and fetches nothing.
    pub fn fetchable(&self) -> Vec<String> {
        let places = self.places().into_iter().filter(|place| place.path.is_empty());
        places.map(|place| place.fetch).filter(|name| !name.is_empty()).collect()
    }

    /// The scale that the experiment states, if any.
    pub(crate) fn stated_scale(&self) -> Result<Option<RatingScale>, DataError> {
        match self.rating_scale[..] {
            [] => Ok(None),
            [min, max] => RatingScale::new(min, max).map(Some).map_err(DataError::Scale),
            _ => Err(DataError::Config {
                key: "rating_scale",
                reason: format!("`{:?}` is not a scale", self.rating_scale),
                hint: "two numbers: the lowest and the highest rating, e.g. `[0.5, 5]`".to_owned(),
            }),
        }
    }

    /// Refuses keys that describe one's own file where the `source` knows how its files are written.
    pub(crate) fn fits(&self, source: &'static str) -> Result<(), DataError> {
        let usual = Self::default();
        let stated = [
            ("delimiter", self.delimiter != usual.delimiter),
            ("quote", self.quote != usual.quote),
            ("decimal", self.decimal != usual.decimal),
            ("encoding", self.encoding != usual.encoding),
            ("header", self.header != usual.header),
            ("time_format", self.time_format != usual.time_format),
        ];
        match stated.into_iter().find(|(_, is_stated)| *is_stated && source != "table") {
            Some((key, _)) => Err(DataError::Config {
                key,
                reason: format!("the source `{source}` knows how its files are written"),
                hint: "leave the key out, or state `data.source = \"table\"` for a file of your own".to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The share of bad rows that is allowed.
    pub(crate) fn allowed_rejects(&self) -> Result<f64, DataError> {
        if (0.0..=1.0).contains(&self.max_reject_share) {
            Ok(self.max_reject_share)
        } else {
            Err(DataError::Config {
                key: "max_reject_share",
                reason: format!("`{}` is not a share", self.max_reject_share),
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
    fn all_keys_are_explained_in_help_and_in_the_document() {
        let mut keys = Vec::new();
        for (key, value) in json!(DataConfig::default()).as_object().unwrap() {
            match value.as_object() {
                Some(inner) => keys.extend(inner.keys().map(|name| format!("{key}.{name}"))),
                None => keys.push(key.clone()),
            }
        }
        keys.sort_unstable();
        let mut explained: Vec<&str> = DATA_KEYS.iter().map(|key| key.name).collect();
        explained.sort_unstable();
        assert_eq!(explained, keys);
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let (begin, end) = (text.find("<!-- keys: ").unwrap(), text.find("<!-- end of keys -->").unwrap());
        let begin = begin + text[begin..].find('\n').unwrap() + 1;
        let mut table = "| key | what it can be | what it says |\n| --- | --- | --- |\n".to_owned();
        for key in DATA_KEYS {
            table += &format!("| `{}` | {} | {} |\n", key.name, key.values, key.about).replace("\"|\"", "\"\\|\"");
        }
        if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
            std::fs::write(&path, format!("{}{table}{}", &text[..begin], &text[end..])).unwrap();
        } else {
            assert_eq!(&text[begin..end], table);
        }
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
        assert!(
            scale(&[1.0]).unwrap_err().to_string().starts_with("`data.rating_scale`: `[1.0]` is not a scale\nhint: ")
        );
        assert!(scale(&[5.0, 1.0]).unwrap_err().to_string().contains("`5` to `1` is no rating scale"));
        let share = DataConfig { max_reject_share: 2.0, ..DataConfig::default() }.allowed_rejects();
        assert_eq!(
            share.unwrap_err().to_string(),
            "`data.max_reject_share`: `2` is not a share\nhint: a number from 0 to 1"
        );
    }
}
