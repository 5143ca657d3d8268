//! Tests the page without a server in a browser: its models answer as `reco recommend` does, and nothing but its own
//! files is asked for.
//!
//! Where chromedriver or the module `reco.wasm` is missing, the test says so and passes; `cargo xtask ci` then names it
//! as left out.
//!
//! **Invariant**: the folder is served by something that knows files only.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, thread};

use common::driver::Driver;
use common::reco;
use reco_core::testing::left_out;
use serde_json::{Value, json};

/// Those that answer in a browser, each of another kind of weights.
const ABLE: [&str; 7] = ["popularity", "top-rated", "svd", "svdpp", "ease", "ials", "item-features"];

fn module() -> Option<PathBuf> {
    let module = Path::new(env!("CARGO_BIN_EXE_reco")).with_file_name("reco.wasm");
    if !module.exists() {
        left_out("the page without a server: `reco.wasm` is not there: `cargo xtask web`");
        return None;
    }
    Some(module)
}

/// Models that answer in a browser, beside two that do not.
fn models() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("web-{}", std::process::id()));
        let out = out.display().to_string();
        let all = [&ABLE[..], &["item-knn", "neural"]].concat().join(",");
        reco(["run", "data/experiments/fixture.toml", "--json", "--out", &out, "--approach", &all]).ok();
        out
    })
}

/// Serves the files of `folder`, and returns the address.
fn serve(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let folder = folder.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let folder = folder.clone();
            thread::spawn(move || answer(stream, &folder));
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let path = first.split([' ', '?']).nth(1).unwrap_or_default().trim_start_matches('/');
    let name = if path.is_empty() { "index.html" } else { path };
    let kind = match Path::new(name).extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    let found = fs::read(folder.join(name));
    let status = if found.is_ok() { "200 OK" } else { "404 Not Found" };
    let body = found.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A browser that goes away has no need of it.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn exported(name: &str, more: &[&str]) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let line = ["export", "--format", "web", "--models", models(), "--out", to.to_str().unwrap()];
    let said = reco(line.iter().chain(more)).ok();
    assert!(said.stderr.contains("MB") || said.stdout.contains("MB"), "{} {}", said.stdout, said.stderr);
    to
}

#[test]
fn a_browser_answers_as_the_program_does() {
    let Some(_) = module() else { return };
    let Some(driver) = Driver::start() else {
        left_out(
            "the page without a server in a browser: there is no Chromium with a driver: Debian's `chromium-driver`",
        );
        return;
    };
    let page = exported("page-without-server", &[]);
    let address = serve(&page);
    driver.open(&address);
    driver.until("all('.column').length === 2 && all('.column').every((one) => one.ariaBusy === 'false')");
    driver.until("all('#found li[data-id]').length > 0");

    let rated = [("1", Some(5.0)), ("2", Some(1.5)), ("5", None), ("7", Some(4.0))];
    let told: Vec<Value> = rated.iter().map(|(id, stars)| json!({ "item_id": id, "rating": stars })).collect();
    let line: Vec<String> =
        rated.iter().map(|(id, stars)| stars.map_or((*id).to_owned(), |stars| format!("{id}={stars}"))).collect();
    let ask = |question: Value| {
        driver.promise(
            "const { recommend } = await import('/api.js'); return await recommend(arguments[0]);",
            &json!([question]),
        )
    };
    for approach in ABLE {
        let answer = ask(json!({ "ratings": told, "k": 10, "approach": approach }));
        let of_program = ["recommend", "--new-user", "--json", "--models", models(), "--approach", approach, "--rated"];
        let expected = reco(of_program.iter().copied().chain([line.join(",").as_str()])).ok().json();
        let list = |answer: &Value| -> Vec<(String, f64)> {
            let entries = answer["items"].as_array().unwrap_or_else(|| panic!("{approach}: {answer}"));
            entries.iter().map(|one| (one["item_id"].to_string(), one["score"].as_f64().unwrap())).collect()
        };
        let (found, expected) = (list(&answer), list(&expected));
        assert_eq!(found.len(), 10, "{approach}: {answer}");
        for ((id, score), (expected_id, expected_score)) in found.iter().zip(&expected) {
            assert_eq!(id, expected_id, "{approach}: {found:?} {expected:?}");
            let near = (score - expected_score).abs() <= 1e-5 * expected_score.abs().max(1.0);
            assert!(near, "{approach}: {score} and {expected_score}");
        }
    }

    // Unnamed, the model that the program chooses too: for who has rated nothing, little, and more.
    let six = ["1=5", "2=1.5", "5=4", "7=4", "9=3", "11=5"];
    for n in [0, 4, 6] {
        let told: Vec<Value> = six[..n]
            .iter()
            .map(|one| one.split_once('=').unwrap())
            .map(|(id, stars)| json!({ "item_id": id, "rating": stars.parse::<f64>().unwrap() }))
            .collect();
        let mut of_program = vec!["recommend", "--new-user", "--json", "--models", models()];
        let rated = six[..n].join(",");
        of_program.extend(if n > 0 { vec!["--rated", &rated] } else { Vec::new() });
        let (answer, expected) = (ask(json!({ "ratings": told })), reco(of_program).ok().json());
        assert_eq!((&answer["approach"], &answer["why"]), (&expected["model"], &expected["chosen"]["why"]), "{n}");
    }

    // The page itself: a rating changes the list, and what was rated is not in it.
    let list = "[...all('.column')[0].querySelectorAll('ol > li')].map((one) => one.dataset.id)";
    driver.choose(".column:nth-of-type(1) select", "ease");
    driver.until("all('.column')[0].querySelector('.why').innerText.startsWith('ease')");
    let before = driver.get(list);
    driver.press_at("#found li:nth-child(1) .rater", 0.95);
    driver.until("all('#mine > li').length === 1");
    driver.until(&format!("String({list}) !== {:?}", texts(&before).join(",")));
    let id = driver.get("q('#found li').dataset.id");
    assert!(!texts(&driver.get(list)).contains(&id.as_str().unwrap().to_owned()));
    assert_eq!(driver.get("q('#user').hidden"), json!(true), "there are no users to ask for");
    let of_page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../page/without-server.png");
    driver.picture(&of_page);
    let (console, requests) = driver.logs();
    assert_eq!(console, [""; 0]);
    let elsewhere = |url: &&String| !url.starts_with(&address) && !url.starts_with("data:");
    assert_eq!(requests.iter().filter(elsewhere).collect::<Vec<_>>(), [""; 0]);
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn nothing_of_any_user_is_published() {
    // Whatever answers in the browser is not looked at.
    let wasm = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("some-{}.wasm", std::process::id()));
    fs::write(&wasm, b"\0asm").unwrap();
    let page = exported("page-of-nobody", &["--wasm", wasm.to_str().unwrap()]);
    for name in ABLE {
        let bytes = fs::read(page.join(format!("{name}.safetensors"))).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let head: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let of_users = |tensor: &str| tensor.starts_with("users.") || tensor == "met.item";
        for (tensor, of) in head.as_object().unwrap().iter().filter(|(tensor, _)| of_users(tensor)) {
            let shape = of["shape"].as_array().unwrap();
            assert!(shape.is_empty() || shape[0] == 0, "{name}: {tensor} {of}");
        }
    }
    let read = |name: &str| -> Value { serde_json::from_slice(&fs::read(page.join(name)).unwrap()).unwrap() };
    let (catalogue, shown) = (read("catalogue.json"), read("models.json"));
    assert!(catalogue.get("users").is_none());
    assert_eq!(catalogue["user_features"], json!({ "names": [], "spans": {} }), "no model here is told attributes");
    assert_eq!((&shown["attributes"], &shown["n_users"]), (&json!({}), &json!(0)));
    assert!(!page.join("item-knn.safetensors").exists() && !page.join("neural.safetensors").exists());

    let to = page.join("other");
    let line = ["export", "--format", "web", "--models", models(), "--out", to.to_str().unwrap(), "--wasm"];
    let wasm = wasm.to_str().unwrap();
    reco(line.iter().copied().chain([wasm, "neural"])).fails(1, &["`neural` cannot answer in a browser", "hint"]);
    reco(line.iter().copied().chain(["Cargo.toml"])).fails(1, &["`Cargo.toml` is no WebAssembly"]);
    reco(line.iter().copied().chain(["no.wasm"])).fails(1, &["there is no module `no.wasm`", "cargo xtask web"]);
    assert!(!to.exists(), "nothing is written");
    let taken = ["export", "--format", "web", "--models", models(), "--out", models(), "--wasm", wasm];
    reco(taken).fails(1, &["holds other files"]);
}
