//! Where a repository lies: its URL.
//!
//! `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix`, `file:///path`. The prefix may be
//! left away. A URL holds no credentials: one with a user, a query or a fragment is refused.

use std::path::PathBuf;

use hotbackup::Result;
use url::Url;

use super::settings::refused;

/// Which service, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Service {
    S3 { bucket: String },
    Gcs { bucket: String },
    Azure { account: String, container: String },
    File { root: PathBuf },
}

/// A repository's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub service: Service,
    /// Without slashes at its ends; empty for a directory.
    pub prefix: String,
    /// As messages show it.
    pub url: String,
}

impl Place {
    pub fn parse(text: &str, prefix: Option<&str>) -> Result<Self> {
        let how = "s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or file:///path";
        // The text is not repeated: somebody may have put a password into it.
        let url = Url::parse(text).map_err(|_| refused(format!("a store's URL is {how}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("a store's URL holds no credentials; they are options".into()));
        }
        if url.query().is_some() || url.fragment().is_some() || url.port().is_some() {
            return Err(refused(format!("a store's URL is {how}, without ?, # and port")));
        }
        let path = decoded(&url)?;
        let host = url.host_str().unwrap_or_default().to_string();
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        parts.extend(prefix.into_iter().flat_map(|prefix| prefix.split('/')).filter(|part| !part.is_empty()));
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(refused("a store's URL and prefix have no . or .. in them".into()));
        }
        let (service, rest) = match (url.scheme(), host.is_empty()) {
            ("s3", false) => (Service::S3 { bucket: host }, &parts[..]),
            ("gs", false) => (Service::Gcs { bucket: host }, &parts[..]),
            ("az", false) => match parts.split_first() {
                Some((container, rest)) => {
                    (Service::Azure { account: host, container: container.to_string() }, rest)
                }
                None => return Err(refused("an Azure store's URL is az://account/container/prefix".into())),
            },
            ("file", true) => (Service::File { root: format!("/{}", parts.join("/")).into() }, &[][..]),
            _ => return Err(refused(format!("a store's URL is {how}"))),
        };
        let prefix = rest.join("/");
        let start = match &service {
            Service::S3 { bucket } => format!("s3://{bucket}"),
            Service::Gcs { bucket } => format!("gs://{bucket}"),
            Service::Azure { account, container } => format!("az://{account}/{container}"),
            Service::File { root } => format!("file://{}", root.display()),
        };
        let url = match prefix.is_empty() {
            true => start,
            false => format!("{start}/{prefix}"),
        };
        Ok(Self { service, prefix, url })
    }
}

/// The path with its `%xx` replaced.
fn decoded(url: &Url) -> Result<String> {
    let mut bytes = Vec::new();
    let mut rest = url.path().bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits =
                    [rest.next(), rest.next()].map(|digit| digit.and_then(|d| (d as char).to_digit(16)));
                match digits {
                    [Some(high), Some(low)] => (high * 16 + low) as u8,
                    _ => return Err(refused("a store's URL has a % that is none of %00 to %FF".into())),
                }
            }
            byte => byte,
        });
    }
    match String::from_utf8(bytes) {
        Ok(path) if !path.chars().any(char::is_control) => Ok(path),
        _ => Err(refused("a store's URL is text without control characters".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_service_and_a_prefix() {
        let place = Place::parse("s3://bucket/a/b/", Some("host")).expect("a place");
        assert_eq!(place.service, Service::S3 { bucket: "bucket".into() });
        assert_eq!((place.prefix.as_str(), place.url.as_str()), ("a/b/host", "s3://bucket/a/b/host"));
        let place = Place::parse("az://account/container", None).expect("a place");
        assert_eq!(
            place.service,
            Service::Azure { account: "account".into(), container: "container".into() }
        );
        assert_eq!(place.prefix, "");
        let place = Place::parse("file:///var/a%20b", None).expect("a place");
        assert_eq!(place.service, Service::File { root: "/var/a b".into() });
    }

    #[test]
    fn what_is_no_place_of_a_store_is_refused_without_being_repeated() {
        let wrong =
            ["s3://key:hush@bucket/a", "s3://bucket?secret=hush", "ftp://hush/a", "az://account", "hush"];
        for text in wrong.into_iter().chain(["file://host/hush", "s3://bucket/a%00hush", "s3:///hush"]) {
            let error = Place::parse(text, None).expect_err(text);
            assert_eq!(error.code(), hotbackup::Code::InvalidArgument);
            assert!(!error.message().contains("hush"), "{error}");
        }
        Place::parse("s3://bucket/a", Some("../b")).expect_err("a prefix that leads up");
    }
}
