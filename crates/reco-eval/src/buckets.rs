//! Sorts counts of training rows into buckets.
//!
//! Does not know what is counted: an evaluation sorts users and test rows by their training rows.
//!
//! **Invariant**: every count lies in exactly one of the [`Buckets`].

use std::num::NonZeroUsize;

use crate::EvalError;

/// Ranges of counts, one after the other from zero to infinity; none at all where none are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Buckets<'a>(&'a [NonZeroUsize]);

impl<'a> Buckets<'a> {
    /// Buckets that begin at zero and at each of `starts`.
    ///
    /// # Errors
    /// Unless `starts` ascend.
    pub(crate) fn new(starts: &'a [NonZeroUsize]) -> Result<Self, EvalError> {
        match starts.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(EvalError::Buckets { first: pair[0].get(), second: pair[1].get() }),
            None => Ok(Self(starts)),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.0.len() + 1 }
    }

    /// The bucket that `count` lies in.
    pub(crate) fn of(&self, count: usize) -> usize {
        self.0.partition_point(|start| start.get() <= count)
    }

    /// The name of each: `0`, `1-4`, `50+`.
    pub(crate) fn names(&self) -> Vec<String> {
        let firsts = std::iter::once(0).chain(self.0.iter().map(|start| start.get()));
        let lasts = self.0.iter().map(|start| Some(start.get() - 1)).chain([None]);
        let name = |(first, last): (usize, Option<usize>)| match last {
            Some(last) if last == first => first.to_string(),
            Some(last) => format!("{first}-{last}"),
            None => format!("{first}+"),
        };
        firsts.zip(lasts).map(name).take(self.len()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(starts: &[usize]) -> Vec<NonZeroUsize> {
        starts.iter().map(|&start| start.try_into().unwrap()).collect()
    }

    #[test]
    fn every_count_lies_in_the_bucket_that_is_named_after_it() {
        let given = starts(&[1, 5, 10, 50]);
        let buckets = Buckets::new(&given).unwrap();
        assert_eq!(buckets.names(), ["0", "1-4", "5-9", "10-49", "50+"]);
        let counts = [0, 1, 4, 5, 9, 10, 49, 50, 10_000];
        assert_eq!(counts.map(|count| buckets.of(count)), [0, 1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(buckets.len(), 5);
        let one = starts(&[20]);
        assert_eq!(Buckets::new(&one).unwrap().names(), ["0-19", "20+"]);
    }

    #[test]
    fn no_starts_are_no_buckets_and_starts_ascend() {
        let none = Buckets::new(&[]).unwrap();
        assert_eq!((none.len(), none.names().len()), (0, 0));
        let error = Buckets::new(&starts(&[1, 10, 10])).unwrap_err().to_string();
        assert_eq!(
            error,
            "`buckets` in [evaluate] has `10` after `10`\nhint: they ascend, as in `[1, 5, 10, 50]`; leave them empty for none"
        );
    }
}
