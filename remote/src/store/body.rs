//! Bodies on their way: how much of them moves, what a job holds back of them, and when they moved last.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{HttpError, HttpErrorKind};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

use super::answer::{Failure, told};
use super::watch::{Counts, Job, count};

/// The bytes that are granted at once.
pub(super) const CHUNK: usize = 64 << 10;

/// One attempt at a request, which the wire tells what it sees.
pub(super) struct Attempt {
    pub job: Arc<Job>,
    pub seen: Mutex<Option<Failure>>,
}

impl Attempt {
    pub(super) fn sees(&self, failure: Failure) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

pub(super) fn lost(attempt: &Attempt, why: String) -> HttpError {
    let mut seen = attempt.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !matches!(*seen, Some(Failure::Stopped(_))) {
        *seen = Some(Failure::Silence(why.clone()));
    }
    HttpError::new(HttpErrorKind::Unknown, std::io::Error::other(why))
}

/// The wait for bytes to be granted.
pub(super) type Grant = Option<JoinHandle<hotbackup::Result<()>>>;

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
pub(super) struct Upload {
    pub chunks: Vec<Bytes>,
    pub left: usize,
    pub job: Arc<Job>,
    pub counts: Arc<Counts>,
    pub idle: Duration,
    pub alive: Arc<Mutex<Instant>>,
    pub grant: Grant,
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
        if !was_asked && this.job.is_paced_up() {
            // It may wait as long as it likes: what the job itself holds back is not idle.
            *this.alive.lock().unwrap_or_else(PoisonError::into_inner) =
                Instant::now() + Duration::from_secs(86_400);
            let job = Arc::clone(&this.job);
            this.grant = Some(tokio::task::spawn_blocking(move || job.pace_up(length as u64)));
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
pub(super) struct Download {
    pub body: Pin<Box<reqwest::Body>>,
    pub attempt: Arc<Attempt>,
    pub counts: Arc<Counts>,
    pub idle: Duration,
    pub alive: Pin<Box<Sleep>>,
    pub grant: Grant,
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
                if length > 0 && attempt.job.is_paced_down() {
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
        job.pace_down(part)?;
        left -= part;
    }
    Ok(())
}
