//! A push: lock → look → read, seal and send → look again → commit. Whatever ends it when, the repository lists
//! nothing that is not whole, and what has arrived the next push takes over.

mod commit;
mod guard;
mod pieces;
mod previous;
mod reading;
mod trees;
mod work;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hotbackup::extension::{Stored, Task};
use hotbackup::{Code, Entry, EntryKind, Error, Phase, Result, checkpoint_remove};

use crate::format::Id;
use crate::repository::{Found, Index, Listed, Packer, Repository, Timing, files_of, names};
use guard::Guard;
use previous::Previous;
use reading::ToRead;
use rustix::io::Errno;
use trees::Sent;
use work::Work;

/// How often a push begins anew that lost its lock, or a pack on its way.
const STARTS: usize = 3;

/// What becomes of a lock whose push ended without an answer.
const LEFT: &str = "the store may still take the snapshot, so the lock stays until it is 30 minutes old";

/// Who may only read a root can push what is in it, and leaves no record there.
const READ_ONLY: [i32; 3] =
    [Errno::ACCESS.raw_os_error(), Errno::PERM.raw_os_error(), Errno::ROFS.raw_os_error()];

/// How a push is made.
#[derive(Clone, Debug)]
pub struct Choices {
    /// What its host is called in the repository.
    pub host: String,
    /// The level of compression, if there is any.
    pub level: Option<i32>,
    /// The length of pieces, if it was chosen.
    pub piece: Option<u64>,
    /// How much memory the index may take, in bytes.
    pub index_memory: u64,
    /// How long what takes with locks.
    pub timing: Timing,
    /// All that was sent is read back.
    pub read_back: bool,
    /// The repository may be another one than that which was pushed to before.
    pub accept_any: bool,
    /// What the repository's place is called: its URL, and the service's address where that is not the URL's own.
    pub place: String,
}

/// A push under way, once its snapshot is open.
pub struct Push<'a> {
    /// Where it goes.
    pub repository: &'a Repository,
    /// What is sent.
    pub stored: &'a Stored,
    /// How.
    pub choices: &'a Choices,
    /// Its job.
    pub task: &'a Task,
}

/// Pushes the snapshot at `location`, unless it is there and has all that it needs. Returns the name of its object. A
/// checkpoint has done its service then and is removed.
pub fn run(repository: &Repository, location: &Path, choices: &Choices, task: &Task) -> Result<Id> {
    task.enter(Phase::Scan)?;
    let stored = Stored::open(location)?;
    require_known(&stored, repository, choices)?;
    let id = push(&Push { repository, stored: &stored, choices, task })?;
    if let Err(error) = stored.pushed_to(&choices.place, &repository.id)
        && !READ_ONLY.contains(&error.os_error())
    {
        task.watch().warn(error);
    }
    let is_checkpoint = stored.is_checkpoint();
    // Its lock would keep the removal off.
    drop(stored);
    if is_checkpoint && let Err(error) = checkpoint_remove(location) {
        task.watch().warn(error);
    }
    Ok(id)
}

/// The repository is the one that snapshots of the same root went to before: else older ones are not where they are
/// thought to be.
fn require_known(stored: &Stored, repository: &Repository, choices: &Choices) -> Result<()> {
    match stored.repository_at(&choices.place) {
        Some(known) if known != repository.id && !choices.accept_any => {
            let (place, short) = (&choices.place, |id: &str| id.get(..8).unwrap_or(id).to_string());
            let (ours, theirs) = (short(&known), short(&repository.id));
            let why = format!(
                "pushing to {place}: the repository there is {theirs} and not {ours}, which earlier snapshots went to; \
                 if that is meant, the option accept=any takes it, else nothing was sent"
            );
            Err(Error::new(Code::Conflict, why))
        }
        _ => Ok(()),
    }
}

fn push(push: &Push<'_>) -> Result<Id> {
    let Push { repository, choices, task, .. } = *push;
    for start in 1..=STARTS {
        let guard = Guard::take(repository, &choices.host, choices.timing, &task.watch())?;
        let outcome = guard.keep(|guard| push.once(guard));
        let must_begin_anew = guard.is_lost() || outcome.as_ref().is_err_and(commit::is_of_a_lost_object);
        // The object may come as long as its signature is good, and only the lock keeps a prune off until then.
        let is_unsettled = outcome.is_err() && guard.is_unsettled();
        let released = if is_unsettled { Ok(()) } else { guard.release() };
        match outcome {
            Err(_) if must_begin_anew && start < STARTS => task.watch().check()?,
            Err(error) if is_unsettled => return Err(error.aftermath(LEFT)),
            Err(error) => return Err(error),
            Ok(id) => {
                if let Err(error) = released {
                    task.watch().warn(error);
                }
                return Ok(id);
            }
        }
    }
    Err(work::lost())
}

impl Push<'_> {
    fn once(&self, guard: &Guard) -> Result<Id> {
        let (repository, watch) = (self.repository, &self.task.watch());
        let listed = Listed::read(repository, None)?;
        let there = listed.found.iter().find(|found| found.tag("id") == Some(self.stored.snapshot().id()));
        let index = Index::load(repository, self.choices.index_memory)?;
        if let Some(found) = there
            && self.has_all(&index, found)?
        {
            return Ok(found.object);
        }
        if index.is_cut() {
            let why = "its index is larger than index_memory, so what lies there already may be sent again";
            watch.warn(Error::new(Code::NoSpace, format!("pushing to {}: {why}", repository.store.url())));
        }
        let newest = listed.found.iter().rev().filter(|found| found.is_ours());
        let newest = newest.filter(|found| found.record.hostname == self.choices.host).take(1).next();
        // The pieces of the one that is to be whole again are those that it has.
        let previous =
            there.or(newest).map(|found| Previous::load(repository, &index, found)).transpose()?.flatten();
        let packer = Packer::new(repository, &index, self.choices.read_back);
        let work = Work {
            repository,
            watch,
            threads: self.task.threads(),
            level: self.choices.level,
            is_lost: guard.lost_flag(),
        };
        self.task.enter(Phase::Upload)?;
        let files = self.send_files(previous.as_ref(), &index, &packer, &work)?;
        let mut used: Vec<Id> = files.iter().flat_map(|file| file.ids.iter().copied()).collect();
        let tree = trees::send(self.stored.contents(), files, &packer, &work)?;
        used.push(tree);
        packer.barrier()?;
        self.task.enter(Phase::Commit)?;
        let parent = previous.map(|previous| previous.object);
        let commit =
            commit::Commit { push: self, guard, packer: &packer, index: &index, used: &used, tree, parent };
        there.map_or_else(|| commit.run(), |found| commit.mend(found))
    }

    /// Whether all that a snapshot needs is in packs that are there, as far as the index is known: those that are bad a
    /// verification finds.
    fn has_all(&self, index: &Index, found: &Found) -> Result<bool> {
        if index.is_cut() {
            return Ok(true);
        }
        match files_of(self.repository, index, found, &|_| {}) {
            Ok(files) => Ok(files.values().flatten().all(|id| index.has(id))),
            Err(error) if error.code() == Code::Corrupt => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn send_files<'s>(
        &'s self,
        previous: Option<&Previous>,
        index: &Index,
        packer: &Packer<'_>,
        work: &Work<'_>,
    ) -> Result<Vec<Sent<'s>>> {
        let contents = self.stored.contents();
        let all: Vec<Entry<'s>> = contents.iter().filter(|entry| entry.kind == EntryKind::File).collect();
        work.watch.expect(all.iter().map(|file| file.size).sum(), all.len() as u64);
        let (mut sent, mut read) = (Vec::new(), Vec::new());
        for file in &all {
            let Some((ids, crc32)) = previous.and_then(|previous| previous.unchanged(file, index)) else {
                read.push(file);
                continue;
            };
            work.watch.linked(file.size);
            work.watch.file_done();
            sent.push(Sent { path: file.path, size: file.size, ids, crc32, attributes: file.attributes });
        }
        let to_read: Vec<ToRead<'s>> = read.iter().map(|file| self.to_read(file, previous)).collect();
        let done = reading::read_all(self.stored, &to_read, packer, work)?;
        for (file, (ids, crc32)) in read.iter().zip(done) {
            sent.push(Sent { path: file.path, size: file.size, ids, crc32, attributes: file.attributes });
        }
        sent.push(self.send_manifest(&sent, packer, work)?);
        Ok(sent)
    }

    /// The manifest comes last: that of a checkpoint lacks the checksums of what was not read before.
    fn send_manifest<'s>(
        &self,
        files: &[Sent<'_>],
        packer: &Packer<'_>,
        work: &Work<'_>,
    ) -> Result<Sent<'s>> {
        let sums: HashMap<&Path, u32> = match self.stored.is_checkpoint() {
            true => files.iter().map(|file| (file.path, file.crc32)).collect(),
            false => HashMap::new(),
        };
        let manifest = self.stored.manifest(|path| sums.get(path).copied())?;
        let ids = reading::send_bytes(&manifest, packer, work)?;
        let (path, size) = (Path::new(names::MANIFEST), manifest.len() as u64);
        Ok(Sent { path, size, ids, crc32: crc32fast::hash(&manifest), attributes: None })
    }

    fn to_read<'s>(&self, file: &Entry<'s>, previous: Option<&Previous>) -> ToRead<'s> {
        let before = previous.and_then(|previous| previous.piece(file.path));
        ToRead {
            path: file.path,
            size: file.size,
            crc32: file.crc32,
            piece: pieces::length(file.size, file.class, before, self.choices.piece),
        }
    }

    /// What restic groups snapshots by: the root of a snapshot, the data directory of a checkpoint, which lies in
    /// `.lifecycle/checkpoints` of that.
    fn path(&self) -> PathBuf {
        let location = self.stored.snapshot().location();
        let above = if self.stored.is_checkpoint() { 3 } else { 1 };
        location.ancestors().nth(above).unwrap_or(location).to_path_buf()
    }
}
