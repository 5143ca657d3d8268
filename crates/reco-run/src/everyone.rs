//! Writes the lists of all users, or of one shard of them, to a table.
//!
//! Does not know how a list is found: [`Artifact::recommend`] does.
//!
//! **Invariant**: the tables of the shards `1/N` to `N/N`, one after the other, have the rows of the table of everyone,
//! to the bit; a finished Parquet table says what it was made from, and is not made again from the same; nothing is
//! locked, and memory does not grow with the users' lists.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use reco_core::{ContextValue, DeviceChoice, ItemIdx, Progress, Ranking, RawId, Seen, UserIdx};
use reco_data::table::{Column, Table};
use reco_data::{TableOutput, TablePieces};
use serde_json::json;

use crate::RunError;
use crate::answer::Asker;
use crate::artifact::{Artifact, HINT};
use crate::manifest::Manifest;

/// How many users are answered at once. Shards are cut between such blocks, since the sums of a network's products of
/// matrices may depend on how many users it is asked for.
const USERS_AT_ONCE: usize = 128;

/// The key of a table's metadata that says what it was made from.
const MADE_FROM: &str = "made_from";
/// The key of how many users it is of.
const N_USERS: &str = "n_users";
/// Raised when the same model would leave other rows.
const VERSION: u32 = 1;

/// A part of the users: the one numbered `number` of `of`, in the order of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// All users.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// The rows of its users, of `n_users`.
    fn users(self, n_users: usize) -> Range<usize> {
        let n_blocks = n_users.div_ceil(USERS_AT_ONCE) as u128;
        let end = |number: usize| {
            // Below the number of blocks.
            let blocks = (n_blocks * number as u128 / self.of as u128) as usize;
            (blocks * USERS_AT_ONCE).min(n_users)
        };
        end(self.number - 1)..end(self.number)
    }
}

/// `2/4`
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<usize>().ok();
        let parts = text.split_once('/').and_then(|(one, all)| Some((number(one)?, number(all)?)));
        match parts {
            Some((_, 0)) => Err("there are no shards of 0: the first of four is `1/4`".to_owned()),
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            Some((_, of)) => Err(format!("the shards of {of} are `1/{of}` to `{of}/{of}`")),
            None => Err("it is not `I/N`, as in `1/4`, the first of four".to_owned()),
        }
    }
}

/// What all users are asked for.
#[derive(Clone, Debug)]
pub struct Everyone {
    /// Which of them.
    pub shard: Shard,
    /// How many items, at most, each gets.
    pub top: NonZeroUsize,
    /// The moment, as it is stated.
    pub context: BTreeMap<String, ContextValue>,
    /// Whether what was held out for the test counts as not met.
    pub as_evaluated: bool,
    /// Where the model was told to compute.
    pub device: DeviceChoice,
}

/// What a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListsWritten {
    /// Users, those without a row included.
    pub n_users: usize,
    /// Rows.
    pub n_rows: u64,
}

impl Everyone {
    /// What the table at `to` holds, if it is finished and was made from the same: the model in `folder`, whose files
    /// are checked, and what is asked.
    ///
    /// # Errors
    /// A model whose manifest cannot be read; one that is damaged.
    pub fn finished(&self, folder: &Path, to: &TableOutput) -> Result<Option<ListsWritten>, RunError> {
        let Some((metadata, n_rows)) = to.found() else { return Ok(None) };
        let manifest = Manifest::read(folder, HINT)?;
        let n_users = metadata.get(N_USERS).and_then(|n| n.parse().ok());
        match (metadata.get(MADE_FROM), n_users) {
            (Some(made_from), Some(n_users)) if *made_from == self.made_from(&manifest) => {
                manifest.verify(folder, HINT)?;
                Ok(Some(ListsWritten { n_users, n_rows }))
            }
            _ => Ok(None),
        }
    }

    /// Writes the best items that each user has not met, users in the order of the catalogue. `progress` is told of
    /// users and asked whether to stop.
    ///
    /// Columns: `user_id`, `item_id` (as the ratings file writes them), `rank` (from 1), `score` (what the model
    /// answers, see [`score_kind`](reco_core::Recommender::score_kind)), `name`, `genres`.
    ///
    /// # Errors
    /// As [`Artifact::recommend`]; a context that the catalogue does not have; a file that cannot be written; an
    /// interruption.
    pub fn write(
        &self,
        artifact: &Artifact,
        to: &TableOutput,
        progress: &dyn Progress,
    ) -> Result<ListsWritten, RunError> {
        let context = artifact.context(&self.context)?;
        let met = if self.as_evaluated { &artifact.before_test } else { &artifact.seen };
        let all: Vec<UserIdx> = artifact.catalogue().users.indices().collect();
        let users = &all[self.shard.users(all.len())];
        let lists = Lists::of(artifact);
        let like = lists
            .table(&[], &[])?
            .with_metadata("model", &artifact.config.name)
            .with_metadata(MADE_FROM, &self.made_from(&artifact.manifest))
            .with_metadata(N_USERS, &users.len().to_string());
        let fill = |pieces: &mut TablePieces| {
            let mut n_rows = 0;
            for users in users.chunks(USERS_AT_ONCE) {
                if progress.interrupted() {
                    return Err(RunError::Interrupted);
                }
                let rankings = artifact.recommend(users, met, &context, self.top)?;
                let rows = lists.table(users, &rankings)?;
                pieces.write(&rows)?;
                n_rows += rows.n_rows() as u64;
                progress.advance(users.len());
            }
            Ok(ListsWritten { n_users: users.len(), n_rows })
        };
        progress.begin("recommend", 1, users.len());
        let written = to.write_pieces(&like, fill);
        progress.end();
        written
    }

    /// All that a table's rows follow from, as its metadata say it.
    fn made_from(&self, manifest: &Manifest) -> String {
        let Self { shard, top, context, as_evaluated, device } = self;
        json!({
            "version": VERSION,
            "reco": env!("CARGO_PKG_VERSION"),
            "model": manifest.identity(),
            "device": device,
            "shard": shard.to_string(),
            "top": top,
            "context": context,
            "as_evaluated": as_evaluated,
        })
        .to_string()
    }
}

/// What some users are asked for, in memory.
#[derive(Clone, Copy, Debug)]
pub struct ListOptions<'a> {
    /// Whether items that a user has met, held out or not, are left out.
    pub exclude_seen: bool,
    /// Whether each item comes with its reasons as a sentence: a column `because`.
    pub explain: bool,
    /// The moment, as [`Artifact::context`] gives it.
    pub context: &'a [f32],
    /// How many items each gets.
    pub top: NonZeroUsize,
}

impl Artifact {
    /// The best items of each of `users`, in the columns of [`Everyone::write`]. `progress` is told of users and asked
    /// whether to stop.
    ///
    /// # Errors
    /// As [`Artifact::recommend`]; an interruption.
    pub fn lists(
        &self,
        users: &[UserIdx],
        options: ListOptions<'_>,
        progress: &dyn Progress,
    ) -> Result<Table, RunError> {
        let ListOptions { exclude_seen, explain, context, top } = options;
        let nothing = if exclude_seen { Vec::new() } else { vec![Seen::default(); self.catalogue().n_users()] };
        let met = if exclude_seen { &*self.seen } else { &nothing };
        progress.begin("recommend", 1, users.len());
        let (mut rankings, mut because) = (Vec::with_capacity(users.len()), Vec::new());
        for users in users.chunks(USERS_AT_ONCE) {
            if progress.interrupted() {
                return Err(RunError::Interrupted);
            }
            let answered = self.recommend(users, met, context, top)?;
            for (&user, ranking) in users.iter().zip(&answered).filter(|_| explain) {
                let items: Vec<ItemIdx> = ranking.items().collect();
                let reasons = self.explain(&Asker::User(user), context, &items)?;
                because.extend(match reasons {
                    Some(reasons) => reasons.into_iter().map(|(_, sentence)| Some(sentence)).collect(),
                    None => vec![None; items.len()],
                });
            }
            rankings.extend(answered);
            progress.advance(users.len());
        }
        progress.end();
        let mut table = Lists::of(self).table(users, &rankings)?;
        if explain {
            table.push("because", Column::Text(because))?;
        }
        Ok(table)
    }
}

/// Makes rows of rankings.
struct Lists<'a> {
    artifact: &'a Artifact,
    /// Whether all ids of users, and of items, are integers: a column is of one type in all shards.
    are_integers: [bool; 2],
}

impl<'a> Lists<'a> {
    fn of(artifact: &'a Artifact) -> Self {
        let is_integer = |id: &RawId| matches!(id, RawId::Integer(_));
        let (users, items) = (&artifact.catalogue().users, &artifact.catalogue().items);
        let are_integers =
            [users.ids().iter().all(|id| is_integer(&id.0)), items.ids().iter().all(|id| is_integer(&id.0))];
        Self { artifact, are_integers }
    }

    fn table(&self, users: &[UserIdx], rankings: &[Ranking]) -> Result<Table, RunError> {
        let catalogue = self.artifact.catalogue();
        let (mut user_id, mut item_id, mut rank) = (Vec::new(), Vec::new(), Vec::new());
        let (mut score, mut name, mut genres) = (Vec::new(), Vec::new(), Vec::new());
        for (&user, ranking) in users.iter().zip(rankings) {
            for (at, (item, of_item)) in (1..).zip(ranking.entries()) {
                let details = &self.artifact.details[item.index()];
                user_id.push(&catalogue.users.id(user).0);
                item_id.push(&catalogue.items.id(*item).0);
                rank.push(at);
                score.push(Some(of_item.get()));
                name.push(Some(details.name.clone()));
                genres.push(details.genres.clone());
            }
        }
        let mut table = Table::new();
        table.push("user_id", ids(&user_id, self.are_integers[0]))?;
        table.push("item_id", ids(&item_id, self.are_integers[1]))?;
        table.push("rank", Column::U32(rank))?;
        table.push("score", Column::F32(score))?;
        table.push("name", Column::Text(name))?;
        table.push("genres", Column::TextList(genres))?;
        Ok(table)
    }
}

fn ids(ids: &[&RawId], are_integers: bool) -> Column {
    let integer = |id: &&RawId| if let RawId::Integer(number) = id { Some(*number) } else { None };
    match are_integers {
        true => Column::I64(ids.iter().map(integer).collect()),
        false => Column::Text(ids.iter().map(|id| Some(id.to_string())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_part_the_users_at_blocks_and_lose_none() {
        for n_users in [0, 1, 127, 128, 129, 943, 100_000] {
            for of in [1, 2, 3, 7, 64, usize::MAX] {
                let shards = [1, 2, of.saturating_sub(1).max(1), of];
                let range = |number: usize| Shard { number, of }.users(n_users);
                let first = range(1);
                assert_eq!((first.start, range(of).end), (0, n_users));
                for number in shards.into_iter().filter(|number| *number < of) {
                    assert_eq!(range(number).end, range(number + 1).start, "{number}/{of} of {n_users}");
                }
                let starts_at_a_block = |number: usize| {
                    let start = range(number).start;
                    start % USERS_AT_ONCE == 0 || start == n_users
                };
                assert!(shards.into_iter().filter(|number| *number <= of).all(starts_at_a_block));
            }
        }
        let sizes: Vec<usize> = (1..=3).map(|number| Shard { number, of: 3 }.users(100_000).len()).collect();
        assert_eq!(sizes, [33_280, 33_408, 33_312]);
    }

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        assert_eq!(Shard { number: 2, of: 4 }.to_string(), "2/4");
        let refused = |text: &str| text.parse::<Shard>().unwrap_err();
        for text in ["", "2", "2/", "a/4", "1/2/3", "-1/4", "1.5/4"] {
            assert_eq!(refused(text), "it is not `I/N`, as in `1/4`, the first of four", "{text}");
        }
        assert_eq!(refused("0/4"), "the shards of 4 are `1/4` to `4/4`");
        assert_eq!(refused("5/4"), "the shards of 4 are `1/4` to `4/4`");
        assert_eq!(refused("0/0"), "there are no shards of 0: the first of four is `1/4`");
    }
}
