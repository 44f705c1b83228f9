//! JSON: one document on standard output, whatever happens.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::failure::{Failure, View};

/// What can be a document.
pub trait Document {
    /// Writes it, its failure beside it.
    fn write(&self, error: Option<View>, out: &mut Vec<u8>) -> serde_json::Result<()>;
}

impl<T: Serialize> Document for T {
    fn write(&self, error: Option<View>, out: &mut Vec<u8>) -> serde_json::Result<()> {
        #[derive(Serialize)]
        struct Whole<'a, T> {
            #[serde(flatten)]
            report: &'a T,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<View>,
        }
        serde_json::to_writer_pretty(out, &Whole { report: self, error })
    }
}

/// Writes a report and what was wrong all the same.
pub fn write(report: &dyn super::Report, failure: Option<&Failure>, out: &mut Vec<u8>) -> io::Result<()> {
    report.write(failure.map(Failure::view), out)?;
    out.push(b'\n');
    Ok(())
}

/// Prints a failure alone, unless a document has been printed.
pub fn write_error(failure: &Failure) {
    #[derive(Serialize)]
    struct Alone {
        error: View,
    }
    if !nothing_more_is_printed() {
        return;
    }
    let text = serde_json::to_string_pretty(&Alone { error: failure.view() }).unwrap_or_default();
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// From here on no other thread prints a document. `false`: one has been printed.
pub fn nothing_more_is_printed() -> bool {
    static PRINTED: AtomicBool = AtomicBool::new(false);
    !PRINTED.swap(true, Ordering::SeqCst)
}
