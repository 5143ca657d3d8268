//! Makes what a release consists of: an archive with the program, a Python wheel, their contents and checksums.
//!
//! Does not know where they are published: the workflow `release` does. What the machine lacks for a part is said, and
//! the part left out.
//!
//! **Invariant**: the folder holds files of one build alone; `SHA256SUMS` names each of the others.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::ci::WHEEL;
use crate::files;
use crate::process::{Workspace, host, succeed};
use crate::python::DIST;

/// The profile: small and fast, whatever it costs to compile.
const PROFILE: &str = "dist";

/// What stands beside the program in its archive.
const BESIDE: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// MiB of what may be sent to whom has no compiler: more is an error.
const MOST: [(&str, f64); 2] = [("the program", 40.0), ("the wheel", 15.0)];

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
#[command(after_help = "\
Into target/archives: reco-VERSION-TARGET.tar.gz, the wheel, lists of what is linked in each (CycloneDX), SHA256SUMS.
The program beside which reco.wasm lies can `reco export --format web`: it is packed where `cargo xtask web` made it.")]
pub(crate) struct Arguments {
    /// For which machines; left out, for ones like this
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Link the wheel against an old C library by zig, so that it runs on any Linux since 2018
    #[arg(long)]
    portable: bool,
}

/// `cargo xtask dist`
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let target = match &arguments.target {
        Some(target) => target.clone(),
        None => host()?,
    };
    let folder = workspace.target().join("archives");
    files::empty(&folder)?;
    let program = build(workspace, &target)?;
    let archive = pack(workspace, &program, &target, &folder)?;
    let wheel = wheel(workspace, &target, arguments.portable, &folder)?;
    let mut parts = vec![archive, wheel.clone()];
    parts.extend(contents(workspace, &target, &folder)?);
    let sums: Vec<String> = parts.iter().map(|part| sum(part)).collect::<Result<_>>()?;
    files::write(&folder.join("SHA256SUMS"), sums.concat())?;
    print!("{}", sums.concat());
    for ((what, most), path) in MOST.into_iter().zip([&program, &wheel]) {
        let size = fs::metadata(path)?.len() as f64 / f64::from(1 << 20);
        println!("{what}: {size:.1} MiB");
        ensure!(
            size <= most,
            "{what} has {size:.1} MiB, more than {most}\nhint: `nm --size-sort` of a build with `--config \
             'profile.dist.strip=\"none\"'` says what is linked"
        );
    }
    Ok(())
}

/// What the linker of `target` is told besides.
fn linking(target: &str) -> &'static [&'static str] {
    match target {
        // LLVM's linker, Rust's own there: functions with the same code are kept once. Windows' does so unasked.
        "x86_64-unknown-linux-gnu" => &["--", "-C", "link-arg=-Wl,--icf=all"],
        _ => &[],
    }
}

/// Compiles the program.
fn build(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let call =
        ["rustc", "--locked", "--package", "reco-cli", "--bin", "reco", "--profile", PROFILE, "--target", target];
    succeed(workspace.cargo(&call).args(linking(target)))?;
    let name = if target.contains("windows") { "reco.exe" } else { "reco" };
    Ok(workspace.target().join(target).join(PROFILE).join(name))
}

/// Packs the program with what stands beside it.
fn pack(workspace: &Workspace, program: &Path, target: &str, folder: &Path) -> Result<PathBuf> {
    let name = format!("reco-{}-{target}", env!("CARGO_PKG_VERSION"));
    let inside = folder.join(&name);
    fs::create_dir_all(&inside)?;
    let copy = |from: &Path| -> Result<()> {
        let to = inside.join(from.file_name().context("a file has a name")?);
        fs::copy(from, to).map(drop).with_context(|| format!("cannot copy `{}`", from.display()))
    };
    copy(program)?;
    BESIDE.iter().try_for_each(|name| copy(&workspace.root().join(name)))?;
    let module = workspace.reco(false).with_file_name("reco.wasm");
    match module.exists() {
        true => copy(&module)?,
        false => println!("left out: `reco.wasm`: `cargo xtask web` was not run"),
    }
    let archive = folder.join(format!("{name}.tar.gz"));
    let mut tar = workspace.command("tar");
    succeed(tar.arg("-czf").arg(&archive).arg("-C").arg(folder).arg(&name))?;
    files::remove(&inside)?;
    Ok(archive)
}

/// Builds the wheel from what was compiled for the program, as far as it is the same.
fn wheel(workspace: &Workspace, target: &str, is_portable: bool, folder: &Path) -> Result<PathBuf> {
    let mut maturin = DIST.command(workspace)?;
    maturin.args(["-m", "maturin", "build", "--locked", "--profile", PROFILE, "--target", target]);
    maturin.args(["--compression-level", "9"]);
    if is_portable {
        maturin.args(["--zig", "--compatibility", "manylinux_2_28"]);
        // It looks for zig in the first Python that it finds.
        let inherited = env::var_os("PATH").unwrap_or_default();
        let programs = std::iter::once(DIST.programs(workspace)).chain(env::split_paths(&inherited));
        maturin.env("PATH", env::join_paths(programs)?);
    }
    maturin.arg("--manifest-path").arg(workspace.root().join("crates/reco-python/Cargo.toml"));
    maturin.arg("--out").arg(folder).env("CARGO_TARGET_DIR", workspace.target());
    // By zig it links otherwise.
    succeed(maturin.args(if is_portable { &[] } else { linking(target) }))?;
    files::with_extension(folder, "whl")?.into_iter().next().context("maturin left no wheel")
}

/// Lists the crates that are linked, as CycloneDX; nothing where the tool is missing.
fn contents(workspace: &Workspace, target: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut version = workspace.cargo(&["cyclonedx", "--version"]);
    if !version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("left out: lists of what was linked: `cargo install cargo-cyclonedx --locked`");
        return Ok(Vec::new());
    }
    let list = |(package, what): (&str, &str)| {
        let name = format!("{what}-{}-{target}", env!("CARGO_PKG_VERSION"));
        let mut call = workspace.cargo(&["cyclonedx", "--format", "json", "--no-build-deps", "--target", target]);
        call.args(["--override-filename", &name, "--manifest-path", &format!("crates/{package}/Cargo.toml")]);
        succeed(&mut call)?;
        // It writes one beside each crate that it goes through.
        let mut list = None;
        for crate_of_ours in &workspace.metadata.packages {
            let made = crate_of_ours.manifest_path.with_file_name(format!("{name}.json"));
            if !made.exists() {
                continue;
            }
            if crate_of_ours.name == package {
                let to = folder.join(format!("{name}.cdx.json"));
                fs::copy(&made, &to)?;
                list = Some(to);
            }
            fs::remove_file(&made)?;
        }
        list.with_context(|| format!("cargo-cyclonedx left no list of {package}"))
    };
    [("reco-cli", "reco"), (WHEEL, "reco_rs")].into_iter().map(list).collect()
}

/// A line as `sha256sum` writes it.
fn sum(path: &Path) -> Result<String> {
    Ok(format!("{}  {}\n", files::sha256(path)?, path.file_name().unwrap_or_default().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_a_line_of_sha256sum() {
        let path = env::temp_dir().join(format!("dist-{}.txt", std::process::id()));
        fs::write(&path, "abc").unwrap();
        let line = sum(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (digits, name) = line.trim_end().split_once("  ").unwrap();
        assert_eq!(digits, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(name, path.file_name().unwrap().to_str().unwrap());
    }

    #[test]
    fn all_that_stands_beside_the_program_is_there() {
        let workspace = Workspace::find().unwrap();
        for name in BESIDE {
            assert!(workspace.root().join(name).is_file(), "{name}");
        }
    }
}
