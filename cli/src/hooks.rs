//! Hooks as commands of a shell.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvError, Sender};
use std::thread;
use std::time::Duration;

use clap::Args;
use hotbackup::{Hook, HookResult, Options};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::context::Context;
use crate::interrupts::Interrupts;
use crate::output::display::Display;

/// What an ended command has written is waited for so long; a child that it leaves behind may hold the pipe.
const REST: Duration = Duration::from_millis(50);

/// Commands that bring a database to a consistent point, each run by `sh -c`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hooks")]
pub struct HookCommands {
    /// Brings the files to a consistent state, first of all
    #[arg(long, value_name = "COMMAND")]
    checkpoint_cmd: Option<String>,
    /// Stops writes; without it the files must rest
    #[arg(long, value_name = "COMMAND", requires = "thaw_cmd")]
    freeze_cmd: Option<String>,
    /// Resumes writes: run once after each --freeze-cmd, one that failed too, and never interrupted
    #[arg(long, value_name = "COMMAND", requires = "freeze_cmd")]
    thaw_cmd: Option<String>,
    /// Looks at the finished copy in $HOTBACKUP_STAGING before it becomes a snapshot
    #[arg(long, value_name = "COMMAND")]
    validate_cmd: Option<String>,
}

impl HookCommands {
    /// Makes them the hooks of a backup of `data`.
    pub fn apply(&self, options: &mut Options, data: &Path, context: &Context) {
        let shell = Shell {
            starter: Starter::new(),
            data: data.to_path_buf(),
            interrupts: context.interrupts.clone(),
            display: context.display.clone(),
        };
        if let Some(command) = self.checkpoint_cmd.clone() {
            let shell = shell.clone();
            options.hooks().checkpoint(move |hook| shell.endable("checkpoint", &command, hook, None));
        }
        if let (Some(freeze), Some(thaw)) = (self.freeze_cmd.clone(), self.thaw_cmd.clone()) {
            let (freezing, thawing) = (shell.clone(), shell.clone());
            let undo = thaw.clone();
            options.hooks().freeze_thaw(
                move |hook| freezing.freeze(&freeze, &undo, hook),
                move |hook| thawing.thaw(&thaw, hook),
            );
        }
        if let Some(command) = self.validate_cmd.clone() {
            options
                .hooks()
                .validate(move |staging, hook| shell.endable("validate", &command, hook, Some(staging)));
        }
    }
}

#[derive(Clone)]
struct Shell {
    starter: Starter,
    data: PathBuf,
    interrupts: Interrupts,
    display: Display,
}

impl Shell {
    /// A command that has failed may have stopped some of the writes, so it is thawed too.
    fn freeze(&self, command: &str, thaw: &str, hook: &Hook<'_>) -> HookResult {
        self.interrupts.frozen(true);
        let Err(failure) = self.endable("freeze", command, hook, None) else { return Ok(()) };
        match self.thaw(thaw, hook) {
            Ok(()) => Err(format!("{failure}; --thaw-cmd was run").into()),
            Err(further) => Err(format!("{failure}; {further}: THE HOST MAY STILL BE FROZEN").into()),
        }
    }

    fn thaw(&self, command: &str, hook: &Hook<'_>) -> HookResult {
        let outcome = self.start("thaw", command, hook, None).and_then(Running::end);
        self.interrupts.frozen(false);
        outcome
    }

    /// Runs a command that a signal to this process ends.
    fn endable(&self, name: &str, command: &str, hook: &Hook<'_>, staging: Option<&Path>) -> HookResult {
        let running = self.start(name, command, hook, staging)?;
        let group = Pid::from_child(&running.child);
        if !self.interrupts.command(Some(group)) {
            let _ = kill_process_group(group, Signal::TERM);
        }
        // It is forgotten before its number can be another's.
        let _ = waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = self.interrupts.command(None);
        running.end()
    }

    /// In a process group of its own: a Ctrl-C on the terminal is not meant for it.
    fn start(
        &self,
        name: &str,
        command: &str,
        hook: &Hook<'_>,
        staging: Option<&Path>,
    ) -> HookResult<Running> {
        self.display.explain(&format!("running --{name}-cmd"));
        let job = hook.job();
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).process_group(0);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.env("HOTBACKUP_HOOK", name).env("HOTBACKUP_JOB", job.id().to_string());
        shell.env("HOTBACKUP_DATA_DIR", &self.data).env("HOTBACKUP_SNAPSHOT", job.location());
        shell.env("HOTBACKUP_ROOT", job.location().parent().unwrap_or(Path::new("/")));
        if let Some(staging) = staging {
            shell.env("HOTBACKUP_STAGING", staging);
        }
        match self.starter.spawn(shell) {
            Ok(child) => Ok(Running::heard(name, child, &self.display)),
            Err(error) => Err(format!("--{name}-cmd could not be run by sh: {error}").into()),
        }
    }
}

/// Starts processes on a thread of its own: the one on which hooks run has signals blocked, a process would
/// inherit that, and then no signal would end it.
#[derive(Clone)]
struct Starter(Sender<(Command, Sender<io::Result<Child>>)>);

impl Starter {
    fn new() -> Self {
        let (give, given) = mpsc::channel::<(Command, Sender<io::Result<Child>>)>();
        thread::spawn(move || {
            given.iter().for_each(|(mut command, reply)| drop(reply.send(command.spawn())))
        });
        Self(give)
    }

    fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = |_| io::Error::other("the thread that starts processes is gone");
        let (reply, replied) = mpsc::channel();
        self.0.send((command, reply)).map_err(|_| gone(RecvError))?;
        replied.recv().map_err(gone)?
    }
}

/// A command that runs, and what it says.
struct Running {
    name: String,
    child: Child,
    said: Receiver<String>,
}

impl Running {
    /// What it says is passed on, line by line.
    fn heard(name: &str, mut child: Child, display: &Display) -> Self {
        let (say, said) = mpsc::channel::<String>();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            let (say, speaker, name) = (say.clone(), display.speaker(), name.to_string());
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).trim_end().to_string();
                    speaker.say(&format!("{name}-cmd: {line}"));
                    let _ = say.send(line);
                }
            });
        }
        Self { name: name.to_string(), child, said }
    }

    /// Waits for its end, and tells why it failed with the last that it said.
    fn end(mut self) -> HookResult {
        let status = self.child.wait()?;
        if status.success() {
            return Ok(());
        }
        let mut last = String::new();
        while let Ok(line) = self.said.recv_timeout(REST) {
            if !line.is_empty() {
                last = format!(": {line}");
            }
        }
        Err(format!("--{}-cmd {}{last}", self.name, ending(status)).into())
    }
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}
