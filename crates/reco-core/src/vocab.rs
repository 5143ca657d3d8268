//! Maps ids to row numbers and back.
//!
//! Does not know whether the ids are users or items, nor what their order means: it keeps the order given.
//!
//! **Invariant**: ids are distinct; the id at row `n` is the `n`-th one given; every index it hands out is a valid row.

use std::collections::HashMap;
use std::hash::Hash;

use crate::{ItemId, UserId};

/// Ties an id type to its index type. Implemented for [`UserId`] and [`ItemId`] only.
pub trait Indexed: Clone + Eq + Hash + Sized + private::Sealed {
    /// The index type of this id.
    type Idx: Copy + Eq + Ord + std::fmt::Debug;
    #[doc(hidden)]
    fn idx(row: u32) -> Self::Idx;
    #[doc(hidden)]
    fn row(idx: Self::Idx) -> usize;
}

mod private {
    pub trait Sealed {}
    impl Sealed for crate::UserId {}
    impl Sealed for crate::ItemId {}
}

/// All ids of one kind, each with its row.
#[derive(Clone, Debug)]
pub struct Vocab<Id: Indexed> {
    ids: Vec<Id>,
    rows: HashMap<Id, u32>,
}

/// The users of a catalogue.
pub type Users = Vocab<UserId>;
/// The items of a catalogue.
pub type Items = Vocab<ItemId>;

/// Why a vocabulary could not be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VocabError {
    /// The same id twice.
    #[error("id `{id}` stands at rows `{first}` and `{second}`\nhint: remove one of them from the source table")]
    Duplicate {
        /// The id.
        id: String,
        /// The first row with it.
        first: u32,
        /// The second row with it.
        second: usize,
    },
    /// More ids than a row number can count.
    #[error("`{n}` ids are more than the `4294967295` that a vocabulary can hold")]
    TooMany {
        /// How many there were.
        n: usize,
    },
}

impl<Id: Indexed + std::fmt::Display> Vocab<Id> {
    /// A vocabulary over `ids`, in the order given.
    ///
    /// # Errors
    /// An id that stands twice, or more ids than `u32::MAX`.
    pub fn new(ids: Vec<Id>) -> Result<Self, VocabError> {
        u32::try_from(ids.len()).map_err(|_| VocabError::TooMany { n: ids.len() })?;
        let mut rows = HashMap::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate() {
            if let Some(first) = rows.insert(id.clone(), row as u32) {
                return Err(VocabError::Duplicate { id: id.to_string(), first, second: row });
            }
        }
        Ok(Self { ids, rows })
    }
}

impl<Id: Indexed> Vocab<Id> {
    /// The row of `id`, if the catalogue has it.
    pub fn get(&self, id: &Id) -> Option<Id::Idx> {
        self.rows.get(id).map(|&row| Id::idx(row))
    }

    /// The index at `row`, if there is such a row.
    pub fn at(&self, row: usize) -> Option<Id::Idx> {
        (row < self.ids.len()).then(|| Id::idx(row as u32))
    }

    /// The id at `idx`. Panics if `idx` comes from a larger vocabulary.
    pub fn id(&self, idx: Id::Idx) -> &Id {
        &self.ids[Id::row(idx)]
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All indices, in order.
    pub fn indices(&self) -> impl ExactSizeIterator<Item = Id::Idx> + Clone + use<Id> {
        (0..self.ids.len()).map(|row| Id::idx(row as u32))
    }

    /// All ids, in order.
    pub fn ids(&self) -> &[Id] {
        &self.ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_given_and_refuses_a_duplicate() {
        let users = Users::new(vec![7.into(), 3.into(), UserId::parse("ann")]).unwrap();
        assert_eq!(users.get(&3.into()).map(|u| u.index()), Some(1));
        assert_eq!(users.id(users.at(2).unwrap()).to_string(), "ann");
        assert_eq!(users.get(&4.into()), None);
        assert_eq!(users.at(3), None);
        let error = Users::new(vec![7.into(), 3.into(), 7.into()]).unwrap_err().to_string();
        assert!(error.contains("`7`") && error.contains("`0` and `2`"), "{error}");
    }
}
