//! A query: for whom, in which context, among which items.
//!
//! Does not know which model answers.
//!
//! **Invariant**: a query names its candidates; a visitor's carries their ratings, for a user of the catalogue a model
//! has those it was trained on.

use serde::{Deserialize, Serialize};

use crate::{ItemIdx, Profile, Seen, Target, UserIdx};

/// One request: for whom, in which context, among which items.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// For whom.
    pub who: Who<'a>,
    /// The moment, one number per context of the catalogue; empty if it is not stated, which counts as the average
    /// moment of training.
    pub context: &'a [f32],
    /// Among which items.
    pub candidates: Candidates<'a>,
}

/// The user or visitor that a query is for.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// A user of the catalogue.
    Known(UserIdx),
    /// Someone whom no model was trained on.
    Visitor {
        /// What they rated so far.
        history: &'a [(ItemIdx, Target)],
        /// What they say of themselves.
        profile: &'a Profile,
    },
}

/// The stated value of a context: a number, or one of the values of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ContextValue {
    /// `daytime = 0`.
    Number(f64),
    /// `device = "mobile"`; a number written as text counts as that number where the context is a number.
    Text(String),
}

impl From<f64> for ContextValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for ContextValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl std::fmt::Display for ContextValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The items that are scored.
#[derive(Clone, Copy, Debug)]
pub enum Candidates<'a> {
    /// The whole catalogue but these.
    AllExcept(&'a Seen),
    /// These alone, in this order.
    These(&'a [ItemIdx]),
}

impl Candidates<'_> {
    /// How many scores an answer has: for [`Candidates::AllExcept`] one per item of the catalogue, seen or not.
    pub fn n_scores(&self, n_items: usize) -> usize {
        match self {
            Self::AllExcept(_) => n_items,
            Self::These(items) => items.len(),
        }
    }

    /// Writes the score of each candidate into `scores`, a row of an answer: `score` is called with the item's row in
    /// the catalogue, for seen items too.
    pub fn write(&self, scores: &mut [f32], mut score: impl FnMut(usize) -> f32) {
        match self {
            Self::AllExcept(_) => scores.iter_mut().enumerate().for_each(|(item, out)| *out = score(item)),
            Self::These(items) => scores.iter_mut().zip(*items).for_each(|(out, item)| *out = score(item.index())),
        }
    }
}
