//! Prepares the data of an experiment in a folder of a run: inputs for an engine, and folders of what it left.
//!
//! Does not know engines, nor what a plan's texts say.
//!
//! **Invariant**: folders of the run get their names when all of them are whole, with their manifests; what lies there
//! already is never replaced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use reco_core::RatingScale;
use reco_data::table::{Column, Table, TableChunks};
use reco_data::{DataError, EngineTables, IngestSummary, Tables, expand};
use reco_features::{Counted, EngineParts, Info, Part, item_stays};
use serde_json::{Value, json};

use crate::engine::Inputs;
use crate::error::io;
use crate::manifest::{self, Digests, FEATURES, INGEST, Made};
use crate::store::{self, Listing};
use crate::{ClusterError, Engine, Experiment, Plan, Said, run};

/// The preparation of an experiment's data in the folder of a run.
pub struct Job {
    experiment: Experiment,
    out: PathBuf,
    source: Source,
}

/// What the engine reads.
enum Source {
    /// The folder `tables` of the run, with the digests of its files.
    Tables(Digests),
    /// Parquet of raw events on a disk: a file, or a folder of files.
    Events(PathBuf),
    /// Parquet of raw events in an object store.
    Stored(Listing),
}

impl Job {
    /// The job for `experiment` in the folder `out`. The engine reads `out/tables`, if `reco ingest` made it, or else
    /// the events in Parquet that `data.path` names, on a disk or in an object store.
    ///
    /// # Errors
    /// Tables that are not those of the experiment; no tables, and no Parquet.
    pub fn new(experiment: Experiment, out: &Path) -> Result<Self, ClusterError> {
        let tables = out.join("tables");
        let ingest = format!("`reco ingest {} --out {}` makes it", experiment.path.display(), out.display());
        let source = match tables.exists() {
            true => Source::Tables(manifest::tables(&tables, &value(&experiment.data), &ingest)?),
            false => events(&experiment, &tables, &ingest)?,
        };
        Ok(Self { experiment, out: out.to_owned(), source })
    }

    /// What an engine has to run.
    ///
    /// # Errors
    /// An experiment that no SQL states.
    pub fn plan(&self) -> Result<Plan, ClusterError> {
        match self.source {
            Source::Tables(_) => Plan::of_tables(&self.experiment),
            Source::Events(_) | Source::Stored(_) => Plan::of_events(&self.experiment),
        }
    }

    /// Names the work: two jobs of one key have the same rows in all steps.
    ///
    /// # Errors
    /// As [`Job::plan`]; events that cannot be listed.
    pub fn key(&self) -> Result<String, ClusterError> {
        let source = match &self.source {
            Source::Tables(digests) => value(digests),
            Source::Events(path) => value(&manifest::sizes(path)?),
            Source::Stored(listing) => value(&listing.objects),
        };
        let parts = json!([manifest::versions(), source, value(&self.experiment.features), self.plan()?.to_string()]);
        Ok(manifest::digest_of_text(&parts.to_string()))
    }

    /// Writes into the folder `work`, which exists, what an engine reads beside ratings or events, and says where each
    /// input lies.
    ///
    /// # Errors
    /// Tables that cannot be read; a folder that cannot be written.
    pub fn inputs(&self, work: &Path) -> Result<Inputs, ClusterError> {
        let tables = self.out.join("tables");
        if let Some(path) = self.events() {
            return Ok(Inputs::from([("events", path.to_owned())]));
        }
        let (listed, _) = Tables::read_listed(&tables)?;
        let stays = item_stays(&listed.items, &self.experiment.features)?;
        let rows = |n: usize| Column::I64((0..n as i64).map(Some).collect());
        let mut users = Table::new();
        users.push("user_id", Column::of_ids(listed.users.user_id.iter().map(|id| &id.0)))?;
        users.push("user_row", rows(listed.users.user_id.len()))?;
        let mut items = Table::new();
        items.push("item_id", Column::of_ids(listed.items.item_id.iter().map(|id| &id.0)))?;
        items.push("item_row", rows(stays.len()))?;
        items.push("stays", Column::I64(stays.iter().map(|stays| Some(i64::from(*stays))).collect()))?;
        let mut inputs = Inputs::from([("ratings", tables.join("ratings.parquet"))]);
        for (name, table) in [("listed_users", users), ("listed_items", items)] {
            let path = work.join(format!("{name}.parquet"));
            table.write(&path)?;
            inputs.insert(name, path);
        }
        Ok(inputs)
    }

    /// Runs the plan on `engine` in the folder `work`, which exists, and makes the folders of the run. Steps that an
    /// earlier run finished there are taken from there: they have to be of the same [`Job::key`].
    ///
    /// # Errors
    /// As [`Job::plan`], [`Job::inputs`], [`run`] and [`Job::finish`].
    pub fn prepare(
        &self,
        engine: &mut dyn Engine,
        work: &Path,
        said: &mut dyn FnMut(Said),
    ) -> Result<Info, ClusterError> {
        let begun = Instant::now();
        self.refuse_what_is_there()?;
        let plan = self.plan()?;
        run(&plan, &self.inputs(work)?, engine, work, said)?;
        self.finish(work, begun, said)
    }

    /// Makes the folders of the run of what an engine left in `work`: `features`, and `tables` where it read events.
    /// `begun` is when the work began.
    ///
    /// # Errors
    /// A folder that is there already; outputs that are missing or do not fit; whatever `reco ingest` and
    /// `reco features` refuse.
    pub fn finish(&self, work: &Path, begun: Instant, said: &mut dyn FnMut(Said)) -> Result<Info, ClusterError> {
        self.refuse_what_is_there()?;
        // What an interruption leaves of it lies in the work folder, if that is in the run's: the next run removes it.
        let parent = if work.starts_with(&self.out) { work } else { &self.out };
        let beside = tempfile::Builder::new().prefix(".reco-cluster-").tempdir_in(parent);
        let beside = beside.map_err(io("make a folder in", parent))?;
        let (tables, inputs) = match (&self.source, self.events()) {
            (Source::Tables(digests), _) => (self.out.join("tables"), digests.clone()),
            (_, path) => {
                let (path, tables) = (path.unwrap_or(Path::new("")), beside.path().join("tables"));
                fs::create_dir(&tables).map_err(io("make", &tables))?;
                let summary = self.tables(path, work, &tables)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let made = Made {
                    stage: INGEST,
                    experiment: json!({ "data": value(&self.experiment.data) }),
                    inputs: Digests::from([(name, summary.dataset.sha256.clone())]),
                    seed: 0,
                    begun,
                    notes: value(&summary),
                };
                made.write(&tables)?;
                let digests = manifest::tables(&tables, &value(&self.experiment.data), "")?;
                (tables, digests)
            }
        };
        let inputs = inputs.into_iter().map(|(name, digest)| (format!("tables/{name}"), digest)).collect();
        let (listed, n_ratings) = Tables::read_listed(&tables)?;
        let Experiment { features, split, seed, .. } = &self.experiment;
        let parts = EngineParts {
            tables: &listed,
            n_ratings,
            features,
            split,
            seed: *seed,
            users: kept(work, "user")?,
            items: kept(work, "item")?,
            ends: ends(work)?,
            cuts: cuts(work, split.validation > 0.0)?,
            counted: counted(work)?,
            parts: [
                (Part::Train, "train"),
                (Part::Validation, "validation"),
                (Part::FoldIn, "fold_in"),
                (Part::Test, "test"),
                (Part::Untrained, "untrained"),
            ]
            .into_iter()
            .map(|(part, name)| (part, output(work, name)))
            .collect(),
        };
        let folder = beside.path().join("features");
        fs::create_dir(&folder).map_err(io("make", &folder))?;
        let info = parts.write(&folder, &mut |n_rows| said(Said::Rows(n_rows)))?;
        let experiment = json!({ "features": value(features), "split": value(split) });
        Made { stage: FEATURES, experiment, inputs, seed: *seed, begun, notes: value(&info) }.write(&folder)?;
        // Not before all are whole: with tables under their name, the next run would begin with those, and all anew.
        self.refuse_what_is_there()?;
        for name in self.makes() {
            let path = self.out.join(name);
            fs::rename(beside.path().join(name), &path).map_err(io("write", &path))?;
        }
        Ok(info)
    }

    /// Where raw events lie, if those are read.
    fn events(&self) -> Option<&Path> {
        match &self.source {
            Source::Tables(_) => None,
            Source::Events(path) => Some(path),
            Source::Stored(listing) => Some(&listing.path),
        }
    }

    /// The folders that are made: each is made of those before it.
    fn makes(&self) -> &'static [&'static str] {
        match self.source {
            Source::Tables(_) => &["features"],
            Source::Events(_) | Source::Stored(_) => &["tables", "features"],
        }
    }

    /// Refuses folders that are to be made and are there. Links count too.
    fn refuse_what_is_there(&self) -> Result<(), ClusterError> {
        match self.makes().iter().map(|name| self.out.join(name)).find(|path| fs::symlink_metadata(path).is_ok()) {
            Some(path) => Err(ClusterError::InTheWay { path }),
            None => Ok(()),
        }
    }

    /// Writes the tables of the events at `path` into `folder`.
    fn tables(&self, path: &Path, work: &Path, folder: &Path) -> Result<IngestSummary, ClusterError> {
        let data = &self.experiment.data;
        let [n_events, n_good] = one_row(work, "checked_counts", ["n_events", "n_good"])?;
        let scale = match data.rating_scale.as_slice() {
            &[lowest, highest] => RatingScale::new(lowest, highest).map_err(DataError::Scale)?,
            _ => RatingScale::new(0.0, 1.0).map_err(DataError::Scale)?,
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let tables = EngineTables {
            config: data,
            events: path,
            name: if data.name.is_empty() { stem } else { data.name.clone() },
            sha256: match &self.source {
                Source::Stored(listing) => manifest::digest_of_text(&value(&listing.objects).to_string()),
                _ if path.is_dir() => manifest::digest_of_folder(path)?,
                _ => manifest::digest(path)?,
            },
            scale,
            n_events,
            n_good,
            users: &output(work, "listed_users"),
            items: &output(work, "listed_items"),
            ratings: &output(work, "ratings"),
            rejected: &output(work, "rejected"),
        };
        Ok(tables.write(folder)?)
    }
}

/// The Parquet of raw events that the experiment names.
fn events(experiment: &Experiment, tables: &Path, ingest: &str) -> Result<Source, ClusterError> {
    let data = &experiment.data;
    let path = match expand(&data.path) {
        Ok(path) => PathBuf::from(path),
        Err(unset) => {
            let (reason, hint) =
                (format!("`data.path` is `{}`, and ${unset} is not set", data.path), "set it".to_owned());
            return Err(ClusterError::NotReady { reason, hint });
        }
    };
    if data.from.is_empty() && store::is_address(&path) {
        return store::list(&path).map(Source::Stored);
    }
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    if data.from.is_empty() && path.exists() && (is_parquet || path.is_dir()) && TableChunks::open(&path).is_ok() {
        return Ok(Source::Events(path));
    }
    Err(ClusterError::NotReady {
        reason: format!("there is no `{}`, and `data.path` names no Parquet", tables.display()),
        hint: format!("{ingest}, out of any files; an engine reads raw events from Parquet alone"),
    })
}

/// `value` as JSON.
fn value(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("options and counts are JSON")
}

fn output(work: &Path, name: &str) -> PathBuf {
    work.join(format!("{name}.parquet"))
}

/// What `read` takes of each chunk of an output.
fn read<T>(
    work: &Path,
    name: &str,
    mut read: impl FnMut(&Table, &mut Vec<T>) -> Result<(), DataError>,
) -> Result<Vec<T>, ClusterError> {
    let mut found = Vec::new();
    for chunk in TableChunks::open(&output(work, name))? {
        read(&chunk?, &mut found)?;
    }
    Ok(found)
}

/// The numbers of an output of one row; a missing one is 0.
fn one_row<const N: usize>(work: &Path, name: &str, columns: [&str; N]) -> Result<[u64; N], ClusterError> {
    let mut numbers = [0; N];
    read(work, name, |table, _: &mut Vec<()>| {
        for (number, column) in numbers.iter_mut().zip(columns) {
            if let Some(Some(found)) = table.integers(column)?.first() {
                *number = u64::try_from(*found).unwrap_or_default();
            }
        }
        Ok(())
    })?;
    Ok(numbers)
}

fn counted(work: &Path) -> Result<Counted, ClusterError> {
    let [n_listed, n_of_kept_items, n_rated_enough] =
        one_row(work, "counts", ["n_ratings", "n_of_kept_items", "n_rated_enough"])?;
    let [n_kept] = one_row(work, "kept", ["n_kept"])?;
    let [n_validated] = one_row(work, "validated", ["n_validated"])?;
    Ok(Counted { n_listed, n_of_kept_items, n_rated_enough, n_kept, n_validated })
}

/// The rows of the table of users or items that stay.
fn kept(work: &Path, what: &str) -> Result<Vec<usize>, ClusterError> {
    let mut rows = read(work, &format!("kept_{what}s"), |table, rows| {
        let found = table.integers(&format!("{what}_row"))?.iter();
        rows.extend(found.map(|row| row.and_then(|row| usize::try_from(row).ok()).unwrap_or(usize::MAX)));
        Ok(())
    })?;
    // The catalogue is in the order of the table.
    rows.sort_unstable();
    Ok(rows)
}

/// The ends of items, where the plan has them.
fn ends(work: &Path) -> Result<Vec<(usize, f32, f32)>, ClusterError> {
    if !output(work, "ends").exists() {
        return Ok(Vec::new());
    }
    read(work, "ends", |table, ends| {
        let items = table.integers("item_idx")?;
        let (low, high) = (table.numbers("low")?, table.numbers("high")?);
        for ((item, low), high) in items.iter().zip(low).zip(high) {
            if let (Some(item), Some(low), Some(high)) = (item, low, high) {
                ends.push((usize::try_from(*item).unwrap_or(usize::MAX), *low, *high));
            }
        }
        Ok(())
    })
}

/// The cuts of a split by time, where the plan has them; the first only where there is a validation part.
fn cuts(work: &Path, validates: bool) -> Result<BTreeMap<String, i64>, ClusterError> {
    let mut cuts = BTreeMap::new();
    if output(work, "cuts").exists() {
        read(work, "cuts", |table, _: &mut Vec<()>| {
            for (name, is_cut) in [("validation_after", validates), ("test_after", true)] {
                let cut = table.integers(name)?.first().copied().flatten();
                cuts.extend(cut.filter(|_| is_cut).map(|cut| (name.to_owned(), cut)));
            }
            Ok(())
        })?;
    }
    Ok(cuts)
}
