//! The Alopex validator: the checks of the Alopex server 0.8.16, made with its own storage engine.

use std::fs;
use std::path::Path;

use alopex_core::lsm::LsmKVConfig;
use alopex_core::lsm::checkpoint::load_checkpoint_meta;
use alopex_core::lsm::sstable::SSTableReader;
use alopex_core::lsm::wal::WalReader;

use crate::error::{Code, Error, Result};

const DOING: &str = "checking the Alopex files of";

/// The checkpoint metadata loads, the log is there and replays, `sst/` is there and each table opens.
pub fn validate(directory: &Path) -> Result<()> {
    let refuse = |path: &Path, why: String| Error::at(Code::Corrupt, DOING, path, why);

    let checkpoint = directory.join("checkpoint.meta");
    load_checkpoint_meta(&checkpoint)
        .map_err(|error| refuse(&checkpoint, error.to_string()))?
        .ok_or_else(|| refuse(&checkpoint, "missing or corrupt".into()))?;

    let log = directory.join("lsm.wal");
    WalReader::open(&log, LsmKVConfig::default().wal)
        .and_then(|mut reader| reader.replay())
        .map_err(|error| refuse(&log, error.to_string()))?;

    let tables = directory.join("sst");
    let listing = fs::read_dir(&tables).map_err(|error| refuse(&tables, error.to_string()))?;
    for entry in listing {
        let path = entry.map_err(|error| Error::io(DOING, &tables, error))?.path();
        let is_table = path.extension().is_some_and(|name| name.eq_ignore_ascii_case("sst"));
        if is_table && path.is_file() {
            SSTableReader::open(&path).map_err(|error| refuse(&path, error.to_string()))?;
        }
    }
    Ok(())
}
