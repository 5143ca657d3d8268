//! Tests what a server of MLflow is told, and that a bad one is refused at first and forgiven later.
//!
//! Does not know MLflow's own server: the step `tracking` of CI does.
//!
//! **Invariant**: nobody waits longer than [`SOON`].

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::server::{Request, Server, no};
use super::*;

/// How long a request may take here, and how long the end of a run.
const PATIENCE: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(5);

fn environment() -> Environment {
    Environment { uri: None, authorization: None, patience: PATIENCE }
}

fn connect(address: &str) -> Result<Mlflow, String> {
    Mlflow::connect(address, "mine", environment()).map_err(|error| error.to_string())
}

fn whats(asked: &[Request]) -> Vec<&str> {
    asked.iter().map(|request| request.what.as_str()).collect()
}

fn number(name: &str, value: f64) -> [(String, f64); 1] {
    [(name.to_owned(), value)]
}

#[test]
fn an_experiment_is_made_a_run_told_and_ended() {
    let server = Server::but(|request| match &*request.what {
        "GET experiments/get-by-name" => no(404, "RESOURCE_DOES_NOT_EXIST"),
        "POST experiments/create" => Some((200, r#"{"experiment_id":"9"}"#.to_owned())),
        _ => None,
    });
    let environment = Environment { authorization: Some("Bearer secret".to_owned()), ..environment() };
    let tool = Mlflow::connect(&format!("{}/", server.address), "mine & yours", environment).unwrap();
    let mut run = tool.open(&subject("neural"), None).unwrap();
    run.numbers(1, &number("epoch/train_loss", 0.5));
    run.numbers(2, &number("test/ndcg@10", 0.25));
    assert_eq!(run.end(End::Finished, Some("wgpu"), &Silent).as_deref(), Some("r1"));
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.authorization.as_deref() == Some("Bearer secret")));
    assert_eq!(whats(&asked)[..3], ["GET experiments/get-by-name", "POST experiments/create", "POST runs/create"]);
    let query = asked[0].body.as_str().unwrap().replace('+', "%20");
    assert_eq!(query, "experiment_name=mine%20%26%20yours");
    let start = &asked[2].body;
    assert_eq!((&start["experiment_id"], &start["run_name"]), (&json!("9"), &json!("neural")));
    let tags = start["tags"].to_string();
    for part in ["mlflow.runName", "mlflow.source.name", "reco train", "/somewhere/models/neural"] {
        assert!(tags.contains(part), "{part}: {tags}");
    }
    let batches = asked.iter().filter(|request| request.what == "POST runs/log-batch");
    let mut told: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for batch in batches {
        assert_eq!(batch.body["run_id"], "r1");
        for kind in ["params", "metrics", "tags"] {
            let of_kind = batch.body[kind].as_array().cloned().unwrap_or_default();
            told.entry(kind).or_default().extend(of_kind);
        }
    }
    let parameters =
        [("approach", "neural"), ("epochs", "3")].map(|(key, value)| json!({ "key": key, "value": value }));
    assert_eq!(told["params"], parameters);
    assert_eq!(told["tags"], [json!({ "key": "reco.device", "value": "wgpu" })]);
    let metrics: Vec<_> = told["metrics"].iter().map(|one| (&one["key"], &one["value"], &one["step"])).collect();
    let (loss, ndcg) = (json!("epoch/train_loss"), json!("test/ndcg_at_10"));
    assert_eq!(metrics, [(&loss, &json!(0.5), &json!(1)), (&ndcg, &json!(0.25), &json!(2))]);
    assert!(told["metrics"][0]["timestamp"].as_i64() > Some(1_600_000_000_000));
    let last = asked.last().unwrap();
    assert_eq!((&*last.what, &last.body["status"]), ("POST runs/update", &json!("FINISHED")));
    assert!(tool.problems().unsaid().is_empty());
}

#[test]
fn no_request_is_larger_than_a_server_takes() {
    let server = Server::but(|_| None);
    let tool = connect(&server.address).unwrap();
    let many = (0..120).map(|n| (format!("option {n}"), json!("🎬".repeat(7000)))).collect();
    let mut run = tool.open(&Subject { parameters: many, ..subject("a") }, None).unwrap();
    let numbers: Vec<_> = (0..2500).map(|n| (format!("m{n}"), f64::from(n))).collect();
    run.numbers(0, &numbers);
    run.end(End::Failed, None, &Silent).unwrap();
    let asked = server.asked();
    let sizes = |kind: &str| -> Vec<usize> {
        asked.iter().filter_map(|request| request.body[kind].as_array()).map(Vec::len).collect()
    };
    assert_eq!(sizes("params"), [40, 40, 40]);
    assert_eq!(sizes("metrics"), [1000, 1000, 500]);
    assert!(asked.iter().all(|request| request.body.to_string().len() < 1_000_000));
    let value = asked.iter().find_map(|request| request.body["params"][0]["value"].as_str()).unwrap();
    assert_eq!(value.chars().count(), 6000);
    assert_eq!(asked.last().unwrap().body["status"], "FAILED");
}

#[test]
fn work_goes_on_in_a_run_that_is_there_and_in_a_new_one_else() {
    let server = Server::but(|request| match (&*request.what, request.body.as_str()) {
        ("GET runs/get", Some("run_id=gone")) => no(404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET runs/get", Some("run_id=deleted")) => {
            Some((200, r#"{"run":{"info":{"lifecycle_stage":"deleted","status":"FINISHED"}}}"#.to_owned()))
        }
        ("GET runs/get", Some("run_id=unended")) => {
            Some((200, r#"{"run":{"info":{"lifecycle_stage":"active","status":"RUNNING"}}}"#.to_owned()))
        }
        _ => None,
    });
    let tool = connect(&server.address).unwrap();
    server.asked();
    for (known, expected) in [("there", "there"), ("gone", "r1"), ("deleted", "r1"), ("unended", "unended")] {
        let mut run = tool.open(&subject("a"), Some(known)).unwrap();
        run.numbers(0, &number("test/rmse", 1.0));
        assert_eq!(run.end(End::Finished, None, &Silent).as_deref(), Some(expected));
        let asked = server.asked();
        assert_eq!(whats(&asked).contains(&"POST runs/create"), expected == "r1", "{known}");
        // A run that has ended is whole; another may lack anything.
        let is_whole = known == "there";
        assert_ne!(whats(&asked).contains(&"POST runs/update"), is_whole, "{known}");
        assert_ne!(asked.iter().any(|request| !request.body["params"].is_null()), is_whole, "{known}");
        assert!(asked.iter().any(|request| request.body["metrics"][0]["key"] == "test/rmse"), "{known}");
    }
}

#[test]
fn a_server_that_is_of_no_use_is_refused_before_any_work() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = |status: u16, body: &str| {
        let body = body.to_owned();
        Server::start(move |_| (status, body.clone())).address
    };
    let coded = |status, code: &'static str| Server::start(move |_| no(status, code).unwrap()).address;
    let deleted = r#"{"experiment":{"experiment_id":"1","lifecycle_stage":"deleted"}}"#;
    for (address, parts) in [
        (format!("http://{nobody}"), vec!["does not answer", "hint: `mlflow server "]),
        (format!("http://{}", silent.local_addr().unwrap()), vec!["no answer in time", "hint: `mlflow server "]),
        (text(200, "<html>"), vec!["is no server of MLflow: its answer is no JSON", "hint: is it the address"]),
        (text(200, "[]"), vec!["is no server of MLflow"]),
        (text(200, "{}"), vec!["its answer has no `experiment_id`"]),
        (text(200, r#"{"experiment": "x"}"#), vec!["its answer has no `experiment_id`"]),
        (text(200, deleted), vec!["has deleted the experiment `mine`", "hint: `mlflow experiments restore`"]),
        (text(404, "not here"), vec!["its status is `404`"]),
        (text(302, ""), vec!["its status is `302`"]),
        (text(500, "oh"), vec!["does not answer: its status is `500`"]),
        (text(401, "You are not authenticated"), vec!["`401`: You are not", "hint: `MLFLOW_TRACKING_USERNAME`"]),
        (coded(403, "PERMISSION_DENIED"), vec!["`403`: it will not", "`MLFLOW_TRACKING_TOKEN`"]),
        (coded(500, "INTERNAL_ERROR"), vec!["refuses with status `500`: it will not", "hint: the log"]),
        ("runs".to_owned(), vec!["`tracking.mlflow` is `runs`: it is no address", "hint: write the address"]),
        ("env".to_owned(), vec!["`MLFLOW_TRACKING_URI` is not set", "hint: set it"]),
    ] {
        let begun = Instant::now();
        let error = connect(&address).err().unwrap();
        assert!(begun.elapsed() < SOON, "{address}: {:?}", begun.elapsed());
        for part in parts {
            assert!(error.contains(part), "{address}: `{part}` is not in {error}");
        }
    }
    let error = connect("http://me:secret@127.0.0.1:5000").err().unwrap();
    assert!(error.starts_with("`tracking.mlflow` is `…@127.0.0.1:5000`: it has a name or a password"), "{error}");
    assert!(!error.contains("secret"), "{error}");
    let path = connect(&format!("http://{nobody}/team@work")).err().unwrap();
    assert!(path.contains("team@work` does not answer"), "{path}");
}

#[test]
fn the_environment_names_the_server_where_it_is_asked() {
    let server = Server::but(|_| None);
    let environment = Environment { uri: Some(server.address.clone()), ..environment() };
    assert!(Mlflow::connect("env", "mine", environment).is_ok());
    assert_eq!(whats(&server.asked()), ["GET experiments/get-by-name"]);
}

#[test]
fn what_fails_for_a_while_is_sent_once_it_can_be() {
    let (n_batches, n_created) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Server::but(move |request| match &*request.what {
        "POST runs/create" if n_created.fetch_add(1, Ordering::SeqCst) == 0 => Some((503, "busy".to_owned())),
        "POST runs/log-batch" if n_batches.fetch_add(1, Ordering::SeqCst) < 2 => no(500, "INTERNAL_ERROR"),
        _ => None,
    });
    let tool = connect(&server.address).unwrap();
    server.asked();
    let mut run = tool.open(&subject("a"), None).unwrap();
    for step in 0..10 {
        // Each time something is told, what failed is tried again.
        server.wait_for(step + 1);
        run.numbers(step, &number("loss", step as f64));
    }
    assert_eq!(run.end(End::Finished, None, &Silent).as_deref(), Some("r1"));
    let problem = tool.problems().unsaid().join(" and ");
    assert!(
        problem.ends_with("its status is `503`; the work goes on, and what is to be told is tried again"),
        "{problem}"
    );
    assert!(!tool.problems().are_final());
    let asked = server.asked();
    // A batch that was refused comes again: each step is in the last that has it.
    let batches = asked.iter().filter(|request| request.what == "POST runs/log-batch").skip(2);
    let steps = batches.flat_map(|request| request.body["metrics"].as_array().cloned().unwrap_or_default());
    let steps: Vec<u64> = steps.map(|metric| metric["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, (0..10).collect::<Vec<_>>(), "each once");
    assert_eq!(asked.last().unwrap().what, "POST runs/update");
}

#[test]
fn what_a_server_refuses_for_good_is_left_out_and_the_rest_is_told() {
    let server = Server::but(|request| match &*request.what {
        "POST runs/log-batch" if !request.body["params"].is_null() => no(400, "INVALID_PARAMETER_VALUE"),
        _ => None,
    });
    let tool = connect(&server.address).unwrap();
    let mut run = tool.open(&subject("a"), None).unwrap();
    run.numbers(1, &number("loss", 1.0));
    assert_eq!(run.end(End::Finished, None, &Silent).as_deref(), Some("r1"));
    let problem = tool.problems().unsaid().join(" and ");
    assert!(problem.ends_with("`400`: it will not; the work goes on without it"), "{problem}");
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|request| !request.body["params"].is_null()).count(), 1, "it is not tried again");
    assert!(asked.iter().any(|request| request.body["metrics"][0]["key"] == "loss"));
    assert_eq!(asked.last().unwrap().what, "POST runs/update");
    assert!(!tool.problems().are_final());
}

/// A server that has an experiment, and answers nothing more once it is told to be silent.
fn silenced() -> (Server, Arc<AtomicBool>) {
    let is_silent = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_silent);
    let server = Server::but(move |_| {
        if told.load(Ordering::SeqCst) {
            std::thread::sleep(10 * PATIENCE);
        }
        None
    });
    (server, is_silent)
}

#[test]
fn a_server_that_answers_no_more_is_given_up_soon() {
    let (server, is_silent) = silenced();
    let tool = connect(&server.address).unwrap();
    is_silent.store(true, Ordering::SeqCst);
    let mut run = tool.open(&subject("a"), None).unwrap();
    let begun = Instant::now();
    for step in 0..1000 {
        run.numbers(step, &number("loss", 1.0));
    }
    assert!(begun.elapsed() < PATIENCE, "training waits for no answer: {:?}", begun.elapsed());
    assert_eq!(run.end(End::Finished, None, &Silent), None);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let problems = tool.problems().unsaid().join(" and ");
    for part in ["no answer in time", "is tried again and ", "this run sends it nothing more"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    assert!(tool.open(&subject("b"), None).is_none(), "it is not waited for again");
    assert!(tool.problems().unsaid().is_empty());
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_it_takes_something() {
    let server = Server::but(|request| {
        std::thread::sleep(if request.what == "POST runs/log-batch" { PATIENCE / 2 } else { Duration::ZERO });
        None
    });
    let tool = connect(&server.address).unwrap();
    let mut run = tool.open(&subject("a"), None).unwrap();
    let numbers: Vec<_> = (0..8000).map(|n| (format!("m{n}"), 1.0)).collect();
    run.numbers(0, &numbers);
    let begun = Instant::now();
    assert_eq!(run.end(End::Finished, None, &Silent).as_deref(), Some("r1"));
    assert!(begun.elapsed() > 3 * PATIENCE, "it is slower than a server that takes nothing may be");
    assert!(tool.problems().unsaid().is_empty());

    // Recorder asks to stop.
    let mut run = tool.open(&subject("a"), None).unwrap();
    run.numbers(0, &numbers);
    let begun = Instant::now();
    run.end(End::Finished, None, &Recorder::default());
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn whoever_interrupts_waits_for_no_server_and_the_end_is_told_first() {
    let (server, is_silent) = silenced();
    let mut tool = connect(&server.address).unwrap();
    let mut run = tool.open(&subject("a"), None).unwrap();
    server.wait_for(2);
    is_silent.store(true, Ordering::SeqCst);
    run.numbers(1, &number("loss", 1.0));
    let begun = Instant::now();
    assert_eq!(run.end(End::Killed, None, &Silent), None);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());

    // A server that takes a while for each batch hears of the end before all that waits.
    let slow = Server::but(|request| {
        let is_batch = request.what == "POST runs/log-batch";
        std::thread::sleep(if is_batch { PATIENCE / 10 } else { Duration::ZERO });
        None
    });
    tool = connect(&slow.address).unwrap();
    let mut run = tool.open(&subject("a"), None).unwrap();
    for step in 0..100_000 {
        run.numbers(step, &number("loss", 1.0));
    }
    run.end(End::Killed, None, &Silent);
    let asked = slow.asked();
    let at = asked.iter().position(|request| request.what == "POST runs/update").unwrap();
    assert_eq!(asked[at].body["status"], "KILLED");
    assert!(at < 20, "the end is request number {at}");
}
