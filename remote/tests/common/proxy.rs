//! A proxy that injects faults: an HTTP/1.1 server before a store, which forwards each request as it came, with
//! its `Host` (signatures cover it), and does what its rules say. It counts what it has seen.

mod answer;
mod exchange;
mod listing;
mod rule;

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

pub use answer::http_date;
pub use rule::{Fault, When};

use super::http::Head;
use super::service::local;
use rule::{Rule, decoded};

/// One request, as the proxy saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query, decoded.
    pub target: String,
    /// What the client was answered; `None`: nothing.
    pub status: Option<u16>,
    /// What the server answered; `None`: it was not asked, or did not answer.
    pub stored: Option<u16>,
    /// The bytes of the bodies.
    pub up: usize,
    pub down: usize,
    pub at: Instant,
    /// How many faults it met with.
    pub faults: usize,
}

/// The proxy, ended with the value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    open: Mutex<HashMap<u64, TcpStream>>,
    is_over: AtomicBool,
}

impl Proxy {
    /// Before a server, at a port of its own.
    pub fn before(server: SocketAddr) -> Self {
        Self::listening(local(0), server)
    }

    /// At this address.
    pub fn listening(address: SocketAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server,
            rules: Mutex::default(),
            seen: Mutex::default(),
            open: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let theirs = shared.clone();
        let acceptor = std::thread::spawn(move || accept(&listener, &theirs));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this is done to such requests. Several rules may hold for one.
    pub fn rule(&self, when: When, fault: Fault) {
        guarded(&self.shared.rules).push(Rule::new(when, fault));
    }

    /// From now on all is forwarded.
    pub fn clear(&self) {
        guarded(&self.shared.rules).clear();
    }

    /// All requests until now, in the order in which they began.
    pub fn requests(&self) -> Vec<Seen> {
        guarded(&self.shared.seen).clone()
    }

    /// How many of those were made with this method, to a target like this.
    pub fn count(&self, method: &str, pattern: &str) -> usize {
        let seen = guarded(&self.shared.seen);
        seen.iter().filter(|one| one.method == method && rule::is_like(pattern, &one.target)).count()
    }

    /// Counting begins anew.
    pub fn forget(&self) {
        guarded(&self.shared.seen).clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.acceptor.take().map(JoinHandle::join);
        for connection in guarded(&self.shared.open).values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn faults(&self, head: &Head) -> Vec<Fault> {
        guarded(&self.rules).iter_mut().filter_map(|rule| rule.fault(head)).collect()
    }

    /// Notes a request, and returns its place in the record.
    fn note(&self, head: &Head, faults: usize) -> usize {
        let (method, target) = (head.method().to_string(), decoded(head.target()));
        let (status, stored, up, down) = (None, None, 0, 0);
        let mut seen = guarded(&self.seen);
        seen.push(Seen { method, target, status, stored, up, down, at: Instant::now(), faults });
        seen.len() - 1
    }

    fn amend(&self, place: usize, change: impl FnOnce(&mut Seen)) {
        guarded(&self.seen).get_mut(place).map(change);
    }
}

/// A closure of a test that panics must not hide why.
fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, client) in (0..).zip(listener.incoming()) {
        if shared.is_over() {
            return;
        }
        let Ok(client) = client else { continue };
        let Ok(known) = client.try_clone() else { continue };
        guarded(&shared.open).insert(number, known);
        let shared = shared.clone();
        std::thread::spawn(move || {
            // That a client or the server goes away is what the tests are about.
            let _ = exchange::serve(&shared, &client);
            guarded(&shared.open).remove(&number);
        });
    }
}
