//! Goes once over all parts, and learns what every row depends on: counts, and the averages and values of contexts.
//!
//! Does not know files, nor how rows were split.
//!
//! **Invariant**: averages are those of train alone, summed in its order; memory does not grow with the rows.

use std::collections::{BTreeMap, BTreeSet};

use reco_core::ContextColumn;
use reco_data::NamedColumn;

use super::PARTS;
use super::rows::{Chunk, Context, Reader, Row};
use crate::FeaturesError;
use crate::columns::{MAX_VALUES, finite};
use crate::context::{Clock, Moment};
use crate::split::Part;

/// What all rows together say.
pub(super) struct Survey {
    n: BTreeMap<Part, usize>,
    n_timed: usize,
    /// Rows without a time.
    pub(super) n_without_time: usize,
    /// Whether a row that is given to models has no stars.
    pub(super) lacks_stars: bool,
    /// Which users, and which items, have a row in train, and which in the test.
    trained: [Vec<bool>; 2],
    tested: [Vec<bool>; 2],
    /// Of `daytime` and `weekend`.
    moments: [Sums; 2],
    contexts: Vec<Met>,
}

/// What was met of a declared context.
enum Met {
    Number(Sums),
    /// How many rows of train have each text, of those that have any.
    Text {
        values: BTreeMap<String, usize>,
        n: usize,
    },
}

/// Numbers of the rows of train.
#[derive(Clone, Copy)]
struct Sums {
    low: f32,
    high: f32,
    sum: f64,
    n: usize,
}

impl Sums {
    const NONE: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, sum: 0.0, n: 0 };

    fn add(&mut self, number: f32) {
        let Self { low, high, sum, n } = *self;
        *self = Self { low: low.min(number), high: high.max(number), sum: sum + f64::from(number), n: n + 1 };
    }

    /// Of `n` rows that are 1 in `n_ones` of them and else 0.
    fn of_indicator(n_ones: usize, n: usize) -> Self {
        let indicator = |is: bool| f32::from(u8::from(is));
        Self { low: indicator(n_ones == n), high: indicator(n_ones > 0), sum: n_ones as f64, n }
    }

    fn column(self, name: String) -> ContextColumn {
        ContextColumn::summed(name, (self.low, self.high), self.sum, self.n)
    }
}

fn numbers(moment: Moment) -> [f32; 2] {
    [moment.daytime, moment.weekend].map(|is| f32::from(u8::from(is)))
}

fn moment(clock: &Clock, row: &Row) -> Result<Option<Moment>, FeaturesError> {
    let Some(seconds) = row.timestamp else { return Ok(None) };
    let moment = clock.moment(seconds).ok_or(FeaturesError::Time { seconds, source_row: row.source_row })?;
    Ok(Some(moment))
}

impl Survey {
    /// Reads all parts.
    pub(super) fn of(reader: &Reader<'_>, clock: &Clock, progress: &mut dyn FnMut(u64)) -> Result<Self, FeaturesError> {
        let marks = || [vec![false; reader.users.len()], vec![false; reader.items.len()]];
        let declared = &reader.engine.tables.ratings.contexts;
        let mut survey = Self {
            n: BTreeMap::new(),
            n_timed: 0,
            n_without_time: 0,
            lacks_stars: false,
            trained: marks(),
            tested: marks(),
            moments: [Sums::NONE; 2],
            contexts: declared.iter().map(Met::nothing).collect(),
        };
        for (part, _) in PARTS {
            reader.each_chunk(part, progress, |chunk| survey.take(part, declared, clock, chunk))?;
        }
        Ok(survey)
    }

    fn take(
        &mut self,
        part: Part,
        declared: &[NamedColumn],
        clock: &Clock,
        chunk: &Chunk<'_>,
    ) -> Result<(), FeaturesError> {
        *self.n.entry(part).or_default() += chunk.len();
        let in_train = part == Part::Train;
        for at in 0..chunk.len() {
            let (row, rating) = chunk.row(at)?;
            self.lacks_stars |= rating.is_none() && !matches!(part, Part::Test | Part::Untrained);
            let marks = match part {
                Part::Train => Some(&mut self.trained),
                Part::Test => Some(&mut self.tested),
                _ => None,
            };
            if let Some([users, items]) = marks {
                (users[row.user.index()], items[row.item.index()]) = (true, true);
            }
            let moment = moment(clock, &row)?;
            self.n_timed += usize::from(moment.is_some());
            self.n_without_time += usize::from(moment.is_none());
            if let Some(moment) = moment.filter(|_| in_train) {
                self.moments.iter_mut().zip(numbers(moment)).for_each(|(sums, number)| sums.add(number));
            }
            for ((met, context), declared) in self.contexts.iter_mut().zip(&chunk.contexts).zip(declared) {
                met.add(*context, at, in_train, &declared.name)?;
            }
        }
        Ok(())
    }

    /// How many rows `part` has.
    pub(super) fn n(&self, part: Part) -> usize {
        self.n.get(&part).copied().unwrap_or_default()
    }

    /// How many rows there are.
    pub(super) fn n_rows(&self) -> usize {
        self.n.values().sum()
    }

    /// Whether any row has a time, so that `daytime` and `weekend` are contexts.
    pub(super) fn has_times(&self) -> bool {
        self.n_timed > 0
    }

    /// Users with a test row, and test users and test items without a train row.
    pub(super) fn coverage(&self) -> [usize; 3] {
        let count = |marks: &[bool]| marks.iter().filter(|is| **is).count();
        let missing = |of: usize| {
            let pairs = self.tested[of].iter().zip(&self.trained[of]);
            pairs.filter(|(tested, trained)| **tested && !**trained).count()
        };
        [count(&self.tested[0]), missing(0), missing(1)]
    }

    /// The columns of contexts: those of times, if there are any, then the declared ones.
    ///
    /// # Errors
    /// A name that stands there twice.
    pub(super) fn columns(&self, declared: &[NamedColumn]) -> Result<Vec<ContextColumn>, FeaturesError> {
        let of_times = ["daytime", "weekend"].into_iter().zip(self.moments).filter(|_| self.has_times());
        let mut columns: Vec<ContextColumn> = of_times.map(|(name, sums)| sums.column(name.to_owned())).collect();
        for (met, NamedColumn { name, .. }) in self.contexts.iter().zip(declared) {
            match met {
                Met::Number(sums) => columns.push(sums.column(name.clone())),
                Met::Text { values, n } => columns.extend(
                    values
                        .iter()
                        .map(|(value, n_rows)| Sums::of_indicator(*n_rows, *n).column(format!("{name}={value}"))),
                ),
            }
        }
        let mut names = BTreeSet::new();
        let twice = columns.iter().map(|column| &column.name).find(|name| !names.insert(*name)).cloned();
        match twice {
            Some(name) => Err(FeaturesError::ColumnTwice { name, among: "contexts" }),
            None => Ok(columns),
        }
    }

    /// Adds the numbers of the row at `at` of `chunk`, one for each of `columns`: the average where it has none.
    pub(super) fn push_contexts(
        &self,
        columns: &[ContextColumn],
        clock: &Clock,
        row: &Row,
        chunk: &Chunk<'_>,
        at: usize,
        to: &mut Vec<f32>,
    ) -> Result<(), FeaturesError> {
        if self.has_times() {
            match moment(clock, row)? {
                Some(moment) => to.extend(numbers(moment)),
                None => to.extend(columns[..2].iter().map(|column| column.mean)),
            }
        }
        for (met, context) in self.contexts.iter().zip(&chunk.contexts) {
            match (met, context) {
                (Met::Text { values, .. }, Context::Text(texts)) => match &texts[at] {
                    Some(text) => to.extend(values.keys().map(|value| f32::from(u8::from(value == text)))),
                    None => to.extend(columns[to.len()..].iter().take(values.len()).map(|column| column.mean)),
                },
                (_, Context::Number(numbers)) => {
                    to.push(numbers[at].map_or(columns[to.len()].mean, |number| number as f32));
                }
                // A chunk has the kinds of the tables, by which `contexts` was made.
                (Met::Number(_), Context::Text(_)) => to.push(columns[to.len()].mean),
            }
        }
        Ok(())
    }
}

impl Met {
    fn nothing(declared: &NamedColumn) -> Self {
        match declared.values {
            reco_data::Values::Text(_) => Self::Text { values: BTreeMap::new(), n: 0 },
            reco_data::Values::Number(_) => Self::Number(Sums::NONE),
        }
    }

    /// Notes the context `name` of the row at `at`.
    fn add(&mut self, context: Context<'_>, at: usize, in_train: bool, name: &str) -> Result<(), FeaturesError> {
        match (self, context) {
            (Self::Number(sums), Context::Number(numbers)) => {
                if let Some(number) = numbers[at] {
                    let number = finite(name, number)?;
                    if in_train {
                        sums.add(number);
                    }
                }
            }
            (Self::Text { values, n }, Context::Text(texts)) => {
                if let Some(text) = &texts[at] {
                    match values.get_mut(text) {
                        Some(n_rows) => *n_rows += usize::from(in_train),
                        None => drop(values.insert(text.clone(), usize::from(in_train))),
                    }
                    *n += usize::from(in_train);
                    if values.len() > MAX_VALUES {
                        let (name, n_values, max) = (name.to_owned(), values.len(), MAX_VALUES);
                        return Err(FeaturesError::TooManyValues { name, n_values, max });
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
