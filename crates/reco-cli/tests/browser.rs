//! Tests that a browser shows the report as meant: every figure, no error, no request, nothing beyond the edge.
//!
//! Where no Chromium or Chrome is installed, the tests say so and pass; `cargo xtask ci` then names them as left out.
//!
//! **Invariant**: the page is opened as a file, as one opens it by hand, by a browser with a profile of its own.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{finished, reco};
use reco_core::testing::left_out;
use serde_json::Value;

/// Names under which systems install the browser.
const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// What a browser made of a page.
struct Seen {
    /// The document after its script ran.
    dom: String,
    /// What the page wrote on the console, errors included.
    console: Vec<String>,
    /// URLs that the page asked a network for.
    requests: Vec<String>,
}

fn browser() -> Option<&'static str> {
    let found = BROWSERS.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        left_out("the report in a browser: there is no Chromium: Debian's `chromium`");
    }
    found
}

fn open(browser: &str, page: &Path, folder: &Path) -> Seen {
    let log = folder.join("net.json");
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-sync",
            "--disable-extensions",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-default-apps"])
        // No request leaves this machine.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=10000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let log: Value = serde_json::from_slice(&fs::read(log).unwrap()).unwrap();
    let events = log["events"].as_array().unwrap();
    // Requests that the browser makes on its own behalf, such as for updates, have no origin.
    let url = |event: &Value| {
        let Value::String(initiator) = &event["params"]["initiator"] else { return None };
        event["params"]["url"].as_str().filter(|_| initiator != "not an origin").map(str::to_owned)
    };
    Seen {
        dom: String::from_utf8(output.stdout).unwrap(),
        console: stderr.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect(),
        requests: events
            .iter()
            .filter_map(url)
            .filter(|url| url.starts_with("http") || url.starts_with("ws"))
            .collect(),
    }
}

#[test]
fn a_browser_shows_every_figure_and_asks_for_nothing() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = finished().join("report/report.html");
    let Seen { dom, console, requests } = open(browser, &page, folder.path());
    assert_eq!(console, [""; 0]);
    assert_eq!(requests, [""; 0]);
    let figures: Vec<&str> = dom.split("<figure").skip(1).map(|rest| rest.split("</figure>").next().unwrap()).collect();
    for figure in &figures {
        assert_eq!(figure.matches("<svg").count(), 1, "{figure}");
    }
    let files = fs::read_dir(finished().join("report/figures")).unwrap().count();
    assert_eq!(figures.len(), files, "a figure on the page is a file too");
    assert!(files > 20, "{files}");
    // The script ran: the theme can be chosen, and so can one of the users.
    assert!(dom.contains("<button id=\"theme\" type=\"button\">"), "the button stayed hidden");
    let users = dom.matches("<details class=\"user\"").count();
    assert!(users > 1 && dom.matches("<option").count() == users, "{users} users");
}

/// Looks at the page in a frame of several widths, in both themes, and writes down what it finds.
const LOOK: &str = r#"<!doctype html><body><script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe"), found = [];
  for (const width of [360, 390, 768, 1280]) {
    frame.style.width = width + "px";
    const page = frame.contentDocument, root = page.documentElement;
    const verdicts = [...page.querySelectorAll(".verdict")].slice(0, width < 768 ? 1 : 2);
    for (const one of verdicts)
      if (one.getBoundingClientRect().bottom > 800) found.push(width + ": the first screen does not answer");
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...page.querySelectorAll("body *")].find(one => !one.closest(".wide, pre") && one.getBoundingClientRect().right > root.clientWidth + 1);
      found.push(width + ": the page is " + root.scrollWidth + " wide, because of " + (wide ? wide.outerHTML.slice(0, 200) : "?"));
    }
    for (const box of page.querySelectorAll(".wide")) {
      for (let up = box; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
      const name = width + ": `" + box.getAttribute("aria-label") + "` ";
      const goesOn = box.scrollWidth > box.clientWidth + 1;
      const says = box.querySelector(".hint").getBoundingClientRect().height > 8;
      if (box.checkVisibility() && goesOn !== says)
        found.push(name + (goesOn ? "goes on and does not say so" : "says that it goes on"));
      const shade = frame.contentWindow.getComputedStyle(box).backgroundAttachment;
      if (!shade.includes("local")) found.push(name + "has no shade");
    }
    for (const svg of page.querySelectorAll("svg")) {
      const name = width + ": " + svg.querySelector("title").textContent, edge = svg.getBoundingClientRect();
      const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
      texts.forEach(([a, one], at) => {
        if (one.left < edge.left - 2 || one.right > edge.right + 2 || one.bottom > edge.bottom + 2) found.push(name + ": `" + a + "` is over the edge");
        for (const [b, other] of texts.slice(at + 1)) {
          const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
          const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
          // Lines of text may touch by their leading, which is empty.
          if (across > 1 && down > 0.35 * Math.min(one.height, other.height)) found.push(name + ": `" + a + "` and `" + b + "` overlap");
        }
      });
    }
  }
  document.title = "looked";
  document.body.textContent = found.join("\n") + "\nthat is all";
});
</script><iframe style="height:800px;border:0" src="PAGE"></iframe>"#;

/// Looks at `page`, and returns what is wrong with it.
fn look(browser: &str, page: &Path, folder: &Path) -> String {
    look_with(LOOK, browser, page, folder)
}

fn look_with(script: &str, browser: &str, page: &Path, folder: &Path) -> String {
    let look = folder.join("look.html");
    fs::write(&look, script.replace("PAGE", &format!("file://{}", page.display()))).unwrap();
    let Seen { dom, console, .. } = open(browser, &look, folder);
    assert_eq!(console, [""; 0]);
    let body = dom.split("<body>").nth(1).unwrap().split("</body>").next().unwrap().trim();
    body.strip_suffix("that is all").unwrap_or_else(|| panic!("nobody looked: {dom}")).trim().to_owned()
}

/// Writes the hint of a table at 390 pixels, and whether it is still in place after scrolling to the end.
const SCROLL: &str = r##"<!doctype html><body><script>
addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const wide = [...page.querySelectorAll("#results .wide")], box = wide.find(one => one.scrollWidth > one.clientWidth);
  const hint = box.querySelector(".hint"), at = hint.getBoundingClientRect(), edge = box.getBoundingClientRect();
  box.scrollLeft = 100;
  const then = hint.getBoundingClientRect();
  const told = [hint.textContent, at.width === edge.width && at.height > 8, then.left === at.left];
  document.body.textContent = told.join("|") + "\nthat is all";
});
</script><iframe style="width:390px;height:844px;border:0" src="PAGE"></iframe>"##;

#[test]
fn on_a_phone_a_wide_table_says_that_it_scrolls() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = finished().join("report/report.html").canonicalize().unwrap();
    assert_eq!(look_with(SCROLL, browser, &page, folder.path()), "scroll sideways →|true|true");
}

#[test]
fn no_text_overlaps_and_nothing_is_over_the_edge_from_a_phone_to_a_desk() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = finished().join("report/report.html").canonicalize().unwrap();
    assert_eq!(look(browser, &page, folder.path()), "");
}

#[test]
fn a_comparison_is_shown_as_well_as_a_report() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("comparison.html");
    let run = finished().to_str().unwrap();
    reco(["compare", run, "--self-check", "20", "--html", page.to_str().unwrap()]).ok();
    let Seen { dom, console, requests } = open(browser, &page, folder.path());
    assert_eq!((console, requests), (Vec::new(), Vec::new()));
    assert!(dom.matches("<svg").count() > 50, "a line for every metric of every pair");
    assert_eq!(look(browser, &page, folder.path()), "");
}

#[test]
fn whatever_a_page_does_wrong_is_seen() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bad.html");
    let bad = r#"<!doctype html><img src="http://elsewhere.invalid/x.png"><div style="width:2000px">wide</div>
        <svg width="90" height="50"><title>bad</title><text x="5" y="20">one</text><text x="9" y="22">two</text>
        <text x="70" y="45">over the edge</text></svg>
        <div class="wide" aria-label="table" style="overflow-x:auto;width:90px">
        <div class="hint"></div><div style="width:500px">far</div></div><script>nothing.there()</script>"#;
    fs::write(&page, bad).unwrap();
    let Seen { console, requests, .. } = open(browser, &page, folder.path());
    assert_eq!(requests, ["http://elsewhere.invalid/x.png"]);
    assert!(console.iter().any(|line| line.contains("nothing is not defined")), "{console:?}");
    fs::write(&page, bad.split_once("<script>").unwrap().0.replace("http://elsewhere.invalid/x.png", "data:,"))
        .unwrap();
    let found = look(browser, &page, folder.path());
    for wrong in [
        "360: the page is 2",
        "`one` and `two` overlap",
        "`over the edge` is over the edge",
        "360: `table` goes on and does not say so",
        "360: `table` has no shade",
    ] {
        assert!(found.contains(wrong), "{wrong}: {found}");
    }
}
