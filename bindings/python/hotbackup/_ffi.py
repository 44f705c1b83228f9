"""The C API, function by function, as include/hotbackup.h declares it.

Handles are plain addresses (``c_void_p``). ctypes lets go of the interpreter's lock during each
call, so a call may wait for a hook that runs Python code on another thread.
"""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

from ._constants import ABI_VERSION
from ._library import load

DESTROY = CFUNCTYPE(None, c_void_p)
HOOK = CFUNCTYPE(c_int32, c_void_p, c_void_p)
VALIDATE = CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p)
PROGRESS = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_void_p)


class RawProgress(ctypes.Structure):
    """``backup_progress``: the only struct of the ABI."""

    _fields_ = [(name, c_uint32) for name in ("size", "kind", "state", "phase", "percent", "reserved")] + [
        (name, c_uint64)
        for name in (
            "bytes_total",
            "bytes_done",
            "files_total",
            "files_done",
            "bytes_copied",
            "bytes_cloned",
            "bytes_linked",
            "bytes_holes",
            "files_skipped",
            "files_left_out",
            "freeze_ns",
            "started_at_ms",
            "finished_at_ms",
        )
    ]


_PTR = c_void_p
_STR = c_char_p
_OUT = POINTER(c_void_p)
_ERR = POINTER(c_void_p)
_CODE = c_int32

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "backup_code_name": (_STR, [_CODE]),
    # Options
    "backup_options_new": (_PTR, []),
    "backup_options_free": (None, [_PTR]),
    "backup_options_set_root": (_CODE, [_PTR, _STR, _ERR]),
    "backup_options_set_adopt_root": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_add_source": (_CODE, [_PTR, _STR, _STR, _ERR]),
    "backup_options_set_layout": (_CODE, [_PTR, _STR, _ERR]),
    "backup_options_add_rule": (_CODE, [_PTR, _STR, c_int32, _ERR]),
    "backup_options_set_threads": (_CODE, [_PTR, c_uint32, _ERR]),
    "backup_options_set_rate_limit": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_options_set_latency_target": (_CODE, [_PTR, c_uint32, _ERR]),
    "backup_options_set_verify_level": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_symlinks": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_freeze_timeout": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_options_set_min_free": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_options_set_metadata": (_CODE, [_PTR, _STR, c_size_t, _ERR]),
    "backup_options_add_tag": (_CODE, [_PTR, _STR, _ERR]),
    "backup_options_set_keep_undo": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_share": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_reread_after": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_options_set_keep_matching": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_clone": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_no_posix_locks": (_CODE, [_PTR, c_int32, _ERR]),
    "backup_options_set_checkpoint_hook": (_CODE, [_PTR, HOOK, _PTR, DESTROY, _ERR]),
    "backup_options_set_freeze_hook": (_CODE, [_PTR, HOOK, HOOK, _PTR, DESTROY, _ERR]),
    "backup_options_set_release_hook": (_CODE, [_PTR, HOOK, _PTR, DESTROY, _ERR]),
    "backup_options_set_validate_hook": (_CODE, [_PTR, VALIDATE, _PTR, DESTROY, _ERR]),
    "backup_options_set_progress_hook": (_CODE, [_PTR, PROGRESS, _PTR, DESTROY, _ERR]),
    # In a hook
    "backup_hook_set_error": (None, [_PTR, _STR, _PTR, DESTROY]),
    "backup_hook_add_file": (_CODE, [_PTR, _STR, c_int32, c_uint64, _ERR]),
    "backup_hook_add_bytes": (_CODE, [_PTR, _STR, _STR, c_size_t, _ERR]),
    "backup_hook_set_metadata": (_CODE, [_PTR, _STR, c_size_t, _ERR]),
    "backup_hook_add_tag": (_CODE, [_PTR, _STR, _ERR]),
    "backup_hook_job": (_PTR, [_PTR]),
    # Coordinators
    "backup_coordinator_open": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_coordinator_root": (_STR, [_PTR]),
    "backup_coordinator_close": (None, [_PTR]),
    "backup_start": (_CODE, [_PTR, _OUT, _ERR]),
    "backup_run": (_CODE, [_PTR, _OUT, _ERR]),
    "backup_checkpoint_start": (_CODE, [_PTR, c_int32, _OUT, _ERR]),
    "backup_checkpoint_run": (_CODE, [_PTR, c_int32, _OUT, _ERR]),
    "backup_checkpoint_remove": (_CODE, [_STR, _ERR]),
    "backup_find": (_CODE, [_PTR, _STR, _OUT, _ERR]),
    # Jobs
    "backup_status": (_CODE, [_PTR, POINTER(RawProgress), c_size_t, _ERR]),
    "backup_id": (_STR, [_PTR]),
    "backup_location": (_STR, [_PTR]),
    "backup_wait": (_CODE, [_PTR, c_int64, _ERR]),
    "backup_in_hook": (c_int32, [_PTR]),
    "backup_warning": (_CODE, [_PTR, c_size_t, _OUT, _ERR]),
    "backup_cancel": (_CODE, [_PTR, _ERR]),
    "backup_set_rate_limit": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_eventfd": (c_int32, [_PTR]),
    "backup_free": (None, [_PTR]),
    # Restores, verifications and scrubs
    "backup_restore_start": (_CODE, [_STR, _STR, _PTR, _OUT, _ERR]),
    "backup_verify_start": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_scrub_start": (_CODE, [_STR, c_uint64, c_uint64, _PTR, _OUT, _ERR]),
    "backup_recover": (_CODE, [_STR, POINTER(c_int32), _ERR]),
    "backup_restore_undo": (_CODE, [_STR, _ERR]),
    # Snapshots on disk
    "backup_latest": (_CODE, [_STR, _OUT, _ERR]),
    "backup_snapshot_open": (_CODE, [_STR, _OUT, _ERR]),
    "backup_snapshot_id": (_STR, [_PTR]),
    "backup_snapshot_location": (_STR, [_PTR]),
    "backup_snapshot_layout": (_STR, [_PTR]),
    "backup_snapshot_metadata": (_PTR, [_PTR, POINTER(c_size_t)]),
    "backup_snapshot_started_at_ms": (c_uint64, [_PTR]),
    "backup_snapshot_finished_at_ms": (c_uint64, [_PTR]),
    "backup_snapshot_tag": (_STR, [_PTR, c_size_t]),
    "backup_snapshot_freeze_ns": (c_uint64, [_PTR]),
    "backup_snapshot_verified_at_ms": (c_uint64, [_PTR]),
    "backup_snapshot_verified_level": (c_int32, [_PTR]),
    "backup_snapshot_is_damaged": (c_int32, [_PTR]),
    "backup_snapshot_files": (c_uint64, [_PTR]),
    "backup_snapshot_bytes": (c_uint64, [_PTR]),
    "backup_snapshot_files_shared": (c_uint64, [_PTR]),
    "backup_snapshot_bytes_shared": (c_uint64, [_PTR]),
    "backup_snapshot_files_skipped": (c_uint64, [_PTR]),
    "backup_snapshot_files_left_out": (c_uint64, [_PTR]),
    "backup_snapshot_error": (_PTR, [_PTR]),
    "backup_snapshot_free": (None, [_PTR]),
    "backup_list_open": (_CODE, [_STR, _OUT, _ERR]),
    "backup_list_count": (c_size_t, [_PTR]),
    "backup_list_get": (_PTR, [_PTR, c_size_t]),
    "backup_list_free": (None, [_PTR]),
    "backup_contents_open": (_CODE, [_STR, _OUT, _ERR]),
    "backup_contents_count": (c_size_t, [_PTR]),
    "backup_contents_kind": (c_int32, [_PTR, c_size_t]),
    "backup_contents_path": (_PTR, [_PTR, c_size_t, POINTER(c_size_t)]),
    "backup_contents_target": (_PTR, [_PTR, c_size_t, POINTER(c_size_t)]),
    "backup_contents_size": (c_uint64, [_PTR, c_size_t]),
    "backup_contents_crc32": (c_uint32, [_PTR, c_size_t]),
    "backup_contents_class": (c_int32, [_PTR, c_size_t]),
    "backup_contents_attributes": (
        c_int32,
        [_PTR, c_size_t, *[POINTER(c_uint32)] * 3, POINTER(c_int64), POINTER(c_uint32)],
    ),
    "backup_contents_origin": (_STR, [_PTR, c_size_t]),
    "backup_contents_verified_at_ms": (c_uint64, [_PTR, c_size_t]),
    "backup_contents_free": (None, [_PTR]),
    "backup_delete": (_CODE, [_STR, _STR, _ERR]),
    "backup_prune": (_CODE, [_STR, c_uint32, POINTER(c_uint32), _ERR]),
    # Retention
    "backup_retention_new": (_PTR, []),
    "backup_retention_free": (None, [_PTR]),
    "backup_retention_keep": (_CODE, [_PTR, c_int32, c_uint32, _ERR]),
    "backup_retention_keep_within_ms": (_CODE, [_PTR, c_uint64, _ERR]),
    "backup_retention_keep_tag": (_CODE, [_PTR, _STR, _ERR]),
    "backup_retention_plan": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_prune_by": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_verdicts_count": (c_size_t, [_PTR]),
    "backup_verdicts_id": (_STR, [_PTR, c_size_t]),
    "backup_verdicts_location": (_STR, [_PTR, c_size_t]),
    "backup_verdicts_goes": (c_int32, [_PTR, c_size_t]),
    "backup_verdicts_reasons": (_STR, [_PTR, c_size_t]),
    "backup_verdicts_free": (None, [_PTR]),
    # What a backup would do
    "backup_preview_open": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_preview_count": (c_size_t, [_PTR]),
    "backup_preview_path": (_PTR, [_PTR, c_size_t, POINTER(c_size_t)]),
    "backup_preview_kind": (c_int32, [_PTR, c_size_t]),
    "backup_preview_size": (c_uint64, [_PTR, c_size_t]),
    "backup_preview_class": (c_int32, [_PTR, c_size_t]),
    "backup_preview_rule": (_STR, [_PTR, c_size_t]),
    "backup_preview_outcome": (c_int32, [_PTR, c_size_t]),
    "backup_preview_directories": (c_uint64, [_PTR]),
    "backup_preview_root": (_STR, [_PTR]),
    "backup_preview_previous": (_STR, [_PTR]),
    "backup_preview_is_one_file_system": (c_int32, [_PTR]),
    "backup_preview_space": (_STR, [_PTR, c_size_t, *[POINTER(c_uint64)] * 3]),
    "backup_preview_refusal": (_PTR, [_PTR, c_size_t]),
    "backup_preview_free": (None, [_PTR]),
    # What is remembered, and what is wrong
    "backup_known_roots_open": (_CODE, [_STR, _OUT, _ERR]),
    "backup_known_roots_count": (c_size_t, [_PTR]),
    "backup_known_roots_id": (_STR, [_PTR, c_size_t]),
    "backup_known_roots_path": (_STR, [_PTR, c_size_t]),
    "backup_known_roots_real_path": (_STR, [_PTR, c_size_t]),
    "backup_known_roots_standing": (c_int32, [_PTR, c_size_t]),
    "backup_known_roots_snapshots": (c_uint64, [_PTR, c_size_t]),
    "backup_known_roots_free": (None, [_PTR]),
    "backup_findings_open": (_CODE, [_STR, _OUT, _ERR]),
    "backup_findings_count": (c_size_t, [_PTR]),
    "backup_findings_severity": (c_int32, [_PTR, c_size_t]),
    "backup_findings_kind": (_STR, [_PTR, c_size_t]),
    "backup_findings_path": (_STR, [_PTR, c_size_t]),
    "backup_findings_what": (_STR, [_PTR, c_size_t]),
    "backup_findings_advice": (_STR, [_PTR, c_size_t]),
    "backup_findings_free": (None, [_PTR]),
    # Errors
    "backup_error_code": (_CODE, [_PTR]),
    "backup_error_message": (_STR, [_PTR]),
    "backup_error_os_error": (c_int32, [_PTR]),
    "backup_error_path": (_STR, [_PTR]),
    "backup_error_cause": (_PTR, [_PTR]),
    "backup_error_free": (None, [_PTR]),
    # For other libraries
    "backup_extension_table": (_PTR, []),
    # Version
    "backup_version": (_STR, []),
    "backup_abi_version": (c_uint32, []),
}


def bind(library: ctypes.CDLL, what: str, functions: dict[str, tuple[Any, list[Any]]]) -> None:
    """Gives a library's functions their types. what: the library that it should be."""
    for name, (restype, argtypes) in functions.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{library._name} has no {name}: it is no {what}, or too old") from None
        function.restype, function.argtypes = restype, argtypes


def _load() -> ctypes.CDLL:
    library = load()
    abi = getattr(library, "backup_abi_version", None)
    if abi is not None and abi() != ABI_VERSION:
        raise ImportError(f"{library._name} has ABI {abi()}, and this package is for ABI {ABI_VERSION}")
    bind(library, "libhotbackup", FUNCTIONS)
    return library


lib = _load()
