//! Median, mean and standard deviation of several figures.
//!
//! Does not know what was measured.
//!
//! **Invariant**: there is at least one figure; two for a deviation.

/// In ascending order.
fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The middle figure; of two in the middle, the larger.
pub(super) fn median(figures: &[f64]) -> f64 {
    sorted(figures)[figures.len() / 2]
}

/// The smallest figure, the median and the largest.
pub(super) fn spread(figures: &[f64]) -> [f64; 3] {
    let sorted = sorted(figures);
    [sorted[0], median(figures), sorted[sorted.len() - 1]]
}

pub(super) fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// The standard deviation of a sample.
pub(super) fn deviation(figures: &[f64]) -> f64 {
    let mean = mean(figures);
    let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
    (squares / (figures.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let figures = [6.0, 1.0, 3.0, 2.0];
        assert_eq!(sorted(&figures), [1.0, 2.0, 3.0, 6.0]);
        assert_eq!((median(&figures), median(&figures[..3])), (3.0, 3.0));
        assert_eq!(spread(&figures), [1.0, 3.0, 6.0]);
        assert_eq!((mean(&figures), deviation(&figures)), (3.0, (14.0_f64 / 3.0).sqrt()));
    }
}
