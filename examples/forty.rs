//! A whole backup with progress, and its restore: `cargo run --example forty -- <data> <target>`.

use std::env;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use hotbackup::{Coordinator, FileClass, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let [data, target] = env::args_os()
        .skip(1)
        .map(PathBuf::from)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: forty <data directory> <restore to>")?;
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE)?;
    let hooks = options.hooks();
    hooks.freeze_thaw(|_| Ok(()) /* stop commits */, |_| Ok(()) /* resume them */);
    hooks.progress(|progress, _| {
        eprint!("\r{:?} {} %, {} bytes ", progress.kind, progress.percent, progress.bytes_done);
        Ok(ControlFlow::Continue(()))
    });

    let coordinator = Coordinator::open(&data, &options)?;
    let backup = coordinator.start()?;
    backup.wait()?;
    println!("backed up to {}", backup.location().display());

    hotbackup::restore(backup.location(), &target, &options)?.wait()?;
    println!("restored to {}", target.display());
    Ok(())
}
