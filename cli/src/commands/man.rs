//! `hotbackup man DIR`: for whoever packages the command.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::Outcome;
use crate::args::Cli;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::Report;

/// Write the manual pages into a directory.
#[derive(Args, Debug)]
pub struct Man {
    /// The directory, which is made if need be
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Run for Man {
    fn run(&self, _: &Context) -> Outcome {
        let shown = self.directory.display();
        let written = std::fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &self.directory));
        written.map_err(|error| {
            Failure::io(format!("writing manual pages to {shown}"), &error).at(&self.directory)
        })?;
        Ok(Pages { directory: shown.to_string() }.into())
    }
}

#[derive(Serialize)]
struct Pages {
    directory: String,
}

impl Report for Pages {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        writeln!(out, "the manual pages are in {}", self.directory)
    }
}
