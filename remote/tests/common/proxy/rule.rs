//! What the proxy does to which requests.

use std::sync::Arc;
use std::time::Duration;

use super::super::Random;
use super::super::http::Head;

/// What happens to a request or its answer.
#[derive(Clone)]
pub enum Fault {
    /// Answered with this, and not forwarded.
    Status(u16),
    /// The same with a code of the store's.
    Error(u16, &'static str),
    /// The connection is reset before the body is taken.
    ResetBefore,
    /// Forwarded and answered, but the answer is lost and the connection reset.
    ResetAfter,
    /// Taken, and never answered nor forwarded.
    Hang,
    /// Waits this long before it is forwarded.
    Delay(Duration),
    /// Takes the body with so many bytes a second. (The kernel's buffers take the first ones at once.)
    SlowUp(u64),
    /// Gives the answer's body with so many bytes a second.
    SlowDown(u64),
    /// Answered as stored, and not forwarded.
    Eat,
    /// One bit in the middle of the body is another one when it is stored.
    FlipUp,
    /// One bit in the middle of the answer's body is another one.
    FlipDown,
    /// The answer ends in the middle of its body.
    TruncateDown,
    /// The middle of the body is its end, and the answer says that this is all.
    ShortenDown,
    /// The answer is dated so many seconds after the time of this machine.
    Date(i64),
    /// Runs this before the request is forwarded.
    Call(Arc<dyn Fn() + Send + Sync>),
    /// Runs this when the server has answered, before the answer goes on.
    CallAfter(Arc<dyn Fn() + Send + Sync>),
    /// The server sees these parameters, too. For servers that check no signature.
    AddQuery(String),
    /// The answer has this header.
    AddHeader(&'static str, &'static str),
    /// A listing that names nothing and has no further page.
    EmptyListing,
    /// A listing without the objects whose key is like this.
    ListingWithout(String),
    /// A listing without what was stored, through this proxy, in the last while.
    ListingBehind(Duration),
}

impl Fault {
    /// As a store refuses a key without the right.
    pub fn denied() -> Self {
        Self::Error(403, "AccessDenied")
    }

    /// As it refuses temporary credentials that are over.
    pub fn expired() -> Self {
        Self::Error(400, "ExpiredToken")
    }

    /// As a store refuses that has no room.
    pub fn full() -> Self {
        Self::Error(507, "XMinioStorageFull")
    }

    /// As Ceph refuses a bucket that has all it may have.
    pub fn quota() -> Self {
        Self::Error(403, "QuotaExceeded")
    }

    /// Runs this before the request is forwarded.
    pub fn call(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Call(Arc::new(act))
    }

    /// Runs this when the server has answered.
    pub fn call_after(act: impl Fn() + Send + Sync + 'static) -> Self {
        Self::CallAfter(Arc::new(act))
    }
}

/// Which requests. Each part that is given must hold.
#[derive(Clone, Default)]
pub struct When {
    method: Option<String>,
    targets: Vec<String>,
    later_page: bool,
    skip: u64,
    times: Option<u64>,
    chance: Option<(f64, u64)>,
}

/// What stores call the place where a listing goes on.
const PAGES: [&str; 3] = ["continuation-token=", "marker=", "pageToken="];

impl When {
    pub fn any() -> Self {
        Self::default()
    }

    pub fn method(method: &str) -> Self {
        Self { method: Some(method.to_string()), ..Self::default() }
    }

    /// Listings of a directory of the repository: `locks`.
    pub fn listing(directory: &str) -> Self {
        Self::method("GET").target(&format!("*prefix=*{directory}*"))
    }

    /// The target, path and query and decoded, is like this, where `*` stands for anything.
    pub fn target(mut self, pattern: &str) -> Self {
        self.targets.push(pattern.to_string());
        self
    }

    /// Of a listing: not its first page.
    pub fn later_page(mut self) -> Self {
        self.later_page = true;
        self
    }

    /// Not the first ones of those.
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// No more than so many, of those that come to it.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Only this share of those, from 0 to 1, at random by a seed.
    pub fn chance(mut self, share: f64, seed: u64) -> Self {
        self.chance = Some((share, seed));
        self
    }

    fn is_like(&self, head: &Head) -> bool {
        let target = decoded(head.target());
        self.method.as_ref().is_none_or(|method| method == head.method())
            && self.targets.iter().all(|pattern| is_like(pattern, &target))
            && (!self.later_page || PAGES.iter().any(|page| target.contains(page)))
    }
}

/// A rule with what it has seen.
pub struct Rule {
    when: When,
    fault: Fault,
    random: Random,
    matched: u64,
    applied: u64,
}

impl Rule {
    pub fn new(when: When, fault: Fault) -> Self {
        let random = Random::new(when.chance.map_or(0, |(_, seed)| seed));
        Self { when, fault, random, matched: 0, applied: 0 }
    }

    /// What it does to this request.
    pub fn fault(&mut self, head: &Head) -> Option<Fault> {
        if !self.when.is_like(head) {
            return None;
        }
        self.matched += 1;
        let is_due =
            self.matched > self.when.skip && self.when.times.is_none_or(|times| self.applied < times);
        if !is_due || self.when.chance.is_some_and(|(share, _)| self.random.share() >= share) {
            return None;
        }
        self.applied += 1;
        Some(self.fault.clone())
    }
}

/// Whether a text is like a pattern in which `*` stands for anything.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(rest, &text[at..]))
}

/// Without the escapes of addresses.
pub fn decoded(target: &str) -> String {
    let bytes = target.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| target.get(at + 1..at + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (plain.push(byte), at += 3),
            None => (plain.push(bytes[at]), at += 1),
        };
    }
    String::from_utf8_lossy(&plain).into_owned()
}
