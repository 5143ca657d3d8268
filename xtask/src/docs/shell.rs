//! Runs the shell blocks of a page in a folder of its own, and the services that they start.
//!
//! Does not know what the commands do.
//!
//! **Invariant**: a service answers before the command behind it runs, and ends with the page, or where the page starts
//! another; what a command printed is shown only where it failed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::files;

/// No program, and none of the parts of a block between services, may take longer.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// How long a service may take to end.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);

/// The address at which pages have services, and which is replaced by a free one.
const ADDRESS: &str = "127.0.0.1:8080";

/// What starts a service.
const SERVE: &str = "reco serve";

/// How much of what a command printed is shown.
const SHOWN_LINES: usize = 40;

/// The shell of a page.
pub(super) struct Shell {
    /// Where commands run.
    pub(super) folder: PathBuf,
    /// What they find programs by.
    pub(super) path: OsString,
    port: u16,
    service: Option<Child>,
}

/// A part of a block.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Commands(String),
    Service(String),
}

impl Shell {
    /// A shell in `folder`, which finds programs by `path`.
    pub(super) fn new(folder: PathBuf, path: OsString) -> Result<Self> {
        // Whoever listens at port 0 is given a free one, which is free again when it is dropped here.
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = port.context("no port is free")?.port();
        // What a page shows is answered, or has failed.
        files::write(&folder.join(".curlrc"), "silent\nshow-error\nfail-with-body\nnoproxy = \"127.0.0.1\"\n")?;
        Ok(Self { folder, path, port, service: None })
    }

    /// Runs a block.
    pub(super) fn run(&mut self, block: &str) -> Result<()> {
        let address = format!("127.0.0.1:{}", self.port);
        for part in parts(&block.replace(ADDRESS, &address)) {
            match part {
                Part::Commands(commands) => self.commands(&commands)?,
                Part::Service(command) => {
                    let rest = &command[SERVE.len()..];
                    self.serve(&format!("exec {SERVE} --addr {address}{rest}"))?;
                }
            }
        }
        Ok(())
    }

    /// A call of `program` as a block would call it, whose output goes to a file.
    pub(super) fn command(&self, program: &str, log: &Path) -> Result<Command> {
        let out = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("PATH", &self.path).env("CURL_HOME", &self.folder);
        command.env_remove("RECO_API_KEY").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        Ok(command)
    }

    /// Runs a command to its end; where it fails, the error has the last lines that it printed.
    pub(super) fn finish(mut command: Command, log: &Path) -> Result<()> {
        let mut child = command.spawn().with_context(|| format!("cannot run `{command:?}`"))?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begun.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("not done after {} s:\n{}", LIMIT.as_secs(), last_lines(log));
            }
            thread::sleep(Duration::from_millis(10));
        };
        if !status.success() {
            bail!("{status}:\n{}", last_lines(log));
        }
        Ok(())
    }

    fn commands(&self, commands: &str) -> Result<()> {
        let log = self.folder.join(".commands.log");
        let mut command = self.command("sh", &log)?;
        // Each command is named before it runs, and the first that fails is the last.
        command.args(["-ex", "-c", commands]);
        Self::finish(command, &log)
    }

    fn serve(&mut self, command: &str) -> Result<()> {
        self.stop();
        let log = self.folder.join(".service.log");
        let mut service = self.command("sh", &log)?.args(["-c", command]).spawn().context("cannot run `sh`")?;
        let begun = Instant::now();
        while !is_ready(self.port) {
            let ended = service.try_wait()?;
            if ended.is_some() || begun.elapsed() > LIMIT {
                let _ = service.kill();
                let _ = service.wait();
                bail!("`{command}` does not answer:\n{}", last_lines(&log));
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.service = Some(service);
        Ok(())
    }

    /// Ends the service as ctrl-C does, or after some seconds by force.
    fn stop(&mut self) {
        let Some(mut service) = self.service.take() else { return };
        // One that has ended already cannot be ended again.
        let _ = Command::new("kill").args(["-INT", &service.id().to_string()]).status();
        let begun = Instant::now();
        while begun.elapsed() < STOPPED_WITHIN {
            if !matches!(service.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = service.kill();
        let _ = service.wait();
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a service answers at `port` and says that it is ready.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let asked = stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok();
    asked && answer.starts_with("HTTP/1.1 200")
}

/// A block, parted where lines start services; a line that ends with `\` goes on.
fn parts(block: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut commands = String::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if !format!("{line} ").starts_with(&format!("{SERVE} ")) {
            commands += line;
            commands.push('\n');
            continue;
        }
        if !commands.trim().is_empty() {
            parts.push(Part::Commands(std::mem::take(&mut commands)));
        }
        let mut service = line.to_owned();
        while service.ends_with('\\') {
            service.push('\n');
            service += lines.next().unwrap_or_default();
        }
        parts.push(Part::Service(service));
    }
    if !commands.trim().is_empty() {
        parts.push(Part::Commands(commands));
    }
    parts
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::succeed;

    fn shell(name: &str) -> Shell {
        let folder = std::env::temp_dir().join(format!("docs-shell-{}-{name}", std::process::id()));
        files::empty(&folder).unwrap();
        Shell::new(folder, std::env::var_os("PATH").unwrap()).unwrap()
    }

    #[test]
    fn a_block_is_parted_where_a_service_starts() {
        let block = "reco run\nreco serve --out a \\\n  --log\ncurl x\n";
        let commands = |text: &str| Part::Commands(text.to_owned());
        let service = Part::Service("reco serve --out a \\\n  --log".to_owned());
        assert_eq!(parts(block), [commands("reco run\n"), service, commands("curl x\n")]);
    }

    #[test]
    fn blocks_share_a_folder_and_the_command_that_fails_is_named() {
        let mut shell = shell("fails");
        shell.run("echo one > a\nfor i in 1 2; do\n  echo $i >> a\ndone").unwrap();
        shell.run("cat > b <<'END'\nx\nEND\ntest \"$(cat a b)\" = 'one\n1\n2\nx'").unwrap();
        let error = shell.run("true one\nls ./nowhere\ntrue two").unwrap_err().to_string();
        assert!(error.contains("+ ls ./nowhere") && error.contains("+ true one"), "{error}");
        assert!(!error.contains("true two"), "{error}");
        fs::remove_dir_all(&shell.folder).unwrap();
    }

    #[test]
    fn a_service_that_ends_is_an_error_with_what_it_said() {
        let mut shell = shell("service");
        files::write(&shell.folder.join("reco"), "#!/bin/sh\necho \"asked: $*\"\nexit 1\n").unwrap();
        succeed(Command::new("chmod").arg("+x").arg(shell.folder.join("reco"))).unwrap();
        shell.path =
            std::env::join_paths([shell.folder.clone()].into_iter().chain(std::env::split_paths(&shell.path))).unwrap();
        let error = shell.run("reco serve --out x # at 127.0.0.1:8080").unwrap_err().to_string();
        let port = shell.port;
        assert!(error.contains(&format!("asked: serve --addr 127.0.0.1:{port} --out x")), "{error}");
        fs::remove_dir_all(&shell.folder).unwrap();
    }
}
