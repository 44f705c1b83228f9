//! What a server can do wrong.

use bytes::Bytes;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use hotbackup::Code;

use super::server::{Server, answer, refuse};
use super::{SECRET, names, settings, watched};
use crate::store::Store;

const MODIFIED: &str = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

fn open(server: &Server, more: &[(&str, &str)]) -> Store {
    let mut settings = settings(&server.endpoint);
    for (key, value) in more {
        settings.set(key, value).expect(key);
    }
    Store::open("s3://bucket/prefix", &settings).expect("a store")
}

#[test]
fn errors_that_pass_are_tried_again() {
    for (status, code) in [
        ("500 x", "InternalError"),
        ("503 x", "SlowDown"),
        ("429 x", "TooManyRequests"),
        ("408 x", "RequestTimeout"),
        ("400 x", "BadDigest"),
        ("400 x", "XAmzContentSHA256Mismatch"),
    ] {
        let server = Server::start(move |number, _, stream| match number {
            0 | 1 => refuse(stream, status, code),
            _ => answer(stream, "200 OK", "ETag: \"x\"\r\n", b""),
        });
        let store = open(&server, &[]);
        store.put("data/x", "bytes".into()).expect(code);
        assert_eq!((server.count(), store.requests().retries, store.requests().puts), (3, 2, 3), "{code}");
    }
}

#[test]
fn a_put_is_signed_with_its_payload_each_time_anew() {
    let server = Server::start(|number, _, stream| match number {
        0 => refuse(stream, "500 x", "InternalError"),
        _ => answer(stream, "200 OK", "ETag: \"x\"\r\n", b""),
    });
    open(&server, &[]).put("data/x", "bytes".into()).expect("put");
    let asked = server.asked.lock().expect("a list");
    for request in asked.iter() {
        // SHA-256 of "bytes".
        let hash = "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9";
        assert_eq!(request.header("x-amz-content-sha256"), Some(hash));
        assert_eq!(request.body, b"bytes");
        assert!(request.line.starts_with("PUT /bucket/prefix/data/x "), "{}", request.line);
    }
    assert_eq!(asked.len(), 2);
}

#[test]
fn errors_that_stay_have_their_codes_and_are_not_tried_again() {
    let cases = [
        ("404 x", "NoSuchKey", Code::NotFound),
        ("403 x", "AccessDenied", Code::Unauthorized),
        ("401 x", "Unauthorized", Code::Unauthorized),
        ("507 x", "InsufficientStorage", Code::NoSpace),
        ("403 x", "QuotaExceeded", Code::NoSpace),
        ("400 x", "ExpiredToken", Code::Unauthorized),
        ("400 x", "InvalidArgument", Code::Io),
        ("301 x", "PermanentRedirect", Code::Io),
    ];
    for (status, code, expected) in cases {
        let server = Server::start(move |_, _, stream| refuse(stream, status, code));
        let error = open(&server, &[]).get("data/x").expect_err(code);
        assert_eq!(error.code(), expected, "{error}");
        assert_eq!(server.count(), 1, "{code}");
        let text = error.to_string();
        assert!(
            text.contains("data/x") && text.contains("s3://bucket/prefix") && text.contains(code),
            "{text}"
        );
        assert!(!text.contains(SECRET) && !text.contains("Signature") && !text.contains('\n'), "{text}");
    }
}

#[test]
fn credentials_that_are_refused_are_read_anew_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let write = |key: &str| {
        let text = format!("[default]\naws_access_key_id={key}\naws_secret_access_key={SECRET}\n");
        std::fs::write(&file, text).expect("written");
    };
    write("old");
    let path = file.clone();
    let server = Server::start(move |_, asked, stream| {
        match asked.header("authorization").is_some_and(|header| header.contains("Credential=new/")) {
            true => answer(stream, "200 OK", MODIFIED, b"fine"),
            false => {
                let text = format!("[default]\naws_access_key_id=new\naws_secret_access_key={SECRET}\n");
                std::fs::write(&path, text).expect("written");
                refuse(stream, "403 x", "ExpiredToken");
            }
        }
    });
    let mut settings = crate::store::Settings::default();
    let file = file.to_str().expect("text");
    for (key, value) in
        [("endpoint", server.endpoint.as_str()), ("profile", "default"), ("credentials_file", file)]
    {
        settings.set(key, value).expect(key);
    }
    let store = Store::open("s3://bucket", &settings).expect("a store");
    assert_eq!(store.get("x").expect("got"), b"fine");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_reset_is_tried_again_and_in_the_end_the_store_is_unreachable() {
    let server = Server::start(|number, _, stream| match number {
        0 => drop(stream.shutdown(std::net::Shutdown::Both)),
        _ => answer(stream, "200 OK", MODIFIED, b"fine"),
    });
    assert_eq!(open(&server, &[]).get("x").expect("got"), b"fine");
    let server = Server::start(|_, _, stream| drop(stream.shutdown(std::net::Shutdown::Both)));
    let error = open(&server, &[("retries", "2")]).get("x").expect_err("never");
    assert_eq!((error.code(), server.count()), (Code::Unreachable, 3), "{error}");
    assert!(!error.to_string().contains("http://"), "{error}");
}

#[test]
fn the_budget_ends_trying_again() {
    let server = Server::start(|_, _, stream| refuse(stream, "503 x", "SlowDown"));
    let began = Instant::now();
    let error = open(&server, &[("retry_budget", "1s")]).get("x").expect_err("never");
    assert_eq!(error.code(), Code::Io);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_truncated_answer_is_tried_again_once() {
    let cut = |_: usize, _: &super::server::Asked, stream: &mut std::net::TcpStream| {
        let head =
            format!("HTTP/1.1 200 OK\r\n{MODIFIED}Connection: close\r\nContent-Length: 100\r\n\r\nonly this");
        let _ = stream.write_all(head.as_bytes());
    };
    let server = Server::start(cut);
    let error = open(&server, &[]).get("index/x").expect_err("cut");
    assert_eq!((error.code(), server.count()), (Code::Corrupt, 2), "{error}");
    assert!(error.to_string().contains("index/x"), "{error}");
    let server = Server::start(move |number, asked, stream| match number {
        0 => cut(0, asked, stream),
        _ => answer(stream, "200 OK", MODIFIED, b"fine"),
    });
    assert_eq!(open(&server, &[]).get("index/x").expect("got"), b"fine");
}

#[test]
fn another_range_than_the_one_asked_for_is_an_error() {
    let server = Server::start(|_, _, stream| {
        answer(stream, "206 x", &format!("{MODIFIED}Content-Range: bytes 0-3/100\r\n"), b"four");
    });
    open(&server, &[]).get_range("x", 0..8).expect_err("four are not eight");
    assert_eq!(open(&server, &[]).get_range("x", 0..4).expect("got"), b"four");
}

#[test]
fn a_listing_has_all_pages_and_an_error_on_the_second_is_one() {
    fn page(stream: &mut std::net::TcpStream, name: &str, next: &str) {
        let body = format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name><Prefix>prefix/data/</Prefix><KeyCount>1</KeyCount>\
             <MaxKeys>1</MaxKeys>{next}<Contents><Key>prefix/data/{name}</Key><Size>5</Size>\
             <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
        );
        answer(stream, "200 OK", "", body.as_bytes());
    }
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t2</NextContinuationToken>";
    let server =
        Server::start(move |number, asked, stream| match asked.line.contains("continuation-token=t2") {
            true if number == 1 => refuse(stream, "500 x", "InternalError"),
            true => page(stream, "b", "<IsTruncated>false</IsTruncated>"),
            false => page(stream, "a", more),
        });
    let all = names(&open(&server, &[]), "data").expect("listed");
    assert_eq!(all, [("data/a".to_string(), 5), ("data/b".to_string(), 5)]);
    for (status, body) in [("403 x", ""), ("200 OK", "<half"), ("500 x", "")] {
        let server =
            Server::start(move |_, asked, stream| match asked.line.contains("continuation-token=t2") {
                true => answer(stream, status, "", body.as_bytes()),
                false => page(stream, "a", more),
            });
        names(&open(&server, &[("retries", "1")]), "data").expect_err(status);
    }
}

#[test]
fn the_stores_clock_is_that_of_its_answers() {
    let server = Server::start(|_, _, stream| {
        let there =
            chrono::DateTime::<chrono::Utc>::from(SystemTime::now() - Duration::from_secs(2 * 86_400));
        let date = format!("Date: {}\r\n{MODIFIED}", there.format("%a, %d %b %Y %H:%M:%S GMT"));
        answer(stream, "200 OK", &date, b"x");
    });
    let store = open(&server, &[]);
    let behind = || SystemTime::now().duration_since(store.now()).unwrap_or_default().as_secs();
    assert!(behind() < 5);
    store.get("x").expect("got");
    assert!((2 * 86_400 - 5..2 * 86_400 + 5).contains(&behind()), "{}", behind());
    // Signed with our clock it would be good for two days there.
    let error = store.sign_put("x", Duration::from_secs(300)).expect_err("no such signature");
    assert_eq!(error.code(), Code::Conflict, "{error}");
}

#[test]
fn a_server_that_hangs_is_left_within_a_second_and_is_dead_after_the_idle_time() {
    for part in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"] {
        let server = Server::start(move |_, _, stream| {
            let _ = stream.write_all(part.as_bytes());
            std::thread::sleep(Duration::from_secs(60));
        });
        let (store, job) = watched(&open(&server, &[]));
        let cancel = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            job.is_over.store(true, Ordering::Relaxed);
            Instant::now()
        });
        let error = store.get("x").expect_err("cancelled");
        let ended = Instant::now();
        assert_eq!(error.code(), Code::Cancelled);
        let took = ended.saturating_duration_since(cancel.join().expect("a time"));
        assert!(took < Duration::from_secs(1), "{took:?}");
        let dead = open(&server, &[("idle_timeout", "300ms"), ("retries", "0")]);
        let began = Instant::now();
        let error = dead.get("x").expect_err("dead");
        assert_eq!(error.code(), Code::Unreachable, "{error}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let error = dead.put("x", vec![0; 300_000].into()).expect_err("dead");
        assert_eq!(error.code(), if part.is_empty() { Code::Unreachable } else { error.code() });
    }
}

#[test]
fn slow_is_not_dead_up_or_down() {
    let server = Server::start(|_, asked, stream| {
        if asked.line.starts_with("PUT") {
            return answer(stream, "200 OK", "ETag: \"x\"\r\n", b"");
        }
        let _ =
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{MODIFIED}Content-Length: 20\r\n\r\n").as_bytes());
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(b"x");
        }
    });
    // Two seconds each, of which none is silent for as long as half a second.
    let store = open(&server, &[("idle_timeout", "500ms"), ("retries", "0")]);
    assert_eq!(store.get("slow").expect("slow"), vec![b'x'; 20]);
    // The kernel takes these 1,500 bytes at once, and they leave at 1 KB/s.
    store.put("slow-up", vec![0; 1_500].into()).expect("slow");
}

#[test]
fn an_upload_is_alive_while_the_other_side_takes_it_and_dead_soon_after_it_takes_no_more() {
    let server = Server::start(|_, _, stream| answer(stream, "200 OK", "ETag: \"x\"\r\n", b""));
    let store = open(&server, &[("idle_timeout", "500ms"), ("retries", "0")]);
    let large = || Bytes::from(vec![0; 4 << 20]);
    // The kernel takes most of it at once, and 128 KiB are read in 200 ms: it is silent for far longer than four idle
    // times. Twice: the second one goes by the same client.
    for name in ["slow-large", "slow-large-again"] {
        let since = Instant::now();
        store.put(name, large()).expect("slow");
        assert!(since.elapsed() > Duration::from_secs(5), "{:?}", since.elapsed());
    }
    let since = Instant::now();
    let error = store.put("stuck", large()).expect_err("dead");
    assert_eq!(error.code(), Code::Unreachable, "{error}");
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
}

#[test]
fn a_body_is_paced_in_small_parts_and_ends_with_its_job() {
    let server = Server::start(|_, asked, stream| match asked.line.starts_with("PUT") {
        true => answer(stream, "200 OK", "ETag: \"x\"\r\n", b""),
        false => answer(stream, "200 OK", MODIFIED, &vec![1; 300_000]),
    });
    let (store, job) = watched(&open(&server, &[]));
    store.put("x", vec![0; 300_000].into()).expect("put");
    store.get("x").expect("got");
    assert_eq!((job.up.load(Ordering::Relaxed), job.down.load(Ordering::Relaxed)), (300_000, 300_000));
    assert!(job.largest.load(Ordering::Relaxed) <= 64 << 10);
    assert_eq!((store.requests().bytes_up, store.requests().bytes_down), (300_000, 300_000));
}

#[test]
fn a_signed_put_is_sent_once_and_an_expired_one_is_a_conflict() {
    let name = format!("snapshots/{}", "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9");
    let server = Server::start(|_, _, stream| refuse(stream, "500 x", "InternalError"));
    let store = open(&server, &[]);
    let sign =
        |store: &Store| store.sign_put(&name, Duration::from_secs(300)).expect("signed").expect("signed");
    let error = store.put_signed(sign(&store), "bytes".into()).expect_err("refused");
    assert_eq!((error.code(), server.count()), (Code::Io, 1));
    let line = server.asked.lock().expect("a list")[0].clone();
    assert!(line.line.contains("X-Amz-SignedHeaders=host%3Bx-amz-checksum-sha256"), "{}", line.line);
    assert_eq!(line.header("x-amz-checksum-sha256"), Some("J3CJ2RwL308uaGK6fkoHYFEZQx9dE/cm3TUrBvGyBqk="));
    let told = format!("{error} {error:?} {:?}", sign(&store));
    assert!(!told.contains("Signature") && !told.contains(SECRET), "{told}");
    let server = Server::start(|_, _, stream| {
        let body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        answer(stream, "403 x", "", body.as_bytes());
    });
    let store = open(&server, &[]);
    assert_eq!(store.put_signed(sign(&store), "bytes".into()).expect_err("late").code(), Code::Conflict);
}
