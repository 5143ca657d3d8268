//! Compiles and runs the Rust blocks of the pages, as programs of a stranger's crate that depends on the façade `reco`.
//!
//! Does not know what they do.
//!
//! **Invariant**: each block stands alone; one without `main` is the body of one that may fail.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::page::{Block, Page};
use crate::files;
use crate::process::{Workspace, succeed};

/// What a stranger's manifest has; serde is what a struct of options needs. A block need not use what it shows.
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
    let target = workspace.target().join("outside");
    let built = target.join("debug");
    let programs = folder.join("src/bin");
    fs::create_dir_all(&programs).with_context(|| format!("cannot make `{}`", programs.display()))?;
    for (page, block) in pages.iter().flat_map(|page| page.blocks.iter().map(move |block| (page, block))) {
        if is_run(block) {
            let name = name(&page.path, block);
            files::write(&programs.join(format!("{name}.rs")), program(block))?;
            // One that does not compile is not to be taken for an earlier one.
            let _ = fs::remove_file(built.join(name));
        }
    }
    let root = workspace.root().display().to_string();
    files::write(&folder.join("Cargo.toml"), MANIFEST.replace("ROOT", &root))?;
    // The versions that the other stranger's crate is tested with.
    let lock = workspace.root().join("xtask/outside/Cargo.lock");
    fs::copy(&lock, folder.join("Cargo.lock")).with_context(|| format!("cannot copy `{}`", lock.display()))?;
    let mut cargo = workspace.cargo(&["build", "--quiet", "--keep-going", "--manifest-path"]);
    // Blocks that do not compile fail where their page comes to them: cargo says why.
    let _ = succeed(cargo.arg(folder.join("Cargo.toml")).env("CARGO_TARGET_DIR", &target));
    Ok(built)
}

/// Whether a block is a program.
pub(super) fn is_run(block: &Block) -> bool {
    block.language == "rust" && block.not_run.is_none() && block.of.is_none()
}

/// What the program of a block is called.
pub(super) fn name(page: &str, block: &Block) -> String {
    format!("{}_{}", page.to_lowercase().replace(['/', '.', '-'], "_"), block.line)
}

fn program(block: &Block) -> String {
    // Empty lines before it, so that errors name the page's own lines.
    let before = |n_lines: usize| "\n".repeat(block.line.saturating_sub(n_lines));
    if block.text.contains("fn main()") {
        return format!("{}{}", before(1), block.text);
    }
    let begin = format!("{}fn main() -> Result<(), Box<dyn std::error::Error>> {{\n", before(2));
    format!("{begin}{}\n    Ok(())\n}}\n", block.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_without_main_is_the_body_of_one() {
        let block = |text: &str| Block { line: 7, text: text.to_owned(), ..Block::default() };
        assert_eq!(program(&block("fn main() {}\n")), format!("{}fn main() {{}}\n", "\n".repeat(6)));
        let whole = program(&block("let x = \"1\".parse::<u8>()?;\n"));
        assert_eq!(whole.lines().position(|line| line.starts_with("let x")), Some(6));
        assert!(whole.contains("dyn std::error::Error>> {\nlet x = ") && whole.ends_with("    Ok(())\n}\n"), "{whole}");
        assert_eq!(name("docs/extend.md", &block("")), "docs_extend_md_7");
    }
}
