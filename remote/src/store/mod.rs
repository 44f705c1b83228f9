//! Where objects lie: a bucket of S3, GCS or Azure, of what speaks as S3 does, or a directory.
//!
//! A [`Store`] is used by plain threads: each call waits until it is done, or until its job is to end, which it
//! then does within a second whatever the server does. Names are relative to the repository, as `data/ab/ab12`.
//! A PUT is signed with its payload (S3), so that what is changed on the way is refused; an answer that is cut off
//! is no answer. A request that fails for a reason that passes is made again, for as long as the job's budget lasts.

mod answer;
mod backend;
mod body;
mod clock;
mod cloud;
mod credentials;
mod files;
mod guest;
mod place;
mod profile;
mod retry;
mod settings;
mod signed;
mod socket;
mod trial;
mod unsynced;
mod values;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hotbackup::{Code, Error, Result};

use backend::Backend;
use clock::Clock;
use guest::{Guest, Reply};
use place::Place;
use retry::{Patience, What};
use watch::{Counts, Job, Limits, Nobody};

pub use settings::{Accept, Compression, KEYS, ReadBack, Settings};
pub use signed::SignedPut;
pub use watch::{Requests, Watch};

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name in the repository.
    pub name: String,
    /// Its length.
    pub size: u64,
    /// When it was sent, by the store's clock.
    pub modified: SystemTime,
}

/// A repository's place. Clones are the same store; the last one that is dropped ends its thread.
#[derive(Clone)]
pub struct Store {
    guest: Arc<Guest<Backend>>,
    job: Arc<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    url: Arc<str>,
    secrets: Arc<Vec<String>>,
    settings: Arc<Settings>,
    counts: Arc<Counts>,
    limits: Arc<Limits>,
    clock: Arc<Clock>,
}

/// An object on its way up. Dropped, it is given up.
#[must_use]
pub struct Pending(Reply<Backend, ()>);

/// An object, or a part of one, on its way down.
#[must_use]
pub struct PendingGet(Reply<Backend, Vec<u8>>);

impl Pending {
    /// Waits until the store has it.
    pub fn wait(self) -> Result<()> {
        self.0.wait()
    }
}

impl PendingGet {
    /// Waits until it is here.
    pub fn wait(self) -> Result<Vec<u8>> {
        self.0.wait()
    }
}

impl Store {
    /// Opens the place at `url`: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix` or
    /// `file:///path`. Nothing is asked of it yet.
    pub fn open(url: &str, settings: &Settings) -> Result<Self> {
        let place = Place::parse(url, settings.prefix.as_deref())?;
        let settings = Arc::new(settings.clone());
        let shared = Arc::new(Shared {
            url: place.url.as_str().into(),
            secrets: Arc::new(settings.secrets()),
            settings: Arc::clone(&settings),
            counts: Arc::default(),
            limits: Arc::new(Limits::new(settings.rate_limit_up, settings.rate_limit_down)),
            clock: Arc::default(),
        });
        let (counts, clock) = (Arc::clone(&shared.counts), Arc::clone(&shared.clock));
        let connections = settings.connections;
        let job = Job::new(Arc::new(Nobody), Arc::clone(&shared.limits), settings.retry_budget);
        let guest = Guest::start(connections, move || Backend::open(&place, settings, counts, clock))?;
        Ok(Self { guest: Arc::new(guest), job, shared })
    }

    /// The same store on behalf of a job: it ends with it, and has the job's own time for trying again.
    pub fn for_job(&self, watch: Arc<dyn Watch>) -> Self {
        let job = Job::new(watch, Arc::clone(&self.shared.limits), self.shared.settings.retry_budget);
        Self { job, ..self.clone() }
    }

    /// All of an object.
    pub fn get(&self, name: &str) -> Result<Vec<u8>> {
        self.start_get(name, None)?.wait()
    }

    /// A part of an object: exactly that many bytes.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>> {
        self.get_later(name, range)?.wait()
    }

    /// The same, while the caller does something else. It waits while too much is under way.
    pub fn get_later(&self, name: &str, range: Range<u64>) -> Result<PendingGet> {
        self.start_get(name, Some(range))
    }

    fn start_get(&self, name: &str, range: Option<Range<u64>>) -> Result<PendingGet> {
        let (what, patience) = self.request("getting", name)?;
        self.guest
            .ask(&self.job.watch, |backend| async move { backend.get(&what, &patience, range).await })
            .map(PendingGet)
    }

    /// An object without its bytes, if it is there.
    pub fn find(&self, name: &str) -> Result<Option<Object>> {
        let (what, patience) = self.request("looking for", name)?;
        self.guest.ask(&self.job.watch, |backend| async move { backend.find(&what, &patience).await })?.wait()
    }

    /// All objects whose names begin with the directory `prefix`, as `data` or `data/ab`; all there are if it is
    /// empty. They come in no order, on the caller's thread. An error on any page is an error.
    pub fn list(&self, prefix: &str, each: &mut dyn FnMut(Object) -> Result<()>) -> Result<()> {
        let mut next = Some(backend::From::start(prefix));
        while let Some(from) = next {
            let (mut what, patience) = self.request("listing", "x")?;
            what.name =
                if prefix.is_empty() { "all objects".into() } else { prefix.trim_end_matches('/').into() };
            let prefix = prefix.trim_end_matches('/').to_string();
            if !prefix.is_empty() {
                check_name(&prefix)?;
            }
            let page = self.guest.ask(&self.job.watch, |backend| async move {
                backend.page(&what, &patience, prefix, from).await
            })?;
            let (objects, after) = page.wait()?;
            objects.into_iter().try_for_each(&mut *each)?;
            next = after;
        }
        Ok(())
    }

    /// Deletes an object. One that is not there is fine.
    pub fn delete(&self, name: &str) -> Result<()> {
        let (what, patience) = self.request("deleting", name)?;
        self.guest
            .ask(&self.job.watch, |backend| async move { backend.delete(&what, &patience).await })?
            .wait()
    }

    /// Sends an object; it replaces what has its name.
    pub fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.put_later(name, bytes)?.wait()
    }

    /// The same, while the caller does something else. It waits while too much is under way.
    pub fn put_later(&self, name: &str, bytes: Bytes) -> Result<Pending> {
        let (what, patience) = self.request("putting", name)?;
        self.guest
            .ask(&self.job.watch, |backend| async move { backend.put(&what, &patience, bytes).await })
            .map(Pending)
    }

    /// Sends an object that names others, if those are there with these lengths: they are looked for each time that it
    /// is sent anew. Returns one that is not there; then it was not sent.
    pub fn put_after(
        &self,
        name: &str,
        bytes: Bytes,
        named: impl IntoIterator<Item = (String, u64)>,
    ) -> Result<Option<String>> {
        let (what, patience) = self.request("putting", name)?;
        let named: Vec<_> = named
            .into_iter()
            .map(|(name, length)| Ok((self.request("looking for", &name)?.0, length)))
            .collect::<Result<_>>()?;
        let put = move |backend: Arc<Backend>| async move {
            backend.put_after(&what, &patience, bytes, &named).await
        };
        self.guest.ask(&self.job.watch, put)?.wait()
    }

    /// Signs the sending of an object, apart from sending it: the store takes it for so long from now on, by its
    /// own clock, and not after. None where this kind of store, or these credentials, cannot sign.
    ///
    /// On S3 the signature binds the bytes where the name ends in their SHA-256, as restic's names do: it holds
    /// the header `x-amz-checksum-sha256`, which S3 checks (another server may not know it). On GCS and Azure, and
    /// with other names, it binds the name and the time alone. In a directory the time is looked at right before
    /// the rename.
    pub fn sign_put(&self, name: &str, valid: Duration) -> Result<Option<SignedPut>> {
        let (what, patience) = self.request("signing", name)?;
        self.guest
            .ask(&self.job.watch, move |backend| async move { backend.sign(&what, &patience, valid).await })?
            .wait()
    }

    /// Sends what was signed, once. If its time is over it is CONFLICT, and the store has not taken it.
    pub fn put_signed(&self, signed: SignedPut, bytes: Bytes) -> Result<()> {
        let (what, patience) = self.request("putting", signed.name())?;
        self.guest
            .ask(&self.job.watch, |backend| async move {
                backend.put_signed(&what, &patience, signed, bytes).await
            })?
            .wait()
    }

    /// How late it is for the store: by its last answer, if that is more than a minute from the local clock.
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// The URL, which holds no credentials.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// What was asked of the store so far.
    pub fn requests(&self) -> Requests {
        self.shared.counts.now()
    }

    fn request(&self, doing: &'static str, name: &str) -> Result<(What, Patience)> {
        check_name(name)?;
        let what = What {
            doing,
            name: name.to_string(),
            url: Arc::clone(&self.shared.url),
            secrets: Arc::clone(&self.shared.secrets),
        };
        let patience = Patience {
            job: Arc::clone(&self.job),
            retries: self.shared.settings.retries,
            counts: Arc::clone(&self.shared.counts),
        };
        Ok((what, patience))
    }
}

/// Refuses a name that would lead out of the repository, or that a store would change.
fn check_name(name: &str) -> Result<()> {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let is_char = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    match name.split('/').all(is_part) && name.chars().all(is_char) && name.len() < 512 {
        true => Ok(()),
        false => Err(Error::new(Code::InvalidArgument, format!("{name:?} is no name of an object"))),
    }
}
