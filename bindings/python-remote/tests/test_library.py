"""How the shared library is found."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import BASE


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "HOTBACKUP_REMOTE_LIBRARY"}
    return subprocess.run(
        [sys.executable, "-c", "import hotbackup.remote"],
        env={**kept, "PYTHONPATH": str(BASE), **environment},
        cwd="/",
        capture_output=True,
        text=True,
    )


def test_the_error_says_all_that_was_tried() -> None:
    failed = load()
    assert failed.returncode != 0
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("ImportError: libhotbackup_remote was not found; tried ")
    for tried in (
        "remote/libhotbackup_remote.so.0: not there",
        "$HOTBACKUP_REMOTE_LIBRARY: not set",
        "libhotbackup_remote.so.0: cannot open",
    ):
        assert tried in last


def test_another_library_is_refused() -> None:
    failed = load(HOTBACKUP_REMOTE_LIBRARY=os.environ["HOTBACKUP_LIBRARY"])
    assert failed.returncode != 0
    assert "has no backup_remote_options_new_for: it is no libhotbackup_remote" in failed.stderr
