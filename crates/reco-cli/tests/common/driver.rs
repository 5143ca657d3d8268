//! Drives a browser by WebDriver: the part of its protocol that the tests of pages need, over plain HTTP.
//!
//! Does not know the pages.
//!
//! **Invariant**: every browser has a driver and a profile of its own, and ends with the value that stands for it; what
//! does not come about in time fails with what the page shows.

use std::io::{BufRead as _, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use super::served::send;

/// How long a page may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys by the names that WebDriver gives them.
pub(crate) const ENTER: char = '\u{e007}';
pub(crate) const TAB: char = '\u{e004}';
pub(crate) const RIGHT: char = '\u{e014}';
pub(crate) const END: char = '\u{e010}';
pub(crate) const SPACE: char = ' ';

/// How a visitor points at things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    Mouse,
    Touch,
}

/// A browser with one page.
pub(crate) struct Driver {
    process: Child,
    /// Kept open, since the driver may write more.
    _stdout: BufReader<ChildStdout>,
    address: String,
    session: String,
    pub(crate) pointer: Pointer,
    /// Of the screen that is emulated.
    pub(crate) width: u32,
}

impl Driver {
    /// Starts a browser; `None` where there is none, or no driver of it.
    pub(crate) fn start() -> Option<Self> {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let port = stdout.by_ref().lines().map_while(Result::ok).find_map(|line| {
            Some(line.split_once("started successfully on port ")?.1.trim_end_matches('.').to_owned())
        });
        let address = format!("127.0.0.1:{}", port.expect("chromedriver says its port"));
        let session = String::new();
        let mut driver = Self { process, _stdout: stdout, address, session, pointer: Pointer::Mouse, width: 0 };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" } });
        let session = driver.try_ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": options } }));
        let session = match session {
            Err(problem) if problem.to_string().contains("cannot find Chrome binary") => return None,
            session => session.unwrap(),
        };
        driver.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(driver)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_ask(method, path, body).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"))
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let headers = [("content-type", "application/json; charset=utf-8")];
        let reply = send(&self.address, method, &format!("{}{path}", self.session), &headers, &body).unwrap();
        let mut answer: Value = serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{path}: {reply:?}"));
        let value = answer["value"].take();
        if reply.status == 200 { Ok(value) } else { Err(value) }
    }

    /// Shows the page as a screen of this size does, in dark or light colours.
    pub(crate) fn emulate(&mut self, (width, height): (u32, u32), pointer: Pointer, is_dark: bool) {
        (self.pointer, self.width) = (pointer, width);
        let is_phone = pointer == Pointer::Touch;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &screen);
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": is_phone }));
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    pub(crate) fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// What a script returns; `arguments` are its `arguments`.
    pub(crate) fn script(&self, script: &str, arguments: &Value) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// As [`Driver::script`], of a promise.
    pub(crate) fn promise(&self, script: &str, arguments: &Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1], given = [...arguments];
            (async () => {{ {script} }})().then(done, (error) => done(String(error)));"
        );
        self.ask("POST", "/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// What `expression` is, with `q` for `document.querySelector` and `all` for every element of a selector.
    pub(crate) fn get(&self, expression: &str) -> Value {
        let given =
            "const q = (path) => document.querySelector(path), all = (path) => [...document.querySelectorAll(path)];";
        self.script(&format!("{given} return {expression};"), &json!([]))
    }

    /// Waits until `expression` holds.
    pub(crate) fn until(&self, expression: &str) {
        let started = Instant::now();
        loop {
            let value = self.get(&format!("Boolean({expression})"));
            if value == true {
                return;
            }
            if started.elapsed() > PATIENCE {
                let shown = self.get("document.body.innerText");
                panic!("`{expression}` does not come about: {}", shown.as_str().unwrap_or_default());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses at a part of the first element of `path`, from 0 at its left edge to 1 at its right.
    pub(crate) fn press_at(&self, path: &str, part: f64) {
        self.until(&format!("q({path:?})"));
        let scrolled = format!(
            "const node = document.querySelector({path:?});
            node.scrollIntoView({{ block: 'center', behavior: 'instant' }});
            const box = node.getBoundingClientRect();
            const [x, y] = [box.left + box.width * {part}, box.top + box.height / 2];
            const hit = document.elementFromPoint(x, y);
            const related = hit && (node.contains(hit) || hit.contains(node) || hit.closest('label')?.contains(node));
            return related ? [x, y] : hit ? hit.outerHTML.slice(0, 200) : 'nothing';"
        );
        let place = self.script(&scrolled, &json!([]));
        let Some(place) = place.as_array() else { panic!("`{path}` is covered by {place}") };
        let (x, y) = (place[0].as_f64().unwrap().round() as i64, place[1].as_f64().unwrap().round() as i64);
        let kind = if self.pointer == Pointer::Touch { "touch" } else { "mouse" };
        let steps = json!([{ "type": "pointerMove", "duration": 0, "x": x, "y": y },
            { "type": "pointerDown", "button": 0 }, { "type": "pointerUp", "button": 0 }]);
        let actions =
            json!([{ "type": "pointer", "id": kind, "parameters": { "pointerType": kind }, "actions": steps }]);
        self.ask("POST", "/actions", &json!({ "actions": actions }));
    }

    pub(crate) fn press(&self, path: &str) {
        self.press_at(path, 0.5);
    }

    /// Types into whatever has the focus.
    pub(crate) fn keys(&self, text: &str) {
        let key = |c: char| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": c.to_string() }));
        let steps: Vec<Value> = text.chars().flat_map(key).collect();
        self.ask("POST", "/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": steps }] }));
    }

    /// Chooses from a menu, as its list of entries does.
    pub(crate) fn choose(&self, path: &str, value: &str) {
        let option = format!("{path} option[value={value:?}]");
        let found = self.ask("POST", "/element", &json!({ "using": "css selector", "value": option }));
        let id = found.as_object().and_then(|found| found.values().next()?.as_str()).unwrap();
        self.ask("POST", &format!("/element/{id}/click"), &json!({}));
    }

    /// Writes what is shown, down to the end of the page, as a PNG.
    pub(crate) fn picture(&self, file: &Path) {
        let whole = json!({ "captureBeyondViewport": true, "format": "png" });
        let taken = self.devtools("Page.captureScreenshot", &whole);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, from_base64(taken["data"].as_str().unwrap())).unwrap();
    }

    /// What the browser wrote on its console since it was asked last, and what it asked a network for.
    pub(crate) fn logs(&self) -> (Vec<String>, Vec<String>) {
        let log = |kind: &str| self.ask("POST", "/se/log", &json!({ "type": kind }));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let console = log("browser").as_array().unwrap().iter().map(|line| text(&line["message"])).collect();
        let request = |entry: &Value| {
            let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &entry["message"];
            (message["method"] == "Network.requestWillBeSent").then(|| text(&message["params"]["request"]["url"]))
        };
        (console, log("performance").as_array().unwrap().iter().filter_map(request).collect())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser ends with its session; where there is none, that is refused, which is no harm.
        let _ = catch_unwind(AssertUnwindSafe(|| self.try_ask("DELETE", "", &Value::Null)));
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The bytes that a picture comes as.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|&c| c != b'=').map(value).collect();
    let bytes = |four: &[u8]| {
        let all = four.iter().enumerate().fold(0_u32, |all, (at, &digit)| all | u32::from(digit) << (18 - 6 * at));
        all.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(bytes).collect()
}
