//! Corrects the p values of many tests by Holm's step-down procedure (Holm 1979).
//!
//! The procedure ("A Simple Sequentially Rejective Multiple Test Procedure") assumes nothing on how tests hang
//! together. Does not know what they test.
//!
//! **Invariant**: a corrected p is never below the raw one nor above 1, and keeps their order; a test without p has
//! none.

/// The corrected p of each test, in the same order.
pub(super) fn holm(raw: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = raw.iter().enumerate().filter_map(|(at, p)| Some((at, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut corrected = vec![None; raw.len()];
    let mut least = 0.0_f64;
    for (rank, (at, p)) in order.iter().enumerate() {
        least = least.max(p * (order.len() - rank) as f64).min(1.0);
        corrected[*at] = Some(least);
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_p_counts_as_often_as_there_are_tests() {
        let corrected = holm(&[Some(0.01), Some(0.04), None, Some(0.03), Some(0.005)]);
        let by_hand = [Some(0.03), Some(0.06), None, Some(0.06), Some(0.02)];
        for (found, expected) in corrected.iter().zip(by_hand) {
            assert_eq!(found.is_some(), expected.is_some());
            assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[Some(0.6), Some(0.7)]), [Some(1.0), Some(1.0)]);
        assert_eq!(holm(&[Some(0.2)]), [Some(0.2)]);
        assert!(holm(&[]).is_empty());
    }
}
