//! Starts `reco serve` and talks to it.
//!
//! Does not know what is asked for.
//!
//! **Invariant**: every service is a process of its own on a port that the system picked, and ends with its value.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use reco_core::testing::left_out;
use serde_json::Value;

use super::{command, people};

pub(crate) const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

/// A service that runs.
pub(crate) struct Served {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) stderr: BufReader<ChildStderr>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(command(["serve", "--addr", "127.0.0.1:0", "--device", "cpu"].iter().chain(arguments)))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}")).split(';').next().unwrap();
        Self { process, address: address.to_owned(), stderr }
    }

    /// A service of [`people`] that takes events into `folder`.
    pub(crate) fn with_events(folder: &Path) -> Self {
        let out = text(people().parent().unwrap());
        Self::start(&["--out", &out, "--events", &text(&folder.join("events.redb"))])
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`Served::send`], from a service that may end meanwhile.
    pub(crate) fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
        send(&self.address, method, path, headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, JSON, &body.to_string())
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// A line of `/proc/PID/status` in MiB; `None` where the system does not tell.
    pub(crate) fn memory(&self, key: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
    }

    /// Ends it, and asserts that it said nothing of a panic.
    pub(crate) fn has_not_panicked(mut self) {
        self.kill();
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(!said.contains("panicked"), "{said}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Reply {
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// A problem document of this status that says `part`.
    pub(crate) fn refuses(&self, status: u16, part: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem.to_string().contains(part), "`{part}` is not in {problem}");
    }
}

/// Sends a request to `address`, and reads the answer to the end that its head states.
pub(crate) fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let host = if headers.iter().any(|(name, _)| *name == "host") { "" } else { "host: localhost\r\n" };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\n{host}connection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )?;
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::Error::other(format!("`{head}` is no answer")));
        }
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("`{head}` is no answer")))?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = Vec::new();
    stream.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body)?;
    if length.is_some_and(|length: u64| body.len() as u64 != length) {
        return Err(io::Error::other("the answer breaks off"));
    }
    Ok(Reply { status, head, body: String::from_utf8(body).map_err(io::Error::other)? })
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The ids of an answer's items.
pub(crate) fn ids(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|item| item["item_id"].to_string()).collect()
}

/// Asserts that the memory has not grown by `most` MiB since it was `before`.
pub(crate) fn has_not_grown(before: Option<u64>, now: Option<u64>, most: u64) {
    match before.zip(now) {
        Some((before, now)) => assert!(now <= before + most, "from {before} MiB to {now} MiB"),
        None => left_out("memory of a service: this system has no /proc"),
    }
}
