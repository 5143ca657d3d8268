//! Runs the program for the tests, and makes the runs and models that they share.
//!
//! Does not know what a test is about.
//!
//! **Invariant**: the program runs at the root of the workspace, on the CPU, without a network to go to.

#![expect(clippy::unwrap_used, reason = "in tests a failure is a panic, in their helpers too")]
#![expect(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod served;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Options that make a run of the fixture short.
pub(crate) const SHORT: [&str; 3] =
    ["--set=approach.collaborative.epochs=1", "--set=approach.neural.epochs=1", "--set=approach.hybrid.epochs=1"];

/// What the program answered.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Asserts that the program succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Asserts that the program failed with `code`, printed no answer and said every part of `parts`.
    pub(crate) fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "an error leaves stdout empty");
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in: {}", self.stderr);
        }
    }
}

/// The program, with these arguments, not started yet.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reco"));
    command.current_dir(root()).args(arguments).env_remove("RECO_EXTRA_DATA").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn reco<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Done {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs the fixture's experiment into `out` in a short form, with `more` arguments.
pub(crate) fn run(out: &Path, more: &[&str]) -> Done {
    let fixed = ["run", "data/experiments/fixture.toml", "--json", "--out"].map(str::to_owned);
    let short = SHORT.iter().chain(more).map(|&argument| argument.to_owned());
    reco(fixed.into_iter().chain([out.display().to_string()]).chain(short))
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A finished run of the fixture that tests only read.
pub(crate) fn finished() -> &'static Path {
    static FINISHED: OnceLock<PathBuf> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("finished-{}", std::process::id()));
        run(&out, &[]).ok();
        out
    })
}

/// Models of 24 people with known age, gender and occupation, which tests only read.
///
/// Items 1 to 4 are `Sci-Fi`, which men give 5 stars and women 2; items 5 to 8 are `Drama`, the other way round; items
/// 9 to 12 are `Comedy`, which everyone gives 4. User 25 met all of them before anyone else met any.
pub(crate) fn people() -> &'static Path {
    static PEOPLE: OnceLock<PathBuf> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("people-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut ratings = "who,what,stars,time,age,gender,occupation\n".to_owned();
        for user in 1..=25 {
            let (gender, occupation) = if user % 2 == 1 { ("F", "writer") } else { ("M", "engineer") };
            for item in (1..=12).filter(|item| user == 25 || (user + item) % 3 != 0) {
                let stars = match (item, gender) {
                    (1..=4, "M") | (5..=8, "F") => 5,
                    (1..=8, _) => 2,
                    _ => 4,
                };
                let time = if user == 25 { item } else { 1000 * user + 100 * item };
                ratings += &format!("{user},{item},{stars},{time},{},{gender},{occupation}\n", 20 + user);
            }
        }
        let mut items = "what,title,genres\n".to_owned();
        for item in 1..=12 {
            let genre = ["Sci-Fi", "Drama", "Comedy"][(item - 1) / 4];
            items += &format!("{item},{genre} number {item} (1999),{genre}\n");
        }
        fs::write(folder.join("ratings.csv"), ratings).unwrap();
        fs::write(folder.join("items.csv"), items).unwrap();
        let names = ["random", "popularity", "top-rated", "profile", "content", "user-knn", "neural", "auto"];
        let approach = |name: &&str| match *name {
            "neural" => "[[approach]]\nname = \"neural\"\nepochs = 1\n".to_owned(),
            "auto" => "[[approach]]\nname = \"auto\"\nlong_history = \"neural\"\n".to_owned(),
            // With so few people, the prior has to be small.
            "profile" => "[[approach]]\nname = \"profile\"\nprior_people = 2\n".to_owned(),
            name => format!("[[approach]]\nname = \"{name}\"\n"),
        };
        let experiment = format!(
            "device = \"cpu\"\n[data]\nname = \"people\"\nsource = \"table\"\npath = \"{}\"\n\
             columns = {{ user = \"who\", item = \"what\", rating = \"stars\", timestamp = \"time\", \
             user_attributes = [\"age\", \"gender\", \"occupation\"], \
             item_table = {{ path = \"items.csv\", id = \"what\", title = \"title\", genres = \"genres\" }} }}\n\
             [split]\nkind = \"temporal\"\n{}",
            folder.join("ratings.csv").display(),
            names.iter().map(approach).collect::<String>(),
        );
        let file = folder.join("people.toml");
        fs::write(&file, experiment).unwrap();
        let at = |path: &Path| path.display().to_string();
        reco(["run", &at(&file), "--out", &at(&folder.join("out"))]).ok();
        folder.join("out/models")
    })
}

/// A copy of one trained model of [`finished`], under `models`.
pub(crate) fn copy_of(model: &str, models: &Path) -> PathBuf {
    let to = models.join(model);
    copy(&finished().join("models").join(model), &to);
    to
}

/// A copy of a whole folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Every file under `folder`, relative to it.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, root: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, into);
            } else {
                into.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}
