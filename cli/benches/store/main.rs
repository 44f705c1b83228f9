//! Snapshots in an object store, beside restic over the same store in one run: a first push of 1 GB of tables and a B-tree
//! of 512 MB, a second one after 1 % of the B-tree's pages have changed, and a restore; in Ceph and in a directory. Each
//! figure is of a whole process, ours being `hotbackup remote`. `HOTBACKUP_BENCH_MB` is how many MB of tables there are
//! (1024), of pages half as many; `HOTBACKUP_BENCH_ROUNDS` how often it is done (3). In Ceph, which
//! keeps all in memory and twice, it takes `OSD_MB=4096`.

#[path = "../../../remote/tests/common/mod.rs"]
mod common;

mod data;
mod measured;
mod peers;

use std::path::Path;

use common::backend::Backend;
use common::ceph;
use common::proxy::Proxy;
use measured::{Cost, report};
use peers::{Peer, Side};

/// The steps, and what ours may take of restic's: CPU, bytes up, memory; `None`: no bound.
const STEPS: [(&str, [Option<f64>; 3]); 3] = [
    ("push", [Some(0.4), None, Some(0.5)]),
    ("push of 1 % changed", [Some(0.25), Some(0.4), Some(0.5)]),
    ("restore", [Some(0.7), None, Some(0.5)]),
];

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn main() {
    let megabytes = number("HOTBACKUP_BENCH_MB", 1024);
    let rounds = number("HOTBACKUP_BENCH_ROUNDS", 3);
    let work = std::env::var_os("HOTBACKUP_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let mut random = common::Random::new(std::process::id().into());
    for store in ["a directory", "Ceph"] {
        let mut costs: Vec<[Vec<Cost>; 2]> = STEPS.iter().map(|_| Default::default()).collect();
        for _ in 0..rounds {
            let place = tempfile::tempdir_in(&work).expect("a directory to work in");
            let data = place.path().join("data");
            data::make(&data, megabytes);
            let mut sides = [Side::Ours, Side::Restic];
            if random.below(2) == 0 {
                sides.reverse();
            }
            let Some(peers) = opened(store, place.path(), sides) else { break };
            for (step, costs) in costs.iter_mut().enumerate() {
                if step == 1 {
                    data::change(&data, random.next());
                }
                // Both get the same bytes, from one snapshot.
                let snapshot = (step < 2).then(|| peers::snapshot(place.path()));
                for peer in &peers {
                    let cost = match &snapshot {
                        Some(snapshot) => peer.push(snapshot),
                        None => peer.restore(&place.path().join(format!("restored-by-{:?}", peer.side))),
                    };
                    costs[peer.side as usize].push(cost);
                }
            }
        }
        for ((step, bounds), [ours, theirs]) in STEPS.iter().zip(costs) {
            report(&format!("{step}, {store}"), ours, theirs, *bounds);
        }
    }
}

/// Each with a new repository of its own.
fn opened(store: &str, place: &Path, sides: [Side; 2]) -> Option<[Peer; 2]> {
    let mut peers = Vec::new();
    for side in sides {
        let home = place.join(format!("{side:?}"));
        std::fs::create_dir(&home).expect("a directory");
        let (backend, proxy) = match store {
            "Ceph" => {
                let bucket = ceph::bucket()?;
                let proxy = Proxy::before(bucket.address());
                (bucket.through(&proxy), Some(proxy))
            }
            _ => (Backend::directory(&home.join("repository")), None),
        };
        peers.push(Peer::new(side, backend, proxy, home));
    }
    peers.try_into().ok()
}
