//! A run of restic on a repository of ours.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hotbackup::Code;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::place::Place;
use super::{Restic, Version, ending};
use crate::args::remote::Repository;
use crate::context::Context;
use crate::failure::Failure;

/// How long a lock is waited for between two tries.
const BETWEEN: Duration = Duration::from_secs(10);

/// So much of what it says is looked at for the reason of a failure.
const LAST: usize = 64 << 10;

/// The environment tells it nothing that we tell it.
const OURS: [&str; 5] = [
    "RESTIC_PASSWORD",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_PASSWORD_COMMAND",
    "RESTIC_REPOSITORY",
    "RESTIC_REPOSITORY_FILE",
];

/// What it is to do.
pub struct Task<'a> {
    pub repository: &'a Repository,
    pub arguments: Vec<String>,
    /// What is so if it is ended on its way.
    pub aftermath: &'a str,
}

/// What it has done.
pub struct Ended {
    pub command: Vec<String>,
    pub exit_code: Option<i32>,
    /// What it wrote, where nobody could see it.
    pub output: String,
    pub messages: String,
    pub failure: Option<Failure>,
}

/// One run.
struct Once {
    status: ExitStatus,
    output: String,
    messages: String,
    is_interrupted: bool,
}

impl Restic {
    /// Runs it to its end, and again while another program holds the repository, if it does not wait by itself.
    pub fn run(&self, task: &Task<'_>, context: &Context) -> Result<Ended, Failure> {
        let place = Place::of(task.repository.remote.url(), &task.repository.choices)?;
        let password = handed(&task.repository.password)?;
        let arguments = self.arguments(&place, &password, task);
        let command: Vec<String> = std::iter::once("restic".to_string()).chain(arguments.clone()).collect();
        context.interrupts.aftermath(task.aftermath);
        if !context.json {
            context.display.say(&format!("running {}", shown(&command)));
        }
        let since = Instant::now();
        loop {
            let mut restic = Command::new(self.program());
            restic.args(&arguments);
            for name in OURS.iter().chain(&place.unset) {
                restic.env_remove(name);
            }
            restic.envs(place.set.iter().map(|(name, value)| (name, value)));
            let once = self.once(restic, context)?;
            let failure = match once.is_interrupted {
                true => Some(Failure::new(Code::Cancelled, format!("cancelled; {}", task.aftermath))),
                false => ending::failure(once.status, &once.messages),
            };
            let is_locked = failure.as_ref().is_some_and(|failure| failure.is(Code::Conflict));
            let left = place.lock_wait.saturating_sub(since.elapsed());
            if is_locked && self.version < Version::MINDS_LOCKS && !left.is_zero() {
                if !context.json {
                    context.display.say("another program holds the repository; waiting for it");
                }
                thread::sleep(left.min(BETWEEN));
                continue;
            }
            let Once { status, output, messages, .. } = once;
            return Ok(Ended { command, exit_code: status.code(), output, messages, failure });
        }
    }

    fn arguments(&self, place: &Place, password: &File, task: &Task<'_>) -> Vec<String> {
        let mut arguments = place.arguments.clone();
        arguments.extend(["--password-file".to_string(), format!("/dev/fd/{}", password.as_raw_fd())]);
        if self.version >= Version::MINDS_LOCKS {
            arguments.extend(["--retry-lock".to_string(), format!("{}s", place.lock_wait.as_secs())]);
        }
        arguments.extend(task.arguments.iter().cloned());
        arguments
    }

    /// It may ask a person who is there, and what it says is passed on as it comes.
    fn once(&self, mut restic: Command, context: &Context) -> Result<Once, Failure> {
        let failed = |error| Failure::io("running restic", &error);
        let asks = !context.json && io::stdin().is_terminal();
        restic.stdin(if asks { Stdio::inherit() } else { Stdio::null() });
        restic.stdout(if context.json { Stdio::piped() } else { Stdio::inherit() });
        let mut child = restic.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let output = child.stdout.take().map(|pipe| heard(pipe, usize::MAX, false));
        let kept = if context.json { usize::MAX } else { LAST };
        let messages = child.stderr.take().map(|pipe| heard(pipe, kept, !context.json));
        let is_interrupted = !followed(&child, context);
        let status = child.wait().map_err(failed)?;
        let all =
            |said: Option<JoinHandle<String>>| said.and_then(|said| said.join().ok()).unwrap_or_default();
        Ok(Once { status, output: all(output), messages: all(messages), is_interrupted })
    }
}

/// Waits for its end. `false`: someone asked for it. It is forgotten before its number can be another's.
fn followed(child: &Child, context: &Context) -> bool {
    let process = Pid::from_child(child);
    let _ = context.interrupts.program(Some(process));
    while waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        .is_err_and(|error| error == rustix::io::Errno::INTR)
    {}
    context.interrupts.program(None)
}

/// Reads to the end, piece by piece: a question has no end of a line.
fn heard(mut pipe: impl Read + Send + 'static, kept: usize, is_passed_on: bool) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut buffer) {
            if is_passed_on {
                let _ = io::stderr().lock().write_all(&buffer[..length]);
            }
            all.extend_from_slice(&buffer[..length]);
            let surplus = all.len().saturating_sub(kept);
            all.drain(..surplus);
        }
        String::from_utf8_lossy(&all).into_owned()
    })
}

/// The password in memory, behind a descriptor that a child inherits: neither its arguments nor its environment nor a
/// disk ever has it.
fn handed(password: &str) -> Result<File, Failure> {
    if password.trim() != password {
        let what = "running restic: it leaves out the white space around a password, and this one has some";
        let to_do = "give the repository a further key without it: `RESTIC_PASSWORD=... restic key add`";
        return Err(Failure::new(Code::Unsupported, what).advise(to_do));
    }
    let failed = |error: io::Error| Failure::io("handing the password to restic", &error);
    let memory = memfd_create("password", MemfdFlags::empty()).map_err(|error| failed(error.into()))?;
    let mut memory = File::from(memory);
    memory.write_all(password.as_bytes()).map_err(failed)?;
    Ok(memory)
}

/// As it could be typed.
fn shown(command: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let word = |word: &String| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    command.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_takes_it() {
        let command = ["restic", "-r", "/srv/it's here", "prune"].map(String::from);
        assert_eq!(shown(&command), r"restic -r '/srv/it'\''s here' prune");
    }
}
