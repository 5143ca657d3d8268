//! A local HTTP server that plays a mirror, well or badly behaved.
//!
//! Does not know fetching. **Invariant**: one answer per connection, determined by the earlier requests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::super::dataset::{Mirror, Origin};
use super::mirror_of;

/// A mirror on 127.0.0.1. Its thread ends with the test process.
pub(super) struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: String,
    /// The first byte asked for.
    pub(super) from: Option<usize>,
}

/// What a mirror holds and how it serves it.
#[derive(Clone)]
pub(super) struct Behaviour {
    pub(super) archive: Vec<u8>,
    /// Whether it supports range requests.
    pub(super) ranges: bool,
    /// The n-th answer with the archive breaks off after so many bytes of the archive.
    pub(super) cuts: Vec<usize>,
}

impl Behaviour {
    pub(super) fn good(archive: Vec<u8>) -> Self {
        Self { archive, ranges: true, cuts: Vec::new() }
    }

    pub(super) fn serve(self) -> Server {
        let cuts = Mutex::new(self.cuts.clone().into_iter());
        Server::start(move |request, stream| {
            let size = self.archive.len();
            match request.from.filter(|_| self.ranges) {
                Some(from) if from >= size => {
                    answer(stream, "416 Range Not Satisfiable", &[format!("Content-Range: bytes */{size}")], b"", 0);
                }
                from => {
                    let cut = cuts.lock().unwrap().next().unwrap_or(size);
                    let start = from.unwrap_or(0);
                    let range = format!("Content-Range: bytes {start}-{}/{size}", size - 1);
                    let (status, headers) =
                        if from.is_some() { ("206 Partial Content", vec![range]) } else { ("200 OK", vec![]) };
                    answer(stream, status, &headers, &self.archive[start..], cut.saturating_sub(start));
                }
            }
        })
    }
}

impl Server {
    pub(super) fn start(respond: impl Fn(&Request, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read_request(&stream) else { continue };
                log.lock().unwrap().push(request.clone());
                respond(&request, &mut stream);
            }
        });
        Self { address, asked }
    }

    pub(super) fn mirror(&self) -> Mirror {
        mirror_of("toy.zip", Origin::Http { url: format!("http://{}/toy.zip", self.address).leak() })
    }

    /// The first byte of each request for the archive.
    pub(super) fn asked_from(&self) -> Vec<Option<usize>> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|request| request.path == "/toy.zip").map(|request| request.from).collect()
    }
}

/// Promises all of `body` and sends the first `send` bytes of it.
pub(super) fn answer(stream: &mut TcpStream, status: &str, headers: &[String], body: &[u8], send: usize) {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head += "\r\n";
    // The client may have gone; the tests look at its reaction.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&body[..send.min(body.len())]);
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path, from })
}
