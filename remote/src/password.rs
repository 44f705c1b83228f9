//! What tells a password, a host's own. It is called where a host's functions can be called: not on an I/O thread, which
//! has left the descriptor table that the host's files and its runtime are in.

use std::sync::mpsc::{self, Sender, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use hotbackup::{Code, Error, Result, extension};

/// What a host's function says.
type Answer = std::result::Result<String, String>;

/// A host's function on its thread. With the last of those who have it the function is dropped, on that thread, before
/// the drop returns.
pub struct PasswordHook {
    questions: Mutex<Option<Sender<SyncSender<Answer>>>>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl PasswordHook {
    /// Starts its thread. If there is none to be had, the function is dropped.
    pub fn new(mut hook: impl FnMut() -> Answer + Send + 'static) -> Result<Self> {
        let (questions, asked) = mpsc::channel::<SyncSender<Answer>>();
        let thread = extension::spawn_for_hooks(move || {
            while let Ok(question) = asked.recv() {
                // Whoever asked waits.
                let _ = question.send(hook());
            }
        })?;
        let process = std::process::id();
        Ok(Self { questions: Mutex::new(Some(questions)), thread: Some(thread), process })
    }

    /// Asks it. The error: it cannot be asked.
    pub fn ask(&self) -> Result<Answer> {
        if self.process != std::process::id() {
            let why = "a password hook of the parent process cannot be called after fork: set another";
            return Err(Error::new(Code::Conflict, why));
        }
        let (question, answer) = mpsc::sync_channel(1);
        let questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = questions.as_ref().is_some_and(|questions| questions.send(question).is_ok());
        drop(questions);
        match answer.recv() {
            Ok(answer) if sent => Ok(answer),
            _ => Err(Error::new(Code::HookFailed, "asking for the password: the hook panicked")),
        }
    }
}

impl Drop for PasswordHook {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // In a forked child: its thread is not there, and its lock may be held for ever.
            std::mem::forget(self.thread.take());
            return;
        }
        drop(self.questions.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.take() {
            // Its own hook may be what drops it.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted(Arc<AtomicUsize>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_asked_and_dropped_on_a_thread_with_the_hosts_descriptors() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Counted(dropped.clone());
        let file = tempfile::tempfile().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        let hook = PasswordHook::new(move || {
            let _of_the_hook = &counted;
            Ok(std::fs::read_link(format!("/proc/thread-self/fd/{number}")).is_ok().to_string())
        });
        let hook = Arc::new(hook.unwrap());
        let asker = hook.clone();
        let asked = extension::spawn(move || asker.ask()).unwrap().join().unwrap();
        assert_eq!(asked.unwrap(), Ok("true".to_string()));
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(hook);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn one_that_panics_is_an_error() {
        let hook = PasswordHook::new(|| panic!("on purpose")).unwrap();
        for _ in 0..2 {
            assert_eq!(hook.ask().unwrap_err().code(), Code::HookFailed);
        }
    }
}
