//! A checkerboard of ratings that any personalised model learns in a second.
//!
//! After `get_checker_board` in the tests of the Python package `implicit`. Does not know models.
//!
//! **Invariant**: user `n` likes the items of `n`'s own parity; item `n`, the diagonal, is withheld, and so is item
//! `n + 1`, which the user would not like.

use std::sync::Arc;

use super::catalogue;
use crate::{
    Catalogue, Features, Interaction, Interactions, ItemIdx, Matrix, RatingScale, Scaling, Target, Train, UserIdx,
};

/// How the users of a [`Checkerboard`] say what they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// Five stars for an item liked, one star for an item not liked.
    Stars,
    /// An event for an item liked, nothing for an item not liked.
    Events,
}

/// Users who like every other item.
#[derive(Clone, Debug)]
pub struct Checkerboard {
    /// All squares but those withheld.
    pub train: Train,
    /// For each user the diagonal: the item that should come first.
    pub liked: Vec<(UserIdx, ItemIdx)>,
}

/// A checkerboard of `size` users and as many items, with item features `even` and `odd`. Panics unless `size` is even
/// and at least 4: of an odd number the last item's neighbour would have the wrong parity.
pub fn checkerboard(size: usize, feedback: Feedback) -> Checkerboard {
    assert!(size >= 4 && size.is_multiple_of(2), "a checkerboard has an even number of squares a side, not `{size}`");
    let mut parity = Matrix::zeros(size, 2);
    for row in 0..size {
        parity.row_mut(row)[row % 2] = 1.0;
    }
    let item_features = Features::new(vec!["even".to_owned(), "odd".to_owned()], parity).expect("two names");
    let scale = RatingScale::new(1.0, 5.0).expect("1 is less than 5");
    let catalogue = Arc::new(Catalogue { item_features, scale, scaling: Scaling::None, ..catalogue(size, size) });

    let mut fit = Interactions::builder(0);
    for (n, user) in catalogue.users.indices().enumerate() {
        for (m, item) in catalogue.items.indices().enumerate() {
            let withheld = m == n || m == (n + 1) % size;
            let liked = m % 2 == n % 2;
            let row = |rating, target| Interaction { user, item, rating, target, timestamp: None, context: &[] };
            match feedback {
                _ if withheld => {}
                Feedback::Stars => {
                    let rating = scale.rating(if liked { 5.0 } else { 1.0 }).expect("on the scale");
                    fit.push(row(Some(rating), catalogue.scaling.target(item, rating)));
                }
                Feedback::Events if liked => fit.push(row(None, Target::EVENT)),
                Feedback::Events => {}
            }
        }
    }
    let liked = catalogue.users.indices().zip(catalogue.items.indices()).collect();
    Checkerboard { train: Train { catalogue, fit: fit.finish(), validation: None }, liked }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;

    #[test]
    fn the_diagonal_is_withheld_among_items_not_liked() {
        let stars = checkerboard(6, Feedback::Stars);
        assert_eq!(stars.train.fit.len(), 6 * 4);
        let seen = &Seen::by_user(6, [&stars.train.fit])[5];
        let left: Vec<_> = stars.train.catalogue.items.indices().filter(|item| !seen.contains(*item)).collect();
        assert_eq!(left.iter().map(|item| item.index()).collect::<Vec<_>>(), [0, 5]);
        let events = checkerboard(6, Feedback::Events).train.fit;
        assert_eq!(events.len(), 6 * 2);
        assert!(events.iter().all(|row| row.rating.is_none() && row.user.index() % 2 == row.item.index() % 2));
    }
}
