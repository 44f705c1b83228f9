//! A host as one type: its hooks are those that it wrote, and what they fail with comes back whole.

use std::error::Error as _;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::{Place, frozen, tree};
use hotbackup::{BackupRoot, Code, Coordinator, Hook, HookResult, Host, Options, Progress};

/// A host with everything: it notes its calls and names one more file.
#[derive(Default)]
struct Whole {
    calls: Mutex<Vec<String>>,
}

impl Whole {
    fn called(&self, name: &str) -> HookResult {
        self.calls.lock().unwrap().push(name.to_string());
        Ok(())
    }
}

impl Host for Whole {
    fn checkpoint(&self, hook: &Hook<'_>) -> HookResult {
        hook.add_bytes("LABEL", b"of the checkpoint")?;
        self.called("checkpoint")
    }

    fn freeze(&self, hook: &Hook<'_>) -> HookResult {
        hook.set_metadata(b"of the freeze")?;
        self.called("freeze")
    }

    fn thaw(&self, _: &Hook<'_>) -> HookResult {
        self.called("thaw")
    }

    fn release(&self, _: &Hook<'_>) -> HookResult {
        self.called("release")
    }

    fn validate(&self, staging: &Path, _: &Hook<'_>) -> HookResult {
        std::fs::metadata(staging.join("LABEL"))?;
        self.called("validate")
    }

    fn progress(&self, now: &Progress, _: &Hook<'_>) -> HookResult<ControlFlow<()>> {
        self.called(&format!("{:?}", now.kind))?;
        Ok(ControlFlow::Continue(()))
    }
}

fn options_of(host: Arc<impl Host>) -> Options {
    let mut options = Options::new();
    options.hooks().host(host);
    options
}

#[test]
fn a_whole_host_has_each_of_its_hooks_called_in_backups_and_restores() {
    let place = Place::with_files();
    let host = Arc::new(Whole::default());
    let options = options_of(host.clone());
    let coordinator = Coordinator::open(place.data(), &options).unwrap();
    coordinator.start().unwrap().wait().unwrap();
    let snapshot = coordinator.root().latest().unwrap();
    assert_eq!(snapshot.metadata(), b"of the freeze");
    hotbackup::restore(snapshot.location(), place.beside("again"), &options).unwrap().wait().unwrap();
    assert!(tree(&place.beside("again")).contains_key(Path::new("LABEL")));
    let calls = host.calls.lock().unwrap();
    let hooks: Vec<&String> = calls.iter().filter(|call| *call != "Backup" && *call != "Restore").collect();
    assert_eq!(hooks, ["checkpoint", "freeze", "thaw", "release", "validate", "validate"]);
    assert!(calls.contains(&"Backup".into()) && calls.contains(&"Restore".into()), "and progress besides");
}

/// A host that can stop its writes, and no more.
struct Least;

impl Host for Least {
    fn freeze(&self, _: &Hook<'_>) -> HookResult {
        Ok(())
    }

    fn thaw(&self, _: &Hook<'_>) -> HookResult {
        Ok(())
    }
}

#[test]
fn a_host_needs_no_more_than_a_freeze_and_a_thaw() {
    let place = Place::with_files();
    let job = place.back_up(&options_of(Arc::new(Least))).unwrap();
    assert!(!job.status().unwrap().freeze.is_zero(), "what was just written need not rest");
    assert_eq!(BackupRoot::at(place.root()).list().unwrap().len(), 1);
}

/// An error with a reason, which its own text may tell already.
#[derive(Debug)]
struct Deep(&'static str, std::num::ParseIntError);

impl fmt::Display for Deep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Deep {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.1)
    }
}

#[test]
fn what_a_hook_fails_with_is_told_once_with_its_reasons_and_comes_back_as_the_source() {
    let reason = "x".parse::<u64>().unwrap_err().to_string();
    for (text, expected) in [
        ("", reason.clone()),
        ("no number", format!("no number: {reason}")),
        ("no number: invalid digit found in string", format!("no number: {reason}")),
    ] {
        let place = Place::with_files();
        let mut options = Options::new();
        options.hooks().checkpoint(move |_| Err(Deep(text, "x".parse::<u64>().unwrap_err()).into()));
        let error = place.refused(&options);
        assert_eq!(error.code(), Code::HookFailed);
        assert!(error.message().contains(&format!("the checkpoint hook failed: {expected}")), "{error}");
        assert_eq!(error.message().matches(&reason).count(), 1, "{error}");
        assert_eq!(error.source().unwrap().downcast_ref::<Deep>().unwrap().0, text);
    }
}

#[test]
fn the_librarys_own_errors_pass_through_a_hook() {
    let place = Place::with_files();
    let mut options = Options::new();
    options.hooks().checkpoint(|hook| Ok(hook.add_bytes("../out", b"")?));
    let error = place.refused(&options);
    assert_eq!(error.code(), Code::HookFailed);
    let own = error.source().unwrap().downcast_ref::<hotbackup::Error>().unwrap();
    assert_eq!(own.code(), Code::InvalidArgument);
    assert!(error.message().contains(own.message()), "{error}");
}

/// An error that cannot even be told.
#[derive(Debug)]
struct Untold;

impl fmt::Display for Untold {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not `panic!`, which would also print.
        std::panic::resume_unwind(Box::new("on purpose"))
    }
}

impl std::error::Error for Untold {}

#[test]
fn an_error_that_panics_when_it_is_told_fails_the_job_alone() {
    let place = Place::with_files();
    let mut options = Options::new();
    options.hooks().freeze_thaw(|_| Err(Untold.into()), |_| Ok(()));
    let error = place.refused(&options);
    assert!(error.message().contains("the freeze hook failed: it panicked"), "{error}");
    place.back_up(&frozen()).unwrap();
}
