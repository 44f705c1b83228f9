//! `hotbackup completions SHELL`.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde::Serialize;

use crate::Outcome;
use crate::args::Cli;
use crate::context::{Context, Run};
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  hotbackup completions bash > /etc/bash_completion.d/hotbackup
  hotbackup completions zsh > /usr/local/share/zsh/site-functions/_hotbackup
  hotbackup completions fish > ~/.config/fish/completions/hotbackup.fish";

/// Print what a shell needs to complete these commands.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Run for Completions {
    fn run(&self, _: &Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hotbackup", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        Ok(Script { shell: self.shell.to_string(), script }.into())
    }
}

#[derive(Serialize)]
struct Script {
    shell: String,
    script: String,
}

impl Report for Script {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        out.write_all(self.script.as_bytes())
    }
}
