//! Generates synthetic ratings of any size, for tests, with structure that a model can learn.
//!
//! Does not imitate any person's ratings: everything is drawn.
//!
//! **Invariant**: the same [`SynthConfig`] gives the same bytes on every machine (only sums, products, quotients and
//! square roots are used); memory grows with users and items, not with ratings.
//!
//! Items have genres, a year, a hidden vector and a popularity with a long tail; users have a hidden taste, a bias and
//! an activity with a long tail. A user tends to watch what is popular and to their taste, and rates by how near the
//! two vectors are, with noise, in half stars. Rows are written as in MovieLens' CSV: by user, then by item.

mod draw;
mod words;

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use reco_core::memory::{Need, of_machine};
use reco_core::{Progress, Silent};
use serde::{Deserialize, Serialize};

use crate::DataError;
use draw::{Draw, Popularity};

/// Length of the hidden vectors.
const N_LATENT: usize = 8;
/// 1996-01-01, about when the first MovieLens ratings were made, in seconds since 1970.
const FIRST_TIME: u64 = 820_454_400;
/// Seconds of about 22 years.
const TIME_SPAN: u64 = 22 * 365 * 86_400;

/// How much to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self { n_users: 600, n_items: 1_000, n_ratings: 60_000, seed: 42 }
    }
}

impl SynthConfig {
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
        let (users, items) = (self.n_users as usize, self.n_items as usize);
        // What is held while rows are written: items with their vectors, popularities and last users; users'
        // activities.
        let need = Need::default().and("items", &[items], size_of::<Item>() + 16).and("users", &[users], 12);
        need.lowered_by("--items").lowered_by("--users").check("synth", memory)?;
        Ok(())
    }
}

struct Item {
    vector: [f32; N_LATENT],
    /// How much better or worse than others it is, in stars.
    bias: f32,
}

/// Writes `ratings.csv`, `movies.csv` and `dataset.toml` into the new folder `out`, whole or not at all.
///
/// # Errors
/// More ratings than users and items can have, fewer than users; a folder that is there already, or can't be written.
pub fn synth(config: &SynthConfig, out: &Path) -> Result<(), DataError> {
    synth_watched(config, out, &Silent)
}

/// Like [`synth`], but reports ratings to `progress`, which can stop it.
///
/// # Errors
/// As [`synth`]; an interruption.
pub fn synth_watched(config: &SynthConfig, out: &Path, progress: &dyn Progress) -> Result<(), DataError> {
    config.check(of_machine())?;
    // A dangling link counts as existing.
    if fs::symlink_metadata(out).is_ok() {
        return Err(DataError::Synth {
            reason: format!("`{}` is there already", out.display()),
            hint: "name a folder that is not there yet".to_owned(),
        });
    }
    if let Some(file) = out.ancestors().find(|above| above.exists()).filter(|above| !above.is_dir()) {
        return Err(DataError::Synth {
            reason: format!("`{}` is a file, and a folder belongs there", file.display()),
            hint: "name a folder that is not there yet".to_owned(),
        });
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(DataError::io("create", parent))?;
    let folder = tempfile::Builder::new()
        .prefix(".synth-")
        .tempdir_in(parent)
        .map_err(DataError::io("create a folder in", parent))?;
    progress.begin("synth", 1, usize::try_from(config.n_ratings).unwrap_or(usize::MAX));
    let written =
        write_file(&folder.path().join("movies.csv"), |file| write_items(config, file, progress)).and_then(|items| {
            write_file(&folder.path().join("ratings.csv"), |file| write_ratings(config, &items, file, progress))
        });
    progress.end();
    written?;
    write_file(&folder.path().join("dataset.toml"), |file| {
        writeln!(
            file,
            "# reco synth: {} users, {} items, {} ratings, seed {}",
            config.n_users, config.n_items, config.n_ratings, config.seed
        )?;
        writeln!(
            file,
            "licence = \"CC0-1.0: generated, no person's ratings\"\ncitation = \"none: generated by reco synth\""
        )
    })?;
    fs::rename(folder.path(), out).map_err(DataError::io("rename a folder to", out))?;
    // The folder has its final name now, so that nothing is left to remove.
    let _ = folder.keep();
    Ok(())
}

/// Fails if `progress` asks to stop. Called for every item and every user, and now and then for a user with many
/// ratings.
fn go_on(progress: &dyn Progress) -> std::io::Result<()> {
    if progress.interrupted() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
}

fn write_file<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<T>) -> Result<T, DataError> {
    let mut file = BufWriter::with_capacity(1 << 18, File::create(path).map_err(DataError::io("create", path))?);
    let written = write(&mut file).and_then(|written| file.flush().map(|()| written));
    written.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => DataError::Interrupted,
        _ => DataError::io("write", path)(error),
    })
}

fn write_items(config: &SynthConfig, file: &mut impl Write, progress: &dyn Progress) -> std::io::Result<Vec<Item>> {
    let mut draw = Draw::new(config.seed, "items");
    let centres: Vec<[f32; N_LATENT]> = words::GENRES.split(' ').map(|_| vector(&mut draw, 1.0)).collect();
    writeln!(file, "movieId,title,genres")?;
    let mut items = Vec::new();
    for i in 0..config.n_items {
        go_on(progress)?;
        let n_genres = 1 + draw.below(3) as usize;
        let mut genres: Vec<usize> = (0..n_genres).map(|_| draw.below(centres.len() as u64) as usize).collect();
        genres.sort_unstable();
        genres.dedup();
        let mut vector = vector(&mut draw, 0.5);
        for (at, value) in vector.iter_mut().enumerate() {
            *value += genres.iter().map(|&genre| centres[genre][at]).sum::<f32>() / genres.len() as f32;
        }
        // More films are recent than old.
        let age = draw.unit() * draw.unit();
        let year = 2018 - (age * 88.0) as u32;
        let title = words::title(&mut draw, i);
        // MovieLens has a few without year or genres, and so does this.
        let title = if draw.below(100) == 0 { title } else { format!("{title} ({year})") };
        let genres: Vec<&str> = genres.iter().map(|&genre| words::word(words::GENRES, genre)).collect();
        let genres = if draw.below(60) == 0 { "(no genres listed)".to_owned() } else { genres.join("|") };
        let quote = if title.contains(',') { "\"" } else { "" };
        writeln!(file, "{},{quote}{title}{quote},{genres}", i + 1)?;
        items.push(Item { vector, bias: 0.4 * draw.normal() });
    }
    Ok(items)
}

fn write_ratings(
    config: &SynthConfig,
    items: &[Item],
    file: &mut impl Write,
    progress: &dyn Progress,
) -> std::io::Result<()> {
    let popularity = Popularity::new(config.seed, config.n_items);
    let n_ratings = activity(config, progress)?;
    // The last user who chose the item, from 1: no user chooses one twice.
    let mut chosen_by = vec![0_u32; items.len()];
    let mut rows = Vec::new();
    writeln!(file, "userId,movieId,rating,timestamp")?;
    for (user, n_ratings) in (1..).zip(n_ratings) {
        let mut draw = Draw::new(config.seed ^ u64::from(user), "ratings");
        let taste = vector(&mut draw, 1.0);
        let bias = 0.35 * draw.normal();
        let mut time = FIRST_TIME + draw.below(TIME_SPAN);
        rows.clear();
        let mut n_tries = 0_u64;
        while rows.len() < n_ratings as usize {
            if n_tries.is_multiple_of(1024) {
                go_on(progress)?;
            }
            n_tries += 1;
            let mut item = popularity.draw(&mut draw);
            // A user with very many ratings has seen everything popular; then any unseen item will do.
            if n_tries > 20 * u64::from(n_ratings) {
                while chosen_by[item] == user {
                    item = (item + 1) % items.len();
                }
            }
            if chosen_by[item] == user {
                continue;
            }
            let affinity = affinity(&taste, &items[item]);
            // An item is chosen with a chance from 0.3, if it is not to the user's taste, up to 1.
            if draw.unit() > (0.65 + 0.35 * affinity).max(0.3) {
                continue;
            }
            chosen_by[item] = user;
            let stars = 3.5 + bias + items[item].bias + 0.9 * affinity + 0.5 * draw.normal();
            let halves = ((stars * 2.0 + 0.5).floor() as i32).clamp(1, 10) as u32;
            // Most ratings are made one after the other, some on another day.
            time += if draw.below(12) == 0 { draw.below(40 * 86_400) } else { 5 + draw.below(240) };
            rows.push((item as u32 + 1, halves, time));
        }
        rows.sort_unstable();
        for (item, halves, time) in &rows {
            writeln!(file, "{user},{item},{}.{},{time}", halves / 2, 5 * (halves % 2))?;
        }
        progress.advance(rows.len());
    }
    Ok(())
}

/// How many ratings each user has: a long tail that sums to `n_ratings`.
fn activity(config: &SynthConfig, progress: &dyn Progress) -> std::io::Result<Vec<u32>> {
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

fn vector(draw: &mut Draw, scale: f32) -> [f32; N_LATENT] {
    std::array::from_fn(|_| scale * draw.normal())
}

/// The cosine of a taste and an item.
fn affinity(taste: &[f32; N_LATENT], item: &Item) -> f32 {
    let dot = |a: &[f32; N_LATENT], b: &[f32; N_LATENT]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(taste, &item.vector) / (dot(taste, taste) * dot(&item.vector, &item.vector)).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn generate(config: &SynthConfig) -> (String, String) {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/synth");
        synth(config, &out).unwrap();
        let read = |name| fs::read_to_string(out.join(name)).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 1, "nothing is left beside the folder");
        (read("ratings.csv"), read("movies.csv"))
    }

    #[test]
    fn gives_what_was_asked_for_and_repeats() {
        let config = SynthConfig { n_users: 50, n_items: 100, n_ratings: 1_500, seed: 7 };
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
        let config = SynthConfig { n_users: 50, n_items: 100, n_ratings: 1_500, seed: 7 };
        for after in [0, 60, 120] {
            let stop = Stop(AtomicUsize::new(0), after);
            let error = synth_watched(&config, &dir.path().join("new"), &stop).unwrap_err();
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
        synth_watched(&SynthConfig { n_ratings: 1_000, ..SynthConfig::default() }, &out, &InTheWay(&out)).unwrap_err();
        assert_eq!(fs::read_to_string(&out).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn can_be_full() {
        let (ratings, _) = generate(&SynthConfig { n_users: 3, n_items: 20, n_ratings: 30, seed: 1 });
        assert_eq!(ratings.lines().filter(|line| line.starts_with("2,")).count(), 10);
    }

    #[test]
    fn refuses_what_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let refuse = |config, out: &str| synth(&config, &dir.path().join(out)).unwrap_err().to_string();
        let many = refuse(SynthConfig { n_users: 2, n_items: 10, n_ratings: 11, seed: 1 }, "a");
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
        let huge = SynthConfig { n_items: 4_000_000_000, ..SynthConfig::default() };
        let huge = huge.check(16 << 30).unwrap_err().to_string();
        assert!(huge.starts_with("`synth` needs about 193.7 GiB: items 4,000,000,000 × 52 bytes"), "{huge}");
        assert!(huge.ends_with("this machine has `16.0 GiB`\nhint: lower `--items` or `--users`"), "{huge}");
    }
}
