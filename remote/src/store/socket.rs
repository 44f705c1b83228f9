//! How much of what was sent has not been acknowledged: what tells a slow upload from a dead one.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower_layer::Layer;
use tower_service::Service;

/// The connection of a client that makes one request at a time: the last one that it has made.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Mutex<Option<Ends>>>);

/// Ours and theirs.
type Ends = (SocketAddr, SocketAddr);

impl Line {
    /// The bytes that the kernel has taken and the other side has not acknowledged; `None`: it cannot be told.
    pub async fn unacknowledged(&self) -> Option<u64> {
        let ends = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        // On a thread that may wait: the kernel writes this table for all sockets of the machine.
        tokio::task::spawn_blocking(move || {
            let name = if ends.0.is_ipv4() { "tcp" } else { "tcp6" };
            queued(&std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).ok()?, ends)
        })
        .await
        .ok()?
    }

    fn is(&self, connection: &impl Connection) {
        let mut extensions = http::Extensions::new();
        connection.connected().get_extras(&mut extensions);
        let ends = extensions.get().map(|info: &HttpInfo| (info.local_addr(), info.remote_addr()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ends;
    }
}

/// `sl local_address rem_address st tx_queue:rx_queue ...`, numbers in hexadecimal.
fn queued(table: &str, (ours, theirs): Ends) -> Option<u64> {
    let (ours, theirs) = (shown(ours), shown(theirs));
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_it = words.next()? == ours && words.next()? == theirs;
        let queue = words.nth(1)?.split_once(':')?.0;
        u64::from_str_radix(queue, 16).ok().filter(|_| is_it)
    })
}

/// An address as that table has it: words of four bytes in the machine's order.
fn shown(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let mut text = String::new();
    for word in bytes.as_chunks().0 {
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(*word));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

impl<S> Layer<S> for Line {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted { inner, line: self.clone() }
    }
}

/// Makes connections, and notes the ends of each.
#[derive(Clone)]
pub(super) struct Noted<S> {
    inner: S,
    line: Line,
}

impl<S, R> Service<R> for Noted<S>
where
    S: Service<R>,
    S::Response: Connection,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (connecting, line) = (self.inner.call(request), self.line.clone());
        Box::pin(async move { connecting.await.inspect(|connection| line.is(connection)) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_the_other_side_has_not_acknowledged_is_in_the_kernels_table() {
        for (address, table) in [("127.0.0.1:0", "tcp"), ("[::1]:0", "tcp6")] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut stream =
                TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
            let ends = (stream.local_addr().expect("ours"), stream.peer_addr().expect("theirs"));
            let look = || {
                let table = std::fs::read_to_string(format!("/proc/thread-self/net/{table}"));
                queued(&table.expect("a table"), ends)
            };
            assert_eq!(look(), Some(0));
            // Nobody reads: the windows fill, and what is over stays here.
            stream.set_nonblocking(true).expect("not blocking");
            let mut taken = 0;
            while let Ok(length) = stream.write(&[0; 1 << 16]) {
                taken += length as u64;
            }
            let left = look().expect("a socket");
            assert!((1..taken).contains(&left), "{left} of {taken}");
        }
    }
}
