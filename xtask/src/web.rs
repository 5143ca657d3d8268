//! Compiles reco-web to WebAssembly, into `reco.wasm` beside the program: `cargo xtask web`.
//!
//! Does not know what the module does. Compiles by rustup's target, or by a compiler of Debian's, `rustc-web`, which
//! compiles the standard library besides.
//!
//! **Invariant**: the module that lies beside the program is of this source, or there is none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::files;
use crate::process::{Workspace, answer, succeed};

const TARGET: &str = "wasm32-unknown-unknown";

/// Where `.ci/run` unpacks Debian's compiler.
const DEBIAN: &str = "target/tools/web/usr";

/// What an older compiler calls features of its own, 1.85 for one, and later ones simply have.
const FEATURES: [&str; 4] = ["let_chains", "round_char_boundary", "slice_as_chunks", "unsigned_is_multiple_of"];

/// What a caller has set for machines like its own.
const OF_OTHERS: [&str; 4] = ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "RUSTFLAGS"];

/// What is lacking where there is no module, and what brings it.
const LACKING: [&str; 2] =
    ["no compiler for WebAssembly", "`rustup target add wasm32-unknown-unknown`, or see `.ci/run`"];

/// `cargo xtask web`
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let module = make(workspace)?.with_context(|| LACKING.join("\nhint: "))?;
    println!("{}: {} kB", module.display(), fs::metadata(&module)?.len() / 1000);
    Ok(())
}

/// The step of continuous integration: what is lacking, or nothing.
pub(crate) fn step(workspace: &Workspace) -> Result<Option<String>> {
    Ok(make(workspace)?.is_none().then(|| LACKING.join(": ")))
}

/// Compiles the module, and returns where it lies; nothing without a compiler for it.
fn make(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let module = workspace.reco(false).with_file_name("reco.wasm");
    // Whatever comes of it, what lies there is not of another source.
    if module.exists() {
        fs::remove_file(&module).with_context(|| format!("cannot remove `{}`", module.display()))?;
    }
    let target = workspace.target().join("web");
    let mut command = workspace.cargo(&["rustc", "--locked", "--package", "reco-web", "--lib"]);
    command.args(["--crate-type", "cdylib", "--profile", "web", "--target", TARGET, "--target-dir"]).arg(&target);
    for variable in OF_OTHERS {
        command.env_remove(variable);
    }
    let debian = workspace.root().join(DEBIAN);
    if is_targeted()? {
        succeed(&mut command)?;
    } else if debian.join("bin/rustc").exists() {
        succeed(by_debian(&mut command, &debian, &target)?)?;
    } else {
        return Ok(None);
    }
    let made = target.join(TARGET).join("web/reco_web.wasm");
    let folder = module.parent().context("the program lies in a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(&made, &module).with_context(|| format!("cannot copy `{}`", made.display()))?;
    Ok(Some(module))
}

/// Whether rustup has the target's library.
fn is_targeted() -> Result<bool> {
    let library = answer(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(library.trim()).exists())
}

/// Lets `command` compile by Debian's compiler in `debian`: it may be an older one, which is told the features that our
/// code has from later ones, for our crates alone. The sources of its library lie where cargo looks for them.
fn by_debian<'a>(command: &'a mut Command, debian: &Path, target: &Path) -> Result<&'a mut Command> {
    let libraries = debian.join("lib/x86_64-linux-gnu");
    let is_linker = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("wasm-ld"));
    let linker =
        files::all(&debian.join("bin"))?.into_iter().find(is_linker).context("Debian's compiler has no linker")?;
    let features: Vec<String> = FEATURES.iter().map(|one| format!("-Zcrate-attr=feature({one})")).collect();
    let wrapper = target.join("rustc");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'--crate-name reco_'*) exec \"$@\" {};; *) exec \"$@\";; esac\n",
        features.join(" ").replace('(', "\\(").replace(')', "\\)")
    );
    fs::create_dir_all(target)?;
    fs::write(&wrapper, script).with_context(|| format!("cannot write `{}`", wrapper.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    }
    Ok(command
        .args(["-Zbuild-std=std,panic_abort", "--ignore-rust-version"])
        .env("RUSTC", debian.join("bin/rustc"))
        .env("RUSTC_WRAPPER", wrapper)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("LD_LIBRARY_PATH", libraries))
}
