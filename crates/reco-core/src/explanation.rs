//! The explanation of a score by the terms that it is the sum of.
//!
//! Does not know any model and finds no reasons: the model that computed a score states its terms.
//!
//! **Invariant**: the effects of an explanation's terms add up to its score; the conformance suite checks this.

use crate::{ItemIdx, UserIdx};

/// What the score of one item was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The score, as [`Recommender::score`](crate::Recommender::score) gives it.
    pub score: f32,
    /// The terms that it is the sum of.
    pub terms: Vec<Term>,
    /// What it would be without each of the item's features, where the model looks at them.
    pub without: Vec<Ablation>,
}

/// One summand of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Where it comes from.
    pub cause: Cause,
    /// What it adds, in the score's unit.
    pub effect: f32,
}

/// Where a summand of a score comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// A feature of the item: its name, and how much of it the user likes.
    Feature {
        /// `Sci-Fi`.
        name: String,
        /// The user's weight for it.
        weight: f32,
    },
    /// An item that the user has met.
    Item {
        /// The item.
        item: ItemIdx,
        /// How similar it is.
        similarity: f32,
        /// What the user gave it, in stars; `None` from a model that does not look at stars.
        rating: Option<f32>,
    },
    /// Another user, who has rated the item.
    User {
        /// The user.
        user: UserIdx,
        /// How similar they are.
        similarity: f32,
        /// What they gave it, in stars.
        rating: f32,
    },
    /// A part of the model: a branch of a network, a bias, a mean.
    Part {
        /// `cosine`, `user mean`.
        name: String,
    },
}

/// A score without one of the item's features: computed again, not guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Ablation {
    /// The feature that is taken away.
    pub feature: String,
    /// The score without it, less the score with it.
    pub change: f32,
}

/// Which of several recommenders answers a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The approach that answers.
    pub approach: String,
    /// Why this one: `12 ratings, at least 10`.
    pub reason: String,
}
