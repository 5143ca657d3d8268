//! Checks whether every held-out rating counts as a good answer, even of an item that the user disliked.
//!
//! Does not know what people mean by their stars.
//!
//! **Invariant**: events without stars are relevant by what they are, and never suspected; nor is a threshold that no
//! metric reads.

use super::{CheckEntry, Finding, Severity, Subject, Verdict, share};

pub(super) const ENTRY: CheckEntry = CheckEntry {
    name: "relevance-threshold",
    about: "whether held-out items that their user disliked are good answers",
    look,
};

fn look(subject: &Subject<'_>) -> Verdict {
    if !subject.columns.iter().any(|(_, entry)| entry.reads_relevance()) {
        return Ok(Vec::new());
    }
    let dataset = subject.dataset()?;
    let scale = dataset.catalogue.scale;
    let threshold = subject.experiment.evaluate.relevant_from(scale);
    let lowest = subject.experiment.features.min_rating.map_or(scale.min(), |least| least.max(scale.min()));
    let middle = f32::midpoint(scale.min(), scale.max());
    let stars: Vec<f32> = dataset.test.ratings().iter().flatten().map(|rating| rating.stars()).collect();
    // If a filter kept only what people liked, there is nothing left to tell apart.
    if stars.is_empty() || threshold > lowest || lowest >= middle {
        return Ok(Vec::new());
    }
    let disliked = stars.iter().filter(|stars| **stars < middle).count();
    Ok(vec![Finding::new(
        Severity::Note,
        format!(
            "`evaluate.relevance_threshold` is `{threshold}` and the lowest rating {lowest}: every held-out rating is \
             a good answer; {} lie below the middle of the scale, {middle} stars",
            share(disliked, stars.len(), "ratings"),
        ),
        "what is measured is what people meet, not what they like",
        "raise `evaluate.relevance_threshold`, in stars, unless a protocol is to be repeated that takes ratings as \
         events",
    )])
}

#[cfg(test)]
mod tests {
    use super::super::Unknown;
    use super::super::testing::{Row, dataset, experiment, found, subject, unknown};
    use super::*;

    fn at(sets: &[&str], test: &[Row]) -> Vec<String> {
        let experiment = experiment(sets);
        let data = dataset(&[(1, 1, 4, 0)], test);
        found(&ENTRY, &Subject { dataset: Some(data), ..subject(&experiment) })
            .into_iter()
            .map(|one| one.found)
            .collect()
    }

    #[test]
    fn a_threshold_below_every_star_is_a_note() {
        let test = [(1, 2, 5, 0), (1, 3, 1, 0), (1, 4, 2, 0), (1, 5, 3, 0)];
        for threshold in ["0", "1"] {
            let texts = at(&[&format!("evaluate.relevance_threshold={threshold}")], &test);
            assert!(texts[0].contains("2 of 4 ratings (50.0 %)"), "{texts:?}");
        }
        assert!(at(&["evaluate.relevance_threshold=2"], &test).is_empty());
        assert!(at(&[], &test).is_empty());
    }

    #[test]
    fn events_liked_ratings_and_errors_are_not_suspected() {
        let zero = "evaluate.relevance_threshold=0";
        assert!(at(&[zero], &[(1, 2, 0, 0)]).is_empty(), "an event has no stars");
        assert!(at(&[zero, "features.min_rating=4"], &[(1, 2, 4, 0)]).is_empty());
        assert!(at(&[zero, "evaluate.metrics=[\"rmse\"]"], &[(1, 2, 1, 0)]).is_empty());
        assert_eq!(unknown(&ENTRY, &subject(&experiment(&[zero]))), Unknown::Dataset);
    }
}
