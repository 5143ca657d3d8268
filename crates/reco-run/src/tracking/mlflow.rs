//! Follows models in a server of MLflow: options, seed and data are parameters, losses and metrics are metrics.
//!
//! What the server is told goes through a thread for each run, so that training waits for no answer; what could not be
//! sent is tried again with what comes next, and a last time at the end. Does not know what the numbers mean.
//!
//! **Invariant**: what the server says it took is not sent again; no request is larger than a server takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use reco_core::Progress;
use reco_features::now_in_milliseconds;
use serde_json::{Value, json};

use super::rest::{Environment, Rest, RestError};
use super::{End, Kind, Problems, Subject, TrackedRun, Tracker, TrackingError};

/// What is sent at once. A server takes 1,000 metrics, 100 parameters or tags, and a megabyte: 40 of the longest
/// parameters or tags are less.
const MOST_METRICS: usize = 1000;
const MOST_WORDS: usize = 40;

/// Characters that a name, and the value of a parameter or of a tag, may have.
const LONGEST_NAME: usize = 250;
const LONGEST_PARAMETER: usize = 6000;
const LONGEST_TAG: usize = 5000;

/// What stands in the place of the address for that in `MLFLOW_TRACKING_URI`.
const ENVIRONMENT: &str = "env";

/// How a run stands that has not ended.
const RUNNING: &str = "RUNNING";

/// How long the end of an interrupted training may take: the program ends a second after it was asked to.
const INTERRUPTED: Duration = Duration::from_millis(500);

/// How often whoever waits for the end looks around.
const OFTEN: Duration = Duration::from_millis(20);

/// What a server calls an experiment, or a run, that it does not have, and one that it has already.
const NONE_SUCH: &str = "RESOURCE_DOES_NOT_EXIST";
const THERE_ALREADY: &str = "RESOURCE_ALREADY_EXISTS";

/// An experiment of a server.
pub(super) struct Mlflow(Arc<Server>);

struct Server {
    rest: Rest,
    experiment_id: String,
    /// How long a request may take.
    patience: Duration,
    /// How many requests of runs it took.
    n_taken: AtomicUsize,
    problems: Problems,
}

impl Mlflow {
    /// The experiment `name` of the server at `address`; made if there is none.
    ///
    /// # Errors
    /// An address that is none; a server that does not answer, or says no.
    pub(super) fn connect(address: &str, name: &str, environment: Environment) -> Result<Self, TrackingError> {
        let wrong = |address: &str, reason, hint| TrackingError::Address { address: address.to_owned(), reason, hint };
        let address = match (address, &environment.uri) {
            (ENVIRONMENT, Some(uri)) => uri.clone(),
            (ENVIRONMENT, None) => {
                let hint = "set it, or write the address, as `http://127.0.0.1:5000`";
                return Err(wrong(address, "`MLFLOW_TRACKING_URI` is not set", hint));
            }
            _ => address.to_owned(),
        };
        let host = address.split_once("://").map_or(&*address, |(_, rest)| rest).split('/').next().unwrap_or_default();
        if let Some((_, host)) = host.rsplit_once('@') {
            // What stands before it is not shown.
            let hint = "`MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` say who asks";
            return Err(wrong(&format!("…@{host}"), "it has a name or a password before `@`", hint));
        }
        if !["http://", "https://"].iter().any(|scheme| address.starts_with(scheme)) {
            let hint = "write the address of a server, as `http://127.0.0.1:5000`; \
                `mlflow server --backend-store-uri sqlite:///mlflow.db` starts one";
            return Err(wrong(&address, "it is no address of a server", hint));
        }
        let patience = environment.patience;
        let rest = Rest::new(&address, environment);
        let experiment_id = experiment(&rest, name)?;
        let (n_taken, problems) = (AtomicUsize::new(0), Problems::default());
        Ok(Self(Arc::new(Server { rest, experiment_id, patience, n_taken, problems })))
    }
}

/// The id of the experiment `name`.
fn experiment(rest: &Rest, name: &str) -> Result<String, TrackingError> {
    let mut tried = false;
    loop {
        let found = match rest.get("experiments/get-by-name", ("experiment_name", name)) {
            Ok(found) if found["experiment"]["lifecycle_stage"] == "deleted" => {
                let reason = format!("the server of MLflow has deleted the experiment `{name}`");
                let hint = "`mlflow experiments restore` brings it back, or name another in `tracking.experiment`";
                return Err(TrackingError::Server { reason, hint });
            }
            Ok(found) => found["experiment"]["experiment_id"].clone(),
            Err(RestError::Refused { code, .. }) if code == NONE_SUCH => {
                match rest.post("experiments/create", &json!({ "name": name })) {
                    Ok(made) => made["experiment_id"].clone(),
                    // Another run was faster.
                    Err(RestError::Refused { code, .. }) if code == THERE_ALREADY && !tried => {
                        tried = true;
                        continue;
                    }
                    Err(error) => return Err(refused(&error)),
                }
            }
            Err(error) => return Err(refused(&error)),
        };
        return match found {
            Value::String(id) => Ok(id),
            _ => Err(refused(&rest.lacks("experiment_id"))),
        };
    }
}

/// A server that is not there, or says no, before any work.
fn refused(error: &RestError) -> TrackingError {
    let hint = match error {
        RestError::Unreachable { .. } => {
            "`mlflow server --backend-store-uri sqlite:///mlflow.db` starts one; \
             without one, leave out `tracking.mlflow`"
        }
        RestError::Foreign { .. } => "is it the address that `mlflow server` printed, without a page's path?",
        RestError::Refused { status: 401 | 403, .. } => {
            "`MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`, say who asks"
        }
        RestError::Refused { .. } => "the log of the server has more; without one, leave out `tracking.mlflow`",
    };
    TrackingError::Server { reason: error.to_string(), hint }
}

impl Tracker for Mlflow {
    fn key(&self) -> &'static str {
        "mlflow"
    }

    fn problems(&self) -> &Problems {
        &self.0.problems
    }

    fn open(&self, model: &Subject, known: Option<&str>) -> Option<Box<dyn TrackedRun>> {
        let server = Arc::clone(&self.0);
        if server.problems.are_final() {
            return None;
        }
        let command = if model.command.is_empty() { "reco" } else { &model.command };
        let folder = model.folder.to_string_lossy();
        let tags = [
            ("mlflow.runName", &*model.name),
            ("mlflow.source.name", command),
            ("mlflow.source.type", "LOCAL"),
            ("reco.version", env!("CARGO_PKG_VERSION")),
            ("reco.model", &*folder),
        ];
        let start = json!({
            "experiment_id": server.experiment_id,
            "run_name": model.name,
            "start_time": now_in_milliseconds(),
            "tags": tags.map(|(key, value)| pair(key, value, LONGEST_TAG)),
        });
        let parameter = |(key, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pair(key, &text, LONGEST_PARAMETER)
        };
        let waiting = Waiting { params: model.parameters.iter().map(parameter).collect(), ..Waiting::default() };
        let worker = Worker { server, known: known.map(str::to_owned), start, run_id: None, goes_on: false, waiting };
        let ((told, hears), (done, is_done)) = (mpsc::channel(), mpsc::channel());
        let work = move || drop(done.send(worker.work(&hears)));
        match thread::Builder::new().name("mlflow".to_owned()).spawn(work) {
            Ok(_) => Some(Box::new(MlflowRun { server: Arc::clone(&self.0), told, is_done })),
            Err(error) => {
                self.0.problems.add(Kind::GivenUp, format!("the system starts no thread for it: {error}"));
                None
            }
        }
    }
}

/// The run of a model, as the work on the model sees it.
struct MlflowRun {
    server: Arc<Server>,
    told: Sender<Told>,
    /// Hears the id of the run, once all is sent or given up.
    is_done: Receiver<Option<String>>,
}

/// What the thread of a run is told.
enum Told {
    Metrics(Vec<Value>),
    End { end: End, time: i64, device: Option<String> },
}

impl TrackedRun for MlflowRun {
    fn numbers(&mut self, step: usize, numbers: &[(String, f64)]) {
        let time = now_in_milliseconds();
        let metric = |(key, value): &(String, f64)| json!({ "key": server_key(key), "value": value, "timestamp": time, "step": step });
        // It hears until this is dropped.
        let _ = self.told.send(Told::Metrics(numbers.iter().map(metric).collect()));
    }

    fn end(self: Box<Self>, end: End, device: Option<&str>, progress: &dyn Progress) -> Option<String> {
        let Self { server, told, is_done } = *self;
        let _ = told.send(Told::End { end, time: now_in_milliseconds(), device: device.map(str::to_owned) });
        drop(told);
        let (begun, mut taken) = (Instant::now(), (0, Instant::now()));
        let mut stopped = (end == End::Killed).then_some(begun);
        loop {
            match is_done.recv_timeout(OFTEN) {
                Ok(id) => return id,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let n = server.n_taken.load(Ordering::Relaxed);
            if n != taken.0 {
                taken = (n, Instant::now());
            }
            if stopped.is_none() && progress.interrupted() {
                stopped = Some(Instant::now());
            }
            let is_over = match stopped {
                Some(stopped) => stopped.elapsed() > INTERRUPTED,
                None => taken.1.elapsed() > 2 * server.patience || begun.elapsed() > 12 * server.patience,
            };
            if is_over {
                break;
            }
        }
        server.give_up();
        None
    }
}

/// What the server has not taken yet.
#[derive(Default)]
struct Waiting {
    params: Vec<Value>,
    tags: Vec<Value>,
    metrics: Vec<Value>,
    end: Option<(End, i64)>,
}

impl Waiting {
    fn add(&mut self, told: Told) {
        match told {
            Told::Metrics(metrics) => self.metrics.extend(metrics),
            Told::End { end, time, device } => {
                self.tags.extend(device.map(|device| pair("reco.device", &device, LONGEST_TAG)));
                self.end = Some((end, time));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.params.is_empty() && self.tags.is_empty() && self.metrics.is_empty() && self.end.is_none()
    }
}

/// Tells the server of one run.
struct Worker {
    server: Arc<Server>,
    /// The run in which the work goes on.
    known: Option<String>,
    /// What makes a new one.
    start: Value,
    /// The run, once it is there.
    run_id: Option<String>,
    /// Whether that is the one in which the work goes on: it has its parameters, and has ended.
    goes_on: bool,
    waiting: Waiting,
}

impl Worker {
    /// Works until nobody tells it anything more and all is sent, or cannot be; gives the id of the run.
    fn work(mut self, hears: &Receiver<Told>) -> Option<String> {
        let mut may_send = true;
        loop {
            if may_send && !self.waiting.is_empty() {
                if let Err(error) = self.deliver() {
                    let what = format!("{error}; the work goes on, and what is to be told is tried again");
                    self.server.problems.add(Kind::Passing, what);
                    may_send = false;
                }
                for told in hears.try_iter() {
                    self.waiting.add(told);
                    may_send = true;
                }
            } else {
                let Ok(told) = hears.recv() else { break };
                self.waiting.add(told);
                may_send = true;
            }
        }
        if !self.waiting.is_empty() {
            self.server.give_up();
        }
        self.run_id
    }

    /// Sends one request of what is waiting. What the server refuses for good is left out.
    fn deliver(&mut self) -> Result<(), RestError> {
        let run_id = self.opened()?;
        let Self { server, waiting, goes_on, .. } = self;
        let Waiting { params, tags, metrics, end } = waiting;
        // Whoever interrupted waits for nothing, so that the end comes first.
        let is_killed = matches!(end, Some((End::Killed, _)));
        let lists = [("params", params, MOST_WORDS), ("tags", tags, MOST_WORDS), ("metrics", metrics, MOST_METRICS)];
        if let Some((kind, list, most)) = lists.into_iter().find(|(_, list, _)| !is_killed && !list.is_empty()) {
            let n = list.len().min(most);
            server.tell("runs/log-batch", &json!({ "run_id": run_id, kind: list[..n] }))?;
            list.drain(..n);
        } else if let Some((how, time)) = *end {
            if !*goes_on {
                let status = match how {
                    End::Finished => "FINISHED",
                    End::Failed => "FAILED",
                    End::Killed => "KILLED",
                };
                server.tell("runs/update", &json!({ "run_id": run_id, "status": status, "end_time": time }))?;
            }
            *end = None;
        }
        server.n_taken.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The id of the run, which is made where there is none.
    fn opened(&mut self) -> Result<String, RestError> {
        if let Some(id) = &self.run_id {
            return Ok(id.clone());
        }
        let (server, known) = (&self.server, self.known.as_deref());
        let status = known.map_or(Ok(None), |known| server.status(known))?;
        // One that did not come to its end lacks something, perhaps all.
        self.goes_on = status.as_ref().is_some_and(|status| status != RUNNING);
        let id = match known.filter(|_| status.is_some()) {
            Some(known) => {
                if self.goes_on {
                    self.waiting.params.clear();
                }
                known.to_owned()
            }
            None => {
                let made = server.rest.post("runs/create", &self.start)?;
                let id = made["run"]["info"]["run_id"].as_str().ok_or_else(|| server.rest.lacks("run_id"))?;
                id.to_owned()
            }
        };
        self.run_id = Some(id.clone());
        self.server.n_taken.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }
}

impl Server {
    /// Sends `body`; that it is refused for good is noted, and no error.
    fn tell(&self, path: &str, body: &Value) -> Result<(), RestError> {
        match self.rest.post(path, body) {
            Ok(_) => Ok(()),
            Err(error) if error.may_pass() => Err(error),
            Err(error) => {
                self.problems.add(Kind::Refused, format!("{error}; the work goes on without it"));
                Ok(())
            }
        }
    }

    /// How the run `id` stands; `None` where there is none, or a deleted one.
    fn status(&self, id: &str) -> Result<Option<String>, RestError> {
        match self.rest.get("runs/get", ("run_id", id)) {
            Ok(found) => {
                let info = &found["run"]["info"];
                let is_there = info["lifecycle_stage"] == "active";
                Ok(info["status"].as_str().filter(|_| is_there).map(str::to_owned))
            }
            Err(error @ RestError::Refused { .. }) if !error.may_pass() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// From now on nothing more is sent.
    fn give_up(&self) {
        let what = "the server of MLflow did not take all that it was told; this run sends it nothing more";
        self.problems.add(Kind::GivenUp, what.to_owned());
    }
}

/// A parameter or a tag, cut to what a server takes.
fn pair(key: &str, value: &str, longest: usize) -> Value {
    // JSON writes these in six bytes.
    let value = value.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c });
    json!({ "key": server_key(key), "value": value.collect::<String>() })
}

/// `name` in the characters that a server takes: `ndcg@10` is `ndcg_at_10`.
fn server_key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-. /".contains(c);
    let name = name.replace('@', "_at_").replace(|c| !is_plain(c), "_");
    name.chars().take(LONGEST_NAME).collect()
}
