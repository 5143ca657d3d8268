//! Writes report.md, the report in plain words and tables.
//!
//! Does not know where it is kept, nor how the numbers came about.
//!
//! **Invariant**: it depends on its arguments alone; text from data is escaped, so that no title breaks a table.

use std::fmt::Write as _;

use reco_eval::{Column, Gap};

use crate::facts::{ELSEWHERE, GROUPS, SHARES};
use crate::figure::HistoryOf;
use crate::results::meaning;
use crate::terminal::how_repeated;
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
    let Results { dataset, split, .. } = results;
    let mut rows = vec![
        ("ratings", cells::count(dataset.n_ratings)),
        ("users", cells::count(dataset.n_users)),
        ("items", cells::count(dataset.n_items)),
        ("sha256", code(&dataset.sha256)),
    ];
    rows.extend(facts.dataset.iter().map(|(label, value)| (label.as_str(), inline(value))));
    rows.extend([
        ("split", inline(&split.kind)),
        ("train", cells::count(split.n_train)),
        ("validation", cells::count(split.n_valid)),
        ("fold-in", cells::count(split.n_fold_in)),
        ("test", cells::count(split.n_test)),
        ("device", inline(&results.device)),
        ("seed", results.seed.to_string()),
    ]);
    rows.retain(|(label, n)| *label != "fold-in" || n != "0");
    rows.extend(facts.evaluation.iter().map(|(label, value)| (label.as_str(), inline(value))));
    *text += "\n## Data and protocol\n\n";
    table(
        text,
        &["dataset", &inline(&dataset.name)],
        "ll",
        rows.into_iter().map(|(label, value)| [inline(label), value]),
    );
}

fn table_of_results(text: &mut String, results: &Results) {
    *text += "\n## Results\n";
    for (family, names) in results.families() {
        if !family.is_empty() {
            let _ = writeln!(text, "\n### {}", inline(family));
        }
        *text += "\n";
        let mut header = vec!["approach".to_owned()];
        header.extend(names.iter().map(|name| format!("{name}{}", if results.is_error(name) { " ↓" } else { "" })));
        let rows = results.approaches.iter().map(|approach| {
            let mut row = vec![inline(&approach.name)];
            row.extend(names.iter().map(|name| {
                let value = approach.metrics.get(name);
                let cell = cells::repeated(value, results.deviation(&approach.name, name));
                if value.is_some() && value == results.best(name) { format!("**{cell}**\\*") } else { cell }
            }));
            row
        });
        table(text, &header, "l", rows);
        meanings(text, &names);
    }
    let _ = writeln!(text, "\n{}", HOW_TO_READ.replace('*', "\\*"));
    if results.repeat.is_some() {
        let _ = write!(text, "\n{}", inline(&how_repeated(results)));
        shares(text, results);
    }
}

/// What the columns of a table mean, below it.
fn meanings(text: &mut String, names: &[&Column]) {
    let mut told: Vec<&str> = Vec::new();
    for name in names {
        let Some(about) = meaning(name).filter(|about| !told.contains(about)) else { continue };
        *text += if told.is_empty() { "\n" } else { "" };
        told.push(about);
        let _ = writeln!(text, "- `{name}`: {}", inline(about));
    }
}

/// How each approach ranks the validation rows.
fn validation(text: &mut String, results: &Results) {
    let Some(first) = results.approaches.iter().map(|one| &one.validation).find(|one| !one.is_empty()) else { return };
    *text += "\n## On validation rows\n\nTheir lists leave out what training had. Nothing was fitted to these rows, but networks may have \
              stopped by them; `reco recommend` asks by NDCG here where no approach is named.\n\n";
    let mut header = vec!["approach".to_owned()];
    header.extend(first.columns().map(Column::to_string));
    let rows = results.approaches.iter().map(|approach| {
        let cells = first.columns().map(|column| cells::metric(approach.validation.get(column)));
        [inline(&approach.name)].into_iter().chain(cells).collect::<Vec<_>>()
    });
    table(text, &header, "l", rows);
}

/// The share of each metric's variance that is due to the repetitions.
fn shares(text: &mut String, results: &Results) {
    let names = results.columns_with_shares();
    let share = |approach: &str, name: &Column| {
        results.share_of_repetitions(approach, name).map(|share| format!("{:.0} %", 100.0 * share))
    };
    let rows: Vec<Vec<String>> = (results.approaches.iter())
        .filter(|approach| names.iter().any(|name| share(&approach.name, name).is_some()))
        .map(|approach| {
            let cells =
                names.iter().map(|name| share(&approach.name, name).unwrap_or_else(|| cells::NOTHING.to_owned()));
            [inline(&approach.name)].into_iter().chain(cells).collect()
        })
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(text, "\n### Share of variance due to the repetitions\n\n{SHARES}\n");
        let names = names.into_iter().map(Column::to_string);
        let header: Vec<String> = ["approach".to_owned()].into_iter().chain(names).collect();
        table(text, &header, "l", rows.into_iter());
    }
}

/// How each approach serves groups of users, by the first main metric.
fn by_group(text: &mut String, facts: &Facts, results: &Results) {
    let Some(name) = results.main_columns().first().copied().filter(|_| !facts.groups.is_empty()) else { return };
    let _ = writeln!(text, "\n## By group\n\n{name}{}. {GROUPS}\n", if results.is_error(name) { " ↓" } else { "" });
    let groups = facts.groups.iter().flat_map(|(approach, groups)| groups.iter().map(move |group| (approach, group)));
    let rows = groups.filter_map(|(approach, group)| {
        let (value, gap) = group.get(name)?;
        let gap = gap.map_or_else(
            || cells::NOTHING.to_owned(),
            |Gap { difference, low, high }| format!("{difference:+.4} ({low:+.4} to {high:+.4})"),
        );
        let names = [approach, &group.attribute, &group.group].map(|cell| inline(cell));
        let cells = [cells::count(group.n_users), cells::metric(Some(value)), gap];
        Some(names.into_iter().chain(cells).collect::<Vec<_>>())
    });
    let name = name.to_string();
    table(text, &["approach", "attribute", "group", "users", &name, "less that of all others"], "lll", rows);
}

/// A table for each main metric, of users and of items, with approaches as rows and buckets as columns.
fn by_history(text: &mut String, results: &Results) {
    let mut heading = "\n## By history\n\nUsers, and the items of held-out ratings, by how many training ratings they have; \
                       in brackets how many users, or held-out ratings, that is. Lists are of the whole catalogue all \
                       the same.\n";
    for side in HistoryOf::ALL {
        let shown = side.shown(results);
        for name in results.main_columns().into_iter().filter(|_| !shown.is_empty()) {
            let arrow = if results.is_error(name) { " ↓" } else { "" };
            let _ = writeln!(text, "{heading}\n### {name}{arrow} by {}' training ratings\n", side.name());
            heading = "";
            let mut header = vec!["approach".to_owned()];
            header.extend(shown.iter().map(|&at| side.header(results, at)));
            let rows = results.approaches.iter().map(|approach| {
                let cells = shown.iter().map(|&at| cells::metric(side.value(approach, at, name)));
                [inline(&approach.name)].into_iter().chain(cells).collect::<Vec<_>>()
            });
            table(text, &header, "l", rows);
        }
    }
}

fn training(text: &mut String, results: &Results, facts: &Facts) {
    *text += "\n## Training\n\n";
    let header = [
        "approach",
        "parameters",
        "epochs",
        "best epoch",
        "train loss",
        "validation loss",
        "seconds",
        "ratings a second",
    ];
    let rows = results.approaches.iter().map(|approach| {
        let log = facts.training.iter().find(|(name, _)| *name == approach.name).map(|(_, log)| log);
        let best = log.and_then(|log| log.epochs.iter().find(|epoch| epoch.epoch == log.best_epoch));
        let or_nothing = |n: Option<usize>| n.map_or_else(|| cells::NOTHING.to_owned(), cells::count);
        [
            inline(&approach.name),
            cells::count(approach.n_parameters),
            or_nothing(approach.epochs),
            or_nothing(best.map(|epoch| epoch.epoch)),
            cells::metric(best.map(|epoch| epoch.train_loss)),
            cells::metric(best.and_then(|epoch| epoch.validation_loss)),
            cells::seconds(approach.train_seconds),
            or_nothing(approach.ratings_per_second.map(|rate| rate.round() as usize)),
        ]
    });
    table(text, &header, "l", rows);
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
                row.rating.map_or_else(|| cells::NOTHING.to_owned(), |rating| format!("{rating:?}")),
                cells::metric(Some(row.yhat)),
            ]
        });
        table(text, &["#", "item", "genres", "rated", "score"], "rllrr", rows);
        if list.rows.len() > config.detail_rows {
            let _ = writeln!(text, "\n… and {} more.", cells::count(list.rows.len() - config.detail_rows));
        }
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
            train_mape: 20.0,
            validation_loss: Some(loss + 0.05),
            validation_mape: Some(21.0),
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
