//! Tests the page of `reco serve` in a browser, as a visitor uses it: on a phone and at a desk, in light and dark, by
//! touch, mouse and keyboard.
//!
//! Where chromedriver or axe-core is missing, the tests say so and pass; `cargo xtask ci` then names them as left out.
//! Pictures of every mode lie in `target/page`.
//!
//! **Invariant**: whatever a browser writes on its console, and whatever it asks of anyone but the service, fails the
//! test.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use common::driver::{Driver, END, ENTER, Pointer, RIGHT, SPACE, TAB};
use common::reco;
use common::served::Served;
use reco_core::testing::left_out;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

/// What looks for what people with a screen reader, or without good eyes, could not use.
const AXE: &str = "axe-core@4.14.1";
/// The SHA-512 of the package, which the registry states too.
const AXE_DIGEST: &str = "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73\
                          4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5";

/// Screens of a phone and of a desk.
const PHONE: (u32, u32) = (390, 844);
const DESK: (u32, u32) = (1280, 800);

fn browser() -> Option<Driver> {
    let driver = Driver::start();
    if driver.is_none() {
        left_out(
            "the page of the service in a browser: there is no Chromium with a driver: Debian's `chromium-driver`",
        );
    }
    driver
}

/// Where `file` lies in the folder that everything built lies in.
fn target(file: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join(file)
}

/// The script of axe-core, fetched once where `RECO_NETWORK_TESTS` is set.
fn axe() -> Option<&'static str> {
    static SCRIPT: OnceLock<Option<String>> = OnceLock::new();
    let script = SCRIPT.get_or_init(|| {
        let folder = target("axe");
        let package = folder.join(format!("{}.tgz", AXE.replace('@', "-")));
        if !package.is_file() {
            if std::env::var_os("RECO_NETWORK_TESTS").is_none() {
                left_out("accessibility of the page: axe-core is not fetched: RECO_NETWORK_TESTS is not set");
                return None;
            }
            fs::create_dir_all(&folder).unwrap();
            let fetched = Command::new("npm")
                .args(["pack", AXE, "--silent", "--ignore-scripts", "--pack-destination"])
                .arg(&folder)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .output();
            match fetched {
                Err(_) => {
                    left_out("accessibility of the page: axe-core comes from npm, which is not there");
                    return None;
                }
                Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            }
        }
        let digest = Sha512::digest(fs::read(&package).unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, AXE_DIGEST, "`{}` is not what was published", package.display());
        let unpacked = Command::new("tar").arg("-xOzf").arg(&package).arg("package/axe.min.js").output().unwrap();
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        Some(String::from_utf8(unpacked.stdout).unwrap())
    });
    script.as_deref()
}

/// A run whose `hybrid` answers visitors and looks at the moment, beside approaches that do not.
fn run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{}", std::process::id()));
        let out = out.display().to_string();
        let line = ["run", "data/experiments/fixture.toml", "--json", "--out", &out, "--set=features.year_bands=3"];
        let hybrid = ["--set=approach.hybrid.loss=softmax", "--set=approach.hybrid.epochs=8"];
        let approaches = ["--approach", "popularity,profile,ease,item-knn,content,neural,hybrid,auto"];
        reco(line.iter().chain(&hybrid).chain(&approaches)).ok();
        out
    })
}

/// A page of the service, and what it is measured by.
struct Shown<'a> {
    served: &'a Served,
    driver: &'a Driver,
    /// How the mode is called in names of pictures.
    mode: &'a str,
}

impl Shown<'_> {
    /// The page as somebody sees it who was never here.
    fn open(&self) {
        self.driver.open(&format!("http://{}/", self.served.address));
        self.driver.script("localStorage.clear()", &json!([]));
        self.driver.open(&format!("http://{}/", self.served.address));
        self.until_settled();
    }

    /// Waits until both lists answer what was asked last.
    fn until_settled(&self) {
        // Changes are gathered for a moment before they are asked.
        self.driver.promise("await new Promise((done) => setTimeout(done, 150))", &json!([]));
        self.driver.until("all('.column').length === 2 && all('.column').every((one) => one.ariaBusy === 'false')");
        self.driver.until("all('#found li[data-id]').length > 0 || q('#found .soft')");
    }

    /// The ids of a list, 0 or 1.
    fn list(&self, at: usize) -> Vec<String> {
        let ids = self
            .driver
            .get(&format!("[...all('.column')[{at}].querySelectorAll('ol > li')].map((one) => one.dataset.id)"));
        ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap_or_default().to_owned()).collect()
    }

    fn text(&self, path: &str) -> String {
        self.driver.get(&format!("q({path:?}).innerText")).as_str().unwrap_or_default().to_owned()
    }

    /// Looks at the whole page, finds nothing wrong, and leaves a picture.
    fn look(&self, name: &str) {
        self.driver.picture(&target(&format!("page/{}-{name}.png", self.mode)));
        assert_eq!(self.found(), [""; 0], "{} {name}", self.mode);
    }

    /// What is wrong with the page: its width, its accessibility, its console, its requests.
    fn found(&self) -> Vec<String> {
        let texts = |found: Value| -> Vec<String> {
            let found = found.as_array().unwrap_or_else(|| panic!("{found}")).clone();
            found.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let mut found = texts(self.driver.script(
            "const root = document.documentElement, over = [], width = Math.min(root.clientWidth, arguments[0]);
            for (const one of document.querySelectorAll('body *')) {
              const box = one.getBoundingClientRect();
              const isSeen = box.width > 1 && !one.closest('.hidden, .skip, svg') && one.checkVisibility();
              if (isSeen && box.right > width + 1) over.push('over the edge: ' + one.outerHTML.slice(0, 160));
            }
            return root.scrollWidth > width ? ['the page scrolls sideways', ...over] : over;",
            &json!([self.driver.width]),
        ));
        if let Some(axe) = axe() {
            self.driver.script(axe, &json!([]));
            found.extend(texts(self.driver.promise(
                "const { violations } = await axe.run(document, { resultTypes: ['violations'] });
                return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) =>
                    html.slice(0, 200) + ' ' + failureSummary)].join(': '));",
                &json!([]),
            )));
        }
        let (console, requests) = self.driver.logs();
        found.extend(console);
        let own = format!("http://{}/", self.served.address);
        let is_elsewhere = |url: &String| !url.starts_with(&own) && !url.starts_with("data:");
        found.extend(requests.into_iter().filter(is_elsewhere).map(|url| format!("asked {url}")));
        found
    }

    /// Gives `stars` of 5 to the first of the items found that has none.
    fn rate(&self, stars: f64) {
        let unrated = "all('#found li').findIndex((row) => row.querySelector('.rater').dataset.stars === '–') + 1";
        let n = self.driver.get(unrated).as_u64().unwrap();
        let rated = self.list(0);
        let n_before = self.n_rated();
        self.driver.press_at(&format!("#found li:nth-child({n}) .rater"), (stars - 0.25) / 5.0);
        self.driver.until(&format!("all('#mine > li').length === {}", n_before + 1));
        self.until_settled();
        let kept = self.driver.get(&format!("q('#found li:nth-child({n}) .rater').dataset.stars"));
        assert_eq!(kept, stars.to_string(), "{}", self.mode);
        let id = self.driver.get(&format!("q('#found li:nth-child({n})').dataset.id"));
        assert!(!self.list(0).contains(&id.as_str().unwrap().to_owned()), "{rated:?}: what was rated is left out");
    }

    fn n_rated(&self) -> usize {
        self.driver.get("all('#mine > li').length").as_u64().unwrap() as usize
    }

    fn choose(&self, at: usize, approach: &str) {
        self.driver.choose(&format!(".column:nth-of-type({}) select", at + 1), approach);
        self.driver.until(&format!("all('.column')[{at}].querySelector('.why').innerText.startsWith({approach:?})"));
        self.until_settled();
    }
}

/// A title of the run with letters in the wrong order, and its id.
fn misspelt(served: &Served) -> (String, String) {
    let found = served.get("/v1/items?k=30").ok();
    let items = found["items"].as_array().unwrap();
    // With two long words, of which the second is a letter short and the first has two in the wrong order.
    let words = |item: &Value| {
        let title = item["title"].as_str().unwrap().to_lowercase();
        let long = |word: &&str| word.len() > 5 && word.chars().all(|c| c.is_ascii_alphabetic());
        let words: Vec<&str> = title.split(' ').filter(long).collect();
        let [first, second, ..] = words.as_slice() else { return None };
        let swapped: String = [&first[..2], &first[3..4], &first[2..3], &first[4..]].concat();
        let typed = format!("{swapped} {}", &second[..second.len() - 1]);
        Some((typed, item["item_id"].to_string()))
    };
    items.iter().find_map(words).unwrap()
}

/// All that a visitor does, by pointer.
fn walk(served: &Served, driver: &Driver, mode: &str) {
    let shown = Shown { served, driver, mode };
    shown.open();
    shown.look("1-start");
    let before = shown.list(0);
    assert_eq!(before.len(), 10, "{mode}");
    // Somebody whose film is not spelt as the data spell it.
    let (typed, id) = misspelt(served);
    driver.press("#query");
    driver.keys(&typed);
    driver.until(&format!("q('#found li')?.dataset.id === {id:?} && q('#found-title').innerText.includes({typed:?})"));
    shown.rate(5.0);
    let after_one = shown.list(0);
    driver.script(
        "const q = document.querySelector('#query'); q.value = ''; q.dispatchEvent(new Event('input'))",
        &json!([]),
    );
    driver.until("q('#found-title').innerText === 'The best known'");
    for stars in [5.0, 4.5, 2.0, 3.5] {
        shown.rate(stars);
    }
    assert_ne!(shown.list(0), after_one, "{mode}: more ratings change the list");
    assert!(shown.text("#question").contains("rated 5 items"), "{}", shown.text("#question"));
    // Two approaches beside each other, both with reasons.
    shown.choose(0, "item-knn");
    shown.choose(1, "ease");
    assert_ne!(shown.list(0), shown.list(1), "{mode}");
    for at in 1..=2 {
        let reason = shown.text(&format!(".column:nth-of-type({at}) li .because"));
        assert!(reason.to_lowercase().starts_with("because you"), "{mode}: {reason}");
    }
    assert!(shown.text("#compared").contains("items are in both lists"), "{mode}");
    assert_eq!(driver.get("q('#moment fieldset')?.checkVisibility() ?? false"), false, "{mode}: neither looks at it");
    driver.press(".column:nth-of-type(2) li .title");
    driver.until("q('.column:nth-of-type(2) li .inner').innerText.includes('Items like it: ')");
    driver.until("!q('.column:nth-of-type(2) li .inner').innerText.includes('…')");
    driver.until("!q('#peek').checkVisibility({ visibilityProperty: true })");
    shown.look("2-rated");
    // The moment: of the two, one looks at it.
    shown.choose(1, "hybrid");
    let scores = || {
        let asked = "await new Promise((done) => setTimeout(done, 0));
            return [...document.querySelectorAll('.column')].map((one) =>
                [...one.querySelectorAll('ol > li')].map((row) => row.dataset.score));";
        driver.promise(asked, &json!([]))
    };
    let before = scores();
    driver.press("#moment fieldset label:nth-of-type(3)");
    driver.until("q('#moment fieldset :checked + span').innerText === 'yes'");
    shown.until_settled();
    let after = scores();
    assert_eq!(after[0], before[0], "{mode}: item-knn does not look at the moment");
    assert_ne!(after[1], before[1], "{mode}: hybrid does");
    assert!(shown.text("#compared").contains("Marked: how far your last change moved items."), "{mode}");
    shown.look("3-moment");
    // What was said outlives the page.
    driver.open(&format!("http://{}/", served.address));
    shown.until_settled();
    assert_eq!(shown.n_rated(), 5, "{mode}");
    assert!(shown.text(".column:nth-of-type(2) .why").starts_with("hybrid"), "{mode}");
    // What answers nobody but users of the data is offered for these alone.
    let is_offered = || driver.get("!q('.column option[value=neural]').disabled");
    assert_eq!(is_offered(), false, "{mode}");
    driver.press("#user summary");
    driver.press("#user-id");
    driver.keys("1");
    driver.press("#user button");
    driver.until("q('#question').innerText.startsWith('For user 1')");
    shown.until_settled();
    assert_eq!(is_offered(), true, "{mode}");
    shown.choose(0, "neural");
    shown.look("4-user");
}

#[test]
fn a_visitor_rates_and_compares_on_a_phone_and_at_a_desk() {
    let Some(mut driver) = browser() else { return };
    let served = Served::start(&["--out", run()]);
    for (mode, screen, pointer, is_dark) in [
        ("phone-light", PHONE, Pointer::Touch, false),
        ("desk-dark", DESK, Pointer::Mouse, true),
        ("phone-dark", PHONE, Pointer::Touch, true),
        ("desk-light", DESK, Pointer::Mouse, false),
    ] {
        driver.emulate(screen, pointer, is_dark);
        walk(&served, &driver, mode);
        driver.open(&format!("http://{}/docs", served.address));
        driver.until("q('h1')?.innerText === 'HTTP interface'");
        Shown { served: &served, driver: &driver, mode }.look("5-docs");
    }
}

/// Goes on with Tab until something in `path` has the focus.
fn tab_to(driver: &Driver, path: &str) {
    for _ in 0..120 {
        if driver.get(&format!("Boolean(document.activeElement.closest({path:?}))")) == true {
            let outline = driver.get(
                "[document.activeElement, document.activeElement.parentElement, document.activeElement.nextElementSibling]
                    .some((one) => one && getComputedStyle(one).outlineStyle !== 'none')",
            );
            assert_eq!(outline, true, "{path}: the focus is seen");
            return;
        }
        driver.keys(&TAB.to_string());
    }
    panic!("Tab does not lead to `{path}`");
}

#[test]
fn the_keyboard_alone_is_enough() {
    let Some(mut driver) = browser() else { return };
    let served = Served::start(&["--out", run()]);
    driver.emulate(DESK, Pointer::Mouse, false);
    let shown = Shown { served: &served, driver: &driver, mode: "keyboard" };
    shown.open();
    let (typed, id) = misspelt(&served);
    tab_to(&driver, "#query");
    driver.keys(&typed);
    driver.until(&format!("q('#found li')?.dataset.id === {id:?}"));
    tab_to(&driver, "#found .rater");
    driver.keys(&END.to_string());
    driver.until("all('#mine > li').length === 1");
    tab_to(&driver, ".column:nth-of-type(1) select");
    // By its first letters, as in any menu.
    driver.keys("ease");
    driver.until("q('.column .why').innerText.startsWith('ease')");
    shown.until_settled();
    // In a list, arrows choose and Enter rates: a row that left at the first arrow could not be given four stars.
    let before = shown.list(0);
    tab_to(&driver, ".column:nth-of-type(1) .rater");
    driver.keys(&RIGHT.to_string().repeat(8));
    assert_eq!(shown.list(0), before, "an arrow rates nothing yet");
    driver.keys(&ENTER.to_string());
    driver.until("all('#mine > li').length === 2");
    shown.until_settled();
    assert_ne!(shown.list(0), before);
    assert_eq!(
        driver.get("Boolean(document.activeElement.closest('.column .rater'))"),
        true,
        "the focus stays in the list"
    );
    tab_to(&driver, ".column:nth-of-type(1) .title");
    driver.keys(&ENTER.to_string());
    driver.until("document.activeElement.ariaExpanded === 'true'");
    // The second list: `hybrid`, and the moment that it looks at.
    tab_to(&driver, ".column:nth-of-type(2) select");
    driver.keys("hybrid");
    driver.until("all('.column')[1].querySelector('.why').innerText.startsWith('hybrid')");
    shown.until_settled();
    let before = driver.get("all('.column:nth-of-type(2) ol > li').map((row) => row.dataset.score)");
    tab_to(&driver, "#moment fieldset");
    driver.keys(&RIGHT.to_string());
    driver.until("q('#moment fieldset :checked + span').innerText === 'no'");
    shown.until_settled();
    assert_ne!(driver.get("all('.column:nth-of-type(2) ol > li').map((row) => row.dataset.score)"), before);
    // What is folded opens, and a menu of it is chosen from by arrows.
    tab_to(&driver, "#filter summary");
    driver.keys(&SPACE.to_string());
    driver.until("q('#filter').open");
    tab_to(&driver, "#filter .checkbox");
    driver.keys(&SPACE.to_string());
    driver.until("q('#question').innerText.includes('only')");
    shown.until_settled();
    shown.look("end");
}

#[test]
fn whatever_a_page_does_wrong_is_seen() {
    let Some(mut driver) = browser() else { return };
    let served = Served::start(&["--out", run()]);
    driver.emulate(DESK, Pointer::Mouse, false);
    let shown = Shown { served: &served, driver: &driver, mode: "bad" };
    shown.open();
    assert_eq!(shown.found(), [""; 0]);
    let bad = "const wide = document.createElement('div'), button = document.createElement('button');
        wide.style.width = '2000px';
        document.querySelector('main').append(wide, button);
        console.error('nothing works');
        const frame = document.createElement('iframe');
        frame.title = 'elsewhere';
        frame.src = 'http://elsewhere.invalid/';
        document.querySelector('main').append(frame);
        return new Promise((done) => setTimeout(done, 300));";
    driver.script(bad, &json!([]));
    let found = shown.found().join("\n");
    let mut wrong =
        vec!["the page scrolls sideways", "over the edge: <div style", "nothing works", "elsewhere.invalid"];
    if axe().is_some() {
        wrong.push("button-name");
    }
    for wrong in wrong {
        assert!(found.contains(wrong), "{wrong}: {found}");
    }
}
