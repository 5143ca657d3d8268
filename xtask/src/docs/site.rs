//! Builds the site: the pages by mdBook, and the library's reference by rustdoc beside them.
//!
//! Does not know what the pages say.
//!
//! **Invariant**: every link within the site leads to a file of it, and nothing in it is fetched from elsewhere.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::page::{self, API, Page, SUMMARY};
use crate::ci::{CLUSTER, WHEEL};
use crate::files;
use crate::process::{Workspace, succeed};

/// The version that pages are built with.
const MDBOOK: &str = "0.5.4";

/// Where the site lies, below the target folder.
pub(crate) const FOLDER: &str = "site";

/// Its settings.
const BOOK: &str = "docs/book.toml";

/// Builds the site with the mdBook that is there; returns why that cannot be done on this machine.
pub(crate) fn check_in_ci(workspace: &Workspace) -> Result<Option<String>> {
    match installed(workspace) {
        Some(mdbook) => build(workspace, &mdbook).map(|()| None),
        None => Ok(Some(format!("mdBook {MDBOOK} is not installed: `cargo install mdbook@{MDBOOK} --locked`"))),
    }
}

/// Builds the site; installs mdBook for it if it is not there.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mdbook = match installed(workspace) {
        Some(mdbook) => mdbook,
        None => install(workspace)?,
    };
    build(workspace, &mdbook)
}

fn build(workspace: &Workspace, mdbook: &Path) -> Result<()> {
    let (book, site) = (workspace.target().join("book"), workspace.target().join(FOLDER));
    lay_out(workspace.root(), &book)?;
    files::empty(&site)?;
    succeed(workspace.command(mdbook).arg("build").arg(&book).arg("--dest-dir").arg(&site))?;
    reference(workspace, &site.join(API))?;
    let findings = check(&site)?;
    if !findings.is_empty() {
        bail!("the site is not whole:\n{}", findings.join("\n"));
    }
    Ok(())
}

/// The program mdBook of the version wanted: the one on PATH, or the one that was installed here.
fn installed(workspace: &Workspace) -> Option<PathBuf> {
    let is_wanted = |program: &PathBuf| {
        let said = Command::new(program).arg("--version").output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == format!("mdbook v{MDBOOK}"))
    };
    [PathBuf::from("mdbook"), own(workspace)].into_iter().find(is_wanted)
}

/// Where it is installed here.
fn own(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tools/bin").join(format!("mdbook{}", env::consts::EXE_SUFFIX))
}

fn install(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target().join("tools");
    println!("installing mdBook {MDBOOK} into {}", tools.display());
    let build = tools.join("build");
    let mut install =
        workspace.cargo(&["install", "--quiet", "--locked", "--debug", "--force", "--no-default-features"]);
    install.args(["--features", "search", &format!("mdbook@{MDBOOK}"), "--root"]).arg(&tools);
    succeed(install.arg("--target-dir").arg(&build))?;
    files::remove(&build)?;
    Ok(own(workspace))
}

/// Puts the pages, and the files that they link to, into `book` as they lie in the repository.
fn lay_out(root: &Path, book: &Path) -> Result<()> {
    files::empty(book)?;
    let place = |path: &str| -> Result<PathBuf> {
        let place = book.join("src").join(path);
        let folder = place.parent().context("a path has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        Ok(place)
    };
    files::write(&book.join("book.toml"), files::read(&root.join(BOOK))?)?;
    files::write(&place("SUMMARY.md")?, summary(&files::read(&root.join(SUMMARY))?))?;
    let pages = page::listed(root)?;
    for path in &pages {
        let text = files::read(&root.join(path))?;
        for (_, link) in Page::parse(path, &text).links {
            if let Some((linked, _)) = page::target(path, &link)
                && !pages.contains(&linked)
                && root.join(&linked).is_file()
            {
                files::write(&place(&linked)?, files::bytes(&root.join(&linked))?)?;
            }
        }
        files::write(&place(path)?, without_marks(&text))?;
    }
    Ok(())
}

/// The list of pages, whose links lead from the root instead of from its own folder.
fn summary(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("](") {
        Some((title, link)) => {
            let link = link.trim_end_matches(')');
            let (path, _) = page::target(SUMMARY, link).unwrap_or_default();
            format!("{title}]({path})\n")
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// A page whose blocks have a language alone: marks are for who runs them.
fn without_marks(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(',') {
        Some((opening, _)) if opening.trim_start().starts_with("```") => format!("{opening}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Has rustdoc write the reference of the crates that a program may depend on, the façade whole, and puts it into
/// `folder`. What `cargo doc` wrote before goes.
fn reference(workspace: &Workspace, folder: &Path) -> Result<()> {
    let made = workspace.target().join("doc");
    files::remove(&made)?;
    let left_out = ["--exclude", CLUSTER, "--exclude", WHEEL, "--exclude", "xtask"];
    let crates = [&["--workspace"][..], &left_out, &["--features", "reco/data,reco/networks"]].concat();
    succeed(&mut workspace.cargo(&[&["doc", "--locked", "--no-deps"][..], &crates].concat()))?;
    for path in files::all(&made)? {
        let place = folder.join(path.strip_prefix(&made)?);
        let parent = place.parent().context("a file has a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        fs::copy(&path, &place).with_context(|| format!("cannot copy `{}`", path.display()))?;
    }
    Ok(())
}

/// What is wrong with the links of the site. The reference is rustdoc's, which checks its own.
fn check(site: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in files::all(site)? {
        let shown = path.strip_prefix(site)?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        if shown.starts_with(API) || !["html", "css"].map(Some).contains(&extension) {
            continue;
        }
        let text = files::read(&path)?;
        let folder = path.parent().context("a file has a folder")?;
        findings.extend(fetched(&text).into_iter().map(|from| format!("`{}` fetches `{from}`", shown.display())));
        let links = ["href=\"", "src=\""].into_iter().flat_map(|start| text.split(start).skip(1));
        for link in links.filter_map(|rest| rest.split(['"', '#', '?']).next()) {
            let is_here = !link.is_empty() && !link.contains(':');
            if is_here && !folder.join(link).exists() {
                findings.push(format!("`{}` links to `{link}`, which the site has not", shown.display()));
            }
        }
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// What a browser would fetch from elsewhere to show this page or style sheet.
fn fetched(text: &str) -> Vec<String> {
    let elsewhere =
        |address: &str| address.starts_with("http:") || address.starts_with("https:") || address.starts_with("//");
    let mut found = Vec::new();
    for start in ["src=\"", "url(", "@import "] {
        let addresses = text.split(start).skip(1).map(|rest| rest.trim_start_matches(['"', '\'']));
        found
            .extend(addresses.filter_map(|rest| rest.split(['"', '\'', ')', ';']).next()).filter(|one| elsewhere(one)));
    }
    for tag in text.split("<link").skip(1).filter_map(|rest| rest.split('>').next()) {
        found.extend(
            tag.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|one| elsewhere(one)),
        );
    }
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_pages_leads_from_the_root() {
        let made = summary("# Summary\n\n[reco](../README.md)\n\n- [Start](start.md)\n  - [Data](../data/README.md)\n");
        let expected = "# Summary\n\n[reco](README.md)\n\n- [Start](docs/start.md)\n  - [Data](data/README.md)\n";
        assert_eq!(made, expected);
    }

    #[test]
    fn marks_are_left_out_and_text_is_not() {
        assert_eq!(without_marks("a, b\n```sh,needs=curl\nx, y\n```\n"), "a, b\n```sh\nx, y\n```\n");
    }

    #[test]
    fn what_a_browser_would_fetch_is_found() {
        let page =
            r#"<a href="https://a.org">x</a><link rel="x" href="https://b.org/c.css"><script src="//d.org/e.js">"#;
        assert_eq!(fetched(page), ["//d.org/e.js", "https://b.org/c.css"]);
        assert_eq!(
            fetched("a { src: url('https://f.org/g.woff2') } b { src: url(h.woff2) }"),
            ["https://f.org/g.woff2"]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let site = env::temp_dir().join(format!("site-{}", std::process::id()));
        files::empty(&site.join("docs")).unwrap();
        let page = r##"<a href="b.html#c"> <a href="../gone.html"> <a href="#top"> <a href="https://a.org/x"> <img src="../d.svg">"##;
        files::write(&site.join("docs/a.html"), page).unwrap();
        files::write(&site.join("docs/b.html"), "").unwrap();
        files::write(&site.join("d.svg"), "").unwrap();
        let findings = check(&site).unwrap();
        files::remove(&site).unwrap();
        assert_eq!(findings, ["`docs/a.html` links to `../gone.html`, which the site has not"]);
    }
}
