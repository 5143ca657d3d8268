//! Tests that the filters of `[features]` keep what they should, and count what they drop.
//!
//! Does not know splits: one that reads no share stands for them all.
//!
//! **Invariant**: the core is compared with one found by the definition, round after round.

mod common;

use std::collections::BTreeSet;

use common::tables;
use proptest::prelude::*;
use reco_core::ItemId;
use reco_data::{NamedColumn, Tables, Values};
use reco_features::{Dataset, FeaturesConfig, FeaturesError, Filtered, SplitConfig, prepare};

fn prepared(tables: &Tables, features: &FeaturesConfig) -> Result<Dataset, FeaturesError> {
    let split = SplitConfig { kind: "random".to_owned(), validation: 0.0, ..SplitConfig::default() };
    prepare(tables, features, &split, 0)
}

fn least(min_ratings_per_user: usize, min_ratings_per_item: usize) -> FeaturesConfig {
    FeaturesConfig { min_ratings_per_user, min_ratings_per_item, ..FeaturesConfig::default() }
}

fn ids(dataset: &Dataset) -> (Vec<String>, Vec<String>) {
    let (users, items) = (dataset.catalogue.users.ids(), dataset.catalogue.items.ids());
    (users.iter().map(ToString::to_string).collect(), items.iter().map(ToString::to_string).collect())
}

/// Rows of all parts.
fn source_rows(dataset: &Dataset) -> BTreeSet<u64> {
    let rows = &dataset.source_rows;
    rows.fit.iter().chain(&rows.validation).chain(&rows.test).copied().collect()
}

/// Users 0 and 1 rated items 0 and 1; user 1 also rated item 2, the only item of user 2. User 3 and item 3 have no
/// ratings.
fn example() -> Tables {
    let mut tables = tables(
        4,
        4,
        &[
            (1, 2, 1.0, None),
            (0, 0, 4.0, None),
            (2, 2, 5.0, None),
            (0, 1, 3.5, None),
            (1, 1, 3.0, None),
            (1, 0, 5.0, None),
        ],
    );
    let ages = [10.0, 20.0, 90.0, 90.0].map(Some).to_vec();
    tables.users.attributes = vec![NamedColumn { name: "age".to_owned(), values: Values::Number(ages) }];
    tables.items.genres = ["A", "B", "C", "D"].map(|genre| Some(vec![genre.to_owned()])).to_vec();
    tables
}

#[test]
fn who_and_what_is_dropped_leaves_the_catalogue() {
    let dataset = prepared(&example(), &least(2, 2)).unwrap();
    assert_eq!(ids(&dataset), (vec!["0".to_owned(), "1".to_owned()], vec!["0".to_owned(), "1".to_owned()]));
    assert_eq!(source_rows(&dataset), BTreeSet::from([1, 3, 4, 5]));
    let dropped = Filtered { n_ratings_below: 0, n_users: 2, n_items: 2, n_ratings: 2 };
    assert_eq!(dataset.info.filtered, dropped);
    assert_eq!((dataset.info.n_users, dataset.info.n_items, dataset.info.n_ratings), (2, 2, 4));
    assert_eq!((dataset.info.n_items_dropped, dataset.info.n_ratings_dropped), (0, 0));
    // Features are those of the users and items that are left: ages span 10 to 20, and no item has genre C.
    assert_eq!(dataset.catalogue.user_features.matrix().values(), [0.0, 1.0]);
    assert_eq!(dataset.catalogue.item_features.names(), ["old", "A", "B"]);
    assert_eq!(dataset.details[1].title, "Title 1");
}

#[test]
fn nothing_leaves_the_catalogue_unless_it_is_asked_for() {
    let all = prepared(&example(), &FeaturesConfig::default()).unwrap();
    assert_eq!((all.info.n_users, all.info.n_items, all.info.filtered), (4, 4, Filtered::default()));
    // One rating is enough, and user 3 and item 3 have none.
    let rated = prepared(&example(), &least(1, 1)).unwrap();
    assert_eq!((rated.info.n_users, rated.info.n_items, rated.info.n_ratings), (3, 3, 6));
    assert_eq!(prepared(&example(), &least(1, 0)).unwrap().info.n_items, 4);
    // Item 2 keeps no rating here, and stays a candidate, since items are not asked.
    let users = prepared(&example(), &FeaturesConfig { min_rating: Some(2.0), ..least(2, 0) }).unwrap();
    assert_eq!((users.info.n_users, users.info.n_items, users.info.n_ratings), (2, 4, 4));
}

#[test]
fn low_ratings_go_first_and_events_stay() {
    let mut tables = example();
    tables.ratings.rating[0] = None;
    let features = FeaturesConfig { min_rating: Some(3.5), ..FeaturesConfig::default() };
    let dataset = prepared(&tables, &features).unwrap();
    assert_eq!(source_rows(&dataset), BTreeSet::from([0, 1, 2, 3, 5]));
    assert_eq!(dataset.info.filtered, Filtered { n_ratings_below: 1, ..Filtered::default() });
    assert_eq!((dataset.info.n_users, dataset.info.n_items), (4, 4));
    // Without the low rating, item 1 has one: ratings below the bound are dropped before anything is counted.
    let core = prepared(&tables, &FeaturesConfig { min_ratings_per_item: 2, ..features.clone() }).unwrap();
    assert_eq!(ids(&core).1, ["0", "2"]);
    assert_eq!(core.info.filtered, Filtered { n_ratings_below: 1, n_users: 0, n_items: 2, n_ratings: 1 });
    // A dropped item's low rating counts as the item's.
    let listed = FeaturesConfig { drop_items: vec![ItemId::parse("1")], ..features };
    let dataset = prepared(&tables, &listed).unwrap();
    assert_eq!((dataset.info.n_ratings_dropped, dataset.info.filtered.n_ratings_below), (2, 0));
}

#[test]
fn filters_that_leave_nothing_are_refused() {
    let refused = |features: FeaturesConfig| prepared(&example(), &features).unwrap_err().to_string();
    let above = |min_rating| FeaturesConfig { min_rating: Some(min_rating), ..FeaturesConfig::default() };
    assert_eq!(
        refused(above(5.5)),
        "`features.min_rating = 5.5` leaves none of `6` ratings\nhint: lower it: it is a number of stars, and a rating equal to it stays"
    );
    assert_eq!(
        refused(least(3, 2)),
        "`features.min_ratings_per_user = 3` with `features.min_ratings_per_item = 2` leaves none of `6` ratings\nhint: lower them: the ratings of a dropped user or item are dropped too, which may leave others too few"
    );
    assert!(refused(above(f32::NAN)).starts_with("`features.min_rating` is `NaN`\nhint: "));
}

/// The core by its definition: in each round, all with too few ratings go at once, until a round changes nothing.
fn naive(pairs: &BTreeSet<(i64, i64)>, per_user: usize, per_item: usize) -> BTreeSet<(i64, i64)> {
    let mut left = pairs.clone();
    loop {
        let n_of_user = |user| left.iter().filter(|pair| pair.0 == user).count();
        let n_of_item = |item| left.iter().filter(|pair| pair.1 == item).count();
        let next: BTreeSet<_> =
            left.iter().copied().filter(|&(u, i)| n_of_user(u) >= per_user && n_of_item(i) >= per_item).collect();
        if next == left {
            return left;
        }
        left = next;
    }
}

proptest! {
    #[test]
    fn the_core_is_the_one_of_its_definition_in_any_order_of_rows(
        rows in proptest::collection::btree_set((0..9_i64, 0..9_i64), 1..60)
            .prop_map(|rows| rows.into_iter().collect::<Vec<_>>()).prop_shuffle(),
        per_user in 0..5_usize,
        per_item in 0..5_usize,
    ) {
        let ratings: Vec<_> = rows.iter().map(|(user, item)| (*user, *item, 3.0, None)).collect();
        let expected = naive(&rows.iter().copied().collect(), per_user, per_item);
        match prepared(&tables(9, 9, &ratings), &least(per_user, per_item)) {
            Err(FeaturesError::EmptyPart { .. }) => prop_assert_eq!(expected.len(), 1),
            Err(FeaturesError::FilteredAway { .. }) => prop_assert!(expected.is_empty()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
            Ok(dataset) => {
                let left: BTreeSet<_> = source_rows(&dataset).iter().map(|row| rows[*row as usize]).collect();
                prop_assert_eq!(&left, &expected);
                let (users, items) = ids(&dataset);
                let has = |n: usize, least: usize| n >= least;
                let expected_users = (0..9).filter(|u| has(left.iter().filter(|pair| pair.0 == *u).count(), per_user));
                prop_assert_eq!(users, expected_users.map(|id| id.to_string()).collect::<Vec<_>>());
                let expected_items = (0..9).filter(|i| has(left.iter().filter(|pair| pair.1 == *i).count(), per_item));
                prop_assert_eq!(items, expected_items.map(|id| id.to_string()).collect::<Vec<_>>());
                let filtered = dataset.info.filtered;
                prop_assert_eq!(filtered.n_ratings, rows.len() - expected.len());
                prop_assert_eq!(filtered.n_users + dataset.info.n_users, 9);
                prop_assert_eq!(filtered.n_items + dataset.info.n_items, 9);
            }
        }
    }
}
