//! Handles ctrl-C: the first sets a flag, and the program exits with 130 after [`PATIENCE`], or at the second.
//!
//! Does not know what is at work: the work asks the flag.
//!
//! **Invariant**: the exit never waits for a reader of stderr.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::text::say;

/// How long work may take to reach its next step. With what a terminal and the system add, an interruption takes a
/// second at most.
const PATIENCE: Duration = Duration::from_millis(900);

/// How long the last message may take.
const A_MOMENT: Duration = Duration::from_millis(50);

/// The exit code of a program that was interrupted: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// Whether someone asked to stop.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on; where a command listens already, to the same.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        static LISTENS: OnceLock<Interrupt> = OnceLock::new();
        if let Some(interrupt) = LISTENS.get() {
            return Ok(interrupt.clone());
        }
        let interrupt = LISTENS.get_or_init(Self::default).clone();
        let flag = interrupt.clone();
        ctrlc::set_handler(move || {
            if flag.0.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
            let at_last = || {
                thread::sleep(PATIENCE);
                let said = tell("interrupted at once; the next run tidies up");
                // Whoever reads stderr gets the message; without a reader, nobody is waited for.
                let _ = said.recv_timeout(A_MOMENT);
                std::process::exit(INTERRUPTED);
            };
            if thread::Builder::new().spawn(at_last).is_err() {
                std::process::exit(INTERRUPTED);
            }
            drop(tell("stopping"));
        })?;
        Ok(interrupt)
    }

    /// Whether someone asked.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Is told when someone asks to stop, by ctrl-C or as the system does; the second time the program exits. For work that
/// ends by itself and may take a while.
pub(crate) fn told() -> anyhow::Result<Receiver<()>> {
    let (tell, told) = mpsc::channel();
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
        // Heard before the work ends: the program would exit, and the message be lost.
        let _ = self::tell("stopping: what is under way is finished").recv_timeout(PATIENCE);
        let _ = tell.send(());
    })?;
    Ok(told)
}

/// Prints a message from a thread of its own, because printing blocks for ever where nobody reads stderr. The receiver
/// hears when the message is printed.
fn tell(words: &'static str) -> Receiver<()> {
    let (done, heard) = mpsc::channel();
    // If no thread can be started, the message is not printed.
    let _ = thread::Builder::new().spawn(move || {
        say(words);
        done.send(())
    });
    heard
}
