//! Builds the catalogue's users and items (vocabularies, features, details), and finds them by their ids.
//!
//! Does not know ratings.
//!
//! **Invariant**: vocabularies keep the order of the tables; features, details and vocabulary have one row per kept
//! item each, in that order.

use std::collections::BTreeSet;

use reco_core::options::did_you_mean;
use reco_core::{Catalogue, Features, ItemId, ItemIdx, Items, UserId, UserIdx, Users};
use reco_data::{ItemRows, UserRows};

use crate::columns::Columns;
use crate::{FeaturesConfig, FeaturesError};

/// Details of an item for display; models do not read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemDetails {
    /// As the source writes it: `Toy Story (1995)`.
    pub title: String,
    /// The title without its bracketed parts: `Toy Story`.
    pub name: String,
    /// The year of publication, where known.
    pub year: Option<i32>,
    /// As the source lists them; none where it lists none.
    pub genres: Vec<String>,
}

/// The items that are kept.
pub(crate) struct KeptItems {
    pub(crate) items: Items,
    pub(crate) features: Features,
    pub(crate) details: Vec<ItemDetails>,
    /// Texts with too many values to be a feature.
    pub(crate) left_out: Vec<String>,
}

/// The users that are kept.
pub(crate) struct KeptUsers {
    pub(crate) users: Users,
    pub(crate) features: Features,
    /// Texts with too many values to be a feature.
    pub(crate) left_out: Vec<String>,
}

/// Vocabulary, features and details of the items at the rows `kept`. Features are `old` (the year is known and before
/// 2000; present if any year is known), the genres sorted by name, if the experiment asks for them bands of
/// years, and the items' other attributes.
///
/// # Errors
/// An id that stands twice; features that clash.
pub(crate) fn kept_items(rows: &ItemRows, kept: &[usize], config: &FeaturesConfig) -> Result<KeptItems, FeaturesError> {
    let items = Items::new(kept.iter().map(|&row| rows.item_id[row].clone()).collect())
        .map_err(|source| FeaturesError::Vocab { table: "items", source })?;
    let details: Vec<_> = kept
        .iter()
        .map(|&row| ItemDetails {
            title: rows.title[row].clone(),
            name: rows.name[row].clone(),
            year: rows.year[row],
            genres: rows.genres[row].clone().unwrap_or_default(),
        })
        .collect();

    let mut columns = Columns::new("item features", kept.len());
    let indicator = |is: bool| f32::from(u8::from(is));
    let of_year =
        |name: &str| details.iter().map(|item| indicator(feature_of_year(name, item.year) == Some(true))).collect();
    if details.iter().any(|item| item.year.is_some()) {
        columns.push(OLD.to_owned(), of_year(OLD))?;
    }
    let genres: BTreeSet<&String> = details.iter().flat_map(|item| &item.genres).collect();
    for genre in genres {
        columns.push(genre.clone(), details.iter().map(|item| indicator(item.genres.contains(genre))).collect())?;
    }
    let mut years: Vec<i32> = details.iter().filter_map(|item| item.year).collect();
    years.sort_unstable();
    let mut starts: Vec<i32> =
        (0..config.year_bands).filter_map(|band| years.get(years.len() * band / config.year_bands).copied()).collect();
    starts.dedup();
    for (at, &start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).map_or(years[years.len() - 1], |next| next - 1);
        let name = if start == end { start.to_string() } else { format!("{start} to {end}") };
        let numbers = of_year(&name);
        columns.push(name, numbers)?;
    }
    let left_out = columns.push_attributes(&rows.attributes, kept)?;
    Ok(KeptItems { items, features: columns.into_features(), details, left_out })
}

/// The feature of items from before 2000.
const OLD: &str = "old";

/// Whether an item of this year has the feature `name`, which follows from years alone: `old`, or a band of years,
/// `1995 to 1996` or `1997`. `None` for any other name; a genre or an attribute of such a name is the caller's to know.
pub fn feature_of_year(name: &str, year: Option<i32>) -> Option<bool> {
    let (start, end) = match name {
        OLD => (i32::MIN, 1999),
        name => {
            let (start, end) = name.split_once(" to ").unwrap_or((name, name));
            (start.parse().ok()?, end.parse().ok()?)
        }
    };
    Some(year.is_some_and(|year| (start..=end).contains(&year)))
}

/// Vocabulary and features of the users at the rows `kept`.
///
/// # Errors
/// An id that stands twice; features that clash.
pub(crate) fn kept_users(rows: &UserRows, kept: &[usize]) -> Result<KeptUsers, FeaturesError> {
    let users = Users::new(kept.iter().map(|&row| rows.user_id[row].clone()).collect())
        .map_err(|source| FeaturesError::Vocab { table: "users", source })?;
    let mut columns = Columns::new("user features", users.len());
    let left_out = columns.push_attributes(&rows.attributes, kept)?;
    Ok(KeptUsers { users, features: columns.into_features(), left_out })
}

/// The user whose id the source file writes as `id`.
///
/// # Errors
/// An id that the catalogue does not have.
pub fn find_user(catalogue: &Catalogue, id: &str) -> Result<UserIdx, FeaturesError> {
    let users = &catalogue.users;
    users.get(&UserId::parse(id.trim())).ok_or_else(|| unknown("user", id, known(users.ids(), "users", id)))
}

/// The item whose id the source file writes as `id`.
///
/// # Errors
/// An id that the catalogue does not have; where an item is named so, the message says its id.
pub fn find_item(catalogue: &Catalogue, details: &[ItemDetails], id: &str) -> Result<ItemIdx, FeaturesError> {
    let items = &catalogue.items;
    items.get(&ItemId::parse(id.trim())).ok_or_else(|| {
        let is_named = |item: &&ItemDetails| [&item.name, &item.title].iter().any(|name| name.eq_ignore_ascii_case(id));
        let named = details.iter().zip(items.ids()).find(|(item, _)| is_named(item));
        let hint = match named {
            Some((item, id)) => format!("items go by their ids: `{}` is `{id}`", item.title),
            None => known(items.ids(), "items", id),
        };
        unknown("item", id, hint)
    })
}

/// The error of a name that a caller asked for.
pub(crate) fn unknown(what: &'static str, name: &str, hint: String) -> FeaturesError {
    FeaturesError::Unknown { what, name: name.to_owned(), place: "", hint }
}

/// The hint for an unknown `id`: which ids there are.
pub(crate) fn known(ids: &[impl std::fmt::Display], what: &str, id: &str) -> String {
    match ids {
        [] => format!("the catalogue has no {what}"),
        [first, second, .., last] if ids.len() > 10 => {
            format!("the catalogue has `{}` {what}, such as `{first}`, `{second}` and `{last}`", ids.len())
        }
        few => {
            let few: Vec<String> = few.iter().map(ToString::to_string).collect();
            did_you_mean(id, few.iter().map(String::as_str))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_years_are_known_by_their_names() {
        let has = |name, year| feature_of_year(name, year);
        assert_eq!(
            [has("old", Some(1999)), has("old", Some(2000)), has("old", None)],
            [Some(true), Some(false), Some(false)]
        );
        assert_eq!(
            [1994, 1995, 1997, 1998].map(|year| has("1995 to 1997", Some(year))),
            [false, true, true, false].map(Some)
        );
        assert_eq!([has("1997", Some(1997)), has("1997", Some(1996))], [Some(true), Some(false)]);
        assert_eq!(["Drama", "brand=1997", "back to 1997", "older"].map(|name| has(name, Some(1997))), [None; 4]);
    }
}
