//! Makes the Python environments that chores need, from the packages listed here.
//!
//! Does not know what they are for.
//!
//! **Invariant**: an environment lies under `target/python/` and has the pinned versions it was asked for, the newest
//! that run together, in a Python that they run in. It is made anew when any of these change. Shell variables that slow
//! a library down do not reach its programs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};

use crate::process::{Workspace, succeed};

/// Packages that run together, by a name for their folder.
pub(crate) struct Environment {
    name: &'static str,
    /// The oldest Python that they run in, and the first newer one that they do not run in, if there is one.
    python: (Version, Option<Version>),
    pub(crate) packages: &'static [&'static str],
}

/// A Python's major and minor version.
type Version = (u32, u32);

/// What current releases need.
const CURRENT: (Version, Option<Version>) = ((3, 12), None);

/// What reco-eval's expected values come from; the script's own `requirements.txt` says the same, which a test
/// compares. Their versions stay those of the committed values.
pub(crate) const EVALUATORS: Environment = Environment {
    name: "evaluators",
    python: ((3, 11), None),
    packages: &["numpy==2.4.6", "ranx==0.3.21", "scikit-learn==1.9.1", "scipy==1.17.1"],
};

/// The article's code, and the speed of its network.
pub(crate) const KERAS: Environment = Environment {
    name: "keras",
    python: CURRENT,
    packages: &["keras==3.15.1", "tensorflow-cpu==2.21.0", "pandas==3.1.1", "openpyxl==3.1.5"],
};

pub(crate) const SURPRISE: Environment = Environment {
    name: "surprise",
    python: CURRENT,
    packages: &["scikit-surprise==1.1.5", "numpy==2.5.5", "pandas==3.1.1", "pyarrow==26.0.1"],
};

/// PyTorch, and LensKit, which stands on it.
pub(crate) const TORCH: Environment = Environment {
    name: "torch",
    python: CURRENT,
    packages: &["torch==2.15.0", "lenskit==2026.4.0", "numpy==2.5.5", "pandas==3.1.1", "pyarrow==26.0.1"],
};

/// RecBole 1.2.1 fails with a current NumPy (`np.float_`) and setuptools (`pkg_resources`), and the last NumPy that it
/// accepts has no build for a current Python.
pub(crate) const RECBOLE: Environment = Environment {
    name: "recbole",
    python: ((3, 11), Some((3, 12))),
    packages: &[
        "recbole==1.2.1",
        "torch==2.15.0",
        "numpy==1.26.4",
        "pandas==2.3.3",
        "pyarrow==20.0.0",
        "setuptools==80.9.0",
    ],
};

pub(crate) const IMPLICIT: Environment = Environment {
    name: "implicit",
    python: CURRENT,
    packages: &["implicit==0.7.3", "numpy==2.5.5", "scipy==1.18.1", "pandas==3.1.1", "pyarrow==26.0.1"],
};

pub(crate) const TABLES: Environment =
    Environment { name: "tables", python: CURRENT, packages: &["polars==2.1.0", "duckdb==2.0.1"] };

/// What builds and tests the wheel, and the frames that it takes.
pub(crate) const WHEEL: Environment = Environment {
    name: "wheel",
    python: CURRENT,
    packages: &[
        "maturin==1.16.0",
        "mypy==2.4.1",
        "pytest==9.2.0",
        "duckdb==2.0.1",
        "numpy==2.5.5",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
        "pandas==3.1.1",
        "polars==2.1.0",
        "pyarrow==26.0.1",
        "safetensors==0.8.0",
    ],
};

/// What builds the wheel of a release; zig links it for any Linux.
pub(crate) const DIST: Environment =
    Environment { name: "dist", python: CURRENT, packages: &["maturin==1.16.0", "ziglang==0.17.1"] };

/// The tools in which runs are followed.
pub(crate) const TRACKING: Environment = Environment {
    name: "tracking",
    python: CURRENT,
    packages: &["mlflow[auth]==3.17.2", "pytest==9.2.0", "tensorboard==2.21.0"],
};

/// What the pages of the documentation run with, beside the wheel: frames, and libraries that its users come from.
pub(crate) const PAGES: Environment = Environment {
    name: "pages",
    python: CURRENT,
    packages: &[
        "duckdb==2.0.1",
        "implicit==0.7.3",
        "numpy==2.5.5",
        "pandas==3.1.1",
        "polars==2.1.0",
        "pyarrow==26.0.1",
        "safetensors==0.8.0",
        "scikit-surprise==1.1.5",
        "scipy==1.18.1",
    ],
};

/// The same for the page on RecTools, which runs with no current pandas and with an implicit of its own.
pub(crate) const RECTOOLS: Environment = Environment {
    name: "rectools",
    python: ((3, 12), Some((3, 14))),
    packages: &["rectools==0.19.0", "numpy==2.4.6", "pandas==2.3.3", "pyarrow==26.0.1"],
};

/// What installs packages into the others, faster than pip.
const UV: Environment = Environment { name: "uv", python: ((3, 9), None), packages: &["uv==0.13.9"] };

/// Names the Python that is tried before all others.
const CHOSEN: &str = "RECO_PYTHON";

/// Variables that some machines set for an old NumPy. They make a current one slow.
const SLOWING: [&str; 2] = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"];

impl Environment {
    /// A call of its Python, which is made on first use.
    pub(crate) fn command(&self, workspace: &Workspace) -> Result<Command> {
        let mut command = workspace.command(self.python(workspace)?);
        SLOWING.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        Ok(command)
    }

    /// The versions of its packages that `names` lists, and that of its Python once it is made.
    pub(crate) fn of(&self, workspace: &Workspace, names: &[&str]) -> String {
        let named = |package: &&str| names.iter().any(|name| package.split("==").next() == Some(name));
        let packages = self.packages.iter().copied().filter(named).collect::<Vec<_>>().join(", ");
        match fs::read_to_string(self.folder(workspace).join(MADE)) {
            Ok(made) => format!("{packages} (Python {})", made.lines().next().unwrap_or_default()),
            Err(_) => packages,
        }
    }

    /// The same, with all its packages.
    pub(crate) fn all(&self, workspace: &Workspace) -> String {
        let names: Vec<&str> = self.packages.iter().filter_map(|package| package.split("==").next()).collect();
        self.of(workspace, &names)
    }

    /// The name of its folder.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The Python that it would be made with, and its version in full.
    pub(crate) fn base(&self) -> Result<(OsString, String)> {
        let (least, below) = self.python;
        let fits = |full: &str| version(full).is_some_and(|it| it >= least && below.is_none_or(|below| it < below));
        // Done once, because it starts a dozen programs.
        static FOUND: OnceLock<Vec<(OsString, String)>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let said = |program: OsString| full_version(&program).map(|full| (program, full));
            candidates().into_iter().filter_map(said).collect()
        });
        let found = found.iter().find(|(_, full)| fits(full)).cloned();
        let needs = || {
            let below = below.map_or_else(String::new, |(major, minor)| format!(" and below {major}.{minor}"));
            format!(
                "`{}` needs a Python from {}.{} on{below}\nhint: install one, or name it in `{CHOSEN}`",
                self.name, least.0, least.1
            )
        };
        found.with_context(needs)
    }

    /// Where its programs are.
    pub(crate) fn programs(&self, workspace: &Workspace) -> PathBuf {
        self.folder(workspace).join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.target().join("python").join(self.name)
    }

    fn python(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = self.folder(workspace);
        let python = self.programs(workspace).join(format!("python{}", env::consts::EXE_SUFFIX));
        let (base, version) = self.base()?;
        let wanted = format!("{version}\n{}", self.packages.join("\n"));
        let made = folder.join(MADE);
        if fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
            return Ok(python);
        }
        let run = |program: &Path, arguments: &[&str]| succeed(workspace.command(program).args(arguments));
        run(Path::new(&base), &["-m", "venv", "--clear", &folder.display().to_string()])?;
        let by_pip = || run(&python, &[&["-m", "pip", "install", "--quiet"], self.packages].concat());
        if self.name == UV.name {
            by_pip()?;
        } else if let Err(error) = self.install_by_uv(workspace, &python) {
            println!("{error:#}: pip does it");
            by_pip()?;
        }
        fs::write(&made, wanted).with_context(|| format!("cannot write `{}`", made.display()))?;
        Ok(python)
    }

    fn install_by_uv(&self, workspace: &Workspace, python: &Path) -> Result<()> {
        let mut uv = UV.command(workspace)?;
        succeed(
            uv.args(["-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"])
                .arg(python)
                .args(self.packages),
        )
    }
}

/// The file that says what an environment was made of: the Python's version, then a package a line.
const MADE: &str = "packages.txt";

/// Pythons to try: the one that is named, then those with a version in their names on PATH and among pyenv's, the
/// newest first, and at last `python3`.
fn candidates() -> Vec<OsString> {
    let mut candidates: Vec<OsString> = env::var_os(CHOSEN).into_iter().collect();
    let versions = env::var_os("PYENV_ROOT").and_then(|root| fs::read_dir(Path::new(&root).join("versions")).ok());
    let folders: Vec<PathBuf> = versions.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    for minor in (9..40).rev() {
        let name = format!("python3.{minor}");
        candidates.push(name.clone().into());
        candidates.extend(
            folders.iter().map(|folder| folder.join("bin").join(&name)).filter(|path| path.is_file()).map(Into::into),
        );
    }
    candidates.push("python3".into());
    candidates
}

/// The version that a Python prints, as `3.13.0`; `None` where there is none (pyenv has shims for many that are not
/// installed).
fn full_version(program: &OsString) -> Option<String> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.trim().strip_prefix("Python ").map(str::to_owned)
}

fn version(full: &str) -> Option<Version> {
    let mut parts = full.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_names_the_versions_of_what_it_used_and_the_python() {
        let workspace = Workspace::find().unwrap();
        let none = |python| Environment { name: "none", python, packages: &["a==1", "b==2"] };
        let folder = workspace.target().join("python/none");
        fs::create_dir_all(&folder).unwrap();
        let (_, full) = none(((3, 0), None)).base().unwrap();
        fs::write(folder.join(MADE), format!("{full}\na==1\nb==2")).unwrap();
        let command = none(((3, 0), None)).command(&workspace).unwrap();
        let removed = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name);
        // What cargo says of this program is removed as for any other.
        let removed: Vec<_> = removed.filter(|name| !name.to_string_lossy().starts_with("CARGO_")).collect();
        assert_eq!(removed, SLOWING);
        assert_eq!(none(((3, 0), None)).of(&workspace, &["b"]), format!("b==2 (Python {full})"));
        assert_eq!(none(((3, 0), None)).all(&workspace), format!("a==1, b==2 (Python {full})"));
        fs::remove_dir_all(folder).unwrap();
        let error = none(((4, 7), Some((4, 8)))).base().unwrap_err().to_string();
        assert_eq!(
            error,
            "`none` needs a Python from 4.7 on and below 4.8\nhint: install one, or name it in `RECO_PYTHON`"
        );
    }

    #[test]
    fn a_python_is_known_by_the_version_that_it_says() {
        assert_eq!([version("3.13.0"), version("3.15.0rc1"), version("3")], [Some((3, 13)), Some((3, 15)), None]);
    }
}
