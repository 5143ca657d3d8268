//! Writes answers to stdout, messages and errors to stderr, with control characters escaped; aligns columns, and quotes
//! for a shell.
//!
//! Does not know what the text says.
//!
//! **Invariant**: an answer is written whole before the program reports success; an error is printed once, its remedy
//! last.

use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::HumanCount;
use reco_run::shell_word;
use serde::Serialize;

/// Writes an answer to stdout.
pub(crate) fn print(answer: &str) -> anyhow::Result<()> {
    let answer = visible(answer);
    let mut out = io::stdout().lock();
    out.write_all(answer.as_bytes())?;
    if !answer.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Writes an answer for machines to stdout.
pub(crate) fn print_json(answer: &impl Serialize) -> anyhow::Result<()> {
    // JSON allows characters that a terminal obeys only inside strings, where it has an escape of its own for them.
    let text = serde_json::to_string_pretty(answer)?;
    print(&escaped(&text, |c| format!("\\u{:04x}", u32::from(c))))
}

/// Prints a message to stderr.
pub(crate) fn say(words: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{}", visible(&shortened(words)));
}

/// The longest line on stderr, in characters: text quoted from a file may be of any length.
const LONGEST: usize = 1000;

/// `words` with each line cut to [`LONGEST`] characters.
fn shortened(words: &str) -> String {
    let lines = words.split('\n').map(|line| match line.char_indices().nth(LONGEST) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}… and {} characters more", &line[..end], line[end..].chars().count()),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` with the characters escaped that a terminal would obey: an id that holds ESC is shown as `\u{1b}`. Ends of
/// lines and tabs stay.
fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.escape_unicode().to_string())
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if is_obeyed(c) { escape(c) } else { c.to_string() }).collect::<String>().into()
}

/// `text` on one line, with ends of lines and tabs escaped too. For text that comes from data.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\t']) {
        return Cow::Borrowed(text);
    }
    text.replace('\n', r"\u{a}").replace('\t', r"\u{9}").into()
}

/// A message with each quotation in backticks on one line, so that data cannot forge a line of ours.
fn quotations_on_one_line(message: &str) -> String {
    let parts = message.split('`').enumerate();
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { on_one_line(part).into_owned() } else { part.to_owned() };
    parts.map(part).collect::<Vec<_>>().join("`")
}

/// Whether a terminal obeys `c`: control characters (C0, DEL, C1), those that turn the direction of text, and the other
/// ends of lines.
fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && c != '\n' && c != '\t')
}

/// Prints `error: …`, its causes, and then its hints.
pub(crate) fn error(error: &anyhow::Error) {
    let (mut lines, mut hints) = (Vec::new(), Vec::new());
    let mut said = String::new();
    for cause in error.chain() {
        let message = quotations_on_one_line(&cause.to_string());
        // An error that quotes its cause has already said it.
        if said.contains(&message) {
            continue;
        }
        for line in message.lines() {
            match line.starts_with("hint: ") {
                true if hints.iter().any(|hint| hint == line) => {}
                true => hints.push(line.to_owned()),
                false => lines.push(line.to_owned()),
            }
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
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match right.get(column) {
            Some(true) => format!("{cell:>width$}", width = widths[column]),
            _ => format!("{cell:<width$}", width = widths[column]),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `1,234,567 rows/s`
pub(crate) fn per_second(n_rows: u64, time: Duration) -> String {
    format!("{} rows/s", HumanCount((n_rows as f64 / time.as_secs_f64().max(1e-9)) as u64))
}

/// The command line as one types it: `reco` and its arguments.
pub(crate) fn command_line() -> String {
    typed(ASKED.get().into_iter().flatten())
}

fn typed<'a>(words: impl Iterator<Item = &'a OsString>) -> String {
    // An argument that is not valid text is shown as far as it is.
    let words = words.skip(1).map(|word| word.to_string_lossy().into_owned());
    quoted(std::iter::once("reco".to_owned()).chain(words))
}

/// The arguments of the program, or those that another program gave.
static ASKED: OnceLock<Vec<OsString>> = OnceLock::new();

/// Keeps what was asked for, the program's name first, for [`command_line`].
pub(crate) fn asked(arguments: &[OsString]) {
    // A program that embeds the command line may call it again: reports then tell the first call.
    ASKED.get_or_init(|| arguments.to_vec());
}

/// Words as one types them, quoted where a shell would split or change them.
pub(crate) fn quoted(words: impl Iterator<Item = String>) -> String {
    words.map(|word| shell_word(&word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stderr_ends() {
        let long = shortened(&"x".repeat(5_000_000));
        assert!(long.len() < 1100 && long.ends_with("x… and 4999000 characters more"), "{long}");
        assert_eq!(shortened("é\nhint: b"), "é\nhint: b");
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_obeys() {
        let bad = "a\u{1b}[2J\u{7}\u{9b}31m\u{202e}b\r\u{7f}";
        assert_eq!(visible(bad), r"a\u{1b}[2J\u{7}\u{9b}31m\u{202e}b\u{d}\u{7f}");
        let good = "Amélie\t数\n";
        assert!(matches!(visible(good), Cow::Borrowed(same) if same == good));
        let json = serde_json::to_string(bad).unwrap();
        let shown = escaped(&json, |c| format!("\\u{:04x}", u32::from(c)));
        assert!(!shown.chars().any(is_obeyed), "{shown:?}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), bad, "JSON means the same");
    }

    #[test]
    fn a_command_line_can_be_typed_again() {
        let words = ["/bin/reco", "run", "--set", "evaluate.k=[5, 10]", "it's", ""].map(str::to_owned);
        assert_eq!(typed(words.map(OsString::from).iter()), "reco run --set 'evaluate.k=[5, 10]' 'it'\\''s' ''");
    }

    #[test]
    fn a_rate_is_read_at_a_glance() {
        assert_eq!(per_second(3_000_000, Duration::from_millis(1_500)), "2,000,000 rows/s");
    }

    #[test]
    fn data_forge_no_line() {
        let message = "unknown item `a\nhint: rm`\nhint: did you mean `b\tc`?";
        assert_eq!(quotations_on_one_line(message), "unknown item `a\\u{a}hint: rm`\nhint: did you mean `b\\u{9}c`?");
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let forged = [row(["1", "Heat\n2  Alien"]), row(["2", "Fargo\tx"])];
        assert_eq!(columns(&forged, &[true, false]), "1  Heat\\u{a}2  Alien\n2  Fargo\\u{9}x\n");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["rank", "name", "genres"]), row(["1", "Amélie", ""])];
        assert_eq!(columns(&rows, &[true, false, false]), "rank  name    genres\n   1  Amélie\n");
    }
}
