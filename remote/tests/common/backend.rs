//! A place for a repository in some store, as this crate and restic are told of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use object_store::signer::Signer;

use super::http;
use super::proxy::Proxy;

const AZURE_ACCOUNT: &str = "devstoreaccount1";
/// The one that every emulator of Azure has.
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Kinds of stores, with what each needs.
#[derive(Debug, Clone)]
pub enum Kind {
    S3 {
        access_key: &'static str,
        secret_key: &'static str,
    },
    Azure,
    /// With a service account's file, and the directory in which its server keeps what it has.
    Gcs {
        credentials: PathBuf,
        objects: PathBuf,
    },
    Directory(PathBuf),
}

/// A bucket, or what the store calls one, and a prefix in it.
#[derive(Debug, Clone)]
pub struct Backend {
    kind: Kind,
    address: SocketAddr,
    bucket: String,
}

/// Where in its bucket the repository lies.
pub const PREFIX: &str = "backups/db1";

impl Backend {
    /// A new bucket at this server.
    pub fn new(kind: Kind, address: SocketAddr) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let backend = Self { kind, address, bucket: format!("tests-{}-{made}", std::process::id()) };
        backend.make();
        backend
    }

    /// A directory.
    pub fn directory(path: &Path) -> Self {
        let kind = Kind::Directory(path.to_path_buf());
        Self { kind, address: super::service::local(0), bucket: String::new() }
    }

    /// The same place, reached through a proxy.
    pub fn through(&self, proxy: &Proxy) -> Self {
        Self { address: proxy.address(), ..self.clone() }
    }

    /// The server: what a proxy goes before.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The repository, as this crate is told.
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::S3 { .. } => format!("s3://{}/{PREFIX}", self.bucket),
            Kind::Azure => format!("az://{AZURE_ACCOUNT}/{}/{PREFIX}", self.bucket),
            Kind::Gcs { .. } => format!("gs://{}/{PREFIX}", self.bucket),
            Kind::Directory(path) => format!("file://{}", path.display()),
        }
    }

    /// What else it is told, by the names of its options.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_string();
        let endpoint = ("endpoint", self.endpoint());
        match &self.kind {
            Kind::S3 { access_key, secret_key } => {
                let mut settings =
                    vec![endpoint, ("region", text("us-east-1")), ("path_style", text("true"))];
                settings.extend([("access_key", text(access_key)), ("secret_key", text(secret_key))]);
                settings
            }
            Kind::Azure => {
                vec![endpoint, ("secret_key", text(AZURE_KEY))]
            }
            Kind::Gcs { credentials, .. } => {
                vec![endpoint, ("credentials_file", credentials.display().to_string())]
            }
            Kind::Directory(_) => Vec::new(),
        }
    }

    fn endpoint(&self) -> String {
        match self.kind {
            Kind::Azure => format!("http://{}/{AZURE_ACCOUNT}", self.address),
            _ => format!("http://{}", self.address),
        }
    }

    /// The same repository, as restic is told.
    pub fn restic_repository(&self) -> String {
        match &self.kind {
            Kind::S3 { .. } => format!("s3:http://{}/{}/{PREFIX}", self.address, self.bucket),
            Kind::Azure => format!("azure:{}:/{PREFIX}", self.bucket),
            // restic knows Google's own address alone.
            Kind::Gcs { objects, .. } => objects.join(&self.bucket).join(PREFIX).display().to_string(),
            Kind::Directory(path) => path.display().to_string(),
        }
    }

    /// Its credentials, as restic takes them.
    pub fn restic_env(&self) -> Vec<(&'static str, String)> {
        let text = |value: &str| value.to_string();
        match &self.kind {
            Kind::S3 { access_key, secret_key } => {
                vec![("AWS_ACCESS_KEY_ID", text(access_key)), ("AWS_SECRET_ACCESS_KEY", text(secret_key))]
            }
            Kind::Azure => {
                vec![("AZURE_ACCOUNT_NAME", text(AZURE_ACCOUNT)), ("AZURE_ACCOUNT_KEY", text(AZURE_KEY))]
            }
            Kind::Gcs { .. } | Kind::Directory(_) => Vec::new(),
        }
    }

    /// The port that restic looks for it at, whatever it is told: by its account it knows the emulator, and
    /// takes no other address for that.
    pub fn restic_port(&self) -> Option<u16> {
        matches!(self.kind, Kind::Azure).then_some(10_000)
    }

    fn make(&self) {
        let answer = match &self.kind {
            Kind::S3 { .. } => http::call(self.address, &format!("PUT {}", self.signed_bucket()), &[], b""),
            Kind::Azure => self.make_container(),
            Kind::Gcs { .. } => {
                let bucket = format!(r#"{{"name":"{}"}}"#, self.bucket);
                let headers = [("Content-Type", "application/json")];
                http::call(self.address, "POST /storage/v1/b?project=tests", &headers, bucket.as_bytes())
            }
            Kind::Directory(_) => return,
        };
        let answer = answer.unwrap_or_else(|error| panic!("a bucket at {}: {error}", self.address));
        assert!((200..300).contains(&answer.status()), "no bucket at {}: {}", self.address, answer.text());
    }

    /// The path and query that make the bucket.
    fn signed_bucket(&self) -> String {
        let Kind::S3 { access_key, secret_key } = &self.kind else { panic!("no S3") };
        let store = object_store::aws::AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_region("us-east-1")
            .with_allow_http(true)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(*access_key)
            .with_secret_access_key(*secret_key)
            .build()
            .expect("a store");
        let put = "PUT".parse().expect("a method");
        let itself = object_store::path::Path::default();
        let signed = store.signed_url(put, &itself, Duration::from_secs(60));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let signed = runtime.block_on(signed).expect("a signature");
        format!("{}?{}", signed.path(), signed.query().unwrap_or_default())
    }

    /// By the scheme that Azure calls Shared Key: what `object_store` signs by itself is for blobs alone.
    fn make_container(&self) -> std::io::Result<http::Answer> {
        let date = super::proxy::http_date(SystemTime::now());
        let resource = format!("/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{}\nrestype:container", self.bucket);
        let signed =
            format!("PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2019-12-12\n{resource}");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &from_base64(AZURE_KEY));
        let mac = to_base64(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
        let authorization = format!("SharedKey {AZURE_ACCOUNT}:{mac}");
        let headers =
            [("x-ms-date", &*date), ("x-ms-version", "2019-12-12"), ("Authorization", &authorization)];
        http::call(
            self.address,
            &format!("PUT /{AZURE_ACCOUNT}/{}?restype=container", self.bucket),
            &headers,
            b"",
        )
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let digits = |chunk: &[u8]| {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |at: usize| char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(move |at| if at <= chunk.len() { digit(at) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(digits).collect()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| DIGITS.iter().position(|known| known == byte).unwrap_or(0) as u32;
    let padding = text.bytes().filter(|byte| *byte == b'=').count();
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| word << 6 | digit(byte)).to_be_bytes();
    let mut bytes: Vec<u8> = text.as_bytes().chunks(4).flat_map(|chunk| word(chunk)[1..].to_vec()).collect();
    bytes.truncate(bytes.len() - padding);
    bytes
}
