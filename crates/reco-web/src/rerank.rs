//! Orders the best items anew: boosts of a scenario, and diversity.
//!
//! Does not know filters: what is not among its items stays out.
//!
//! **Invariant**: items that come out are distinct and were among those that went in.

use reco_core::Score;

/// How many items diversity chooses from, for each one that is wanted.
pub const POOL: usize = 5;

/// Adds to the score of each item, in standard deviations of all scores of `ranked`, the weights of its features that
/// `boosts` names by column, and orders by the sums. The scores stay the model's.
pub fn boost<'a, T: Copy>(ranked: &mut [(T, Score)], features: impl Fn(T) -> &'a [f32], boosts: &[(usize, f32)]) {
    let n = ranked.len().max(1) as f64;
    let score = |entry: &(T, Score)| f64::from(entry.1.get());
    let mean = ranked.iter().map(score).sum::<f64>() / n;
    let deviation = (ranked.iter().map(|entry| (score(entry) - mean).powi(2)).sum::<f64>() / n).sqrt();
    let value = |entry: &(T, Score)| {
        let row = features(entry.0);
        let added: f32 = boosts.iter().filter(|(column, _)| row[*column] != 0.0).map(|(_, weight)| weight).sum();
        score(entry) + f64::from(added) * deviation
    };
    // Stable: equal sums stay in the model's order.
    ranked.sort_by(|one, other| value(other).total_cmp(&value(one)));
}

/// The `n` items of `ranked`, best first, that are good and unlike each other: each is the one with the greatest
/// (1 - `diversity`) · relevance - `diversity` · the most that it is like one before it (maximal marginal relevance,
/// Carbonell & Goldstein 1998). Relevance falls evenly from 1 to 0 over `ranked`; likeness is the cosine of features.
pub fn diversify<'a, T: Copy>(
    ranked: &[(T, Score)],
    features: impl Fn(T) -> &'a [f32],
    diversity: f32,
    n: usize,
) -> Vec<(T, Score)> {
    let row = |place: usize| features(ranked[place].0);
    let norms: Vec<f32> = (0..ranked.len()).map(|place| norm(row(place))).collect();
    let last = ranked.len().max(2) as f32 - 1.0;
    let mut rest: Vec<(usize, f32)> = (0..ranked.len()).map(|place| (place, 0.0)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < n && !rest.is_empty() {
        let value = |&(place, like): &(usize, f32)| (1.0 - diversity) * (1.0 - place as f32 / last) - diversity * like;
        let best = rest.iter().enumerate().max_by(|(at, one), (other_at, other)| {
            // Of equals the earlier one.
            value(one).total_cmp(&value(other)).then(other_at.cmp(at))
        });
        let Some((at, _)) = best else { break };
        let (place, _) = rest.remove(at);
        for (other, like) in &mut rest {
            *like = like.max(of_norms(row(*other), row(place), norms[*other] * norms[place]));
        }
        chosen.push(ranked[place]);
    }
    chosen
}

/// The cosine of two rows of features; 0 where one has none.
pub fn cosine(one: &[f32], other: &[f32]) -> f32 {
    of_norms(one, other, norm(one) * norm(other))
}

fn norm(row: &[f32]) -> f32 {
    row.iter().map(|x| x * x).sum::<f32>().sqrt()
}

fn of_norms(one: &[f32], other: &[f32], norms: f32) -> f32 {
    if norms > 0.0 { one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() / norms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(scores: &[f32]) -> Vec<(usize, Score)> {
        scores.iter().map(|&score| Score::new(score).unwrap()).enumerate().collect()
    }

    fn places(entries: &[(usize, Score)]) -> Vec<usize> {
        entries.iter().map(|(place, _)| *place).collect()
    }

    #[test]
    fn a_boost_lifts_what_has_the_feature() {
        let features = |place: usize| &[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]][place][..];
        let mut entries = ranked(&[3.0, 2.0, 1.0]);
        boost(&mut entries, features, &[(1, 1.0)]);
        assert_eq!(places(&entries), [0, 1, 2], "a deviation is 0.816: 1.816 is below 2");
        boost(&mut entries, features, &[(1, 2.0)]);
        assert_eq!(places(&entries), [0, 2, 1]);
        assert_eq!(entries[1].1.get(), 1.0, "the model's score");
        boost(&mut entries, features, &[(0, -3.0)]);
        assert_eq!(places(&entries), [2, 0, 1]);
    }

    #[test]
    fn diversity_spreads_over_features() {
        let features = |place: usize| &[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]][place][..];
        let entries = ranked(&[4.0, 3.0, 2.0, 1.0]);
        assert_eq!(places(&diversify(&entries, features, 0.0, 3)), [0, 1, 2]);
        assert_eq!(places(&diversify(&entries, features, 0.6, 3)), [0, 3, 1]);
        assert_eq!(places(&diversify(&entries, features, 1.0, 9)), [0, 3, 1, 2], "no more than there are");
        assert_eq!(diversify(&[], features, 0.5, 3), []);
    }
}
