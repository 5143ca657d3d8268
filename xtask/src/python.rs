//! Gives a chore a Python with the packages that it needs, all of them listed here.
//!
//! Does not know what they are for.
//!
//! **Invariant**: an environment lies under `target/python/`, has the pinned versions it was asked for, the newest that run together, and is
//! made anew when these change; what tunes or cripples a library by the shell's variables does not reach its programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{Workspace, succeed};

/// Packages that run together, by a name for their folder.
pub(crate) struct Environment {
    name: &'static str,
    pub(crate) packages: &'static [&'static str],
}

/// What reco-eval's expected values come from; the script's own `requirements.txt` says the same, which a test compares.
pub(crate) const EVALUATORS: Environment = Environment {
    name: "evaluators",
    packages: &["numpy==2.4.6", "ranx==0.3.21", "scikit-learn==1.9.1", "scipy==1.17.1"],
};

/// The article's code, and the speed of its network.
pub(crate) const KERAS: Environment = Environment {
    name: "keras",
    packages: &["keras==3.15.1", "tensorflow-cpu==2.21.0", "pandas==3.1.1", "openpyxl==3.1.5"],
};

pub(crate) const SURPRISE: Environment =
    Environment { name: "surprise", packages: &["scikit-surprise==1.1.5", "numpy==2.4.6"] };

/// PyTorch, and LensKit, which stands on it and takes no newer pandas.
pub(crate) const TORCH: Environment = Environment {
    name: "torch",
    packages: &["torch==2.15.0", "lenskit==2025.8.1", "numpy==2.4.6", "pandas==2.3.3", "pyarrow==26.0.1"],
};

/// RecBole, and all whom docs/others.md measures beside it. RecBole 1.2.1 stops at a current NumPy (`np.float_`) and setuptools
/// (`pkg_resources`); this pyarrow is the one that goes with both that NumPy and LensKit, and this PyTorch is as old as they are.
pub(crate) const RECBOLE: Environment = Environment {
    name: "recbole",
    packages: &[
        "recbole==1.2.1",
        "implicit==0.7.3",
        "lenskit==2025.8.1",
        "scikit-surprise==1.1.5",
        "torch==2.5.1",
        "numpy==1.26.4",
        "pandas==2.2.3",
        "pyarrow==20.0.0",
        "setuptools==80.9.0",
    ],
};

pub(crate) const IMPLICIT: Environment =
    Environment { name: "implicit", packages: &["implicit==0.7.3", "numpy==2.4.6", "scipy==1.17.1"] };

pub(crate) const TABLES: Environment = Environment { name: "tables", packages: &["polars==2.1.0", "duckdb==2.0.1"] };

/// Variables that some machines set for an old NumPy, and with which a current one is slow.
const CRIPPLING: [&str; 2] = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"];

impl Environment {
    /// A call of its Python, which is made on first use.
    pub(crate) fn command(&self, workspace: &Workspace) -> Result<Command> {
        let mut command = workspace.command(self.python(workspace)?);
        CRIPPLING.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        Ok(command)
    }

    /// What it has, of what a section names.
    pub(crate) fn of(&self, names: &[&str]) -> String {
        let named = |package: &&&str| names.iter().any(|name| package.split("==").next() == Some(name));
        self.packages.iter().filter(named).copied().collect::<Vec<_>>().join(", ")
    }

    fn python(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.target().join("python").join(self.name);
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        let made = folder.join("packages.txt");
        if fs::read_to_string(&made).ok().as_deref() == Some(self.packages.join("\n").as_str()) {
            return Ok(python);
        }
        let run = |program: &Path, arguments: &[&str]| succeed(workspace.command(program).args(arguments));
        run(Path::new("python3"), &["-m", "venv", "--clear", &folder.display().to_string()])?;
        run(&python, &[&["-m", "pip", "install", "--quiet"], self.packages].concat())?;
        fs::write(&made, self.packages.join("\n")).with_context(|| format!("cannot write `{}`", made.display()))?;
        Ok(python)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_names_the_versions_of_what_it_used() {
        assert_eq!(IMPLICIT.of(&["scipy", "implicit"]), "implicit==0.7.3, scipy==1.17.1");
        let workspace = Workspace::find().unwrap();
        let folder = workspace.target().join("python/none");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("packages.txt"), "").unwrap();
        let command = Environment { name: "none", packages: &[] }.command(&workspace).unwrap();
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(removed, CRIPPLING);
        fs::remove_dir_all(folder).unwrap();
    }
}
