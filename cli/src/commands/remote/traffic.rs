//! What was asked of a store, which is what it costs.

use std::io::{self, Write};

use hotbackup_remote::Remote;
use serde::Serialize;

use crate::output::size;

/// Requests of a command, and the bytes of their bodies.
#[derive(Serialize)]
pub struct Traffic {
    puts: u64,
    gets: u64,
    lists: u64,
    deletes: u64,
    bytes_up: u64,
    bytes_down: u64,
    retries: u64,
}

impl Traffic {
    /// All so far.
    pub fn of(remote: &Remote) -> Self {
        let all = remote.requests();
        Self {
            puts: all.puts,
            gets: all.gets,
            lists: all.lists,
            deletes: all.deletes,
            bytes_up: all.bytes_up,
            bytes_down: all.bytes_down,
            retries: all.retries,
        }
    }

    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (up, down) = (size::readable(self.bytes_up), size::readable(self.bytes_down));
        let requests = size::things(self.puts + self.gets + self.lists + self.deletes, "request", "requests");
        write!(out, "{up} sent and {down} fetched in {requests}")?;
        match self.retries {
            0 => writeln!(out),
            retries => writeln!(out, ", {} of them again", size::count(retries)),
        }
    }
}
