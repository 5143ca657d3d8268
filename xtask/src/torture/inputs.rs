//! Draws a bad input of some kind, gives it to `reco`, and checks that it ends in a plain answer or a plain error.
//!
//! Does not know how a kind of input is drawn; the modules do.
//!
//! **Invariant**: the number of an input says its kind, so that each kind has its share whatever the count.

mod archives;
mod experiments;
mod folders;
mod tables;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::chance::Chance;
use super::prepared::Prepared;
use super::trial::Foreign;
use super::{Judged, Report, keep_beside};

/// What a kind of input makes in the trial's folder.
struct Drawn {
    /// The arguments of `reco`.
    words: Vec<String>,
    /// Whether what was asked for may take long; it still has to stop when it is asked to.
    may_be_long: bool,
    /// Whether a finished run lies in `out`, whose files are reco's own.
    has_run: bool,
    /// The expected answer of a call that succeeds, where it is known.
    answer: Option<Vec<u8>>,
}

impl Drawn {
    fn words<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        let words = words.into_iter().map(Into::into).collect();
        Self { words, may_be_long: false, has_run: false, answer: None }
    }
}

/// A damaged Parquet file as the user's table, and how to run it.
pub(super) fn table(prepared: &Prepared, chance: &mut Chance, folder: &Path) -> Result<Vec<String>> {
    tables::parquet(prepared, chance, folder).map(|drawn| drawn.words)
}

/// Draws an input into a folder.
type Draw = fn(&Prepared, &mut Chance, &Path) -> Result<Drawn>;

/// Kinds of input, each as often as it is wanted among twenty.
const KINDS: [(&str, Draw); 20] = [
    ("delimited", tables::delimited),
    ("experiment", experiments::experiment),
    ("run folder", folders::damaged_run),
    ("words", words::recommend),
    ("delimited", tables::delimited),
    ("workbook", archives::workbook),
    ("set", experiments::set),
    ("json lines", tables::json_lines),
    ("run folder", folders::damaged_run),
    ("scores", tables::scores),
    ("delimited", tables::delimited),
    ("experiment", experiments::experiment),
    ("words", words::any_command),
    ("parquet", tables::parquet),
    ("archive", archives::archive),
    ("experiment", experiments::experiment),
    ("run folder", folders::damaged_run),
    ("set", experiments::set),
    ("json lines", tables::json_lines),
    ("side tables", tables::side_tables),
];

/// The input numbered `number`.
pub(super) fn trial(prepared: &Prepared, number: usize, folder: &Path) -> Result<Report> {
    let (kind, draw) = KINDS[number % KINDS.len()];
    let mut chance = Chance::new(prepared.seed, "inputs", number);
    keep_beside(folder)?;
    let drawn = draw(prepared, &mut chance, folder)?;
    if chance.one_in(4) {
        // Puts a file of the user's where a stage's folder belongs.
        let stage = chance.pick(&["tables", "features", "evaluation", "report", "models/popularity"]);
        let place = folder.join("out").join(stage);
        if !drawn.has_run || place.is_dir() {
            fs::create_dir_all(&place).with_context(|| format!("cannot make `{}`", place.display()))?;
            fs::write(place.join("thesis.txt"), "years of work\n")?;
        }
    }
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        drawn.has_run && path.starts_with("out") && name != "thesis.txt" && name != "keep.txt"
    };
    let foreign = Foreign::of(folder, is_ours)?;
    let ended = prepared.reco(folder, &drawn.words)?;
    let judged = Judged { may_be_long: drawn.may_be_long, answer: drawn.answer.as_deref() };
    Ok(Report::of(kind, drawn.words, ended, foreign.changed(folder)?, &judged))
}
