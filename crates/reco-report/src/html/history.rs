//! Writes the report's section on users and items with little or much training history.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: the numbers are those of results.json, with the best of each bucket marked.

use maud::{Markup, html};
use reco_eval::Column;

use super::page::{cards, of_numbers};
use crate::facts::BUCKETS;
use crate::figure::HistoryOf;
use crate::tables::TextTable;
use crate::{Figures, Results};

/// The section; `None` where the evaluation has no buckets.
pub(super) fn by_history(results: &Results, figures: &Figures) -> Option<Markup> {
    let sides: Vec<HistoryOf> = HistoryOf::ALL.into_iter().filter(|side| !side.shown(results).is_empty()).collect();
    (!sides.is_empty()).then(|| {
        html! {
            p { (BUCKETS) }
            (cards(&figures.history, true))
            details {
                summary { "The same as tables" }
                @for side in sides { @for metric in results.main_columns() { (table(results, side, metric)) } }
            }
        }
    })
}

fn table(results: &Results, side: HistoryOf, metric: &Column) -> Markup {
    let table = TextTable::of_history(results, side, &side.shown(results), metric);
    html! {
        h3 { (results.heading(metric)) " by " (side.name()) "’ training ratings" }
        (of_numbers(&format!("{metric} by {}", side.name()), &table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Facts;
    use crate::results::tests::{column, sample_by_history};

    #[test]
    fn where_no_value_is_better_no_bucket_has_a_best() {
        let marks =
            |results: &Results| table(results, HistoryOf::Users, &column("ndcg@10")).into_string().matches('*').count();
        let told = |results: &Results| Figures::new(results, &Facts::default()).history[0].description.clone();
        let best = sample_by_history();
        assert!(marks(&best) > 0 && told(&best).contains("Best with"));
        let neither = Results { neither_is_better: vec![column("ndcg@10")], ..sample_by_history() };
        assert!(marks(&neither) == 0 && !told(&neither).contains("Best with"), "{}", told(&neither));
    }
}
