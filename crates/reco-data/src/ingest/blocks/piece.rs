//! Parses the rows of one part of the text.
//!
//! Does not know the parts before: lines and rows are counted from the part's own beginning, and ids have no numbers
//! yet.
//!
//! **Invariant**: each row gives what [`Layout::take`] and [`Checks::check`] give, line numbers and reasons included.
//! Plainly written fields are parsed here; any other row is left to those two.

use reco_core::RawId;

use super::cut::Block;
use super::digits;
use crate::ingest::check::{self, Checks};
use crate::records::{Layout, Row, Splitter, Unread};
use crate::values::{Clock, Decimal};

/// Stands for a missing time; a row's own time is never negative.
pub(super) const NO_TIME: i64 = -1;

/// Good rows column by column, and bad ones.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) users: IdColumn,
    pub(super) items: IdColumn,
    /// Stars; NaN for an event.
    pub(super) ratings: Vec<f32>,
    /// Seconds, or [`NO_TIME`].
    pub(super) times: Vec<i64>,
    /// Bad rows, in order.
    pub(super) rejects: Vec<Bad>,
    /// Rows, good and bad.
    pub(super) n_rows: u64,
    /// Line feeds.
    pub(super) n_lines: u64,
    /// Whether a record goes beyond the part.
    pub(super) is_odd: bool,
}

/// A bad row.
pub(super) struct Bad {
    /// The row's number in the part, from 0.
    pub(super) row: u64,
    /// The line, from the part's first, which is 0.
    pub(super) line: u64,
    /// Line feeds within it.
    pub(super) n_feeds: u64,
    pub(super) reason: String,
}

/// Ids as they are written: integers as long as all are integers.
pub(super) enum IdColumn {
    Integers(Vec<i64>),
    Texts { text: String, ends: Vec<usize> },
}

impl Default for IdColumn {
    fn default() -> Self {
        Self::Integers(Vec::new())
    }
}

impl IdColumn {
    fn push_integer(&mut self, id: i64) {
        match self {
            Self::Integers(ids) => ids.push(id),
            Self::Texts { .. } => self.push_text(&id.to_string()),
        }
    }

    fn push(&mut self, text: &str) {
        let may_be_number = text.as_bytes().first().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'-');
        match may_be_number.then(|| RawId::parse(text)) {
            Some(RawId::Integer(id)) => self.push_integer(id),
            _ => self.push_text(text),
        }
    }

    fn push_text(&mut self, id: &str) {
        if let Self::Integers(ids) = self {
            let ids = std::mem::take(ids);
            *self = Self::Texts { text: String::new(), ends: Vec::new() };
            ids.into_iter().for_each(|id| self.push_text(&id.to_string()));
        }
        if let Self::Texts { text, ends } = self {
            text.push_str(id);
            ends.push(text.len());
        }
    }
}

/// What a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    User,
    Item,
    Rating,
    Time,
    Other,
}

/// Reads parts of a file.
pub(super) struct Parser<'a> {
    layout: &'a Layout,
    checks: &'a Checks,
    roles: Vec<Role>,
    /// The decimal separator of plainly written numbers.
    point: u8,
    clock: Clock,
}

/// The fields of a row that is written plainly.
struct Plain<'a> {
    user: Id<'a>,
    item: Id<'a>,
    rating: f32,
    time: i64,
}

#[derive(Clone, Copy)]
enum Id<'a> {
    Integer(i64),
    Text(&'a str),
}

impl<'a> Parser<'a> {
    /// A reader of rows with a user, an item, and perhaps a rating and a time, each in a field of its own; `None` for
    /// other layouts.
    pub(super) fn new(layout: &'a Layout, checks: &'a Checks) -> Option<Self> {
        let [user, item, rating, time] = layout.places[..] else { return None };
        let mut roles = vec![Role::Other; layout.n_fields];
        let placed = [(Some(user?), Role::User), (Some(item?), Role::Item), (rating, Role::Rating), (time, Role::Time)];
        for (place, role) in placed {
            let Some(place) = place else { continue };
            match roles.get_mut(place) {
                Some(free @ Role::Other) => *free = role,
                _ => return None,
            }
        }
        let point = match checks.decimal {
            Decimal::Comma if layout.dialect.delimiter == b',' => b'\0',
            Decimal::Comma => b',',
            Decimal::Auto | Decimal::Point => b'.',
        };
        Some(Self { layout, checks, roles, point, clock: checks.times.clock() })
    }

    /// The rows between two places of a block.
    pub(super) fn read(&self, block: &Block, (begin, end): (usize, usize)) -> Piece {
        let text = &block.text;
        let mut piece = Piece::with_capacity((end - begin) / 20);
        let mut exact = Exact::default();
        let all_lack_rating = self.checks.is_rated && !self.roles.contains(&Role::Rating);
        let mut at = begin;
        loop {
            while let Some(byte @ (b'\n' | b'\r')) = text[..end].get(at) {
                piece.n_lines += u64::from(*byte == b'\n');
                at += 1;
            }
            if at == end {
                return piece;
            }
            if !all_lack_rating && let Some((plain, next)) = self.plain(&text[..end], at) {
                piece.push(&plain);
                piece.n_lines += u64::from(text[next - 1] == b'\n');
                at = next;
                continue;
            }
            let line = piece.n_lines;
            let n = match exact.read(self.layout, &text[at..], line) {
                Ok(Some(n)) if at + n <= end => n,
                Ok(None) => return piece,
                // The record goes beyond the part, or has no end.
                Ok(Some(_)) | Err(_) => {
                    piece.is_odd = true;
                    return piece;
                }
            };
            let next = at + n;
            match self.checks.check(&exact.row) {
                Ok(checked) => {
                    piece.users.push(exact.row.get(check::USER));
                    piece.items.push(exact.row.get(check::ITEM));
                    piece.ratings.push(checked.rating.unwrap_or(f32::NAN));
                    piece.times.push(checked.timestamp.unwrap_or(NO_TIME));
                }
                Err(reason) => {
                    let n_feeds = exact.row.n_feeds();
                    piece.rejects.push(Bad { row: piece.n_rows, line, n_feeds, reason });
                }
            }
            piece.n_rows += 1;
            piece.n_lines += memchr::memchr_iter(b'\n', &text[at..next]).count() as u64;
            at = next;
        }
    }

    /// The row at `at` and the place of the next one, if all its fields are written plainly and pass the checks.
    #[inline]
    fn plain<'t>(&self, text: &'t [u8], mut at: usize) -> Option<(Plain<'t>, usize)> {
        let none = Id::Integer(0);
        let mut plain = Plain { user: none, item: none, rating: f32::NAN, time: NO_TIME };
        let last = self.roles.len() - 1;
        for (field, role) in self.roles.iter().enumerate() {
            match role {
                Role::User => (plain.user, at) = self.id(text, at)?,
                Role::Item => (plain.item, at) = self.id(text, at)?,
                Role::Rating => {
                    let (stars, n) = digits::stars(text, at, self.point)?;
                    plain.rating = match self.checks.scale {
                        Some(scale) => scale.rating(stars).ok()?.stars(),
                        None => stars,
                    };
                    at += n;
                }
                Role::Time => match self.clock {
                    Clock::Counter(counter) => {
                        let (number, n) = digits::integer(text, at)?;
                        plain.time = counter.seconds(number)?;
                        at += n;
                    }
                    Clock::Calendar(format) => {
                        let field = self.text(text, at);
                        plain.time = format.seconds(std::str::from_utf8(field).ok()?).filter(|time| *time >= 0)?;
                        at += field.len();
                    }
                },
                Role::Other => at += self.text(text, at).len(),
            }
            match text.get(at) {
                Some(byte) if field < last && *byte == self.layout.dialect.delimiter => at += 1,
                Some(b'\n' | b'\r') if field == last => at += 1,
                _ => return None,
            }
        }
        Some((plain, at))
    }

    #[inline]
    fn id<'t>(&self, text: &'t [u8], at: usize) -> Option<(Id<'t>, usize)> {
        if let Some((number, n)) = digits::integer(text, at)
            && (n == 1 || text[at] != b'0')
            && text
                .get(at + n)
                .is_none_or(|&byte| byte == self.layout.dialect.delimiter || byte == b'\n' || byte == b'\r')
        {
            return Some((Id::Integer(number), at + n));
        }
        let field = self.text(text, at);
        // A text that may not be an id is left to the general reader.
        let is_plain = !matches!(field, [] | [b'{' | b'[' | b'\\', ..]) && field.iter().all(u8::is_ascii_graphic);
        let id = std::str::from_utf8(field).ok().filter(|id| is_plain && check::is_id(id))?;
        Some((Id::Text(id), at + field.len()))
    }

    /// A field of any bytes but quotes.
    fn text<'t>(&self, text: &'t [u8], at: usize) -> &'t [u8] {
        let delimiter = self.layout.dialect.delimiter;
        let ends = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r' | b'"');
        let rest = &text[at.min(text.len())..];
        &rest[..rest.iter().position(ends).unwrap_or(rest.len())]
    }
}

impl Piece {
    fn with_capacity(n: usize) -> Self {
        Self {
            users: IdColumn::Integers(Vec::with_capacity(n)),
            items: IdColumn::Integers(Vec::with_capacity(n)),
            ratings: Vec::with_capacity(n),
            times: Vec::with_capacity(n),
            ..Self::default()
        }
    }

    #[inline]
    fn push(&mut self, plain: &Plain<'_>) {
        for (column, id) in [(&mut self.users, plain.user), (&mut self.items, plain.item)] {
            match id {
                Id::Integer(number) => column.push_integer(number),
                Id::Text(text) => column.push(text),
            }
        }
        self.ratings.push(plain.rating);
        self.times.push(plain.time);
        self.n_rows += 1;
    }
}

/// The general reader, for rows written in any way.
#[derive(Default)]
struct Exact {
    /// Made on first use, since that takes longer than reading a row.
    splitter: Option<Splitter>,
    row: Row,
}

impl Exact {
    /// Reads the record that `text` begins with, and says how many bytes it takes; `None` if there is none.
    fn read(&mut self, layout: &Layout, text: &[u8], line: u64) -> Result<Option<usize>, Unread> {
        let splitter = self.splitter.get_or_insert_with(|| Splitter::new(layout.dialect));
        let mut rest = text;
        if !splitter.read(&mut rest)? {
            return Ok(None);
        }
        layout.take(splitter, line, &mut self.row);
        Ok(Some(text.len() - rest.len()))
    }
}
