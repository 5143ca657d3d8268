//! What the parts of a blend say of the items for one asker.
//!
//! Does not know what is made of it.
//!
//! **Invariant**: scores of a part are for the whole catalogue; what one asker gets does not depend on the others who
//! are asked about with them.

use reco_classic::stacking::standardised;
use reco_core::{Candidates, Fitted, Query, ScoreError, Scores, Seen, parallel, top_k};

/// Numbers that are held at once for those who are asked about together.
const HELD: usize = 8_000_000;

/// The scores of all parts for one asker.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// `[n_parts][n_items]`, centred and divided by their deviation over the items that the asker has not met.
    pub(super) standard: Vec<Vec<f32>>,
}

impl Evidence {
    /// How many askers are asked about together.
    pub(super) fn tile(n_parts: usize, n_items: usize) -> usize {
        (HELD / (n_parts * n_items).max(1)).clamp(1, 256)
    }

    /// For each of `asked`, a query and what its asker has met.
    ///
    /// # Errors
    /// Those of the parts.
    pub(super) fn of<'a>(parts: &[Box<dyn Fitted>], asked: &[(Query<'a>, &'a Seen)]) -> Result<Vec<Self>, ScoreError> {
        let whole = |(query, met): &(Query<'a>, &'a Seen)| Query { candidates: Candidates::AllExcept(met), ..*query };
        let queries: Vec<Query<'a>> = asked.iter().map(whole).collect();
        let mut all: Vec<Self> = asked.iter().map(|_| Self::default()).collect();
        let mut scores = Scores::new();
        for part in parts {
            part.score(&queries, &mut scores)?;
            for (row, evidence) in all.iter_mut().enumerate() {
                evidence.standard.push(scores.row(row).to_vec());
            }
        }
        parallel::each(
            all.iter_mut().zip(asked).collect(),
            || (),
            |(), (evidence, (_, met))| evidence.standard.iter_mut().for_each(|scores| standardised(scores, met)),
        );
        Ok(all)
    }

    /// The `n` items outside `met` that the sum of the first `n_parts` standard scores puts first, the best first.
    pub(super) fn candidates(&self, met: &Seen, n_parts: usize, n: usize) -> Vec<usize> {
        let mut sum = vec![0.0; self.standard.first().map_or(0, Vec::len)];
        for scores in &self.standard[..n_parts] {
            sum.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
        }
        met.items().iter().for_each(|item| sum[item.index()] = Scores::ABSENT);
        let mut best = Vec::new();
        top_k(&sum, n, &mut best);
        best.into_iter().map(|(_, item)| item as usize).collect()
    }

    /// The features of each of `items`: standard scores.
    pub(super) fn features(&self, items: &[usize]) -> Vec<f32> {
        items.iter().flat_map(|item| self.standard.iter().map(|scores| scores[*item])).collect()
    }
}
