//! Builds the terms of an explanation, and clamps a predicted rating to the scale.
//!
//! Does not know which model made the terms.
//!
//! **Invariant**: `explanation` and `clipped` give the same score, to the bit, for the same `expected`.

use reco_core::{Cause, Explanation, RatingScale, Term};

/// A part of the model with its effect.
pub(crate) fn part(name: &str, effect: f64) -> Term {
    Term { cause: Cause::Part { name: name.to_owned() }, effect: effect as f32 }
}

/// The rating nearest to `expected`.
pub(crate) fn clipped(expected: f64, scale: RatingScale) -> f32 {
    scale.clamp(expected as f32)
}

/// Explains `expected` by `terms`, which add up to it, and by what clipping adds.
pub(crate) fn explanation(mut terms: Vec<Term>, expected: f64, scale: RatingScale) -> Explanation {
    let score = clipped(expected, scale);
    if score != expected as f32 {
        terms.push(part("clipping", f64::from(score) - expected));
    }
    Explanation { score, terms, without: Vec::new() }
}
