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

/// The parts of a factorisation's prediction: mean, bias of the user and of the item, and the product of the rows `p`
/// and `q`.
pub(crate) fn factorised([mean, user, item]: [f32; 3], p: &[f32], q: &[f32]) -> [(&'static str, f64); 4] {
    let tastes = p.iter().zip(q).map(|(p, q)| f64::from(*p) * f64::from(*q)).sum();
    [("global mean", mean.into()), ("user bias", user.into()), ("item bias", item.into()), ("tastes", tastes)]
}

/// What parts add up to.
pub(crate) fn sum(parts: &[(&'static str, f64)]) -> f64 {
    parts.iter().map(|(_, effect)| effect).sum()
}

/// Explains what parts add up to.
pub(crate) fn of_parts(parts: &[(&'static str, f64)], scale: RatingScale) -> Explanation {
    explanation(parts.iter().map(|(name, effect)| part(name, *effect)).collect(), sum(parts), scale)
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
