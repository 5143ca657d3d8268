//! Tests that tools are told what happens, and that no tool disturbs the work.
//!
//! Does not know real servers and readers: the step `tracking` of CI does.
//!
//! **Invariant**: servers are on 127.0.0.1, files in a temporary folder.

mod files;
mod server;
mod servers;
mod whole;

use std::sync::Arc;

use reco_core::Silent;

use super::*;

/// A model that has two parameters.
fn subject(name: &str) -> Subject {
    Subject {
        name: name.to_owned(),
        parameters: BTreeMap::from([("epochs".to_owned(), json!(3)), ("approach".to_owned(), json!("neural"))]),
        folder: PathBuf::from("/somewhere/models/neural"),
        command: "reco train".to_owned(),
    }
}

/// What a tool was told, in words.
#[derive(Default)]
struct Heard(Arc<Mutex<Vec<String>>>, Problems);

impl Tracker for Heard {
    fn key(&self) -> &'static str {
        "heard"
    }

    fn problems(&self) -> &Problems {
        &self.1
    }

    fn open(&self, model: &Subject, known: Option<&str>) -> Option<Box<dyn TrackedRun>> {
        self.0.lock().unwrap().push(format!("open {} {known:?}", model.name));
        Some(Box::new(Heard(Arc::clone(&self.0), Problems::default())))
    }
}

impl TrackedRun for Heard {
    fn numbers(&mut self, step: usize, numbers: &[(String, f64)]) {
        self.0.lock().unwrap().push(format!("{step} {numbers:?}"));
    }

    fn end(self: Box<Self>, end: End, device: Option<&str>, _progress: &dyn Progress) -> Option<String> {
        self.0.lock().unwrap().push(format!("{end:?} {device:?}"));
        Some("id".to_owned())
    }
}

/// Counts what it passes on, and keeps its notes.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Progress for Recorder {
    fn begin(&self, approach: &str, epochs: usize, rows: usize) {
        self.0.lock().unwrap().push(format!("begin {approach} {epochs} {rows}"));
    }

    fn epoch(&self, epoch: &EpochLog) {
        self.0.lock().unwrap().push(format!("epoch {}", epoch.epoch));
    }

    fn end(&self) {
        self.0.lock().unwrap().push("end".to_owned());
    }

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn interrupted(&self) -> bool {
        true
    }
}

fn epoch(epoch: usize, train_loss: f64) -> EpochLog {
    let (train_mape, validation_loss, validation_mape, validation_ndcg) = (None, Some(0.5), None, None);
    EpochLog { epoch, train_loss, train_mape, validation_loss, validation_mape, validation_ndcg }
}

fn followed<'a>(tracking: &'a Tracking, progress: &'a dyn Progress, kind: &'static str) -> Followed<'a> {
    let runs = tracking.tools.iter().filter_map(|tool| Some((tool.key(), tool.open(&subject("a"), None)?)));
    let state = State { runs: runs.collect(), prefix: String::new(), begun: BTreeMap::new() };
    Followed { tracking, progress, kind, state: Mutex::new(state) }
}

#[test]
fn a_tool_hears_each_epoch_and_the_end_and_the_progress_goes_on() {
    let tool = Heard::default();
    let heard = Arc::clone(&tool.0);
    let tracking = Tracking { tools: vec![Box::new(tool)] };
    let progress = Recorder::default();
    let followed = followed(&tracking, &progress, "neural");
    followed.begin("neural", 2, 10);
    followed.epoch(&epoch(1, 0.75));
    followed.epoch(&epoch(2, f64::NAN));
    Progress::end(&followed);
    assert!(followed.interrupted());
    let problems = tracking.tools[0].problems();
    problems.add(Kind::Passing, "it is full".to_owned());
    problems.add(Kind::Passing, "it is fuller".to_owned());
    problems.add(Kind::GivenUp, "it is broken".to_owned());
    let notes = json!({ "n_parameters": 7, "epochs": null, "train_seconds": 1.5 });
    let made = followed.finish(Ok(Made { device: Some("cpu".to_owned()), notes })).unwrap();
    assert_eq!(made.notes["tracked"], json!({ "heard": "id" }));
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "open a None",
            "1 [(\"epoch/train_loss\", 0.75), (\"epoch/validation_loss\", 0.5)]",
            // A number that is none is not told.
            "2 [(\"epoch/validation_loss\", 0.5)]",
            "0 [(\"training/n_parameters\", 7.0), (\"training/train_seconds\", 1.5)]",
            "Finished Some(\"cpu\")",
        ]
    );
    let said = ["full", "broken"].map(|how| format!("`tracking.heard`: it is {how}"));
    assert_eq!(progress.0.lock().unwrap()[..4], ["begin neural 2 10", "epoch 1", "epoch 2", "end"]);
    assert_eq!(progress.0.lock().unwrap()[4..], said);
}

#[test]
fn the_curves_of_parts_stand_apart_from_each_other() {
    let tool = Heard::default();
    let heard = Arc::clone(&tool.0);
    let tracking = Tracking { tools: vec![Box::new(tool)] };
    let followed = followed(&tracking, &Silent, "blend");
    for approach in ["neural", "neural", "ease", "blend"] {
        followed.begin(approach, 1, 1);
        followed.epoch(&EpochLog { validation_loss: None, ..epoch(1, 0.25) });
    }
    assert!(matches!(followed.finish(Err(RunError::Interrupted)), Err(RunError::Interrupted)));
    let of = |prefix: &str| format!("1 [(\"{prefix}/train_loss\", 0.25)]");
    let curves = ["neural-1", "neural-2", "ease-1", "epoch"].map(of);
    assert_eq!(heard.lock().unwrap()[1..5], curves);
    assert_eq!(heard.lock().unwrap()[5..], ["Killed None"]);
}

#[test]
fn options_are_flat_parameters() {
    let mut flat = BTreeMap::new();
    let options = json!({ "rate": 0.5, "inner": { "on": true, "none": null }, "parts": [{ "name": "ease" }, 2] });
    flatten(String::new(), options, &mut flat);
    let expected = [("inner.on", json!(true)), ("parts", json!(r#"[{"name":"ease"},2]"#)), ("rate", json!(0.5))];
    assert_eq!(flat, BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value))));
}
