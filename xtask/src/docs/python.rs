//! Runs the Python blocks of a page in one session: what a block names, those behind it know.
//!
//! Does not know Python: `session.py` runs the code.
//!
//! **Invariant**: a session has the page's folder as its own, and ends with its value.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::page::Block;
use super::shell::{LIMIT, Shell};

const SCRIPT: &str = include_str!("session.py");

/// What an answer begins with.
const MARK: &str = "--answer-of-the-session--";

/// A Python that waits for blocks.
pub(super) struct Session {
    child: Child,
    blocks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Session {
    /// Starts `python`, a call of an environment's Python, in the folder of a page.
    pub(super) fn start(mut python: Command, shell: &Shell) -> Result<Self> {
        python.current_dir(&shell.folder).env("PATH", &shell.path);
        python.args(["-c", SCRIPT, MARK, &LIMIT.as_secs().to_string()]);
        python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = python.spawn().context("cannot run Python")?;
        let blocks = child.stdin.take().context("its input was not piped")?;
        let answers = BufReader::new(child.stdout.take().context("its output was not piped")?);
        Ok(Self { child, blocks, answers })
    }

    /// Runs a block of a page; where it fails, the error is what it printed.
    pub(super) fn run(&mut self, page: &str, block: &Block) -> Result<()> {
        match self.ask(&json!([page, block.line, block.text]))? {
            (true, _) => Ok(()),
            (false, said) => bail!("{said}"),
        }
    }

    /// The answer, and what was printed before it.
    fn ask(&mut self, question: &Value) -> Result<(bool, String)> {
        writeln!(self.blocks, "{question}").context("Python has ended")?;
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).context("Python printed no text")? == 0 {
                bail!("Python has ended:\n{said}");
            }
            match line.trim_end().strip_prefix(MARK) {
                Some(answer) => return Ok((answer.trim() == "yes", said.trim().to_owned())),
                None => said += &line,
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that has ended already cannot be ended again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn blocks_know_what_those_before_them_named_and_errors_name_the_page_s_line() {
        let folder = std::env::temp_dir().join(format!("docs-python-{}", std::process::id()));
        files::empty(&folder).unwrap();
        let shell = Shell::new(folder.clone(), std::env::var_os("PATH").unwrap()).unwrap();
        let mut session = Session::start(Command::new("python3"), &shell).unwrap();
        let block = |line, text: &str| Block { line, text: text.to_owned(), ..Block::default() };
        session.run("a.md", &block(3, "x = 1\nprint('text')\n")).unwrap();
        session.run("a.md", &block(9, "assert x == 1\nopen('made', 'w').close()\n")).unwrap();
        assert!(folder.join("made").is_file());
        let error = session.run("a.md", &block(20, "y = 1\nassert x == 2\n")).unwrap_err().to_string();
        assert!(error.contains("File \"a.md\", line 21"), "{error}");
        session.run("a.md", &block(30, "assert y == 1\n")).unwrap();
        let ended = session.run("a.md", &block(40, "import os\nos._exit(3)\n")).unwrap_err().to_string();
        assert!(ended.starts_with("Python has ended"), "{ended}");
        drop(session);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
