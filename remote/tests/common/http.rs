//! As much of HTTP/1.1 as the tests speak themselves: heads, bodies, one request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The first line and the headers of a request or an answer, in the order and spelling they came in.
#[derive(Debug, Clone)]
pub struct Head {
    pub first: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn new(first: &str) -> Self {
        Self { first: first.to_string(), headers: Vec::new() }
    }

    /// The next one; `None`: the other side has closed.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(from)? else { return Ok(None) };
        let mut head = Self::new(&first);
        loop {
            let line = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(Some(head));
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            head.headers.push((name.to_string(), value.trim().to_string()));
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_string(), value.to_string()));
    }

    /// The second word of a request's first line.
    pub fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    /// The number in an answer's first line.
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("{}\r\n{}\r\n", self.first, headers.collect::<String>()).into_bytes()
    }

    fn is_chunked(&self) -> bool {
        self.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<u64> {
        self.get("content-length").and_then(|length| length.parse().ok())
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_string()))
}

/// The body of a request.
pub fn request_body(from: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    match head.is_chunked() {
        true => chunks(from),
        false => exactly(from, head.length().unwrap_or(0)),
    }
}

/// The body of an answer to this method.
pub fn answer_body(from: &mut impl BufRead, head: &Head, method: &str) -> io::Result<Vec<u8>> {
    if method == "HEAD" || matches!(head.status(), 100..200 | 204 | 304) {
        return Ok(Vec::new());
    }
    match head.length() {
        _ if head.is_chunked() => chunks(from),
        Some(length) => exactly(from, length),
        None => {
            let mut rest = Vec::new();
            from.read_to_end(&mut rest)?;
            Ok(rest)
        }
    }
}

fn exactly(from: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    match from.take(length).read_to_end(&mut body)? as u64 == length {
        true => Ok(body),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size == 0 {
            while line(from)?.is_some_and(|trailer| !trailer.is_empty()) {}
            return Ok(body);
        }
        body.extend(exactly(from, size)?);
        line(from)?;
    }
}

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One request on a connection of its own. Whoever hangs for half a minute has failed.
pub fn call(server: SocketAddr, request: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let mut connection = TcpStream::connect(server)?;
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = Head::new(&format!("{request} HTTP/1.1"));
    head.set("Host", &server.to_string());
    head.set("Content-Length", &body.len().to_string());
    head.set("Connection", "close");
    headers.iter().for_each(|(name, value)| head.set(name, value));
    connection.write_all(&head.bytes())?;
    connection.write_all(body)?;
    let mut from = BufReader::new(connection);
    let answer = Head::read(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = answer_body(&mut from, &answer, head.method())?;
    Ok(Answer { head: answer, body })
}
