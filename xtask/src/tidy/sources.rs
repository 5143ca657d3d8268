//! Checks that every source file opens with its header, has no banned mark and no wide comment, and is not too long;
//! counts lines of code.
//!
//! Does not know Rust: it reads lines.
//!
//! **Invariant**: a comment is never taken for code.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::files;

/// A file of more lines than this does more than one thing.
const MOST_LINES: usize = 600;

/// A comment of more columns than this is not read; code is `rustfmt`'s.
const MOST_COLUMNS: usize = 120;

/// Marks that code may not have, and what to do instead. Written in halves, so that this file has none.
const BANNED: &[(&str, &str)] = &[
    (concat!("#[", "ignore"), "a test that is not run proves nothing: make it fast, or let it say what it lacks"),
    (concat!("#[", "should_panic"), "compare the error or its message: any panic would pass"),
    (concat!("#[", "allow("), "`#[expect(…, reason = \"…\")]` says why, and says when it is no longer needed"),
    (concat!("#![", "allow("), "`#![expect(…, reason = \"…\")]` says why, and says when it is no longer needed"),
    (concat!("to", "do!("), "finish it"),
    (concat!("unim", "plemented!("), "finish it"),
    (concat!("delete", " it"), KEEP),
    (concat!("delete", " the"), KEEP),
    (concat!("remove", " the file"), KEEP),
    (concat!("remove", " the folder"), KEEP),
];

/// The rule on what a message may advise about a user's file.
const KEEP: &str = "a message never advises to destroy anything: say `move it elsewhere`, or what makes it anew";

/// The findings, and how many lines of code there are: tests, examples, comments and empty lines aside.
pub(super) fn check(root: &Path) -> Result<(Vec<String>, usize)> {
    let (mut findings, mut n_code) = (Vec::new(), 0);
    for path in [rust_files(&root.join("crates"))?, rust_files(&root.join("xtask"))?].concat() {
        let text = files::read(&path)?;
        let path = path.strip_prefix(root).unwrap_or(&path);
        findings.extend(check_one(path, &text));
        let names: Vec<_> = path.iter().filter_map(|name| name.to_str()).collect();
        let is_code = names.contains(&"src") && !names.contains(&"fuzz");
        if is_code && !names.iter().any(|name| ["tests", "tests.rs"].contains(name)) {
            n_code += code_lines(&text);
        }
    }
    Ok((findings, n_code))
}

/// Lines of code before the tests of a file.
fn code_lines(text: &str) -> usize {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

/// All `.rs` files under `folder`, except those that a build made.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = files::with_extension(folder, "rs")?;
    let is_made = |path: &Path| path.iter().any(|name| name == "target");
    found.retain(|path| path.strip_prefix(folder).is_ok_and(|path| !is_made(path)));
    Ok(found)
}

fn check_one(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let mut findings = Vec::new();
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if header.is_empty() {
        findings.push(format!("{shown}:1: no `//!` header\nhint: state in one sentence what the file does"));
    } else if header[0].ends_with('?') {
        findings.push(format!("{shown}:1: its header is a question\nhint: state in one sentence what the file does"));
    } else if !header.iter().any(|line| line.contains("**Invariant**")) {
        findings.push(format!("{shown}:1: its header names no **Invariant**\nhint: say what always holds here"));
    }
    for (row, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for (mark, instead) in BANNED.iter().filter(|(mark, _)| line.contains(mark)) {
            findings.push(format!("{shown}:{}: `{mark}`\nhint: {instead}", row + 1));
        }
    }
    let mut is_example = false;
    for (row, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).trim_start());
        is_example = comment.is_some_and(|comment| is_example != comment.starts_with("```"));
        // A table and an example have lines of their own.
        let is_text = comment.is_some_and(|comment| !comment.starts_with('|') && !is_example);
        if is_text && line.chars().count() > MOST_COLUMNS {
            findings
                .push(format!("{shown}:{}: a comment of more than {MOST_COLUMNS} columns\nhint: break it", row + 1));
        }
    }
    let n_lines = text.lines().count();
    if n_lines > MOST_LINES {
        findings.push(format!("{shown}: {n_lines} lines\nhint: split it where it does a second thing"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEADER: &str = "//! Does it.\n//!\n//! **Invariant**: always.\n";

    fn findings(text: &str) -> Vec<String> {
        check_one(Path::new("a.rs"), text)
    }

    #[test]
    fn a_header_is_asked_for_with_its_invariant() {
        assert!(findings(HEADER).is_empty());
        assert!(findings("fn main() {}\n")[0].contains("a.rs:1: no `//!` header"));
        assert!(findings("//! Does it.\n\nuse x; // **Invariant**\n")[0].contains("names no **Invariant**"));
        assert!(findings(&HEADER.replace("Does it.", "What?"))[0].contains("its header is a question"));
    }

    #[test]
    fn every_banned_mark_is_found_in_code_and_not_in_comments() {
        for (mark, _) in BANNED {
            let found = findings(&format!("{HEADER}\n    {mark} \n"));
            assert!(found.len() == 1 && found[0].starts_with("a.rs:5: "), "{mark}: {found:?}");
            assert!(findings(&format!("{HEADER}    // {mark}\n/// {mark}\n")).is_empty(), "{mark}");
        }
    }

    #[test]
    fn a_wide_comment_is_found_unless_it_is_a_table_or_an_example() {
        let wide = "x ".repeat(60);
        assert!(
            findings(&format!("{HEADER}    // {wide}\n"))[0].contains("a.rs:4: a comment of more than 120 columns")
        );
        for fine in [format!("let x = \"{wide}\";"), format!("//! | {wide}"), format!("/// ```\n/// {wide}\n/// ```")] {
            assert!(findings(&format!("{HEADER}{fine}\n// short\n")).is_empty(), "{fine}");
        }
    }

    #[test]
    fn lines_of_code_are_those_before_the_tests_without_comments() {
        let code =
            "//! Does it.\n\nfn a() {\n    // Why.\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
        assert_eq!(code_lines(code), 3);
    }

    #[test]
    fn a_long_file_is_found() {
        let lines = |n: usize| format!("{HEADER}{}", "x\n".repeat(n));
        assert!(findings(&lines(MOST_LINES - 3)).is_empty());
        assert_eq!(findings(&lines(MOST_LINES - 2)).len(), 1);
    }

    #[test]
    fn files_are_found_at_any_depth_but_not_what_a_build_made() {
        let root = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        for folder in ["b/c", "target"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["b/c/x.rs", "a.rs", "b/readme.md", "target/made.rs"] {
            fs::write(root.join(file), "").unwrap();
        }
        let files = rust_files(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(files, [root.join("a.rs"), root.join("b/c/x.rs")]);
    }
}
