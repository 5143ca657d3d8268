//! Checks that the pages of the documentation are listed, that their links lead somewhere, and that their blocks of
//! code say what they are.
//!
//! Does not know what the pages say.
//!
//! **Invariant**: a link within the project leads to a file that is there, and to a heading that it has.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::docs::page::{self, API, Page, SUMMARY};
use crate::files;

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let pages = page::all(root)?;
    let mut findings: Vec<String> = pages.iter().flat_map(|page| page.findings.clone()).collect();
    for path in files::with_extension(&root.join("docs"), "md")? {
        let path = path.strip_prefix(root)?.display().to_string();
        if path != SUMMARY && pages.iter().all(|page| page.path != path) {
            findings.push(format!("`{path}` is no page of the site\nhint: list it in `{SUMMARY}`"));
        }
    }
    for (page, block) in pages.iter().flat_map(|page| page.blocks.iter().map(move |block| (page, block))) {
        if let Some(file) = block.of_file()
            && !block.is_in(root, file)?
        {
            findings.push(format!("{}:{}: `{file}` has no such lines\nhint: show what it has", page.path, block.line));
        }
    }
    let by_path: BTreeMap<&str, &Page> = pages.iter().map(|page| (page.path.as_str(), page)).collect();
    for page in &pages {
        for (line, link) in &page.links {
            if let Some(why) = broken(root, &by_path, page, link) {
                findings.push(format!("{}:{line}: the link `{link}`: {why}", page.path));
            }
        }
    }
    Ok(findings)
}

/// What is wrong with a link of `page`.
fn broken(root: &Path, pages: &BTreeMap<&str, &Page>, page: &Page, link: &str) -> Option<String> {
    let (path, heading) = page::target(&page.path, link)?;
    if path.starts_with(API) {
        return None;
    }
    if !root.join(&path).is_file() {
        return Some(format!("`{path}` is no file\nhint: name a file that is there; a site shows no folders"));
    }
    if path.ends_with(".md") && !pages.contains_key(path.as_str()) {
        return Some(format!(
            "`{path}` is no page of the site\nhint: list it in `{SUMMARY}`, or name it without a link"
        ));
    }
    let heading = heading?;
    match pages.get(path.as_str()) {
        None => Some(format!("`{path}` is no page, so that it has no headings")),
        Some(page) if page.anchors.contains(&heading) => None,
        Some(page) => {
            let known: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
            Some(format!("`{path}` has no heading `{heading}`\nhint: it has `{}`", known.join("`, `")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_what_is_not_there_are_found() {
        let root = std::env::temp_dir().join(format!("tidy-pages-{}", std::process::id()));
        files::empty(&root.join("docs")).unwrap();
        files::write(&root.join("docs/a.md"), "").unwrap();
        files::write(&root.join("docs/unlisted.md"), "").unwrap();
        files::write(&root.join("x.rs"), "").unwrap();
        let page = Page::parse("docs/a.md", "# A heading\n");
        let pages = BTreeMap::from([("docs/a.md", &page)]);
        let broken = |link| broken(&root, &pages, &page, link);
        for fine in ["#a-heading", "a.md#a-heading", "../x.rs", "../api/reco/index.html", "https://example.org/#x"] {
            assert_eq!(broken(fine), None, "{fine}");
        }
        assert!(broken("b.md").unwrap().starts_with("`docs/b.md` is no file\nhint: "));
        assert!(broken("unlisted.md").unwrap().starts_with("`docs/unlisted.md` is no page of the site\nhint: "));
        assert!(broken("../docs").unwrap().starts_with("`docs` is no file"));
        assert!(broken("#other").unwrap().starts_with("`docs/a.md` has no heading `other`\nhint: it has `a-heading`"));
        assert!(broken("../x.rs#L3").unwrap().contains("has no headings"));
        files::remove(&root).unwrap();
    }
}
