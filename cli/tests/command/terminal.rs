//! On a terminal and without one: tables that fit, questions, colours, progress.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::common::Place;

/// A terminal, and what a command writes to it.
struct Terminal {
    keyboard: File,
    screen: Receiver<String>,
    seen: String,
    child: Child,
}

impl Terminal {
    fn run(mut command: Command, columns: u16) -> Self {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let other =
            File::options().read(true).write(true).open(name.to_str().unwrap()).expect("its other side");
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&other, size).expect("its size");
        let end = || other.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm-256color");
        let child = command.spawn().expect("the command runs");
        drop((other, command));
        let master = File::from(master);
        let mut screen = master.try_clone().unwrap();
        let (show, shown) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(number @ 1..) = screen.read(&mut bytes) {
                let _ = show.send(String::from_utf8_lossy(&bytes[..number]).into_owned());
            }
        });
        Self { keyboard: master, screen: shown, seen: String::new(), child }
    }

    /// Waits until this is on the screen.
    fn shows(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let more = self.screen.recv_timeout(Duration::from_secs(30));
            self.seen += &more.unwrap_or_else(|_| panic!("{text:?} does not come: {:?}", self.seen));
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// All that was on the screen, and the exit code.
    fn ends(mut self) -> (String, i32) {
        let code = self.child.wait().unwrap().code().unwrap();
        while let Ok(more) = self.screen.recv_timeout(Duration::from_secs(5)) {
            self.seen += &more;
        }
        (self.seen.replace("\r\n", "\n"), code)
    }
}

/// Text without what colours it.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_list_fits_a_terminal_of_60_columns_and_keeps_its_ids() {
    let place = Place::with_snapshots(3);
    let ids: Vec<String> = place.json("list", ["list", "db", "--json"])["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|snapshot| snapshot["id"].as_str().unwrap()[..8].to_string())
        .collect();
    for columns in [60, 40, 200] {
        let (screen, code) = Terminal::run(place.command(["list", "db"]), columns).ends();
        let screen = plain(&screen);
        assert_eq!(code, 0);
        assert!(
            screen.lines().take(4).all(|line| line.chars().count() <= columns.into()),
            "{columns}: {screen}"
        );
        assert!(ids.iter().all(|id| screen.contains(id)), "{columns}: {screen}");
        assert_eq!(screen.contains("LAYOUT"), columns == 200, "{columns}: {screen}");
        assert!(screen.contains("AGE") && screen.contains("SIZE"), "{columns}: {screen}");
    }
}

#[test]
fn a_question_comes_before_anything_is_destroyed_and_only_yes_means_yes() {
    let place = Place::with_snapshots(2);
    place.write("out/mine", 10);
    let newest = place.snapshots()[0].clone();
    let destroying: [(&[&str], &dyn Fn() -> bool); 4] = [
        (&["restore", "latest", "out", "-r", "db"], &|| place.path("out/log").exists()),
        (&["undo", "out"], &|| place.path("out/mine").exists()),
        (&["prune", "db", "--keep-newest", "1"], &|| place.snapshots().len() == 1),
        (&["delete", "latest", "-r", "db"], &|| !newest.exists()),
    ];
    for (arguments, is_done) in destroying {
        // Without a terminal nobody can be asked.
        let ran = place.run(arguments).exits(12);
        assert!(ran.error().ends_with("to do: give --yes if that is meant"), "{ran:#?}");
        for answer in ["n\n", "\n", "sure\n", "yes\n"] {
            assert!(!is_done(), "{arguments:?}");
            let mut terminal = Terminal::run(place.command(arguments), 100);
            terminal.shows("Go on? [y/N] ");
            terminal.types(answer);
            let (screen, code) = terminal.ends();
            assert_eq!(code, if answer == "yes\n" { 0 } else { 12 }, "{arguments:?}: {screen}");
        }
        assert!(is_done(), "{arguments:?}");
    }
    // A program is not asked either, though it has a terminal.
    place.back_up();
    place.back_up();
    let (screen, code) =
        Terminal::run(place.command(["prune", "db", "--keep-newest", "1", "--json"]), 100).ends();
    assert_eq!(code, 12, "{screen}");
}

#[test]
fn a_ctrl_c_at_a_question_changes_nothing() {
    let place = Place::with_snapshots(2);
    let mut terminal = Terminal::run(place.command(["prune", "db", "--keep-newest", "1"]), 100);
    terminal.shows("Go on?");
    let child = rustix::process::Pid::from_child(&terminal.child);
    rustix::process::kill_process(child, rustix::process::Signal::INT).unwrap();
    let (screen, code) = terminal.ends();
    assert!(code == 130 && screen.contains("nothing was changed"), "{screen}");
    assert_eq!(place.snapshots().len(), 2);
}

#[test]
fn a_bar_with_rate_and_time_left_is_drawn_and_taken_away() {
    let place = Place::new();
    place.write("db/large", 3 << 20);
    let backup = ["backup", "db", "--rule", "*=immutable", "--rate", "1MiB"];
    let (screen, code) = Terminal::run(place.command(backup), 100).ends();
    assert_eq!(code, 0, "{screen}");
    for part in ["copy ", " of 3.14 MiB", "/s", " left"] {
        assert!(plain(&screen).contains(part), "{part:?}: {screen:?}");
    }
    let mut quiet = place.command(backup);
    let (screen, _) = Terminal::run(std::mem::replace(quiet.arg("-q"), Command::new("true")), 100).ends();
    assert!(screen.starts_with("backed up") || plain(&screen).starts_with("backed up"), "{screen:?}");
}

#[test]
fn colours_are_for_terminals_and_no_color_is_respected() {
    let place = Place::with_snapshots(1);
    let on_terminal = |command: Command| Terminal::run(command, 100).ends().0;
    let list = || place.command(["list", "db"]);
    assert!(on_terminal(list()).contains("\u{1b}["));
    let mut without = list();
    without.env("NO_COLOR", "1");
    assert!(!on_terminal(without).contains("\u{1b}["));
    assert!(!on_terminal(place.command(["list", "db", "--color", "never"])).contains("\u{1b}["));
    assert!(!place.run(["list", "db"]).out.contains("\u{1b}["));
    assert!(place.run(["list", "db", "--color", "always"]).out.contains("\u{1b}["));
}

#[test]
fn where_there_is_no_terminal_a_line_comes_now_and_then() {
    let place = Place::new();
    place.write("db/large", 11 << 20);
    let backup = ["backup", "db", "--rule", "*=immutable", "--rate", "1MiB", "--verify", "size"];
    let ran = place.run(backup).succeeds();
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines.len(), 1, "{ran:#?}");
    assert!(lines[0].starts_with("copy: ") && lines[0].contains(" of 11.1 MiB, "), "{ran:#?}");
    assert!(lines[0].contains("iB/s, ") && lines[0].ends_with(" s left"), "{ran:#?}");
}
