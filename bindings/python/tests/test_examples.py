"""The examples run, and the README shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import PACKAGE
from world import tree

EXAMPLES = PACKAGE / "examples"


def run(example: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / example), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
    )


def test_a_backup_with_progress_and_a_restore_take_forty_lines(data_dir: Path, place: Path) -> None:
    source = (EXAMPLES / "forty.py").read_text()
    assert len(source.splitlines()) <= 40
    assert f"```python\n{source}```" in (PACKAGE / "README.md").read_text()
    done = run("forty.py", data_dir, place / "restored")
    assert done.returncode == 0, done.stderr
    assert "swap" in done.stdout and "2 files" in done.stdout
    assert tree(place / "restored") == tree(data_dir)


def test_its_failure_is_one_line(place: Path) -> None:
    failed = run("forty.py", place / "missing", place / "restored")
    assert failed.returncode == 1 and not failed.stdout
    assert failed.stderr.startswith("NOT_FOUND: ") and len(failed.stderr.splitlines()) == 1


def test_the_sqlite_host_backs_itself_up(place: Path) -> None:
    done = run("sqlite_backup.py", place)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all(line.endswith("rows: ok") for line in lines), lines
