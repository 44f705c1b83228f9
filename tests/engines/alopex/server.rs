//! What the Alopex server 0.8.16 does with a snapshot, function by function as in its
//! `src/ops/backup.rs` and `src/ops/restore.rs` (which no test could depend on: the server is a
//! program of hundreds of packages). Errors are text here, and holes are kept by the kernel's copy.

use std::fs;
use std::path::{Path, PathBuf};

use alopex_core::lsm::checkpoint::load_checkpoint_meta;
use alopex_core::lsm::sstable::SSTableReader;
use alopex_core::lsm::wal::WalReader;
use alopex_core::lsm::{LsmKVConfig, is_lock_file};
use serde::Deserialize;

type Result<T> = std::result::Result<T, String>;

const SNAPSHOT_MANIFEST_NAME: &str = "snapshot.manifest";
const SNAPSHOT_MANIFEST_VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
pub struct SnapshotManifest {
    pub version: u32,
    pub entries: Vec<SnapshotEntry>,
}

#[derive(Debug, Deserialize)]
pub struct SnapshotEntry {
    pub path: String,
    pub size: u64,
    pub crc32: u32,
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub fn read_snapshot_manifest(dest: &Path) -> Result<SnapshotManifest> {
    let payload = fs::read(dest.join(SNAPSHOT_MANIFEST_NAME)).map_err(text)?;
    let manifest: SnapshotManifest = serde_json::from_slice(&payload).map_err(text)?;
    match manifest.version {
        SNAPSHOT_MANIFEST_VERSION => Ok(manifest),
        version => Err(format!("unsupported manifest version: {version}")),
    }
}

fn validate_manifest(dest: &Path, manifest: &SnapshotManifest) -> Result<()> {
    for entry in &manifest.entries {
        let bytes = fs::read(dest.join(&entry.path)).map_err(text)?;
        if bytes.len() as u64 != entry.size {
            return Err(format!("snapshot entry size mismatch {}", entry.path));
        }
        if crc32fast::hash(&bytes) != entry.crc32 {
            return Err(format!("snapshot entry crc mismatch {}", entry.path));
        }
    }
    Ok(())
}

fn verify_snapshot(dest: &Path) -> Result<()> {
    validate_manifest(dest, &read_snapshot_manifest(dest)?)?;
    let meta = load_checkpoint_meta(&dest.join("checkpoint.meta")).map_err(text)?;
    meta.ok_or("checkpoint metadata missing or corrupted")?;
    let wal_config = LsmKVConfig::default().wal;
    let mut reader = WalReader::open(&dest.join("lsm.wal"), wal_config).map_err(text)?;
    reader.replay().map_err(text)?;
    for entry in fs::read_dir(dest.join("sst")).map_err(text)? {
        SSTableReader::open(&entry.map_err(text)?.path()).map_err(text)?;
    }
    Ok(())
}

fn preflight_restore_source(source: &Path) -> Result<()> {
    if !source.join(SNAPSHOT_MANIFEST_NAME).exists() {
        return Ok(());
    }
    verify_snapshot(source).map_err(|err| format!("source snapshot failed integrity checks: {err}"))
}

fn copy_dir_filtered(src: &Path, dest: &Path) -> Result<()> {
    for entry in fs::read_dir(src).map_err(text)? {
        let entry = entry.map_err(text)?;
        let name = entry.file_name();
        if name == ".lifecycle" || is_lock_file(Path::new(&name)) {
            continue;
        }
        let dest_path = dest.join(name);
        if entry.file_type().map_err(text)?.is_dir() {
            fs::create_dir_all(&dest_path).map_err(text)?;
            copy_dir_filtered(&entry.path(), &dest_path)?;
        } else {
            fs::copy(entry.path(), &dest_path).map_err(text)?;
        }
    }
    Ok(())
}

fn clear_data_dir(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(text)? {
        let entry = entry.map_err(text)?;
        let name = entry.file_name();
        if name == ".lifecycle" || is_lock_file(Path::new(&name)) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(text)?;
    }
    Ok(())
}

pub fn read_latest_marker(root: &Path) -> Result<PathBuf> {
    let path = fs::read_to_string(root.join("latest")).map_err(text)?;
    let path = PathBuf::from(path.trim());
    if !path.exists() {
        return Err(format!("latest snapshot path does not exist: {}", path.display()));
    }
    Ok(path)
}

/// `resolve_default_source`, `start_restore` and `run_restore` in one.
pub fn restore_latest(data_dir: &Path) -> Result<()> {
    let source = read_latest_marker(&data_dir.join(".lifecycle/backup"))?;
    preflight_restore_source(&source)?;
    let backup_dir = data_dir.join(".lifecycle/restore-backup/ts-1");
    fs::create_dir_all(&backup_dir).map_err(text)?;
    copy_dir_filtered(data_dir, &backup_dir)?;
    clear_data_dir(data_dir)?;
    copy_dir_filtered(&source, data_dir)
}
