"""How a repository is reached: the library's options, built from keyword arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Union

from .._arguments import encode_text
from .._errors import InvalidArgument, call
from .._ffi import lib as base
from ._ffi import lib
from ._password import Password

Setting = Union[str, int, "os.PathLike[str]", timedelta, None]
"""The value of a setting: text as docs/remote.md has it, a number (of bytes, of seconds, of requests), a
bool, a path, a time. None: as if it were not given."""


@contextmanager
def options(password: Password | None, settings: Mapping[str, Setting]) -> Iterator[int]:
    """The address of the options, which are freed at the end of the ``with`` block."""
    address: int = lib.backup_remote_options_new_for(base.backup_extension_table())
    try:
        for key, value in settings.items():
            if value is not None:
                text = encode_text(_text(key, value), key)
                call(lib.backup_remote_options_set, address, encode_text(key, "a setting"), text)
        if password is not None:
            password.install(address)
        yield address
    finally:
        lib.backup_remote_options_free(address)


def _text(key: str, value: Setting) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise InvalidArgument(f"{key} is {value}, which is no time")
        return f"{-(-value // timedelta(milliseconds=1))}ms"
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{key} must be a str, an int, a bool, a path or a timedelta, not {type(value).__name__}")
