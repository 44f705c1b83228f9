"""What several tests need."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World

PACKAGE = Path(__file__).resolve().parent.parent
BASE = PACKAGE.parent / "python"
"""Where both packages are one, by a link."""
REPOSITORY = PACKAGE.parent.parent


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory, in memory where there is such a file system: these tests are not about disks."""
    memory = Path("/dev/shm")
    path = tempfile.mkdtemp(prefix="hotbackup-", dir=memory if os.access(memory, os.W_OK) else None)
    yield Path(path)
    shutil.rmtree(path)


@pytest.fixture
def world(place: Path) -> World:
    return World(place)
