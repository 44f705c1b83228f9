//! azurite, Microsoft's imitation of Azure's blobs, which checks signatures.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::backend::{Backend, Kind};
use super::service::{Service, free_port, installed, local, step};

struct Azurite {
    address: SocketAddr,
    _service: Service,
}

/// A container of its own in the program's azurite; `None`, and it is said, where it cannot be installed.
pub fn container() -> Option<Backend> {
    static AZURITE: OnceLock<Option<Azurite>> = OnceLock::new();
    let azurite = AZURITE.get_or_init(|| start().map_err(|why| super::skip(&format!("azurite: {why}"))).ok());
    Some(Backend::new(Kind::Azure, azurite.as_ref()?.address))
}

fn start() -> Result<Azurite, String> {
    let place = installed("azurite", |place| {
        let install = ["install", "--no-audit", "--no-fund", "--prefix"];
        step(Command::new("npm").args(install).arg(place).arg("azurite@3"))
    })?;
    let port = free_port(&[]);
    let given = port.to_string();
    let server = place.join("node_modules/azurite/dist/src/blob/main.js");
    let mut command = vec!["node", server.to_str().ok_or("a path of UTF-8")?];
    command.extend(["--blobHost", "127.0.0.1", "--blobPort", &given, "--inMemoryPersistence", "--silent"]);
    // Clients are often newer than it.
    command.extend(["--skipApiVersionCheck", "--disableTelemetry"]);
    let mut service = Service::start(&command, &[]);
    service.is_up(local(port), Duration::from_secs(60))?;
    Ok(Azurite { address: local(port), _service: service })
}
