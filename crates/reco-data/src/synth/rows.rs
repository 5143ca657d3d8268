//! Draws the ratings of all users, block by block on all cores, and gives them to their files in order.
//!
//! Does not know what is planted in items and users, nor how a file is written.
//!
//! **Invariant**: a user's ratings depend on the options and the user alone, and the ends of blocks on how many ratings
//! users have, so that the number of threads changes no byte; two rounds of blocks are in memory.

use std::ops::Range;

use rayon::prelude::*;
use reco_core::Progress;

use super::draw::{Draw, Popularity};
use super::planted::{FIRST_TIME, Item, Moment, Moves, TIME_SPAN, User};
use super::write::{Form, truth};
use super::{SynthConfig, go_on};
use crate::table::Table;
use crate::{DataError, TablePieces};

/// A block ends with the user who brings it to this many ratings.
const BLOCK: u64 = 1 << 16;

/// One rating.
pub(super) struct Row {
    pub(super) user: u32,
    pub(super) item: u32,
    /// Its stars, in halves.
    pub(super) halves: u8,
    /// In seconds since 1970.
    pub(super) time: u64,
    /// The stars expected before noise.
    pub(super) expected: f32,
}

/// What the draws of all users share.
struct Drawn<'a> {
    config: &'a SynthConfig,
    items: &'a [Item],
    popularity: Popularity,
    /// How many ratings each user has.
    n_ratings: Vec<u32>,
}

/// A block, ready to be written.
struct Ready<Piece> {
    n_rows: usize,
    ratings: Piece,
    expected: Option<Table>,
}

/// Writes the ratings of all users, and to `expected`, if there is one, what is expected of each.
pub(super) fn write_ratings<Ratings: Form>(
    config: &SynthConfig,
    items: &[Item],
    file: &mut Ratings,
    mut expected: Option<&mut TablePieces>,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let n_ratings = activity(config, progress)?;
    let drawn = Drawn { config, items, popularity: Popularity::new(config.seed, config.n_items), n_ratings };
    let with_truth = expected.is_some();
    let round = |blocks: &[Range<usize>]| -> Result<Vec<Ready<Ratings::Piece>>, DataError> {
        // The last user who chose each item, from 1: no user chooses one twice, and no two users have one number.
        let chosen_by = || vec![0_u32; items.len()];
        let pieces = blocks.par_iter().map_init(chosen_by, |chosen_by, users| -> Result<_, DataError> {
            let rows = drawn.rows(users.clone(), chosen_by, progress)?;
            let expected = if with_truth { Some(truth(&rows)?) } else { None };
            Ok(Ready { n_rows: rows.len(), ratings: Ratings::piece(&rows)?, expected })
        });
        pieces.collect()
    };
    let mut write = |blocks: Vec<Ready<Ratings::Piece>>| -> Result<(), DataError> {
        for block in blocks {
            file.add(block.ratings)?;
            if let (Some(to), Some(rows)) = (&mut expected, block.expected) {
                to.write(&rows)?;
            }
            progress.advance(block.n_rows);
        }
        Ok(())
    };
    // While one round is written, the next is drawn.
    let mut ready = Vec::new();
    for blocks in drawn.blocks().chunks(2 * rayon::current_num_threads()) {
        let (written, next) = rayon::join(|| write(std::mem::take(&mut ready)), || round(blocks));
        written?;
        ready = next?;
    }
    write(ready)
}

impl Drawn<'_> {
    /// The users of each block.
    fn blocks(&self) -> Vec<Range<usize>> {
        let (mut blocks, mut start, mut n_rows) = (Vec::new(), 0, 0);
        for (user, n_ratings) in self.n_ratings.iter().enumerate() {
            n_rows += u64::from(*n_ratings);
            if n_rows >= BLOCK || user + 1 == self.n_ratings.len() {
                blocks.push(start..user + 1);
                (start, n_rows) = (user + 1, 0);
            }
        }
        blocks
    }

    /// The ratings of `users`, by user and by item.
    fn rows(&self, users: Range<usize>, chosen_by: &mut [u32], progress: &dyn Progress) -> Result<Vec<Row>, DataError> {
        let mut rows = Vec::with_capacity(self.n_ratings[users.clone()].iter().map(|&n| n as usize).sum());
        for user in users {
            let start = rows.len();
            self.rate(user as u32 + 1, self.n_ratings[user], chosen_by, &mut rows, progress)?;
            rows[start..].sort_unstable_by_key(|row: &Row| row.item);
        }
        Ok(rows)
    }

    /// Adds the ratings of one user, as they come.
    fn rate(
        &self,
        user: u32,
        n_ratings: u32,
        chosen_by: &mut [u32],
        rows: &mut Vec<Row>,
        progress: &dyn Progress,
    ) -> Result<(), DataError> {
        let context_effect = self.config.context_effect;
        let time_matters = context_effect != 0.0 || self.config.drift != 0.0;
        let mut draw = Draw::new(self.config.seed ^ u64::from(user), "ratings");
        let one = User::draw(&mut draw);
        let mut time = FIRST_TIME + draw.below(TIME_SPAN);
        // Where the time matters, it is known before an item is chosen.
        let mut next = None;
        let end = rows.len() + n_ratings as usize;
        let mut n_tries = 0_u64;
        while rows.len() < end {
            if n_tries.is_multiple_of(1024) {
                go_on(progress)?;
            }
            n_tries += 1;
            if time_matters && next.is_none() {
                next = Some(time + gap(&mut draw));
            }
            let mut item = self.popularity.draw(&mut draw);
            // A user with very many ratings has seen everything popular; then any unseen item will do.
            if n_tries > 20 * u64::from(n_ratings) {
                while chosen_by[item] == user {
                    item = (item + 1) % self.items.len();
                }
            }
            if chosen_by[item] == user {
                continue;
            }
            let described = &self.items[item];
            let affinity = one.affinity(described);
            let moves = next.map_or_else(Moves::default, |time| Moment::at(time).moves(described, context_effect));
            // An item is chosen with a chance from 0.3, if it is not to the user's taste, up to 1; more often while its
            // genres suit the moment and it is in fashion.
            if draw.unit() > (0.65 + 0.35 * affinity + 0.25 * moves.one).max(0.3) {
                continue;
            }
            chosen_by[item] = user;
            let expected = one.expected(described, affinity, moves);
            let stars = expected + 0.5 * draw.normal();
            let halves = ((stars * 2.0 + 0.5).floor() as i32).clamp(1, 10) as u8;
            time = next.take().unwrap_or_else(|| time + gap(&mut draw));
            rows.push(Row { user, item: item as u32 + 1, halves, time, expected });
        }
        Ok(())
    }
}

/// Seconds from one rating to the next: most are made one after the other, some on another day.
fn gap(draw: &mut Draw) -> u64 {
    if draw.below(12) == 0 { draw.below(40 * 86_400) } else { 5 + draw.below(240) }
}

/// How many ratings each user has: a long tail that sums to `n_ratings`.
fn activity(config: &SynthConfig, progress: &dyn Progress) -> Result<Vec<u32>, DataError> {
    let mut draw = Draw::new(config.seed, "activity");
    let weights: Vec<f64> = (0..config.n_users).map(|_| 1.0 / (0.06 + f64::from(draw.unit()))).collect();
    let total: f64 = weights.iter().sum();
    let (least, most) = (1, config.n_items / 2);
    let share = config.n_ratings as f64 / total;
    let mut n_ratings: Vec<u32> =
        weights.iter().map(|weight| ((weight * share) as u64).clamp(least, u64::from(most)) as u32).collect();
    // Rounding and the bounds leave a difference, which is spread over the users in turn.
    let mut sum: u64 = n_ratings.iter().map(|&n| u64::from(n)).sum();
    let mut user = 0;
    while sum != config.n_ratings {
        if user == 0 {
            go_on(progress)?;
        }
        let n = &mut n_ratings[user];
        if sum < config.n_ratings && *n < most {
            *n += 1;
            sum += 1;
        } else if sum > config.n_ratings && u64::from(*n) > least {
            *n -= 1;
            sum -= 1;
        }
        user = (user + 1) % n_ratings.len();
    }
    Ok(n_ratings)
}
