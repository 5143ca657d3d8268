//! Downloads an archive over HTTP, and resumes a broken download where it stopped.
//!
//! Does not know what it should contain. **Invariant**: the part file only ever holds a beginning of what the server
//! sent; it outlives the process, and the next try continues from its end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;

use super::error::{FetchError, Locally, MirrorError, Stop};
use super::progress::FetchProgress;

/// Downloads `url` to the file `part`, continuing from what is there. Retries as long as each try gets farther than all
/// before it. Returns whether the file has pieces of more than one response.
pub(super) fn download(
    agent: &Agent,
    url: &str,
    part: &Path,
    dataset: &str,
    progress: &dyn FetchProgress,
) -> Result<bool, Stop> {
    let mut farthest = length(part);
    let mut pieced = false;
    let mut restarted = false;
    loop {
        match attempt(agent, url, part, dataset, progress)? {
            Outcome::Complete { resumed } => return Ok(pieced || resumed),
            Outcome::NotSatisfiable if restarted => return Err(MirrorError::Status { status: 416 }.into()),
            Outcome::NotSatisfiable => {
                fs::remove_file(part).locally("remove", part)?;
                restarted = true;
            }
            Outcome::Cut { bytes, total, .. } if bytes <= farthest => {
                return Err(MirrorError::Cut { bytes, total }.into());
            }
            Outcome::Cut { bytes, resumed, .. } => {
                farthest = bytes;
                pieced |= resumed;
                progress.message(&format!("the connection broke after {bytes} bytes; going on from there"));
            }
        }
    }
}

/// An HTTP client that waits for `timeout` at most until a name is resolved, as long until a connection stands, and
/// three times as long for each read and write.
pub(super) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .timeout_resolve(Some(timeout))
        .timeout_connect(Some(timeout))
        .timeout_per_read(Some(3 * timeout))
        .timeout_per_write(Some(3 * timeout))
        .http_status_as_error(false)
        .user_agent(concat!("reco/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

enum Outcome {
    Complete { resumed: bool },
    Cut { bytes: u64, total: Option<u64>, resumed: bool },
    NotSatisfiable,
}

fn attempt(
    agent: &Agent,
    url: &str,
    part: &Path,
    dataset: &str,
    progress: &dyn FetchProgress,
) -> Result<Outcome, Stop> {
    let have = length(part);
    let request = agent.get(url);
    let request = if have > 0 { request.header("Range", format!("bytes={have}-")) } else { request };
    let response = request.call().map_err(connection)?;
    let (file, start) = match (response.status().as_u16(), content_range(&response)) {
        (206, Some(range)) if range.start == Some(have) => {
            (OpenOptions::new().append(true).open(part).locally("open", part)?, have)
        }
        // The server does not support ranges: start over.
        (200, _) => (File::create(part).locally("create", part)?, 0),
        (416, Some(range)) if range.total == Some(have) => return Ok(Outcome::Complete { resumed: true }),
        (206 | 416, _) if have > 0 => return Ok(Outcome::NotSatisfiable),
        (status, _) => return Err(MirrorError::Status { status }.into()),
    };
    let total = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok()).map(|n| start + n);
    progress.begin(total);
    progress.advance(start);
    let copied = copy(response.into_body().into_reader(), file, part, dataset, progress);
    progress.end();
    let (arrived, whole) = copied?;
    let bytes = start + arrived;
    let resumed = start > 0;
    if whole && total.is_none_or(|total| total == bytes) {
        Ok(Outcome::Complete { resumed })
    } else {
        Ok(Outcome::Cut { bytes, total, resumed })
    }
}

/// Copies the body into the file. Returns how many bytes arrived, and whether the body ended properly.
fn copy(
    mut body: impl Read,
    mut file: File,
    part: &Path,
    dataset: &str,
    progress: &dyn FetchProgress,
) -> Result<(u64, bool), FetchError> {
    let mut buffer = vec![0; 1 << 16];
    let mut arrived = 0;
    loop {
        if progress.interrupted() {
            return Err(FetchError::Interrupted { name: dataset.to_owned() });
        }
        match body.read(&mut buffer) {
            Ok(0) => return Ok((arrived, true)),
            Ok(n) => {
                file.write_all(&buffer[..n]).locally("write", part)?;
                arrived += n as u64;
                progress.advance(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok((arrived, false)),
        }
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// `bytes START-END/TOTAL`, or `bytes */TOTAL`
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

fn content_range<B>(response: &Response<B>) -> Option<ContentRange> {
    let (range, total) = header(response, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some(ContentRange { start, total: total.parse().ok() })
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn connection(error: ureq::Error) -> MirrorError {
    let reason = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => format!("no answer in time ({error})"),
        error => error.to_string(),
    };
    MirrorError::Connection { reason }
}
