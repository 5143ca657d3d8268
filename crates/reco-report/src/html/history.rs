//! Writes the report's section on users and items with little or much training history.
//!
//! Does not know how figures are drawn.
//!
//! **Invariant**: the numbers are those of results.json, with the best of each bucket marked.

use maud::{Markup, html};
use reco_eval::Column;

use super::page::{cards, wide};
use crate::figure::HistoryOf;
use crate::{Figures, Results, cells};

/// The section; `None` where the evaluation has no buckets.
pub(super) fn by_history(results: &Results, figures: &Figures) -> Option<Markup> {
    let sides: Vec<HistoryOf> = HistoryOf::ALL.into_iter().filter(|side| !side.shown(results).is_empty()).collect();
    (!sides.is_empty()).then(|| {
        html! {
            p {
                "Users, and the items of held-out ratings, by how many training ratings they have; in brackets, how many "
                "users or held-out ratings that is. Lists are of the whole catalogue all the same."
            }
            (cards(&figures.history, true))
            details {
                summary { "The same as tables" }
                @for side in sides {
                    @for metric in results.main_columns() { (table(results, side, metric)) }
                }
            }
        }
    })
}

fn table(results: &Results, side: HistoryOf, metric: &Column) -> Markup {
    let shown = side.shown(results);
    let value = |row: usize, at: usize| side.value(&results.approaches[row], at, metric);
    let best = |at: usize| results.best_of(metric, (0..results.approaches.len()).filter_map(|row| value(row, at)));
    html! {
        h3 { (metric) @if results.is_error(metric) { " ↓" } " by " (side.name()) "’ training ratings" }
        (wide(&format!("{metric} by {}", side.name()), &html! {
            table.results {
                thead { tr { th scope="col" { "approach" } @for &at in &shown { th.number scope="col" { (side.header(results, at)) } } } }
                tbody {
                    @for (row, approach) in results.approaches.iter().enumerate() {
                        tr {
                            th scope="row" { (approach.name) }
                            @for &at in &shown {
                                @let cell = cells::metric(value(row, at));
                                @if value(row, at).is_some() && value(row, at) == best(at) {
                                    td.number.best { strong { (cell) "*" } }
                                } @else {
                                    td.number { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }))
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
