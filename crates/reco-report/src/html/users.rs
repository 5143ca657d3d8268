//! Writes the report's section on single users: what each approach predicts for their held-out ratings.
//!
//! Does not know how a user was chosen.
//!
//! **Invariant**: all users are shown without the page's script, which only adds a list of them on top.

use maud::{Markup, html};

use super::page::wide;
use crate::{DetailList, DetailRow, ReportConfig, UserDetail, cells};

/// The section on users, the first of them open.
pub(super) fn users(details: &[UserDetail], chosen_by: &str, config: &ReportConfig) -> Markup {
    html! {
        @if !chosen_by.is_empty() { p { (chosen_by) } }
        p {
            "The held-out ratings of each user, which no approach saw, in the order in which each approach ranks them. "
            i { "y" } " is the rating after scaling, " i { "ŷ" } " the prediction of the approach (a score where it "
            "gives only an order). ★ marks the five rated best. A green row is one of them that is also among the "
            "approach's first five, above the line."
        }
        @if details.len() > 1 { p #pick hidden { label { "User " select {} } } }
        @for (row, user) in details.iter().enumerate() {
            details.user open[row == 0] {
                summary {
                    h3 { "User " (user.user) } " · " (cells::count(user.n_train)) " training ratings, "
                    (cells::count(user.lists.first().map_or(0, |list| list.rows.len()))) " held out"
                }
                div.lists { @for list in &user.lists { (list_of(list, config)) } }
            }
        }
    }
}

fn list_of(list: &DetailList, config: &ReportConfig) -> Markup {
    let DetailList { approach, rows, n_hits, n_best, metrics } = list;
    let has_old = rows.iter().any(|row| row.old.is_some());
    let share = if *n_best > 0 { 100 * n_hits / n_best } else { 0 };
    html! {
        div.list {
            h4 { (approach) }
            p.soft {
                (n_hits) " of " (n_best) " true positives (" (share) " %)"
                @for (name, value) in metrics { " · " (name) " " (format!("{value:.2}")) }
            }
            (wide(&format!("Ratings by {approach}"), &html! {
                table {
                    thead {
                        tr {
                            th scope="col" { abbr title="among the five rated best" { "★" } }
                            th scope="col" { "item" }
                            th.number scope="col" { "y" }
                            th.number scope="col" { "ŷ" }
                            @if has_old { th scope="col" { "old" } }
                            th scope="col" { "genres" }
                        }
                    }
                    tbody {
                        @for (place, row) in rows.iter().take(config.detail_rows).enumerate() {
                            (line(row, place + 1 == *n_best, has_old))
                        }
                    }
                }
            }))
            @let n_more = rows.len().saturating_sub(config.detail_rows);
            @if n_more > 0 { p.soft { "… and " (cells::count(n_more)) " more" } }
        }
    }
}

fn line(row: &DetailRow, is_last_predicted: bool, has_old: bool) -> Markup {
    let class = match (row.is_best && row.is_predicted_best, is_last_predicted) {
        (true, true) => Some("hit cut"),
        (true, false) => Some("hit"),
        (false, true) => Some("cut"),
        (false, false) => None,
    };
    html! {
        tr class=[class] {
            td { @if row.is_best { "★" } }
            th scope="row" { (row.item) }
            td.number { (format!("{:.2}", row.y)) }
            td.number { (score(row.yhat)) }
            @if has_old { td { (match row.old { Some(true) => "yes", Some(false) => "no", None => cells::NOTHING }) } }
            td.genres { (row.genres.join(", ")) }
        }
    }
}

/// A prediction near a rating has two decimals; a score that is an order may be of any size.
fn score(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.1e}"),
    }
}
