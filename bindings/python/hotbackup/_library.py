"""Where the shared library is."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

VARIABLE = "HOTBACKUP_LIBRARY"
BUNDLED = Path(__file__).resolve().parent / "libhotbackup.so.0"
SYSTEM = "libhotbackup.so.0"


def load() -> ctypes.CDLL:
    """The library of this package's wheel, else that of $HOTBACKUP_LIBRARY, else the system's."""
    tried = []
    if BUNDLED.exists():
        return ctypes.CDLL(str(BUNDLED))
    tried.append(f"{BUNDLED}: not there (a wheel has it)")
    chosen = os.environ.get(VARIABLE)
    if chosen:
        # What was asked for by name is not silently replaced by another one.
        try:
            return ctypes.CDLL(os.path.abspath(chosen))
        except OSError as error:
            tried.append(f"${VARIABLE}: {error}")
    else:
        tried.append(f"${VARIABLE}: not set")
        try:
            return ctypes.CDLL(SYSTEM)
        except OSError as error:
            tried.append(f"the system's library: {error}")
    raise ImportError("libhotbackup was not found; tried " + "; ".join(tried))
