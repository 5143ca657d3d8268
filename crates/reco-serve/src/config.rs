//! What a service is told when it starts: runs, key, limits, scenarios, an A/B test.
//!
//! Does not know how any of it is used.
//!
//! **Invariant**: a configuration that is out was checked as far as it can be without the models.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reco_core::{DeviceChoice, options};
use reco_run::RunError;
use serde::Deserialize;

use crate::filter::Filter;

/// What a service is told.
#[derive(Clone, Debug, Default)]
pub struct ServeConfig {
    /// Folders that runs wrote with `--out`, by name; the first is served at the start.
    pub runs: Vec<(String, PathBuf)>,
    /// Where the events lie; `None` if none are taken.
    pub events: Option<PathBuf>,
    /// The key that writes and administration ask for; `None` if they ask for none.
    pub api_key: Option<String>,
    /// Where networks compute.
    pub device: DeviceChoice,
    /// Whether it listens to this machine alone. Requests must then name this machine as their host, so that a page of
    /// another site cannot reach it by a name that leads here.
    pub is_local: bool,
    /// How much a request may ask for.
    pub limits: Limits,
    /// Named rules, and an A/B test.
    pub rules: Rules,
    /// Whether each request is a line of JSON on stderr.
    pub log: bool,
}

/// How much a request may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Items of an answer, with those of the pages before it.
    pub k: usize,
    /// Requests in one batch, and events in one request.
    pub batch: usize,
    /// Items of a request that come with their reasons, which name all that an asker has met.
    pub explained: usize,
    /// Requests that are worked at or wait.
    pub concurrency: usize,
    /// Connections that are open.
    pub connections: usize,
    /// How long a request may take.
    pub time: Duration,
    /// How long a connection may say nothing.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            k: reco_web::question::MOST,
            batch: 100,
            explained: 200,
            concurrency: 512,
            // Beside the files of a run, they fit the 1,024 descriptors that a process has by default.
            connections: 900,
            time: Duration::from_secs(10),
            idle: Duration::from_secs(30),
        }
    }
}

/// The file of `--config`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Rules that a request can name.
    pub scenario: BTreeMap<String, Scenario>,
    /// Users who are told apart by a hash of their id.
    pub ab: Option<AbTest>,
}

/// Rules that a request can name: `?scenario=home`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The approach that answers, unless the request names one.
    pub approach: Option<String>,
    /// What may be recommended, whatever the request says besides.
    #[serde(flatten)]
    pub filter: Filter,
    /// As in a request.
    pub diversity: Option<f32>,
    /// What is added to the score of items that have a feature, in standard deviations of the scores.
    pub boost: BTreeMap<String, f32>,
}

/// An A/B test over approaches.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbTest {
    /// Its name: another name draws other users.
    pub name: String,
    /// Approach by arm; each has an equal share of the users.
    pub arms: BTreeMap<String, String>,
}

/// Why a service does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A run that cannot be loaded.
    #[error(transparent)]
    Run(#[from] RunError),
    /// An address that cannot be listened at.
    #[error("cannot listen at `{address}`: {reason}\nhint: name another one with `--addr`, or port 0 for a free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// A runtime that does not start.
    #[error("the service cannot start its threads: {reason}")]
    Runtime {
        /// What the system says.
        reason: String,
    },
    /// A file of rules that is wrong.
    #[error("`{path}` is no configuration of a service: {reason}")]
    Rules {
        /// The file.
        path: String,
        /// What is wrong, with its hint.
        reason: String,
    },
    /// A store of events that cannot be used.
    #[error("the events in `{path}` cannot be used: {reason}")]
    Store {
        /// The file.
        path: String,
        /// What the store says.
        reason: String,
    },
    /// A page without a server that cannot be written.
    #[error("the page cannot be written: {reason}")]
    Web {
        /// What is wrong, with its hint.
        reason: String,
    },
    /// A model that does not answer its self-test.
    #[error("`{name}` in run `{run}` does not answer its self-test: {reason}\nhint: train again: `reco train`")]
    SelfTest {
        /// The run.
        run: String,
        /// The model.
        name: String,
        /// What it says.
        reason: String,
    },
}

impl Rules {
    /// Reads the file at `path`, TOML.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value of the wrong kind, an A/B test with fewer than two arms.
    pub fn read(path: &Path) -> Result<Self, ServeError> {
        let wrong = |reason: String| ServeError::Rules { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let rules: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let few = rules.ab.as_ref().filter(|ab| ab.arms.len() < 2);
        if let Some(ab) = few {
            return Err(wrong(format!(
                "the A/B test `{}` has `{}` arms\nhint: name two or more",
                ab.name,
                ab.arms.len()
            )));
        }
        for (name, scenario) in &rules.scenario {
            let outside = scenario.diversity.filter(|diversity| !(0.0..=1.0).contains(diversity));
            if let Some(diversity) = outside {
                return Err(wrong(format!(
                    "`diversity` of scenario `{name}` is `{diversity}`\nhint: it lies between 0 and 1"
                )));
            }
        }
        Ok(rules)
    }

    /// The scenario called `name`.
    pub(crate) fn scenario(&self, name: &str) -> Result<&Scenario, String> {
        let known = || self.scenario.keys().map(String::as_str);
        self.scenario
            .get(name)
            .ok_or_else(|| format!("unknown scenario `{name}`\nhint: {}", options::did_you_mean(name, known())))
    }
}
