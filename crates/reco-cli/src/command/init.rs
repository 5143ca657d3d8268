//! Runs `reco init`: shows what a table was taken for, and writes the experiment that reads it.
//!
//! Does not guess anything: reco-data does; reco-run words the experiment.
//!
//! **Invariant**: nothing is written without a yes, and no file is replaced unless `--overwrite` says so.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use reco_core::DeviceChoice;
use reco_run::{Guess, Output, Piped, Role, StatedColumns, experiment_beside, experiment_for, folder_for, in_utc};
use serde_json::json;

use super::run;
use crate::args::{ExperimentArgs, ExperimentFile, Folders, InitArgs, RunArgs};
use crate::interrupt::Interrupt;
use crate::text;

/// Characters of a cell that are shown.
const WIDEST: usize = 32;

/// `reco init`
pub(crate) fn init(args: &InitArgs) -> anyhow::Result<()> {
    let is_piped = args.file == Path::new("-");
    let named = if is_piped { Path::new("mine") } else { &args.file };
    let experiment = args.out_file.clone().unwrap_or_else(|| experiment_beside(named));
    let output = writable(&experiment, args)?;

    let stated = StatedColumns {
        user: args.user.clone(),
        item: args.item.clone(),
        rating: args.rating.clone(),
        time: args.time.clone(),
    };
    let piped = is_piped.then(|| piped(&experiment, args)).transpose()?;
    let table = match &piped {
        Some(piped) => experiment.with_extension(piped.ending()),
        None => args.file.clone(),
    };
    let out = folder_for(&experiment, &table);
    let mut guess = match &piped {
        None => reco_run::guess(&args.file, &stated)?,
        Some(piped) => reco_run::guess(piped.path(), &stated).map_err(|error| {
            let hidden = piped.path().display().to_string();
            anyhow::anyhow!("{}", error.to_string().replace(&hidden, "-"))
        })?,
    };
    guess.data.path = table.display().to_string();
    let words = |words: &[&str]| text::quoted(words.iter().map(|word| (*word).to_owned()));
    let (file, folder) = (experiment.display().to_string(), out.display().to_string());
    let run_it = words(&["reco", "run", &file, "--out", &folder]);
    let asked = text::command_line();
    let written = experiment_for(&guess, &asked, &run_it);

    if !args.json {
        text::print(&shown(&guess, if is_piped { "-".to_owned() } else { guess.data.path.clone() }))?;
    }
    if !args.yes && args.json {
        return text::print_json(&json!({ "guess": guess, "experiment": written, "file": null, "run": run_it }));
    }
    if !args.yes && !agreed(&file, is_piped)? {
        text::say("nothing was written");
        return Ok(());
    }
    if let Some(piped) = piped {
        piped.keep(&table)?;
        text::say(&format!("the table is kept: {}", table.display()));
    }
    output.write_text(&written)?;
    if args.json {
        return text::print_json(&json!({ "guess": guess, "experiment": written, "file": file, "run": run_it }));
    }
    text::say(&format!("written: {file}"));
    if args.run {
        return run_now(experiment, out);
    }
    text::say(&format!("to run it: {run_it}"));
    Ok(())
}

/// The experiment's file, if it may be written.
fn writable(experiment: &Path, args: &InitArgs) -> anyhow::Result<Output> {
    let shown = experiment.display();
    let is_same = |one: &Path, other: &Path| {
        fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
    };
    if is_same(experiment, &args.file) {
        bail!("`{shown}` is the table itself\nhint: name the experiment with `--out-file`, e.g. `mine.toml`");
    }
    if reco_run::is_table(experiment) {
        bail!("`{shown}` is called as a table is, and `reco run` would not take it\nhint: let it end in `.toml`");
    }
    let output = Output::at(experiment)?;
    if fs::metadata(experiment).is_ok_and(|found| found.is_file()) && !args.overwrite {
        bail!("`{shown}` is there already\nhint: `--overwrite` replaces it, `--out-file FILE` names another");
    }
    Ok(output)
}

/// What comes through stdin, as a file beside the experiment.
fn piped(experiment: &Path, args: &InitArgs) -> anyhow::Result<Piped> {
    if io::stdin().is_terminal() {
        bail!(
            "nothing is piped to `reco init -`\nhint: name a file, or pipe one: `zcat events.gz | reco init - --yes`"
        );
    }
    let interrupt = Interrupt::listen()?;
    // Without a yes nothing may be left, not even for a moment, beside the experiment.
    let beside = experiment.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = if args.yes { beside.to_owned() } else { std::env::temp_dir() };
    let kept_beside = args.yes.then_some(experiment);
    Ok(Piped::read(io::stdin(), &folder, kept_beside, &|| interrupt.is_set())?)
}

/// Asks for the one yes.
fn agreed(file: &str, is_piped: bool) -> anyhow::Result<bool> {
    if is_piped || !io::stdin().is_terminal() {
        bail!("nothing was written, as nobody is there to be asked\nhint: add `--yes`");
    }
    write!(io::stderr().lock(), "write `{}`? [y/N] ", text::on_one_line(file))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// `reco run` on what was written.
fn run_now(experiment: PathBuf, out: PathBuf) -> anyhow::Result<()> {
    let file = ExperimentFile { experiment: Some(experiment), set: Vec::new(), approach: Vec::new() };
    let folders = Folders { raw: "data/raw".into(), out };
    let device: Option<DeviceChoice> = None;
    let experiment = ExperimentArgs { file, device, force: false, folders, json: false };
    run::run(&RunArgs { experiment, from: None, only: None })
}

/// What was found, in words and rows.
fn shown(guess: &Guess, file: String) -> String {
    let of = |role: Role| guess.columns.iter().find(|column| column.role == role);
    let rows = if guess.is_whole { "rows".to_owned() } else { format!("first {} rows", guess.n_rows) };
    let mut shown = format!("`{}` is read as {}\n\n", text::on_one_line(&file), guess.written);
    let mut roles = Vec::new();
    for (word, role) in [("user", Role::User), ("item", Role::Item), ("rating", Role::Rating), ("time", Role::Time)] {
        let cells = match (of(role), role) {
            (Some(column), Role::User | Role::Item) => {
                [column.name.clone(), format!("{} different in the {rows}", column.n_distinct)]
            }
            (Some(column), Role::Rating) => {
                let range = column.range.map(|(low, high)| format!("from {low} to {high} in the {rows}"));
                [column.name.clone(), range.unwrap_or_default()]
            }
            (Some(column), _) => [column.name.clone(), String::new()],
            (None, Role::Rating) => ["–".to_owned(), "every row is an event".to_owned()],
            (None, _) => ["–".to_owned(), "rows have no times".to_owned()],
        };
        roles.push([vec![word.to_owned()], cells.to_vec()].concat());
    }
    for (word, role) in
        [("context", Role::Context), ("of users", Role::UserAttribute), ("of items", Role::ItemAttribute)]
    {
        let names: Vec<&str> =
            guess.columns.iter().filter(|column| column.role == role).map(|column| column.name.as_str()).collect();
        if !names.is_empty() {
            roles.push(vec![word.to_owned(), names.join(", ")]);
        }
    }
    shown += &text::columns(&roles, &[]);
    let is_read = |role: Role| {
        matches!(role, Role::User | Role::Item | Role::Rating | Role::Time)
            || matches!(role, Role::Context | Role::UserAttribute | Role::ItemAttribute)
    };
    let unread: Vec<&str> =
        guess.columns.iter().filter(|column| !is_read(column.role)).map(|column| column.name.as_str()).collect();
    if !unread.is_empty() {
        let (some, more) = unread.split_at(unread.len().min(12));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        shown += &format!("not read: {}{more}\n", text::on_one_line(&some.join(", ")));
    }
    shown += "\nas it stands, and as it is read:\n";
    shown += &first_rows(guess);
    for note in &guess.notes {
        shown += &format!("note: {}\n", text::on_one_line(note));
    }
    shown
}

/// The first rows: what stands in the columns that are read, and what is read there.
fn first_rows(guess: &Guess) -> String {
    let roles = [("user", Role::User), ("item", Role::Item), ("rating", Role::Rating), ("time (UTC)", Role::Time)];
    let found = roles.map(|(word, role)| {
        guess.columns.iter().find(|column| column.role == role).map(|column| (word, column.name.clone()))
    });
    let there =
        |cells: [String; 4]| cells.into_iter().zip(&found).filter(|(_, one)| one.is_some()).map(|(cell, _)| cell);
    let names = found.clone().map(|one| one.map(|(_, name)| name).unwrap_or_default());
    let words = found.clone().map(|one| one.map(|(word, _)| word.to_owned()).unwrap_or_default());
    let row = |line: String, raw: [String; 4], read: [String; 4]| -> Vec<String> {
        let cells = [line].into_iter().chain(there(raw)).chain(["|".to_owned()]).chain(there(read));
        cells.map(|cell| cut(&cell)).collect()
    };
    let mut rows = vec![row("line".to_owned(), names, words)];
    for shown in &guess.first {
        let raw = shown.raw.clone();
        if let Some(problem) = &shown.problem {
            let cells = [shown.line.to_string()].into_iter().chain(there(raw)).map(|cell| cut(&cell));
            rows.push(cells.chain(["|".to_owned(), format!("left out: {problem}")]).collect());
            continue;
        }
        let [user, item, ..] = raw.clone();
        let rating = shown.rating.map_or_else(|| "–".to_owned(), |stars| stars.to_string());
        let time = shown.time.map_or_else(|| "–".to_owned(), in_utc);
        rows.push(row(shown.line.to_string(), raw, [user, item, rating, time]));
    }
    text::columns(&rows, &[true])
}

/// A cell, or the beginning of a long one.
fn cut(cell: &str) -> String {
    match cell.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}
