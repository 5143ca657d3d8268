//! Makes README's tables of speeds and of the contest from docs/results.md: `cargo xtask bench readme`.
//!
//! Does not know how anything was measured: it copies cells, and divides what it copied.
//!
//! **Invariant**: every number in the table stands in docs/results.md or is a quotient of two that do. A comparison
//! takes its rows from one section, and a table holds the rows of one machine and profile. A row in which we lose says
//! so, and none is left out of a section that has it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{PAGE, page};

const README: &str = "README.md";

/// What a section that measured a peer contains.
const PYTHON: &str = "(Python ";

/// The names of the markers in README.
const SPEED: &str = "speed";
const CONTEST: &str = "contest";

/// A comparison: `who` are rows of a section of results.md, ours first.
struct Work {
    what: String,
    section: &'static str,
    unit: Unit,
    who: Vec<Row>,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// More is better.
    Thousands,
    /// Less is better; the sum of these columns.
    Seconds(&'static [&'static str]),
    /// Less is better.
    Milliseconds(&'static str),
}

/// A row of results.md, and how README shows it.
struct Row {
    /// As README calls it.
    name: String,
    heading: String,
    /// Columns, and what they hold in that row.
    is: Vec<(&'static str, String)>,
    /// Columns of its quality, and what README calls them.
    quality: &'static [(&'static str, &'static str)],
}

/// All that README shows. To show another row, add it here.
fn works() -> Vec<Work> {
    let row = |name: &str, heading: &str, is: &[(&'static str, &str)], quality| Row {
        name: name.to_owned(),
        heading: heading.to_owned(),
        is: is.iter().map(|(column, cell)| (*column, (*cell).to_owned())).collect(),
        quality,
    };
    let mut works = Vec::new();
    for (heading, who) in [
        ("Adam over whole tables", ["reco `adam`", "Keras Adam", "PyTorch fused Adam", "RecBole's NeuMF"].as_slice()),
        ("Adam over the rows of the batch alone", &["reco `lazy-adam`", "PyTorch SparseAdam"]),
    ] {
        for batch in ["128", "1024", "8192"] {
            let who = who.iter().map(|who| row(who, heading, &[("batch", batch), ("who", who)], &[("error", "error")]));
            let what = format!("the article's neural network, batches of {batch}, ratings a second");
            works.push(Work { what, section: "train-peers", unit: Unit::Thousands, who: who.collect() });
        }
    }
    const ERROR: &[(&str, &str)] = &[("rmse", "RMSE")];
    const OURS: &str = "`reco` in turn with it";
    for (approach, what, similarity) in
        [("svd", "matrix factorisation", "–"), ("item-knn", "item neighbours", "pearson-baseline")]
    {
        for (name, section, theirs) in [
            ("Surprise", "surprise", similarity),
            ("LensKit", "lenskit", if approach == "svd" { "–" } else { "cosine" }),
        ] {
            let is = |similarity| [("approach", approach), ("similarity", similarity)];
            let variant = if approach == "svd" { "–" } else { "with-baseline" };
            works.push(Work {
                what: format!("{what}, five folds of MovieLens 100K, fits and predictions beside {name}'s"),
                section,
                unit: Unit::Seconds(&["fit", "score"]),
                who: vec![
                    row(
                        &format!("reco `{approach}`"),
                        OURS,
                        &[is(similarity).as_slice(), &[("variant", variant)]].concat(),
                        ERROR,
                    ),
                    row(name, "", &is(theirs), ERROR),
                ],
            });
        }
    }
    let lists = ["reco, `f32`", "NumPy with OpenBLAS", "implicit's `topk`"]
        .map(|who| row(who, "Lists of ten for everyone", &[("program", who)], &[]));
    works.push(Work {
        what: "everyone's best ten, 138,000 users × 27,000 items × 64 factors".to_owned(),
        section: "dot-product",
        unit: Unit::Seconds(&["median s"]),
        who: lists.into(),
    });
    for (heading, what) in [("Rows by user, as MovieLens' are", "rows by user"), ("Rows by time", "rows by time")] {
        let readers = [
            "`reco ingest`",
            "polars, checked",
            "DuckDB, checked",
            "polars, CSV to Parquet alone",
            "DuckDB, CSV to Parquet alone",
        ]
        .map(|who| row(who, heading, &[("who", who)], &[("peak memory", "memory")]));
        works.push(Work {
            what: format!("25 million ratings, CSV to Parquet, {what}"),
            section: "ingest-peers",
            unit: Unit::Seconds(&["seconds"]),
            who: readers.into(),
        });
    }
    let rulers = [("reco", "reco"), ("NumPy's `argpartition`", "numpy argpartition"), ("ranx", "ranx")]
        .map(|(name, evaluator)| row(name, "", &[("evaluator", evaluator)], &[("ndcg@10", "NDCG@10")]));
    works.push(Work {
        what: "seven metrics of 943 users' lists of ten, MovieLens 100K".to_owned(),
        section: "ruler",
        unit: Unit::Milliseconds("median"),
        who: rulers.into(),
    });
    works
}

/// Writes the tables into README.
pub(crate) fn write(root: &Path) -> Result<()> {
    let (_, made) = both(root)?;
    fs::write(root.join(README), made).with_context(|| format!("cannot write `{README}`"))
}

/// The finding of `cargo xtask tidy` where README is out of date.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let (readme, made) = both(root)?;
    let finding = format!("`{README}` and `{PAGE}` differ\nhint: `cargo xtask bench readme`");
    Ok(if made == readme { vec![] } else { vec![finding] })
}

/// README as it is, and as it should be.
fn both(root: &Path) -> Result<(String, String)> {
    let read = |name: &str| fs::read_to_string(root.join(name)).with_context(|| format!("cannot read `{name}`"));
    let (readme, results) = (read(README)?, read(PAGE)?);
    for name in [SPEED, CONTEST] {
        if !readme.contains(&format!("<!-- begin {name} -->")) {
            bail!("`{README}` has no `<!-- begin {name} -->`");
        }
    }
    let made = page::with_section(&readme, SPEED, &tables(&results)?);
    let leaders = section(&results, CONTEST)?.map(leaders).unwrap_or_default();
    Ok((readme, page::with_section(&made, CONTEST, &leaders)))
}

/// The first table of a section: of the contest's, who leads each preset.
fn leaders(section: &str) -> String {
    let is_row = |line: &&str| line.starts_with('|');
    let rows = section.lines().skip_while(|line| !is_row(line)).take_while(is_row);
    rows.collect::<Vec<_>>().join("\n")
}

/// A table for each machine and profile, in the order of the works.
fn tables(results: &str) -> Result<String> {
    let mut by_machine: Vec<(String, String)> = Vec::new();
    for work in works() {
        let Some(section) = section(results, work.section)? else { continue };
        let found = work.who.iter().map(|row| find(section, row)).collect::<Option<Vec<Found>>>();
        let Some(found) = found else {
            // Old sections, which name no Python, have no such rows.
            if section.contains(PYTHON) {
                bail!("the section `{}` of `{PAGE}` lacks a row of `{}`", work.section, work.what);
            }
            continue;
        };
        let text = lines(&work, &found)?;
        let machine = machine(section).with_context(|| format!("`{PAGE}`: `{}` names no profile", work.section))?;
        match by_machine.iter_mut().find(|(known, _)| *known == machine) {
            Some((_, lines)) => *lines += &text,
            None => by_machine.push((machine, text)),
        }
    }
    let tables = by_machine.iter().map(|(machine, lines)| {
        format!(
            "{machine}:\n\n| work | who | took or did | beside ours | quality | at |\n| --- | --- | ---: | --- | --- | \
             --- |\n{}",
            lines.trim_end()
        )
    });
    Ok(tables.collect::<Vec<_>>().join("\n\n"))
}

/// A row of results.md: its cells by column.
struct Found {
    cells: Vec<(String, String)>,
}

impl Found {
    fn cell(&self, column: &str) -> Option<&str> {
        self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.as_str())
    }

    fn number(&self, column: &str) -> Result<f64> {
        let cell = self.cell(column).with_context(|| format!("`{PAGE}` has no column `{column}`"))?;
        cell.trim_end_matches(" s").parse().with_context(|| format!("`{cell}` in `{PAGE}` is no number"))
    }

    fn value(&self, unit: Unit) -> Result<f64> {
        match unit {
            Unit::Thousands => self.number("thousands a second"),
            Unit::Seconds(columns) => columns.iter().map(|column| self.number(column)).sum(),
            Unit::Milliseconds(column) => self.number(column),
        }
    }
}

/// What stands between the markers of a case; `None` for one that was not measured yet.
fn section<'a>(results: &'a str, name: &str) -> Result<Option<&'a str>> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let Some((_, rest)) = results.split_once(&begin) else { return Ok(None) };
    let (section, _) = rest.split_once(&end).with_context(|| format!("`{PAGE}` has no `{end}`"))?;
    Ok(Some(section))
}

/// The machine and the profile of a section; its compiler and commit stand in results.md.
fn machine(section: &str) -> Option<String> {
    let (named, profile) = section.lines().find_map(|line| line.strip_suffix(" profile.")?.rsplit_once("; "))?;
    Some(format!("{}; {profile} profile", named.split(", rustc ").next().unwrap_or(named)))
}

fn find(section: &str, row: &Row) -> Option<Found> {
    let (mut heading, mut columns) = (String::new(), Vec::new());
    for line in section.lines() {
        if let Some(named) = line.strip_prefix("### ") {
            (heading, columns) = (named.to_owned(), Vec::new());
        } else if let Some(cells) = line.strip_prefix("| ") {
            let cells = cells.trim_end_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            if columns.is_empty() {
                columns = cells.collect();
                continue;
            }
            let found = Found { cells: columns.iter().cloned().zip(cells).collect() };
            let is_it = row.is.iter().all(|(column, cell)| found.cell(column) == Some(cell));
            if heading == row.heading && is_it {
                return Some(found);
            }
        } else {
            columns.clear();
        }
    }
    None
}

fn lines(work: &Work, found: &[Found]) -> Result<String> {
    let ours = found[0].value(work.unit)?;
    let quality = |row: &Row, found: &Found| {
        let of =
            |(column, name): &(&str, &str)| Some(format!("{name} {}", found.cell(column).filter(|cell| *cell != "–")?));
        row.quality.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    for (at, (row, found_here)) in work.who.iter().zip(found).enumerate() {
        let value = found_here.value(work.unit)?;
        let shown = match work.unit {
            Unit::Thousands => format!("{},000", found_here.cell("thousands a second").unwrap_or_default()),
            Unit::Seconds(_) => format!("{value:.2} s"),
            Unit::Milliseconds(_) => format!("{value:.1} ms"),
        };
        // How many times as fast ours is.
        let times = if work.unit == Unit::Thousands { ours / value } else { value / ours };
        let is_better = worse_error(row, &found[0], found_here);
        let beside = match (at, times < 1.0, is_better) {
            (0, ..) => String::new(),
            (_, true, false) => format!("ours {times:.2} × as fast: **slower**"),
            (_, true, true) => format!("ours {times:.2} × as fast: **slower, and the larger error**"),
            (_, false, true) => format!("ours {times:.1} × as fast, **with the larger error**"),
            (_, false, false) => format!("ours {times:.1} × as fast"),
        };
        let what = if at == 0 { work.what.as_str() } else { "" };
        let setting = found_here.cell("at").unwrap_or_default();
        text += &format!("| {what} | {} | {shown} | {beside} | {} | {setting} |\n", row.name, quality(row, found_here));
    }
    Ok(text)
}

/// Whether the other's error is smaller than ours, by more than rounding to four places can hide.
fn worse_error(row: &Row, ours: &Found, theirs: &Found) -> bool {
    row.quality.iter().any(|(column, name)| {
        let errors = (ours.number(column), theirs.number(column));
        matches!(*name, "error" | "RMSE") && matches!(errors, (Ok(ours), Ok(theirs)) if theirs < ours - 5e-5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = "\
<!-- begin lenskit -->
## The same

Some CPU, 2 cores, rustc 1 (x), commit abc; dev profile.

| approach | variant | similarity | rmse | mae | fit | score | at |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
| svd | BiasedMFScorer | – | 0.916583 | 0.7 | 4.00 s | 4.00 s | n_jobs=2 |

### `reco` in turn with it

| approach | variant | similarity | rmse | mae | fit | score | at |
| --- | --- | --- | ---: | ---: | ---: | ---: | --- |
| svd | – | – | 0.937503 | 0.7 | 0.20 s | 0.05 s | all cores |
<!-- end lenskit -->
<!-- begin ingest-peers -->
Other CPU, 2 cores, rustc 1 (x), dirty tree; dev profile.

### Rows by user, as MovieLens' are

| who | seconds | peak memory |
| --- | ---: | ---: |
| `reco ingest` | 2.00 | 1 MiB |
| polars, checked | 4.00 | 2 MiB |
| DuckDB, checked | 5.00 | 3 MiB |
| polars, CSV to Parquet alone | 1.80 | 4 MiB |
| DuckDB, CSV to Parquet alone | 2.60 | 5 MiB |
<!-- end ingest-peers -->
";

    #[test]
    fn each_machine_has_a_table_and_a_row_that_loses_says_so() {
        let text = tables(RESULTS).unwrap();
        assert!(text.starts_with("Some CPU, 2 cores; dev profile:\n\n| work |"), "{text}");
        let lenskit =
            "| LensKit | 8.00 s | ours 32.0 × as fast, **with the larger error** | RMSE 0.916583 | n_jobs=2 |";
        assert!(text.contains(lenskit), "{text}");
        let (_, other) = text.split_once("\n\nOther CPU, 2 cores; dev profile:\n\n").unwrap();
        assert!(!other.contains("LensKit"), "{other}");
        assert!(
            other.contains(
                "| polars, CSV to Parquet alone | 1.80 s | ours 0.90 × as fast: **slower** | memory 4 MiB |  |"
            ),
            "{other}"
        );
        assert!(!other.contains("larger error"), "{other}");
    }

    #[test]
    fn a_row_that_a_new_section_lacks_is_an_error_and_so_is_a_section_without_its_profile() {
        let lost = RESULTS.replace("| polars, checked |", "| polars |");
        assert!(!tables(&lost).unwrap().contains("DuckDB"));
        let new = lost.replace("### Rows by user", "With polars==2 (Python 3.13.0).\n\n### Rows by user");
        let error = tables(&new).unwrap_err().to_string();
        assert!(error.ends_with("lacks a row of `25 million ratings, CSV to Parquet, rows by user`"), "{error}");
        let unnamed = RESULTS.replace("commit abc; dev profile.", "commit abc");
        assert_eq!(tables(&unnamed).unwrap_err().to_string(), "`docs/results.md`: `lenskit` names no profile");
    }
}
