//! How much of what trials differ by goes with one option alone: the share of variance between groups of its values.
//!
//! Trials are put into groups by the option's value, those of a range into groups of equally many; the measure is
//! Kelley's epsilon squared (1935, "An unbiased correlation ratio measure"), the share of the variance that lies
//! between groups less what chance puts there. It is the first-order part of a functional analysis of variance (Hutter
//! et al. 2014) with means of groups in the place of a forest. Does not know values of options: places lie in [0, 1].
//!
//! **Invariant**: in [0, 1]; what two options do together is in neither share; `None` where there is too little to
//! tell.

/// Trials in a group of values of a range, about.
const GROUP: usize = 5;

/// Groups of values of a range, at most.
const MOST_GROUPS: usize = 5;

/// Trials below which nothing is told.
const ENOUGH: usize = 20;

/// The share, from each trial's place and value; `n_values` is the length of a list, `None` for a range.
pub(super) fn share(n_values: Option<usize>, trials: &[(f64, f64)]) -> Option<f64> {
    let n = trials.len();
    if n < ENOUGH {
        return None;
    }
    let mut sorted = trials.to_vec();
    sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
    let group_of = |at: usize| match n_values {
        Some(n_values) => ((sorted[at].0 * n_values as f64) as usize).min(n_values - 1),
        // Trials at one place are in one group.
        None => {
            let first = sorted.partition_point(|(place, _)| *place < sorted[at].0);
            first * (n / GROUP).clamp(2, MOST_GROUPS) / n
        }
    };
    let groups: Vec<usize> = (0..n).map(group_of).collect();
    let mean = |values: &[(f64, f64)]| values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64;
    let spread = |values: &[(f64, f64)]| {
        let mean = mean(values);
        values.iter().map(|(_, value)| (value - mean) * (value - mean)).sum::<f64>()
    };
    let total = spread(&sorted);
    let (mut within, mut n_groups, mut first) = (0.0, 0, 0);
    for part in groups.chunk_by(|one, other| one == other) {
        within += spread(&sorted[first..first + part.len()]);
        first += part.len();
        n_groups += 1;
    }
    if total <= 0.0 || n_groups < 2 || n <= n_groups {
        return None;
    }
    let by_chance = (n_groups - 1) as f64 * within / (n - n_groups) as f64;
    Some(((total - within - by_chance) / total).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use reco_core::random::Draws;

    use super::*;

    #[test]
    fn what_decides_has_the_greater_share_and_what_does_not_next_to_none() {
        let mut draws = Draws::new(1, 2, 3);
        let trials: Vec<[f64; 3]> = (0..60).map(|_| [draws.uniform(), draws.uniform(), draws.uniform()]).collect();
        let loss = |[a, b, noise]: [f64; 3]| (a - 0.5).powi(2) + 0.05 * b + 0.02 * noise;
        let of = |at: usize| share(None, &trials.iter().map(|one| (one[at], loss(*one))).collect::<Vec<_>>()).unwrap();
        let [a, b, noise] = [0, 1, 2].map(of);
        assert!(a > 0.6 && b < 0.2 && noise < 0.2, "{a} {b} {noise}");
    }

    #[test]
    fn of_a_list_the_means_of_its_values_by_hand() {
        // Means 1 and 3 of ten each, all at their mean: all variance lies between.
        let of = |values: &dyn Fn(usize) -> f64| {
            let trials: Vec<(f64, f64)> = (0..20).map(|n| (if n < 10 { 0.25 } else { 0.75 }, values(n))).collect();
            share(Some(2), &trials)
        };
        assert_eq!(of(&|n| if n < 10 { 1.0 } else { 3.0 }), Some(1.0));
        assert_eq!(of(&|n| (n % 5) as f64), Some(0.0), "chance alone is none");
        assert_eq!(of(&|_| 1.0), None, "no two trials differ");
        assert_eq!(share(Some(2), &[(0.0, 1.0), (1.0, 2.0)]), None, "two trials tell nothing");
        assert_eq!(share(None, &[(0.5, 1.0); 20]), None, "one place tells nothing");
    }
}
