//! A server that answers each request as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

/// What a test's server does with the n-th request.
pub type Script = Arc<dyn Fn(usize, &Asked, &mut TcpStream) + Send + Sync>;

pub struct Server {
    pub endpoint: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn start(script: impl Fn(usize, &Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let script: Script = Arc::new(script);
        let all = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, all) = (Arc::clone(&script), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &script, &all));
            }
        });
        Self { endpoint, asked }
    }

    pub fn count(&self) -> usize {
        self.asked.lock().expect("a list").len()
    }
}

/// One request a connection: what is scripted never depends on which one is used again.
fn serve(mut stream: TcpStream, script: &Script, all: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut asked = Asked::default();
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 0 && line.trim() != "" {
        match asked.line.is_empty() {
            true => asked.line = line.trim().to_string(),
            false => asked.headers.push(line.trim().to_string()),
        }
        line.clear();
    }
    if asked.line.is_empty() {
        return;
    }
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    // What is read at a time, and how long after that nothing is.
    let (most, pause) = match &asked.line {
        line if line.contains("slow-up") => (100, 100),
        line if line.contains("slow-large") => (128 << 10, 200),
        line if line.contains("stuck") => (128 << 10, 60_000),
        _ => (1 << 20, 0),
    };
    if pause > 100 {
        // Else the kernel takes some megabytes for us: what is slow is the way here, not the reader.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 128 << 10);
    }
    let mut left: usize = length;
    while left > 0 {
        let mut part = vec![0; left.min(most)];
        if reader.read_exact(&mut part).is_err() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(pause));
        left -= part.len();
        asked.body.extend(part);
    }
    let number = {
        let mut all = all.lock().expect("a list");
        all.push(asked.clone());
        all.len() - 1
    };
    script(number, &asked, &mut stream);
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&String| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        self.headers.iter().find(is_it).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }
}

/// An answer with a length.
pub fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// An error as S3 says it.
pub fn refuse(stream: &mut TcpStream, status: &str, code: &str) {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>It said so.</Message></Error>");
    answer(stream, status, "", body.as_bytes());
}
