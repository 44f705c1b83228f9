"""Sends hotbackup's snapshots to an object store, and brings them back.

The least that sends one::

    import hotbackup.remote

    with hotbackup.remote.open("s3://bucket/db", password=password) as remote:
        remote.push("/backup/ts-1").wait()

Snapshots go to S3, GCS, Azure, what speaks as S3 does, or a directory, encrypted, compressed, each piece
stored once, into a repository of restic's format, version 2. Jobs, their options and errors are those of
:mod:`hotbackup`.
"""

from __future__ import annotations

from ._ffi import lib as _lib
from ._password import AnyPassword
from ._remote import Remote, Requests, open
from ._settings import Setting
from ._snapshots import AnyRemoteSnapshot, RemoteSnapshot

__all__ = [
    "AnyPassword",
    "AnyRemoteSnapshot",
    "Remote",
    "RemoteSnapshot",
    "Requests",
    "Setting",
    "open",
    "version",
]


def version() -> str:
    """The version of libhotbackup_remote, such as "0.1.0"."""
    found: bytes = _lib.backup_remote_version()
    return found.decode()
