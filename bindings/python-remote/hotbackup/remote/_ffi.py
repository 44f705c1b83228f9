"""The C API, function by function, as include/hotbackup_remote.h declares it."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int32, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from .._ffi import DESTROY, bind
from .._library import find

VARIABLE = "HOTBACKUP_REMOTE_LIBRARY"
BUNDLED = Path(__file__).resolve().parent / "libhotbackup_remote.so.0"
SYSTEM = "libhotbackup_remote.so.0"

SECRET = CFUNCTYPE(c_int32, c_void_p, c_void_p)


class RawRequests(ctypes.Structure):
    """``backup_remote_requests``."""

    _fields_ = [
        (name, c_uint64)
        for name in ("size", "puts", "gets", "lists", "deletes", "bytes_up", "bytes_down", "retries")
    ]


_PTR = c_void_p
_STR = c_char_p
_OUT = POINTER(c_void_p)
_ERR = POINTER(c_void_p)
_CODE = c_int32

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # Options
    "backup_remote_options_new_for": (_PTR, [_PTR]),
    "backup_remote_options_set": (_CODE, [_PTR, _STR, _STR, _ERR]),
    "backup_remote_options_set_password_hook": (_CODE, [_PTR, SECRET, _PTR, DESTROY, _ERR]),
    "backup_remote_options_free": (None, [_PTR]),
    # In a password function
    "backup_secret_set": (_CODE, [_PTR, _STR, c_size_t, _ERR]),
    "backup_secret_set_error": (None, [_PTR, _STR]),
    # Repositories
    "backup_remote_open": (_CODE, [_STR, _PTR, _OUT, _ERR]),
    "backup_remote_close": (None, [_PTR]),
    "backup_remote_url": (_STR, [_PTR]),
    "backup_remote_init": (_CODE, [_PTR, _ERR]),
    "backup_remote_repository_id": (_CODE, [_PTR, POINTER(c_char_p), _ERR]),
    "backup_remote_push_start": (_CODE, [_PTR, _STR, _PTR, _OUT, _ERR]),
    "backup_remote_fetch_start": (_CODE, [_PTR, _STR, _STR, _PTR, _OUT, _ERR]),
    "backup_remote_restore_start": (_CODE, [_PTR, _STR, _STR, _PTR, _OUT, _ERR]),
    "backup_remote_verify_start": (_CODE, [_PTR, _STR, _PTR, _OUT, _ERR]),
    "backup_remote_forget": (_CODE, [_PTR, _STR, _ERR]),
    # Snapshots in a repository
    "backup_remote_list_open": (_CODE, [_PTR, _STR, _OUT, _ERR]),
    "backup_remote_list_count": (c_size_t, [_PTR]),
    "backup_remote_list_get": (_PTR, [_PTR, c_size_t]),
    "backup_remote_list_error": (_PTR, [_PTR, c_size_t]),
    "backup_remote_list_free": (None, [_PTR]),
    "backup_remote_snapshot_id": (_STR, [_PTR]),
    "backup_remote_snapshot_object": (_STR, [_PTR]),
    "backup_remote_snapshot_host": (_STR, [_PTR]),
    "backup_remote_snapshot_layout": (_STR, [_PTR]),
    "backup_remote_snapshot_tag": (_STR, [_PTR, c_size_t]),
    "backup_remote_snapshot_time_ms": (c_uint64, [_PTR]),
    "backup_remote_snapshot_number": (c_uint64, [_PTR]),
    "backup_remote_snapshot_is_pushed": (c_int32, [_PTR]),
    # Requests
    "backup_remote_requests_now": (_CODE, [_PTR, POINTER(RawRequests), c_size_t, _ERR]),
    # Version
    "backup_remote_version": (_STR, []),
}

lib = find(BUNDLED, VARIABLE, SYSTEM)
bind(lib, "libhotbackup_remote", FUNCTIONS)
