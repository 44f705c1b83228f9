//! A PUT that is signed apart from being sent: the store takes it until a time that was fixed before, and not after,
//! however long the sender was stopped in between.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hotbackup::{Code, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use object_store::client::{HttpRequest, HttpService};
use object_store::signer::SignedUrlOptions;

use super::backend::{Backend, Kind, blocking};
use super::clock::since_boot;
use super::cloud::Cloud;
use super::retry::{Miss, Patience, What, persist};

/// A server whose clock ends a signature sooner than this after it was made takes nothing that was looked at.
const SHORTEST: Duration = Duration::from_secs(1);

/// What was signed. It holds a secret and is not printed.
pub struct SignedPut {
    name: String,
    /// None in a directory.
    pub(super) url: Option<url::Url>,
    headers: HeaderMap,
    /// By the time since boot.
    pub(super) until: Duration,
}

impl SignedPut {
    /// The object's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Debug for SignedPut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedPut").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Backend {
    pub async fn sign(&self, what: &What, patience: &Patience, valid: Duration) -> Result<Option<SignedPut>> {
        let mut signed = SignedPut {
            name: what.name.clone(),
            url: None,
            headers: HeaderMap::new(),
            until: since_boot() + valid,
        };
        let Kind::Cloud(cloud) = &self.kind else { return Ok(Some(signed)) };
        if !cloud.can_sign {
            return Ok(None);
        }
        // It is signed with our clock and ends by theirs.
        let valid = valid.saturating_sub(self.clock.ahead());
        if valid < SHORTEST {
            return Err(what.error(
                Code::Conflict,
                "this machine's clock is ahead of the store's by more than a signature may last",
            ));
        }
        signed.headers = bound(cloud, &what.name);
        let path = self.path(&what.name);
        let headers = signed.headers.iter();
        let options = headers.fold(SignedUrlOptions::default(), |options, (name, value)| {
            options.with_signed_header(name.clone(), value.clone())
        });
        let url = persist(patience, what, cloud.credentials.as_ref(), || async {
            let url = match options.signed_headers.is_empty() {
                true => cloud.signer.signed_url(Method::PUT, &path, valid).await,
                false => cloud.signer.signed_url_opts(Method::PUT, &path, valid, &options).await,
            };
            match url {
                Err(
                    object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. },
                ) => Ok(None),
                url => Ok(Some(url?)),
            }
        });
        // A SAS or a bare token cannot make another signature; `object_store` calls that a general error.
        let url = match url.await {
            Err(error) if error.code() == Code::Io && cannot_sign(error.message()) => None,
            url => url?,
        };
        if cloud.is_azure {
            signed.headers.insert("x-ms-blob-type", HeaderValue::from_static("BlockBlob"));
        }
        Ok(url.map(|url| SignedPut { url: Some(url), ..signed }))
    }

    pub async fn put_signed(
        &self,
        what: &What,
        patience: &Patience,
        signed: SignedPut,
        bytes: Bytes,
    ) -> Result<()> {
        let over = || what.error(Code::Conflict, "its signature's time is over; nothing was written");
        let until = signed.until;
        let (cloud, url) = match (&self.kind, &signed.url) {
            (Kind::Cloud(cloud), Some(url)) => (cloud, url),
            (Kind::Files(files), None) => {
                return blocking(files, what, patience, move |files, name, job| {
                    files.put(name, &bytes, job, Some(until))
                })
                .await;
            }
            _ => return Err(what.error(Code::InvalidArgument, "it was signed for another store")),
        };
        if since_boot() > until {
            return Err(over());
        }
        // Once, whatever happens: who looked before he sent it must look again before he sends it again.
        let once = Patience { retries: 0, ..patience.clone() };
        let sent = persist(&once, what, &Never, || send(cloud, url, &signed.headers, bytes.clone())).await;
        match sent {
            Err(error) if is_over(&error, until) => Err(over()),
            sent => sent,
        }
    }
}

/// Whether a refusal says that it came too late.
fn is_over(error: &hotbackup::Error, until: Duration) -> bool {
    let text = error.message().to_ascii_lowercase();
    let is_refused = error.code() == Code::Unauthorized || text.contains("answered 400");
    // A token that has expired is no signature that has: it is refused at any time.
    is_refused && (since_boot() > until || (text.contains("expired") && !text.contains("token")))
}

/// Nothing to ask anew: the signature is made.
pub(super) struct Never;

impl super::credentials::Renewable for Never {
    fn renew(&self) -> bool {
        false
    }
}

fn cannot_sign(message: &str) -> bool {
    ["SAS", "signing", "Bearer", "sign "].iter().any(|word| message.contains(word))
}

/// The headers that bind the bytes, where the name says what they are.
fn bound(cloud: &Cloud, name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let last = name.rsplit(['/', '-']).next().unwrap_or_default();
    if let (true, Some(hash)) = (cloud.is_s3, sha256(last))
        && let Ok(value) = HeaderValue::from_str(&BASE64_STANDARD.encode(hash))
    {
        headers.insert(HeaderName::from_static("x-amz-checksum-sha256"), value);
    }
    headers
}

/// A name that is a SHA-256.
fn sha256(name: &str) -> Option<Vec<u8>> {
    let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at: usize| name.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    is_hash.then(|| (0..64).step_by(2).map_while(byte).collect())
}

async fn send(
    cloud: &Cloud,
    url: &url::Url,
    headers: &HeaderMap,
    bytes: Bytes,
) -> std::result::Result<(), Miss> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        Miss::Store(object_store::Error::Generic { store: "HTTP", source: error })
    };
    let mut request = HttpRequest::new(bytes.clone().into());
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = url.as_str().parse().map_err(|_| broken("the signed URL is none".into()))?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let answer = cloud.bare.call(request).await.map_err(|error| broken(error.into()))?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(broken("it was refused".into())),
    }
}
