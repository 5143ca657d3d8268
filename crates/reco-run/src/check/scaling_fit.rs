//! Checks whether held-out ratings take part in the scaling that models are fitted to.
//!
//! Does not know whether a model makes use of it. The article scales before it splits (docs/article.md).
//!
//! **Invariant**: only `item-min-max` looks at ratings, so that no other scaling is suspected.

use reco_core::{Interactions, Scaling};
use reco_features::{Dataset, ScalingFit, ScalingKind};

use super::{CheckEntry, Finding, Severity, Subject, Verdict, count_items, share};

pub(super) const ENTRY: CheckEntry =
    CheckEntry { name: "scaling-fit", about: "whether held-out ratings take part in the scaling of targets", look };

fn look(subject: &Subject<'_>) -> Verdict {
    let config = subject.experiment.features.scaling;
    if config.kind != ScalingKind::ItemMinMax || config.fit != ScalingFit::All {
        return Ok(Vec::new());
    }
    let moved = subject.dataset.as_ref().and_then(moved).unwrap_or_default();
    Ok(vec![Finding::new(
        Severity::Leak,
        format!("`features.scaling.fit` is `all`: each item is scaled through its held-out ratings too{moved}"),
        "training targets depend on held-out ratings, and errors of scaled ratings are measured against other targets",
        "set `features.scaling.fit = \"train\"`, or `features.scaling.kind = \"min-max\"`, one line for all items",
    )])
}

/// How many test rows have an item that would be scaled otherwise without the held-out ratings.
fn moved(dataset: &Dataset) -> Option<String> {
    let Scaling::ItemMinMax { from, .. } = &dataset.catalogue.scaling else { return None };
    let train = ends(&dataset.fit, from.len());
    let is_moved = |item: usize| train[item] != Some(from[item]);
    let n = count_items(&dataset.test, is_moved);
    Some(format!("; {} are of an item whose scaling they moved", share(n, dataset.test.len(), "test rows")))
}

/// The lowest and the highest stars of each item.
fn ends(rows: &Interactions, n_items: usize) -> Vec<Option<(f32, f32)>> {
    let mut ends: Vec<Option<(f32, f32)>> = vec![None; n_items];
    for (item, rating) in rows.items().iter().zip(rows.ratings()) {
        if let Some(stars) = rating.map(|rating| rating.stars()) {
            let end = &mut ends[item.index()];
            *end = Some(end.map_or((stars, stars), |(low, high)| (low.min(stars), high.max(stars))));
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{dataset, experiment, found, subject};
    use super::*;

    #[test]
    fn a_scaling_through_all_ratings_is_a_leak_and_its_rows_are_counted() {
        let all = experiment(&["features.scaling={ kind = \"item-min-max\", fit = \"all\" }"]);
        assert_eq!(found(&ENTRY, &subject(&all))[0].severity, Severity::Leak);
        // Item 1 has 2 and 4 in train and 5 in the test; item 2 has 1 and 5 in train and 3 in the test.
        let mut data =
            dataset(&[(1, 1, 2, 0), (2, 1, 4, 0), (1, 2, 1, 0), (2, 2, 5, 0)], &[(3, 1, 5, 1), (3, 2, 3, 1)]);
        let scaling = Scaling::ItemMinMax { from: vec![(2.0, 5.0), (1.0, 5.0)], to: (0.5, 1.0) };
        Arc::make_mut(&mut data.catalogue).scaling = scaling;
        let found = found(&ENTRY, &Subject { dataset: Some(data), ..subject(&all) });
        assert!(found[0].found.contains("1 of 2 test rows (50.0 %)"), "{}", found[0].found);
    }

    #[test]
    fn a_scaling_that_sees_train_alone_or_no_rating_is_fine() {
        for set in [
            "features.scaling={ kind = \"item-min-max\", fit = \"train\" }",
            "features.scaling={ kind = \"min-max\", fit = \"all\" }",
            "features.scaling={ kind = \"none\", fit = \"all\" }",
        ] {
            assert!(found(&ENTRY, &subject(&experiment(&[set]))).is_empty(), "{set}");
        }
    }
}
