//! Hooks: how the host reaches a consistent point, and what it may say from inside one.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sync::Mutex;

use super::handle::Job;
use super::progress::Progress;
use crate::datadir::names::LIFECYCLE;
use crate::error::{Code, Error, Result};
use crate::layout::FileClass;
use crate::paths::relative;
use crate::settings::{add_tag, check_metadata};
use crate::snapshot::{CHECKPOINT, MANIFEST};
use crate::sys::memory;

/// What a hook returns: `?` takes any error. Its text becomes part of the job's message, and itself
/// the [`source`](std::error::Error::source) of the job's error.
pub type HookResult<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

type Act = Arc<dyn Fn(&Hook<'_>) -> HookResult + Send + Sync>;
type Validate = Arc<dyn Fn(&Path, &Hook<'_>) -> HookResult + Send + Sync>;
type Watch = Arc<dyn Fn(&Progress, &Hook<'_>) -> HookResult<ControlFlow<()>> + Send + Sync>;

/// The host's functions. All are optional; they run one at a time, on one thread of a job.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) checkpoint: Option<Act>,
    pub(crate) freeze_thaw: Option<(Act, Act)>,
    pub(crate) release: Option<Act>,
    pub(crate) validate: Option<Validate>,
    pub(crate) progress: Option<Watch>,
}

impl Hooks {
    /// Flush to a consistent state. Called once, first.
    pub fn checkpoint(&mut self, hook: impl Fn(&Hook<'_>) -> HookResult + Send + Sync + 'static) {
        self.checkpoint = Some(Arc::new(hook));
    }

    /// Stop and resume writes. `thaw` is called exactly once for each `freeze` that succeeded,
    /// on the same thread, and no other hook between them.
    pub fn freeze_thaw(
        &mut self,
        freeze: impl Fn(&Hook<'_>) -> HookResult + Send + Sync + 'static,
        thaw: impl Fn(&Hook<'_>) -> HookResult + Send + Sync + 'static,
    ) {
        self.freeze_thaw = Some((Arc::new(freeze), Arc::new(thaw)));
    }

    /// Unpin. Called exactly once after the last read of the source, once the checkpoint hook has
    /// succeeded or if there is none.
    pub fn release(&mut self, hook: impl Fn(&Hook<'_>) -> HookResult + Send + Sync + 'static) {
        self.release = Some(Arc::new(hook));
    }

    /// Look at a staged snapshot or a staged restore before it is published.
    pub fn validate(&mut self, hook: impl Fn(&Path, &Hook<'_>) -> HookResult + Send + Sync + 'static) {
        self.validate = Some(Arc::new(hook));
    }

    /// Called at each change of phase and about every 100 ms; `Break` cancels the job.
    pub fn progress(
        &mut self,
        hook: impl Fn(&Progress, &Hook<'_>) -> HookResult<ControlFlow<()>> + Send + Sync + 'static,
    ) {
        self.progress = Some(Arc::new(hook));
    }

    /// Those that a restore or a verification uses.
    pub(crate) fn without_source(&self) -> Self {
        Self { validate: self.validate.clone(), progress: self.progress.clone(), ..Self::default() }
    }
}

/// What a hook is given for the time of its call.
pub struct Hook<'a> {
    pub(crate) job: &'a Job,
    pub(crate) notes: &'a Mutex<HookNotes>,
    pub(crate) may_name: bool,
}

impl Hook<'_> {
    /// The job that calls. From its own hooks it can't be waited for.
    pub fn job(&self) -> &Job {
        self.job
    }

    /// Names a live file, from the checkpoint or the freeze hook: then exactly the named files
    /// are captured. `path` is relative to the data directory or starts with a source's prefix;
    /// `length`: only so many bytes from its start.
    pub fn add_file(&self, path: impl AsRef<Path>, class: FileClass, length: Option<u64>) -> Result<()> {
        let path = path.as_ref();
        if class == FileClass::Excluded {
            let why = "an excluded file cannot be a live one";
            return Err(Error::at(Code::InvalidArgument, "naming the live file", path, why));
        }
        self.name(path, LiveFile::Source { class, length })
    }

    /// Gives a file that only the snapshot has, from the checkpoint or the freeze hook.
    pub fn add_bytes(&self, path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
        let path = path.as_ref();
        let copy = memory::copy_of(bytes).map_err(|error| Error::io("adding the bytes of", path, error))?;
        self.name(path, LiveFile::Bytes(copy.into()))
    }

    /// Metadata of this backup only, in place of that of the options. After the manifest is
    /// written, and in a restore or a verification, it is a [`Code::Conflict`].
    pub fn set_metadata(&self, metadata: &[u8]) -> Result<()> {
        check_metadata(metadata)?;
        self.note("setting metadata", |notes| {
            notes.metadata = Some(metadata.to_vec());
            Ok(())
        })
    }

    /// Gives this backup's snapshot a tag, beside those of the options; as [`Options::add_tag`](crate::Options::add_tag)
    /// takes it, and when [`set_metadata`](Self::set_metadata) may be called.
    pub fn add_tag(&self, tag: &str) -> Result<()> {
        self.note("adding a tag", |notes| add_tag(&mut notes.tags, tag))
    }

    /// For the manifest, until it is written.
    fn note(&self, doing: &str, note: impl FnOnce(&mut HookNotes) -> Result<()>) -> Result<()> {
        let mut notes = self.notes.lock();
        if notes.is_sealed {
            let why = format!("{doing}: the manifest has been written already, or the job makes no snapshot");
            return Err(Error::new(Code::Conflict, why));
        }
        note(&mut notes)
    }

    fn name(&self, path: &Path, file: LiveFile) -> Result<()> {
        let path = relative(path)?;
        let refuse = |code, why: &str| Err(Error::at(code, "naming the live file", &path, why));
        if !self.may_name {
            return refuse(Code::Conflict, "only the checkpoint and the freeze hook of a backup may do that");
        }
        if [MANIFEST, CHECKPOINT].map(Path::new).contains(&path.as_path()) || path.starts_with(LIFECYCLE) {
            return refuse(Code::InvalidArgument, "that name is the library's own");
        }
        let mut notes = self.notes.lock();
        if notes.clashes(&path) {
            return refuse(Code::InvalidArgument, "it would be a file and a directory");
        }
        notes.in_this_hook.insert(path, file);
        notes.now = None;
        Ok(())
    }
}

/// A file that a hook named.
#[derive(Clone)]
pub(crate) enum LiveFile {
    Source { class: FileClass, length: Option<u64> },
    Bytes(Arc<Vec<u8>>),
}

/// The files that the hooks named so far.
pub(crate) type LiveFiles = BTreeMap<PathBuf, LiveFile>;

/// What the hooks of one job have said.
#[derive(Default)]
pub(crate) struct HookNotes {
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) tags: Vec<String>,
    /// Both have been taken.
    pub(crate) is_sealed: bool,
    in_checkpoint: LiveFiles,
    in_this_hook: LiveFiles,
    /// All that counts now, made of both once for all who ask.
    now: Option<Arc<LiveFiles>>,
}

impl HookNotes {
    /// What the checkpoint named stays; what a freeze named is true only until its thaw.
    pub(crate) fn checkpoint_ended(&mut self) {
        self.in_checkpoint = std::mem::take(&mut self.in_this_hook);
        self.now = None;
    }

    pub(crate) fn freeze_ended(&mut self) {
        if !self.in_this_hook.is_empty() {
            self.in_this_hook.clear();
            self.now = None;
        }
    }

    /// All that counts now; the later call wins.
    pub(crate) fn live_files(&mut self) -> Arc<LiveFiles> {
        let all = || {
            let mut files = self.in_checkpoint.clone();
            files.extend(self.in_this_hook.clone());
            Arc::new(files)
        };
        self.now.get_or_insert_with(all).clone()
    }

    fn clashes(&self, path: &Path) -> bool {
        [&self.in_checkpoint, &self.in_this_hook].into_iter().any(|files| {
            let is_parent = path.ancestors().skip(1).any(|parent| files.contains_key(parent));
            let below = (Bound::Excluded(path.to_path_buf()), Bound::Unbounded);
            let is_child = files.range(below).next().is_some_and(|(other, _)| other.starts_with(path));
            is_parent || is_child
        })
    }
}
