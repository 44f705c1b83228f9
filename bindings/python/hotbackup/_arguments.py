"""Python values as the library takes them. What would be cut or wrapped around silently is refused."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Union

from ._errors import InvalidArgument

AnyPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
"""What names a file: a string, bytes or a path object. Names that are not UTF-8 round trip."""


def encode_path(path: AnyPath, name: str) -> bytes:
    """The bytes that name a file on disk."""
    return _without_nul(os.fsencode(path), name)


def encode_text(text: str, name: str) -> bytes:
    """UTF-8."""
    return _without_nul(text.encode(), name)


def decode_path(path: bytes) -> Path:
    """The path of a file whose name may be any bytes."""
    return Path(os.fsdecode(path))


def _integer(value: int, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None


def unsigned(value: int, bits: int, name: str) -> int:
    """An integer that fits."""
    number = _integer(value, name)
    if not 0 <= number < 1 << bits:
        raise InvalidArgument(f"{name} is {number}, which is not between 0 and 2**{bits} - 1")
    return number


def signed(value: int, name: str) -> int:
    """An int32_t."""
    number = _integer(value, name)
    if not -(1 << 31) <= number < 1 << 31:
        raise InvalidArgument(f"{name} is {number}, which no constant is")
    return number


def _without_nul(data: bytes, name: str) -> bytes:
    if b"\0" in data:
        raise InvalidArgument(f"{name} has a NUL byte in it: {data!r}")
    return data
