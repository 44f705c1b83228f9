//! A shell in a directory of its own, which the page calls /srv.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal};

/// Each command ends with a zero byte, and so does what it prints. It sees the exit code of the one before, and
/// nothing of what the next ones are.
const LOOP: &str = r#"
    exec 3<&0 </dev/null 2>&1
    code=0
    while IFS= read -r -d '' typed <&3; do
        (exit $code)
        eval "$typed" 3<&-
        code=$?
        printf '\0'
    done"#;

pub struct Shell {
    place: tempfile::TempDir,
    child: Child,
    typed: Option<ChildStdin>,
    printed: BufReader<ChildStdout>,
}

impl Shell {
    pub fn start(within: &[&str]) -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let place = place.expect("a temporary directory");
        let program = Path::new(env!("CARGO_BIN_EXE_hotbackup")).parent().expect("a directory");
        let path = std::env::var("PATH").expect("a PATH");
        let words: Vec<&str> = within.iter().copied().chain(["bash", "--norc", "-c", LOOP]).collect();
        let mut shell = Command::new(words[0]);
        shell.args(&words[1..]).current_dir(place.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        shell.env("PATH", format!("{}:{path}", program.display()));
        shell.env("HOME", place.path()).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        for variable in ["HOTBACKUP_ROOT", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
            shell.env_remove(variable);
        }
        let mut child = shell.process_group(0).spawn().expect("bash is there");
        let typed = child.stdin.take();
        let printed = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { place, child, typed, printed }
    }

    /// Types a command and tells what it printed, errors among it.
    pub fn type_in(&mut self, command: &str) -> String {
        let mut typed = self.typed.as_ref().expect("it is open");
        typed.write_all(format!("{command}\0").as_bytes()).expect("the shell reads");
        let mut printed = Vec::new();
        self.printed.read_until(0, &mut printed).expect("the shell answers");
        assert_eq!(printed.pop(), Some(0), "the shell has ended after: {command}");
        let place = self.place.path().to_str().expect("a path of ours");
        String::from_utf8(printed).expect("it prints UTF-8").replace(place, "/srv")
    }
}

impl Drop for Shell {
    /// With what it left in the background, where a walk ended before its end.
    fn drop(&mut self) {
        drop(self.typed.take());
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
