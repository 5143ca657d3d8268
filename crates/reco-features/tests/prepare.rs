//! Tests that catalogue, contexts and targets agree with the tables.
//!
//! Does not know files or the article's data: three users by hand.
//!
//! **Invariant**: expected values are written out, not computed.

mod common;

use common::tables;
use reco_core::{ItemId, RawId, Target, UserId};
use reco_data::{NamedColumn, Tables, Values};
use reco_features::{
    FeaturesConfig, ScalingConfig, ScalingFit, ScalingKind, SplitConfig, find_item, find_user, prepare,
};

/// Noon and midnight UTC of Thursday 1970-01-01 and Saturday 1970-01-03.
const THURSDAY_NOON: Option<i64> = Some(12 * 3600);
const SATURDAY_NIGHT: Option<i64> = Some(2 * 86400);

fn texts(name: &str, values: &[Option<&str>]) -> NamedColumn {
    let values = values.iter().map(|value| value.map(str::to_owned)).collect();
    NamedColumn { name: name.to_owned(), values: Values::Text(values) }
}

fn example() -> Tables {
    let mut tables = tables(
        3,
        3,
        &[(2, 0, 4.0, SATURDAY_NIGHT), (0, 1, 2.0, THURSDAY_NOON), (0, 0, 5.0, None), (0, 2, 1.0, THURSDAY_NOON)],
    );
    let genres = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    tables.items.genres = vec![genres(&["Drama", "Comedy"]), None, genres(&[])];
    tables.items.year = vec![Some(1999), Some(2000), None];
    tables.items.attributes = vec![texts("country", &[Some("IT"), None, Some("FR")])];
    tables.users.attributes =
        vec![NamedColumn { name: "age".to_owned(), values: Values::Number(vec![Some(20.0), None, Some(40.0)]) }];
    tables.ratings.contexts = vec![texts("device", &[Some("tv"), Some("mobile"), None, Some("mobile")])];
    tables
}

fn by_columns() -> SplitConfig {
    SplitConfig { kind: "article".to_owned(), ..SplitConfig::default() }
}

#[test]
fn features_and_contexts_are_named_and_in_order() {
    let dataset = prepare(&example(), &FeaturesConfig::default(), &by_columns(), 0).unwrap();
    let catalogue = &dataset.catalogue;
    assert_eq!(catalogue.item_features.names(), ["old", "Comedy", "Drama", "country=FR", "country=IT"]);
    assert_eq!(catalogue.item_features.matrix().row(0), [1.0, 1.0, 1.0, 0.0, 1.0]);
    assert_eq!(catalogue.item_features.matrix().row(1), [0.0; 5]);
    assert_eq!(catalogue.item_features.matrix().row(2), [0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(catalogue.user_features.names(), ["age"]);
    assert_eq!(catalogue.user_features.matrix().values(), [0.0, 0.5, 1.0]);
    assert!(catalogue.context_names().eq(["daytime", "weekend", "device=mobile", "device=tv"]));
    // Of the two rows of train below that have a moment, one each is by day, on a weekend, on a mobile and on a TV.
    assert_eq!(catalogue.average_moment(), [0.5; 4]);
    // int(0.8 × 3) = 2 columns train. Rows: (user 0, item 0), (0, 1), (2, 0).
    assert_eq!(dataset.source_rows.fit, [2, 1, 0]);
    assert_eq!(dataset.fit.contexts().row(0), [0.5; 4], "what a row lacks is the average of those that have it");
    assert_eq!(dataset.fit.contexts().row(1), [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(dataset.fit.contexts().row(2), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!((dataset.info.n_without_time, dataset.info.n_ratings), (1, 4));
    assert_eq!((dataset.catalogue.n_users(), dataset.catalogue.n_items()), (3, 3));
    assert_eq!(dataset.details[0].genres, ["Drama", "Comedy"]);
    assert_eq!((dataset.details[1].name.as_str(), dataset.details[1].year), ("Name 1", Some(2000)));
}

#[test]
fn bands_of_years_are_features_where_they_are_asked_for() {
    let mut tables = example();
    tables.items.year = vec![Some(1999), Some(2000), None];
    let features = FeaturesConfig { year_bands: 2, ..FeaturesConfig::default() };
    let dataset = prepare(&tables, &features, &by_columns(), 0).unwrap();
    let features = &dataset.catalogue.item_features;
    assert_eq!(features.names(), ["old", "Comedy", "Drama", "1999", "2000", "country=FR", "country=IT"]);
    assert_eq!(features.matrix().row(0), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    assert_eq!(features.matrix().row(1), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(features.matrix().row(2), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(dataset.catalogue.user_features.spans()["age"], reco_core::Span { low: 20.0, high: 40.0 });
}

#[test]
fn without_times_there_is_no_context_of_time() {
    let mut tables = example();
    tables.ratings.timestamp = vec![None; 4];
    let dataset = prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).unwrap();
    assert!(dataset.catalogue.context_names().eq(["device=mobile", "device=tv"]));
    assert_eq!(dataset.info.n_without_time, 0);
}

#[test]
fn items_with_an_empty_genres_cell_are_dropped_with_their_ratings() {
    let features = FeaturesConfig { drop_items_without_genres: true, ..FeaturesConfig::default() };
    let dataset = prepare(&example(), &features, &by_columns(), 0).unwrap();
    let ids: Vec<String> = dataset.catalogue.items.ids().iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["0", "2"]);
    assert_eq!(dataset.details.len(), 2);
    assert_eq!(dataset.catalogue.item_features.matrix().n_rows(), 2);
    assert_eq!((dataset.info.n_items_dropped, dataset.info.n_ratings_dropped, dataset.info.n_ratings), (1, 1, 3));
    assert_eq!(dataset.catalogue.n_users(), 3, "users stay, with or without ratings");

    let listed = FeaturesConfig { drop_items: vec![ItemId::parse("1")], ..FeaturesConfig::default() };
    assert_eq!(
        prepare(&example(), &listed, &by_columns(), 0).unwrap().catalogue.items.ids(),
        dataset.catalogue.items.ids()
    );
    let unknown = FeaturesConfig { drop_items: vec![ItemId::parse("7")], ..FeaturesConfig::default() };
    let error = prepare(&example(), &unknown, &by_columns(), 0).unwrap_err().to_string();
    assert!(error.contains("`features.drop_items` names the unknown item `7`"), "{error}");

    let mut tables = example();
    tables.items.genres = vec![None; 3];
    let error = prepare(&tables, &features, &by_columns(), 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "the tables hold no rating of a kept item: `4` ratings, `4` of dropped items\nhint: set `features.drop_items_without_genres = false`"
    );
}

#[test]
fn targets_follow_the_scaling() {
    let targets = |kind, fit| {
        let scaling = ScalingConfig { kind, fit, ..ScalingConfig::default() };
        let dataset = prepare(&example(), &FeaturesConfig { scaling, ..FeaturesConfig::default() }, &by_columns(), 0);
        let dataset = dataset.unwrap();
        let rows = dataset.fit.targets().iter().chain(dataset.test.targets());
        rows.map(|target| target.get()).collect::<Vec<_>>()
    };
    // Stars: 5 (item 0), 2 (item 1), 4 (item 0); held out: 1 (item 2).
    assert_eq!(targets(ScalingKind::None, ScalingFit::Train), [5.0, 2.0, 4.0, 1.0]);
    let whole = |stars: f32| 0.5 + (stars - 0.5) / 9.0;
    let near = |found: Vec<f32>, expected: [f32; 4]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    };
    near(targets(ScalingKind::MinMax, ScalingFit::Train), [5.0, 2.0, 4.0, 1.0].map(whole));
    near(targets(ScalingKind::ItemMinMax, ScalingFit::Train), [1.0, whole(2.0), 0.5, whole(1.0)]);
    near(targets(ScalingKind::ItemMinMax, ScalingFit::All), [1.0, 0.5, 0.5, 0.5]);
}

#[test]
fn an_event_without_a_rating_has_the_target_of_an_event() {
    let mut tables = example();
    tables.ratings.rating = vec![None; 4];
    let scaling = ScalingConfig { kind: ScalingKind::ItemMinMax, ..ScalingConfig::default() };
    let dataset = prepare(&tables, &FeaturesConfig { scaling, ..FeaturesConfig::default() }, &by_columns(), 0).unwrap();
    assert!(dataset.fit.ratings().iter().all(Option::is_none));
    assert!(dataset.fit.targets().iter().all(|target| *target == Target::EVENT));
}

#[test]
fn a_user_is_found_by_the_id_in_the_file() {
    let mut tables = example();
    let dataset = prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).unwrap();
    assert_eq!(find_user(&dataset.catalogue, "2").unwrap().index(), 2);
    let error = find_user(&dataset.catalogue, "7").unwrap_err().to_string();
    assert_eq!(error, "unknown user `7`\nhint: did you mean `0`?");
    tables.users.attributes.clear();
    tables.users.user_id.extend((10..30).map(UserId::from));
    let dataset = prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).unwrap();
    let error = find_user(&dataset.catalogue, "ann").unwrap_err().to_string();
    assert_eq!(error, "unknown user `ann`\nhint: the catalogue has `23` users, such as `0`, `1` and `29`");
}

#[test]
fn an_item_is_found_by_the_id_in_the_file_and_not_by_its_name() {
    let dataset = prepare(&example(), &FeaturesConfig::default(), &by_columns(), 0).unwrap();
    let find = |id| find_item(&dataset.catalogue, &dataset.details, id).map_err(|error| error.to_string());
    assert_eq!(find(" 2").unwrap().index(), 2);
    assert_eq!(find("7").unwrap_err(), "unknown item `7`\nhint: did you mean `0`?");
    let title = &dataset.details[1].title;
    let named = format!("unknown item `name 1`\nhint: items go by their ids: `{title}` is `1`");
    assert_eq!(find("name 1").unwrap_err(), named);
}

#[test]
fn tables_that_do_not_fit_together_are_refused() {
    let refuse = |change: fn(&mut Tables)| {
        let mut tables = example();
        change(&mut tables);
        prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).unwrap_err().to_string()
    };
    let unlisted = refuse(|tables| tables.ratings.item_id[1] = 9.into());
    assert!(unlisted.starts_with("source row `1`: item `9` is not in the table of items\nhint: "), "{unlisted}");
    let twice = refuse(|tables| tables.ratings.item_id[1] = 0.into());
    assert!(twice.starts_with("user `0` rated item `0` at source rows `1` and `2`\nhint: "), "{twice}");
    let stars = refuse(|tables| tables.ratings.rating[3] = Some(7.0));
    assert_eq!(stars, "source row `3`: rating `7` is outside the scale `0.5` to `5`");
    let milliseconds = refuse(|tables| tables.ratings.timestamp[0] = Some(964_982_703_000));
    assert!(milliseconds.starts_with("source row `0`: time `964982703000` is beyond the year 9999\nhint: "));
    let users = refuse(|tables| tables.users.user_id[1] = UserId(RawId::Integer(0)));
    assert!(
        users.starts_with("the table of users cannot become a catalogue: id `0` stands at rows `0` and `1`"),
        "{users}"
    );
    let context =
        refuse(|tables| tables.ratings.contexts = vec![texts("x", &[Some("1"); 4]), texts("x", &[Some("1"); 4])]);
    assert!(context.starts_with("column `x=1` would stand twice among the contexts\nhint: "), "{context}");
    let number = |name: &str, value| {
        let values = Values::Number(vec![Some(1.0), None, Some(value), None]);
        NamedColumn { name: name.to_owned(), values }
    };
    let contexts = |contexts: &[NamedColumn]| {
        let mut tables = example();
        tables.ratings.contexts = contexts.to_vec();
        prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).map_err(|error| error.to_string())
    };
    let twice = contexts(&[number("delay", 2.0), number("delay", 2.0)]).unwrap_err();
    assert!(twice.starts_with("column `delay` would stand twice among the contexts\nhint: "), "{twice}");
    for (value, shown) in [(f64::NAN, "NaN"), (f64::MAX, "179769"), (f64::NEG_INFINITY, "-inf")] {
        let refused = contexts(&[number("delay", value)]).unwrap_err();
        assert!(refused.starts_with(&format!("column `delay` holds `{shown}")), "{refused}");
    }
    // A row that is dropped may hold anything.
    let mut tables = example();
    tables.ratings.contexts = vec![number("delay", f64::NAN)];
    let features = FeaturesConfig { min_ratings_per_item: 1, drop_items: vec![0.into()], ..FeaturesConfig::default() };
    let dataset = prepare(&tables, &features, &by_columns(), 0).unwrap();
    assert_eq!(dataset.catalogue.contexts.last().map(|column| (column.mean, column.high)), Some((0.0, 0.0)));
}

#[test]
fn a_context_of_too_many_texts_is_refused_unless_their_rows_are_dropped() {
    let ratings: Vec<_> = (0..101).map(|row| (row, i64::from(row % 2 == 1), 3.0, None)).collect();
    let mut tables = tables(101, 2, &ratings);
    let names: Vec<String> = (0..101).map(|row| format!("{row}")).collect();
    tables.ratings.contexts = vec![texts("search", &names.iter().map(|name| Some(name.as_str())).collect::<Vec<_>>())];
    let error = prepare(&tables, &FeaturesConfig::default(), &by_columns(), 0).unwrap_err().to_string();
    assert!(error.starts_with("context `search` has `101` different values, more than `100`\nhint: "), "{error}");
    let features = FeaturesConfig { drop_items: vec![1.into()], ..FeaturesConfig::default() };
    let split = SplitConfig { kind: "random".to_owned(), ..SplitConfig::default() };
    let dataset = prepare(&tables, &features, &split, 0).unwrap();
    let names: Vec<&str> = dataset.catalogue.context_names().collect();
    assert_eq!((names.len(), names[0], names[1], names[50]), (51, "search=0", "search=10", "search=98"));
}

#[test]
fn choices_that_are_none_are_refused() {
    let refuse = |features: FeaturesConfig| prepare(&example(), &features, &by_columns(), 0).unwrap_err().to_string();
    let scaling = ScalingConfig { to: (1.0, 0.5), ..ScalingConfig::default() };
    let ends = refuse(FeaturesConfig { scaling, ..FeaturesConfig::default() });
    assert!(ends.starts_with("`features.scaling.to` is `[1, 0.5]`\nhint: "), "{ends}");
    let zone = refuse(FeaturesConfig { time_zone: "Rome".to_owned(), ..FeaturesConfig::default() });
    assert!(zone.starts_with("unknown time zone `Rome` in `features.time_zone`\nhint: "), "{zone}");
}

#[test]
fn options_keep_their_defaults_and_know_their_keys() {
    let parse = reco_core::options::parse::<FeaturesConfig>;
    let given = serde_json::json!({ "scaling": { "kind": "item-min-max" } });
    let features = parse("[features]", &given).unwrap();
    assert_eq!((features.scaling.kind, features.scaling.to), (ScalingKind::ItemMinMax, (0.5, 1.0)));
    let given = serde_json::json!({ "min_rating": 3, "min_ratings_per_item": 5 });
    let features = parse("[features]", &given).unwrap();
    assert_eq!((features.min_rating, features.min_ratings_per_user, features.min_ratings_per_item), (Some(3.0), 0, 5));
    // TOML has no null: a bound that is not there is not written, and reads back as none.
    let mut written = serde_json::to_value(FeaturesConfig::default()).unwrap();
    assert!(written.as_object_mut().unwrap().remove("min_rating").unwrap().is_null());
    assert_eq!(parse("[features]", &written).unwrap(), FeaturesConfig::default());
    let error = parse("[features]", &serde_json::json!({ "timezone": "UTC" })).unwrap_err().to_string();
    assert_eq!(error, "unknown key `timezone` in [features]\nhint: did you mean `time_zone`?");
    let error = parse("[features]", &serde_json::json!({ "scaling": { "fit": "test" } })).unwrap_err().to_string();
    assert!(error.contains("expected `train` or `all`"), "{error}");
}
