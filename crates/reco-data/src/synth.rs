//! Generates synthetic ratings of any size, with structure that a model can learn, and tells what is expected of each.
//!
//! Does not imitate any person's ratings: everything is drawn.
//!
//! **Invariant**: the same [`SynthConfig`] gives the same bytes on every machine and any number of threads (only sums,
//! products, quotients and square roots are used); memory grows with users and items, not with ratings.
//!
//! Items have genres, a year, a hidden vector and a popularity with a long tail; users have a hidden taste, a bias and
//! an activity with a long tail. A user tends to watch what is popular and to their taste, and rates by how near the
//! two vectors are, with noise, in half stars. On request the moment matters, by night and by day, at weekends and on
//! weekdays, and items go in and out of fashion. Rows are written as in MovieLens' CSV: by user, then by item.

mod draw;
mod planted;
mod rows;
mod words;
mod write;

use std::fs;
use std::path::Path;

use reco_core::memory::{Need, of_machine};
use reco_core::{Progress, Silent};
use serde::{Deserialize, Serialize};

use crate::table::TableWriter;
use crate::{DataError, TableOutput, TablePieces};
use draw::Popularity;
use planted::{Described, Item, ItemDraw};
use rows::write_ratings;
use write::{Form, Text, truth};

/// The largest effect of the moment and the largest drift, in stars: no rating is further from another.
const MOST_STARS: f32 = 4.5;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SynthConfig {
    /// Users; each has at least one rating.
    pub n_users: u32,
    /// Items; the least popular may have no rating.
    pub n_items: u32,
    /// Ratings in all; no user rates more than half of the items.
    pub n_ratings: u64,
    /// What the draws depend on.
    pub seed: u64,
    /// How many stars the moment adds: by night at a weekend so many, by day on a weekday so many less, else none; each
    /// genre besides by its own liking of the moment, with half of it as deviation. A day is 07:00 to 20:00, UTC.
    pub context_effect: f32,
    /// How many stars the mean of an item moves from the first day to the last, as a deviation among items.
    pub drift: f32,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self::sized(60_000)
    }
}

impl SynthConfig {
    /// Ratings as many as that, with as many users and items as MovieLens has of its size: a user for 150 ratings, and
    /// 5 √ratings items, at least 600.
    ///
    /// MovieLens 100K to 32M (Harper & Konstan 2015, and the README of each) have a user for 106 to 166 ratings. Their
    /// items are 3.4 to 6.1 times the root up to 20M, and 15.5 times in 32M.
    pub fn sized(n_ratings: u64) -> Self {
        let within = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            n_users: within(n_ratings.div_ceil(150).max(1)),
            n_items: within(n_ratings.saturating_mul(25).isqrt().max(600)),
            n_ratings,
            seed: 42,
            context_effect: 0.0,
            drift: 0.0,
        }
    }

    fn check(&self, memory: u64) -> Result<(), DataError> {
        let refuse = |reason: String, hint: String| Err(DataError::Synth { reason, hint });
        if self.n_users == 0 || self.n_items < 2 {
            return refuse(
                format!("`{}` users and `{}` items give nothing to rate", self.n_users, self.n_items),
                "ask for a user and two items at least".to_owned(),
            );
        }
        let (least, most) = (u64::from(self.n_users), u64::from(self.n_users) * u64::from(self.n_items / 2));
        if !(least..=most).contains(&self.n_ratings) {
            return refuse(
                format!(
                    "`{}` ratings of `{}` users and `{}` items can't be drawn",
                    self.n_ratings, self.n_users, self.n_items
                ),
                format!("from one per user to half of the items each: `{least}` to `{most}`"),
            );
        }
        for (what, stars) in [("the effect of the moment", self.context_effect), ("the drift", self.drift)] {
            if !(0.0..=MOST_STARS).contains(&stars) {
                return refuse(format!("{what} can't be `{stars}`"), format!("in stars, from `0` to `{MOST_STARS}`"));
            }
        }
        let (users, items) = (self.n_users as usize, self.n_items as usize);
        // What is held while rows are written: items with their vectors, titles, popularities and, for each thread,
        // last users; users' activities.
        let of_item = size_of::<Item>() + size_of::<Described>() + 64 + Popularity::BYTES;
        let need = Need::default().and("items", &[items], of_item).and("users", &[users], 12);
        let need = need.and("last users", &[rayon::current_num_threads(), items], size_of::<u32>());
        need.lowered_by("--items").lowered_by("--users").check("synth", memory)?;
        Ok(())
    }
}

/// Where what is generated goes.
#[derive(Debug)]
pub struct SynthOutput<'a> {
    /// The new folder of `ratings.csv`, `movies.csv` and `dataset.toml`.
    pub folder: &'a Path,
    /// Whether the tables are Parquet, `ratings.parquet` and `movies.parquet`, instead of CSV.
    pub parquet: bool,
    /// A table of what is expected of each rating, before noise and rounding: `user`, `item`, `score`.
    pub truth: Option<&'a TableOutput>,
}

/// Writes `ratings.csv`, `movies.csv` and `dataset.toml` into the new folder `out`, whole or not at all.
///
/// # Errors
/// More ratings than users and items can have, fewer than users; a folder that is there already, or can't be written.
pub fn synth(config: &SynthConfig, out: &Path) -> Result<(), DataError> {
    synth_watched(config, &SynthOutput { folder: out, parquet: false, truth: None }, &Silent)
}

/// Like [`synth`], to any output, and reports ratings to `progress`, which can stop it.
///
/// # Errors
/// As [`synth`]; an interruption.
pub fn synth_watched(config: &SynthConfig, out: &SynthOutput<'_>, progress: &dyn Progress) -> Result<(), DataError> {
    config.check(of_machine())?;
    let to = out.folder;
    // A dangling link counts as existing.
    if fs::symlink_metadata(to).is_ok() {
        return Err(DataError::Synth {
            reason: format!("`{}` is there already", to.display()),
            hint: "name a folder that is not there yet".to_owned(),
        });
    }
    if let Some(file) = to.ancestors().find(|above| above.exists()).filter(|above| !above.is_dir()) {
        return Err(DataError::Synth {
            reason: format!("`{}` is a file, and a folder belongs there", file.display()),
            hint: "name a folder that is not there yet".to_owned(),
        });
    }
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
    let folder = tempfile::Builder::new()
        .prefix(".synth-")
        .tempdir_in(parent)
        .map_err(DataError::io("create a folder in", parent))?;
    progress.begin("synth", 1, usize::try_from(config.n_ratings).unwrap_or(usize::MAX));
    let fill = |expected: Option<&mut TablePieces>| match out.parquet {
        true => tables::<TableWriter>(config, folder.path(), expected, progress),
        false => tables::<Text>(config, folder.path(), expected, progress),
    };
    let written = match out.truth {
        Some(to) => truth(&[]).and_then(|like| to.write_pieces(&like, |pieces| fill(Some(pieces)))),
        None => fill(None),
    };
    progress.end();
    written?;
    fs::rename(folder.path(), to).map_err(DataError::io("rename a folder to", to))?;
    // The folder has its final name now, so that nothing is left to remove.
    let _ = folder.keep();
    Ok(())
}

/// Writes all files of the folder.
fn tables<Ratings: Form>(
    config: &SynthConfig,
    folder: &Path,
    expected: Option<&mut TablePieces>,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let at = |name: &str| folder.join(format!("{name}.{}", Ratings::ENDING));
    let mut draw = ItemDraw::new(config);
    let (mut items, mut described) = (Vec::new(), Vec::new());
    for number in 0..config.n_items {
        go_on(progress)?;
        let (item, words) = draw.next(number);
        items.push(item);
        described.push(words);
    }
    Ratings::items(&at("movies"), described)?;
    let mut ratings = Ratings::begin(&at("ratings"))?;
    write_ratings(config, &items, &mut ratings, expected, progress)?;
    ratings.end()?;
    let SynthConfig { n_users, n_items, n_ratings, seed, context_effect, drift } = config;
    let mut text = format!("# reco synth: {n_users} users, {n_items} items, {n_ratings} ratings, seed {seed}");
    for (what, stars) in [("context effect", *context_effect), ("drift", *drift)] {
        if stars != 0.0 {
            text += &format!(", {what} {stars}");
        }
    }
    text += "\nlicence = \"CC0-1.0: generated, no person's ratings\"\ncitation = \"none: generated by reco synth\"\n";
    let path = folder.join("dataset.toml");
    fs::write(&path, text).map_err(DataError::io("write", &path))
}

/// Fails if `progress` asks to stop. Called for every item and every user, and now and then for a user with many
/// ratings.
fn go_on(progress: &dyn Progress) -> Result<(), DataError> {
    if progress.interrupted() { Err(DataError::Interrupted) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::table::Table;

    fn config(n_users: u32, n_items: u32, n_ratings: u64, seed: u64) -> SynthConfig {
        SynthConfig { n_users, n_items, n_ratings, seed, ..SynthConfig::default() }
    }

    fn generate(config: &SynthConfig) -> (String, String) {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/synth");
        synth(config, &out).unwrap();
        let read = |name| fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1, "nothing is left beside the folder");
        (read("ratings.csv"), read("movies.csv"))
    }

    fn folder(folder: &Path) -> SynthOutput<'_> {
        SynthOutput { folder, parquet: false, truth: None }
    }

    #[test]
    fn gives_what_was_asked_for_and_repeats() {
        let config = config(50, 100, 1_500, 7);
        let (ratings, items) = generate(&config);
        assert_eq!((ratings.lines().count(), items.lines().count()), (1_501, 101));
        let mut pairs: Vec<(u32, u32)> = ratings
            .lines()
            .skip(1)
            .map(|line| {
                let mut fields = line.split(',').map(|field| field.parse().unwrap_or(0));
                (fields.next().unwrap(), fields.next().unwrap())
            })
            .collect();
        assert!(pairs.is_sorted(), "by user, then by item");
        assert_eq!(pairs.last().unwrap().0, 50);
        pairs.dedup();
        assert_eq!(pairs.len(), 1_500);
        assert_eq!((ratings.clone(), items), generate(&config));
        assert_ne!(ratings, generate(&SynthConfig { seed: 8, ..config }).0);
    }

    #[test]
    fn whoever_asks_to_stop_is_heard_and_finds_nothing_left() {
        struct Stop(AtomicUsize, usize);
        impl Progress for Stop {
            fn interrupted(&self) -> bool {
                self.0.fetch_add(1, Ordering::Relaxed) >= self.1
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let config = config(50, 100, 1_500, 7);
        for after in [0, 60, 120] {
            let stop = Stop(AtomicUsize::new(0), after);
            let error = synth_watched(&config, &folder(&dir.path().join("new")), &stop).unwrap_err();
            assert!(matches!(error, DataError::Interrupted), "{error}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_get_its_name_leaves_nothing() {
        /// Puts a file where the folder is to go.
        struct InTheWay<'a>(&'a Path);
        impl Progress for InTheWay<'_> {
            fn end(&self) {
                fs::write(self.0, "theirs").unwrap();
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new");
        synth_watched(&SynthConfig::sized(1_000), &folder(&out), &InTheWay(&out)).unwrap_err();
        assert_eq!(fs::read_to_string(&out).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn can_be_full() {
        let (ratings, _) = generate(&config(3, 20, 30, 1));
        assert_eq!(ratings.lines().filter(|line| line.starts_with("2,")).count(), 10);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let refuse = |config, out: &str| synth(&config, &dir.path().join(out)).unwrap_err().to_string();
        let many = refuse(config(2, 10, 11, 1), "a");
        assert_eq!(
            many,
            "`11` ratings of `2` users and `10` items can't be drawn\nhint: from one per user to half of the items each: `2` to `10`"
        );
        assert!(refuse(SynthConfig { n_users: 0, ..SynthConfig::default() }, "a").contains("give nothing to rate"));
        assert!(refuse(SynthConfig::default(), "").contains("is there already\nhint: name a folder"));
        fs::write(dir.path().join("notes"), "mine").unwrap();
        assert!(refuse(SynthConfig::default(), "notes").contains("is there already"));
        let inside = refuse(SynthConfig::default(), "notes/a");
        assert!(inside.contains("notes` is a file, and a folder belongs there\nhint: "), "{inside}");
        for effect in [-0.1, 4.6, f32::NAN] {
            let error = refuse(SynthConfig { context_effect: effect, ..SynthConfig::default() }, "a");
            assert_eq!(
                error,
                format!("the effect of the moment can't be `{effect}`\nhint: in stars, from `0` to `4.5`")
            );
        }
        let huge = SynthConfig { n_items: 4_000_000_000, ..SynthConfig::default() };
        let huge = huge.check(16 << 30).unwrap_err().to_string();
        assert!(huge.contains("GiB: items 4,000,000,000 × 192 bytes"), "{huge}");
        assert!(huge.ends_with("this machine has `16.0 GiB`\nhint: lower `--items` or `--users`"), "{huge}");
    }
    #[test]
    fn sizes_are_those_of_movielens() {
        let sized = |n| (SynthConfig::sized(n).n_users, SynthConfig::sized(n).n_items);
        assert_eq!(
            [100_000, 1_000_000, 10_000_000, 100_000_000].map(sized),
            [(667, 1_581), (6_667, 5_000), (66_667, 15_811), (666_667, 50_000)]
        );
        for n_ratings in [1, 150, 151, 14_399, 1 << 40] {
            SynthConfig::sized(n_ratings).check(u64::MAX).unwrap();
        }
        let none = SynthConfig::sized(0).check(u64::MAX).unwrap_err().to_string();
        assert!(none.starts_with("`0` ratings of `1` users and `600` items can't be drawn"), "{none}");
    }

    #[test]
    fn neither_threads_nor_the_form_nor_the_truth_beside_it_change_what_is_drawn() {
        let planted = SynthConfig { context_effect: 0.5, drift: 0.3, ..config(1_500, 600, 200_000, 3) };
        let dir = tempfile::tempdir().unwrap();
        let made = |n_threads: usize, parquet: bool| {
            let (out, truth) = (format!("{n_threads}-{parquet}"), format!("{n_threads}-{parquet}.parquet"));
            let (out, truth) = (dir.path().join(out), dir.path().join(truth));
            let to = TableOutput::at(&truth).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let files = SynthOutput { folder: &out, parquet, truth: Some(&to) };
            pool.install(|| synth_watched(&planted, &files, &Silent)).unwrap();
            let ratings = out.join(if parquet { "ratings.parquet" } else { "ratings.csv" });
            (fs::read(&ratings).unwrap(), fs::read(&truth).unwrap(), ratings, truth)
        };
        let (csv, truth, ..) = made(1, false);
        let (parquet, also, tables, expected) = made(1, true);
        let (csv_of_three, truth_of_three, ..) = made(3, false);
        assert!(truth == also && truth == truth_of_three && csv == csv_of_three && parquet == made(3, true).0);
        assert_eq!(csv, generate(&planted).0.into_bytes());

        let (ratings, expected) = (Table::read(&tables).unwrap(), Table::read(&expected).unwrap());
        let column = |name| ratings.integers(name).unwrap().iter().map(|n| n.unwrap()).collect::<Vec<_>>();
        let stars: Vec<f32> = ratings.numbers("rating").unwrap().iter().map(|n| n.unwrap()).collect();
        let (users, items, times) = (column("userId"), column("movieId"), column("timestamp"));
        let lines = (0..stars.len()).map(|n| format!("{},{},{:.1},{}\n", users[n], items[n], stars[n], times[n]));
        assert!(String::from_utf8(csv).unwrap().lines().skip(1).eq(lines.collect::<String>().lines()));
        assert_eq!(
            (ratings.column("userId").unwrap(), ratings.column("movieId").unwrap()),
            (expected.column("user").unwrap(), expected.column("item").unwrap())
        );
        // What is left is the noise of half a star, and the rounding to half stars.
        let expected: Vec<f32> = expected.numbers("score").unwrap().iter().map(|n| n.unwrap()).collect();
        let squares = stars.iter().zip(&expected).map(|(stars, expected)| f64::from((stars - expected).powi(2)));
        let rmse = (squares.sum::<f64>() / stars.len() as f64).sqrt();
        assert!((0.46..0.54).contains(&rmse), "{rmse}");
    }

    #[test]
    fn the_moment_and_the_drift_move_ratings_where_they_are_asked_for() {
        /// By how many stars the mean of nights at weekends is above that of days on weekdays, and the deviation of how
        /// far the means of items moved from the first half to the second.
        fn found(config: &SynthConfig) -> (f64, f64) {
            let ratings = generate(config).0;
            let rows: Vec<[u64; 4]> = ratings
                .lines()
                .skip(1)
                .map(|line| {
                    let fields: Vec<&str> = line.split(',').collect();
                    let number = |at: usize| fields[at].replace('.', "").parse().unwrap();
                    [number(0), number(1), number(2), number(3)]
                })
                .collect();
            let mean = |of: &dyn Fn(&[u64; 4]) -> bool| {
                let stars: Vec<f64> = rows.iter().filter(|row| of(row)).map(|row| row[2] as f64 / 10.0).collect();
                (stars.iter().sum::<f64>() / stars.len() as f64, stars.len())
            };
            let is = |row: &[u64; 4], weekend: bool, day: bool| {
                let (hour, weekday) = (row[3] / 3_600 % 24, (row[3] / 86_400 + 3) % 7);
                (weekday >= 5, (7..20).contains(&hour)) == (weekend, day)
            };
            let by_moment = mean(&|row| is(row, true, false)).0 - mean(&|row| is(row, false, true)).0;
            let middle = planted::FIRST_TIME + planted::TIME_SPAN / 2;
            let moved: Vec<f64> = (1..=u64::from(config.n_items))
                .filter_map(|item| {
                    let late = mean(&|row| row[1] == item && row[3] >= middle);
                    let early = mean(&|row| row[1] == item && row[3] < middle);
                    (late.1.min(early.1) >= 100).then_some(late.0 - early.0)
                })
                .collect();
            assert!(moved.len() > 20, "{}", moved.len());
            (by_moment, (moved.iter().map(|by| by * by).sum::<f64>() / moved.len() as f64).sqrt())
        }
        let plain = config(1_000, 60, 25_000, 11);
        let (by_moment, moved) = found(&plain);
        assert!(by_moment.abs() < 0.1 && moved < 0.2, "{by_moment} {moved}");
        let (by_moment, _) = found(&SynthConfig { context_effect: 0.6, ..plain });
        assert!((0.7..1.4).contains(&by_moment), "twice 0.6, less at the ends of the scale: {by_moment}");
        let (_, moved) = found(&SynthConfig { drift: 1.5, ..plain });
        assert!((0.35..1.2).contains(&moved), "half of 1.5 from half to half: {moved}");
    }
}
