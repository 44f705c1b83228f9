//! Each hook is called when it is due, once, on its thread, whatever fails and wherever.

use std::collections::HashSet;
use std::error::Error as _;
use std::fs;
use std::num::{IntErrorKind, ParseIntError};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use crate::common::{self, Place, Writer, bytes, residue, tree, verify, write};
use hotbackup::{Code, Coordinator, FileClass, Hook, HookResult, Options};

/// What a hook does besides being written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Nothing,
    Fails,
    FailsWithoutAReason,
    Panics,
    Cancels,
}

impl Does {
    fn act(self, name: &str, hook: &Hook<'_>) -> HookResult {
        match self {
            Does::Nothing => Ok(()),
            Does::Fails => Err(format!("{name} did not\nwork").into()),
            Does::FailsWithoutAReason => Err("".into()),
            // Not `panic!`, which would also print.
            Does::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            Does::Cancels => {
                hook.job().cancel().unwrap();
                Ok(())
            }
        }
    }
}

/// The calls of a job's hooks, in their order.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(&'static str, ThreadId)>>>);

impl Calls {
    fn add(&self, name: &'static str) {
        self.0.lock().unwrap().push((name, std::thread::current().id()));
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(name, _)| *name).collect()
    }

    fn without_progress(&self) -> Vec<&'static str> {
        self.names().into_iter().filter(|name| *name != "progress").collect()
    }

    fn threads(&self) -> HashSet<ThreadId> {
        self.0.lock().unwrap().iter().map(|(_, thread)| *thread).collect()
    }

    /// Options with all hooks, of which `which` does something.
    fn options(&self, which: &'static str, does: Does) -> Options {
        let mut options = Options::new();
        let note = |name: &'static str| {
            let calls = self.clone();
            let does = if name == which { does } else { Does::Nothing };
            move |hook: &Hook<'_>| {
                calls.add(name);
                does.act(name, hook)
            }
        };
        let hooks = options.hooks();
        hooks.checkpoint(note("checkpoint"));
        hooks.freeze_thaw(note("freeze"), note("thaw"));
        hooks.release(note("release"));
        let validate = note("validate");
        hooks.validate(move |_, hook| validate(hook));
        let progress = note("progress");
        hooks.progress(move |_, hook| progress(hook).map(ControlFlow::Continue));
        options
    }
}

#[test]
fn all_hooks_are_called_once_and_in_order() {
    let place = Place::with_files();
    let calls = Calls::default();
    place.back_up(&calls.options("", Does::Nothing)).unwrap();
    assert_eq!(calls.without_progress(), ["checkpoint", "freeze", "thaw", "release", "validate"]);
    assert!(calls.names().len() > 5, "and progress besides");
}

#[test]
fn whichever_hook_fails_what_is_due_is_called_once_and_what_is_not_never() {
    let calls_until: [(&str, &[&str]); 6] = [
        ("checkpoint", &["checkpoint"]),
        ("freeze", &["checkpoint", "freeze", "release"]),
        ("thaw", &["checkpoint", "freeze", "thaw", "release"]),
        ("release", &["checkpoint", "freeze", "thaw", "release"]),
        ("validate", &["checkpoint", "freeze", "thaw", "release", "validate"]),
        // It is called before the first other one.
        ("progress", &[]),
    ];
    let place = Place::with_snapshot();
    for (which, expected) in calls_until {
        for does in [Does::Fails, Does::FailsWithoutAReason, Does::Panics] {
            let calls = Calls::default();
            let error = place.refused(&calls.options(which, does));
            assert_eq!(error.code(), Code::HookFailed, "{which} {does:?}: {error}");
            assert!(error.message().contains(&format!("the {which} hook failed")), "{error}");
            if does == Does::Fails {
                assert!(error.message().contains("did not\\nwork"), "{error}");
            }
            assert_eq!(calls.without_progress(), expected, "{which} {does:?}");
        }
    }
    place.back_up(&Calls::default().options("", Does::Nothing)).unwrap();
}

#[test]
fn whichever_hook_cancels_what_is_due_is_called_once_and_what_is_not_never() {
    let calls_until: [(&str, &[&str]); 6] = [
        ("checkpoint", &["checkpoint", "release"]),
        ("freeze", &["checkpoint", "freeze", "thaw", "release"]),
        ("thaw", &["checkpoint", "freeze", "thaw", "release"]),
        ("release", &["checkpoint", "freeze", "thaw", "release"]),
        ("validate", &["checkpoint", "freeze", "thaw", "release", "validate"]),
        ("progress", &[]),
    ];
    let place = Place::with_snapshot();
    for (which, expected) in calls_until {
        let calls = Calls::default();
        let error = place.refused(&calls.options(which, Does::Cancels));
        assert_eq!(error.code(), Code::Cancelled, "{which}: {error}");
        assert_eq!(calls.without_progress(), expected, "{which}");
    }
}

#[test]
fn without_a_checkpoint_hook_release_is_due_from_the_start() {
    let place = Place::with_snapshot();
    for (fails, expected) in
        [(false, ["freeze", "thaw", "release"].as_slice()), (true, &["freeze", "release"])]
    {
        let calls = Calls::default();
        let mut options = Options::new();
        let (freeze, thaw, release) = (calls.clone(), calls.clone(), calls.clone());
        options.hooks().freeze_thaw(
            move |_| {
                freeze.add("freeze");
                if fails { Err("no".into()) } else { Ok(()) }
            },
            move |_| {
                thaw.add("thaw");
                Ok(())
            },
        );
        options.hooks().release(move |_| {
            release.add("release");
            Ok(())
        });
        assert_eq!(place.back_up(&options).is_err(), fails);
        assert_eq!(calls.names(), expected);
    }
}

#[test]
fn the_first_failure_is_the_jobs() {
    let place = Place::with_snapshot();
    type Hooks = fn(&mut Options);
    let failures: [(&str, Hooks, Code, &str); 3] = [
        (
            "a window and its thaw",
            |options| {
                // A live file that is missing fails the window.
                options.hooks().freeze_thaw(
                    |hook| Ok(hook.add_file(Path::new("missing"), FileClass::Mutable, None).unwrap()),
                    |_| Err("the second failure".into()),
                );
            },
            Code::NotFound,
            "missing",
        ),
        (
            "a freeze and its release",
            |options| {
                options.hooks().freeze_thaw(|_| Err("the first failure".into()), |_| Ok(()));
                options.hooks().release(|_| Err("the second failure".into()));
            },
            Code::HookFailed,
            "the first failure",
        ),
        (
            "a freeze, and a cancel after it",
            |options| {
                options.hooks().freeze_thaw(|_| Err("the first failure".into()), |_| Ok(()));
                options.hooks().release(|hook| Ok(hook.job().cancel().unwrap()));
            },
            Code::HookFailed,
            "the first failure",
        ),
    ];
    for (what, hooks, code, message) in failures {
        let mut options = Options::new();
        hooks(&mut options);
        let error = place.refused(&options);
        assert_eq!(error.code(), code, "{what}: {error}");
        assert!(error.message().contains(message), "{what}: {error}");
    }
}

#[test]
fn the_hosts_own_exception_comes_back_with_the_error() {
    let place = Place::with_files();
    let mut options = Options::new();
    options.hooks().checkpoint(|_| Err("forty-two".parse::<u64>().unwrap_err().into()));
    let error = place.refused(&options);
    let exception = error.source().unwrap().downcast_ref::<ParseIntError>();
    assert_eq!(exception.map(ParseIntError::kind), Some(&IntErrorKind::InvalidDigit));
}

#[test]
fn all_hooks_of_a_started_job_run_on_one_thread_of_its_own() {
    let place = Place::with_files();
    let calls = Calls::default();
    place.back_up(&calls.options("", Does::Nothing)).unwrap();
    assert_eq!(calls.threads().len(), 1);
    assert!(!calls.threads().contains(&std::thread::current().id()));
}

#[test]
fn all_hooks_of_a_job_that_the_caller_runs_are_called_on_the_callers_thread() {
    let place = Place::with_files();
    let calls = Calls::default();
    let coordinator = Coordinator::open(&place.data(), &calls.options("", Does::Nothing)).unwrap();
    coordinator.prepare().unwrap().run().unwrap();
    assert_eq!(calls.threads(), HashSet::from([std::thread::current().id()]));
}

#[test]
fn no_progress_is_reported_inside_the_window() {
    let place = Place::with_files();
    // Enough of it that a window lasts longer than the time between two reports.
    for n in 0..2000 {
        write(&place.data().join(format!("many/{n}")), &bytes(30_000, n));
    }
    let calls = Calls::default();
    place.back_up(&calls.options("", Does::Nothing)).unwrap();
    let names = calls.names();
    let at = |name| names.iter().position(|call| *call == name).unwrap();
    assert_eq!(at("thaw"), at("freeze") + 1, "{names:?}");
}

#[test]
fn each_freeze_has_its_thaw_when_the_window_is_tried_again() {
    let place = Place::with_long_rounds();
    let calls = Calls::default();
    let options = calls.options("", Does::Nothing);
    // It stops nothing: a file changes in each round.
    let writer = Writer::start(&place.data().join("index"));
    let error = place.refused(&options);
    drop(writer);
    assert_eq!(error.code(), Code::SourceChanged);
    let made = calls.without_progress();
    assert_eq!((made.first(), made.last()), (Some(&"checkpoint"), Some(&"release")));
    let windows = &made[1..made.len() - 1];
    assert!(windows.len() > 2, "it was tried once: {made:?}");
    assert!(windows.chunks(2).all(|pair| pair == ["freeze", "thaw"]), "{made:?}");
}

#[test]
fn release_comes_after_the_last_read_of_the_source() {
    let place = Place::with_files();
    let data = place.data();
    write(&data.join("tree.db"), &bytes(1 << 20, 7));
    let expected = tree(&data);
    let mut options = Options::new();
    options.add_rule("*.sst", FileClass::IMMUTABLE).unwrap();
    options.add_rule("log", FileClass::AppendOnly).unwrap();
    options.add_rule("*.db", FileClass::Pinned).unwrap();
    options.hooks().freeze_thaw(|_| Ok(()), |_| Ok(()));
    options.hooks().release(move |_| {
        for name in ["tables/1.sst", "tables/2.sst", "log", "tree.db", "index"] {
            // In place: a deleted file's bytes would still be there for who has it open.
            write(&data.join(name), &bytes(1 << 20, 99));
        }
        Ok(())
    });
    let job = place.back_up(&options).unwrap();
    assert!(tree(job.location()) == expected);
    verify(job.location()).unwrap();
}

#[test]
fn a_validator_that_changes_what_it_looks_at_is_found_out() {
    type Change = fn(&Path) -> std::io::Result<()>;
    let changes: [(&str, Change); 4] = [
        ("index", |staging| fs::write(staging.join("index"), b"INDEX")),
        ("log", |staging| fs::remove_file(staging.join("log"))),
        ("LOCK", |staging| fs::write(staging.join("LOCK"), b"")),
        ("hollow/new", |staging| fs::write(staging.join("hollow/new"), b"")),
    ];
    let place = Place::with_snapshot();
    for (name, change) in changes {
        let mut options = common::frozen();
        options.set_verify_level(hotbackup::VerifyLevel::None);
        options.hooks().validate(move |staging, _| change(staging).map_err(|error| error.to_string().into()));
        let error = place.refused(&options);
        assert_eq!(error.code(), Code::Corrupt, "{error}");
        assert!(error.path().unwrap().ends_with(name), "{error}");
    }
    assert!(residue(&place.data()).is_empty());
}
