//! Builds the small tables that the tests start from.
//!
//! Does not know what is tested on them.
//!
//! **Invariant**: every table is complete: its users and items are listed.

use reco_core::RatingScale;
use reco_data::{DatasetInfo, ItemRows, Ratings, Tables, UserRows};

/// Ratings `(user, item, stars, time)` of users and items numbered from 0, item `n` from the year 1990 + n.
pub(crate) fn tables(n_users: i64, n_items: i64, ratings: &[(i64, i64, f32, Option<i64>)]) -> Tables {
    let texts = |prefix: &str| (0..n_items).map(|item| format!("{prefix} {item}")).collect();
    Tables {
        ratings: Ratings {
            user_id: ratings.iter().map(|rating| rating.0.into()).collect(),
            item_id: ratings.iter().map(|rating| rating.1.into()).collect(),
            rating: ratings.iter().map(|rating| Some(rating.2)).collect(),
            timestamp: ratings.iter().map(|rating| rating.3).collect(),
            source_row: (0..ratings.len() as u64).collect(),
            contexts: vec![],
        },
        items: ItemRows {
            item_id: (0..n_items).map(Into::into).collect(),
            title: texts("Title"),
            name: texts("Name"),
            year: (0..n_items).map(|item| Some(1990 + item as i32)).collect(),
            genres: vec![Some(vec![]); n_items as usize],
            attributes: vec![],
        },
        users: UserRows { user_id: (0..n_users).map(Into::into).collect(), attributes: vec![] },
        scale: RatingScale::new(0.5, 5.0).expect("0.5 is below 5"),
        dataset: DatasetInfo { name: "test".to_owned(), sha256: "00".to_owned(), ..DatasetInfo::default() },
    }
}
