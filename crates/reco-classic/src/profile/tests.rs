//! Tests of `profile` by hand.
//!
//! Does not know real data.
//!
//! **Invariant**: every expected score is written out from counts of a few rows.

use std::collections::BTreeMap;

use super::*;
use reco_core::ApproachEntry;
use reco_core::testing::catalogue;
use reco_core::{Candidates, DeviceChoice, Interaction, Matrix, Scores, Silent, Span, Target};
use serde_json::{Value, json};

const ENTRY: ApproachEntry = ApproachEntry::of::<ProfileBased>();

/// Six users: the first three of gender F aged 20, 20, 30; the others of gender M aged 40, 50, 60. Four items: 0
/// and 1 are comedies, 2 and 3 are dramas.
fn example() -> Arc<Catalogue> {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let ages = [20.0_f32, 20.0, 30.0, 40.0, 50.0, 60.0];
    let mut users = Matrix::zeros(6, 3);
    for (user, age) in ages.into_iter().enumerate() {
        let is_first = f32::from(u8::from(user < 3));
        users.row_mut(user).copy_from_slice(&[(age - 20.0) / 40.0, is_first, 1.0 - is_first]);
    }
    let spans = BTreeMap::from([("age".to_owned(), Span { low: 20.0, high: 60.0 })]);
    let genres = Matrix::new(4, 2, vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]).unwrap();
    Arc::new(Catalogue {
        user_features: Features::new(names(&["age", "gender=F", "gender=M"]), users).unwrap().with_spans(spans),
        item_features: Features::new(names(&["Comedy", "Drama"]), genres).unwrap(),
        ..catalogue(6, 4)
    })
}

/// Item 2 is enjoyed by five, item 0 by the three of gender F, item 3 by two of gender M; nobody enjoys item 1.
const RATED: &[(usize, usize, f32)] = &[
    (0, 0, 5.0),
    (1, 0, 4.0),
    (2, 0, 4.0),
    (3, 0, 1.0),
    (0, 2, 4.0),
    (1, 2, 4.0),
    (3, 2, 4.0),
    (4, 2, 5.0),
    (5, 2, 5.0),
    (3, 3, 4.0),
    (4, 3, 5.0),
    (5, 1, 2.0),
];

fn fit(options: Value, rows: &[(usize, usize, f32)]) -> Result<Box<dyn Fitted>, String> {
    let catalogue = example();
    let mut builder = Interactions::builder(0);
    for &(user, item, stars) in rows {
        let (user, item) = (catalogue.users.at(user).unwrap(), catalogue.items.at(item).unwrap());
        let rating = (stars > 0.0).then(|| catalogue.scale.rating(stars).unwrap());
        builder.push(Interaction { user, item, rating, target: Target::EVENT, timestamp: None, context: &[] });
    }
    let train = Train { catalogue, fit: builder.finish(), validation: None };
    let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
    let approach = (ENTRY.configure)(&options).map_err(|error| error.to_string())?;
    approach.fit(&train, &run).map_err(|error| error.to_string())
}

fn says(likes: &[&str], attributes: &[(&str, &str)]) -> reco_core::Profile {
    let attributes = attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    reco_core::Profile { likes: likes.iter().map(|&name| name.to_owned()).collect(), attributes }
}

fn scores(fitted: &dyn Fitted, who: Who<'_>) -> Vec<f32> {
    let mut scores = Scores::new();
    let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
    fitted.score(&[query], &mut scores).unwrap();
    scores.row(0).to_vec()
}

fn order(fitted: &dyn Fitted, profile: &reco_core::Profile) -> Vec<usize> {
    let scores = scores(fitted, Who::Visitor { history: &[], profile });
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

#[test]
fn people_get_what_people_like_them_enjoy() {
    let fitted = fit(json!({ "prior_people": 1 }), RATED).unwrap();
    assert_eq!(order(&*fitted, &says(&[], &[])), [2, 0, 3, 1], "what most enjoyed");
    assert_eq!(order(&*fitted, &says(&[], &[("gender", "F")]))[..2], [0, 2]);
    assert_eq!(order(&*fitted, &says(&[], &[("gender", "M")]))[..2], [2, 3]);
    assert_eq!(order(&*fitted, &says(&[], &[("age", "19")]))[0], 0);
    assert_eq!(order(&*fitted, &says(&[], &[("age", "55")]))[..2], [2, 3]);
    assert_eq!(order(&*fitted, &says(&["Comedy"], &[]))[0], 0);

    // 5 of 10 rows are of gender F, and all 3 of item 0: (3 + 1·0.5) / ((3 + 1)·0.5) = 1.75.
    let base = scores(&*fitted, Who::Visitor { history: &[], profile: &says(&[], &[]) });
    let stated = scores(&*fitted, Who::Visitor { history: &[], profile: &says(&[], &[("gender", "F")]) });
    assert!((base[0] - (4.0_f32 / 8.0).ln()).abs() < 1e-6, "{base:?}");
    assert!((stated[0] - base[0] - 1.75_f32.ln()).abs() < 1e-6, "{stated:?}");
    assert_eq!(stated[1], base[1], "of what nobody enjoyed, nobody's gender is known");
}

#[test]
fn a_known_user_is_who_the_catalogue_says() {
    let fitted = fit(json!({}), RATED).unwrap();
    for (user, age, gender) in [(0, "20", "F"), (5, "60", "M")] {
        let profile = says(&[], &[("age", age), ("gender", gender)]);
        let known = Who::Known(fitted.catalogue().users.at(user).unwrap());
        assert_eq!(scores(&*fitted, known), scores(&*fitted, Who::Visitor { history: &[], profile: &profile }));
    }
}

#[test]
fn a_score_is_told_by_its_parts() {
    let fitted = fit(json!({ "bands": 3, "like_factor": 4 }), RATED).unwrap();
    let profile = says(&["Comedy"], &[("age", "35"), ("gender", "F")]);
    let who = Who::Visitor { history: &[], profile: &profile };
    let items: Vec<ItemIdx> = fitted.catalogue().items.indices().collect();
    let query = Query { who, context: &[], candidates: Candidates::These(&items) };
    let told = fitted.explain(&query, &items).unwrap().unwrap();
    let names = |explanation: &Explanation| -> Vec<String> {
        let name = |term: &Term| match &term.cause {
            Cause::Part { name } | Cause::Feature { name, .. } => name.clone(),
            other => panic!("{other:?}"),
        };
        explanation.terms.iter().map(name).collect()
    };
    let (everyone, age) = ("enjoyed by everyone", "people of age from 30 to below 50");
    let (gender, fans) = ("people of gender=F", "people who enjoy Comedy");
    assert_eq!(names(&told[0]), [everyone, age, gender, "Comedy", fans]);
    assert_eq!(names(&told[2]), [everyone, age, gender, fans], "a drama is no comedy");
    assert_eq!(told[0].without, [Ablation { feature: "Comedy".to_owned(), change: -(4.0_f32.ln()) }]);
    for (explanation, score) in told.iter().zip(scores(&*fitted, who)) {
        assert_eq!(explanation.score, score);
    }
}

#[test]
fn what_one_enjoyed_lifts_what_the_same_people_enjoy() {
    let fitted = fit(json!({ "history": true, "prior_people": 1 }), RATED).unwrap();
    let catalogue = fitted.catalogue();
    let liked = |item: usize, stars: f32| (catalogue.items.at(item).unwrap(), Target::new(stars).unwrap());
    let nothing = says(&[], &[]);
    let of = |history: &[_]| scores(&*fitted, Who::Visitor { history, profile: &nothing });
    let base = of(&[]);
    // Two of the three who enjoyed item 0 enjoyed item 2, as five of six did: (2 / (5.5 / 7) + 5) / (3 + 5).
    let lift = (2.0_f32 / (5.5 / 7.0) + 5.0) / 8.0;
    assert!((of(&[liked(0, 5.0)])[2] - base[2] - lift.ln()).abs() < 1e-6);
    // Nobody enjoyed both item 0 and item 3. Two items count 2^-0.75 each; one star is not enjoyed.
    let two = of(&[liked(0, 5.0), liked(2, 4.0)]);
    let both = (2.0_f32 / (2.5 / 7.0) + 5.0) / 10.0;
    assert!((two[3] - base[3] - ((5.0_f32 / 8.0).ln() + both.ln()) / 2.0_f32.powf(0.75)).abs() < 1e-6, "{two:?}");
    assert_eq!(of(&[liked(0, 1.0)]), base);
    // What is stated counts half beside one item.
    let user = Who::Known(catalogue.users.at(2).unwrap());
    let profile = says(&[], &[("age", "30"), ("gender", "F")]);
    assert_eq!(scores(&*fitted, user), scores(&*fitted, Who::Visitor { history: &[liked(0, 4.0)], profile: &profile }));
    let stated = scores(&*fitted, Who::Visitor { history: &[], profile: &profile });
    let half = of(&[liked(0, 4.0)])[1] + (stated[1] - base[1]) / 2.0;
    assert!((scores(&*fitted, user)[1] - half).abs() < 1e-6);
    let loaded = (ENTRY.configure)(&json!({ "history": true })).unwrap();
    let run = Run { seed: 1, device: DeviceChoice::Auto, progress: &Silent };
    let loaded = loaded.load(fitted.save().unwrap(), catalogue, &run).unwrap();
    assert_eq!(scores(&*loaded, user), scores(&*fitted, user));
}

#[test]
fn events_are_enjoyed_and_what_was_not_is_an_error() {
    let events: Vec<_> = RATED.iter().map(|&(user, item, _)| (user, item, 0.0)).collect();
    assert_eq!(order(&*fit(json!({}), &events).unwrap(), &says(&[], &[])), [2, 0, 3, 1]);
    let error = fit(json!({ "enjoyed": 6 }), RATED).err().unwrap();
    assert!(error.starts_with("none of `12` training ratings reaches `6` stars"), "{error}");
}

#[test]
fn what_the_catalogue_does_not_know_is_refused() {
    let fitted = fit(json!({}), RATED).unwrap();
    let refuse = |profile: reco_core::Profile| {
        let who = Who::Visitor { history: &[], profile: &profile };
        let query = Query { who, context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
        fitted.score(&[query], &mut Scores::new()).unwrap_err().to_string()
    };
    assert_eq!(refuse(says(&["Comedi"], &[])), "unknown liked feature `Comedi`\nhint: did you mean `Comedy`?");
    assert_eq!(refuse(says(&[], &[("sex", "F")])), "unknown user attribute `sex`\nhint: known are `age`, `gender`");
}

#[test]
fn options_that_are_none_are_refused() {
    for (options, expected) in [
        (json!({ "prior_people": 0 }), "`prior_people` is `0`\nhint: "),
        (json!({ "like_factor": 0.5 }), "`like_factor` is `0.5`\nhint: "),
        (json!({ "bands": 0 }), "`bands` is `0`\nhint: "),
        (json!({ "likes": 3 }), "unknown key `likes`"),
    ] {
        let error = fit(options, RATED).err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
}
