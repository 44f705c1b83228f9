//! A deed is done again and again, in a place made anew each time, and a fault meets one of its calls
//! after the other.

use std::path::{Path, PathBuf};

use crate::common::child::{CALLS, Ended, has_strace, run};
use crate::common::skip;

/// What [`run`] takes: the name of the deed, and the paths that it is about.
pub type Deed = Vec<PathBuf>;

/// What a deed that was not killed has told: the code's name and the message of its error.
pub type Told = Result<(), (String, String)>;

/// Lets the fault come at the first call of its kind, at the second, and so on. The last time for each
/// kind it does not come any more. How often it came: at least `least` times.
fn sweep(
    faults: Vec<String>,
    least: u32,
    mut begin: impl FnMut() -> Deed,
    mut check: impl FnMut(&str, Ended) -> bool,
) {
    if !has_strace() {
        return skip("no strace");
    }
    let mut met = 0;
    for fault in faults {
        for n in 1.. {
            let deed = begin();
            let deed: Vec<&Path> = deed.iter().map(AsRef::as_ref).collect();
            let what = format!("{} with {fault} {n}", deed[0].display());
            let (ended, has_come) = run(&deed, &format!("{fault}:when={n}"));
            met += u32::from(check(&what, ended));
            if !has_come {
                break;
            }
        }
    }
    assert!(met > least, "only {met} calls met a fault");
}

/// How names are changed, and fail.
pub fn changes() -> Vec<String> {
    CALLS.iter().flat_map(|call| [format!("{call}:error=EIO"), format!("{call}:error=ENOSPC")]).collect()
}

/// How things are read, and fail.
pub fn reads() -> Vec<String> {
    ["openat2:error=EACCES", "pread64:error=EIO", "getdents64:error=EIO"].map(String::from).to_vec()
}

/// Lets calls fail; `check` learns what the deed told.
pub fn failing(faults: Vec<String>, begin: impl FnMut() -> Deed, mut check: impl FnMut(&str, Told)) {
    sweep(faults, 10, begin, |what, ended| {
        let told = match ended {
            Ended::Killed => panic!("{what}: killed"),
            Ended::NotStarted => return false,
            Ended::Done => Ok(()),
            Ended::Failed(code, message) => Err((code, message)),
        };
        let failed = told.is_err();
        check(what, told);
        failed
    });
}

/// Kills the deed at each call that changes names; `check` learns whether it was.
pub fn killing(begin: impl FnMut() -> Deed, mut check: impl FnMut(&str, bool)) {
    let kills = CALLS.map(|call| format!("{call}:signal=SIGKILL")).to_vec();
    sweep(kills, 5, begin, |what, ended| {
        let killed = match ended {
            Ended::Killed => true,
            Ended::Done => false,
            other => panic!("{what}: {other:?}"),
        };
        check(what, killed);
        killed
    });
}
