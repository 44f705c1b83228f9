//! Trying again: what is worth it, how often, how long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hotbackup::{Code, Error, Result};

use super::answer::{Failure, scrub, told};
use super::body::Attempt;
use super::credentials::Renewable;
use super::watch::{Counts, Job, count};
use super::wire::ATTEMPT;

/// What is asked, for messages.
#[derive(Clone)]
pub(super) struct What {
    /// As in "getting".
    pub doing: &'static str,
    pub name: String,
    pub url: Arc<str>,
    pub secrets: Arc<Vec<String>>,
}

/// How an attempt ended that did not succeed, beside what was seen on the wire.
pub(super) enum Miss {
    Store(object_store::Error),
    /// It came whole, and too short.
    Short(String),
    /// Trying again is of no use.
    Final(Error),
}

impl From<object_store::Error> for Miss {
    fn from(error: object_store::Error) -> Self {
        Miss::Store(error)
    }
}

/// How often and how long, and who counts.
#[derive(Clone)]
pub(super) struct Patience {
    pub job: Arc<Job>,
    pub retries: u32,
    pub counts: Arc<Counts>,
}

/// What to do about a failure.
enum Verdict {
    End(Error),
    Again(Error),
    Once(Error),
    Renew(Error),
}

/// Makes attempts until one succeeds or no more are worth it.
pub(super) async fn persist<T, F, A>(
    patience: &Patience,
    what: &What,
    credentials: &dyn Renewable,
    attempt: A,
) -> Result<T>
where
    A: Fn() -> F,
    F: Future<Output = std::result::Result<T, Miss>>,
{
    let (mut tried, mut was_once, mut was_renewed) = (0, false, false);
    let mut trouble = None;
    loop {
        let seen = Arc::new(Attempt { job: Arc::clone(&patience.job), seen: Mutex::new(None) });
        let miss = match ATTEMPT.scope(Arc::clone(&seen), attempt()).await {
            Ok(done) => return Ok(done),
            Err(miss) => miss,
        };
        patience.job.watch.check()?;
        let failure = seen.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        trouble.get_or_insert_with(|| patience.job.in_trouble());
        let error = match verdict(failure, miss, what) {
            Verdict::End(error) => return Err(error),
            Verdict::Once(error) if was_once => return Err(error),
            Verdict::Renew(error) if was_renewed || !credentials.renew() => return Err(error),
            Verdict::Once(error) => (was_once = true, error).1,
            Verdict::Renew(error) => (was_renewed = true, error).1,
            Verdict::Again(error) => error,
        };
        let pause = pause(tried);
        if tried >= patience.retries || patience.job.left() < pause {
            return Err(error.aftermath(&format!("tried {} times", tried + 1)));
        }
        tried += 1;
        count(&patience.counts.retries, 1);
        tokio::time::sleep(pause).await;
    }
}

/// A quarter of a second, doubled up to half a minute, and half of it by chance: many that failed at once
/// shall not come back at once.
fn pause(tried: u32) -> Duration {
    let most = Duration::from_millis(250 << tried.min(7));
    let mut byte = [0; 1];
    let chance = match rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(_) => f64::from(byte[0]) / 255.0,
        Err(_) => 0.5,
    };
    most.mul_f64(0.5 + 0.5 * chance)
}

fn verdict(failure: Option<Failure>, miss: Miss, what: &What) -> Verdict {
    match (failure, miss) {
        (_, Miss::Final(error)) => Verdict::End(error),
        (Some(Failure::Stopped(error)), _) => Verdict::End(error),
        (Some(Failure::Answer { status, code, message }), _) => of_answer(status, &code, &message, what),
        (Some(Failure::Short(why)), _) | (None, Miss::Short(why)) => {
            Verdict::Once(what.error(Code::Corrupt, &format!("the answer was cut off: {why}")))
        }
        (Some(Failure::Credentials(why)), _) => {
            Verdict::Renew(what.error(Code::Unauthorized, &format!("there are no credentials: {why}")))
        }
        (Some(Failure::Silence(why)), _) => Verdict::Again(what.error(Code::Unreachable, &why)),
        (None, Miss::Store(object_store::Error::NotFound { .. })) => {
            Verdict::End(what.error(Code::NotFound, "it is not there"))
        }
        (None, Miss::Store(error)) => Verdict::End(what.error(Code::Io, &told(&error))),
    }
}

fn of_answer(status: u16, code: &str, message: &str, what: &What) -> Verdict {
    let said = [code, message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let told = |kind: Code| what.error(kind, format!("the store answered {status} {said}").trim());
    const FULL: [&str; 4] = ["InsufficientStorage", "StorageFull", "QuotaExceeded", "quotaExceeded"];
    const STALE: [&str; 5] = [
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "InvalidAccessKeyId",
        "AuthenticationFailed",
    ];
    const DAMAGED: [&str; 7] = [
        "BadDigest",
        "RequestTimeout",
        "IncompleteBody",
        "XAmzContentSHA256Mismatch",
        "XAmzContentChecksumMismatch",
        "Md5Mismatch",
        "Crc64Mismatch",
    ];
    let is = |codes: &[&str]| codes.iter().any(|known| code.contains(known));
    match status {
        507 => Verdict::End(told(Code::NoSpace)),
        408 | 429 | 500..=599 => Verdict::Again(told(Code::Io)),
        _ if is(&FULL) => Verdict::End(told(Code::NoSpace)),
        401 | 403 => Verdict::Renew(told(Code::Unauthorized)),
        400 if is(&STALE) => Verdict::Renew(told(Code::Unauthorized)),
        400 if is(&DAMAGED) => Verdict::Again(told(Code::Io)),
        404 => Verdict::End(told(Code::NotFound)),
        _ => Verdict::End(told(Code::Io)),
    }
}

impl What {
    /// One line, with the object and the store.
    pub fn error(&self, code: Code, why: &str) -> Error {
        let (doing, name, url) = (self.doing, &self.name, &self.url);
        Error::new(code, format!("{doing} {name} in {url}: {}", scrub(why, &self.secrets)))
    }
}
