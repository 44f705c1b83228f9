//! What a probe finds out about stores, and that nothing of it stays there.

use hotbackup::Severity;
use hotbackup_remote::{Remote, RemoteFinding};

use crate::common::backend::Backend;
use crate::common::bucket::Bucket;
use crate::common::proxy::{Fault, Proxy, When};
use crate::common::{ceph, moto};
use crate::scene::open;

/// In a store where nothing is yet.
#[track_caller]
fn probed(store: &Backend) -> Vec<RemoteFinding> {
    let remote: Remote = open(store, &[]);
    let found = remote.probe().expect("findings");
    assert!(found.iter().all(|one| !one.what.contains('\n')), "{found:#?}");
    // Where all is well there is nothing to do.
    assert!(found.iter().all(|one| one.advice.is_empty() == (one.severity == Severity::Ok)), "{found:#?}");
    found
}

fn sorts(found: &[RemoteFinding]) -> Vec<(Severity, &'static str)> {
    found.iter().map(|one| (one.severity, one.kind)).collect()
}

fn of_kind<'a>(found: &'a [RemoteFinding], kind: &str) -> &'a RemoteFinding {
    found.iter().find(|one| one.kind == kind).unwrap_or_else(|| panic!("no {kind}: {found:#?}"))
}

#[test]
fn ceph_refuses_what_was_damaged_and_what_comes_late() {
    let Some(store) = ceph::bucket() else { return };
    let kinds = ["consistent", "damaged_refused", "late_refused", "clock", "removable"];
    assert_eq!(sorts(&probed(&store)), kinds.map(|kind| (Severity::Ok, kind)));
    assert!(Bucket::of(&store).list("").is_empty());
}

#[test]
fn moto_takes_both_and_what_to_do_about_it_is_said() {
    let Some(store) = moto::bucket() else { return };
    let found = probed(&store);
    let (ok, notice) = (Severity::Ok, Severity::Notice);
    let expected = [
        (ok, "consistent"),
        (notice, "damaged_taken"),
        (notice, "late_taken"),
        (ok, "clock"),
        (ok, "removable"),
    ];
    assert_eq!(sorts(&found), expected, "{found:#?}");
    assert!(of_kind(&found, "damaged_taken").advice.contains("read_back=all"));
    assert!(Bucket::of(&store).list("").is_empty());
}

#[test]
fn a_directory_has_no_signatures_and_keeps_nothing_either() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let found = probed(&Backend::directory(top.path()));
    assert_eq!(sorts(&found), ["consistent", "clock", "removable"].map(|kind| (Severity::Ok, kind)));
    assert_eq!(std::fs::read_dir(top.path().join("locks")).expect("a directory").count(), 0);
    let file = top.path().join("file");
    std::fs::write(&file, "no directory").expect("a file");
    let found = probed(&Backend::directory(&file));
    assert_eq!(sorts(&found), [(Severity::Error, "unwritable")]);
}

#[test]
fn what_a_store_does_not_do_is_a_finding_of_its_own() {
    let Some(store) = moto::bucket() else { return };
    let ways = [
        (When::listing("locks"), Fault::EmptyListing, Severity::Error, "inconsistent"),
        (When::method("PUT"), Fault::denied(), Severity::Error, "unwritable"),
        (
            When::method("PUT").target("*X-Amz-Signature=*").once(),
            Fault::denied(),
            Severity::Error,
            "signed_refused",
        ),
        (When::any(), Fault::Date(2 * 86_400), Severity::Error, "clock"),
        (When::any(), Fault::Date(-120), Severity::Warning, "clock"),
        (When::method("DELETE"), Fault::denied(), Severity::Warning, "unremovable"),
    ];
    for (when, fault, severity, kind) in ways {
        let proxy = Proxy::before(store.address());
        proxy.rule(when, fault);
        let found = probed(&store.through(&proxy));
        assert_eq!(of_kind(&found, kind).severity, severity, "{found:#?}");
        let left = Bucket::of(&store).list("");
        assert_eq!(left.is_empty(), kind != "unremovable", "{left:?}");
        for (name, _) in left {
            assert!(of_kind(&found, kind).what.contains(&name), "{found:#?}");
        }
    }
}
