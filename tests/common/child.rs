//! A process of its own for one deed, so that it can be killed at it, or its system calls fail.
//!
//! The child is this test program again: its test [`child_process`] does nothing unless it was started
//! by [`start`] or [`run`].

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hotbackup::{BackupRoot, CheckpointOptions, Coordinator, FileClass, Options, Share};

use super::{frozen, frozen_with_tables};

const DEED: &str = "HOTBACKUP_TEST_DEED";
const REPORT: &str = "HOTBACKUP_TEST_REPORT";

/// How a child ended.
#[derive(Debug)]
pub enum Ended {
    /// The system's loader makes calls too, and did not survive the fault.
    NotStarted,
    Killed,
    Done,
    /// The code's name and the message.
    Failed(String, String),
}

/// The system calls by which names appear, move, vanish and become durable.
pub const CALLS: [&str; 8] =
    ["renameat2", "renameat", "rename", "linkat", "unlinkat", "mkdirat", "fsync", "syncfs"];

/// Whether calls can be made to fail here.
pub fn has_strace() -> bool {
    let probe = ["-f", "-qq", "-o", "/dev/null", "true"];
    Command::new("strace").args(probe).status().is_ok_and(|status| status.success())
}

/// Does a deed under a fault and waits; also whether the fault came. `fault` is an inject
/// expression of strace, such as `fsync:error=EIO:when=3`; calls are counted for each thread, and
/// a deed has one I/O thread.
pub fn run(deed: &[&Path], fault: &str) -> (Ended, bool) {
    let (ended, trace) = run_traced(deed, fault);
    let has_come = matches!(ended, Ended::Killed) || trace.contains("(INJECTED)");
    (ended, has_come)
}

/// The same, and all calls of that kind, a line each.
pub fn run_traced(deed: &[&Path], fault: &str) -> (Ended, String) {
    let report = tempfile::NamedTempFile::new().expect("a file for the report");
    let exe = std::env::current_exe().expect("this program");
    let trace = tempfile::NamedTempFile::new().expect("a file for the trace");
    let call = fault.split(':').next().unwrap_or(fault);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace.path());
    strace.args(["-e", &format!("trace=?{call}"), "-e", &format!("inject=?{fault}")]).arg(exe);
    let output = prepared(&mut strace, deed).env(REPORT, report.path()).output().expect("a child");
    if output.status.signal() == Some(libc::SIGKILL) {
        return (Ended::Killed, String::new());
    }
    let told = std::fs::read_to_string(report.path()).expect("a report");
    let ended = match told.split_once(": ") {
        _ if told == "OK" => Ended::Done,
        Some((code, message)) => Ended::Failed(code.into(), message.into()),
        None if output.stdout.is_empty() => Ended::NotStarted,
        None => panic!("the child told {told:?}: {}", String::from_utf8_lossy(&output.stdout)),
    };
    (ended, std::fs::read_to_string(trace.path()).expect("a trace"))
}

/// A child at work, killed with the value if not before.
pub struct Running(Child);

impl Running {
    /// Waits for what it does first: a child says so by a byte.
    pub fn wait_for_sign(&mut self) {
        let out = self.0.stdout.as_mut().expect("its output");
        // The test harness writes lines of its own before.
        let mut byte = [0];
        while byte != *b"!" {
            out.read_exact(&mut byte).expect("a sign of the child");
        }
    }

    /// Kills it by SIGKILL and waits until nothing of it is left.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a deed without waiting for its end.
pub fn start(deed: &[&Path]) -> Running {
    start_as(deed, None, None)
}

/// The same with another umask or as another user.
pub fn start_as(deed: &[&Path], umask: Option<u32>, user: Option<u32>) -> Running {
    let mut command = match umask {
        None => Command::new(std::env::current_exe().expect("this program")),
        Some(umask) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("umask {umask:04o}; exec \"$0\" \"$@\""));
            shell.arg(std::env::current_exe().expect("this program"));
            shell
        }
    };
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    Running(prepared(&mut command, deed).spawn().expect("a child"))
}

fn prepared<'a>(command: &'a mut Command, deed: &[&Path]) -> &'a mut Command {
    let deed: Vec<&str> = deed.iter().map(|word| word.to_str().expect("a plain path")).collect();
    command.args(["--exact", "common::child::child_process", "--nocapture", "--test-threads=1"]);
    command.env(DEED, deed.join("\n")).stdin(Stdio::piped()).stdout(Stdio::piped())
}

/// In the child: does the deed and ends the process.
#[test]
fn child_process() {
    let Ok(deed) = std::env::var(DEED) else { return };
    let words: Vec<&Path> = deed.split('\n').map(Path::new).collect();
    let done = do_it(&words);
    if let Ok(report) = std::env::var(REPORT) {
        let told = done.map_or_else(|error| format!("{error:?}"), |()| "OK".into());
        std::fs::write(report, told).expect("the report");
    }
    std::process::exit(0);
}

fn do_it(words: &[&Path]) -> hotbackup::Result<()> {
    let text = |at: usize| words[at].to_str().expect("plain text");
    match (text(0), &words[1..]) {
        ("back up", [data]) => one_backup(data),
        ("back up within a limit", [data]) => {
            let mut options = frozen();
            options.add_rule("*.sst", FileClass::IMMUTABLE)?;
            options.set_threads(1);
            options.set_share(Share::Never);
            options.set_rate_limit(1 << 30);
            Coordinator::open(data, &options)?.start()?.wait()
        }
        ("back up to", [data, root]) => {
            let mut options = frozen();
            options.set_root(root)?;
            options.add_rule("*.sst", FileClass::IMMUTABLE)?;
            options.set_threads(1);
            Coordinator::open(data, &options)?.start()?.wait()
        }
        ("back up pinned", [data]) => {
            let mut options = frozen();
            options.add_rule("*", FileClass::Pinned)?;
            options.set_threads(1);
            Coordinator::open(data, &options)?.start()?.wait()
        }
        ("back up again and again", [data]) => loop {
            one_backup(data)?;
            sign();
        },
        ("restore", [snapshot, target]) => one_restore(snapshot, target, true),
        ("restore for good", [snapshot, target]) => one_restore(snapshot, target, false),
        ("restore keeping", [snapshot, target]) => one_restore_keeping(snapshot, target, true),
        ("restore keeping for good", [snapshot, target]) => one_restore_keeping(snapshot, target, false),
        ("restore in turn", [one, other, target]) => loop {
            one_restore(one, target, true)?;
            sign();
            one_restore(other, target, false)?;
        },
        ("restore slowly", [snapshot, target]) => {
            let mut options = Options::new();
            options.hooks().validate(|_, _| {
                sign();
                // Until the parent has looked and kills.
                let _ = std::io::stdin().read_to_end(&mut Vec::new());
                Ok(())
            });
            hotbackup::restore(snapshot, target, &options)?.wait()
        }
        ("restore and sign", [snapshot, target]) => one_restore(snapshot, target, true).map(|()| sign()),
        ("verify", [snapshot]) => {
            let mut options = Options::new();
            options.set_threads(1);
            hotbackup::verify(snapshot, &options)?.wait()
        }
        ("undo", [target]) => hotbackup::restore_undo(target),
        ("recover", [target]) => hotbackup::recover(target).map(drop),
        ("delete", [root, _]) => BackupRoot::at(root).delete(text(2)),
        ("prune", [root]) => BackupRoot::at(root).prune(1).map(drop),
        ("checkpoint", [data]) => one_checkpoint(data, CheckpointOptions::new()).map(drop),
        ("checkpoint again and again", [data]) => loop {
            one_checkpoint(data, CheckpointOptions::new())?.close();
            sign();
        },
        ("remove the checkpoint", [location]) => hotbackup::checkpoint_remove(location),
        ("hold a checkpoint", [data]) => {
            let _open = one_checkpoint(data, CheckpointOptions::new().until_close())?;
            sign();
            // Until the parent kills.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            Ok(())
        }
        ("hold open", [data]) => {
            let _open = Coordinator::open(data, &Options::new())?;
            sign();
            // Until the parent ends.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            Ok(())
        }
        (other, _) => panic!("no such deed: {other}"),
    }
}

fn sign() {
    let mut out = std::io::stdout();
    out.write_all(b"!").and_then(|()| out.flush()).expect("the parent listens");
}

fn one_backup(data: &Path) -> hotbackup::Result<()> {
    let mut options = frozen_with_tables();
    options.set_threads(1);
    Coordinator::open(data, &options)?.start()?.wait()
}

fn one_checkpoint(data: &Path, how: CheckpointOptions) -> hotbackup::Result<Coordinator> {
    let mut options = frozen();
    options.set_layout("rocksdb")?;
    options.set_threads(1);
    let coordinator = Coordinator::open(data, &options)?;
    coordinator.start_checkpoint(how)?.wait()?;
    Ok(coordinator)
}

fn one_restore(snapshot: &Path, target: &Path, keep_undo: bool) -> hotbackup::Result<()> {
    let mut options = Options::new();
    options.set_threads(1);
    options.set_keep_undo(keep_undo);
    hotbackup::restore(snapshot, target, &options)?.wait()
}

fn one_restore_keeping(snapshot: &Path, target: &Path, keep_undo: bool) -> hotbackup::Result<()> {
    let mut options = Options::new();
    options.set_threads(1);
    options.set_keep_undo(keep_undo);
    options.set_keep_matching(true);
    hotbackup::restore(snapshot, target, &options)?.wait()
}
