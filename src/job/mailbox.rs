//! The mailbox between a job's I/O threads and the thread on which its hooks run.
//!
//! The work of a job is done on I/O threads, which have left the host's descriptor table. When it
//! needs the host, it puts a request here and waits; the hooks' thread ([`super::server`]) takes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::hooks::{HookNotes, Hooks, LiveFiles};
use crate::error::{Code, Error, Result, Source};
use crate::monitor::Phase;
use crate::sync::{Condvar, Mutex};

/// What the I/O side may ask of the host.
pub(super) enum Request {
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
    notes: Mutex<HookNotes>,
    has_freeze: bool,
    has_validate: bool,
    /// What hooks failed with: errors of the host's own. The I/O side may drop errors that hold them;
    /// the host's last word on them, their destruction, must come on a thread with its descriptors.
    causes: Mutex<Vec<Source>>,
}

impl HookMailbox {
    pub(crate) fn new(hooks: &Hooks) -> Self {
        Self {
            mailbox: Mutex::default(),
            changed: Condvar::new(),
            notes: Mutex::default(),
            has_freeze: hooks.freeze_thaw.is_some(),
            has_validate: hooks.validate.is_some(),
            causes: Mutex::default(),
        }
    }

    /// Whether the host can stop its writes.
    pub(crate) fn has_freeze(&self) -> bool {
        self.has_freeze
    }

    /// Whether the host looks at what is staged.
    pub(crate) fn has_validate(&self) -> bool {
        self.has_validate
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
    pub(crate) fn live_files(&self) -> Arc<LiveFiles> {
        self.notes.lock().live_files()
    }

    /// The metadata and the tags that hooks gave for this backup. They cannot be changed any more.
    pub(crate) fn take_notes(&self) -> (Option<Vec<u8>>, Vec<String>) {
        let mut notes = self.notes.lock();
        notes.is_sealed = true;
        (notes.metadata.take(), std::mem::take(&mut notes.tags))
    }

    /// No hook can give any: the job makes no snapshot.
    pub(crate) fn refuse_notes(&self) {
        let _none = self.take_notes();
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

    /// Answers the request that was taken last.
    pub(super) fn reply(&self, reply: Result<()>) {
        self.mailbox.lock().reply = Some(reply);
        self.changed.notify_all();
    }

    /// Keeps what a hook failed with until this mailbox goes.
    pub(super) fn keep(&self, cause: Source) {
        self.causes.lock().push(cause);
    }

    /// What the host says from its hooks.
    pub(super) fn notes(&self) -> &Mutex<HookNotes> {
        &self.notes
    }

    /// The next request, or that the deadline passed, or `None` at the end of the work.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Option<Wake> {
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

/// Why the hooks' thread wakes.
pub(super) enum Wake {
    Request(Request),
    Deadline,
}
