//! One request through the proxy, step by step.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use rustix::net::sockopt::{set_socket_linger, set_socket_recv_buffer_size};

use super::super::http::{Answer, Head, answer_body, request_body};
use super::rule::is_like;
use super::{Fault, Shared, answer, guarded, http_date, listing};

/// How often a slow stream moves.
const BEAT: Duration = Duration::from_millis(50);

/// Serves a client's connection until it or a fault ends it.
pub fn serve(shared: &Shared, client: &TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from = BufReader::new(client);
    while let Some(head) = Head::read(&mut from)? {
        let faults = shared.faults(&head);
        let place = shared.note(&head, faults.len());
        let wants_close = head.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let exchange = Exchange { shared, client, faults, place };
        if !exchange.run(head, &mut from)? || wants_close || shared.is_over() {
            break;
        }
    }
    Ok(())
}

struct Exchange<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
    faults: Vec<Fault>,
    place: usize,
}

impl Exchange<'_> {
    /// Whether the connection goes on.
    fn run(&self, mut head: Head, from: &mut BufReader<&TcpStream>) -> io::Result<bool> {
        if self.has(|fault| matches!(fault, Fault::ResetBefore)) {
            return self.reset();
        }
        let mut body = self.take(&mut head, from)?;
        self.shared.amend(self.place, |seen| seen.up = body.len());
        self.before();
        if self.has(|fault| matches!(fault, Fault::Hang)) {
            return self.hang();
        }
        let mut answer = match self.own_answer(&head, &body) {
            Some(answer) => answer,
            None => {
                self.change_request(&mut head, &mut body);
                let answer = forward(self.shared, &head, &body)?;
                self.shared.amend(self.place, |seen| seen.stored = Some(answer.status()));
                answer
            }
        };
        self.faults.iter().for_each(|fault| {
            if let Fault::CallAfter(act) = fault {
                act()
            }
        });
        if self.has(|fault| matches!(fault, Fault::ResetAfter)) {
            return self.reset();
        }
        self.change_answer(&mut answer);
        self.give(head.method(), answer)
    }

    fn has(&self, is_it: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(is_it)
    }

    /// Takes the request's body.
    fn take(&self, head: &mut Head, from: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
        if head.get("expect").is_some() {
            let mut client = self.client;
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let rate = self
            .faults
            .iter()
            .find_map(|fault| if let Fault::SlowUp(rate) = fault { Some(*rate) } else { None });
        let body = match rate {
            None => request_body(from, head)?,
            Some(rate) => {
                // Else the kernel takes some megabytes for us.
                set_socket_recv_buffer_size(self.client, 4096)?;
                let piece = piece(rate);
                request_body(&mut BufReader::with_capacity(piece, Slow { from, piece }), head)?
            }
        };
        let is_chunked = head.get("transfer-encoding").is_some();
        for name in ["Expect", "Transfer-Encoding", "Connection"] {
            head.remove(name);
        }
        if is_chunked {
            head.set("Content-Length", &body.len().to_string());
        }
        Ok(body)
    }

    fn before(&self) {
        for fault in &self.faults {
            match fault {
                Fault::Delay(time) => self.wait(*time),
                Fault::Call(act) => act(),
                _ => {}
            }
        }
    }

    /// Waits, but not beyond the proxy's end.
    fn wait(&self, time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time && !self.shared.is_over() {
            std::thread::sleep(BEAT.min(time.saturating_sub(since.elapsed())));
        }
    }

    /// Until the client has enough of it.
    fn hang(&self) -> io::Result<bool> {
        self.client.set_read_timeout(Some(BEAT))?;
        while !self.shared.is_over() {
            match self.client.peek(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        Ok(false)
    }

    /// Closes so that the client hears of a reset, not of an end.
    fn reset(&self) -> io::Result<bool> {
        set_socket_linger(self.client, Some(Duration::ZERO))?;
        Ok(false)
    }

    fn own_answer(&self, head: &Head, body: &[u8]) -> Option<Answer> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Status(status) => Some(answer::status_only(*status)),
            Fault::Error(status, code) => Some(answer::error(*status, code)),
            Fault::Eat => Some(answer::stored(head, body)),
            _ => None,
        })
    }

    fn change_request(&self, head: &mut Head, body: &mut [u8]) {
        for fault in &self.faults {
            match fault {
                Fault::FlipUp => flip(body),
                Fault::AddQuery(added) => {
                    let joint = if head.target().contains('?') { '&' } else { '?' };
                    head.first = format!("{} {}{joint}{added} HTTP/1.1", head.method(), head.target());
                }
                _ => {}
            }
        }
    }

    fn change_answer(&self, answer: &mut Answer) {
        for fault in &self.faults {
            match fault {
                Fault::FlipDown => flip(&mut answer.body),
                Fault::ShortenDown => answer.body.truncate(answer.body.len() / 2),
                Fault::Date(later) => {
                    let now = SystemTime::now();
                    let distance = Duration::from_secs(later.unsigned_abs());
                    let date = if *later < 0 { now - distance } else { now + distance };
                    answer.head.set("Date", &http_date(date));
                }
                Fault::AddHeader(name, value) => answer.head.set(name, value),
                Fault::EmptyListing => answer.body = listing::empty(&answer.text()).into_bytes(),
                Fault::ListingWithout(pattern) => {
                    answer.body = listing::without(&answer.text(), |key| is_like(pattern, key)).into_bytes();
                }
                Fault::ListingBehind(time) => {
                    let recent = self.stored_within(*time);
                    let is_recent = |key: &str| recent.iter().any(|path| path.ends_with(&format!("/{key}")));
                    answer.body = listing::without(&answer.text(), is_recent).into_bytes();
                }
                _ => {}
            }
        }
    }

    /// The paths of what was stored in this time until now.
    fn stored_within(&self, time: Duration) -> Vec<String> {
        let seen = guarded(&self.shared.seen);
        let stored = seen.iter().filter(|one| one.method == "PUT" && one.at.elapsed() < time);
        stored.map(|one| one.target.split('?').next().unwrap_or_default().to_string()).collect()
    }

    /// Sends the answer on.
    fn give(&self, method: &str, mut answer: Answer) -> io::Result<bool> {
        let has_body = method != "HEAD" && !matches!(answer.status(), 204 | 304);
        ["Transfer-Encoding", "Connection", "Keep-Alive"].iter().for_each(|name| answer.head.remove(name));
        if has_body {
            answer.head.set("Content-Length", &answer.body.len().to_string());
        } else {
            answer.body.clear();
        }
        let is_cut = has_body && self.has(|fault| matches!(fault, Fault::TruncateDown));
        if is_cut {
            answer.body.truncate(answer.body.len() / 2);
        }
        self.shared.amend(self.place, |seen| {
            (seen.status, seen.down) = (Some(answer.status()), answer.body.len());
        });
        let mut client = self.client;
        client.write_all(&answer.head.bytes())?;
        let rate = self
            .faults
            .iter()
            .find_map(|fault| if let Fault::SlowDown(rate) = fault { Some(*rate) } else { None });
        for part in answer.body.chunks(rate.map_or(1 << 20, piece)) {
            if rate.is_some() {
                self.wait(BEAT);
            }
            client.write_all(part)?;
        }
        Ok(!is_cut)
    }
}

/// What a stream of this rate moves at a time.
fn piece(rate: u64) -> usize {
    (rate as usize / 20).max(1)
}

fn flip(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 0x10;
    }
}

/// A reader that gives a piece a beat.
struct Slow<R> {
    from: R,
    piece: usize,
}

impl<R: Read> Read for Slow<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        std::thread::sleep(BEAT);
        let length = into.len().min(self.piece);
        self.from.read(&mut into[..length])
    }
}

/// Asks the server. One that cannot be reached is a gateway's error.
fn forward(shared: &Shared, head: &Head, body: &[u8]) -> io::Result<Answer> {
    let Ok(mut server) = TcpStream::connect(shared.server) else {
        return Ok(answer::error(502, "BadGateway"));
    };
    let mut head = head.clone();
    head.set("Connection", "close");
    // A server may refuse before it has taken all: its answer counts.
    let _ = server.write_all(&head.bytes()).and_then(|()| server.write_all(body));
    let mut from = BufReader::new(server);
    let answer = loop {
        let answer = Head::read(&mut from)?.ok_or(ErrorKind::UnexpectedEof)?;
        if answer.status() != 100 {
            break answer;
        }
    };
    let body = answer_body(&mut from, &answer, head.method())?;
    Ok(Answer { head: answer, body })
}
