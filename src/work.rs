//! The work of one job: its I/O thread on one side, the host's mailbox on the other.

use std::sync::mpsc;
use std::thread::JoinHandle;

use crate::error::{Code, Error, Result};
use crate::io::apart::{self, Isolation};
use crate::mailbox::Link;
use crate::options::Options;

/// Work that has been prepared and goes on once its hooks are served.
pub(crate) struct Work {
    link: Link,
    thread: JoinHandle<Result<()>>,
}

impl Work {
    /// Starts an I/O thread and returns once `prepare` has: its first result for the caller, its
    /// second for `go`, which must ask the host before it does anything.
    pub(crate) fn begin<R: Send + 'static, P>(
        options: &Options,
        link: &Link,
        prepare: impl FnOnce() -> Result<(R, P)> + Send + 'static,
        go: impl FnOnce(P, &Link) -> Result<()> + Send + 'static,
    ) -> Result<(R, Work)> {
        let isolation = match options.posix_locks {
            true => Isolation::Required,
            false => Isolation::IfPossible,
        };
        let (sender, prepared) = mpsc::channel();
        let inner = link.clone();
        let thread = apart::spawn(isolation, move || {
            let result = apart::guarded(|| {
                let (report, rest) = prepare()?;
                // Its receiver is only gone if the starter panicked, and then nobody serves.
                let _ = sender.send(report);
                go(rest, &inner)
            });
            inner.host.work_ended();
            result
        })?;
        match prepared.recv() {
            Ok(report) => Ok((report, Work { link: link.clone(), thread })),
            Err(_) => Err(apart::join(thread)
                .err()
                .unwrap_or_else(|| Error::new(Code::Internal, "the preparation ended without a result"))),
        }
    }

    /// The link to the work.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Waits for the I/O thread, all of whose requests have been served, and its result.
    pub(crate) fn join(self) -> Result<()> {
        apart::join(self.thread)
    }

    /// Ends work whose hooks nobody will serve.
    pub(crate) fn abandon(self) {
        self.link.monitor.cancel();
        self.link.host.nobody_serves();
        let _ = apart::join(self.thread);
    }
}
