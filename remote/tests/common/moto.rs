//! moto, S3 as Python imitates it: it takes any signature and any hash of a body, as some proxies do.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::backend::{Backend, Kind};
use super::service::{Service, free_port, installed, local, step};

struct Moto {
    address: SocketAddr,
    _service: Service,
}

/// A bucket of its own in the program's moto; `None`, and it is said, where it cannot be installed.
pub fn bucket() -> Option<Backend> {
    static MOTO: OnceLock<Option<Moto>> = OnceLock::new();
    let moto = MOTO.get_or_init(|| start().map_err(|why| super::skip(&format!("moto: {why}"))).ok());
    let kind = Kind::S3 { access_key: "any", secret_key: "any" };
    Some(Backend::new(kind, moto.as_ref()?.address))
}

fn start() -> Result<Moto, String> {
    // What of `moto[server]` S3 needs: all of it is twice as large.
    let place = installed("moto", |place| {
        step(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        step(Command::new(place.join("bin/pip")).args([
            "install",
            "--quiet",
            "moto[s3]==5.*",
            "flask",
            "flask-cors",
        ]))
    })?;
    let port = free_port(&[]);
    let server = place.join("bin/moto_server");
    let command = [server.to_str().ok_or("a path of UTF-8")?, "-H", "127.0.0.1", "-p", &port.to_string()];
    let mut service = Service::start(&command, &[]);
    service.is_up(local(port), Duration::from_secs(120))?;
    Ok(Moto { address: local(port), _service: service })
}
