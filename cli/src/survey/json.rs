//! A survey in JSON.

use std::time::Duration;

use hotbackup::VerifyLevel;
use serde::Serialize;

use super::{Entry, State, Survey};
use crate::failure::{Failure, View};
use crate::output::time::utc;

/// The numbers about a root.
#[derive(Serialize)]
pub struct Numbers {
    root: String,
    made_at: Option<String>,
    version: &'static str,
    free_bytes: Option<u64>,
    size_bytes: Option<u64>,
    good: usize,
    damaged: usize,
    unreadable: usize,
    unverified: usize,
    oldest_verification: Option<String>,
    newest_good: Option<String>,
    snapshots: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Snapshot {
    id: String,
    name: String,
    state: &'static str,
    is_latest: bool,
    tags: Vec<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    duration_seconds: Option<f64>,
    freeze_seconds: Option<f64>,
    files: u64,
    bytes: u64,
    bytes_own: u64,
    bytes_shared: u64,
    verified_at: Option<String>,
    verified_level: Option<&'static str>,
    /// What a policy makes of it, if one was given.
    goes: Option<bool>,
    why: Option<String>,
    error: Option<View>,
}

impl Numbers {
    pub fn of(survey: &Survey) -> Self {
        let snapshot = |entry| Snapshot::of(entry, survey.latest.as_deref());
        Self {
            root: survey.root.clone(),
            made_at: utc(survey.at),
            version: env!("CARGO_PKG_VERSION"),
            free_bytes: survey.space.map(|space| space.free),
            size_bytes: survey.space.map(|space| space.size),
            good: survey.count(State::Good),
            damaged: survey.count(State::Damaged),
            unreadable: survey.count(State::Unreadable),
            unverified: survey.unverified(),
            oldest_verification: survey.oldest_verification().and_then(|(at, _)| utc(at)),
            newest_good: survey.newest_good().map(|entry| entry.name.clone()),
            snapshots: survey.entries.iter().map(snapshot).collect(),
        }
    }
}

impl Snapshot {
    fn of(entry: &Entry, latest: Option<&str>) -> Self {
        let snapshot = &entry.snapshot;
        let verified = snapshot.verified();
        Self {
            id: snapshot.id().to_string(),
            name: entry.name.clone(),
            state: entry.state.name(),
            is_latest: latest == Some(&entry.name),
            tags: snapshot.tags().to_vec(),
            started_at: snapshot.started_at().and_then(utc),
            finished_at: snapshot.finished_at().and_then(utc),
            duration_seconds: entry.took().map(|took| took.as_secs_f64()),
            freeze_seconds: snapshot.freeze().as_ref().map(Duration::as_secs_f64),
            files: snapshot.files(),
            bytes: snapshot.bytes(),
            bytes_own: entry.own_bytes(),
            bytes_shared: snapshot.bytes_shared(),
            verified_at: verified.and_then(|verified| utc(verified.at)),
            verified_level: verified.map(|verified| level_name(verified.level)),
            goes: entry.fate.as_ref().map(|fate| fate.goes),
            why: entry.fate.as_ref().map(|fate| fate.why.clone()),
            error: snapshot.error().cloned().map(|error| Failure::from(error).view()),
        }
    }
}

/// A level as the command line takes it.
fn level_name(level: VerifyLevel) -> &'static str {
    match level {
        VerifyLevel::None => "none",
        VerifyLevel::Size => "size",
        VerifyLevel::Checksum => "checksum",
        VerifyLevel::Media => "media",
        // One of a later library.
        _ => "unknown",
    }
}
