//! A snapshot as it is shown.

use std::io::{self, Write};
use std::time::SystemTime;

use hotbackup::Snapshot;
use serde::Serialize;

use crate::args::values::level_name;
use crate::failure::{Failure, View as FailureView};
use crate::output::{size, time};

/// A snapshot in JSON.
#[derive(Serialize)]
pub struct View {
    pub id: String,
    pub name: String,
    pub location: String,
    pub state: &'static str,
    pub is_latest: bool,
    pub layout: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub age_seconds: Option<i64>,
    pub files: u64,
    pub bytes: u64,
    pub files_shared: u64,
    pub bytes_shared: u64,
    pub files_skipped: u64,
    pub files_left_out: u64,
    /// The host's own, where it is text.
    pub metadata: Option<String>,
    /// The same in hexadecimal digits, where it is none.
    pub metadata_hex: Option<String>,
    pub tags: Vec<String>,
    /// The longest that writes were stopped for it.
    pub freeze_seconds: Option<f64>,
    /// When the whole of it was last read back and found good, and how.
    pub verified_at: Option<String>,
    pub verified_level: Option<&'static str>,
    pub verified_age_seconds: Option<i64>,
    /// Why it cannot be read.
    pub error: Option<FailureView>,
}

impl View {
    pub fn of(snapshot: &Snapshot, is_latest: bool) -> Self {
        let error = snapshot.error().cloned().map(Failure::from);
        let metadata = std::str::from_utf8(snapshot.metadata());
        Self {
            id: snapshot.id().to_string(),
            name: name(snapshot),
            location: snapshot.location().to_string_lossy().into_owned(),
            state: state(snapshot),
            is_latest,
            layout: Some(snapshot.layout().to_string()).filter(|layout| !layout.is_empty()),
            started_at: snapshot.started_at().and_then(time::utc),
            finished_at: snapshot.finished_at().and_then(time::utc),
            age_seconds: made_at(snapshot).map(age_seconds),
            files: snapshot.files(),
            bytes: snapshot.bytes(),
            files_shared: snapshot.files_shared(),
            bytes_shared: snapshot.bytes_shared(),
            files_skipped: snapshot.files_skipped(),
            files_left_out: snapshot.files_left_out(),
            metadata: metadata.ok().filter(|text| !text.is_empty()).map(String::from),
            metadata_hex: metadata.is_err().then(|| hex(snapshot.metadata())),
            tags: snapshot.tags().to_vec(),
            freeze_seconds: snapshot.freeze().map(|freeze| freeze.as_secs_f64()),
            verified_at: snapshot.verified().and_then(|verified| time::utc(verified.at)),
            verified_level: snapshot.verified().map(|verified| level_name(verified.level)),
            verified_age_seconds: snapshot.verified().map(|verified| age_seconds(verified.at)),
            error: error.as_ref().map(Failure::view),
        }
    }
}

/// The name of its directory.
pub fn name(snapshot: &Snapshot) -> String {
    snapshot.location().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// When it was made, as far as it says.
pub fn made_at(snapshot: &Snapshot) -> Option<SystemTime> {
    snapshot.finished_at().or_else(|| snapshot.started_at())
}

/// In what state it is, in one word.
pub fn state(snapshot: &Snapshot) -> &'static str {
    match snapshot.error() {
        Some(_) => "unreadable",
        None if snapshot.is_damaged() => "damaged",
        None => "ok",
    }
}

/// Negative: it lies in the future of this machine's clock.
fn age_seconds(time: SystemTime) -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(time) {
        Ok(age) => seconds(age),
        Err(ahead) => -seconds(ahead.duration()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same for a person.
pub fn ago(seconds: i64) -> String {
    let rough = time::rough(std::time::Duration::from_secs(seconds.unsigned_abs()));
    if seconds < 0 { format!("{rough} from now") } else { format!("{rough} ago") }
}

/// What a snapshot does not hold, and why.
pub fn counted(out: &mut dyn Write, skipped: u64, left_out: u64) -> io::Result<()> {
    if skipped > 0 {
        writeln!(
            out,
            "{} skipped: sockets, pipes and the like, which are no data",
            size::things(skipped, "name", "names")
        )?;
    }
    if left_out > 0 {
        writeln!(out, "{} left out: still being built", size::things(left_out, "file", "files"))?;
    }
    Ok(())
}
