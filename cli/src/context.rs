//! What a command works with: what it says to people, what it asks them, and how it is interrupted.

use std::io::{BufRead, IsTerminal, Write};

use crate::Outcome;
use crate::args::Global;
use crate::args::job::Consent;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output::display::Display;

pub struct Context {
    pub display: Display,
    pub interrupts: Interrupts,
    pub json: bool,
}

impl Context {
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let display = Display::new(global);
        let interrupts = Interrupts::watch(display.clone(), global.json)?;
        Ok(Self { display, interrupts, json: global.json })
    }

    /// Asks before something is destroyed. Without a terminal, and where a program reads the answer, `--yes`
    /// must have said so.
    pub fn confirm(&self, what: &str, consent: &Consent) -> Result<(), Failure> {
        if consent.yes {
            return Ok(());
        }
        let (input, output) = (std::io::stdin(), std::io::stderr());
        if self.json || !input.is_terminal() || !output.is_terminal() {
            let message = format!("{what}: nobody could be asked, and nothing was changed");
            return Err(Failure::refused(message).advise("give --yes if that is meant"));
        }
        let mut answer = String::new();
        let asked = write!(output.lock(), "{what}. Go on? [y/N] ").and_then(|()| output.lock().flush());
        asked
            .and_then(|()| input.lock().read_line(&mut answer))
            .map_err(|error| Failure::io("asking", &error))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::refused(format!("{what}: the answer was no, and nothing was changed"))),
        }
    }
}

/// A command: what it takes is what it is.
pub trait Run {
    fn run(&self, context: &Context) -> Outcome;
}
