//! Guesses which columns of a stranger's table are user, item, rating and time, and which keys of `[data]` read it.
//!
//! Looks at the beginning of the file only. Does not know experiments beyond their `[data]`.
//!
//! **Invariant**: what is returned was tried: `detect` accepts all its keys, and the rows that are shown were read with
//! them; whatever was ambiguous, or was resolved by a rule of thumb, is in the notes.

mod piped;
mod roles;
mod sample;

use std::fs;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::config::{Delimiter, Encoding, Header, Quote};
use crate::dialect::{Detected, Shape, TextKeys, detect};
use crate::ingest::check::Checks;
use crate::records::{Row, listed};
use crate::values::{Decimal, TimeFormat};
use crate::{Columns, DataConfig, DataError, Obstacle};

pub use piped::Piped;
use roles::{ROLES, Roles};
use sample::Sample;

/// How many rows are shown.
const SHOWN: usize = 5;

/// The columns that the user names; `None` is to be guessed, an empty name says that there is no such column.
#[derive(Clone, Debug, Default)]
pub struct StatedColumns {
    /// The column of user ids.
    pub user: Option<String>,
    /// The column of item ids.
    pub item: Option<String>,
    /// The column of ratings.
    pub rating: Option<String>,
    /// The column of times.
    pub time: Option<String>,
}

/// What a table was taken for.
#[derive(Clone, Debug, Serialize)]
pub struct Guess {
    /// The keys of `[data]` that read it.
    pub data: DataConfig,
    /// How it is written, in words.
    pub written: String,
    /// All columns, in their order.
    pub columns: Vec<GuessedColumn>,
    /// What was ambiguous, and why it was decided so.
    pub notes: Vec<String>,
    /// How many rows were looked at.
    pub n_rows: usize,
    /// Whether these are all of them.
    pub is_whole: bool,
    /// The first rows, as they stand and as they are read.
    pub first: Vec<ShownRow>,
}

/// A column, and what it was taken for.
#[derive(Clone, Debug, Serialize)]
pub struct GuessedColumn {
    /// Its name.
    pub name: String,
    /// What it was taken for.
    pub role: Role,
    /// Different values in the rows that were looked at.
    pub n_distinct: usize,
    /// The lowest and the highest value, where all are numbers.
    pub range: Option<(f64, f64)>,
}

/// What a column is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The ids of users.
    User,
    /// The ids of items.
    Item,
    /// Stars.
    Rating,
    /// When it happened.
    Time,
    /// It describes the moment.
    Context,
    /// It describes the user.
    UserAttribute,
    /// It describes the item.
    ItemAttribute,
    /// As an attribute of the item, which is not read unless the user wants it.
    MaybeItemAttribute,
    /// As an attribute of the user, which is not read unless the user wants it.
    MaybeUserAttribute,
    /// It could describe the moment.
    MaybeContext,
    /// Nothing of use: empty, all the same, long texts, lists, or something that cannot be read.
    Unused,
}

/// A row as it stands, and as it is read.
#[derive(Clone, Debug, Serialize)]
pub struct ShownRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What stands in the columns of user, item, rating and time; empty where there is no such column.
    pub raw: [String; 4],
    /// The rating, where the row is read and has one.
    pub rating: Option<f32>,
    /// Seconds since 1970, where the row is read and has a time.
    pub time: Option<i64>,
    /// Why the row is refused, if it is.
    pub problem: Option<String>,
}

/// Guesses what the table at `path` holds; `stated` columns are taken as they are.
///
/// # Errors
/// What is no table, or none of ratings or events: what is missing, and which columns there are.
pub fn guess(path: &Path, stated: &StatedColumns) -> Result<Guess, DataError> {
    readable(path)?;
    let (shape, sample, keys) = shape(path)?;
    let stated = places(path, &sample, stated)?;
    let mut roles = Roles::choose(&sample, stated, shape.has_header());
    let missing: Vec<&str> =
        [0, 1].into_iter().filter(|role| roles.columns[*role].is_none()).map(|role| ROLES[role]).collect();
    if !missing.is_empty() {
        return Err(DataError::Format {
            path: path.to_owned(),
            reason: format!(
                "no column of it looks like the {}; it has {}",
                missing.join(" or the "),
                listed(&sample.names)
            ),
            hint: format!(
                "name {} by `--{} COLUMN`",
                if missing.len() > 1 { "them" } else { "it" },
                missing.join(" COLUMN --")
            ),
        });
    }
    let mut data = DataConfig {
        fetch: String::new(),
        source: "table".to_owned(),
        path: path.display().to_string(),
        delimiter: keys.delimiter,
        quote: keys.quote,
        encoding: keys.encoding,
        header: if shape.has_header() { Header::Auto } else { Header::No },
        ..DataConfig::default()
    };
    let detected = settle(path, &mut data, &sample, &mut roles, stated.map(|one| one.is_some()))?;
    let written = detected.said.first().and_then(|said| said.split_once(" is read as ")).map_or("", |(_, how)| how);
    let mut columns = describe(&sample, &roles, &mut data);
    let has_more = ![&data.columns.context, &data.columns.user_attributes, &data.columns.item_attributes]
        .into_iter()
        .all(Vec::is_empty);
    if has_more && let Err(error) = detect(path, &data) {
        leave_out(&mut columns, &mut data, &error.to_string(), &mut roles.notes);
    }
    let mut guess = Guess {
        written: written.to_owned(),
        columns,
        notes: roles.notes,
        n_rows: sample.rows.len(),
        is_whole: sample.is_whole,
        first: Vec::new(),
        data,
    };
    let checks = Checks { scale: None, is_rated: false, decimal: detected.decimal, times: detected.times };
    let fields = roles.columns;
    let problems: Vec<Option<String>> = sample.rows.iter().map(|row| read(row, fields, &checks).problem).collect();
    guess.first = sample.rows.iter().take(SHOWN).map(|row| read(row, fields, &checks)).collect();
    guess.allow_rejects(&sample, &problems)?;
    guess.tell_of_stars(&sample, fields[2]);
    if fields[2].is_none() {
        guess.tell_of_kinds(&sample);
    }
    Ok(guess)
}

/// Refuses what is no file, and files of formats that are no tables.
fn readable(path: &Path) -> Result<(), DataError> {
    let refuse = |what: String, hint: &str| Err(DataError::NotFound { what, hint: hint.to_owned() });
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return refuse(format!("there is no file `{shown}`"), "name a table: CSV, TSV, JSON lines or Parquet");
        }
        Err(error) => return Err(DataError::io("read", path)(error)),
        Ok(found) if found.is_dir() => {
            return refuse(
                format!("`{shown}` is a folder"),
                "name the file in it that has a row for each rating or event; a folder of MovieLens needs no more than \
                 `data.path`",
            );
        }
        Ok(found) if !found.is_file() => {
            return refuse(format!("`{shown}` is no regular file"), "pipe it: `reco init - --yes`");
        }
        Ok(_) if path.to_string_lossy().contains('$') => {
            return refuse(
                format!("the name `{shown}` has a `$`, which experiments take for the beginning of a variable"),
                "rename the file",
            );
        }
        Ok(_) => {}
    }
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(DataError::io("read", path))?;
    file.take(16).read_to_end(&mut head).map_err(DataError::io("read", path))?;
    let known: [(&[u8], &str, &str); 9] = [
        (b"PK\x03\x04", "a workbook or a ZIP archive", "save the sheet as CSV, or unpack the archive"),
        (b"\xd0\xcf\x11\xe0", "an old workbook", "save the sheet as CSV"),
        (b"SQLite format 3", "a database", "`sqlite3 -header -csv FILE 'SELECT * FROM ratings' > ratings.csv`"),
        (b"%PDF", "a PDF", "name a table: CSV, TSV, JSON lines or Parquet"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd", "`zstd -d FILE`"),
        (b"BZh", "packed by bzip2", "`bunzip2 FILE`"),
        (b"\xfd7zXZ", "packed by xz", "`unxz FILE`"),
        (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
        (b"ORC", "an ORC file", "write it as Parquet"),
    ];
    match known.iter().find(|(magic, ..)| head.starts_with(magic)) {
        None => Ok(()),
        Some((_, what, hint)) => Err(DataError::Format {
            path: path.to_owned(),
            reason: format!("it is {what}, not a table"),
            hint: (*hint).to_owned(),
        }),
    }
}

/// Finds how the table is split into columns: as `detect` does; where that has several ways, the first of a list of
/// usual ones that splits nine of ten rows.
fn shape(path: &Path) -> Result<(Shape, Sample, TextKeys), DataError> {
    let mut obstacles = Vec::new();
    let usual = Shape::find(path, TextKeys::default(), &[], &mut obstacles)?;
    let is_delimited = usual.as_ref().is_none_or(Shape::is_delimited);
    if let (Some(shape), true) = (usual, obstacles.is_empty()) {
        let sample = Sample::read(path, &shape)?;
        return Ok((shape, sample, TextKeys::default()));
    }
    let is_double_colon = obstacles.iter().any(|one| one.what.contains("::"));
    let bytes: &[u8] = if is_double_colon { b":" } else { b" ,;\t|" };
    let delimiters = bytes.iter().map(|byte| TextKeys { delimiter: Delimiter::Byte(*byte), ..TextKeys::default() });
    let others = [
        TextKeys { quote: Quote::Double, ..TextKeys::default() },
        TextKeys { quote: Quote::None, ..TextKeys::default() },
        TextKeys { encoding: Encoding::Utf8, ..TextKeys::default() },
    ];
    // Separators first: where a line can be split in several ways, giving up quotes would make them part of the values.
    for keys in delimiters.chain(others).filter(|_| is_delimited) {
        let mut open = Vec::new();
        let Ok(Some(shape)) = Shape::find(path, keys, &[], &mut open) else { continue };
        if !open.is_empty() {
            continue;
        }
        match Sample::read(path, &shape) {
            Ok(sample) if 10 * sample.n_sound() >= 9 * sample.rows.len() => return Ok((shape, sample, keys)),
            _ => {}
        }
    }
    Err(DataError::obstructed(path, obstacles))
}

/// The places of the stated columns.
fn places(path: &Path, sample: &Sample, stated: &StatedColumns) -> Result<[Option<Option<usize>>; 4], DataError> {
    let StatedColumns { user, item, rating, time } = stated;
    let mut missing = Vec::new();
    let found = [user, item, rating, time].map(|name| {
        let name = name.as_ref()?;
        let place = sample.names.iter().position(|column| column == name).filter(|_| !name.is_empty());
        if place.is_none() && !name.is_empty() {
            missing.push(name.as_str());
        }
        Some(place)
    });
    if missing.is_empty() {
        return Ok(found);
    }
    Err(DataError::MissingColumn {
        path: path.to_owned(),
        column: missing.join("`, nor `"),
        hint: format!("it has {}", listed(&sample.names)),
    })
}

/// Settles how numbers and times are written, so that `detect` accepts the file: what could be two things is decided by
/// a rule of thumb, and a column that cannot be read at all is left out unless the user stated it; both are noted.
fn settle(
    path: &Path,
    data: &mut DataConfig,
    sample: &Sample,
    roles: &mut Roles,
    is_stated: [bool; 4],
) -> Result<Detected, DataError> {
    loop {
        let name = |role: usize| roles.columns[role].map(|column| sample.names[column].clone()).unwrap_or_default();
        data.columns =
            Columns { user: name(0), item: name(1), rating: name(2), timestamp: name(3), ..Columns::default() };
        let error = match detect(path, data) {
            Ok(detected) => return Ok(detected),
            Err(error) => error,
        };
        let DataError::Obstacles { obstacles, .. } = &error else { return Err(error) };
        // Obstacles that are no matter of opinion name the column in another way, or none.
        let is_about = |role: usize| {
            let column = format!(" in `{}`", name(role));
            let about = |one: &&Obstacle| roles.columns[role].is_some() && one.what.contains(&column);
            obstacles.iter().find(about).map(|one| one.what.clone())
        };
        let role = [3, 2].into_iter().find_map(|role| Some((role, is_about(role)?)));
        let Some((role, what)) = role else { return Err(error) };
        let is_settled = match (role, roles.columns[role]) {
            (3, Some(column)) if data.time_format == TimeFormat::Auto => {
                data.time_format = rule_of_thumb(sample, column, &what, &mut roles.notes);
                data.time_format != TimeFormat::Auto
            }
            (2, _) if data.decimal == Decimal::Auto && what.contains("commas") => {
                data.decimal = Decimal::Comma;
                roles.notes.push(format!("{what}: taken as decimal commas; `decimal` says otherwise"));
                true
            }
            _ => false,
        };
        match is_settled {
            true => {}
            false if is_stated[role] => return Err(error),
            false => {
                let without = if role == 3 { "times are left out" } else { "every row is an event" };
                roles.notes.push(format!("{without}: {what}"));
                roles.columns[role] = None;
                if role == 3 {
                    data.time_format = TimeFormat::Auto;
                }
            }
        }
    }
}

/// How the times of a column are read that could be read in several ways; `Auto` where there is no way.
fn rule_of_thumb(sample: &Sample, column: usize, what: &str, notes: &mut Vec<String>) -> TimeFormat {
    let read =
        |format: TimeFormat| -> Option<Vec<i64>> { sample.values(column).map(|text| format.seconds(text)).collect() };
    let both =
        [TimeFormat::DayMonthYear, TimeFormat::MonthDayYear].map(|format| read(format).map(|times| (format, times)));
    let disorder = |times: &[i64]| {
        let n_down = times.windows(2).filter(|pair| pair[0] > pair[1]).count();
        n_down.min(times.windows(2).filter(|pair| pair[0] < pair[1]).count())
    };
    let span = |times: &[i64]| times.iter().max().zip(times.iter().min()).map_or(0, |(high, low)| high - low);
    let (format, why) = match both {
        [Some((day, by_day)), Some((month, by_month))] => {
            let is_day_first = (disorder(&by_day), span(&by_day)) < (disorder(&by_month), span(&by_month));
            let is_tie = (disorder(&by_day), span(&by_day)) == (disorder(&by_month), span(&by_month));
            let format = if is_day_first || is_tie { day } else { month };
            let why =
                if is_tie { "that is the more usual in the world" } else { "read so, the rows are in better order" };
            (format, why)
        }
        [Some((format, _)), None] | [None, Some((format, _))] => (format, "the other way does not fit all rows"),
        [None, None] if sample.columns[column].range.is_some_and(|(low, _)| low > 25_569.0) => {
            (TimeFormat::ExcelDays, "seconds of the first day of 1970 are unlikely")
        }
        [None, None] => return TimeFormat::Auto,
    };
    let key = serde_json::to_value(format).ok().and_then(|key| key.as_str().map(str::to_owned)).unwrap_or_default();
    notes.push(format!("{what}: taken as `{key}`, as {why}; `time_format` says otherwise"));
    format
}

/// What each column was taken for; contexts and attributes that can be read are added to the keys.
fn describe(sample: &Sample, roles: &Roles, data: &mut DataConfig) -> Vec<GuessedColumn> {
    let mut described = Vec::new();
    let taken = ["daytime", "weekend", "old"];
    for (column, name) in sample.names.iter().enumerate() {
        let facts = &sample.columns[column];
        let chosen = roles.columns.iter().position(|one| *one == Some(column));
        let of = |key: usize| roles.columns[key].and_then(|key| sample.follows(key, column)) == Some(true);
        let is_twice = sample.names[..column].contains(name);
        let role = match chosen {
            Some(role) => [Role::User, Role::Item, Role::Rating, Role::Time][role],
            None if facts.n_filled == 0 || facts.unreadable.is_some() || name.is_empty() || is_twice => Role::Unused,
            None if facts.n_distinct < 2 || taken.contains(&name.as_str()) => Role::Unused,
            None => {
                let is_odd =
                    facts.is_nearly_constant() || facts.is_time() || roles::is_label(name) || roles::is_kind(name);
                let is_safe = facts.can_be_feature() && !is_odd;
                match (of(1), of(0)) {
                    (true, false) if is_safe => Role::ItemAttribute,
                    (false, true) if is_safe => Role::UserAttribute,
                    _ if !facts.can_be_feature() => Role::Unused,
                    (true, false) => Role::MaybeItemAttribute,
                    (false, true) => Role::MaybeUserAttribute,
                    _ if is_safe && !facts.is_number() && roles::is_context(name) => Role::Context,
                    _ => Role::MaybeContext,
                }
            }
        };
        match role {
            Role::Context => data.columns.context.push(name.clone()),
            Role::UserAttribute => data.columns.user_attributes.push(name.clone()),
            Role::ItemAttribute => data.columns.item_attributes.push(name.clone()),
            _ => {}
        }
        let range = facts.range.filter(|_| facts.is_number());
        described.push(GuessedColumn { name: name.clone(), role, n_distinct: facts.n_distinct, range });
    }
    described
}

/// Takes contexts and attributes, which were refused, out of the keys: without them `detect` has accepted those.
fn leave_out(columns: &mut [GuessedColumn], data: &mut DataConfig, error: &str, notes: &mut Vec<String>) {
    let Columns { context, user_attributes, item_attributes, .. } = &mut data.columns;
    [context, user_attributes, item_attributes].into_iter().for_each(Vec::clear);
    for column in columns {
        column.role = match column.role {
            Role::Context => Role::MaybeContext,
            Role::UserAttribute => Role::MaybeUserAttribute,
            Role::ItemAttribute => Role::MaybeItemAttribute,
            role => role,
        };
    }
    let why = error.lines().next().unwrap_or_default();
    notes.push(format!("what describes moments, users and items is left out: {why}"));
}

/// A row as it stands and as it is read; `columns` are those of user, item, rating and time.
fn read(row: &Row, columns: [Option<usize>; 4], checks: &Checks) -> ShownRow {
    let field = |column: Option<usize>| column.map_or("", |column| row.get(column));
    let mut fields = Row::default();
    fields.begin(row.line());
    for column in columns {
        match column.is_some_and(|column| row.is_list(column)) {
            true => fields.push_list(field(column)),
            false => fields.push(field(column)),
        }
    }
    if let Some(problem) = row.problem() {
        fields.fail(problem.to_owned());
    }
    let checked = checks.check(&fields);
    let (rating, time) = checked.as_ref().map_or((None, None), |read| (read.rating, read.timestamp));
    let raw = columns.map(|column| field(column).to_owned());
    ShownRow { line: row.line(), raw, rating, time, problem: checked.err() }
}

impl Guess {
    /// Allows as many bad rows as there are in the sample, and some more; says so.
    fn allow_rejects(&mut self, sample: &Sample, problems: &[Option<String>]) -> Result<(), DataError> {
        let n = problems.len();
        let bad: Vec<(u64, &str)> =
            sample.rows.iter().zip(problems).filter_map(|(row, why)| Some((row.line(), why.as_deref()?))).collect();
        let Some((line, why)) = bad.first() else { return Ok(()) };
        if 2 * bad.len() > n {
            return Err(DataError::Format {
                path: self.data.path.clone().into(),
                reason: format!("{} of its first {n} rows cannot be read; line {line}: {why}", bad.len()),
                hint: "mend the file, or name other columns: `--user`, `--item`, `--rating`, `--time`".to_owned(),
            });
        }
        let share = bad.len() as f64 / n as f64;
        if share > self.data.max_reject_share / 2.0 {
            // Twice the share of the sample, rounded up to a hundredth.
            self.data.max_reject_share = ((200.0 * share).ceil() / 100.0).min(1.0);
        }
        self.notes.push(format!(
            "{} of the first {n} rows are left out, line {line}: {why}; `max_reject_share = {}` allows that",
            bad.len(),
            self.data.max_reject_share
        ));
        Ok(())
    }

    /// Says of a lowest rating that stands apart that it may mean none.
    fn tell_of_stars(&mut self, sample: &Sample, column: Option<usize>) {
        let Some((low, high)) = column.and_then(|column| sample.columns[column].range) else { return };
        let is_apart = low < 0.0 || low == 0.0 && high > 5.0;
        if let (true, Some(column)) = (is_apart, column) {
            let n = sample.values(column).filter(|text| sample::number(text) == Some(low)).count();
            let name = &sample.names[column];
            self.notes.push(format!(
                "`{name}` is {low} in {n} of {} rows: if that means no rating, leave it empty there, or leave such rows \
                 out",
                sample.rows.len()
            ));
        }
    }

    /// Says of a column that tells kinds of events apart that they all count alike.
    fn tell_of_kinds(&mut self, sample: &Sample) {
        /// More values than this are no kinds.
        const MOST: usize = 8;
        for (column, name) in sample.names.iter().enumerate() {
            let facts = &sample.columns[column];
            let are_kinds = (2..=MOST).contains(&facts.n_distinct) && !facts.is_number() && roles::is_kind(name);
            let is_taken = matches!(self.columns[column].role, Role::User | Role::Item | Role::Rating | Role::Time);
            if are_kinds && !is_taken {
                let kinds: std::collections::BTreeSet<String> = sample.values(column).map(str::to_owned).collect();
                let kinds = listed(&kinds.into_iter().collect::<Vec<_>>());
                self.notes.push(format!(
                    "`{name}` says what happened: {kinds}; all of them count alike, unless the others are left out of \
                     the file"
                ));
            }
        }
    }
}
