//! Defines the errors of reading an experiment.
//!
//! Does not know how an experiment is read.
//!
//! **Invariant**: each names the file or the option that it is about, as it was given.

use reco_core::options::OptionsError;
use reco_features::FeaturesError;

/// Why an experiment cannot be read. Files are named as they were given.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// No such file.
    #[error(
        "there is no experiment file `{path}`\nhint: leave it out for the built-in experiment, or see data/experiments/"
    )]
    Missing {
        /// The file.
        path: String,
    },
    /// No such file, though another extends it.
    #[error(
        "there is no experiment file `{path}`, which `{by}` extends\n\
         hint: `extends` is relative to the file that says it"
    )]
    MissingBase {
        /// The file.
        path: String,
        /// The file that extends it.
        by: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the experiment file `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A file of data where an experiment belongs.
    #[error(
        "`{path}` is no experiment\nhint: if it is a table of ratings, `reco init {}` looks at it, and writes an \
         experiment that `reco run` runs",
        crate::shell_word(path)
    )]
    Table {
        /// The file.
        path: String,
    },
    /// Not TOML.
    #[error("{place} line {line} is no TOML: {reason}")]
    Syntax {
        /// The file.
        place: String,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// `extends` is not one file name.
    #[error("{place}: `extends` is `{value}`\nhint: it names one file, as text")]
    Extends {
        /// The file.
        place: String,
        /// What it says.
        value: String,
    },
    /// A chain of `extends` that comes back to where it was.
    #[error("an experiment extends itself: {chain}")]
    Cycle {
        /// The files.
        chain: String,
    },
    /// `nan` or `inf`.
    #[error("{place}: `{key}` is `{value}`\nhint: numbers are finite")]
    NotFinite {
        /// The file.
        place: String,
        /// The key.
        key: String,
        /// The number.
        value: f64,
    },
    /// An override that is not valid.
    #[error("`--set {set}` is no override\nhint: write `--set split.kind=temporal`")]
    Set {
        /// What was given.
        set: String,
    },
    /// An override of an approach that the experiment does not have.
    #[error("{place}: the experiment has no approach `{name}`\nhint: {hint}")]
    SetApproach {
        /// The override.
        place: String,
        /// The approach.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// An override of a key inside something that is no table.
    #[error("{place}: `{key}` is `{value}`, not a table")]
    SetThroughValue {
        /// The override.
        place: String,
        /// The key that is no table.
        key: String,
        /// Its value.
        value: String,
    },
    /// An unknown key, a wrong type, a value out of bounds.
    #[error("{place}: {error}")]
    Options {
        /// The file.
        place: String,
        /// What is wrong.
        error: OptionsError,
    },
    /// A key of another kind of split.
    #[error("{place}: {error}")]
    Split {
        /// The file.
        place: String,
        /// What is wrong.
        error: Box<FeaturesError>,
    },
    /// An approach that no registry has.
    #[error("{place}: unknown approach `{kind}`\nhint: {hint}")]
    UnknownApproach {
        /// The file, or the option of the command line.
        place: String,
        /// The approach.
        kind: String,
        /// The nearest one.
        hint: String,
    },
    /// An approach without a name, or with one that can name no folder.
    #[error(
        "{place}: the name of approach number `{number}` is `{name}`\n\
         hint: a name has letters, digits, `-` and `_` only"
    )]
    ApproachName {
        /// The file.
        place: String,
        /// Counted from 1.
        number: usize,
        /// The name given.
        name: String,
    },
    /// Two approaches of one name.
    #[error("{place}: two approaches are named `{name}`\nhint: give one of them `kind = \"{name}\"` and another name")]
    ApproachTwice {
        /// The file.
        place: String,
        /// The name.
        name: String,
    },
    /// A key to repeat over without values, values without a key, or a value twice.
    #[error(
        "{place}: {reason}\n\
         hint: write `[repeat]`, `over = \"seed\"` and `values = [0, 1, 2]`, a different value for each repetition"
    )]
    Repeat {
        /// The file.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// No approach at all.
    #[error("{place}: there is no `[[approach]]`\nhint: known are `{known}`")]
    NoApproach {
        /// The file.
        place: String,
        /// All of the registry.
        known: String,
    },
}
