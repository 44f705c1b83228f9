"""The library's options, built from keyword arguments for the time of one call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ._arguments import AnyPath, encode_path, encode_text, signed, unsigned
from ._constants import Share, Symlinks, VerifyLevel
from ._errors import InvalidArgument, call
from ._ffi import lib
from ._hooks import Hooks


@contextmanager
def options(
    *,
    hooks: Hooks,
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
    keep_undo: bool = True,
    share: int = Share.SAFELY,
    reread_after: float | None = 86_400.0,
    keep_matching: bool = False,
    clone: bool = True,
    no_posix_locks: bool = False,
) -> Iterator[int]:
    """The address of the options, which are freed at the end of the ``with`` block."""
    address: int = lib.backup_options_new()
    try:
        if root is not None:
            call(lib.backup_options_set_root, address, encode_path(root, "root"))
        call(lib.backup_options_set_adopt_root, address, bool(adopt_root))
        for source, prefix in sources:
            source, prefix = encode_path(source, "source"), encode_path(prefix, "prefix")
            call(lib.backup_options_add_source, address, source, prefix)
        if layout is not None:
            call(lib.backup_options_set_layout, address, encode_text(layout, "layout"))
        for glob, file_class in rules:
            pattern, number = encode_text(glob, "glob"), signed(file_class, "file_class")
            call(lib.backup_options_add_rule, address, pattern, number)
        call(lib.backup_options_set_threads, address, unsigned(threads, 32, "threads"))
        call(lib.backup_options_set_rate_limit, address, unsigned(rate_limit, 64, "rate_limit"))
        call(lib.backup_options_set_latency_target, address, _target(latency_target))
        call(lib.backup_options_set_verify_level, address, signed(verify_level, "verify_level"))
        call(lib.backup_options_set_symlinks, address, signed(symlinks, "symlinks"))
        call(lib.backup_options_set_freeze_timeout, address, _milliseconds(freeze_timeout))
        call(lib.backup_options_set_min_free, address, unsigned(min_free, 64, "min_free"))
        if metadata is not None:
            metadata = bytes(metadata)
            call(lib.backup_options_set_metadata, address, metadata, len(metadata))
        for tag in tags:
            call(lib.backup_options_add_tag, address, encode_text(tag, "tag"))
        call(lib.backup_options_set_keep_undo, address, bool(keep_undo))
        call(lib.backup_options_set_share, address, signed(share, "share"))
        call(lib.backup_options_set_reread_after, address, _seconds(reread_after))
        call(lib.backup_options_set_keep_matching, address, bool(keep_matching))
        call(lib.backup_options_set_clone, address, bool(clone))
        call(lib.backup_options_set_no_posix_locks, address, bool(no_posix_locks))
        hooks.install(address)
        yield address
    finally:
        lib.backup_options_free(address)


def _milliseconds(timeout: float | None) -> int:
    """The library's 0, which is no timeout, is None here."""
    if timeout is None:
        return 0
    if not 0 < timeout < 1 << 53:
        raise InvalidArgument(f"freeze_timeout is {timeout} seconds, which is no time; None is no timeout")
    return math.ceil(timeout * 1000)


def _target(latency: float | None) -> int:
    """The library's 0, which is no target, is None here; its milliseconds are a number of 32 bits."""
    if latency is None:
        return 0
    if not 0 < latency < 1 << 22:
        raise InvalidArgument(f"latency_target is {latency} seconds, which is no latency; None is no target")
    return math.ceil(latency * 1000)


def _seconds(age: float | None) -> int:
    """The library's largest number, which is never, is None here."""
    if age is None:
        return (1 << 64) - 1
    if not 0 <= age < 1 << 53:
        raise InvalidArgument(f"reread_after is {age} seconds, which is no age; None is never")
    return math.ceil(age)
