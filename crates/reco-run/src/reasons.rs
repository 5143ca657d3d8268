//! Turns the terms of a score into a sentence for the one who asked.
//!
//! Does not know numbers that mean nothing to a person: parts of a model without a meaning of their own are left out.
//! Addresses the reader as `you`.
//!
//! **Invariant**: a sentence names only terms that speak for the item, and only stars that somebody gave; where there
//! are none it says what is known of the item.

use reco_core::RatingScale;

use crate::answer::{Reason, ReasonCause, Reasons};

/// The most items or features that are named.
const NAMED: usize = 2;

/// What all people together say of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ItemFacts {
    /// How many people have met it in training.
    pub n_people: usize,
    /// The mean of the stars that they gave, where known.
    pub mean: Option<f64>,
}

impl ItemFacts {
    /// `rated by 485 people, 4.2 on average`
    pub fn sentence(&self) -> String {
        match (self.n_people, self.mean) {
            (0, _) => "nobody has met it yet".to_owned(),
            (n, Some(mean)) => format!("rated by {}, {mean:.1} on average", people(n)),
            (n, None) => format!("met by {}", people(n)),
        }
    }
}

impl Reasons {
    /// The reason in a sentence: `because you rated Star Wars 5`, `because you rate much Sci-Fi`; what all people
    /// together say of the item where the terms mean nothing to a person.
    pub fn sentence(&self, item: &ItemFacts, scale: RatingScale) -> String {
        let speaks_for = |reason: &&Reason| reason.effect > 0.0;
        let terms = || self.terms.iter().filter(speaks_for);
        let middle = (scale.min() + scale.max()) / 2.0;
        // A low rating of a similar item is no reason to watch it, whatever it adds to a sum.
        let rated = terms().filter_map(|reason| match &reason.cause {
            ReasonCause::Item { name, rating: Some(rating), .. } if *rating > middle => {
                Some(("rated", format!("{name} {}", stars(*rating))))
            }
            ReasonCause::Item { name, rating: None, is_stated, .. } => {
                Some((if *is_stated { "liked" } else { "chose" }, name.clone()))
            }
            _ => None,
        });
        // A model's weight of a feature is the share of a user's rated items that have it, whatever the user thought of
        // them.
        let features = terms().filter_map(|reason| match &reason.cause {
            ReasonCause::Feature { name, is_stated, .. } => {
                Some((if *is_stated { "like" } else { "rate much" }, feature(name)))
            }
            _ => None,
        });
        if let Some(sentence) = because(rated).or_else(|| because(features)) {
            return sentence;
        }
        let neighbours: Vec<f64> = terms()
            .filter_map(|reason| match &reason.cause {
                ReasonCause::User { rating, similarity, .. } if *similarity > 0.0 => Some(f64::from(*rating)),
                _ => None,
            })
            .collect();
        let n = neighbours.len();
        let mean = neighbours.iter().sum::<f64>() / n.max(1) as f64;
        if mean > f64::from(middle) {
            let who = if n == 1 { "one person who rates" } else { "people who rate" };
            let average = if n == 1 {
                format!("gave it {mean:.1}")
            } else {
                format!("gave it {mean:.1} on average ({n} of them)")
            };
            return format!("because {who} as you do {average}");
        }
        // Groups of people that the user belongs to: the model's names for them begin like this.
        let groups: Vec<String> = terms()
            .filter_map(|reason| match &reason.cause {
                ReasonCause::Part { name } if reason.effect >= WORTH_TELLING => name.strip_prefix("people of "),
                _ => None,
            })
            .take(NAMED)
            .map(|group| format!("of {}", feature(group)))
            .collect();
        let known = item.sentence();
        if !groups.is_empty() {
            return format!("popular with people {}; {known}", groups.join(", and "));
        }
        // A share of people is a logarithm, and so below 0, but speaks for the item all the same.
        let counts =
            |reason: &Reason| matches!(&reason.cause, ReasonCause::Part { name } if POPULAR.contains(&name.as_str()));
        if self.terms.iter().any(counts) { format!("popular with everyone: {known}") } else { known }
    }
}

/// `because you rated Star Wars 5 and Alien 4.5`, from verbs and their objects; `None` without any.
fn because(reasons: impl Iterator<Item = (&'static str, String)>) -> Option<String> {
    let mut said = "";
    let mut words = Vec::new();
    for (verb, of) in reasons.take(NAMED) {
        words.push(if verb == said { of } else { format!("{verb} {of}") });
        said = verb;
    }
    (!words.is_empty()).then(|| format!("because you {}", words.join(" and ")))
}

/// A feature's column in words: `brand Acme` for `brand=Acme`.
fn feature(name: &str) -> String {
    // The feature named `old` is about how long ago an item appeared.
    if name == "old" { "that is older".to_owned() } else { name.replacen('=', " ", 1) }
}

/// The effect, in logarithms of odds, from which a group of people likes an item noticeably more than everyone does.
const WORTH_TELLING: f32 = 0.05;

/// The names of parts of models that count who has met an item.
const POPULAR: [&str; 2] = ["training rows", "enjoyed by everyone"];

fn people(n: usize) -> String {
    if n == 1 { "one person".to_owned() } else { format!("{n} people") }
}

/// `5`, `3.5`
fn stars(rating: f32) -> String {
    format!("{}", (f64::from(rating) * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: ItemFacts = ItemFacts { n_people: 485, mean: Some(4.23) };

    fn sentence(terms: Vec<(ReasonCause, f32)>) -> String {
        let terms = terms.into_iter().map(|(cause, effect)| Reason { cause, effect }).collect();
        Reasons { terms, without: Vec::new() }.sentence(&FACTS, RatingScale::new(1.0, 5.0).unwrap())
    }

    fn part(name: &str) -> ReasonCause {
        ReasonCause::Part { name: name.to_owned() }
    }

    fn item(name: &str, rating: f32) -> ReasonCause {
        ReasonCause::Item {
            item_id: 1.into(),
            name: name.to_owned(),
            similarity: 0.5,
            rating: Some(rating),
            is_stated: false,
        }
    }

    fn feature(name: &str) -> ReasonCause {
        ReasonCause::Feature { name: name.to_owned(), weight: 0.5, is_stated: false }
    }

    #[test]
    fn reasons_are_said_as_a_person_would() {
        let rated = vec![
            (part("item mean"), 3.0),
            (item("Heat", 1.0), 0.3),
            (item("Star Wars", 5.0), 0.2),
            (item("Alien", 4.5), 0.1),
            (item("Fargo", 5.0), 0.05),
        ];
        assert_eq!(sentence(rated), "because you rated Star Wars 5 and Alien 4.5");
        let unrated = |is_stated| {
            let name = "Brazil".to_owned();
            ReasonCause::Item { item_id: 2.into(), name, similarity: 0.5, rating: None, is_stated }
        };
        let liked = unrated(true);
        assert_eq!(sentence(vec![(liked.clone(), 0.3)]), "because you liked Brazil", "nobody gave it stars");
        assert_eq!(
            sentence(vec![(item("Alien", 4.5), 0.3), (liked, 0.2)]),
            "because you rated Alien 4.5 and liked Brazil"
        );
        assert_eq!(sentence(vec![(feature("old"), 0.3)]), "because you rate much that is older");
        assert_eq!(sentence(vec![(feature("brand=Acme"), 0.3)]), "because you rate much brand Acme");
        let stated = ReasonCause::Feature { name: "Drama".to_owned(), weight: 0.5, is_stated: true };
        assert_eq!(sentence(vec![(stated, 0.3)]), "because you like Drama");
        let liked = vec![(feature("Sci-Fi"), 0.3), (feature("Drama"), -0.2), (feature("Action"), 0.1)];
        assert_eq!(sentence(liked), "because you rate much Sci-Fi and Action");
        let user = |rating, similarity| ReasonCause::User { user_id: 7.into(), similarity, rating };
        assert_eq!(
            sentence(vec![(user(5.0, 0.5), 0.2), (user(4.0, 0.4), 0.1), (user(1.0, -0.4), 0.1)]),
            "because people who rate as you do gave it 4.5 on average (2 of them)"
        );
        assert_eq!(sentence(vec![(user(5.0, 0.5), 0.2)]), "because one person who rates as you do gave it 5.0");
        let known = "rated by 485 people, 4.2 on average";
        assert_eq!(sentence(vec![(user(2.0, 0.5), 0.2)]), known, "what others disliked is no reason");
        assert_eq!(sentence(vec![(user(5.0, 0.5), -0.2)]), known, "nor what speaks against it");
        assert_eq!(
            sentence(vec![(part("enjoyed by everyone"), -3.0), (part("people of gender=M"), 0.3)]),
            "popular with people of gender M; rated by 485 people, 4.2 on average"
        );
    }

    #[test]
    fn parts_without_a_meaning_of_their_own_are_never_named() {
        let known = "rated by 485 people, 4.2 on average";
        assert_eq!(sentence(vec![(part("training rows"), 485.0)]), format!("popular with everyone: {known}"));
        assert_eq!(
            sentence(vec![(part("enjoyed by everyone"), -2.0), (part("people of gender=M"), -0.3)]),
            format!("popular with everyone: {known}")
        );
        for name in ["cosine", "dense", "tastes", "clipping", "item mean"] {
            assert_eq!(sentence(vec![(part(name), 0.7)]), known);
        }
        assert_eq!(sentence(vec![(item("Heat", 2.0), 0.3), (feature("Drama"), -0.1)]), known, "neither speaks for it");
        assert_eq!(ItemFacts { n_people: 1, mean: None }.sentence(), "met by one person");
        assert_eq!(ItemFacts::default().sentence(), "nobody has met it yet");
    }
}
