//! Each rule of the proxy does what it says, to a plain client before a tiny server that keeps what it is given.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::common::http::{Answer, Head, call, request_body};
use crate::common::proxy::{Fault, Proxy, When, http_date};
use crate::common::service::local;

/// What it was given, by target.
type Kept = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Scene {
    kept: Kept,
    proxy: Proxy,
}

impl Scene {
    fn new() -> Self {
        let listener = TcpListener::bind(local(0)).expect("a port");
        let (kept, server) = (Kept::default(), listener.local_addr().expect("an address"));
        let theirs = kept.clone();
        // Ends with the process: nobody else knows its port.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|client| serve(&client, &theirs)));
        Self { kept, proxy: Proxy::before(server) }
    }

    fn with(when: When, fault: Fault) -> Self {
        let scene = Self::new();
        scene.proxy.rule(when, fault);
        scene
    }

    fn to(&self) -> SocketAddr {
        self.proxy.address()
    }

    fn put(&self, body: &[u8]) -> std::io::Result<Answer> {
        call(self.to(), "PUT /bucket/a", &[], body)
    }

    fn get(&self, target: &str) -> std::io::Result<Answer> {
        call(self.to(), &format!("GET {target}"), &[], b"")
    }

    fn kept(&self, target: &str) -> Option<Vec<u8>> {
        self.kept.lock().unwrap().get(target).cloned()
    }
}

fn serve(mut client: &TcpStream, kept: &Kept) {
    let mut from = BufReader::new(client);
    let Ok(Some(head)) = Head::read(&mut from) else { return };
    let Ok(body) = request_body(&mut from, &head) else { return };
    let target = head.target().to_string();
    let mut kept = kept.lock().unwrap();
    let found = kept.get(&target).cloned().unwrap_or_default();
    match head.method() {
        "PUT" => _ = kept.insert(target, body),
        "DELETE" => _ = kept.remove(&target),
        _ => {}
    }
    let host = head.get("host").unwrap_or_default();
    let _ = write!(client, "HTTP/1.1 200 OK\r\nX-Host: {host}\r\nContent-Length: {}\r\n\r\n", found.len());
    if head.method() != "HEAD" {
        let _ = client.write_all(&found);
    }
}

const LISTING: &str = "<R><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
    <Contents><Key>p/locks/1</Key></Contents><Contents><Key>a</Key></Contents></R>";

#[test]
fn without_rules_all_is_forwarded_and_counted() {
    let scene = Scene::new();
    assert_eq!(scene.put(b"whole").unwrap().head.get("x-host"), Some(&*scene.to().to_string()));
    assert_eq!(scene.get("/bucket/a").unwrap().body, b"whole");
    let seen = scene.proxy.requests();
    assert_eq!((seen.len(), seen[0].up, seen[1].down, seen[1].status), (2, 5, 5, Some(200)));
    assert_eq!((scene.proxy.count("PUT", "*/a"), scene.proxy.count("PUT", "*/b")), (1, 0));
}

#[test]
fn chunks_expectations_and_a_second_request_on_a_connection_are_understood() {
    let scene = Scene::new();
    let mut client = TcpStream::connect(scene.to()).unwrap();
    let head =
        "PUT /bucket/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    let mut from = BufReader::new(client.try_clone().unwrap());
    assert_eq!(Head::read(&mut from).unwrap().unwrap().status(), 100);
    client.write_all(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n").unwrap();
    assert_eq!(Head::read(&mut from).unwrap().unwrap().status(), 200);
    assert_eq!(scene.kept("/bucket/a").unwrap(), b"onetwo");
    client.write_all(b"HEAD /bucket/a HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let answer = Head::read(&mut from).unwrap().unwrap();
    assert_eq!((answer.status(), answer.get("content-length")), (200, Some("6")));
}

#[test]
fn rules_count_choose_and_end() {
    let scene = Scene::with(When::method("PUT").target("/bucket/*").after(1).times(2), Fault::Status(500));
    let statuses: Vec<_> = (0..5).map(|_| scene.put(b"x").unwrap().status()).collect();
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    assert_eq!(scene.get("/bucket/a").unwrap().status(), 200);
    let half = |seed| {
        let scene = Scene::with(When::any().chance(0.5, seed), Fault::Status(503));
        (0..40).map(|_| scene.put(b"x").unwrap().status()).collect::<Vec<_>>()
    };
    assert_eq!(half(7), half(7));
    assert_ne!(half(7), half(8));
    let failed = half(7).iter().filter(|status| **status == 503).count();
    assert!((8..33).contains(&failed), "{failed} of 40");
}

#[test]
fn refusals_have_the_stores_code() {
    for (fault, status, code) in [
        (Fault::denied(), 403, "AccessDenied"),
        (Fault::expired(), 400, "ExpiredToken"),
        (Fault::full(), 507, "XMinioStorageFull"),
        (Fault::quota(), 403, "QuotaExceeded"),
    ] {
        let answer = Scene::with(When::any(), fault).put(b"x").unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.text().contains(&format!("<Code>{code}</Code>")), "{}", answer.text());
    }
}

#[test]
fn a_reset_before_stores_nothing_and_one_after_loses_the_answer() {
    for (fault, is_stored) in [(Fault::ResetBefore, false), (Fault::ResetAfter, true)] {
        let scene = Scene::with(When::any(), fault);
        let error = scene.put(b"x").expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(scene.kept("/bucket/a").is_some(), is_stored);
        assert_eq!(scene.proxy.requests()[0].status, None);
    }
}

#[test]
fn what_hangs_is_not_answered_until_the_proxy_ends() {
    let scene = Scene::with(When::any(), Fault::Hang);
    let mut client = TcpStream::connect(scene.to()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(scene);
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn slow_and_late_ones_take_their_time() {
    let faults = [Fault::SlowUp(4000), Fault::SlowDown(4000), Fault::Delay(Duration::from_millis(400))];
    for fault in faults {
        let scene = Scene::new();
        scene.put(&[1; 2000]).unwrap();
        scene.proxy.rule(When::any().once(), fault.clone());
        let since = Instant::now();
        let answer =
            if matches!(fault, Fault::SlowUp(_)) { scene.put(&[2; 2000]) } else { scene.get("/bucket/a") };
        assert_eq!(answer.unwrap().status(), 200);
        assert!(since.elapsed() > Duration::from_millis(350), "{:?}", since.elapsed());
        let kept = scene.kept("/bucket/a").unwrap();
        assert_eq!(kept, [if matches!(fault, Fault::SlowUp(_)) { 2 } else { 1 }; 2000]);
    }
}

#[test]
fn what_is_eaten_is_acknowledged_with_its_etag() {
    let scene = Scene::with(When::any(), Fault::Eat);
    let answer = scene.put(b"hello").unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.head.get("etag"), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(scene.kept("/bucket/a"), None);
    let answer = call(scene.to(), "PUT /c/a", &[("x-ms-blob-type", "BlockBlob")], b"hello").unwrap();
    assert_eq!(answer.status(), 201);
}

#[test]
fn a_bit_flips_and_bodies_end_early() {
    let one_bit =
        |one: &[u8]| one.iter().zip(b"hello").map(|(one, other)| (one ^ other).count_ones()).sum::<u32>();
    let scene = Scene::with(When::method("PUT").once(), Fault::FlipUp);
    scene.put(b"hello").unwrap();
    assert_eq!(one_bit(&scene.kept("/bucket/a").unwrap()), 1);
    scene.put(b"hello").unwrap();
    scene.proxy.rule(When::any().once(), Fault::FlipDown);
    assert_eq!(one_bit(&scene.get("/bucket/a").unwrap().body), 1);
    scene.proxy.rule(When::any().once(), Fault::ShortenDown);
    assert_eq!(scene.get("/bucket/a").unwrap().body, b"he");
    scene.proxy.rule(When::any().once(), Fault::TruncateDown);
    assert_eq!(scene.get("/bucket/a").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(scene.get("/bucket/a").unwrap().body, b"hello");
}

#[test]
fn dates_are_those_of_another_clock() {
    let known = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    assert_eq!(http_date(known), "Sun, 06 Nov 1994 08:49:37 GMT");
    let leap = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_164_800);
    assert_eq!(http_date(leap), "Thu, 29 Feb 2024 00:00:00 GMT");
    for days in [-2, 2] {
        let answer = Scene::with(When::any(), Fault::Date(days * 86_400)).put(b"x").unwrap();
        let now = SystemTime::now();
        let distance = Duration::from_secs(2 * 86_400);
        let expected = http_date(if days < 0 { now - distance } else { now + distance });
        assert_eq!(answer.head.get("date").unwrap()[..17], expected[..17]);
    }
}

#[test]
fn closures_run_before_and_after_the_server_has_it() {
    for (is_after, expected) in [(false, 0), (true, 1)] {
        let scene = Scene::new();
        let (kept, seen) = (scene.kept.clone(), Arc::new(AtomicUsize::new(99)));
        let noted = seen.clone();
        let act = move || noted.store(kept.lock().unwrap().len(), Ordering::SeqCst);
        scene.proxy.rule(When::any(), if is_after { Fault::call_after(act) } else { Fault::call(act) });
        scene.put(b"x").unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), expected);
    }
}

#[test]
fn listings_lose_what_a_rule_names() {
    let listing = "/bucket?list-type=2&prefix=p%2Flocks%2F";
    let listed = |fault| {
        let scene = Scene::with(When::listing("locks"), fault);
        scene.put(b"x").unwrap();
        call(scene.to(), &format!("PUT {listing}"), &[], LISTING.as_bytes()).unwrap();
        scene.get(listing).unwrap().text()
    };
    let empty = listed(Fault::EmptyListing);
    assert_eq!(empty, "<R><IsTruncated>false</IsTruncated></R>");
    let without = listed(Fault::ListingWithout("*locks/*".to_string()));
    assert!(!without.contains("locks/1") && without.contains("<Key>a</Key>"), "{without}");
    let behind = listed(Fault::ListingBehind(Duration::from_secs(60)));
    assert!(behind.contains("locks/1") && !behind.contains("<Key>a</Key>"), "{behind}");
}

#[test]
fn later_pages_and_further_parameters() {
    let scene = Scene::with(When::any().later_page(), Fault::Status(500));
    assert_eq!(scene.get("/bucket?list-type=2").unwrap().status(), 200);
    assert_eq!(scene.get("/bucket?list-type=2&continuation-token=t").unwrap().status(), 500);
    scene.proxy.clear();
    scene.proxy.rule(When::method("PUT"), Fault::AddQuery("x=1".to_string()));
    scene.put(b"x").unwrap();
    assert!(scene.kept("/bucket/a?x=1").is_some());
}
