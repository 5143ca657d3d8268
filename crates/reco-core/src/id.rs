//! Ids of users and items as the source file writes them, and their row numbers.
//!
//! Does not know where ids come from, nor how many there are.
//!
//! **Invariant**: a [`UserIdx`] or [`ItemIdx`] is made only by a [`Vocab`](crate::Vocab).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An id as the source file writes it: an integer where it is one, text otherwise. Integers sort before text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RawId {
    /// An id that is a canonical decimal integer: `42`, `-7`; never `042` or `+7`.
    Integer(i64),
    /// Any other id.
    Text(Box<str>),
}

impl RawId {
    /// Reads an id: an integer if writing that integer gives back the same text, else text.
    pub fn parse(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(n) if is_canonical(text) => Self::Integer(n),
            _ => Self::Text(text.into()),
        }
    }
}

fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0" || (!digits.starts_with('0') && !text.starts_with('+'))
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => n.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

macro_rules! id_types {
    (@integers $id:ident, $($integer:ty),+) => {
        $(impl From<$integer> for $id {
            fn from(n: $integer) -> Self {
                Self(RawId::Integer(n.into()))
            }
        })+
    };
    ($id:ident, $idx:ident, $who:literal) => {
        #[doc = concat!("The id of ", $who, ", as the source file writes it.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(pub RawId);

        impl $id {
            /// Reads an id as the source file writes it, see [`RawId::parse`].
            pub fn parse(text: &str) -> Self {
                Self(RawId::parse(text))
            }
        }

        id_types!(@integers $id, i64, i32, u32);

        impl From<&str> for $id {
            fn from(text: &str) -> Self {
                Self::parse(text)
            }
        }

        impl From<String> for $id {
            fn from(text: String) -> Self {
                Self::parse(&text)
            }
        }

        impl From<&$id> for $id {
            fn from(id: &$id) -> Self {
                id.clone()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        #[doc = concat!("The row of ", $who, " in every table over the whole catalogue; made by a [`Vocab`](crate::Vocab) only.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $idx(u32);

        impl $idx {
            /// The row, for indexing.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The row as tensors hold it.
            pub fn get(self) -> u32 {
                self.0
            }
        }

        impl crate::vocab::Indexed for $id {
            type Idx = $idx;
            fn idx(row: u32) -> $idx {
                $idx(row)
            }
            fn row(idx: $idx) -> usize {
                idx.index()
            }
        }
    };
}

id_types!(UserId, UserIdx, "a user");
id_types!(ItemId, ItemIdx, "an item");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_integers() {
        assert_eq!(RawId::parse("42"), RawId::Integer(42));
        assert_eq!(RawId::parse("-7"), RawId::Integer(-7));
        assert_eq!(RawId::parse("0"), RawId::Integer(0));
        for text in ["042", "+7", "-0", "tt0111161", "", "9223372036854775808"] {
            assert_eq!(RawId::parse(text), RawId::Text(text.into()), "{text}");
            assert_eq!(RawId::parse(text).to_string(), text);
        }
    }
}
