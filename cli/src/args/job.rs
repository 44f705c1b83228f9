//! What backups, restores and verifications take alike.

use clap::Args;
use hotbackup::{Options, VerifyLevel};

use super::values;

/// How fast a job may be that works on one thread.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Speed")]
pub struct Rate {
    /// At most so many bytes per second, as in 50MiB
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    rate: Option<u64>,
}

impl Rate {
    pub fn apply(&self, options: &mut Options) {
        options.set_rate_limit(self.rate.unwrap_or(0));
    }
}

/// How fast a job may be.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Speed")]
pub struct Speed {
    #[command(flatten)]
    rate: Rate,
    /// I/O threads; by default two
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
}

impl Speed {
    pub fn apply(&self, options: &mut Options) {
        self.rate.apply(options);
        options.set_threads(self.threads.unwrap_or(0));
    }
}

/// How much is read back.
#[derive(Args, Clone, Debug)]
pub struct Level {
    /// What is compared: none, size, checksum, or media (checksums, read from the disk and not from memory)
    #[arg(long = "verify", value_name = "LEVEL", value_parser = values::level, default_value = "checksum")]
    level: VerifyLevel,
}

impl Level {
    pub fn apply(&self, options: &mut Options) {
        options.set_verify_level(self.level);
    }
}

/// The answer to what would be asked.
#[derive(Args, Clone, Debug)]
pub struct Consent {
    /// Do not ask before something is destroyed
    #[arg(short = 'y', long)]
    pub yes: bool,
}
