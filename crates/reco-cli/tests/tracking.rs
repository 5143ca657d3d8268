//! Tests that a server of MLflow is told who asks, and nobody else.
//!
//! Does not know MLflow: `tracking/test_tracking.py` has a real server.
//!
//! **Invariant**: the server is on 127.0.0.1, and refuses everyone.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use common::command;

#[test]
fn who_asks_is_in_a_header_and_in_no_message() {
    let name = ("MLFLOW_TRACKING_USERNAME", "ann");
    let password = ("MLFLOW_TRACKING_PASSWORD", "top: secret");
    let token = ("MLFLOW_TRACKING_TOKEN", "top-secret");
    for (variables, expected) in [
        (vec![], None),
        (vec![name], None),
        (vec![token], Some("Bearer top-secret")),
        (vec![name, password], Some("Basic YW5uOnRvcDogc2VjcmV0")),
        (vec![name, password, token], Some("Basic YW5uOnRvcDogc2VjcmV0")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
            head
        });
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("out");
        let set = "--set=tracking.mlflow=env";
        let mut command = command(["run", "data/experiments/fixture.toml", set, "--out", out.to_str().unwrap()]);
        for unset in [name, password, token] {
            command.env_remove(unset.0);
        }
        let uri = format!("http://{address}");
        let told = variables.into_iter().chain([("MLFLOW_TRACKING_URI", uri.as_str())]);
        let done = command.envs(told).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        let head = server.join().unwrap();
        assert!(
            head[0].starts_with("GET /api/2.0/mlflow/experiments/get-by-name?experiment_name=fixture "),
            "{head:?}"
        );
        let given = head.iter().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(given, expected, "{head:?}");
        assert_eq!(done.status.code(), Some(1), "{said}");
        let start = format!(
            "error: the server of MLflow at `http://{address}` refuses with status `401`: it says no more\nhint: "
        );
        assert!(said.starts_with(&start) && said.contains("hint: `MLFLOW_TRACKING_USERNAME`"), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(!out.exists(), "nothing is made");
    }
}
