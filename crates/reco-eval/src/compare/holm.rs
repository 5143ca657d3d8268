//! Corrects the p values of many tests by Holm's step-down procedure (Holm 1979).
//!
//! The procedure ("A Simple Sequentially Rejective Multiple Test Procedure") assumes nothing about how the
//! tests depend on each other. Does not know what they test.
//!
//! **Invariant**: a corrected p is never below the raw one nor above 1, and keeps their order.

/// The corrected p of each test, in the same order.
pub(super) fn holm(raw: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..raw.len()).collect();
    order.sort_by(|a, b| raw[*a].total_cmp(&raw[*b]));
    let mut corrected = vec![0.0; raw.len()];
    let mut least = 0.0_f64;
    for (rank, &at) in order.iter().enumerate() {
        least = least.max(raw[at] * (order.len() - rank) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_p_counts_as_often_as_there_are_tests() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert_eq!(holm(&[0.2]), [0.2]);
        assert!(holm(&[]).is_empty());
    }
}
