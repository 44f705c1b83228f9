//! What is said while a command works, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hotbackup::{Phase, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pace::{self, Pace};
use crate::args::Global;

/// Where there is no terminal, a line so often.
const EVERY: Duration = Duration::from_secs(10);

/// How often a job is looked at.
pub const TICK: Duration = Duration::from_millis(100);

/// What other processes say is waited for so long.
const HEARD_OUT: Duration = Duration::from_secs(1);

/// Clones draw the same bar.
#[derive(Clone)]
pub struct Display(Arc<Inner>);

struct Inner {
    quiet: bool,
    verbose: bool,
    /// Hidden where there is no terminal.
    bar: ProgressBar,
    /// How many threads pass on what others say.
    speakers: Mutex<u32>,
    all_is_said: Condvar,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    pace: Pace,
    phase: Option<Phase>,
    last_line: Option<Instant>,
}

impl Display {
    pub fn new(global: &Global) -> Self {
        let is_drawn = !global.quiet && std::io::stderr().is_terminal();
        let target = if is_drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(100), target).with_style(style());
        Self(Arc::new(Inner {
            quiet: global.quiet,
            verbose: global.verbose,
            bar,
            speakers: Mutex::default(),
            all_is_said: Condvar::new(),
            shown: Mutex::default(),
        }))
    }

    /// A remark, which `-q` leaves out.
    pub fn say(&self, line: &str) {
        if !self.0.quiet {
            self.must_say(line);
        }
    }

    /// What only `-v` wants to hear.
    pub fn explain(&self, line: &str) {
        if self.0.verbose {
            self.must_say(line);
        }
    }

    /// What must be heard.
    pub fn must_say(&self, line: &str) {
        self.0.bar.suspend(|| anstream::eprintln!("{line}"));
    }

    /// A job begins.
    pub fn begin(&self) {
        *self.0.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Shown { last_line: Some(Instant::now()), ..Shown::default() };
        self.0.bar.reset();
    }

    /// A look at a job.
    pub fn show(&self, progress: &Progress) {
        let now = Instant::now();
        let mut shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.pace.see(now, progress);
        let phase = pace::phase(progress.phase);
        if shown.phase.replace(progress.phase) != Some(progress.phase) && progress.phase != Phase::None {
            self.explain(&format!("phase: {phase}"));
        }
        let line = shown.pace.line(progress);
        if !self.0.bar.is_hidden() {
            self.0.bar.set_prefix(phase);
            self.0.bar.set_position(u64::from(progress.percent));
            self.0.bar.set_message(line);
            self.0.bar.tick();
        } else if shown.last_line.is_none_or(|last| now.duration_since(last) >= EVERY) {
            shown.last_line = Some(now);
            self.say(&format!("{phase}: {line}"));
        }
    }

    /// One more thread that passes on what another process says, for as long as it keeps this.
    pub fn speaker(&self) -> Speaker {
        *self.0.speakers.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Speaker(self.clone())
    }

    /// Takes the bar away, once all is said: but a process that was left behind may never end what it says.
    pub fn clear(&self) {
        let speakers = self.0.speakers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.all_is_said.wait_timeout_while(speakers, HEARD_OUT, |speakers| *speakers > 0));
        self.hide();
    }

    /// Takes the bar away at once.
    pub fn hide(&self) {
        self.0.bar.finish_and_clear();
    }
}

/// Someone who has not said all yet.
pub struct Speaker(Display);

impl Speaker {
    pub fn say(&self, line: &str) {
        self.0.say(line);
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        *self.0.0.speakers.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.all_is_said.notify_all();
    }
}

fn style() -> ProgressStyle {
    let template = "{prefix:10} [{bar:20}] {msg}";
    ProgressStyle::with_template(template).expect("the template is well-formed").progress_chars("=> ")
}
