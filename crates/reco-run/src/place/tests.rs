//! Tests that nothing of anyone else's is lost, whatever lies where a run writes.
//!
//! **Invariant**: what is planted is there afterwards, byte for byte, whether the run succeeds or not.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use reco_core::testing::left_out;
use serde_json::json;

use super::*;
use crate::folder::{Folder, Made};
use crate::{Experiment, Quiet, RunOptions, Source, run};

fn folder(out: &Path, path: &str) -> Folder {
    Folder {
        stage: "features",
        version: 1,
        path: out.join(path),
        part: json!({}),
        inputs: Digests::new(),
        versions: BTreeMap::new(),
        seed: 1,
    }
}

/// Fills a folder with a file and another one further down, both with `text`.
fn make(out: &Path, path: &str, text: &str) -> Result<(), RunError> {
    let folder = folder(out, path);
    let place = Place::new(out, &folder.path, &Quiet)?;
    let made = folder.make(&place, |at| {
        fs::create_dir(at.join("inner")).unwrap();
        fs::write(at.join("inner/b"), text).unwrap();
        fs::write(at.join("a"), text).unwrap();
        Ok(Made::default())
    });
    made.map(|_| ())
}

/// What lies in a folder and below it: a file with its bytes, a link with its target, a folder.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for (path, kind) in entries(folder).unwrap() {
        let content = match kind {
            kind if kind.is_dir() => None,
            kind if kind.is_symlink() => Some(fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()),
            _ => Some(fs::read(&path).unwrap()),
        };
        if kind.is_dir() {
            found.extend(tree(&path));
        }
        found.insert(path, content);
    }
    found
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn what_a_user_adds_is_named_and_left_alone() {
    for added in ["x", ".hidden", "inner/x", "new/x", "a.bak"] {
        let out = tempfile::tempdir().unwrap();
        make(out.path(), "features", "old").unwrap();
        let path = out.path().join("features").join(added);
        write(&path, "mine");
        let before = tree(out.path());
        let error = make(out.path(), "features", "new").unwrap_err().to_string();
        let shown = if added == "new/x" { path.parent().unwrap() } else { &path };
        for part in [format!("`{}` is in the way", shown.display()), "/features`\nhint: ".into(), "`--out`".into()] {
            assert!(error.contains(&part), "{part}: {error}");
        }
        assert_eq!(tree(out.path()), before);
    }
}

#[test]
fn a_folder_without_a_manifest_of_ours_is_not_replaced() {
    let features = |text: &str, name: &str| {
        let out = tempfile::tempdir().unwrap();
        write(&out.path().join("features").join(name), text);
        make(out.path(), "features", "new").unwrap_err().to_string()
    };
    assert!(features("x", "thesis.txt").contains("thesis.txt` is in the way: reco did not write it"));
    for foreign in ["", "{}", r#"{"name": "a web page"}"#, r#"{"schema_version": 1, "stage": "features"}"#, "\u{0}"] {
        assert!(features(foreign, "manifest.json").contains("it is no manifest of reco"), "{foreign}");
    }
    let out = tempfile::tempdir().unwrap();
    write(&out.path().join("features"), "a file");
    let error = make(out.path(), "features", "new").unwrap_err().to_string();
    assert!(error.contains("features` is in the way: it is a file, and a folder belongs there\nhint: "), "{error}");
    let error = make(out.path(), "features/popularity", "new").unwrap_err().to_string();
    assert!(error.contains("features` is in the way: it is a file, and a folder belongs there\nhint: "), "{error}");
    // An empty folder may be replaced: nothing would be lost.
    let out = tempfile::tempdir().unwrap();
    fs::create_dir(out.path().join("features")).unwrap();
    make(out.path(), "features", "new").unwrap();
}

#[test]
fn a_manifest_of_another_version_says_whose_files_they_are() {
    let out = tempfile::tempdir().unwrap();
    make(out.path(), "features", "old").unwrap();
    let manifest = out.path().join("features").join(MANIFEST);
    let text = fs::read_to_string(&manifest).unwrap().replace("\"schema_version\": 1", "\"schema_version\": 99");
    fs::write(&manifest, text).unwrap();
    make(out.path(), "features", "new").unwrap();
    assert_eq!(fs::read_to_string(out.path().join("features/a")).unwrap(), "new");
}

struct Told(Mutex<Vec<PathBuf>>);

impl RunProgress for Told {
    fn fetch(&self) -> &dyn reco_data::fetch::FetchProgress {
        Quiet.fetch()
    }

    fn ingest(&self) -> &dyn reco_data::IngestProgress {
        Quiet.ingest()
    }

    fn train(&self) -> &dyn reco_core::Progress {
        Quiet.train()
    }

    fn set_aside(&self, _: &Path, kept: &Path) {
        self.0.lock().unwrap().push(kept.to_owned());
    }
}

#[test]
fn what_a_user_changed_is_set_aside_and_told() {
    let out = tempfile::tempdir().unwrap();
    let told = Told(Mutex::new(Vec::new()));
    make(out.path(), "models/mine", "old").unwrap();
    for (number, name) in [(1, "b"), (2, "b.2")] {
        write(&out.path().join("models/mine/inner/b"), &format!("change {number}"));
        let folder = folder(out.path(), "models/mine");
        let place = Place::new(out.path(), &folder.path, &told).unwrap();
        folder
            .make(&place, |at| {
                write(&at.join("inner/b"), "new");
                Ok(Made::default())
            })
            .unwrap();
        let kept = out.path().join("set-aside/models/mine/inner").join(name);
        assert_eq!(fs::read_to_string(&kept).unwrap(), format!("change {number}"));
        assert_eq!(told.0.lock().unwrap().pop(), Some(kept));
    }
    assert_eq!(fs::read_to_string(out.path().join("models/mine/inner/b")).unwrap(), "new");
    assert!(!out.path().join("models/.mine.old").exists());
}

#[test]
fn a_run_that_was_killed_at_any_moment_leaves_all_that_was_there() {
    let finished = |text: &str| {
        let out = tempfile::tempdir().unwrap();
        make(out.path(), "features", text).unwrap();
        out
    };
    let recover = |out: &Path| {
        let features = out.join("features");
        Place::new(out, &features, &Quiet).unwrap().recover().unwrap();
        let names: Vec<_> = entries(out).unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, std::slice::from_ref(&features));
        fs::read_to_string(features.join("a")).unwrap()
    };
    // While it filled the new folder, and before it had written the mark.
    for mark in [None, Some(""), Some(&MARKED[..9]), Some(MARKED)] {
        let out = finished("old");
        let partial = out.path().join(".features.partial");
        fs::create_dir(&partial).unwrap();
        mark.iter().for_each(|mark| write(&partial.join(MARKER), mark));
        if mark == Some(MARKED) {
            write(&partial.join("inner/b"), "ne");
        }
        assert_eq!(recover(out.path()), "old");
    }
    // Between the two renames: the old one comes back.
    let (out, new) = (finished("old"), finished("new"));
    fs::rename(out.path().join("features"), out.path().join(".features.old")).unwrap();
    fs::rename(new.path().join("features"), out.path().join(".features.partial")).unwrap();
    assert_eq!(recover(out.path()), "old");
    // While the old folder was emptied, first of all but its manifest, then of that too.
    for emptied in ["", "a", "inner", "a inner", "a inner manifest.json"] {
        let (out, old) = (finished("new"), finished("old"));
        fs::rename(old.path().join("features"), out.path().join(".features.old")).unwrap();
        for name in emptied.split_whitespace() {
            let path = out.path().join(".features.old").join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        assert_eq!(recover(out.path()), "new");
    }
}

/// Calls `remove`, and fails if at any moment something lies in `partial` that is not known to be ours.
fn stays_marked_to_its_end(partial: &Path, remove: impl FnOnce() + Send) {
    for number in 0..2000 {
        fs::write(partial.join(format!("weights-{number}")), "").unwrap();
    }
    std::thread::scope(|scope| {
        let removing = scope.spawn(remove);
        while !removing.is_finished() {
            let marked = is_marked(partial);
            // What is there now was there when the mark was looked for.
            let left = fs::read_dir(partial).map_or(0, Iterator::count);
            assert!(marked || left == 0 || is_marked(partial), "`{left}` files are left without a mark");
        }
    });
    assert!(!exists(partial));
}

#[test]
fn a_run_that_is_killed_while_it_removes_an_unfinished_folder_leaves_it_marked() {
    let out = tempfile::tempdir().unwrap();
    let place = Place::new(out.path(), &out.path().join("features"), &Quiet).unwrap();
    let begun = place.begin().unwrap();
    let partial = begun.path.clone();
    stays_marked_to_its_end(&partial, || drop(begun));

    write(&partial.join(MARKER), MARKED);
    write(&partial.join("inner/b"), "half");
    let recover = || Place::new(out.path(), &out.path().join("features"), &Quiet).and_then(|place| place.recover());
    stays_marked_to_its_end(&partial, || recover().unwrap());
}

#[cfg(unix)]
#[test]
fn a_file_is_replaced_whole_and_what_a_killed_run_left_goes() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("answers.json");
    let place = Place::new(out.path(), &path, &Quiet).unwrap();
    fs::write(&path, "old").unwrap();
    // Killed just before the file got its name.
    let partial = out.path().join(".answers.json.partial");
    write(&partial.join(MARKER), MARKED);
    write(&partial.join("answers.json"), "half");
    place.replace_file("new").unwrap();
    assert_eq!(tree(out.path()), BTreeMap::from([(path.clone(), Some(b"new".to_vec()))]));
    // Somebody else's file has that name.
    fs::write(&partial, "mine").unwrap();
    assert!(place.clear().is_err() && place.replace_file("newer").is_err());
    assert_eq!(fs::read_to_string(&partial).unwrap(), "mine");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn what_a_user_changed_is_set_aside_across_disks() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let out = tempfile::tempdir().unwrap();
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    let other = Path::new("/dev/shm");
    if device(other).is_none_or(|other| Some(other) == device(out.path())) {
        left_out("setting aside across disks: `/dev/shm` is no disk of its own");
        return;
    }
    let disk = tempfile::tempdir_in(other).unwrap();
    symlink(disk.path(), out.path().join("models")).unwrap();
    make(out.path(), "models/mine", "old").unwrap();
    write(&disk.path().join("mine/inner/b"), "changed");
    make(out.path(), "models/mine", "new").unwrap();
    let aside = out.path().join("set-aside/models/mine/inner");
    assert_eq!(fs::read_to_string(aside.join("b")).unwrap(), "changed");
    assert_eq!(entries(&aside).unwrap().len(), 1);
    assert_eq!(fs::read_to_string(out.path().join("models/mine/inner/b")).unwrap(), "new");
    assert_eq!(entries(disk.path()).unwrap().len(), 1, "no hidden folder is left");
}

#[test]
fn a_file_where_changed_ones_would_be_kept_is_named_before_any_work() {
    let out = tempfile::tempdir().unwrap();
    write(&out.path().join("set-aside"), "mine");
    let error = make(out.path(), "features", "new").unwrap_err().to_string();
    assert!(error.contains("set-aside` is in the way: it is a file, and a folder belongs there\nhint: "), "{error}");
    assert_eq!(tree(out.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_folders_and_never_replaced() {
    use std::os::unix::fs::symlink;
    let (out, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| out.path().join(name);
    fs::create_dir(disk.path().join("large")).unwrap();
    symlink(disk.path().join("large"), at("features")).unwrap();
    make(out.path(), "features", "old").unwrap();
    write(&disk.path().join("large/a"), "changed");
    make(out.path(), "features", "new").unwrap();
    assert!(fs::symlink_metadata(at("features")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(disk.path().join("large/a")).unwrap(), "new");
    assert_eq!(fs::read_to_string(disk.path().join("set-aside/features/a")).unwrap(), "changed");

    symlink("nowhere", at("dangling")).unwrap();
    let error = make(out.path(), "dangling", "new").unwrap_err().to_string();
    assert!(error.contains("dangling` is in the way: it is a link that leads nowhere"), "{error}");

    // A file of ours that became a link leads to something of someone else's.
    make(out.path(), "tables", "old").unwrap();
    fs::rename(at("tables/a"), at("mine")).unwrap();
    symlink("../mine", at("tables/a")).unwrap();
    let error = make(out.path(), "tables", "new").unwrap_err().to_string();
    assert!(error.contains("tables/a` is in the way: reco did not write it"), "{error}");
    assert_eq!(fs::read_to_string(at("mine")).unwrap(), "old");
}

/// Paths where a run writes, and beside them.
fn path() -> impl Strategy<Value = String> {
    let folders = ["tables", "features", "models/popularity", "evaluation", "report"];
    let hidden = |folder: &str, ending: &str| match folder.rsplit_once('/') {
        Some((parent, name)) => format!("{parent}/.{name}.{ending}"),
        None => format!(".{folder}.{ending}"),
    };
    let list = ["models/answers.json", "models/.answers.json.partial"];
    let others = [".reco.lock", "set-aside", "models", "notes", "models/mine"];
    let mut roots: Vec<String> = others.into_iter().chain(list).map(str::to_owned).collect();
    for folder in folders {
        roots.extend([folder.to_owned(), hidden(folder, "old"), hidden(folder, "partial")]);
    }
    let inside = ["", "/x", "/.x", "/ratings.parquet", "/manifest.json", "/inner/x", "/weights/x", "/inner/b"];
    (prop::sample::select(roots), prop::sample::select(inside.to_vec())).prop_map(|(root, inside)| root + inside)
}

#[derive(Clone, Copy, Debug)]
enum Foreign {
    Folder,
    File(&'static str),
    Link,
    /// Leads to a folder elsewhere.
    LinkOut,
}

fn foreign() -> impl Strategy<Value = Foreign> {
    let texts = ["", "mine", "{}", "{\"schema_version\": 1}", "reco"];
    prop_oneof![
        1 => Just(Foreign::Folder),
        4 => prop::sample::select(texts.to_vec()).prop_map(Foreign::File),
        1 => Just(Foreign::Link),
        1 => Just(Foreign::LinkOut),
    ]
}

/// A folder with somebody's files, beside the one that is run into.
fn elsewhere(out: &Path) -> PathBuf {
    let elsewhere = out.parent().unwrap().join("elsewhere");
    for name in ["x", "a", "inner/b", "popularity/x"] {
        write(&elsewhere.join(name), "theirs");
    }
    elsewhere
}

/// Puts foreign things where there is nothing, and says what they are.
fn plant(out: &Path, planted: &[(String, Foreign)]) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let before: Vec<PathBuf> = tree(out).into_keys().collect();
    for (path, what) in planted {
        // An empty folder under a hidden name of ours is what a run leaves if it is killed at once: nothing is lost
        // with it.
        if matches!(what, Foreign::Folder) && (path.ends_with(".old") || path.ends_with(".partial")) {
            continue;
        }
        let path = out.join(path);
        if exists(&path) || fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        match what {
            Foreign::Folder => fs::create_dir(&path).unwrap(),
            Foreign::File(text) => fs::write(&path, text).unwrap(),
            #[cfg(unix)]
            Foreign::Link => std::os::unix::fs::symlink("nowhere", &path).unwrap(),
            #[cfg(unix)]
            Foreign::LinkOut => std::os::unix::fs::symlink(elsewhere(out), &path).unwrap(),
            #[cfg(not(unix))]
            Foreign::Link | Foreign::LinkOut => {}
        }
    }
    let mut foreign = tree(out);
    foreign.retain(|path, _| !before.contains(path));
    foreign.extend(tree(&elsewhere(out)));
    foreign
}

/// Changes files of ours, where they are there, and says what they were changed to.
fn edit(out: &Path, edited: &[&str]) -> Vec<(String, Vec<u8>)> {
    let there = edited.iter().filter(|name| out.join(name).is_file());
    let change = |name: &&str| {
        let path = out.join(name);
        // JSON stays JSON, whatever it says.
        let text = match name.ends_with(".json") {
            true => fs::read_to_string(&path).unwrap().replacen(':', " :", 2),
            false => format!("my remarks on {name}"),
        };
        fs::write(path, &text).unwrap();
        ((*name).to_owned(), text.into_bytes())
    };
    there.map(change).collect()
}

/// Asserts that what was changed lies where it was, or under its name in `set-aside`.
fn assert_edits_kept(out: &Path, edits: &[(String, Vec<u8>)]) {
    for (name, text) in edits {
        let is_there = |path: PathBuf| fs::read(path).is_ok_and(|found| found == *text);
        assert!(is_there(out.join(name)) || is_there(out.join(ASIDE).join(name)), "`{name}`");
    }
}

fn assert_kept(out: &Path, foreign: &BTreeMap<PathBuf, Option<Vec<u8>>>) {
    let mut after = tree(out);
    after.extend(tree(&out.parent().unwrap().join("elsewhere")));
    for (path, content) in foreign {
        assert_eq!(after.get(path), Some(content), "`{}`", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_folder_of_any_run_leaves_whatever_is_not_ours(
        is_made: bool,
        is_half_made: bool,
        edited in prop::sample::subsequence(vec!["features/a", "features/inner/b", "features/manifest.json"], 0..3),
        planted in prop::collection::vec((path(), foreign()), 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        if is_made {
            make(&out, "features", "old").unwrap();
        }
        if is_half_made {
            // As a killed run leaves it; what is planted beside it is not ours.
            write(&out.join(".features.partial").join(MARKER), MARKED);
            write(&out.join(".features.partial/inner/b"), "ha");
        }
        let edits = edit(&out, &edited);
        let foreign = plant(&out, &planted.into_iter().filter(|(path, _)| !is_half_made || !path.starts_with(".features.partial")).collect::<Vec<_>>());
        let _ = make(&out, "features", "new");
        assert_kept(&out, &foreign);
        assert_edits_kept(&out, &edits);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_run_leaves_whatever_is_not_ours(
        is_made: bool,
        edited in prop::sample::subsequence(
            vec!["tables/ratings.parquet", "report/report.md", "models/answers.json", "evaluation/manifest.json"], 0..3),
        planted in prop::collection::vec((path(), foreign()), 0..3),
    ) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let file = root.join("data/experiments/fixture.toml");
        let read = |seed: &str| {
            let sets = [format!("data.path={}", root.join("data/fixture").display()), format!("seed={seed}")];
            Experiment::read(&Source::File(file.clone()), &sets, &["popularity".to_owned()]).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let run = |seed: &str| run(&read(seed), &RunOptions {
            raw: Path::new("nowhere"),
            out: &out,
            from: None,
            only: None,
            force: true,
            command: "",
            progress: &Quiet,
        });
        if is_made {
            run("1").unwrap();
        }
        let edits = edit(&out, &edited);
        let foreign = plant(&out, &planted);
        let _ = run("2");
        assert_kept(&out, &foreign);
        assert_edits_kept(&out, &edits);
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_there_yet_lies_where_links_lead() {
    let folder = tempfile::tempdir().unwrap();
    let [out, link] = ["real/out", "link"].map(|name| folder.path().join(name));
    fs::create_dir_all(&out).unwrap();
    std::os::unix::fs::symlink(folder.path().join("real"), &link).unwrap();
    assert!(is_inside(&link.join("out/models/new"), &out.join("models")), "neither is there");
    assert!(is_inside(&link.join("out"), &out));
    assert!(!is_inside(&link.join("outside"), &out));
}
