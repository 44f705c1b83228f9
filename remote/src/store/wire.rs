//! Each request and each answer as it passes: what was said, how late it is there, how much moves and whether
//! anything does.
//!
//! Dead is what moves nothing for the idle time; slow is all else, and has no limit. Reqwest's own read timeout
//! begins with the request and so would end slow uploads; these times are ours. Of an upload the kernel takes more
//! at once than has left: its silence counts from when the bytes could have left at 1 KB/s, or from three idle
//! times after they were taken, whichever is sooner.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::ClientOptions;
use object_store::client::{
    ClientConfigKey, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::{Failure, failure, told};
use super::clock::Clock;
use super::settings::Settings;
use super::watch::{Counts, Job, count};

/// The bytes that are granted at once.
const CHUNK: usize = 64 << 10;

/// One attempt at a request, which the wire tells what it sees.
pub(super) struct Attempt {
    pub job: Arc<Job>,
    pub seen: Mutex<Option<Failure>>,
}

tokio::task_local! {
    /// The attempt in whose task a request is made.
    pub(super) static ATTEMPT: Arc<Attempt>;
}

impl Attempt {
    fn sees(&self, failure: Failure) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
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
        Ok(Seen { client: builder.build()?, wire: self.clone() })
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
        let answer = match until_idle(self.client.execute(sent), &alive).await {
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

fn lost(attempt: &Attempt, why: String) -> HttpError {
    let mut seen = attempt.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(*seen, Some(Failure::Stopped(_))) {
        *seen = Some(Failure::Silence(why.clone()));
    }
    HttpError::new(HttpErrorKind::Unknown, std::io::Error::other(why))
}

/// Waits for `work` as long as it is alive.
async fn until_idle<T>(work: impl Future<Output = T>, alive: &Mutex<Instant>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let until = || *alive.lock().unwrap_or_else(PoisonError::into_inner);
    let mut timer = Box::pin(sleep_until(until()));
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        while timer.as_mut().poll(cx).is_ready() {
            if until() <= Instant::now() {
                return Poll::Ready(None);
            }
            timer.as_mut().reset(until());
        }
        Poll::Pending
    })
    .await
}

/// The wait for bytes to be granted.
type Grant = Option<JoinHandle<hotbackup::Result<()>>>;

/// Waits for a grant; none is waited for where nothing is limited.
fn granted(
    grant: &mut Grant,
    cx: &mut Context<'_>,
    attempt: impl FnOnce(hotbackup::Error),
) -> Poll<Result<(), HttpError>> {
    let Some(waiting) = grant else { return Poll::Ready(Ok(())) };
    let result = ready!(Pin::new(waiting).poll(cx));
    *grant = None;
    Poll::Ready(match result {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            attempt(error);
            Err(HttpError::new(HttpErrorKind::Unknown, std::io::Error::other("the job is to end")))
        }
        Err(error) => Err(HttpError::new(HttpErrorKind::Unknown, error)),
    })
}

/// A body on its way up.
struct Upload {
    chunks: Vec<Bytes>,
    left: usize,
    job: Arc<Job>,
    counts: Arc<Counts>,
    idle: Duration,
    alive: Arc<Mutex<Instant>>,
    grant: Grant,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        while this.chunks.first().is_some_and(Bytes::is_empty) {
            this.chunks.remove(0);
        }
        let Some(first) = this.chunks.first_mut() else { return Poll::Ready(None) };
        let length = first.len().min(CHUNK);
        let was_asked = this.grant.is_some();
        if !was_asked && this.job.watch.is_paced() {
            // It may wait as long as it likes: what the job itself holds back is not idle.
            *this.alive.lock().unwrap_or_else(PoisonError::into_inner) =
                Instant::now() + Duration::from_secs(86_400);
            let watch = Arc::clone(&this.job.watch);
            this.grant = Some(tokio::task::spawn_blocking(move || watch.pace_up(length as u64)));
        }
        // What it failed with is asked of the watch again by who tries again.
        ready!(granted(&mut this.grant, cx, |_| {}))?;
        let chunk = first.split_to(length);
        this.left -= length;
        count(&this.counts.up, length as u64);
        let now = Instant::now();
        let mut alive = this.alive.lock().unwrap_or_else(PoisonError::into_inner);
        // Beyond `idle` from now lies what the bytes before this one may still take at 1 KB/s.
        let slow = alive.saturating_duration_since(now + this.idle).min(this.idle * 3);
        *alive = now + this.idle + (slow + Duration::from_millis(length as u64)).min(this.idle * 3);
        drop(alive);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// A body on its way down.
struct Download {
    body: Pin<Box<reqwest::Body>>,
    attempt: Arc<Attempt>,
    counts: Arc<Counts>,
    idle: Duration,
    alive: Pin<Box<Sleep>>,
    grant: Grant,
}

impl Body for Download {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        let attempt = Arc::clone(&this.attempt);
        if this.grant.is_some() {
            ready!(granted(&mut this.grant, cx, |error| attempt.sees(Failure::Stopped(error))))?;
            this.alive.as_mut().reset(Instant::now() + this.idle);
        }
        let frame = match this.body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(this.alive.as_mut().poll(cx));
                return Poll::Ready(Some(Err(lost(&attempt, format!("nothing came for {:?}", this.idle)))));
            }
        };
        this.alive.as_mut().reset(Instant::now() + this.idle);
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len()) as u64;
                count(&this.counts.down, length);
                if length > 0 && attempt.job.watch.is_paced() {
                    this.grant = Some(tokio::task::spawn_blocking(move || pace_down(&attempt.job, length)));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let why = told(&error.without_url());
                let is_short = why.contains("end of file before message length");
                let error = lost(&attempt, why.clone());
                if is_short {
                    attempt.sees(Failure::Short(why));
                }
                Some(Err(error))
            }
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that have come are paid for before more are taken.
fn pace_down(job: &Job, length: u64) -> hotbackup::Result<()> {
    let mut left = length;
    while left > 0 {
        let part = left.min(CHUNK as u64);
        job.watch.pace_down(part)?;
        left -= part;
    }
    Ok(())
}
