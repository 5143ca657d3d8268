//! A local server that answers as MLflow does, or badly.
//!
//! Does not know who asks.
//!
//! **Invariant**: a connection for each request; the server ends with the process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A request: `POST runs/create`, its body or its query, and who asks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) what: String,
    pub(super) body: Value,
    pub(super) authorization: Option<String>,
}

/// A server on 127.0.0.1.
pub(super) struct Server {
    pub(super) address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A server that answers by status and body.
    pub(super) fn start(answer: impl Fn(&Request) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&stream) else { continue };
                log.lock().unwrap().push(request.clone());
                let (status, body) = answer(&request);
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
                // The client may have gone; the tests look at its reaction.
                let _ = stream.write_all(format!("{head}Location: /elsewhere\r\n\r\n{body}").as_bytes());
            }
        });
        Self { address, asked }
    }

    /// One that does what is asked, but for the requests that `instead` answers.
    pub(super) fn but(instead: impl Fn(&Request) -> Option<(u16, String)> + Send + 'static) -> Self {
        Self::start(move |request| instead(request).unwrap_or_else(|| good(request)))
    }

    /// Waits until `n` requests were asked since [`Server::asked`] was called.
    pub(super) fn wait_for(&self, n: usize) {
        let begun = Instant::now();
        while self.asked.lock().unwrap().len() < n {
            assert!(begun.elapsed() < Duration::from_secs(60), "{n} requests do not come");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What was asked since this was called last.
    pub(super) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// The answers of a server that has the experiment `7` and, once made, the run `r1`.
fn good(request: &Request) -> (u16, String) {
    let answer = match &*request.what {
        "GET experiments/get-by-name" => {
            json!({ "experiment": { "experiment_id": "7", "lifecycle_stage": "active" } })
        }
        "GET runs/get" => json!({ "run": { "info": { "lifecycle_stage": "active", "status": "FINISHED" } } }),
        "POST runs/create" => json!({ "run": { "info": { "run_id": "r1" } } }),
        _ => json!({}),
    };
    (200, answer.to_string())
}

/// An answer that says no.
pub(super) fn no(status: u16, code: &str) -> Option<(u16, String)> {
    Some((status, json!({ "error_code": code, "message": "it will not" }).to_string()))
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, url) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let path = path.strip_prefix("/api/2.0/mlflow/").unwrap_or(path);
    let body = if body.is_empty() { query.into() } else { serde_json::from_slice(&body).ok()? };
    Some(Request { what: format!("{method} {path}"), body, authorization })
}
