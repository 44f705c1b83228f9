//! The thread on which a job's hooks run: it serves the mailbox's requests one at a time, ticks the
//! progress hook, and thaws by itself when the freeze timeout has passed, though an I/O thread be
//! stuck in the kernel. That `thaw` and `release` are called exactly once on every path is assured
//! here alone.

use std::path::Path;
use std::time::{Duration, Instant};

use super::handle::Job;
use super::hooks::{Hook, HookResult, Hooks};
use super::mailbox::{HookMailbox, Request, Wake};
use crate::error::{Code, Error, Result, Source};
use crate::monitor::Monitor;

/// How often the progress hook is called.
const TICK: Duration = Duration::from_millis(100);

/// Serves the requests on this thread until the I/O side has ended.
pub(super) fn serve(mailbox: &HookMailbox, hooks: &Hooks, job: &Job, freeze_timeout: Option<Duration>) {
    let mut server = Server {
        mailbox,
        hooks,
        job,
        monitor: job.monitor(),
        freeze_timeout,
        frozen_since: None,
        release_due: hooks.checkpoint.is_none(),
    };
    let mut next_tick = Instant::now() + TICK;
    while let Some(wake) = mailbox.next(server.wakes_at(next_tick)) {
        match wake {
            Wake::Request(request) => mailbox.reply(server.serve(request)),
            Wake::Deadline if server.frozen_since.is_some() => server.freeze_took_too_long(),
            Wake::Deadline => server.report_progress(),
        }
        if Instant::now() >= next_tick {
            next_tick = Instant::now() + TICK;
        }
    }
    server.end();
}

/// The state of the hooks of one job.
struct Server<'a> {
    mailbox: &'a HookMailbox,
    hooks: &'a Hooks,
    job: &'a Job,
    monitor: &'a Monitor,
    freeze_timeout: Option<Duration>,
    frozen_since: Option<Instant>,
    release_due: bool,
}

impl Server<'_> {
    /// While frozen only the freeze timeout matters: no hook may be called before `thaw`.
    fn wakes_at(&self, next_tick: Instant) -> Option<Instant> {
        match self.frozen_since {
            Some(since) => self.freeze_timeout.and_then(|timeout| since.checked_add(timeout)),
            None => self.hooks.progress.as_ref().map(|_| next_tick),
        }
    }

    fn serve(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Checkpoint => self.checkpoint(),
            Request::Freeze => self.freeze(),
            Request::Thaw => self.thaw(),
            Request::Release => self.release(),
            Request::Validate(staging) => self.validate(&staging),
            Request::Enter(phase) => {
                self.monitor.enter(phase);
                self.report_progress();
                self.monitor.check()
            }
        }
    }

    fn checkpoint(&mut self) -> Result<()> {
        if let Some(hook) = &self.hooks.checkpoint {
            self.call("checkpoint", true, |context| hook(context))?;
            self.release_due = true;
            self.mailbox.notes().lock().checkpoint_ended();
        }
        Ok(())
    }

    fn freeze(&mut self) -> Result<()> {
        if let Some((hook, _)) = &self.hooks.freeze_thaw {
            self.call("freeze", true, |context| hook(context))?;
            self.frozen_since = Some(Instant::now());
        }
        Ok(())
    }

    fn thaw(&mut self) -> Result<()> {
        let Some(since) = self.frozen_since.take() else {
            return self.monitor.check();
        };
        self.monitor.froze_for(since.elapsed());
        let Some((_, hook)) = &self.hooks.freeze_thaw else { return Ok(()) };
        self.mailbox.notes().lock().freeze_ended();
        self.call("thaw", false, |context| hook(context))
            .map_err(|error| error.aftermath("no snapshot was made, and the host may still be frozen"))?;
        self.require_in_time(since)
    }

    /// The timeout calls `thaw`, and cannot make it quick: one that has to wait (for a lock, for an
    /// interpreter) keeps writes still for longer, and at least the job says so.
    fn require_in_time(&self, since: Instant) -> Result<()> {
        let stood_still = since.elapsed();
        match self.freeze_timeout {
            Some(timeout) if stood_still > timeout => Err(Error::new(
                Code::FreezeTimeout,
                format!(
                    "writes stood still for {stood_still:.1?}, until thaw returned, and the timeout is {timeout:?}"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn freeze_took_too_long(&mut self) {
        let timeout = self.freeze_timeout.unwrap_or_default();
        let doing = self.monitor.last_doing();
        self.monitor.stop(Error::new(
            Code::FreezeTimeout,
            format!("the freeze window was open for {timeout:?} and was closed while {doing}"),
        ));
        // The timeout is the job's failure; that of this thaw could only be a second one.
        let _ = self.thaw();
    }

    fn release(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.release_due) {
            return Ok(());
        }
        match &self.hooks.release {
            Some(hook) => self.call("release", false, |context| hook(context)),
            None => Ok(()),
        }
    }

    fn validate(&self, staging: &Path) -> Result<()> {
        match &self.hooks.validate {
            Some(hook) => self.call("validate", false, |context| hook(staging, context)),
            None => Ok(()),
        }
    }

    fn report_progress(&self) {
        let Some(hook) = &self.hooks.progress else { return };
        match guarded_here(|| hook(&self.job.now(), &self.context(false))) {
            Ok(flow) if flow.is_continue() => {}
            Ok(_) => self.monitor.cancel(),
            Err(why) => self.monitor.stop(self.failed("progress", why)),
        }
    }

    /// The work has ended, well or not: what is still open is closed.
    fn end(&mut self) {
        for closing in [Self::thaw, Self::release] {
            if let Err(error) = closing(self) {
                self.monitor.stop(error);
            }
        }
    }

    fn call(&self, name: &str, may_name: bool, hook: impl FnOnce(&Hook<'_>) -> HookResult) -> Result<()> {
        guarded_here(|| hook(&self.context(may_name))).map_err(|why| self.failed(name, why))
    }

    fn failed(&self, name: &str, why: Reason) -> Error {
        why.source.iter().for_each(|cause| self.mailbox.keep(cause.clone()));
        why.of_hook(name)
    }

    fn context(&self, may_name: bool) -> Hook<'_> {
        Hook { job: self.job, notes: self.mailbox.notes(), may_name }
    }
}

/// A child that a hook forked, and that comes back from the hook, has none of the threads that the job needs,
/// and would wait for them, while its parent waits for it: it ends here.
fn guarded_here<T>(hook: impl FnOnce() -> HookResult<T>) -> std::result::Result<T, Reason> {
    let process = std::process::id();
    let done = guarded(hook);
    if std::process::id() != process {
        crate::sys::thread::exit_forked_child();
    }
    done
}

/// A hook that panics has failed; the job goes on to clean up. So has one whose error panics when it is
/// asked for its text.
fn guarded<T>(hook: impl FnOnce() -> HookResult<T>) -> std::result::Result<T, Reason> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hook().map_err(Reason::of)))
        .unwrap_or_else(|_| Err(Reason { text: "it panicked".into(), source: None }))
}

/// Why a hook failed.
struct Reason {
    /// Empty: the hook gave none.
    text: String,
    source: Option<Source>,
}

impl Reason {
    /// The text of an error and of those it comes from, save what it has told already.
    fn of(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(deeper) = source {
            let more = deeper.to_string();
            if text.is_empty() {
                text = more;
            } else if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            source = deeper.source();
        }
        Self { text, source: Some(error.into()) }
    }

    fn of_hook(self, name: &str) -> Error {
        let message = match self.text.is_empty() {
            true => format!("the {name} hook failed and gave no reason"),
            false => format!("the {name} hook failed: {}", self.text),
        };
        Error::new(Code::HookFailed, message).caused_by(self.source)
    }
}
