//! How do words leave the program?
//!
//! Does not know what they say.
//!
//! **Invariant**: an answer is written whole before the program reports success; an error is printed once, its remedy last.

use std::error::Error;
use std::io::{self, Write};

use serde::Serialize;

/// Writes an answer to stdout.
pub(crate) fn print(answer: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(answer.as_bytes())?;
    if !answer.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Writes an answer for machines to stdout.
pub(crate) fn print_json(answer: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(answer)?)
}

/// Says something to whoever watches, on stderr.
pub(crate) fn say(words: &str) {
    // Nobody listening is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{}", harmless(words));
}

/// The longest line on stderr, in characters: what is quoted from a file has no end of its own.
const LONGEST: usize = 1000;

/// Words that a terminal may show, whichever file they quote: no control characters, no endless line.
fn harmless(words: &str) -> String {
    let lines = words.split('\n').map(|line| {
        let visible = |one: char| if one.is_control() { one.escape_default().to_string() } else { one.to_string() };
        let kept: String = line.chars().take(LONGEST).map(visible).collect();
        match line.chars().count().saturating_sub(LONGEST) {
            0 => kept,
            more => format!("{kept}… and {more} characters more"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `error: …`, its causes, and what helps.
pub(crate) fn error(error: &anyhow::Error) {
    let (mut lines, mut hints) = (Vec::new(), Vec::new());
    let mut said = String::new();
    for cause in error.chain() {
        let message = cause.to_string();
        // An error that names its cause itself has said it already.
        if said.contains(&message) {
            continue;
        }
        for line in message.lines() {
            if line.starts_with("hint: ") { hints.push(line.to_owned()) } else { lines.push(line.to_owned()) }
        }
        said.push_str(&message);
    }
    say(&format!("error: {}", lines.join("\n")));
    for hint in hints {
        say(&hint);
    }
}

/// Whether the reader of stdout went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Lines of cells in columns, each as wide as its widest cell; `right` says which columns hold numbers.
pub(crate) fn columns(rows: &[Vec<String>], right: &[bool]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match right.get(column) {
            Some(true) => format!("{cell:>width$}", width = widths[column]),
            _ => format!("{cell:<width$}", width = widths[column]),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The command line as one types it: `reco` and its arguments.
pub(crate) fn command_line(words: impl Iterator<Item = String>) -> String {
    quoted(std::iter::once("reco".to_owned()).chain(words.skip(1)))
}

/// Words as one types them, quoted where a shell would part or change them.
pub(crate) fn quoted(words: impl Iterator<Item = String>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:@%+".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_reaches_no_terminal_as_it_is() {
        assert_eq!(harmless("a `\u{1b}[31m\u{7}é`\nhint: b"), "a `\\u{1b}[31m\\u{7}é`\nhint: b");
        let long = harmless(&"x".repeat(5_000_000));
        assert!(long.len() < 1100 && long.ends_with("x… and 4999000 characters more"), "{long}");
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        let words = ["/bin/reco", "run", "--set", "evaluate.k=[5, 10]", "it's", ""].map(str::to_owned);
        assert_eq!(command_line(words.into_iter()), "reco run --set 'evaluate.k=[5, 10]' 'it'\\''s' ''");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["rank", "name", "genres"]), row(["1", "Amélie", ""])];
        assert_eq!(columns(&rows, &[true, false, false]), "rank  name    genres\n   1  Amélie\n");
    }
}
