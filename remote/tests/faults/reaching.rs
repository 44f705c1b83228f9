//! How a store is reached: credentials from services that give them, and give others once those have expired; a proxy. What the environment says is said to a child, which is this test program again.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use hotbackup::Code;
use hotbackup_remote::{Remote, RemoteOptions};

use crate::common::http::{Head, request_body};
use crate::common::service::local;

const REACHED: &str = "HOTBACKUP_TEST_REMOTE_REACHED";
const CHOICES: &str = "HOTBACKUP_TEST_REMOTE_CHOICES";
/// What a child's lines begin with that are for the test.
const TOLD: &str = "told: ";
const TIMES: usize = 2;

/// A service of credentials that nearly have expired, and a store in which nothing is: it says so, whoever asks.
pub struct Service {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Head>>>,
}

impl Service {
    pub fn new() -> Self {
        let listener = TcpListener::bind(local(0)).expect("a port");
        let asked: Arc<Mutex<Vec<Head>>> = Arc::default();
        let (address, theirs) = (listener.local_addr().expect("an address"), asked.clone());
        // It ends with the program.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let _ = serve(&client, &theirs);
            }
        });
        Self { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests whose target begins so.
    pub fn asked(&self, target: &str) -> Vec<Head> {
        let asked = self.asked.lock().expect("nobody panicked");
        asked.iter().filter(|head| head.target().starts_with(target)).cloned().collect()
    }

    /// The child asked the store so often, each time with credentials of its own that this service had given.
    #[track_caller]
    pub fn assert_each_was_signed_by_new_ones(&self) {
        let asked = self.asked("/bucket");
        assert!(asked.len() >= TIMES, "{asked:?}");
        let mut keys: Vec<String> = Vec::new();
        for head in &asked {
            let authorization = head.get("authorization").expect("it is signed");
            let key = authorization.split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
            let key = key.expect("a key").to_string();
            assert_eq!(head.get("x-amz-security-token"), Some(&*format!("token-of-{key}")), "{head:?}");
            keys.push(key);
        }
        keys.dedup();
        assert!(keys.len() >= TIMES && keys.iter().all(|key| key.starts_with("GIVEN")), "{keys:?}");
    }
}

/// One request on each connection.
fn serve(client: &TcpStream, asked: &Mutex<Vec<Head>>) -> std::io::Result<()> {
    let mut from = BufReader::new(client);
    let Some(head) = Head::read(&mut from)? else { return Ok(()) };
    request_body(&mut from, &head)?;
    let number = {
        let mut asked = asked.lock().expect("nobody panicked");
        asked.push(head.clone());
        asked.len()
    };
    let (status, body) = answer(head.target(), &format!("GIVEN{number}"));
    let mut answer = Head::new(&format!("HTTP/1.1 {status}"));
    answer.set("Content-Length", &body.len().to_string());
    answer.set("Connection", "close");
    let mut client = client;
    client.write_all(&answer.bytes())?;
    client.write_all(body.as_bytes())
}

fn answer(target: &str, key: &str) -> (&'static str, String) {
    // Soon enough that they are asked for anew each time.
    let expires = "2020-01-01T00:00:00Z";
    if target.starts_with("/?Action=AssumeRoleWithWebIdentity&") {
        let parts = [
            ("AccessKeyId", key),
            ("SecretAccessKey", "secret"),
            ("SessionToken", &*format!("token-of-{key}")),
            ("Expiration", expires),
        ];
        let parts: String = parts.map(|(name, text)| format!("<{name}>{text}</{name}>")).concat();
        let result = format!("<Credentials>{parts}</Credentials>");
        let result = format!("<AssumeRoleWithWebIdentityResult>{result}</AssumeRoleWithWebIdentityResult>");
        let whole =
            format!("<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>");
        return ("200 OK", whole);
    }
    let json = || {
        format!(
            r#"{{"Code":"Success","AccessKeyId":"{key}","SecretAccessKey":"secret","Token":"token-of-{key}","Expiration":"{expires}"}}"#
        )
    };
    match target {
        "/latest/api/token" => ("200 OK", "a token of the instance".into()),
        "/latest/meta-data/iam/security-credentials/" => ("200 OK", "a-role".into()),
        "/latest/meta-data/iam/security-credentials/a-role" | "/container" => ("200 OK", json()),
        _ => ("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>".into()),
    }
}

fn options(settings: &[(&str, &str)]) -> RemoteOptions {
    let mut options = RemoteOptions::new();
    options.set_password_hook(|| Ok("a password".into())).expect("a hook");
    for (key, value) in [("region", "here"), ("retries", "0")].iter().chain(settings) {
        options.set(key, value).expect("a choice");
    }
    options
}

/// Asks for what is not there.
#[track_caller]
pub fn fails(settings: &[(&str, &str)]) -> hotbackup::Error {
    let remote = Remote::open("s3://bucket/db", &options(settings)).expect("a remote");
    remote.list(None).expect_err("nothing is there")
}

/// In the child: asks the store, again and again, by credentials that its environment tells of.
#[test]
fn child_process() {
    let Ok(endpoint) = std::env::var(REACHED) else { return };
    let mut settings = vec![("endpoint", &*endpoint)];
    let choices = std::env::var(CHOICES).expect("choices");
    settings.extend(choices.split('\n').filter_map(|choice| choice.split_once('=')));
    let remote = Remote::open("s3://bucket/db", &options(&settings)).expect("a remote");
    for _ in 0..TIMES {
        let error = remote.list(None).expect_err("nothing is there");
        // The name of the test stands before it on the first line.
        println!("\n{TOLD}{error:?}");
    }
}

/// What the child was told of the store, a line each time.
#[track_caller]
pub fn told(service: &Service, environment: &[(&str, &str)], choices: &[(&str, &str)]) -> Vec<String> {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "reaching::child_process", "--test-threads=1", "--nocapture"]).env_clear();
    let choices: Vec<String> = choices.iter().map(|(key, value)| format!("{key}={value}")).collect();
    command.env(REACHED, service.url("")).env(CHOICES, choices.join("\n"));
    command.env("HOME", home.path()).envs(environment.iter().copied());
    let output = command.output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    said.lines().filter_map(|line| line.strip_prefix(TOLD)).map(str::to_string).collect()
}

/// The store was asked each time, and had nothing.
#[track_caller]
pub fn reaches(service: &Service, environment: &[(&str, &str)], choices: &[(&str, &str)]) {
    let told = told(service, environment, choices);
    let has_nothing = told.iter().all(|line| line.starts_with(Code::NotFound.name()));
    assert!(has_nothing && told.len() == TIMES, "{told:?}");
}

pub fn secret(place: &Path, text: &str) -> String {
    let path = place.join("token");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a plain path").to_string()
}

#[test]
fn a_container_gives_credentials_that_are_asked_for_again_as_they_expire() {
    let (place, service) = (tempfile::tempdir().expect("a temporary directory"), Service::new());
    let token = secret(place.path(), "a-container-token");
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*service.url("/container")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token),
    ];
    reaches(&service, &environment, &[]);
    service.assert_each_was_signed_by_new_ones();
    assert_eq!(service.asked("/container")[0].get("authorization"), Some("a-container-token"));
}

#[test]
fn an_instance_gives_credentials_that_are_asked_for_again_as_they_expire() {
    let service = Service::new();
    reaches(&service, &[("AWS_METADATA_ENDPOINT", &service.url(""))], &[]);
    service.assert_each_was_signed_by_new_ones();
    let asked = &service.asked("/latest/meta-data/")[0];
    assert_eq!(asked.get("x-aws-ec2-metadata-token"), Some("a token of the instance"));
}

#[test]
fn a_proxy_is_asked_for_the_store() {
    let service = Service::new();
    let keys = [("access_key", "key"), ("secret_key", "secret"), ("path_style", "true")];
    let through = [("endpoint", "http://store.invalid"), ("proxy", &service.url(""))];
    let error = fails(&[&keys[..], &through].concat());
    assert_eq!(error.code(), Code::NotFound, "{error}");
    assert_eq!(service.asked("http://store.invalid/bucket/db/").len(), 1);
}
