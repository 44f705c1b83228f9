//! Each store is up, restic keeps a repository in it, and the proxy between them changes nothing by itself.

use std::time::Instant;

use crate::common::backend::Backend;
use crate::common::compare::{Attributes, assert_same};
use crate::common::proxy::{Fault, Proxy, When};
use crate::common::restic::Restic;
use crate::common::tree::{self, RAW_LINK, Shape};
use crate::common::{azurite, ceph, moto};

#[test]
fn restic_reaches_ceph_through_the_proxy() {
    let since = Instant::now();
    let Some(store) = ceph::bucket() else { return };
    eprintln!("Ceph has a bucket after {:.1} s", since.elapsed().as_secs_f32());
    goes_round_through_the_proxy(&store);
}

#[test]
fn restic_reaches_moto_through_the_proxy() {
    let Some(store) = moto::bucket() else { return };
    goes_round_through_the_proxy(&store);
}

#[test]
fn restic_reaches_azurite_through_the_proxy() {
    let Some(store) = azurite::container() else { return };
    goes_round_through_the_proxy(&store);
}

#[test]
fn restic_reaches_a_directory() {
    let top = tempfile::tempdir().expect("a temporary directory");
    goes_round(&Backend::directory(&top.path().join("repository")));
}

#[test]
fn a_bit_that_flips_on_the_way_to_ceph_is_refused_by_its_signature() {
    let Some(store) = ceph::bucket() else { return };
    let (first, again) = flipped(&store);
    // By its payload's hash or, where the bit was one of a signature between the chunks, by that.
    assert!(matches!(first, Some(400 | 403)) && again, "{first:?} {again}");
}

#[test]
fn moto_takes_a_flipped_bit_and_restic_finds_it() {
    let Some(store) = moto::bucket() else { return };
    let (first, again) = flipped(&store);
    assert_eq!((first, again), (Some(200), false));
}

/// What the server said to a pack with a flipped bit, and whether the repository was whole in the end. restic
/// tries again what is refused.
fn flipped(store: &Backend) -> (Option<u16>, bool) {
    let proxy = Proxy::before(store.address());
    let Some(restic) = Restic::of(&store.through(&proxy), "password") else { return (None, false) };
    restic.init();
    let top = tempfile::tempdir().expect("a temporary directory");
    tree::make(top.path(), Shape { is_odd: false, ..Shape::small() }, 1);
    proxy.rule(When::method("PUT").target("*/data/*").once(), Fault::FlipUp);
    restic.backup(top.path());
    let first = proxy.requests().into_iter().find(|one| one.faults > 0).and_then(|one| one.stored);
    (first, restic.run(&["check", "--read-data"]).code == Some(0))
}

fn goes_round_through_the_proxy(store: &Backend) {
    let proxy = Proxy::before(store.address());
    goes_round(&store.through(&proxy));
    let puts = proxy.count("PUT", "*/data/*");
    assert!(puts > 0, "packs go through the proxy: {:?}", proxy.requests());
    let strange: Vec<_> =
        proxy.requests().into_iter().filter(|one| one.status.is_none_or(|status| status >= 500)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}

/// A repository is made, filled, checked, thinned out and restored.
fn goes_round(store: &Backend) {
    let Some(restic) = Restic::of(store, "password") else { return };
    let top = tempfile::tempdir().expect("a temporary directory");
    let (tree, restored) = (top.path().join("tree"), top.path().join("restored"));
    tree::make(&tree, Shape::small(), 1);
    restic.init();
    restic.backup(&tree);
    tree::change(&tree, 0.01, 2);
    restic.backup(&tree);
    let snapshots = restic.snapshots();
    let ids: Vec<_> = snapshots.iter().map(|one| one["id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), 2);
    assert!(restic.ls(ids[1]).iter().any(|line| line["name"] == "data.mdb"));
    restic.forget(ids[0]);
    restic.prune();
    restic.unlock(false);
    restic.check();
    std::fs::create_dir(&restored).expect("a target");
    restic.restore(ids[1], &restored);
    // restic dates its target when it restores.
    let attributes = Attributes { directory_times: false, ..Attributes::ALL };
    assert_same(&tree, &restored, attributes, &[RAW_LINK]);
}
