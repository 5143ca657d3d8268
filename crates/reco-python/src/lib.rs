//! The extension module `reco._reco`: what Python's package `reco` calls.
//!
//! Hands arguments to reco-run and reco-cli, and what they answer back: as JSON where it is small, as Arrow where it
//! has rows. Does not know approaches, metrics or files of its own.
//!
//! **Invariant**: Python's lock is released while reco works; an interrupt stops the work as ctrl-C stops the program.

mod artifact;
mod frame;
mod watch;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

create_exception!(reco, RecoError, PyException, "What reco refuses or fails at; the text ends with a hint.");

/// The error as Python raises it.
fn refused(error: impl std::fmt::Display) -> PyErr {
    RecoError::new_err(error.to_string())
}

/// What `reco` computes with, trains and measures, for the package around it.
#[pymodule]
mod _reco {
    use std::path::PathBuf;
    use std::process::ExitCode;

    use pyo3::prelude::*;
    use reco_core::DeviceChoice;
    use reco_data::table::Column;
    use reco_run::{CompareOptions, Experiment, RunOptions, ScoresOptions, Source};
    use serde_json::{Value, json};

    use crate::frame::Batches;
    use crate::refused;
    use crate::watch::{Watch, attended};

    #[pymodule_export]
    use crate::RecoError;
    #[pymodule_export]
    use crate::artifact::Artifact;
    #[pymodule_export]
    use crate::frame::Table;

    /// Runs the command line `arguments`, the program's name first: its exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
        let code = py.detach(|| reco_cli::main(arguments));
        [ExitCode::SUCCESS, ExitCode::FAILURE]
            .iter()
            .zip(0..)
            .find_map(|(one, n)| (*one == code).then_some(n))
            .unwrap_or(2)
    }

    /// Every approach as JSON: name, about, defaults.
    #[pyfunction]
    fn approaches() -> String {
        let one = |entry: &reco_core::ApproachEntry| json!({ "name": entry.name, "about": entry.about, "defaults": (entry.defaults)() });
        Value::Array(reco_run::approaches().map(one).collect()).to_string()
    }

    /// `value`, JSON, as TOML.
    #[pyfunction]
    fn to_toml(value: &str) -> PyResult<String> {
        let value: Value = serde_json::from_str(value).map_err(refused)?;
        toml::to_string(&value).map_err(refused)
    }

    /// A table of pairs of ids.
    #[pyfunction]
    fn pairs(pairs: Vec<(String, String)>) -> PyResult<Table> {
        let (users, items) = pairs.into_iter().map(|(user, item)| (Some(user), Some(item))).unzip();
        let mut table = reco_data::table::Table::new();
        table.push("user", Column::Text(users)).map_err(refused)?;
        table.push("item", Column::Text(items)).map_err(refused)?;
        Ok(Table::of(table))
    }

    /// Writes `columns` of a frame as Parquet: how many rows it has.
    #[pyfunction]
    fn write_frame(py: Python<'_>, frame: &Bound<'_, PyAny>, columns: Vec<String>, path: PathBuf) -> PyResult<u64> {
        let batches = Batches::of(frame)?;
        py.detach(|| reco_data::write_batches(&mut batches.into_reader()?, &columns, &path).map_err(refused))
    }

    /// The rows of a table that a run left.
    #[pyfunction]
    fn read_table(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
        py.detach(|| reco_data::table::Table::read(&path).map_err(refused)).map(Table::of)
    }

    /// The experiment at `path`, or the built-in one, with `sets` over it, reduced to `approaches` unless these are
    /// none.
    fn experiment(path: Option<PathBuf>, sets: &[String], approaches: &[String]) -> PyResult<Experiment> {
        Experiment::read(&path.map_or(Source::Default, Source::File), sets, approaches).map_err(refused)
    }

    /// Runs an experiment, or its stage `only`; what it did and its results, as JSON.
    #[pyfunction]
    #[expect(clippy::too_many_arguments, reason = "the flags of `reco run`")]
    fn run(
        py: Python<'_>,
        path: Option<PathBuf>,
        sets: Vec<String>,
        approaches: Vec<String>,
        out: PathBuf,
        raw: PathBuf,
        only: Option<String>,
        force: bool,
        command: String,
    ) -> PyResult<String> {
        let experiment = experiment(path, &sets, &approaches)?;
        attended(py, |watch: &Watch| {
            let (raw, out, only, command) = (&*raw, &*out, only.as_deref(), &*command);
            let options = RunOptions { raw, out, from: None, only, force, command, progress: watch };
            let summary = reco_run::run(&experiment, &options).map_err(refused)?;
            serde_json::to_string(&summary).map_err(refused)
        })
    }

    /// Measures a model on the held-out rows of the run in `out`: its results as JSON, and each user's values.
    #[pyfunction]
    fn evaluate(
        py: Python<'_>,
        path: PathBuf,
        sets: Vec<String>,
        out: PathBuf,
        artifact: Py<Artifact>,
    ) -> PyResult<(String, Table)> {
        let experiment = experiment(Some(path), &sets, &["popularity".to_owned()])?;
        let artifact = artifact.get().share();
        attended(py, move |watch: &Watch| {
            let options = options(&out, watch);
            let (results, users) = reco_run::measure_model(&experiment, &options, &artifact).map_err(refused)?;
            Ok((serde_json::to_string(&results).map_err(refused)?, Table::of(users)))
        })
    }

    /// Measures scores of another program, a table with `user`, `item` and `score`, on the held-out rows of the run in
    /// `out`: their results as JSON. Each user's values are written to `per_user`.
    #[pyfunction]
    fn evaluate_scores(
        py: Python<'_>,
        path: PathBuf,
        sets: Vec<String>,
        out: PathBuf,
        scores: PathBuf,
        are_stars: bool,
        per_user: PathBuf,
    ) -> PyResult<String> {
        let experiment = experiment(Some(path), &sets, &["popularity".to_owned()])?;
        attended(py, |watch: &Watch| {
            let of = ScoresOptions { path: &scores, are_stars, repetition: None, per_user: Some(&per_user) };
            let measured = reco_run::measure_scores(&experiment, &options(&out, watch), &of).map_err(refused)?;
            serde_json::to_string(&measured.results).map_err(refused)
        })
    }

    fn options<'a>(out: &'a std::path::Path, watch: &'a Watch) -> RunOptions<'a> {
        RunOptions { raw: out, out, from: None, only: None, force: false, command: "reco.evaluate", progress: watch }
    }

    /// Compares runs user by user: the comparison as JSON, in words, and as a page.
    #[pyfunction]
    fn compare(
        py: Python<'_>,
        runs: Vec<String>,
        against: Option<String>,
        metrics: Vec<String>,
        groups: Vec<String>,
        alpha: f64,
        different_tests: bool,
    ) -> PyResult<(String, String, String)> {
        py.detach(|| {
            let (metrics, groups, against) = (&*metrics, &*groups, against.as_deref());
            let options = CompareOptions { against, metrics, groups, alpha, different_tests, self_check: None };
            let comparison = reco_run::compare(&runs, &options).map_err(refused)?;
            let json = serde_json::to_string(&comparison).map_err(refused)?;
            Ok((json, reco_run::comparison_summary(&comparison), reco_run::comparison_page(&comparison)))
        })
    }

    /// `auto`, `wgpu`, `cpu` or `cuda`.
    pub(crate) fn device(name: &str) -> PyResult<DeviceChoice> {
        serde_json::from_value(Value::String(name.to_owned()))
            .map_err(|_| refused(format!("there is no device `{name}`\nhint: `auto`, `wgpu`, `cpu` or `cuda`")))
    }
}
