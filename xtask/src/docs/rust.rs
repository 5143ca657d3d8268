//! Compiles and runs the Rust blocks of the pages, as programs of a stranger's crate that depends on the façade `reco`.
//!
//! Does not know what they do.
//!
//! **Invariant**: each block stands alone; one without `main` is the body of one that may fail.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::page::{Block, Page};
use crate::files;
use crate::process::{Workspace, succeed};

/// What a stranger's manifest has; serde is what a struct of options needs. A block shows what it makes, and need not use
/// it.
const MANIFEST: &str = "\
[package]
name = \"snippets\"
version = \"0.0.0\"
edition = \"2024\"
publish = false

[dependencies]
reco = { path = \"ROOT/crates/reco\" }
serde = { version = \"1\", features = [\"derive\"] }

[lints.rust]
unused = \"allow\"

[workspace]
";

/// Compiles the Rust blocks of `pages` that are run, and returns the folder of their programs.
pub(super) fn build(workspace: &Workspace, pages: &[Page]) -> Result<PathBuf> {
    let folder = workspace.target().join("docs/snippets");
    files::empty(&folder)?;
    let programs = folder.join("src/bin");
    fs::create_dir_all(&programs).with_context(|| format!("cannot make `{}`", programs.display()))?;
    for (page, block) in pages.iter().flat_map(|page| page.blocks.iter().map(move |block| (page, block))) {
        if block.language == "rust" && block.not_run.is_none() && block.of.is_none() {
            files::write(&programs.join(format!("{}.rs", name(&page.path, block))), program(block))?;
        }
    }
    let root = workspace.root().display().to_string();
    files::write(&folder.join("Cargo.toml"), MANIFEST.replace("ROOT", &root))?;
    // The versions that the other stranger's crate is tested with.
    let lock = workspace.root().join("xtask/outside/Cargo.lock");
    fs::copy(&lock, folder.join("Cargo.lock")).with_context(|| format!("cannot copy `{}`", lock.display()))?;
    let target = workspace.target().join("outside");
    let mut cargo = workspace.cargo(&["build", "--quiet", "--manifest-path"]);
    succeed(cargo.arg(folder.join("Cargo.toml")).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug"))
}

/// What the program of a block is called.
pub(super) fn name(page: &str, block: &Block) -> String {
    let stem = Path::new(page).file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    format!("{stem}_{}", block.line)
}

fn program(block: &Block) -> String {
    if block.text.contains("fn main()") {
        return block.text.clone();
    }
    format!("fn main() -> Result<(), Box<dyn std::error::Error>> {{\n{}\n    Ok(())\n}}\n", block.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_without_main_is_the_body_of_one() {
        let block = |text: &str| Block { line: 7, text: text.to_owned(), ..Block::default() };
        assert_eq!(program(&block("fn main() {}\n")), "fn main() {}\n");
        let whole = program(&block("let x = \"1\".parse::<u8>()?;\n"));
        assert!(whole.contains("dyn std::error::Error>> {\nlet x = ") && whole.ends_with("    Ok(())\n}\n"), "{whole}");
        assert_eq!(name("docs/extend.md", &block("")), "extend_7");
    }
}
