//! Writes the page without a server: static files, with models that answer visitors in the browser.
//!
//! Does not know how they answer: reco-web does.
//!
//! **Invariant**: no user, no id and no list of a user is written; a folder that holds other files is refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use reco_core::{Catalogue, DeviceChoice};
use reco_run::{Available, Manifest, Output, RunError};
use reco_web::{Listed, Published, Unnamed, loads};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::api::{ApproachInfo, Item, Models};
use crate::bundle::{Bundle, STEPS};
use crate::config::ServeError;
use crate::engine::described;
use crate::page::FILES;
use crate::problem::Problem;

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct WebPage {
    /// The approaches that answer on the page.
    pub approaches: Vec<String>,
    /// Those that answer on a server alone: they look at others' ratings, are networks, or are too large.
    pub left_out: Vec<String>,
    /// The size of all files.
    pub n_bytes: u64,
}

/// Items, and what a model needs besides its weights.
const CATALOGUE: &str = "catalogue.json";

/// What stands on the service's page, and what stands in its place without a service.
const WORDS: [(&str, &str); 4] = [
    ("<nav><a href=\"docs\">HTTP interface</a></nav>", ""),
    ("Two approaches answer at once, and say why.", "Two approaches answer at once, in this browser."),
    ("The server answers and stores nothing of it.", "Nothing of it is sent anywhere."),
    ("<footer class=\"small\"><p>The same for programs: <a href=\"openapi.json\">openapi.json</a></p></footer>", ""),
];

/// The most bytes of a model's weights: a browser holds them several times, in 4 GiB at most.
const LARGEST: usize = 500_000_000;

/// A model as it is published, and its weights.
struct Kept {
    listed: Listed,
    catalogue: Arc<Catalogue>,
    weights: Vec<u8>,
}

/// Writes to the folder `to` the page for the models of the run in `models`: those called `approaches`, all that can
/// answer in a browser if none is named. `wasm` is reco-web compiled to WebAssembly.
///
/// # Errors
/// A run without such models; a module that is none; a folder with other files in it; what the disk says.
pub fn export_web(models: &Path, approaches: &[String], wasm: &Path, to: &Path) -> Result<WebPage, ServeError> {
    let module = fs::read(wasm).map_err(|error| {
        let way = "a release has it beside the program; from the source: `cargo xtask web`";
        refused(format!("there is no module `{}`: {error}\nhint: {way}", wasm.display()))
    })?;
    if !module.starts_with(b"\0asm") {
        return Err(refused(format!("`{}` is no WebAssembly\nhint: `cargo xtask web` makes it", wasm.display())));
    }
    let older = older(to)?;
    let bundle = Bundle::open("run", models, DeviceChoice::Cpu)?;
    let mut shown = bundle.described().map_err(said)?;
    let named: Vec<String> = match approaches {
        [] => bundle.names().map(str::to_owned).collect(),
        named => named.to_vec(),
    };
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for name in named {
        match kept_of(&bundle, &name)? {
            Some(model) => kept.push(model),
            None => left_out.push(name),
        }
    }
    if !(approaches.is_empty() || left_out.is_empty()) {
        let names = left_out.join("`, `");
        return Err(refused(format!(
            "`{names}` cannot answer in a browser\nhint: `reco export --help` names what can"
        )));
    }
    // Of what visitors can say of themselves, what a model is told.
    let Some(widest) = kept.iter().max_by_key(|one| one.catalogue.user_features.names().len()) else {
        return Err(refused(
            "no model of the run can answer in a browser\nhint: `reco export --help` names what can".to_owned(),
        ));
    };
    let first = bundle.first().map_err(said)?;
    let items = first.catalogue().items.indices().map(|item| described(&first, item, None)).collect();
    let mut published = Published::new(&widest.catalogue, items, first.config.has_stars);
    published.unnamed = unnamed(&bundle, &shown, &kept);
    published.models = kept.iter().map(|one| one.listed.clone()).collect();
    describe_without_users(&mut shown, &published);

    fs::create_dir_all(to).map_err(|error| refused(format!("cannot make the folder `{}`: {error}", to.display())))?;
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
    write("reco.wasm", &module)?;
    kept.iter().try_for_each(|one| write(&one.listed.file, &one.weights))?;
    let json = |value: serde_json::Result<Vec<u8>>| value.expect("what is published is keys, texts and numbers");
    write("models.json", &json(serde_json::to_vec(&shown)))?;
    // The last one: it names the others.
    write(CATALOGUE, &json(serde_json::to_vec(&published)))?;
    for file in older.iter().filter(|file| published.models.iter().all(|one| one.file != **file)) {
        let gone = fs::remove_file(to.join(file));
        gone.map_err(|error| refused(format!("cannot remove `{file}`, which an older page had: {error}")))?;
    }
    Ok(WebPage { approaches: kept.into_iter().map(|one| one.listed.name).collect(), left_out, n_bytes })
}

/// The model called `name`, if it can answer in a browser.
fn kept_of(bundle: &Bundle, name: &str) -> Result<Option<Kept>, ServeError> {
    // What the browser cannot load is not loaded to find that out: a network, or what consists of several models.
    let kind = |one: &Available| Some(Manifest::read(&one.folder, "").ok()?.experiment["kind"].as_str()?.to_owned());
    if bundle.models().find(|one| one.name == name).and_then(kind).is_some_and(|kind| !loads(&kind)) {
        return Ok(None);
    }
    let artifact = bundle.get(name).map_err(said)?;
    let Some(model) = artifact.model.for_visitors() else { return Ok(None) };
    let weights = model.save().map_err(RunError::from)?.to_bytes();
    if weights.len() > LARGEST {
        return Ok(None);
    }
    let digest = Sha256::digest(&weights);
    let config = &artifact.config;
    let listed = Listed {
        name: name.to_owned(),
        kind: config.kind.clone(),
        options: config.options.clone(),
        seed: config.seed,
        file: format!("{name}.safetensors"),
        digest: digest[..8].iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok(Some(Kept { listed, catalogue: Arc::clone(model.catalogue()), weights }))
}

/// Who answers a visitor that named no model: whom the service would choose, else the best of those `kept`; for who has
/// rated nothing, the best of those that need no ratings.
fn unnamed(bundle: &Bundle, shown: &Models, kept: &[Kept]) -> Vec<Unnamed> {
    let is_kept = |name: &str| kept.iter().any(|one| one.listed.name == name);
    let able = |n_rated: usize| {
        let able = shown.approaches.iter().filter(|one| is_kept(&one.name));
        let fits = able.clone().filter(|one| one.follows_ratings == (n_rated > 0));
        let best = |one: &&ApproachInfo, other: &&ApproachInfo| {
            one.validation.unwrap_or_default().total_cmp(&other.validation.unwrap_or_default())
        };
        fits.max_by(best).or_else(|| able.clone().max_by(best)).map(|one| one.name.clone()).unwrap_or_default()
    };
    let choose = |(n_rated, states): (usize, bool)| {
        let chosen = bundle.for_visitors(n_rated, states).ok().filter(|choice| is_kept(&choice.name));
        let (approach, why) = match chosen {
            Some(choice) => (choice.name.clone(), choice.why.clone()),
            None => (able(n_rated), "the best of those that answer in a browser".to_owned()),
        };
        Unnamed { n_rated, states, approach, why }
    };
    STEPS.into_iter().flat_map(|step| [(step, false), (step, true)]).map(choose).collect()
}

fn refused(reason: String) -> ServeError {
    ServeError::Web { reason }
}

fn said(problem: Problem) -> ServeError {
    refused(problem.text())
}

/// The weights that an older page in the folder `to` has; refuses a folder with files of others.
fn older(to: &Path) -> Result<Vec<String>, ServeError> {
    #[derive(Deserialize)]
    struct Older {
        models: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        file: String,
    }
    if fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none()) {
        return Ok(Vec::new());
    }
    let text = fs::read(to.join(CATALOGUE)).ok().filter(|_| to.join("reco.wasm").exists());
    let Some(Older { models }) = text.and_then(|text| serde_json::from_slice(&text).ok()) else {
        return Err(refused(format!("`{}` holds other files\nhint: name a folder that is empty or new", to.display())));
    };
    // What a name of a file is: no path leads out of the folder.
    let is_ours =
        |file: &String| file.ends_with(".safetensors") && !file.contains(['/', '\\']) && to.join(file).is_file();
    Ok(models.into_iter().map(|one| one.file).filter(is_ours).collect())
}

/// Leaves of a description what is true of the models that were `published` where there are no users.
fn describe_without_users(shown: &mut Models, published: &Published<Item>) {
    shown.n_users = 0;
    shown.approaches.retain(|one| published.models.iter().any(|kept| kept.name == one.name));
    // Of those that follow ratings, whom the most are answered by.
    let default = published.unnamed.last().map(|one| one.approach.as_str());
    for one in &mut shown.approaches {
        one.is_default = default == Some(one.name.as_str());
    }
    let told = &published.user_features.names;
    shown.attributes.retain(|name, _| told.iter().any(|told| told.split('=').next() == Some(name.as_str())));
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
        let none = Vec::<String>::new();
        assert_eq!((older(folder.path()).unwrap(), older(&folder.path().join("new")).unwrap()), (none.clone(), none));
        fs::write(folder.path().join("thesis.tex"), "mine").unwrap();
        fs::write(folder.path().join("a.safetensors"), "").unwrap();
        let error = older(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds other files"), "{error}");
        fs::write(folder.path().join("reco.wasm"), "").unwrap();
        let models = r#"{"models": [{"file": "a.safetensors"}, {"file": "../a.safetensors"}, {"file": "thesis.tex"}]}"#;
        fs::write(folder.path().join(CATALOGUE), models).unwrap();
        assert_eq!(older(folder.path()).unwrap(), ["a.safetensors"]);
    }
}
