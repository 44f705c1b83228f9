//! Ctrl-C and its like: the first one cancels, a further one leaves at once, and neither leaves anything torn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hotbackup::{Code, Job, Phase};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::output::display::Display;
use crate::output::{json, style};

/// Clones see the same signals.
#[derive(Clone)]
pub struct Interrupts(Arc<Mutex<Now>>);

/// What would be interrupted now.
#[derive(Default)]
struct Now {
    job: Option<Job>,
    /// What is so if the process ends at once.
    aftermath: String,
    /// A hook command that may be ended, by its process group.
    command: Option<Pid>,
    /// A program that ends in order by a SIGINT, and is waited for.
    program: Option<Pid>,
    /// The host's writes are stopped: nothing ends before its thaw.
    is_frozen: bool,
    /// How often someone asked.
    asked: u32,
}

impl Interrupts {
    /// Watches from now on.
    pub fn watch(display: Display, json: bool) -> Result<Self, Failure> {
        let failed = |error| Failure::io("watching for signals", &error);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(failed)?;
        let nothing = "nothing was changed".to_string();
        let interrupts = Self(Arc::new(Mutex::new(Now { aftermath: nothing, ..Now::default() })));
        let watched = interrupts.clone();
        let watch = move || signals.forever().for_each(|_| watched.asked(&display, json));
        std::thread::Builder::new().name("signals".into()).spawn(watch).map_err(failed)?;
        Ok(interrupts)
    }

    /// What is so if the process ends from now on.
    pub fn aftermath(&self, what: impl Into<String>) {
        self.now().aftermath = what.into();
    }

    /// A job that the first signal cancels. An earlier signal has ended the process.
    pub fn job(&self, job: Option<&Job>) {
        let mut now = self.now();
        now.job = job.cloned();
        now.asked = 0;
    }

    /// A hook command that signals end; `None`: there is none. One that begins after the job was cancelled
    /// is not to run: `false`.
    #[must_use]
    pub fn command(&self, group: Option<Pid>) -> bool {
        let mut now = self.now();
        now.command = group;
        now.asked == 0
    }

    /// A program that the first signal interrupts and a second one ends; `None`: there is none. `false`: someone
    /// asked for the end.
    #[must_use]
    pub fn program(&self, process: Option<Pid>) -> bool {
        let mut now = self.now();
        now.program = process;
        now.asked == 0
    }

    /// Whether the host's writes are stopped, or may be.
    pub fn frozen(&self, is_frozen: bool) {
        self.now().is_frozen = is_frozen;
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A signal has come.
    fn asked(&self, display: &Display, json: bool) {
        let mut now = self.now();
        now.asked += 1;
        if let Some(group) = now.command {
            let signal = if now.asked == 1 { Signal::TERM } else { Signal::KILL };
            let _ = kill_process_group(group, signal);
        }
        if let Some(program) = now.program {
            if now.asked == 1 {
                let _ = kill_process(program, Signal::INT);
                return display.say("interrupting it; once more to leave at once");
            }
            let _ = kill_process(program, Signal::KILL);
        }
        let Some(job) = now.job.clone() else { leave(display, json, &now.aftermath) };
        let _ = job.cancel();
        let is_swapping =
            || job.status().is_ok_and(|status| matches!(status.phase, Phase::Swap | Phase::Publish));
        if now.asked == 1 {
            display.say("cancelling; once more to leave at once");
        } else if now.is_frozen {
            display.must_say("the host's writes are stopped: waiting for --thaw-cmd to resume them");
        } else if is_swapping() {
            display.must_say("it is being put in place, and too late to cancel: waiting for its end");
        } else {
            leave(display, json, &now.aftermath);
        }
    }
}

fn leave(display: &Display, json: bool, aftermath: &str) -> ! {
    let failure = Failure::new(Code::Cancelled, format!("cancelled; {aftermath}"));
    display.hide();
    if json {
        json::write_error(&failure);
    }
    style::error(&failure);
    std::process::exit(failure.kind.exit_code().into())
}
