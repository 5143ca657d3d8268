//! Checks how many items a question asks for, and words what an answer tells besides its items.
//!
//! Does not know who asks, nor of which items.
//!
//! **Invariant**: the page without a server and the service refuse the same numbers in the same words.

use std::num::NonZeroUsize;

use reco_core::options::listed;

use crate::WebError;

/// The most items of an answer, with those of the pages before it; a service may state another number.
pub const MOST: usize = 1000;

/// What an answer without items tells.
pub const NOTHING_LEFT: &str = "nothing is left to recommend";

/// How many of the best items are looked for: `k`, and as many as are passed over.
///
/// # Errors
/// No items, or more than `most`; a `diversity` that is no share.
pub fn wanted(k: usize, offset: usize, diversity: Option<f32>, most: usize) -> Result<NonZeroUsize, WebError> {
    let wanted = k.checked_add(offset).filter(|&wanted| k > 0 && wanted <= most);
    let wanted = wanted.and_then(NonZeroUsize::new).ok_or(WebError::Many { k, offset, most })?;
    match diversity {
        Some(diversity) if !(0.0..=1.0).contains(&diversity) => Err(WebError::Diversity { diversity }),
        _ => Ok(wanted),
    }
}

/// What an answer tells of rated items that are not known, by their ids: what a visitor once rated may have left the
/// catalogue, which is not for them to mend.
pub fn left_out<'a>(unknown: impl Iterator<Item = &'a str>) -> Option<String> {
    let names = listed(unknown);
    (!names.is_empty()).then(|| format!("left out, since the run does not know them: {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_notes_by_hand() {
        assert_eq!(wanted(3, 7, Some(1.0), 10).unwrap().get(), 10);
        let refused = |k, offset, diversity| wanted(k, offset, diversity, 10).unwrap_err().to_string();
        for (k, offset) in [(0, 5), (4, 7), (1, usize::MAX)] {
            let expected =
                format!("`k` is `{k}` and `offset` is `{offset}`\nhint: `k` is 1 or more, and the two together");
            assert_eq!(refused(k, offset, None), format!("{expected} are `10` or less"));
        }
        let expected = "`diversity` is `-0.5`\nhint: it lies between 0 and 1";
        assert_eq!(refused(1, 0, Some(-0.5)), expected);
        assert!(refused(1, 0, Some(f32::NAN)).contains("`NaN`"));
        assert_eq!(left_out(std::iter::empty()), None);
        let note = "left out, since the run does not know them: `7`, `Dune`";
        assert_eq!(left_out(["7", "Dune"].into_iter()).as_deref(), Some(note));
    }
}
