//! Keeps what each stage took at each size, and estimates what larger sizes would take.
//!
//! Does not know how it was measured.
//!
//! **Invariant**: the file is replaced whole with each cell; an estimate follows the slope of the two largest sizes
//! below.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::files;

/// A stage, in the order in which they read each other's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Ingest,
    Features,
    Train,
    Evaluate,
    /// Everyone's ten best.
    Recommend,
}

/// All stages.
pub(super) const STAGES: [Stage; 5] = [Stage::Ingest, Stage::Features, Stage::Train, Stage::Evaluate, Stage::Recommend];

impl Stage {
    /// As `reco` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Features => "features",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Recommend => "recommend",
        }
    }

    /// Whether each approach has its own.
    pub(super) fn is_of_an_approach(self) -> bool {
        !matches!(self, Self::Ingest | Self::Features)
    }
}

/// What a cell is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) n_ratings: u64,
    pub(super) stage: Stage,
    pub(super) approach: Option<String>,
}

impl Key {
    /// What it leaves in the folder of its size.
    pub(super) fn made(&self, folder: &Path) -> PathBuf {
        let approach = self.approach.as_deref().unwrap_or_default();
        let out = folder.join("out");
        match self.stage {
            Stage::Ingest => out.join("tables"),
            Stage::Features => out.join("features"),
            Stage::Train => out.join("models").join(approach),
            Stage::Evaluate => out.join("evaluation"),
            Stage::Recommend => folder.join(format!("{approach}.parquet")),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ratings, {}", shown(self.n_ratings), self.stage.name())?;
        self.approach.iter().try_for_each(|approach| write!(f, " {approach}"))
    }
}

/// `100k`, `25M`.
pub(super) fn shown(n_ratings: u64) -> String {
    match n_ratings {
        n if n % 1_000_000 == 0 => format!("{}M", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}

/// What came of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "was")]
pub(super) enum Outcome {
    /// It ended.
    Measured {
        seconds: f64,
        /// Seconds of all cores together.
        processor: Option<f64>,
        /// The largest resident memory, in bytes.
        peak: Option<u64>,
        /// Bytes of what it left on the disk.
        written: u64,
    },
    /// It took longer than the limit, and was killed.
    Stopped { seconds: f64, peak: Option<u64> },
    /// It said before it began that it would not.
    Refused { reason: String },
}

impl Outcome {
    /// How long it ran; none for what did not.
    pub(super) fn seconds(&self) -> f64 {
        match self {
            Self::Measured { seconds, .. } | Self::Stopped { seconds, .. } => *seconds,
            Self::Refused { .. } => f64::NAN,
        }
    }
}

/// One stage at one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cell {
    #[serde(flatten)]
    pub(super) key: Key,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    pub(super) machine: String,
}

/// All that was measured.
pub(super) struct Record {
    path: PathBuf,
    pub(super) cells: Vec<Cell>,
}

impl Record {
    /// The record at `path`; a new one if there is none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let cells = if path.exists() {
            serde_json::from_str(&files::read(path)?).with_context(|| format!("`{}`", path.display()))?
        } else {
            Vec::new()
        };
        Ok(Self { path: path.to_owned(), cells })
    }

    /// Adds `cell`, in the place of one of the same key, and writes the record.
    pub(super) fn add(&mut self, cell: Cell) -> Result<()> {
        self.cells.retain(|other| other.key != cell.key);
        self.cells.push(cell);
        self.write()
    }

    /// Drops the cells of these sizes that are of no approach, or of one of these.
    pub(super) fn forget(&mut self, sizes: &[u64], approaches: &[String]) -> Result<()> {
        let is_of = |key: &Key| key.approach.as_ref().is_none_or(|approach| approaches.contains(approach));
        self.cells.retain(|cell| !(sizes.contains(&cell.key.n_ratings) && is_of(&cell.key)));
        self.write()
    }

    fn write(&self) -> Result<()> {
        let beside = self.path.with_extension("partial");
        let lines: Vec<String> = self.cells.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        files::write(&beside, format!("[\n{}\n]\n", lines.join(",\n")))?;
        fs::rename(&beside, &self.path).with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    pub(super) fn outcome(&self, key: &Key) -> Option<&Outcome> {
        self.cells.iter().find(|cell| cell.key == *key).map(|cell| &cell.outcome)
    }

    /// The sizes that were measured, ascending.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.cells.iter().map(|cell| cell.key.n_ratings).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// The machines that took part, each once.
    pub(super) fn machines(&self) -> Vec<String> {
        let mut machines: Vec<String> = Vec::new();
        for cell in &self.cells {
            if !machines.contains(&cell.machine) {
                machines.push(cell.machine.clone());
            }
        }
        machines
    }

    /// What was measured of the stage and approach of `key`, by size, ascending: ratings and the number of `of`.
    pub(super) fn curve(&self, key: &Key, of: impl Fn(&Outcome) -> Option<f64>) -> Vec<(f64, f64)> {
        let same = |cell: &&Cell| cell.key.stage == key.stage && cell.key.approach == key.approach;
        let point = |cell: &Cell| Some((cell.key.n_ratings as f64, of(&cell.outcome)?));
        let mut points: Vec<_> = self.cells.iter().filter(same).filter_map(point).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// How many seconds `key` would take, by the slope of the two largest smaller sizes; at least so many where one of
    /// them was stopped.
    pub(super) fn estimate(&self, key: &Key) -> Option<f64> {
        let ran = |outcome: &Outcome| Some(outcome.seconds()).filter(|seconds| seconds.is_finite());
        let mut below = self.curve(key, ran);
        below.retain(|&(n_ratings, _)| n_ratings < key.n_ratings as f64);
        let (n_ratings, seconds) = *below.last()?;
        let slope = match below[..] {
            [.., a, b] => slope(&[a, b])?,
            _ if self.curve(key, self::seconds).is_empty() => 1.0,
            _ => return None,
        };
        Some(seconds * (key.n_ratings as f64 / n_ratings).powf(slope))
    }
}

/// The seconds of what ended.
pub(super) fn seconds(outcome: &Outcome) -> Option<f64> {
    matches!(outcome, Outcome::Measured { .. }).then(|| outcome.seconds())
}

/// The slope of the line nearest to `points` where both axes are logarithmic; two points at least.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let logs = points.iter().map(|(x, y)| (x.ln(), y.ln()));
    let [x, y] = logs.clone().fold([0.0; 2], |[x, y], (a, b)| [x + a / n, y + b / n]);
    let [xy, xx] = logs.fold([0.0; 2], |[xy, xx], (a, b)| [xy + (a - x) * (b - y), xx + (a - x).powi(2)]);
    (xx > 0.0).then(|| xy / xx)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n_ratings: u64, stage: Stage, approach: Option<&str>) -> Key {
        Key { n_ratings, stage, approach: approach.map(str::to_owned) }
    }

    #[test]
    fn a_record_is_kept_and_estimates_the_next_size() {
        let path = std::env::temp_dir().join(format!("scale-record-{}.json", std::process::id()));
        let mut record = Record::read(&path).unwrap();
        let measured = |seconds| Outcome::Measured { seconds, processor: None, peak: Some(1), written: 2 };
        let mut add = |n, outcome| {
            let cell = Cell { key: key(n, Stage::Train, Some("svd")), outcome, machine: "one".to_owned() };
            record.add(cell).unwrap();
        };
        add(100, measured(9.0));
        add(1_000, measured(2.0));
        add(100, measured(1.0));
        add(10_000, measured(8.0));
        add(20_000, Outcome::Stopped { seconds: 16.0, peak: None });
        let mut read = Record::read(&path).unwrap();
        assert_eq!((read.sizes(), read.machines()), (vec![100, 1_000, 10_000, 20_000], vec!["one".to_owned()]));
        let estimate = |n, approach| read.estimate(&key(n, Stage::Train, Some(approach)));
        let near = |n, expected: f64| assert!((estimate(n, "svd").unwrap() - expected).abs() < 1e-9);
        near(40_000, 32.0);
        near(10_000, 4.0);
        assert_eq!((estimate(1_000, "svd"), estimate(100_000, "ials")), (None, None), "two sizes make a slope");
        assert_eq!(read.outcome(&key(100, Stage::Train, Some("svd"))), Some(&measured(1.0)), "the later one counts");
        read.forget(&[100, 20_000], &["ials".to_owned()]).unwrap();
        assert_eq!(read.sizes(), [100, 1_000, 10_000, 20_000], "of another approach");
        read.forget(&[100, 20_000], &["svd".to_owned()]).unwrap();
        assert_eq!(Record::read(&path).unwrap().sizes(), [1_000, 10_000]);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_slope_by_hand() {
        let near = |points: &[(f64, f64)], expected: f64| assert!((slope(points).unwrap() - expected).abs() < 1e-12);
        near(&[(1.0, 5.0), (10.0, 50.0), (100.0, 500.0)], 1.0);
        near(&[(2.0, 3.0), (8.0, 6.0)], 0.5);
        assert_eq!(slope(&[(3.0, 1.0)]), None);
        assert_eq!([shown(25_000_000), shown(100_000), shown(7)], ["25M", "100k", "7"]);
    }
}
