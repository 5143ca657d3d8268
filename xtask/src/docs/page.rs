//! Reads a page of Markdown: its blocks of code with their marks, its inline commands, its links and its headings.
//!
//! Does not know Markdown beyond that: lists, tables and quotes are text here.
//!
//! **Invariant**: what stands in a block is no link, no heading and no inline command.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::files;

/// Where the site's pages are listed.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that are no part of the site, and are checked alike.
const FURTHER: &[&str] = &["crates/reco-python/README.md"];

/// What the site has beside pages: `cargo xtask docs` makes it.
pub(crate) const API: &str = "api/";

/// Languages that are run or parsed, and those that are shown.
const LANGUAGES: [&[&str]; 2] =
    [&["sh", "rust", "python", "toml", "json"], &["text", "csv", "ini", "yaml", "dockerfile", "nginx"]];

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// From the root, as `docs/start.md`.
    pub(crate) path: String,
    pub(crate) blocks: Vec<Block>,
    /// Calls of `reco`, inline and in blocks of commands, each with its line.
    pub(crate) commands: Vec<(usize, String)>,
    /// As they are written, each with its line.
    pub(crate) links: Vec<(usize, String)>,
    /// What links to its headings end with.
    pub(crate) anchors: BTreeSet<String>,
    /// What is wrong with its blocks.
    pub(crate) findings: Vec<String>,
}

/// A block of code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its first line of code, counted from 1.
    pub(crate) line: usize,
    /// `sh`, `rust`, …
    pub(crate) language: String,
    /// The code, without the indentation of the block.
    pub(crate) text: String,
    /// Why it is not run: `not-run=REASON`, the last mark.
    pub(crate) not_run: Option<String>,
    /// Programs, `$VARIABLES` or files without which it cannot be run: `needs=WHAT`.
    pub(crate) needs: Vec<String>,
    /// The file that the block is, which the commands after it find: `file=NAME`.
    pub(crate) file: Option<String>,
    /// What the block is a part of: a table of an experiment, `Cargo.toml`, or a file that has it: `of=WHAT`.
    pub(crate) of: Option<String>,
}

impl Block {
    /// The file of the project that the block is a part of, if it is one.
    pub(crate) fn of_file(&self) -> Option<&str> {
        self.of.as_deref().filter(|of| of.contains('/'))
    }

    /// Whether that file has the block's lines.
    pub(crate) fn is_in(&self, root: &Path, file: &str) -> Result<bool> {
        Ok(files::read(&root.join(file))?.contains(&self.text))
    }
}

/// All pages: those of the site in its order, then the further ones.
pub(crate) fn all(root: &Path) -> Result<Vec<Page>> {
    let paths = listed(root)?.into_iter().chain(FURTHER.iter().map(|path| (*path).to_owned()));
    paths.map(|path| Page::read(root, &path)).collect()
}

/// The paths of the site's pages, in its order.
pub(crate) fn listed(root: &Path) -> Result<Vec<String>> {
    let summary = Page::read(root, SUMMARY)?;
    Ok(summary.links.iter().filter_map(|(_, link)| Some(target(SUMMARY, link)?.0)).collect())
}

/// Where a link of `page` leads: the path from the root, and the heading; `None` where it leads out of the project.
pub(crate) fn target(page: &str, link: &str) -> Option<(String, Option<String>)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading.to_owned())));
    if path.is_empty() {
        return Some((page.to_owned(), heading));
    }
    let mut names: Vec<&str> = page.split('/').collect();
    names.pop();
    for name in path.split('/') {
        match name {
            "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some((names.join("/"), heading))
}

impl Page {
    /// Reads the page at `path`.
    pub(crate) fn read(root: &Path, path: &str) -> Result<Self> {
        Ok(Self::parse(path, &files::read(&root.join(path))?))
    }

    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut page = Self { path: path.to_owned(), ..Self::default() };
        let mut paragraph: Vec<&str> = Vec::new();
        // What is indented in a list is text of it.
        let mut in_list = false;
        let mut lines = text.lines().zip(1..);
        while let Some((line, n)) = lines.next() {
            let code = line.trim_start();
            let ticks = code.bytes().take_while(|byte| *byte == b'`').count();
            // Commands that stand for what the reader has already: no reader sees them.
            let is_given = code == "<!-- given";
            if is_given || ticks >= 3 {
                page.prose(n, &std::mem::take(&mut paragraph));
                let end = if is_given { "-->" } else { &code[..ticks] };
                let mut body = String::new();
                let mut is_closed = false;
                for (inner, _) in lines.by_ref() {
                    is_closed = inner.trim() == end;
                    if is_closed {
                        break;
                    }
                    let indented = inner.len() - inner.trim_start().len();
                    body += &inner[indented.min(line.len() - code.len())..];
                    body.push('\n');
                }
                if !is_closed {
                    page.findings.push(format!("{path}:{n}: a block that does not end\nhint: close it by `{end}`"));
                }
                match marked(if is_given { "sh" } else { code[ticks..].trim() }) {
                    Ok(block) => {
                        if block.language == "sh" {
                            page.commands.extend(calls(&body).map(|(before, call)| (n + 1 + before, call)));
                        }
                        page.blocks.push(Block { line: n + 1, text: body, ..block });
                    }
                    Err(why) => page.findings.push(format!("{path}:{n}: {why}")),
                }
            } else if line.starts_with("    ") && paragraph.is_empty() && !in_list {
                page.findings
                    .push(format!("{path}:{n}: a block by indentation\nhint: put it between lines of backticks"));
            } else if code.is_empty() {
                page.prose(n, &std::mem::take(&mut paragraph));
            } else {
                if paragraph.is_empty() {
                    in_list = code.starts_with(['-', '*'])
                        || code.starts_with(|c: char| c.is_ascii_digit())
                        || in_list && code != line;
                }
                paragraph.push(line);
            }
        }
        page.prose(text.lines().count() + 1, &paragraph);
        page
    }

    /// Takes in a paragraph that ends before line `end`.
    fn prose(&mut self, end: usize, paragraph: &[&str]) {
        let begin = end - paragraph.len();
        for heading in paragraph.iter().filter(|line| line.starts_with('#')) {
            let anchor = anchor(heading.trim_start_matches('#'));
            // A heading that comes again has a number.
            let mut numbered = (0..).map(|n| if n == 0 { anchor.clone() } else { format!("{anchor}-{n}") });
            let free = numbered.find(|anchor| !self.anchors.contains(anchor));
            self.anchors.extend(free);
        }
        let (text, spans) = without_code(&paragraph.join("\n"));
        let line_of = |text: &str| begin + text.matches('\n').count();
        for (before, span) in spans {
            if span.starts_with("reco ") {
                self.commands.push((begin + before, span.replace('\n', " ")));
            }
        }
        for (at, _) in text.match_indices("](") {
            let rest = &text[at + 2..];
            let link = rest.split([')', ' ', '\n']).next().unwrap_or_default();
            self.links.push((line_of(&text[..at]), link.to_owned()));
        }
    }
}

/// The language and the marks of a block, which stand behind its opening.
fn marked(info: &str) -> Result<Block, String> {
    let (language, mut marks) = info.split_once(',').unwrap_or((info, ""));
    let mut block = Block { language: language.trim().to_owned(), ..Block::default() };
    if !LANGUAGES.concat().contains(&block.language.as_str()) {
        let known = LANGUAGES.concat().join("`, `");
        return Err(match block.language.as_str() {
            "" => format!("a block without a language\nhint: name it behind the opening: `{known}`"),
            other => format!("a block in `{other}`\nhint: known are `{known}`"),
        });
    }
    while !marks.is_empty() {
        if let Some(reason) = marks.strip_prefix("not-run=") {
            block.not_run = Some(reason.trim().to_owned());
            break;
        }
        let (mark, rest) = marks.split_once(',').unwrap_or((marks, ""));
        marks = rest;
        match mark.split_once('=') {
            Some(("needs", what)) => block.needs.push(what.to_owned()),
            Some(("file", name)) => block.file = Some(name.to_owned()),
            Some(("of", what)) => block.of = Some(what.to_owned()),
            _ => return Err(format!("the mark `{mark}`\nhint: known are `needs=`, `file=`, `of=`, `not-run=`")),
        }
    }
    if block.not_run.as_ref().is_some_and(String::is_empty) {
        return Err("a block that is not run without a reason\nhint: `not-run=REASON`".to_owned());
    }
    if let Some(name) = block.file.as_ref().filter(|name| name.is_empty() || name.contains('/')) {
        return Err(format!("the mark `file={name}`\nhint: it is the name of a file in the page's folder"));
    }
    let known = match block.language.as_str() {
        "toml" => &["data", "serve", "Cargo.toml"][..],
        _ => &[],
    };
    let is_known = |of: &str| of.contains('/') && ["rust", "python"].contains(&&*block.language) || known.contains(&of);
    if let Some(of) = block.of.as_deref().filter(|of| !is_known(of)) {
        let hint = "TOML is of `data`, `serve` or `Cargo.toml`, Rust and Python of a file of the project";
        return Err(format!("the mark `of={of}`\nhint: {hint}"));
    }
    Ok(block)
}

/// The lines of commands that call `reco`, each with how many stand before it: what is a comment, or goes to another
/// program, is left out.
fn calls(commands: &str) -> impl Iterator<Item = (usize, String)> {
    let call = |line: &str| line.split(" #").next()?.split(['|', '>', ';']).next().map(str::to_owned);
    let lines = commands.lines().enumerate().filter(|(_, line)| line.starts_with("reco "));
    lines.filter_map(move |(before, line)| Some((before, call(line)?)))
}

/// What links to a heading end with.
fn anchor(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading.trim();
    // Of a link its text is left.
    while let Some((before, after)) = rest.split_once("](") {
        text += before;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text += rest;
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    text.to_lowercase().chars().filter_map(kept).collect()
}

/// A paragraph without its inline code, line by line as before, and that code: how many lines stand before it, and what
/// it is.
fn without_code(paragraph: &str) -> (String, Vec<(usize, String)>) {
    let (mut text, mut spans) = (String::new(), Vec::new());
    let mut rest = paragraph;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
        let inner = &rest[at + ticks..];
        text += &rest[..at];
        // The end is a row of as many.
        let mut from = 0;
        let end = loop {
            let Some(found) = inner[from..].find('`') else { break None };
            let begin = from + found;
            let n = inner[begin..].bytes().take_while(|byte| *byte == b'`').count();
            if n == ticks {
                break Some(begin);
            }
            from = begin + n;
        };
        let Some(end) = end else {
            text += &rest[at..];
            return (text, spans);
        };
        spans.push((text.matches('\n').count(), inner[..end].to_owned()));
        text.extend(inner[..end].chars().filter(|c| *c == '\n'));
        rest = &inner[end + ticks..];
    }
    text += rest;
    (text, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page, with `code`

See [this](other.md#a-heading), ``a [`no`](link)`` and `reco run
--out x`: [that](../README.md).
![a figure](figures/a.svg)

## Again
## Again

<!-- given
echo hidden
-->

1. In a list:

   ```sh,needs=curl,needs=$KEY,file=a.sh,not-run=it costs money, and time
   curl x
     indented [no](link)
   ```

````text
```sh
````
";

    #[test]
    fn blocks_links_headings_and_commands_are_told_apart() {
        let page = Page::parse("docs/a.md", PAGE);
        assert!(page.findings.is_empty(), "{:?}", page.findings);
        let links: Vec<(usize, &str)> = page.links.iter().map(|(line, link)| (*line, link.as_str())).collect();
        assert_eq!(links, [(3, "other.md#a-heading"), (4, "../README.md"), (5, "figures/a.svg")]);
        assert_eq!(page.commands, [(3, "reco run --out x".to_owned())]);
        assert_eq!(page.anchors.iter().collect::<Vec<_>>(), ["a-page-with-code", "again", "again-1"]);
        let shown: Vec<_> = page.blocks.iter().map(|block| (block.line, &*block.language, &*block.text)).collect();
        let in_list = "curl x\n  indented [no](link)\n";
        assert_eq!(shown, [(11, "sh", "echo hidden\n"), (17, "sh", in_list), (22, "text", "```sh\n")]);
        let marked = &page.blocks[1];
        assert_eq!(marked.needs, ["curl", "$KEY"]);
        assert_eq!(marked.file.as_deref(), Some("a.sh"));
        assert_eq!(marked.not_run.as_deref(), Some("it costs money, and time"));
    }

    #[test]
    fn what_a_block_lacks_is_said_with_its_line() {
        let finding = |text: &str| Page::parse("a.md", text).findings.join("; ");
        assert!(finding("x\n\n```\ny\n```\n").starts_with("a.md:3: a block without a language\nhint: "));
        assert!(finding("```shell\n```\n").starts_with("a.md:1: a block in `shell`\nhint: "));
        assert!(finding("```sh,skip\n```\n").starts_with("a.md:1: the mark `skip`\nhint: "));
        assert!(finding("```sh,not-run=\n```\n").contains("without a reason"));
        assert!(finding("```sh\nx\n").contains("does not end"));
        assert!(finding("x\n\n    y\n").starts_with("a.md:3: a block by indentation\nhint: "));
        assert!(finding("- x\n\n    y\n").is_empty());
        assert!(finding("```toml,of=date\n```\n").starts_with("a.md:1: the mark `of=date`\nhint: "));
        assert!(finding("```toml,file=../x\n```\n").starts_with("a.md:1: the mark `file=../x`\nhint: "));
    }

    #[test]
    fn links_lead_from_the_page_s_folder() {
        let leads = |link| target("docs/a.md", link);
        assert_eq!(leads("b.md#c"), Some(("docs/b.md".to_owned(), Some("c".to_owned()))));
        assert_eq!(leads("../crates/x.rs"), Some(("crates/x.rs".to_owned(), None)));
        assert_eq!(leads("#c"), Some(("docs/a.md".to_owned(), Some("c".to_owned()))));
        assert_eq!(leads("https://example.org"), None);
    }
}
