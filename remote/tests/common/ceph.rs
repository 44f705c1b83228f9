//! A Ceph cluster with its S3 gateway: one for all tests of a program, with a bucket for each.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use super::backend::{Backend, Kind};
use super::service::{Service, free_port, local};

pub const ACCESS_KEY: &str = "hbaccesskey";
pub const SECRET_KEY: &str = "hbsecretkey";

/// One that failed to start is told to end as one that stands.
const GUARD: &str = r#"bash "$1" up "$PLACE/c" "$2" "$3" && cat >/dev/null
bash "$1" down "$PLACE/c"
rm -rf "$PLACE""#;

/// The monitor's second port is that much above its first.
const SECOND: u16 = 3489;

pub struct Ceph {
    address: SocketAddr,
    _service: Service,
}

/// A bucket of its own in the program's cluster; `None`, and it is said, where there can be none.
pub fn bucket() -> Option<Backend> {
    let ceph = running()?;
    Some(Backend::new(Kind::S3 { access_key: ACCESS_KEY, secret_key: SECRET_KEY }, ceph.address))
}

fn running() -> Option<&'static Ceph> {
    static CEPH: OnceLock<Option<Ceph>> = OnceLock::new();
    CEPH.get_or_init(|| {
        let why = missing();
        if let Some(why) = why {
            super::skip(&why);
            return None;
        }
        Some(start())
    })
    .as_ref()
}

fn missing() -> Option<String> {
    let probes =
        [("ceph-mon", "ceph-mon"), ("ceph-osd", "ceph-osd"), ("radosgw", "radosgw"), ("ceph", "ceph-common")];
    for (tool, package) in probes {
        if !std::path::Path::new("/usr/bin").join(tool).exists() {
            return Some(format!("{tool} is not there: apt-get install {package}"));
        }
    }
    // Its daemons want directories of root's.
    let user = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("this process"));
    (user != 0).then(|| "Ceph is started by root alone".to_string())
}

fn start() -> Ceph {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../remote/tests/common/ceph.sh");
    let mut why = String::new();
    // Ports are looked for before they are taken, and another program may be faster.
    for _ in 0..3 {
        let (gateway, monitor) = (free_port(&[]), free_port(&[SECOND]));
        let (given, second) = (gateway.to_string(), monitor.to_string());
        let mut service = Service::guarded(GUARD, &[script, &given, &second], &[]);
        match service.has_said("S3 at http", Duration::from_secs(240)) {
            Ok(()) => return Ceph { address: local(gateway), _service: service },
            Err(failed) => why = failed,
        }
    }
    panic!("Ceph does not start: {why}");
}
