//! Draws the few candidates that a user's test items are ranked among (He et al. 2017, section 4.1).
//!
//! The protocol of "Neural Collaborative Filtering", for comparison with tables that used it. Does not know scores.
//!
//! **Invariant**: the same seed and user draw the same items; none that the user met, before or in the test, is drawn.

use reco_core::random::{keyed_draw, unit_interval};
use reco_core::{Catalogue, ItemIdx, Seen, TestUser};

/// The test items of `test_user`, and `n` of the items that its user never met, or all of them where there are fewer;
/// ascending.
pub(crate) fn candidates(
    test_user: &TestUser,
    seen: &Seen,
    catalogue: &Catalogue,
    n: usize,
    seed: u64,
) -> Vec<ItemIdx> {
    let test = Seen::new(test_user.rows().items().to_vec());
    let is_met = |item: ItemIdx| seen.contains(item) || test.contains(item);
    let n_met = test.items().iter().filter(|item| !seen.contains(**item)).count() + seen.items().len();
    let n_others = catalogue.n_items() - n_met;
    let mut drawn: Vec<ItemIdx> = if n_others <= n {
        catalogue.items.indices().filter(|item| !is_met(*item)).collect()
    } else {
        let mut drawn = Vec::with_capacity(n + test.items().len());
        for draw in 0.. {
            if drawn.len() == n {
                break;
            }
            let at = unit_interval(keyed_draw(seed, test_user.user(), draw)) * catalogue.n_items() as f64;
            // The unit interval has no 1, so that there is such an item.
            let item = catalogue.items.at(at as usize).filter(|item| !is_met(*item) && !drawn.contains(item));
            drawn.extend(item);
        }
        drawn
    };
    // A test item that was met before is not a candidate, here as in a ranking of all items.
    drawn.extend(test.items().iter().filter(|item| !seen.contains(**item)));
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use reco_core::testing::catalogue;
    use reco_core::{Interaction, Interactions, Target};

    use super::*;

    #[test]
    fn none_is_drawn_that_was_met_and_every_other_as_often() {
        let catalogue = catalogue(300, 40);
        let item = |n: usize| catalogue.items.at(n).unwrap();
        let seen = Seen::new((0..10).map(item).collect());
        let mut rows = Interactions::builder(0);
        for user in catalogue.users.indices() {
            for test in [9, 10, 11] {
                let target = Target::EVENT;
                rows.push(Interaction { user, item: item(test), rating: None, target, timestamp: None, context: &[] });
            }
        }
        let test_users = TestUser::group(&rows.finish(), 300);
        let mut times = [0; 40];
        for test_user in &test_users {
            let drawn = candidates(test_user, &seen, &catalogue, 7, 42);
            assert_eq!(drawn, candidates(test_user, &seen, &catalogue, 7, 42));
            assert!(drawn.is_sorted() && drawn.len() == 2 + 7, "{drawn:?}");
            drawn.iter().for_each(|item| times[item.index()] += 1);
        }
        assert_eq!(times[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 300, 300]);
        // 300 users draw 7 of 28 items: 75 times each, give or take four deviations of 7.5.
        assert!(times[12..].iter().all(|n| (45..=105).contains(n)), "{times:?}");
        assert_ne!(
            candidates(&test_users[0], &seen, &catalogue, 7, 42),
            candidates(&test_users[0], &seen, &catalogue, 7, 43)
        );
        let all: Vec<ItemIdx> = (10..40).map(item).collect();
        assert_eq!(candidates(&test_users[0], &seen, &catalogue, 28, 1), all);
        assert_eq!(candidates(&test_users[0], &seen, &catalogue, 99, 1), all);
    }
}
