//! Writes report.md, the report in plain words and tables.
//!
//! Does not know where it is kept, nor how the numbers came about.
//!
//! **Invariant**: it depends on its arguments alone; text from data is escaped, so that no title breaks a table.

use std::fmt::Write as _;

use reco_eval::Gap;

use crate::facts::{BUCKETS, ELSEWHERE, GROUPS, SHARES};
use crate::figure::HistoryOf;
use crate::results::meanings;
use crate::tables::{self, TextTable};
use crate::terminal::remarks;
use crate::{Facts, HOW_TO_READ, Recommended, ReportConfig, Results, Suggestion, UserDetail, cells, last_words};

/// The text of report.md.
pub fn markdown(results: &Results, facts: &Facts, config: &ReportConfig) -> String {
    let mut text = format!("# {}\n", inline(&results.experiment));
    in_short(&mut text, results, facts);
    dataset(&mut text, results, facts);
    table_of_results(&mut text, results);
    validation(&mut text, results);
    by_history(&mut text, results);
    by_group(&mut text, facts, results);
    training(&mut text, results, facts);
    if let Some(detail) = facts.details.first() {
        user(&mut text, detail, &facts.chosen_by, config);
    }
    if !facts.checksums.is_empty() {
        text += "\n## Checksums\n\n";
        table(
            &mut text,
            &["file", "sha256"],
            "ll",
            facts.checksums.iter().map(|(path, sum)| [inline(path), code(sum)]),
        );
    }
    text
}

/// The best approaches and how surely, what one user would be recommended, what to try next.
fn in_short(text: &mut String, results: &Results, facts: &Facts) {
    let sentence = last_words(results);
    if !sentence.is_empty() {
        let _ = writeln!(text, "\n{}", inline(&sentence));
    }
    if let Some(Recommended { approach, user, items, .. }) = &facts.recommended {
        let _ = writeln!(text, "\n## What {} recommends to user {}\n", inline(approach), inline(user));
        for (place, one) in items.iter().enumerate() {
            let held_out = match one.held_out {
                Some(Some(given)) => format!(" (held out: rated {})", cells::stars(given)),
                Some(None) => " (held out: met)".to_owned(),
                None => String::new(),
            };
            let _ = writeln!(text, "{}. {}: {}{held_out}", place + 1, inline(&one.item), inline(&one.because));
        }
    }
    if !facts.suggestions.is_empty() {
        *text += "\n## What to try next\n\n";
        for Suggestion { words, command } in &facts.suggestions {
            let command = if command.is_empty() { String::new() } else { format!(" {}", code(command)) };
            let _ = writeln!(text, "- {}{command}", inline(words));
        }
        let _ = writeln!(text, "\n{ELSEWHERE}");
    }
}

fn dataset(text: &mut String, results: &Results, facts: &Facts) {
    let mut rows = tables::of_data(results, facts);
    rows.extend(tables::of_protocol(results, facts));
    rows.extend([("device".to_owned(), results.device.clone()), ("seed".to_owned(), results.seed.to_string())]);
    *text += "\n## Data and protocol\n\n";
    pairs(text, &rows);
}

fn table_of_results(text: &mut String, results: &Results) {
    *text += "\n## Results\n";
    for (family, columns) in results.families() {
        if !family.is_empty() {
            let _ = writeln!(text, "\n### {}", inline(family));
        }
        *text += "\n";
        of_numbers(text, &TextTable::of_metrics(results, &columns));
        for (at, (column, about)) in meanings(&columns).into_iter().enumerate() {
            let _ = writeln!(text, "{}- `{column}`: {}", if at == 0 { "\n" } else { "" }, inline(about));
        }
    }
    let _ = writeln!(text, "\n{}", HOW_TO_READ.replace('*', "\\*"));
    remarks(results).iter().for_each(|line| *text += &format!("\n{}\n", inline(line)));
    if let Some(shares) = TextTable::of_shares(results) {
        let _ = writeln!(text, "\n### Share of variance due to the repetitions\n\n{SHARES}\n");
        of_numbers(text, &shares);
    }
}

/// How each approach ranks the validation rows.
fn validation(text: &mut String, results: &Results) {
    if let Some(table) = TextTable::of_validation(results) {
        *text += "\n## On validation rows\n\nTheir lists leave out what training had. Nothing was fitted to these rows, \
                  but networks may have stopped by them; `reco recommend` asks by NDCG here where no approach is \
                  named.\n\n";
        of_numbers(text, &table);
    }
}

/// How each approach serves groups of users, by the first main metric.
fn by_group(text: &mut String, facts: &Facts, results: &Results) {
    let Some(name) = results.main_columns().first().copied().filter(|_| !facts.groups.is_empty()) else { return };
    let _ = writeln!(text, "\n## By group\n\n{}. {GROUPS}\n", results.heading(name));
    let groups = facts.groups.iter().flat_map(|(approach, groups)| groups.iter().map(move |group| (approach, group)));
    let rows = groups.filter_map(|(approach, group)| {
        let (value, gap) = group.get(name)?;
        let gap = cells::or_nothing(gap, |Gap { difference, low, high }| {
            format!("{difference:+.4} ({low:+.4} to {high:+.4})")
        });
        let names = [approach, &group.attribute, &group.group].map(|cell| inline(cell));
        let cells = [cells::count(group.n_users), cells::metric(Some(value)), gap];
        Some(names.into_iter().chain(cells).collect::<Vec<_>>())
    });
    let name = name.to_string();
    table(text, &["approach", "attribute", "group", "users", &name, "less that of all others"], "lll", rows);
}

/// A table for each main metric, of users and of items, with approaches as rows and buckets as columns.
fn by_history(text: &mut String, results: &Results) {
    let mut heading = format!("\n## By history\n\n{BUCKETS}\n");
    for side in HistoryOf::ALL {
        let shown = side.shown(results);
        for name in results.main_columns().into_iter().filter(|_| !shown.is_empty()) {
            let title = results.heading(name);
            let _ = writeln!(text, "{heading}\n### {title} by {}' training ratings\n", side.name());
            heading.clear();
            of_numbers(text, &TextTable::of_history(results, side, &shown, name));
        }
    }
}

fn training(text: &mut String, results: &Results, facts: &Facts) {
    *text += "\n## Training\n\n";
    of_numbers(text, &TextTable::of_training(results, facts));
    if !facts.training.is_empty() {
        *text += "\nLosses are mean absolute errors of scaled ratings, at the epoch whose weights were kept.\n";
    }
}

fn user(text: &mut String, detail: &UserDetail, chosen_by: &str, config: &ReportConfig) {
    let _ = writeln!(text, "\n## User {} in detail", inline(&detail.user));
    let chosen_by = if chosen_by.is_empty() { String::new() } else { format!(" {}", inline(chosen_by)) };
    let _ = writeln!(text, "\nRated {} items in training.{chosen_by}", cells::count(detail.n_train));
    for list in &detail.lists {
        let _ = writeln!(text, "\n### {}: held-out ratings, best prediction first\n", inline(&list.approach));
        let rows = list.rows.iter().take(config.detail_rows).enumerate().map(|(place, row)| {
            [
                (place + 1).to_string(),
                inline(&row.item),
                inline(&row.genres.join(", ")),
                cells::or_nothing(row.rating, |rating| format!("{rating:?}")),
                cells::metric(Some(row.yhat)),
            ]
        });
        table(text, &["#", "item", "genres", "rated", "score"], "rllrr", rows);
        if list.rows.len() > config.detail_rows {
            let _ = writeln!(text, "\n… and {} more.", cells::count(list.rows.len() - config.detail_rows));
        }
    }
}

/// A table whose first column names the rows, with the best in bold.
fn of_numbers(text: &mut String, of: &TextTable) {
    let rows = of.rows.iter().map(|(name, cells)| {
        let cells = cells.iter().map(|cell| match cell.is_best {
            true => format!("**{}**\\*", inline(&cell.text)),
            false => inline(&cell.text),
        });
        [inline(name)].into_iter().chain(cells).collect::<Vec<_>>()
    });
    table(text, &of.header, "l", rows);
}

/// A table of labels and values, the first of them as its header.
fn pairs(text: &mut String, rows: &[(String, String)]) {
    let mut rows = rows.iter().map(|(label, value)| [inline(label), inline(value)]);
    if let Some(first) = rows.next() {
        table(text, &first, "ll", rows);
    }
}

/// Columns beyond the letters of `alignment` (`l` or `r`) are aligned to the right.
fn table<Row: IntoIterator<Item = String>>(
    text: &mut String,
    header: &[impl AsRef<str>],
    alignment: &str,
    rows: impl Iterator<Item = Row>,
) {
    let header: Vec<&str> = header.iter().map(AsRef::as_ref).collect();
    let _ = writeln!(text, "| {} |", header.join(" | "));
    let sides = alignment.chars().chain(std::iter::repeat('r')).take(header.len());
    let rule: Vec<&str> = sides.map(|side| if side == 'l' { "---" } else { "---:" }).collect();
    let _ = writeln!(text, "| {} |", rule.join(" | "));
    for row in rows {
        let cells: Vec<String> = row.into_iter().collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}

/// Escapes text from data, so that it stays text and on one line.
fn inline(data: &str) -> String {
    let mut text = String::with_capacity(data.len());
    for character in data.chars() {
        match character {
            '\n' | '\r' | '\t' => text.push(' '),
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' => text.extend(['\\', character]),
            // An editor or a terminal would obey a control character.
            control if control.is_control() => text.extend(control.escape_unicode()),
            other => text.push(other),
        }
    }
    text
}

fn code(data: &str) -> String {
    if data.is_empty() { cells::NOTHING.to_owned() } else { format!("`{data}`") }
}

#[cfg(test)]
mod tests {
    use reco_core::{EpochLog, TrainingLog};

    use super::*;
    use crate::results::tests::{sample, sample_by_history};
    use crate::{DetailList, DetailRow, RecommendedItem};

    fn facts() -> Facts {
        let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let epoch = |epoch, loss| EpochLog {
            epoch,
            train_loss: loss,
            train_mape: Some(20.0),
            validation_loss: Some(loss + 0.05),
            validation_mape: Some(21.0),
            validation_ndcg: None,
        };
        let log = TrainingLog {
            epochs: vec![epoch(1, 0.9), epoch(2, 0.7), epoch(3, 0.75)],
            best_epoch: 2,
            n_train: 80_000,
            n_validation: 9_990,
            train_seconds: 6.0,
        };
        let row = |item: &str, rating, score| DetailRow {
            item: item.to_owned(),
            genres: vec!["Drama".to_owned(), "Sci-Fi".to_owned()],
            rating,
            yhat: score,
            ..DetailRow::default()
        };
        Facts {
            dataset: vec![pair("licence", "not for commercial use")],
            evaluation: vec![pair("relevance threshold", "4 stars")],
            training: vec![("neural".to_owned(), log)],
            checksums: vec![pair("tables/ratings.parquet", "00ff")],
            details: vec![UserDetail {
                user: "2".to_owned(),
                n_train: 52,
                lists: vec![DetailList {
                    approach: "neural".to_owned(),
                    rows: vec![
                        row("Se7en", None, 4.75),
                        row("A|B `c`\n*d*", Some(3.0), 4.5),
                        row("Heat", Some(4.5), 4.25),
                    ],
                    ..DetailList::default()
                }],
            }],
            chosen_by: "The one on whom they differ.".to_owned(),
            recommended: Some(Recommended {
                approach: "profile".to_owned(),
                user: "2".to_owned(),
                items: vec![
                    RecommendedItem {
                        item: "A|B".to_owned(),
                        because: "because you rated Se7en 5".to_owned(),
                        held_out: Some(Some(4.5)),
                        ..RecommendedItem::default()
                    },
                    RecommendedItem {
                        item: "Heat".to_owned(),
                        because: "rated by 485 people, 4.2 on average".to_owned(),
                        ..RecommendedItem::default()
                    },
                ],
                ..Recommended::default()
            }),
            suggestions: vec![Suggestion {
                words: "For lists, popularity may be as good.".to_owned(),
                command: "reco compare data --against popularity".to_owned(),
            }],
            ..Facts::default()
        }
    }

    #[test]
    fn says_all_that_is_known() {
        let results = Results { summary: Some(crate::headline::tests::headline()), ..sample() };
        insta::assert_snapshot!(markdown(&results, &facts(), &ReportConfig { detail_rows: 2 }));
    }

    #[test]
    fn shows_what_came_out_for_users_and_items_of_little_history() {
        let text = markdown(&sample_by_history(), &Facts::default(), &ReportConfig::default());
        let (from, to) = (text.find("## By history").unwrap(), text.find("## Training").unwrap());
        insta::assert_snapshot!(&text[from..to]);
    }

    #[test]
    fn leaves_out_what_is_not_known() {
        let text = markdown(&sample(), &Facts::default(), &ReportConfig::default());
        for absent in ["Checksums", "in detail", "licence", "Losses", "By history"] {
            assert!(!text.contains(absent), "{absent} in\n{text}");
        }
    }
}
