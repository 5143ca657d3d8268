//! The signed-rank test of paired differences (Wilcoxon 1945, "Individual Comparisons by Ranking Methods").
//!
//! Users without a difference are dropped, as Wilcoxon did, and equal sizes share the mean of their ranks. Exact for
//! few users without ties, else by the normal approximation with its correction for ties and none for continuity, as in
//! `scipy.stats.wilcoxon`. Does not know users.
//!
//! **Invariant**: the other sign of all differences gives the same p and the other sign of the effect.

use super::distribution::normal_two_sided;
use super::paired::TestResult;

/// The most differences for which p is counted exactly.
const MOST_EXACT: usize = 25;

/// The test of `differences`, without those that are zero, and their rank-biserial correlation; sizes that are no
/// further apart than `tie` are tied.
pub(super) fn signed_rank(differences: &[f64], tie: f64) -> (TestResult, f64) {
    let mut sized: Vec<(f64, bool)> = differences.iter().filter(|d| **d != 0.0).map(|d| (d.abs(), *d > 0.0)).collect();
    sized.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = sized.len();
    if n == 0 {
        return (TestResult::new(0.0, 1.0, true), 0.0);
    }
    let (mut up, mut ties) = (0.0, 0.0);
    let mut start = 0;
    while start < n {
        let size = sized[start].0;
        let end = start + sized[start..].iter().take_while(|(other, _)| other - size <= tie).count();
        let tied = (end - start) as f64;
        let rank = (start + end + 1) as f64 / 2.0;
        up += rank * sized[start..end].iter().filter(|(_, is_up)| *is_up).count() as f64;
        ties += tied * tied * tied - tied;
        start = end;
    }
    let count = n as f64;
    let all = count * (count + 1.0) / 2.0;
    let statistic = up.min(all - up);
    let (p, exact) = if n <= MOST_EXACT && ties == 0.0 {
        (counted(statistic as usize, n), true)
    } else {
        let variance = (count * (count + 1.0) * (2.0 * count + 1.0) - ties / 2.0) / 24.0;
        (normal_two_sided((statistic - all / 2.0) / variance.sqrt()), false)
    };
    (TestResult::new(statistic, p, exact), (2.0 * up - all) / all)
}

/// Twice the share of the 2ⁿ ways to choose among the ranks 1 to n whose sum is at most `statistic`.
fn counted(statistic: usize, n: usize) -> f64 {
    let mut ways = vec![0_u64; statistic + 1];
    ways[0] = 1;
    for rank in 1..=n {
        for sum in (rank..=statistic).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let at_most: u64 = ways.iter().sum();
    (2.0 * at_most as f64 / (1_u64 << n) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_differences_are_counted_out() {
        // All of three up: one of eight ways on each side.
        let (all_up, effect) = signed_rank(&[0.1, 0.3, 0.2], 0.0);
        assert_eq!((all_up.statistic, all_up.p, effect), (0.0, 0.25, 1.0));
        let (down, effect) = signed_rank(&[-0.1, -0.3, -0.2, 0.0], 0.0);
        assert_eq!((down.p, effect, down.exact), (0.25, -1.0, true));
        // The rank 1 against 2 and 3: {}, {1}; and as many on the other side.
        assert_eq!(signed_rank(&[-0.1, 0.3, 0.2], 0.0).0.p, 0.5);
        assert_eq!(signed_rank(&[], 0.0).0.p, 1.0);
    }

    #[test]
    fn what_only_arithmetic_parts_is_tied() {
        // 0.3 - 0.2 and 0.2 - 0.1 differ by a bit.
        let differences = [0.3 - 0.2, 0.2 - 0.1, 0.1 - 0.2];
        assert!(differences[0] != differences[1]);
        assert_eq!(signed_rank(&differences, 1e-12), signed_rank(&[1.0, 1.0, -1.0], 0.0));
        assert!(!signed_rank(&differences, 1e-12).0.exact);
    }
}
