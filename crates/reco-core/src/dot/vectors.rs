//! The vectors of a model whose score is a dot product, for programs that search them by themselves.
//!
//! Does not know how scores are computed here, nor what searches there.
//!
//! **Invariant**: the dot product of a user's and an item's vector, clamped to the bounds if there are any, is the
//! score in the average moment, but for rounding.

use super::ItemTable;
use crate::{Candidates, Catalogue, Matrix, Query, ScoreError, Seen, Who};

/// A vector for each user and each item.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// `[n_users, size]`
    pub users: Matrix,
    /// `[n_items, size]`
    pub items: Matrix,
    /// The least and the greatest score.
    pub bounds: Option<(f32, f32)>,
}

impl ItemTable {
    /// The vectors of everyone: two numbers longer than embeddings, which hold the start beside a 1, and a 1 beside the
    /// bias. `user` is as for [`ItemTable::score`].
    ///
    /// # Errors
    /// Those of `user`.
    pub fn vectors<User>(&self, catalogue: &Catalogue, user: User) -> Result<Vectors, ScoreError>
    where
        User: Fn(&Query<'_>, &mut [f32]) -> Result<f32, ScoreError>,
    {
        let size = self.n_factors();
        let mut users = Matrix::zeros(catalogue.n_users(), size + 2);
        for who in catalogue.users.indices() {
            let query = Query { who: Who::Known(who), context: &[], candidates: Candidates::AllExcept(Seen::NOTHING) };
            let row = users.row_mut(who.index());
            row[size] = user(&query, &mut row[..size])?;
            row[size + 1] = 1.0;
        }
        let mut items = Matrix::zeros(self.n_items(), size + 2);
        for item in catalogue.items.indices() {
            let row = items.row_mut(item.index());
            self.embedding(item, &mut row[..size]);
            row[size] = 1.0;
            row[size + 1] = self.bias(item);
        }
        let (low, high) = self.range();
        Ok(Vectors { users, items, bounds: low.is_finite().then_some((low, high)) })
    }
}
