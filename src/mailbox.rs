//! The mailbox between a job's I/O threads and the thread on which its hooks run.
//!
//! The work of a job is done on I/O threads, which have left the host's descriptor table. When it
//! needs the host, it puts a request here and waits. The hooks' thread serves the requests one at
//! a time, ticks the progress hook, and thaws by itself when the freeze timeout has passed, though
//! an I/O thread be stuck in the kernel. That `thaw` and `release` are called exactly once on
//! every path is assured here alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

use crate::error::{Code, Error, Result, Source};
use crate::hooks::{Hook, HookResult, Hooks, LiveFiles, Said};
use crate::io::{Monitor, Phase, Work};
use crate::job::Job;
use crate::options::Options;

/// How often the progress hook is called.
const TICK: Duration = Duration::from_millis(100);

/// What the work of a job needs to reach the world outside.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) host: Arc<HookMailbox>,
    pub(crate) monitor: Arc<Monitor>,
}

impl Link {
    pub(crate) fn new(options: &Options, work: Work) -> Self {
        Self {
            host: Arc::new(HookMailbox::new(&options.hooks)),
            monitor: Arc::new(Monitor::new(options.rate_limit, work)),
        }
    }
}

/// What the I/O side may ask of the host.
enum Request {
    Checkpoint,
    Freeze,
    Thaw,
    Release,
    Validate(PathBuf),
    Enter(Phase),
}

#[derive(Default)]
struct Mailbox {
    request: Option<Request>,
    reply: Option<Result<()>>,
    work_ended: bool,
    nobody_serves: bool,
}

/// The host as the I/O side of a job sees it.
pub(crate) struct HookMailbox {
    mailbox: Mutex<Mailbox>,
    changed: Condvar,
    said: Mutex<Said>,
    has_freeze: bool,
    /// What hooks failed with: errors of the host's own. The I/O side may drop errors that hold them;
    /// the host's last word on them, their destruction, must come on a thread with its descriptors.
    causes: Mutex<Vec<Source>>,
}

impl HookMailbox {
    pub(crate) fn new(hooks: &Hooks) -> Self {
        Self {
            mailbox: Mutex::default(),
            changed: Condvar::new(),
            said: Mutex::default(),
            has_freeze: hooks.freeze_thaw.is_some(),
            causes: Mutex::default(),
        }
    }

    /// Whether the host can stop its writes.
    pub(crate) fn has_freeze(&self) -> bool {
        self.has_freeze
    }

    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.ask(Request::Checkpoint)
    }

    /// Opens the freeze window, if the host can.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.ask(Request::Freeze)
    }

    /// Closes the freeze window if it is open. An error also says that it had to be closed earlier.
    pub(crate) fn thaw(&self) -> Result<()> {
        self.ask(Request::Thaw)
    }

    /// Unpins, if that is still due.
    pub(crate) fn release(&self) -> Result<()> {
        self.ask(Request::Release)
    }

    pub(crate) fn validate(&self, staging: &Path) -> Result<()> {
        self.ask(Request::Validate(staging.to_path_buf()))
    }

    /// The job enters a phase, and the progress hook is told.
    pub(crate) fn enter(&self, phase: Phase) -> Result<()> {
        self.ask(Request::Enter(phase))
    }

    /// The files that the hooks named, and that count now.
    pub(crate) fn live_files(&self) -> LiveFiles {
        self.said.lock().live_files()
    }

    /// The metadata that a hook gave for this backup. It cannot be changed any more.
    pub(crate) fn take_metadata(&self) -> Option<Vec<u8>> {
        let mut said = self.said.lock();
        said.is_sealed = true;
        said.metadata.take()
    }

    fn ask(&self, request: Request) -> Result<()> {
        let mut mailbox = self.mailbox.lock();
        mailbox.request = Some(request);
        self.changed.notify_all();
        loop {
            if let Some(reply) = mailbox.reply.take() {
                return reply;
            }
            if mailbox.nobody_serves {
                return Err(Error::new(Code::Internal, "no thread could be made for the hooks"));
            }
            self.changed.wait(&mut mailbox);
        }
    }

    /// The I/O side will ask nothing more.
    pub(crate) fn work_ended(&self) {
        self.mailbox.lock().work_ended = true;
        self.changed.notify_all();
    }

    /// No hooks' thread will ever serve.
    pub(crate) fn nobody_serves(&self) {
        self.mailbox.lock().nobody_serves = true;
        self.changed.notify_all();
    }

    /// Serves the requests on this thread until the I/O side has ended.
    pub(crate) fn serve(&self, hooks: &Hooks, job: &Job, freeze_timeout: Option<Duration>) {
        let mut server = Server {
            host: self,
            hooks,
            job,
            monitor: job.monitor(),
            freeze_timeout,
            frozen_since: None,
            release_due: hooks.checkpoint.is_none(),
        };
        let mut next_tick = Instant::now() + TICK;
        while let Some(wake) = self.next(server.wakes_at(next_tick)) {
            match wake {
                Wake::Request(request) => {
                    let reply = server.serve(request);
                    let mut mailbox = self.mailbox.lock();
                    mailbox.reply = Some(reply);
                    self.changed.notify_all();
                }
                Wake::Deadline if server.frozen_since.is_some() => server.freeze_took_too_long(),
                Wake::Deadline => server.report_progress(),
            }
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
            }
        }
        server.end();
    }

    /// The next request, or that the deadline passed, or `None` at the end of the work.
    fn next(&self, deadline: Option<Instant>) -> Option<Wake> {
        let mut mailbox = self.mailbox.lock();
        loop {
            if let Some(request) = mailbox.request.take() {
                return Some(Wake::Request(request));
            }
            if mailbox.work_ended {
                return None;
            }
            match deadline {
                None => self.changed.wait(&mut mailbox),
                Some(deadline) if Instant::now() >= deadline => return Some(Wake::Deadline),
                Some(deadline) => {
                    self.changed.wait_until(&mut mailbox, deadline);
                }
            }
        }
    }
}

enum Wake {
    Request(Request),
    Deadline,
}

/// The state of the hooks of one job.
struct Server<'a> {
    host: &'a HookMailbox,
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
            self.host.said.lock().checkpoint_ended();
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
        let window = since.elapsed().as_nanos() as u64;
        self.monitor.counters.freeze_ns.fetch_max(window, Relaxed);
        let Some((_, hook)) = &self.hooks.freeze_thaw else { return Ok(()) };
        self.host.said.lock().freeze_ended();
        self.call("thaw", false, |context| hook(context))
            .map_err(|error| error.aftermath("no snapshot was made, and the host may still be frozen"))?;
        self.has_been_in_time(since)
    }

    /// The timeout calls `thaw`, and cannot make it quick: one that has to wait (for a lock, for an
    /// interpreter) keeps writes still for longer, and at least the job says so.
    fn has_been_in_time(&self, since: Instant) -> Result<()> {
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
        match guarded_here(|| hook(&self.job.progress(), &self.context(false))) {
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
        self.host.causes.lock().extend(why.source.clone());
        why.of_hook(name)
    }

    fn context(&self, may_name: bool) -> Hook<'_> {
        Hook { job: self.job, said: &self.host.said, may_name }
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
            if !text.contains(&more) {
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
