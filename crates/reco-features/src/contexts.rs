//! Gives each row's contexts as numbers, one row at a time: those of its time, then those that the table declares.
//!
//! Does not know parts or means. Of the times it keeps a byte a row; all else stays in the columns that the rows came
//! with.
//!
//! **Invariant**: a row has one number for each name, finite, or NaN where the row lacks it; no name stands twice.

use std::collections::BTreeMap;

use reco_core::parallel;

use crate::FeaturesError;
use crate::columns::MAX_VALUES;
use crate::context::Clock;
use crate::rows::{Context, NO_TEXT, Sorted};

/// The contexts of sorted rows.
#[derive(Debug)]
pub(crate) struct Contexts {
    names: Vec<String>,
    kinds: Vec<Kind>,
    /// The contexts of each row's time; none where no row has a time.
    moments: Vec<u8>,
    /// Rows without a time, where others have one.
    pub(crate) n_without_time: usize,
}

/// Where one or more columns come from.
#[derive(Debug)]
enum Kind {
    /// `daytime` and `weekend`.
    Moment,
    /// The numbers of a declared context.
    Number(usize),
    /// The texts of a declared context, which are `n` columns; the column of each text's number.
    Text { context: usize, columns: Vec<usize>, n: usize },
}

/// Bits of a moment.
const DAYTIME: u8 = 1;
const WEEKEND: u8 = 2;
const NO_TIME: u8 = 4;
/// A time beyond the calendar.
const BEYOND: u8 = 8;

impl Contexts {
    /// `daytime` and `weekend` if any row has a time, then the declared contexts: numbers as they are, a text as one
    /// column for each value, `device=tv`, in the order of the values.
    ///
    /// # Errors
    /// A time beyond the calendar, a text with too many values, a number that is not finite, a name that is there
    /// already.
    pub(crate) fn of(rows: &Sorted, clock: &Clock) -> Result<Self, FeaturesError> {
        let mut contexts = Self { names: Vec::new(), kinds: Vec::new(), moments: Vec::new(), n_without_time: 0 };
        let n_timed = (0..rows.len()).filter(|row| rows.timestamp(*row).is_some()).count();
        if n_timed > 0 {
            contexts.n_without_time = rows.len() - n_timed;
            contexts.moments = moments(rows, clock)?;
            contexts.name("daytime".to_owned())?;
            contexts.name("weekend".to_owned())?;
            contexts.kinds.push(Kind::Moment);
        }
        for (at, (name, context)) in rows.contexts().iter().enumerate() {
            match context {
                Context::Number { numbers, not_finite } => {
                    let place = (0..rows.len()).map(|row| rows.place(row)).find(|place| numbers[*place].is_infinite());
                    if let Some(value) = place.and_then(|place| not_finite.get(&u32::try_from(place).ok()?)) {
                        return Err(FeaturesError::NotFinite { name: name.clone(), value: *value });
                    }
                    contexts.name(name.clone())?;
                    contexts.kinds.push(Kind::Number(at));
                }
                Context::Text { codes, texts, .. } => {
                    let mut is_there = vec![false; texts.len()];
                    for code in (0..rows.len()).map(|row| codes[rows.place(row)]).filter(|code| *code != NO_TEXT) {
                        is_there[code as usize] = true;
                    }
                    // By the text, since the order of the codes is that of the table.
                    let values: BTreeMap<&String, usize> = texts
                        .iter()
                        .enumerate()
                        .filter(|(code, _)| is_there[*code])
                        .map(|(code, text)| (text, code))
                        .collect();
                    let n = values.len();
                    if n > MAX_VALUES {
                        return Err(FeaturesError::TooManyValues { name: name.clone(), n_values: n, max: MAX_VALUES });
                    }
                    let mut columns = vec![0; texts.len()];
                    for (column, (text, code)) in values.into_iter().enumerate() {
                        columns[code] = column;
                        contexts.name(format!("{name}={text}"))?;
                    }
                    contexts.kinds.push(Kind::Text { context: at, columns, n });
                }
            }
        }
        Ok(contexts)
    }

    fn name(&mut self, name: String) -> Result<(), FeaturesError> {
        if self.names.contains(&name) {
            return Err(FeaturesError::ColumnTwice { name, among: "contexts" });
        }
        self.names.push(name);
        Ok(())
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Writes the contexts of a row, `[n_contexts]`, into `to`.
    pub(crate) fn read(&self, rows: &Sorted, row: usize, mut to: &mut [f32]) {
        for kind in &self.kinds {
            let n = match kind {
                Kind::Moment => 2,
                Kind::Number(_) => 1,
                Kind::Text { n, .. } => *n,
            };
            let (numbers, rest) = std::mem::take(&mut to).split_at_mut(n);
            to = rest;
            match kind {
                Kind::Moment => match self.moments[row] {
                    NO_TIME => numbers.fill(f32::NAN),
                    moment => {
                        let is = |bit: u8| f32::from(u8::from(moment & bit != 0));
                        numbers.copy_from_slice(&[is(DAYTIME), is(WEEKEND)]);
                    }
                },
                Kind::Number(context) => {
                    if let Context::Number { numbers: known, .. } = &rows.contexts()[*context].1 {
                        numbers[0] = known[rows.place(row)];
                    }
                }
                Kind::Text { context, columns, .. } => {
                    if let Context::Text { codes, .. } = &rows.contexts()[*context].1 {
                        match codes[rows.place(row)] {
                            NO_TEXT => numbers.fill(f32::NAN),
                            code => {
                                numbers.fill(0.0);
                                numbers[columns[code as usize]] = 1.0;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The moment of each row, on all cores.
fn moments(rows: &Sorted, clock: &Clock) -> Result<Vec<u8>, FeaturesError> {
    let mut moments = vec![NO_TIME; rows.len()];
    let of_users = rows.by_user(&mut moments).into_iter().enumerate().collect();
    parallel::each(
        of_users,
        || (),
        |(), (user, moments)| {
            for (to, row) in moments.iter_mut().zip(rows.of_user(user)) {
                let bit = |is: bool, bit: u8| if is { bit } else { 0 };
                *to = match rows.timestamp(row).map(|seconds| clock.moment(seconds)) {
                    None => NO_TIME,
                    Some(None) => BEYOND,
                    Some(Some(moment)) => bit(moment.daytime, DAYTIME) | bit(moment.weekend, WEEKEND),
                };
            }
        },
    );
    match moments.iter().position(|moment| *moment == BEYOND).map(|row| (rows.timestamp(row), rows.source_row(row))) {
        Some((Some(seconds), source_row)) => Err(FeaturesError::Time { seconds, source_row }),
        _ => Ok(moments),
    }
}
