"""The backups of one data directory."""

from __future__ import annotations

import ctypes
import os
import warnings
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from ._arguments import AnyPath, decode_path, encode_path, encode_text
from ._caller import Caller
from ._constants import CheckpointFlags, Share, Symlinks, VerifyLevel
from ._errors import call
from ._exit import refuse_at_exit
from ._ffi import lib
from ._handles import CoordinatorHandle, JobHandle
from ._hooks import Hooks, ProgressHook, SimpleHook, ValidateHook
from ._job import Job
from ._options import options
from ._threads import Inside, entered, inside


class Coordinator:
    """The backups of one data directory; its host opens it once and keeps it while the database is
    open. Any thread may use it. Close it, or use it in a ``with`` statement: hooks often refer to
    what owns the coordinator, and then the garbage collector never finds it.

    data_dir: the directory, which is there already.
    root: where snapshots live, on any file system; by default ``.lifecycle/backup`` in data_dir.
    adopt_root: takes over a root that belongs to another data directory (one that was moved, copied or
    made anew is another), begins a new one where one was before and is missing, and takes a further
    source that is another than the one that its prefix had, or is empty now.
    sources: further directories, as pairs of a directory and its prefix in the snapshot.
    layout: the engine's, such as "sqlite", with rules for its files.
    rules: pairs of a glob and a FileClass; the first match wins, before those of the layout.
    threads: of I/O; 0: two. rate_limit: bytes per second; 0: none.
    latency_target: how long a small synced write of the host's may take beside a backup, in seconds; the
    rate then follows such writes of the library's own in data_dir, up to rate_limit; the C header says how.
    None: whatever it takes.
    verify_level: a VerifyLevel. symlinks: a Symlinks.
    freeze_timeout: in seconds; None: none. min_free: bytes that stay free on each file system.
    metadata: at most 1 MiB, kept in each snapshot. tags: what each snapshot is called by for retention
    policies, 1 to 255 bytes each, without commas and control characters, at most 64.
    clone: whether blocks may be shared with what is copied, where the file system can.
    share: a Share, whether a backup shares with the snapshot before it (what ``latest`` gives) the immutable
    files that have not changed since: then it costs what has changed. A snapshot is complete all the same,
    deleting one harms no other, and what is restored shares with none.
    reread_after: how long ago a shared file may have been read back from the disk, in seconds; each backup
    reads what was not for longer, the oldest first, before its checkpoint hook: at most 64 MiB or a 32nd of
    what can be shared, whichever is more. A file that is bad is copied anew, and ``Job.warnings`` names it.
    0: some in each backup; None: never.
    no_posix_locks: this process holds no fcntl locks on the files, see the C header.

    Hooks, all optional: ``checkpoint(hook)`` flushes; ``freeze(hook)`` and ``thaw(hook)`` stop and
    resume writes; ``release(hook)`` unpins; ``validate(staging, hook)`` looks at the copy;
    ``progress(progress, hook)`` watches, and cancels by returning False. They run one at a time. A
    hook that raises has undone its own work, and fails the job with that exception. It returns when
    its work is done: False (HookFailed), and what stands for work to come, such as a coroutine or a
    future, or may be a code of C's, a number (TypeError), fail the job; ``validate`` and ``progress``
    return None, True or False.

    The freeze timeout cannot make ``thaw`` run while a call of C in another thread keeps the
    interpreter's lock: writes stand still until it lets go, and the backup fails with FreezeTimeout.

    Raises TypeError: a hook is no function, or an ``async def``, a generator function or a class;
    NotFound: no such directory; InvalidArgument; RestoreUnfinished: call recover first; Conflict:
    a restore is at work there; Unsupported: no such layout.
    """

    def __init__(
        self,
        data_dir: AnyPath,
        *,
        root: AnyPath | None = None,
        adopt_root: bool = False,
        sources: Iterable[tuple[AnyPath, AnyPath]] = (),
        layout: str | None = None,
        rules: Iterable[tuple[str, int]] = (),
        threads: int = 0,
        rate_limit: int = 0,
        latency_target: float | None = None,
        verify_level: int = VerifyLevel.CHECKSUM,
        symlinks: int = Symlinks.FAIL,
        freeze_timeout: float | None = 30.0,
        min_free: int = 0,
        metadata: bytes | None = None,
        tags: Iterable[str] = (),
        share: int = Share.SAFELY,
        reread_after: float | None = 86_400.0,
        clone: bool = True,
        no_posix_locks: bool = False,
        checkpoint: SimpleHook | None = None,
        freeze: SimpleHook | None = None,
        thaw: SimpleHook | None = None,
        release: SimpleHook | None = None,
        validate: ValidateHook | None = None,
        progress: ProgressHook | None = None,
    ):
        refuse_at_exit()
        self._hooks = Hooks(checkpoint, freeze, thaw, release, validate, progress)
        self._hooks.freeze_timeout = freeze_timeout
        self._jobs: dict[str, weakref.ref[Job]] = {}
        given = options(
            hooks=self._hooks,
            root=root,
            adopt_root=adopt_root,
            sources=sources,
            layout=layout,
            rules=rules,
            threads=threads,
            rate_limit=rate_limit,
            latency_target=latency_target,
            verify_level=verify_level,
            symlinks=symlinks,
            freeze_timeout=freeze_timeout,
            min_free=min_free,
            metadata=metadata,
            tags=tags,
            share=share,
            reread_after=reread_after,
            clone=clone,
            no_posix_locks=no_posix_locks,
        )
        self._handle = handle = CoordinatorHandle()
        try:
            with given as address:
                directory = encode_path(data_dir, "data_dir")
                call(lib.backup_coordinator_open, directory, address, ctypes.byref(handle.out))
            with handle.use() as opened:
                self._root = decode_path(lib.backup_coordinator_root(opened))
            handle.root = os.fspath(self._root)
        except BaseException:
            handle.drop()
            raise
        weakref.finalize(self, _dropped, handle).atexit = False

    def __repr__(self) -> str:
        return f"<hotbackup.Coordinator with root {str(self._root)!r}>"

    def __enter__(self) -> Coordinator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def root(self) -> Path:
        """The backup root, absolute."""
        return self._root

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._handle.closed

    def start(self) -> Job:
        """Starts a backup and returns at once; its hooks run on a thread of the library's.

        Conflict: a backup runs already, here or elsewhere, the root belongs to another data
        directory, or another directory has taken the data directory's place. NotFound: a root that was
        used before is not there now. InputOutputError, NoSpace: the root cannot be written.
        Everything later is the job's result.
        """
        return self._start(lib.backup_start)

    def start_checkpoint(self, *, until_close: bool = False, links_are_safe: bool = False) -> Job:
        """Starts a checkpoint and returns at once: a directory in ``.lifecycle/checkpoints`` of the
        data directory (``location``), at the consistent point of a freeze, whose immutable files are
        links to the live ones, so that it takes milliseconds and no space. It is no snapshot, and is in
        no root's list. Its engine may open it read-only where it lies, or a copy of it anywhere.

        until_close: it is removed when its coordinator is closed or, after a crash, by ``recover``; else
        it stays until ``remove_checkpoint``.
        links_are_safe: the host vouches that nothing ever truncates, rewrites in place or touches an
        immutable file that has several names, not even when it is deleted: so any layout will do, and
        whatever is immutable is linked. Where it is not so, the checkpoint changes with the live database.

        Hooks and errors are those of ``start``, but for the errors of the root. Unsupported: the layout
        is not rocksdb, leveldb or pebble, and the host does not vouch for its links; as the job's result:
        links are refused, or a further source lies on another file system.
        """
        return self._start(lib.backup_checkpoint_start, _flags(until_close, links_are_safe))

    def _start(self, begin: Callable[..., int], *arguments: int) -> Job:
        refuse_at_exit()
        with self._handle.use() as coordinator:
            handle = JobHandle()
            with handle.use():  # what is cancelled below stays good, whatever becomes of the Job
                try:
                    call(begin, coordinator, *arguments, ctypes.byref(handle.out))
                    if self._handle.closed:  # meanwhile
                        lib.backup_cancel(handle.out, None)
                    return self._job(handle)
                except BaseException:
                    # If it was interrupted, nobody would know of the job.
                    lib.backup_cancel(handle.out, None)
                    handle.drop()
                    raise

    def run(self) -> Job:
        """Makes a backup with its hooks on this thread, for hosts whose objects are bound to a
        thread, and returns its job, which has completed; or raises what ``start`` or ``wait``
        would. Ctrl-C cancels the backup here, since its hooks need this thread: its thaw and
        release run, then KeyboardInterrupt comes out."""
        return self._run(lib.backup_start)

    def run_checkpoint(self, *, until_close: bool = False, links_are_safe: bool = False) -> Job:
        """Makes a checkpoint as ``start_checkpoint`` does, with its hooks on this thread, as ``run``
        makes a backup."""
        return self._run(lib.backup_checkpoint_start, _flags(until_close, links_are_safe))

    def _run(self, begin: Callable[..., int], *arguments: int) -> Job:
        refuse_at_exit()
        interrupt: BaseException | None = None
        with self._handle.use() as coordinator:
            caller = Caller()
            handle, here = caller.job, Inside(self._hooks, caller.job.id)
            # A signal's handler may raise anywhere in here, also as a `with` or a `try` begins or ends.
            with handle.use():
                try:
                    entered.add(here)
                    self._hooks.callers.add(caller)
                    call(begin, coordinator, *arguments, ctypes.byref(handle.out))
                    if self._handle.closed:  # meanwhile
                        lib.backup_cancel(handle.out, None)
                    while True:
                        try:
                            caller.serve(plainly=interrupt is not None)
                            break
                        except BaseException as error:
                            if interrupt is None:
                                interrupt = error
                            lib.backup_cancel(handle.out, None)
                    job = self._find(coordinator, handle.id())
                except BaseException:
                    lib.backup_cancel(handle.out, None)
                    raise
                finally:
                    # Steps of C, which nothing interrupts.
                    caller.left = True
                    entered.discard(here)
                    self._hooks.callers.discard(caller)
                    caller.close()
        interrupt = interrupt or caller.interrupt
        if interrupt is not None:
            raise interrupt
        job.wait()
        return job

    def find(self, job_id: str | None = None) -> Job:
        """A backup of this coordinator by its id; None: the running one, else the newest. The last
        32 that have ended are known. NotFound: there is none."""
        with self._handle.use() as coordinator:
            return self._find(coordinator, job_id)

    def close(self) -> None:
        """Cancels the backup or checkpoint that runs, waits for its end and for calls of other threads,
        removes the checkpoints that were to go with it, and closes.
        Again: waits for the same. Signals' handlers run meanwhile, and may close too. From a hook of
        that backup, or a handler above ``run``, it does not wait, and the job's end does the rest."""
        self._handle.close(wait=all(mark.hooks is not self._hooks for mark in inside()))

    def _find(self, coordinator: int, job_id: str | None) -> Job:
        wanted = None if job_id is None else encode_text(job_id, "job_id")
        handle = JobHandle()
        try:
            call(lib.backup_find, coordinator, wanted, ctypes.byref(handle.out))
            return self._job(handle)
        except BaseException:
            handle.drop()
            raise

    def _job(self, handle: JobHandle) -> Job:
        """The one Job of this backup, which keeps the exception that its hook raised."""
        fresh = Job(handle, self)
        jobs, job_id = self._jobs, fresh.id
        reference = weakref.ref(fresh, lambda gone: jobs.pop(job_id) if jobs.get(job_id) is gone else None)
        known = jobs.setdefault(job_id, reference)()
        if known is None:
            jobs[job_id] = reference
        return known or fresh


def _flags(until_close: bool, links_are_safe: bool) -> int:
    flags = CheckpointFlags.UNTIL_CLOSE if until_close else 0
    return flags | (CheckpointFlags.LINKS_ARE_SAFE if links_are_safe else 0)


def _dropped(handle: CoordinatorHandle) -> None:
    forgotten = not handle.closed and not handle.inherited
    handle.drop()
    if forgotten:
        what = f"a coordinator was not closed; its root is {handle.root}"
        warnings.warn(what, ResourceWarning, stacklevel=2)
