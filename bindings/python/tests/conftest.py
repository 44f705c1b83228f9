"""What several tests need."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
REPOSITORY = PACKAGE.parent.parent


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory, in memory where there is such a file system: these tests are not about disks."""
    memory = Path("/dev/shm")
    path = tempfile.mkdtemp(prefix="hotbackup-", dir=memory if os.access(memory, os.W_OK) else None)
    yield Path(path)
    shutil.rmtree(os.fsencode(path))


@pytest.fixture
def data_dir(place: Path) -> Path:
    """A small data directory."""
    path = place / "data"
    path.mkdir()
    (path / "1.sst").write_bytes(b"an immutable table")
    (path / "log").write_bytes(b"a log")
    return path
