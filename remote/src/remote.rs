//! A repository in a store, as a host uses it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hotbackup::extension::{self, Task, Watch};
use hotbackup::{Job, Kind, Options, Result};

use crate::format::LEVEL;
use crate::options::RemoteOptions;
use crate::probe::{self, RemoteFinding};
use crate::push::Choices;
use crate::repository::{Found, Listed, RemoteLock, Repository, Timing, names};
use crate::store::{Accept, Compression, ReadBack, Requests, Settings, Store, Watch as StoreWatch};

/// A repository in an object store. All its functions may be called from any thread; those that begin jobs return at
/// once, the others wait for the store.
pub struct Remote {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    store: Store,
    pub(crate) options: RemoteOptions,
    /// Once it was opened: its key is derived from the password by much work.
    open: Mutex<Option<Repository>>,
}

/// A snapshot in a repository.
#[derive(Clone, Debug)]
pub struct RemoteSnapshot {
    id: String,
    found: Found,
}

impl RemoteSnapshot {
    fn of(found: &Found) -> Self {
        let id = found.tag("id").map_or_else(|| found.object.to_string(), str::to_string);
        Self { id, found: found.clone() }
    }

    /// The id of the local snapshot that it is of; of one that restic made the name of its object.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of its object, by which restic knows it: 64 hexadecimal digits, of which the first eight are enough.
    pub fn object(&self) -> String {
        self.found.object.to_string()
    }

    /// When the local snapshot was finished.
    pub fn time(&self) -> SystemTime {
        self.found.record.time
    }

    /// What its host is called.
    pub fn host(&self) -> &str {
        &self.found.record.hostname
    }

    /// The number in the local snapshot's name `ts-<n>`; `None`: it had none.
    pub fn number(&self) -> Option<u64> {
        self.found.tag("ts")?.parse().ok()
    }

    /// The layout that it was made with; empty where that is not known.
    pub fn layout(&self) -> &str {
        self.found.tag("layout").unwrap_or("")
    }

    /// Its tags, but for those that the push gave it.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let is_a_hosts = |tag: &&str| {
            *tag != "hotbackup" && !["id:", "ts:", "layout:"].iter().any(|own| tag.starts_with(own))
        };
        self.found.record.tags.iter().map(String::as_str).filter(is_a_hosts)
    }

    /// Whether a push made it; else restic did.
    pub fn is_pushed(&self) -> bool {
        self.found.is_ours()
    }
}

impl Remote {
    /// A repository by its URL: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://account/container/prefix` or
    /// `file:///path`. Nothing is asked of the store yet.
    pub fn open(url: &str, options: &RemoteOptions) -> Result<Self> {
        let store = Store::open(url, &options.settings)?;
        let inner = Inner { store, options: options.clone(), open: Mutex::new(None) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        self.inner.store.url()
    }

    /// The id of the repository, 64 hexadecimal digits: one that was made anew at the same place has another.
    pub fn repository_id(&self) -> Result<String> {
        self.inner.opened().map(|repository| repository.id)
    }

    /// What its requests have been so far, of all its jobs.
    pub fn requests(&self) -> Requests {
        self.inner.store.requests()
    }

    /// Makes the repository: [`Code::Conflict`](hotbackup::Code::Conflict) where there is one.
    pub fn init(&self) -> Result<()> {
        let Inner { store, options, .. } = &*self.inner;
        Repository::init(store, &options.password()?, &self.inner.host())
    }

    /// Starts to send a finished snapshot, which must stay as it is meanwhile: it cannot be deleted or pruned. One that
    /// is there already is not sent again, but for packs that the store has lost since, of which a warning tells. Of
    /// what an earlier push of this host sent, only what may have changed is read, and only what did is sent. A
    /// checkpoint, by the location of its job, arrives as a snapshot too, and is removed once it has;
    /// [`Code::Corrupt`](hotbackup::Code::Corrupt): a live file of it was changed, or it is a copy. Of the options the
    /// threads, the rate limit, which holds for what is read and for what is sent, and the progress hook are used. The
    /// result comes once the repository lists it;
    /// [`Code::Conflict`](hotbackup::Code::Conflict): another program held the repository alone for longer than
    /// `lock_wait`, or it is another repository than that which earlier snapshots of the same root went to.
    pub fn push(&self, snapshot: impl AsRef<Path>, options: &Options) -> Result<Job> {
        let snapshot = absolute(snapshot.as_ref())?;
        extension::start(Kind::Push, snapshot.clone(), options, self.push_work(snapshot))
    }

    /// Starts to bring a snapshot as a directory `target`, which must not exist; `id` is its id, the beginning of its
    /// object's name, or `latest`. It goes on with what an earlier fetch has left.
    pub fn fetch(&self, id: &str, target: impl AsRef<Path>, options: &Options) -> Result<Job> {
        extension::fetch(self.supply(id), target, options)
    }

    /// Starts to restore a snapshot to `target`, as [`hotbackup::restore`] does: the target is as it was until all has
    /// come and was compared with the manifest's checksums.
    pub fn restore(&self, id: &str, target: impl AsRef<Path>, options: &Options) -> Result<Job> {
        extension::restore(self.supply(id), target, options)
    }

    /// Starts to verify a snapshot: that all it needs is there, or, unless the options' level is
    /// [`Size`](hotbackup::VerifyLevel::Size), that all of it can be read and is what its manifest says. If not, the job
    /// fails with [`Code::Corrupt`](hotbackup::Code::Corrupt), and each pack that is not there or too short is one of
    /// [`Job::warnings`]; where all are there, each file that is bad is.
    pub fn verify(&self, id: &str, options: &Options) -> Result<Job> {
        extension::start(Kind::Verify, PathBuf::from(self.url()), options, self.verify_work(id))
    }

    /// The snapshots, the oldest first; `host`: those of that host alone. Of those that are of one local snapshot the
    /// oldest alone. The second list: records that cannot be read, each as an error.
    pub fn list(&self, host: Option<&str>) -> Result<(Vec<RemoteSnapshot>, Vec<hotbackup::Error>)> {
        let listed = Listed::read(&self.inner.opened()?, host)?;
        let unreadable = listed.unreadable.into_iter().map(|one| one.error).collect();
        Ok((listed.found.iter().map(RemoteSnapshot::of).collect(), unreadable))
    }

    /// Takes a snapshot out of the list. What it alone needs stays until `restic prune` removes it.
    pub fn forget(&self, id: &str) -> Result<()> {
        let repository = self.inner.opened()?;
        let listed = Listed::read(&repository, None)?;
        let object = listed.find(id, &repository)?.object;
        // Each of those that are of one local snapshot: else a younger one would take its place.
        let same = listed.find(id, &repository)?.tag("id").map(str::to_string);
        repository.store.delete(&names::of(names::SNAPSHOTS, &object))?;
        match same {
            Some(_) => self.forget_twins(&repository, same.as_deref()),
            None => Ok(()),
        }
    }

    fn forget_twins(&self, repository: &Repository, same: Option<&str>) -> Result<()> {
        loop {
            let listed = Listed::read(repository, None)?;
            let Some(twin) = listed.found.iter().find(|found| found.is_ours() && found.tag("id") == same)
            else {
                return Ok(());
            };
            repository.store.delete(&names::of(names::SNAPSHOTS, &twin.object))?;
        }
    }

    /// The locks that are there, the oldest first: while there is one, restic's prune, check and repair refuse, and while
    /// there is an exclusive one a push waits.
    pub fn locks(&self) -> Result<Vec<RemoteLock>> {
        self.inner.opened()?.locks()
    }

    /// Removes the locks that pushes which were killed have left: those of pushes that were not renewed for half an hour by
    /// the store's clock. Younger ones and those of others stay: who holds them may be at work. The first list is what was
    /// removed, the second what stays.
    pub fn unlock(&self) -> Result<(Vec<RemoteLock>, Vec<RemoteLock>)> {
        self.inner.opened()?.unlock()
    }

    /// What the store does, found by trying it in the repository's place, which need not have a repository yet and needs no
    /// password: that what is written is read and listed at once, what it refuses, and whether this host may delete. What
    /// does not hold is a finding, not an error. It takes some twenty small requests and three seconds. What it writes is called
    /// `locks/probe-...`, which restic passes over, needs the rights of a lock, and is removed.
    pub fn probe(&self) -> Result<Vec<RemoteFinding>> {
        probe::run(&self.inner.store)
    }

    /// How far the store's clock is from this machine's, by the store's last answer. `None`: it has said nothing.
    pub fn clock(&self) -> Option<RemoteFinding> {
        self.inner.store.heard().map(probe::clock)
    }
}

impl Inner {
    fn opened(&self) -> Result<Repository> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repository) = &*open {
            repository.require_the_same()?;
            return Ok(repository.clone());
        }
        let repository = Repository::open(&self.store, &self.options.password()?)?;
        Ok(open.insert(repository).clone())
    }

    /// For one job, whose cancel ends each request.
    pub(crate) fn repository(&self, task: &Task) -> Result<Repository> {
        let store = self.store.for_job(Arc::new(Steered(task.watch())));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repository) = &*open {
            let repository = repository.with(store);
            repository.require_the_same()?;
            return Ok(repository);
        }
        let repository = Repository::open(&store, &self.options.password()?)?;
        *open = Some(repository.with(self.store.clone()));
        Ok(repository)
    }

    fn host(&self) -> String {
        self.options.settings.host.clone().unwrap_or_else(host_name)
    }

    pub(crate) fn choices(&self) -> Choices {
        let Settings { piece, index_memory, lock_wait, read_back, accept, compression, endpoint, .. } =
            &self.options.settings;
        let url = self.store.url();
        Choices {
            host: self.host(),
            level: match compression {
                Compression::Max => Some(19),
                Compression::Auto => Some(LEVEL),
                Compression::Off => None,
            },
            piece: *piece,
            index_memory: *index_memory,
            timing: Timing { wait: *lock_wait, ..Timing::default() },
            read_back: *read_back == ReadBack::All,
            accept_any: *accept == Accept::Any,
            place: endpoint
                .as_ref()
                .map_or_else(|| url.to_string(), |endpoint| format!("{url} at {endpoint}")),
        }
    }
}

/// A job as the store sees it.
struct Steered(Watch);

impl StoreWatch for Steered {
    fn check(&self) -> Result<()> {
        self.0.check()
    }

    fn is_paced(&self) -> bool {
        self.0.is_paced()
    }

    fn pace_up(&self, bytes: u64) -> Result<()> {
        self.0.pace(bytes as usize)
    }

    fn pace_down(&self, bytes: u64) -> Result<()> {
        self.0.pace(bytes as usize)
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A path that stays the same when the host changes its directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| hotbackup::Error::io("resolving", path, error))
}
