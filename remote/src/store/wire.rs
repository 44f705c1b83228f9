//! Each request and each answer as it passes: what was said, how late it is there, how much moves and whether
//! anything does.
//!
//! Dead is what moves nothing for the idle time; slow is all else, and has no limit. Reqwest's own read timeout
//! begins with the request and so would end slow uploads; these times are ours. Of an upload the kernel takes more
//! at once than has left, megabytes of a large one: so what the other side has acknowledged since is looked at, too.
//! What it has acknowledged and not read nobody here can see: its silence counts from when the last bytes that moved
//! could have been read at 1 KB/s, or from three idle times after they did, whichever is sooner.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::Body;
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::{failure, told};
use super::body::{Attempt, CHUNK, Download, Upload, lost};
use super::clock::Clock;
use super::settings::Settings;
use super::socket::Line;
use super::watch::{Counts, count};

tokio::task_local! {
    /// The attempt in whose task a request is made.
    pub(super) static ATTEMPT: Arc<Attempt>;
    /// Set for a request that is to be damaged once it is signed, as a bad line would.
    pub(super) static DAMAGED: ();
}

/// Makes clients whose requests are seen.
#[derive(Clone)]
pub(super) struct Wire {
    pub settings: Arc<Settings>,
    pub ca: Option<Vec<u8>>,
    pub counts: Arc<Counts>,
    pub clock: Arc<Clock>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    pub fn client(&self, allow_http: bool) -> Result<Seen, reqwest::Error> {
        let client = self.builder(allow_http)?.build()?;
        Ok(Seen { client, wire: self.clone(), allow_http, lines: Mutex::default() })
    }

    fn builder(&self, allow_http: bool) -> Result<reqwest::ClientBuilder, reqwest::Error> {
        // No redirects: a signature is one host's, and credentials go to no other.
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("hotbackup/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.settings.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .https_only(!allow_http);
        if let Some(ca) = &self.ca {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(ca)?);
        }
        if let Some(proxy) = &self.settings.proxy {
            // A machine's metadata is asked of the machine.
            let none = reqwest::NoProxy::from_string("169.254.0.0/16,fd00:ec2::254");
            builder = builder.proxy(reqwest::Proxy::all(proxy)?.no_proxy(none));
        }
        Ok(builder)
    }
}

#[async_trait]
impl HttpConnector for Wire {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allow =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let client = self.client(allow).map_err(|error| object_store::Error::Generic {
            store: "HTTP",
            source: told(&error.without_url()).into(),
        })?;
        Ok(HttpClient::new(client))
    }
}

/// A client whose requests are seen.
#[derive(Debug)]
pub(super) struct Seen {
    client: reqwest::Client,
    wire: Wire,
    allow_http: bool,
    /// Clients for large uploads that are not in use. Each makes one request at a time, so that it is known which
    /// connection is the request's.
    lines: Mutex<Vec<(reqwest::Client, Line)>>,
}

#[async_trait]
impl HttpService for Seen {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let attempt =
            ATTEMPT.try_with(Arc::clone).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        self.count(&request);
        let (parts, mut body) = request.into_parts();
        let mut chunks = Vec::new();
        while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            chunks.extend(frame.into_data().ok());
        }
        if DAMAGED.try_with(|()| ()).is_ok() {
            damage(&mut chunks);
        }
        let idle = self.wire.settings.idle_timeout;
        let length = chunks.iter().map(Bytes::len).sum();
        let alive = Arc::new(Mutex::new(Instant::now() + idle));
        let url = parts.uri.to_string().parse().map_err(|e| HttpError::new(HttpErrorKind::Unknown, e))?;
        let mut sent = reqwest::Request::new(parts.method, url);
        *sent.headers_mut() = parts.headers;
        if length > 0 {
            let job = Arc::clone(&attempt.job);
            let counts = Arc::clone(&self.wire.counts);
            let up =
                Upload { chunks, left: length, job, counts, idle, alive: Arc::clone(&alive), grant: None };
            *sent.body_mut() = Some(reqwest::Body::wrap(up));
        }
        let own = if length > CHUNK { Some(self.line()?) } else { None };
        let (client, line) = own.as_ref().map_or((&self.client, None), |(client, line)| (client, Some(line)));
        let ended = until_idle(client.execute(sent), &alive, idle, line).await;
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
        let answer = match ended {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => return Err(lost(&attempt, told(&error.without_url()))),
            None => return Err(lost(&attempt, format!("nothing moved for {idle:?}"))),
        };
        if let Some(date) = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()) {
            self.wire.clock.hear(date);
        }
        self.take(attempt, answer.into()).await
    }
}

impl Seen {
    /// A client that nobody else uses.
    fn line(&self) -> Result<(reqwest::Client, Line), HttpError> {
        if let Some(unused) = self.lines.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(unused);
        }
        let line = Line::default();
        let builder = self.wire.builder(self.allow_http);
        let client = builder.and_then(|builder| builder.connector_layer(line.clone()).build());
        Ok((client.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error.without_url()))?, line))
    }

    fn count(&self, request: &HttpRequest) {
        let counts = &self.wire.counts;
        let is_list =
            request.uri().query().is_some_and(|q| q.contains("list-type=2") || q.contains("comp=list"));
        count(
            match request.method().as_str() {
                "PUT" | "POST" => &counts.puts,
                "DELETE" => &counts.deletes,
                _ if is_list || request.uri().query().is_some_and(|q| q.contains("prefix=")) => &counts.lists,
                _ => &counts.gets,
            },
            1,
        );
    }

    /// An answer whose body is seen, too. One that is no success is read here, for what it says.
    async fn take(
        &self,
        attempt: Arc<Attempt>,
        answer: http::Response<reqwest::Body>,
    ) -> Result<HttpResponse, HttpError> {
        let (parts, body) = answer.into_parts();
        let idle = self.wire.settings.idle_timeout;
        let mut down = Download {
            body: Box::pin(body),
            attempt: Arc::clone(&attempt),
            counts: Arc::clone(&self.wire.counts),
            idle,
            alive: Box::pin(sleep_until(Instant::now() + idle)),
            grant: None,
        };
        if parts.status.is_success() {
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(down)));
        }
        let mut text = Vec::new();
        while text.len() < 64 << 10 {
            match std::future::poll_fn(|cx| Pin::new(&mut down).poll_frame(cx)).await {
                Some(Ok(frame)) => text.extend_from_slice(&frame.into_data().unwrap_or_default()),
                _ => break,
            }
        }
        let code = parts.headers.get("x-ms-error-code").and_then(|code| code.to_str().ok());
        attempt.sees(failure(parts.status, code, &text));
        Ok(HttpResponse::from_parts(parts, text.into()))
    }
}

/// Flips a bit.
fn damage(chunks: &mut [Bytes]) {
    if let Some(chunk) = chunks.iter_mut().find(|chunk| !chunk.is_empty()) {
        let mut bytes = chunk.to_vec();
        bytes[0] ^= 1;
        *chunk = bytes.into();
    }
}

/// Waits for `work` as long as it is alive: as its body says, or the line that its bytes leave by.
async fn until_idle<T>(
    work: impl Future<Output = T>,
    alive: &Mutex<Instant>,
    idle: Duration,
    line: Option<&Line>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut left = None;
    loop {
        let until = *alive.lock().unwrap_or_else(PoisonError::into_inner);
        let look = line.map_or(until, |_| until.min(Instant::now() + idle / 2));
        if let Ok(done) = timeout_at(look, work.as_mut()).await {
            return Some(done);
        }
        let now_left = match line {
            Some(line) => line.unacknowledged().await,
            None => None,
        };
        let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
        if now_left.zip(left).is_some_and(|(now, before)| now < before) {
            *alive = (*alive).max(Instant::now() + idle * 4);
        }
        left = now_left;
        if *alive <= Instant::now() {
            return None;
        }
    }
}
