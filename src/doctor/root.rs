//! The examination of a backup root.

use std::path::Path;

use super::finding::{Findings, Severity as S, Sort, text};
use super::sizes::{held_by, process, who_holds, who_holds_dir};
use crate::datadir::leftovers::is_of_a_job;
use crate::error::Code;
use crate::root::claim::owner_is_content;
use crate::root::names::{
    LATEST, LEDGER, LEDGER_FILES, LOCK, NEW_LATEST, NEW_LEDGER, NEW_LEDGER_FILES, NEW_REMOTE, NEW_SOURCE,
    OLD_LATEST, REMOTE, SCRUB_LOCK, SOURCE, STAGING, number_of,
};
use crate::root::{list_in, read_latest};
use crate::snapshot::Snapshot;
use crate::sys::dir::{Dir, Entry, Kind};

const IN_USE: Sort = (S::Ok, "root_in_use", "nothing; it is free again when that has ended");
const NOT_ITS_OWNERS: Sort = (
    S::Warning,
    "root_not_its_owners",
    "make sure that the data directory is the right one; then its next backup takes the root over with set_adopt_root",
);
const OWNER_IS_AWAY: Sort = (
    S::Notice,
    "data_dir_missing",
    "nothing, if it was moved or lost: snapshots restore without it; else mount its disk",
);
const NO_RECORD: Sort =
    (S::Warning, "root_record_missing", "the next backup of its data directory writes it anew");
const DAMAGED_RECORD: Sort = (
    S::Error,
    "root_record_damaged",
    "the next backup writes it anew with set_adopt_root; snapshots are unharmed",
);
const UNREADABLE: Sort = (
    S::Error,
    "snapshot_unreadable",
    "restore from another one; if it can be spared, delete it, which prunes and retention never do",
);
const DAMAGED: Sort = (
    S::Error,
    "snapshot_damaged",
    "restore from another one; back up anew, which copies what is bad once more; verify says which files it is",
);
const BEING_READ: Sort = (S::Ok, "snapshot_in_use", "nothing; it cannot be deleted until that has ended");
const NOTHING: Sort = (S::Notice, "no_snapshots", "make a backup");
const LATEST_IS_WRONG: Sort = (
    S::Error,
    "latest_names_nothing",
    "make a backup, which writes it anew; restore by a snapshot's own name until then",
);
const LATEST_IS_OLDER: Sort = (
    S::Notice,
    "latest_is_older",
    "nothing, if newer ones were copied here or a backup was just published; the next backup moves it",
);
const STALE: Sort = (
    S::Warning,
    "stale_staging",
    "nothing: the next backup or delete removes it, unless a job that is not seen from here holds it",
);
const LEFTOVER: Sort = (S::Notice, "leftover", "nothing: the next backup removes it");
const FOREIGN: Sort =
    (S::Notice, "foreign", "move it elsewhere, if it is of no use here; the library leaves it alone");
const SOUND: Sort =
    (S::Ok, "snapshots", "verify or scrub them now and then: what was read back lately is told by a list");
const CLOSED: Sort =
    (S::Error, "unreadable", "run this as the user who makes the backups, or look at the disk");

/// Looks at all that lies in a root.
pub fn examine(root: &Dir, findings: &mut Findings) {
    for holder in who_holds(root, Path::new(LOCK)) {
        findings.add(
            IN_USE,
            root.path(),
            format!("a backup, a delete or a prune is at work in it ({})", process(&holder)),
        );
    }
    for holder in who_holds(root, Path::new(SCRUB_LOCK)) {
        findings.add(IN_USE, root.path(), format!("a scrub is at work in it ({})", process(&holder)));
    }
    owner(root, findings);
    match list_in(root) {
        Ok(snapshots) => examine_snapshots(root, &snapshots, findings),
        Err(error) => findings.add_error(CLOSED, root.path(), &error),
    }
    match root.entries() {
        Ok(entries) => entries.iter().for_each(|entry| name(root, entry, findings)),
        Err(error) => findings.add(CLOSED, root.path(), format!("it cannot be listed: {error}")),
    }
}

/// Whether the data directory that its record names still takes it for its own.
fn owner(root: &Dir, findings: &mut Findings) {
    let is_there = |name: &str| root.find(Path::new(name)).is_ok_and(|found| found.is_some());
    if !is_there(SOURCE) {
        return findings.add(NO_RECORD, &root.full(Path::new(SOURCE)), "nothing says whose root it is");
    }
    match owner_is_content(root) {
        Ok(Ok(_)) => {}
        Ok(Err(data_dir)) => {
            let what = format!("it is of the directory {}, which is not there", text(data_dir));
            findings.add(OWNER_IS_AWAY, root.path(), what);
        }
        Err(error) if error.code() == Code::Corrupt && error.path() == Some(root.path()) => {
            findings.add_error(DAMAGED_RECORD, root.path(), &error)
        }
        Err(error) => findings.add_error(NOT_ITS_OWNERS, root.path(), &error),
    }
}

fn examine_snapshots(root: &Dir, snapshots: &[Snapshot], findings: &mut Findings) {
    for snapshot in snapshots {
        if let Some(error) = snapshot.error() {
            // What this user may not read may be sound.
            let is_closed = [libc::EACCES, libc::EPERM].contains(&error.os_error());
            let sort = if is_closed { CLOSED } else { UNREADABLE };
            findings.add_error(sort, snapshot.location(), error);
        } else if snapshot.is_damaged() {
            findings.add(DAMAGED, snapshot.location(), "what was read back of it last was bad");
        }
        let name = snapshot.location().file_name().unwrap_or_default();
        for holder in who_holds_dir(root, Path::new(name)) {
            findings.add(
                BEING_READ,
                snapshot.location(),
                format!("it is read or deleted ({})", process(&holder)),
            );
        }
    }
    let good: Vec<_> = snapshots.iter().filter(|one| one.error().is_none() && !one.is_damaged()).collect();
    match good.first() {
        None if snapshots.is_empty() => findings.add(NOTHING, root.path(), "it has no snapshots"),
        None => {}
        Some(newest) => {
            let name = text(newest.location().file_name().unwrap_or_default());
            let what = format!(
                "{} of {} snapshots are good as far as is known, the newest is {name}",
                good.len(),
                snapshots.len()
            );
            findings.add(SOUND, root.path(), what);
        }
    }
    latest(root, snapshots, findings);
}

fn latest(root: &Dir, snapshots: &[Snapshot], findings: &mut Findings) {
    let path = root.full(Path::new(LATEST));
    let is_readable = |one: &&Snapshot| one.error().is_none();
    let newest = snapshots.iter().find(is_readable).and_then(|one| one.location().file_name());
    let named = match read_latest(root) {
        Ok(named) => named,
        Err(error) => return findings.add_error(LATEST_IS_WRONG, &path, &error),
    };
    match named {
        None if newest.is_some() => {
            findings.add(LATEST_IS_WRONG, &path, "it is not there, though snapshots are")
        }
        None => {}
        Some(name) if root.find(Path::new(&name)).is_ok_and(|found| found.is_none()) => {
            findings.add(LATEST_IS_WRONG, &path, format!("it names {}, which is not there", text(name)));
        }
        Some(name) if newest.is_some_and(|newest| newest != name) => {
            let newest = text(newest.unwrap_or_default());
            findings.add(
                LATEST_IS_OLDER,
                &path,
                format!("it names {}, and {newest} is the newest", text(name)),
            );
        }
        Some(_) => {}
    }
}

/// A name in a root: what a killed job has left, and what nobody of ours has put there.
fn name(root: &Dir, entry: &Entry, findings: &mut Findings) {
    const OURS: [&str; 7] = [LOCK, SOURCE, LATEST, LEDGER, LEDGER_FILES, REMOTE, SCRUB_LOCK];
    const LEFT: [&str; 6] = [NEW_SOURCE, NEW_LATEST, OLD_LATEST, NEW_LEDGER, NEW_LEDGER_FILES, NEW_REMOTE];
    let (name, is_directory) = (Path::new(&entry.name), entry.kind == Kind::Directory);
    let path = root.full(name);
    if is_directory && is_of_a_job(&entry.name, STAGING.as_ref()) {
        if who_holds_dir(root, name).is_empty() {
            let what =
                format!("a job that was killed has left it, and it holds {} bytes", held_by(root, name));
            findings.add(STALE, &path, what);
        }
        return;
    }
    let is_ours =
        OURS.iter().any(|own| entry.name == *own) || is_directory && number_of(&entry.name).is_some();
    if LEFT.iter().any(|left| entry.name == *left) {
        if who_holds(root, Path::new(LOCK)).is_empty() {
            findings.add(LEFTOVER, &path, "a job that was killed has left it");
        }
    } else if !is_ours && entry.name != "lost+found" {
        findings.add(FOREIGN, &path, "it is none of the library's");
    }
}
