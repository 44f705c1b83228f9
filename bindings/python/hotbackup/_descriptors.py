"""Descriptors of the host's side: close-on-exec, and above 2.

A daemon may have closed 0, 1 and 2. A descriptor that got one of these numbers would be read and
written by whoever prints, and a wait would end with the next line.
"""

from __future__ import annotations

import fcntl
from _socket import socket, socketpair  # the real ones, see _threads

_FIRST = 3


def duplicate(descriptor: int) -> int:
    """One of our own for the same file."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST)


def pair() -> tuple[socket, socket]:
    """Two ends: what is written into the second one makes the first one readable. Neither waits."""
    ends = []
    low = socketpair()
    try:
        for end in low:
            ends.append(socket(fileno=duplicate(end.fileno())))
            ends[-1].setblocking(False)
    finally:
        for end in low:
            end.close()
    return ends[0], ends[1]
