//! Writes the page without a server: static files, with models that answer visitors in the browser.
//!
//! Does not know how they answer: reco-web does.
//!
//! **Invariant**: nothing of any one user is written; a folder that holds other files is refused.

use std::fs;
use std::path::Path;

use reco_core::{DeviceChoice, Fitted};
use reco_run::{Output, RunError};
use reco_web::{Listed, Published};

use crate::api::Models;
use crate::bundle::Bundle;
use crate::config::ServeError;
use crate::engine::described;
use crate::page::FILES;
use crate::problem::Problem;

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct WebPage {
    /// The approaches that answer on the page, the one that does unnamed first.
    pub approaches: Vec<String>,
    /// Those that answer on a server alone.
    pub left_out: Vec<String>,
    /// The size of all files.
    pub n_bytes: u64,
}

/// What stands on the service's page, and what stands in its place without a service.
const WORDS: [(&str, &str); 4] = [
    ("<nav><a href=\"docs\">HTTP interface</a></nav>", ""),
    ("Two approaches answer at once, and say why.", "Two approaches answer at once, in this browser."),
    ("The server answers and stores nothing of it.", "Nothing of it is sent anywhere."),
    ("<footer class=\"small\"><p>The same for programs: <a href=\"openapi.json\">openapi.json</a></p></footer>", ""),
];

/// The models and their names in catalogue.json.
type Kept = (Listed, Box<dyn Fitted>);

/// Writes to the folder `to` the page for the models of the run in `models`: those called `approaches`, all that can
/// answer in a browser if none is named. `wasm` is reco-web compiled to WebAssembly.
///
/// # Errors
/// A run without such models; a module that is none; a folder with other files in it; what the disk says.
pub fn export_web(models: &Path, approaches: &[String], wasm: &Path, to: &Path) -> Result<WebPage, ServeError> {
    let refuse = |reason: String| ServeError::Web { reason };
    let said = |problem: Problem| refuse(problem.text());
    let module = fs::read(wasm).map_err(|error| {
        let way = "a release has it beside the program; from the source: `cargo xtask web`";
        refuse(format!("there is no module `{}`: {error}\nhint: {way}", wasm.display()))
    })?;
    if !module.starts_with(b"\0asm") {
        return Err(refuse(format!("`{}` is no WebAssembly\nhint: `cargo xtask web` makes it", wasm.display())));
    }
    check_empty(to)?;
    let bundle = Bundle::open("run", models, DeviceChoice::Cpu)?;
    let mut shown = bundle.described().map_err(said)?;
    let named: Vec<String> = match approaches {
        [] => bundle.models().filter(|one| one.answers_visitors).map(|one| one.name.clone()).collect(),
        named => named.to_vec(),
    };
    let (mut kept, mut left_out): (Vec<Kept>, Vec<String>) = (Vec::new(), Vec::new());
    for name in named {
        let artifact = bundle.get(&name).map_err(said)?;
        let Some(model) = artifact.model.for_visitors() else {
            left_out.push(name);
            continue;
        };
        let config = &artifact.config;
        let (kind, options, seed) = (config.kind.clone(), config.options.clone(), config.seed);
        kept.push((Listed { file: format!("{name}.safetensors"), name, kind, options, seed }, model));
    }
    if kept.is_empty() || !(left_out.is_empty() || approaches.is_empty()) {
        return Err(refuse(format!(
            "`{}` cannot answer in a browser\nhint: those can that need no network and look at no other user: \
             `popularity`, `top-rated`, `svd`, `svdpp`, `ease`, `ials`, `item-features`",
            left_out.join("`, `")
        )));
    }
    // Who answers a visitor with a few ratings, else who ranked best.
    let default = bundle.for_visitors(usize::MAX, false).map(|choice| choice.name.clone()).unwrap_or_default();
    let validation = |name: &str| {
        let one = shown.approaches.iter().find(|one| one.name == name);
        one.and_then(|one| one.validation).unwrap_or_default()
    };
    kept.sort_by(|(one, _), (other, _)| {
        let is_other = |listed: &Listed| listed.name != default;
        let better = validation(&other.name).total_cmp(&validation(&one.name));
        is_other(one).cmp(&is_other(other)).then(better)
    });
    let (listed, fitted): (Vec<Listed>, Vec<_>) = kept.into_iter().unzip();
    describe_without_users(&mut shown, &listed);
    let first = bundle.first().map_err(said)?;
    let catalogue = first.catalogue();
    let items = catalogue.items.indices().map(|item| described(&first, item, None)).collect();
    let approaches = listed.iter().map(|one| one.name.clone()).collect();
    let files: Vec<String> = listed.iter().map(|one| one.file.clone()).collect();
    let published = Published::new(catalogue, items, first.config.has_stars, listed);

    fs::create_dir_all(to).map_err(|error| refuse(format!("cannot make the folder `{}`: {error}", to.display())))?;
    let mut n_bytes = 0;
    let mut write = |name: &str, content: &[u8]| -> Result<(), ServeError> {
        n_bytes += content.len() as u64;
        let written = Output::at(&to.join(name)).and_then(|output| output.write_bytes(content));
        Ok(written.map_err(RunError::from)?)
    };
    for (path, _, content) in FILES {
        match path {
            "/" => write("index.html", page(content).as_bytes())?,
            "/api.js" => write("api.js", include_bytes!("page/web.js"))?,
            path => write(path.trim_start_matches('/'), content.as_bytes())?,
        }
    }
    let json = |value: serde_json::Result<Vec<u8>>| value.expect("what is published is keys, texts and numbers");
    write("models.json", &json(serde_json::to_vec(&shown)))?;
    write("catalogue.json", &json(serde_json::to_vec(&published)))?;
    for (file, model) in files.iter().zip(fitted) {
        write(file, &model.save().map_err(RunError::from)?.to_bytes())?;
    }
    write("reco.wasm", &module)?;
    Ok(WebPage { approaches, left_out, n_bytes })
}

/// Refuses a folder that holds anything but such a page.
fn check_empty(to: &Path) -> Result<(), ServeError> {
    let is_page = to.join("reco.wasm").exists() && to.join("catalogue.json").exists();
    let holds_others = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    match holds_others && !is_page {
        true => {
            let reason = format!("`{}` holds other files\nhint: name a folder that is empty or new", to.display());
            Err(ServeError::Web { reason })
        }
        false => Ok(()),
    }
}

/// Leaves of a description what is true of the models `listed` where there are no users.
fn describe_without_users(shown: &mut Models, listed: &[Listed]) {
    shown.n_users = 0;
    shown.approaches.retain(|one| listed.iter().any(|kept| kept.name == one.name));
    for one in &mut shown.approaches {
        one.is_default = listed.first().is_some_and(|first| first.name == one.name);
    }
    // A moment that no model looks at is not asked for.
    if !shown.approaches.iter().any(|one| one.uses_context) {
        shown.contexts.clear();
    }
}

/// The service's page in the words of one without a service.
fn page(of_service: &str) -> String {
    WORDS.iter().fold(of_service.to_owned(), |page, (of_service, without)| page.replace(of_service, without))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_that_is_replaced_stands_on_the_page_once() {
        let (_, _, html) = FILES[0];
        for (of_service, _) in WORDS {
            assert_eq!(html.matches(of_service).count(), 1, "{of_service}");
        }
        let page = page(html);
        for word in ["server", "openapi", "docs", "say why"] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn a_folder_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        check_empty(folder.path()).unwrap();
        check_empty(&folder.path().join("new")).unwrap();
        fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
        let error = check_empty(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds other files"), "{error}");
        fs::write(folder.path().join("reco.wasm"), "").unwrap();
        fs::write(folder.path().join("catalogue.json"), "").unwrap();
        check_empty(folder.path()).unwrap();
    }
}
