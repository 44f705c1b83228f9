//! The examination of a data directory: what lies in its `.lifecycle` and beside it, and the roots it remembers.

use std::path::Path;

use super::finding::{Findings, Severity as S, Sort, text};
use super::sizes::{held_by, process, who_holds, who_holds_dir};
use crate::datadir::id;
use crate::datadir::known_sources::are_readable;
use crate::datadir::leftovers::is_of_a_job;
use crate::datadir::names::{
    ASIDE, CHECKPOINTS, DEFAULT_ROOT, ID, JOURNAL, LIFECYCLE, NEW_ID, NEW_ROOTS, NEW_SOURCES, OWNER, PINS,
    PROBE, RESTORE, ROOTS, SOURCES, sibling_prefix,
};
use crate::error::Error;
use crate::restore::{interrupted, put_aside};
use crate::root::names::STAGING;
use crate::root::{KnownRoot, Standing, known_roots_of};
use crate::sys::dir::{Dir, Entry, Kind};

const NEVER: Sort = (S::Notice, "never_backed_up", "make a backup");
const HOST: Sort = (S::Ok, "open_in_host", "nothing; close it there before a restore over it");
const RESTORING: Sort = (S::Notice, "restore_running", "wait for it");
const BACKING_UP: Sort = (S::Ok, "backup_running", "nothing; one backup runs at a time");
const INTERRUPTED: Sort = (
    S::Error,
    "restore_interrupted",
    "recover the directory before its database is opened (`hotbackup recover`, backup_recover)",
);
const JOURNAL_DAMAGED: Sort = (
    S::Error,
    "journal_damaged",
    "do not open the database; restore the snapshot to a new directory, and keep this one until that is checked",
);
const UNSTAGED: Sort = (
    S::Warning,
    "restore_staging",
    "nothing: the next restore or a recovery removes it, unless a restore that is not seen from here holds it",
);
const PINNED: Sort = (
    S::Warning,
    "stale_pins",
    "nothing: the next backup or the opening of its host removes them, unless one that is not seen from here holds them",
);
const UNDO: Sort = (
    S::Notice,
    "undo_kept",
    "`hotbackup undo` (backup_restore_undo) puts the last one back; remove it once it is not wanted",
);
const CHECKPOINT: Sort = (
    S::Notice,
    "checkpoint",
    "remove it (backup_checkpoint_remove) once it is not used: it holds what the engine deletes",
);
const STALE: Sort = (
    S::Warning,
    "stale_staging",
    "nothing: the next backup or checkpoint removes it, unless one that is not seen from here holds it",
);
const DAMAGED: Sort =
    (S::Error, "record_damaged", "remove it, and give set_adopt_root to the next backup once");
const LEFTOVER: Sort = (S::Notice, "leftover", "nothing: it is replaced by the next one that is written");
const FOREIGN: Sort = (S::Notice, "foreign", "move it elsewhere: this directory is the library's own");
const CLOSED: Sort =
    (S::Error, "unreadable", "run this as the user who makes the backups, or look at the disk");
const ROOT_MISSING: Sort = (
    S::Warning,
    "root_missing",
    "mount its disk; if the root is gone for good, set_adopt_root begins a new one at its place",
);
const ROOT_ANOTHER: Sort = (
    S::Warning,
    "root_another",
    "make sure that the right disk is mounted there; set_adopt_root takes over what is there",
);
const ROOT_SEALED: Sort = (
    S::Warning,
    "root_sealed_by_another",
    "find the copy of this directory that made backups there; set_adopt_root takes the root back",
);
const ROOT_CLOSED: Sort =
    (S::Error, "root_unreadable", "run this as the user who makes the backups, or look at the disk");

/// Looks at all that the library keeps in a data directory. The roots that it remembers and that are there.
pub fn examine(data_dir: &Dir, findings: &mut Findings) -> Vec<Dir> {
    beside(data_dir, findings);
    let lifecycle = match data_dir.open_dir(Path::new(LIFECYCLE)) {
        Ok(lifecycle) => lifecycle,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.add(NEVER, data_dir.path(), "no backup and no restore was made here");
            return Vec::new();
        }
        Err(error) => {
            let path = data_dir.full(Path::new(LIFECYCLE));
            findings.add(CLOSED, &path, format!("it cannot be looked at: {error}"));
            return Vec::new();
        }
    };
    locks(data_dir, findings);
    restores(data_dir, findings);
    checkpoints(data_dir, findings);
    records(data_dir, findings);
    match lifecycle.entries() {
        Ok(entries) => entries.iter().for_each(|entry| name(&lifecycle, entry, findings)),
        Err(error) => findings.add(CLOSED, lifecycle.path(), format!("it cannot be listed: {error}")),
    }
    roots(data_dir, findings)
}

fn locks(data_dir: &Dir, findings: &mut Findings) {
    for holder in who_holds(data_dir, Path::new(OWNER)) {
        let (sort, what) = match holder.alone {
            true => (RESTORING, "a restore or a recovery is at work in it"),
            false => (HOST, "its host has it open"),
        };
        findings.add(sort, data_dir.path(), format!("{what} ({})", process(&holder)));
    }
    for holder in who_holds_dir(data_dir, Path::new(LIFECYCLE)) {
        findings.add(BACKING_UP, data_dir.path(), format!("a backup of it runs ({})", process(&holder)));
    }
}

fn restores(data_dir: &Dir, findings: &mut Findings) {
    let journal = data_dir.full(Path::new(JOURNAL));
    let is_at_work = who_holds(data_dir, Path::new(OWNER)).iter().any(|holder| holder.alone);
    match interrupted(data_dir) {
        _ if is_at_work => {}
        Ok(None) => staged(data_dir, Path::new(RESTORE), "", UNSTAGED, findings),
        Ok(Some((coming, going))) => {
            let what = format!(
                "a restore was interrupted in its swap, in which {coming} names come in and {going} go: a recovery \
                 carries it on, or takes it back where the disk refuses"
            );
            findings.add(INTERRUPTED, &journal, what);
        }
        Err(error) => findings.add_error(JOURNAL_DAMAGED, &journal, &error),
    }
    for aside in put_aside(data_dir).unwrap_or_default() {
        let what = format!("a restore keeps here what it replaced: {} bytes", held_by(data_dir, &aside));
        findings.add(UNDO, &data_dir.full(&aside), what);
    }
}

/// Directories that are called by a prefix and a UUID, and that nobody holds.
fn staged(parent: &Dir, at: &Path, prefix: &str, sort: Sort, findings: &mut Findings) {
    let Ok(above) = parent.open_dir(at) else { return };
    for entry in above.entries().unwrap_or_default() {
        if entry.kind == Kind::Directory && is_of_a_job(&entry.name, prefix.as_ref()) {
            unheld(&above, &entry, sort, findings);
        }
    }
}

fn unheld(above: &Dir, entry: &Entry, sort: Sort, findings: &mut Findings) {
    let name = Path::new(&entry.name);
    if who_holds_dir(above, name).is_empty() {
        let what = format!("a job that was killed has left it, and it holds {} bytes", held_by(above, name));
        findings.add(sort, &above.full(name), what);
    }
}

/// A restore to this path that was killed before the path existed has left a sibling.
fn beside(data_dir: &Dir, findings: &mut Findings) {
    let (Some(above), Some(name)) = (data_dir.path().parent(), data_dir.path().file_name()) else { return };
    let Ok(above) = Dir::open(above) else { return };
    let prefix = sibling_prefix(Path::new(name));
    for entry in above.entries().unwrap_or_default() {
        if entry.kind == Kind::Directory && is_of_a_job(&entry.name, &prefix) {
            unheld(&above, &entry, UNSTAGED, findings);
        }
    }
}

fn checkpoints(data_dir: &Dir, findings: &mut Findings) {
    let at = Path::new(CHECKPOINTS);
    staged(data_dir, at, STAGING, STALE, findings);
    let Ok(above) = data_dir.open_dir(at) else { return };
    for entry in above.entries().unwrap_or_default() {
        let name = Path::new(&entry.name);
        if entry.kind == Kind::Directory && entry.name.to_string_lossy().starts_with("checkpoint-") {
            let what = format!("a checkpoint, of which {} bytes are its own by now", held_by(&above, name));
            findings.add(CHECKPOINT, &above.full(name), what);
        }
    }
}

/// Its id and its records.
fn records(data_dir: &Dir, findings: &mut Findings) {
    let mut ask = |path: &str, error: Option<Error>| {
        if let Some(error) = error {
            findings.add_error(DAMAGED, &data_dir.full(Path::new(path)), &error);
        }
    };
    ask(ID, id::read(data_dir).err());
    ask(SOURCES, are_readable(data_dir).err());
    ask(ROOTS, known_roots_of(data_dir).err());
}

/// Tells those that are not what they were; the others are returned.
fn roots(data_dir: &Dir, findings: &mut Findings) -> Vec<Dir> {
    let known = known_roots_of(data_dir).unwrap_or_default();
    let (there, others): (Vec<_>, Vec<_>) = known.iter().partition(|one| one.standing == Standing::Same);
    for KnownRoot { id, path, standing, snapshots, .. } in others {
        let (sort, what) = match standing {
            // Disks take turns at a place.
            _ if there.iter().any(|one| one.path == *path) => continue,
            Standing::Missing => (ROOT_MISSING, format!("the root {id} was here, and now there is none")),
            Standing::SealedByAnother => {
                let data_dir = text(data_dir.path());
                (ROOT_SEALED, format!("another copy of {data_dir} has made backups into it since"))
            }
            Standing::Unreadable => {
                (ROOT_CLOSED, format!("the root {id} was here, and it cannot be looked at"))
            }
            Standing::Same | Standing::Another => {
                let what =
                    format!("the root {id} was here, and now there is another, with {snapshots} snapshots");
                (ROOT_ANOTHER, what)
            }
        };
        findings.add(sort, path, what);
    }
    there.iter().filter_map(|one| Dir::open(&one.path).ok()).collect()
}

/// A name in `.lifecycle`.
fn name(lifecycle: &Dir, entry: &Entry, findings: &mut Findings) {
    const OURS: [&str; 8] = [OWNER, ID, ROOTS, SOURCES, RESTORE, DEFAULT_ROOT, CHECKPOINTS, ASIDE];
    const LEFT: [&str; 3] = [NEW_ID, NEW_ROOTS, NEW_SOURCES];
    let is = |path: &&str| Path::new(path).file_name() == Some(&*entry.name);
    let path = lifecycle.full(Path::new(&entry.name));
    if entry.kind == Kind::Directory && is_of_a_job(&entry.name, PINS.as_ref()) {
        unheld(lifecycle, entry, PINNED, findings);
    } else if LEFT.iter().any(|path| is(&path)) || entry.name == PROBE {
        findings.add(LEFTOVER, &path, "a job that was killed has left it");
    } else if !OURS.iter().any(|path| is(&path)) {
        findings.add(FOREIGN, &path, "it is none of the library's");
    }
}
