//! Certificates of one's own: a store that has one, and the service that gives credentials for a web identity, which
//! `object_store` asks by TLS alone.

use std::process::Command;
use std::time::Duration;

use hotbackup::Code;

use crate::common::service::{self, free_port, local};
use crate::reaching::{Service, fails, reaches, secret, told};

/// Hands what comes by TLS on to a port, and its answer back.
const FRONT: &str = "\
import http.client, http.server, ssl, sys
class Front(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        behind = http.client.HTTPConnection('127.0.0.1', int(sys.argv[2]))
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_POST = do_GET
    def log_message(self, *_): pass
server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Front)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()";

/// A service behind TLS, with a certificate that nobody knows.
struct Front {
    url: String,
    /// What its certificate was signed by.
    ca: String,
    _server: service::Service,
    place: tempfile::TempDir,
}

/// `None`, and it is said: openssl is not there.
fn front(service: &Service) -> Option<Front> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| place.path().join(name).to_str().expect("a plain path").to_string();
    let [ca, ca_key, certificate, key] = ["ca", "ca-key", "certificate", "key"].map(path);
    std::fs::write(path("config"), "[req]\ndistinguished_name = name\n[name]\n").expect("a file");
    let signed = [
        vec![
            "-subj",
            "/CN=ca",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-keyout",
            &ca_key,
            "-out",
            &ca,
        ],
        vec![
            "-subj",
            "/CN=store",
            "-addext",
            "basicConstraints=CA:FALSE",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    ];
    for arguments in signed {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-config",
            &path("config"),
        ]);
        match openssl.args(arguments).output() {
            Err(_) => {
                crate::common::skip("openssl is not there: apt-get install openssl");
                return None;
            }
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    let (port, behind) = (free_port(&[]), service.address.port().to_string());
    let command = ["python3", "-c", FRONT, &port.to_string(), &behind, &certificate, &key];
    let mut server = service::Service::start(&command, &[]);
    server.is_up(local(port), Duration::from_secs(60)).expect("a server");
    Some(Front { url: format!("https://127.0.0.1:{port}"), ca, _server: server, place })
}

#[test]
fn a_store_whose_certificate_is_ones_own_is_reached_by_a_ca_file_and_by_nothing_else() {
    let service = Service::new();
    let Some(front) = front(&service) else { return };
    let settings = [("endpoint", &*front.url), ("access_key", "key"), ("secret_key", "secret")];
    let error = fails(&settings);
    assert!(error.code() == Code::Unreachable && error.message().contains("certificate"), "{error}");
    let error = fails(&[&settings[..], &[("ca_file", &front.ca)]].concat());
    assert_eq!(error.code(), Code::NotFound, "{error}");
}

#[test]
fn a_web_identity_gives_credentials_that_are_asked_for_again_as_they_expire() {
    let service = Service::new();
    let Some(front) = front(&service) else { return };
    let token = secret(front.place.path(), "an-identity");
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &*token),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pusher"),
        ("AWS_ROLE_SESSION_NAME", "a-session"),
        ("AWS_ENDPOINT_URL_STS", &front.url),
    ];
    // Who gives credentials is trusted no more than the store is, and what he was to be told is told to nobody.
    let refused = told(&service, &environment, &[]).join("\n");
    assert!(refused.contains("there are no credentials") && refused.contains("certificate"), "{refused}");
    assert!(!refused.contains("an-identity") && service.asked("/").is_empty(), "{refused}");
    reaches(&service, &environment, &[("ca_file", &front.ca)]);
    service.assert_each_was_signed_by_new_ones();
    let asked = &service.asked("/?Action=AssumeRoleWithWebIdentity&")[0];
    assert_eq!(asked.method(), "POST");
    for said in
        ["WebIdentityToken=an-identity", "RoleSessionName=a-session", "role%2Fpusher", "Version=2011-06-15"]
    {
        assert!(asked.target().contains(said), "{said}: {asked:?}");
    }
}
