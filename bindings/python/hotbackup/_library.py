"""Where the shared library is."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

VARIABLE = "HOTBACKUP_LIBRARY"
BUNDLED = Path(__file__).resolve().parent / "libhotbackup.so.0"
SYSTEM = "libhotbackup.so.0"


def refuse_interpreters_with_a_lock_of_their_own() -> None:
    """ctypes calls every hook under the lock of the main interpreter. Where another interpreter has one
    of its own (which is so from 3.13 on; before, ctypes cannot be imported there) both would change the
    same objects at once. (Tried: the process crashes.)"""
    own = False
    with suppress(ImportError, AttributeError, TypeError):  # a module that is Python's own
        import _interpreters  # type: ignore[import-not-found, unused-ignore]

        here, main = _interpreters.get_current()[0], _interpreters.get_main()[0]
        own = here != main and _interpreters.get_config(here).gil == "own"
    if own:
        raise ImportError("hotbackup cannot be used in an interpreter with a lock (GIL) of its own")


def load() -> ctypes.CDLL:
    """libhotbackup."""
    refuse_interpreters_with_a_lock_of_their_own()
    return find(BUNDLED, VARIABLE, SYSTEM)


def find(bundled: Path, variable: str, system: str) -> ctypes.CDLL:
    """The library of a package's wheel, else that of a variable of the environment, else the system's."""
    tried = []
    if bundled.exists():
        return ctypes.CDLL(str(bundled))
    tried.append(f"{bundled}: not there (a wheel has it)")
    chosen = os.environ.get(variable)
    if chosen:
        # What was asked for by name is not silently replaced by another one.
        try:
            return ctypes.CDLL(os.path.abspath(chosen))
        except OSError as error:
            tried.append(f"${variable}: {error}")
    else:
        tried.append(f"${variable}: not set")
        try:
            return ctypes.CDLL(system)
        except OSError as error:
            tried.append(f"the system's library: {error}")
    raise ImportError(f"{system.partition('.')[0]} was not found; tried " + "; ".join(tried))
