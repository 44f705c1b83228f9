"""Repositories in object stores."""

from __future__ import annotations

import builtins
import ctypes
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from .._arguments import AnyPath, encode_path, encode_text
from .._constants import VerifyLevel
from .._errors import HookFailed, call
from .._exit import refuse_at_exit
from .._handles import JobHandle
from .._hooks import Hooks, ProgressHook, ValidateHook
from .._job import Job, started
from .._options import options as job_options
from .._restore import AnySnapshot, location_of
from ._ffi import RawRequests, lib
from ._password import AnyPassword, Password
from ._settings import Setting, options
from ._snapshots import AnyRemoteSnapshot, RemoteSnapshot, encode_id, listed
from ._waiting import RemoteHandle

_T = TypeVar("_T")


@dataclass(frozen=True)
class Requests:
    """What a remote has asked of its store so far, of all its jobs."""

    puts: int
    """Objects sent."""
    gets: int
    """Objects or parts of them fetched, and their heads."""
    lists: int
    """Pages of listings."""
    deletes: int
    """Objects deleted."""
    bytes_up: int
    """Bytes of bodies sent."""
    bytes_down: int
    """Bytes of bodies fetched."""
    retries: int
    """Requests that were made again; they count above, too."""


class Remote:
    """A repository in an object store, as :func:`open` gives it. Any thread may use it. Close it, or use
    it in a ``with`` statement.

    What waits for the store returns within the store's timeouts and its budget of retries. Ctrl-C ends such
    a wait at once; the call that it leaves behind ends by itself.
    """

    def __init__(self, url: str, password: AnyPassword | None, settings: dict[str, Setting]):
        refuse_at_exit()
        self._password = None if password is None else Password(password)
        self._handle = handle = RemoteHandle()
        try:
            with options(self._password, settings) as address:
                call(lib.backup_remote_open, encode_text(url, "url"), address, ctypes.byref(handle.out))
            with handle.use() as opened:
                self._url: str = lib.backup_remote_url(opened).decode("utf-8", "replace")
        except BaseException:
            handle.drop()
            raise
        weakref.finalize(self, _dropped, handle, self._url).atexit = False

    def __repr__(self) -> str:
        return f"<hotbackup.remote.Remote at {self._url!r}>"

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Its URL, without credentials."""
        return self._url

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._handle.closed

    @property
    def repository_id(self) -> str:
        """The id of the repository, 64 hexadecimal digits, asked of the store. Conflict: another was made
        at the same place since."""

        def ask(remote: int) -> str:
            out = ctypes.c_char_p()
            call(lib.backup_remote_repository_id, remote, ctypes.byref(out))
            assert out.value is not None
            return out.value.decode()

        return self._waited(ask)

    def init(self) -> None:
        """Makes the repository, and waits for it. Conflict: there is one."""
        self._waited(lambda remote: call(lib.backup_remote_init, remote))

    def list(self, host: str | None = None) -> builtins.list[RemoteSnapshot]:
        """The snapshots, oldest first, then unreadable ones (``error``); waits for it. Of those that are of
        one local snapshot it has the oldest alone. host: those of that host; None: of all."""
        name = None if host is None else encode_text(host, "host")
        return self._waited(lambda remote: listed(remote, name))

    def forget(self, id: AnyRemoteSnapshot) -> None:
        """Takes a snapshot out of the list, and waits for it. What it alone needs stays until restic's prune
        removes it. id: as for :meth:`fetch`."""
        name = encode_id(id)
        self._waited(lambda remote: call(lib.backup_remote_forget, remote, name))

    def requests(self) -> Requests:
        """Counts the requests so far, without waiting."""
        raw = RawRequests()
        with self._handle.use() as remote:
            call(lib.backup_remote_requests_now, remote, ctypes.byref(raw), ctypes.sizeof(raw))
        return Requests(**{name: getattr(raw, name) for name in Requests.__dataclass_fields__})

    def push(
        self,
        snapshot: AnySnapshot,
        *,
        threads: int = 0,
        rate_limit: int = 0,
        progress: ProgressHook | None = None,
    ) -> Job:
        """Starts to send a finished snapshot, and returns at once; it cannot be deleted or pruned meanwhile.

        One that is there already is not sent again, but for packs that the store has lost since, of which a
        warning tells. Of what an earlier push of this host has sent, only what may have changed is read,
        and only what did is sent. The job completes once the repository lists the snapshot; killed before
        that, the next push goes on with what was sent. A checkpoint, by its job's location, arrives as a
        snapshot too, and is removed once it has. As the job's result Corrupt: the snapshot is not what its
        manifest says, or a live file of the checkpoint was changed, or that is a copy; Conflict: another
        program held the repository alone for longer than lock_wait, or it is another repository than that
        which earlier snapshots of the same root went to. Keep the Job and wait for it: dropping it cancels
        the push, with a ResourceWarning. rate_limit: the bytes a second that are read, and that are sent; 0:
        only rate_limit_up of the settings holds.
        """
        given = job_options(hooks=Hooks(progress=progress), threads=threads, rate_limit=rate_limit)
        location = location_of(snapshot)
        with given as address:
            what = f"the push to {self._url}"
            return self._start(what, lib.backup_remote_push_start, location, address)

    def fetch(
        self,
        id: AnyRemoteSnapshot,
        target: AnyPath,
        *,
        threads: int = 0,
        rate_limit: int = 0,
        min_free: int = 0,
        progress: ProgressHook | None = None,
    ) -> Job:
        """Starts to bring a snapshot as a directory target, which must not exist, and returns at once; it is
        a snapshot as any other then.

        id: a RemoteSnapshot, or its id, the beginning of its object's name, or "latest". It goes on with what
        an earlier fetch of it to the same place has left. Keep the Job and wait for it: dropping it cancels
        the fetch, with a ResourceWarning.
        """
        given = job_options(
            hooks=Hooks(progress=progress), threads=threads, rate_limit=rate_limit, min_free=min_free
        )
        name, place = encode_id(id), encode_path(target, "target")
        with given as address:
            what = f"the fetch from {self._url}"
            return self._start(what, lib.backup_remote_fetch_start, name, place, address)

    def restore(
        self,
        id: AnyRemoteSnapshot,
        target: AnyPath,
        *,
        layout: str | None = None,
        threads: int = 0,
        rate_limit: int = 0,
        latency_target: float | None = None,
        verify_level: int = VerifyLevel.CHECKSUM,
        min_free: int = 0,
        keep_undo: bool = True,
        keep_matching: bool = False,
        clone: bool = True,
        no_posix_locks: bool = False,
        validate: ValidateHook | None = None,
        progress: ProgressHook | None = None,
    ) -> Job:
        """Starts a restore of a snapshot to target, as :func:`hotbackup.restore` does, whose options these
        are: the target is as it was until all has come and was compared with the manifest's checksums. id:
        as for :meth:`fetch`. Dropping the Job cancels it, with a ResourceWarning."""
        given = job_options(
            hooks=Hooks(validate=validate, progress=progress),
            layout=layout,
            threads=threads,
            rate_limit=rate_limit,
            latency_target=latency_target,
            verify_level=verify_level,
            min_free=min_free,
            keep_undo=keep_undo,
            keep_matching=keep_matching,
            clone=clone,
            no_posix_locks=no_posix_locks,
        )
        name, place = encode_id(id), encode_path(target, "target")
        with given as address:
            what = f"the restore from {self._url}"
            return self._start(what, lib.backup_remote_restore_start, name, place, address)

    def verify(
        self,
        id: AnyRemoteSnapshot,
        *,
        threads: int = 0,
        rate_limit: int = 0,
        verify_level: int = VerifyLevel.CHECKSUM,
        progress: ProgressHook | None = None,
    ) -> Job:
        """Starts to verify a snapshot, and returns at once: that all it needs is there (``VerifyLevel.SIZE``
        or ``NONE``), or that all of it can be read and is what its manifest says. Each bad file is one of
        ``Job.warnings``; then the job is Corrupt. id: as for :meth:`fetch`. Dropping the Job cancels it, with
        a ResourceWarning."""
        given = job_options(
            hooks=Hooks(progress=progress), threads=threads, rate_limit=rate_limit, verify_level=verify_level
        )
        name = encode_id(id)
        with given as address:
            what = f"the verification in {self._url}"
            return self._start(what, lib.backup_remote_verify_start, name, address)

    def close(self) -> None:
        """Closes it. Its jobs are cancelled, and not waited for: they stay good, and say when they have
        ended. Again, or in a forked child: no effect."""
        self._handle.drop()

    def _waited(self, make: Callable[[int], _T]) -> _T:
        try:
            return self._handle.waited(make)
        except HookFailed as failure:
            self._explain(failure)
            raise

    def _start(self, what: str, function: Callable[..., int], *arguments: object) -> Job:
        refuse_at_exit()
        with self._handle.use() as remote:
            return started(lambda handle: _RemoteJob(handle, self), what, function, remote, *arguments)

    def _explain(self, failure: BaseException) -> None:
        if self._password is not None:
            self._password.explain(failure)


class _RemoteJob(Job):
    """A job of a remote, which it keeps: a dropped one would cancel it."""

    def __init__(self, handle: JobHandle, remote: Remote):
        self._remote = remote
        super().__init__(handle)

    def _failed(self, code: int, error: ctypes.c_void_p) -> BaseException:
        failure = super()._failed(code, error)
        self._remote._explain(failure)
        return failure


def open(url: str, *, password: AnyPassword | None = None, **settings: Setting) -> Remote:
    """Opens a repository by its URL: ``s3://bucket/prefix``, ``gs://bucket/prefix``,
    ``az://account/container/prefix`` or ``file:///path``. Nothing is asked of the store yet.

    password: the repository's, or a function that gives it, which is called on any thread each time the
    repository is opened. One that raises fails what was asked for with HookFailed, whose cause is that
    exception. None: that of password_file, or of RESTIC_PASSWORD and RESTIC_PASSWORD_FILE in the environment.
    settings: endpoint, region, path_style, access_key, secret_key, session_token, profile, credentials_file,
    ca_file, proxy, connect_timeout, idle_timeout, retries, retry_budget, connections, rate_limit_up,
    rate_limit_down, host, prefix, compression, password_file, piece, index_memory, lock_wait, accept,
    read_back;
    docs/remote.md says what each is. A value is a str ("15m", "64KiB"), an int, a bool, a path or a
    timedelta.

    Raises InvalidArgument: an unknown setting, a value that is none, a URL that is none.
    """
    return Remote(url, password, settings)


def _dropped(handle: RemoteHandle, url: str) -> None:
    forgotten = not handle.closed and not handle.inherited
    handle.drop()
    if forgotten:
        warnings.warn(f"the remote {url} was not closed", ResourceWarning, stacklevel=2)
