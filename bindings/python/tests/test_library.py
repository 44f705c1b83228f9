"""How the shared library is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PACKAGE

LIBRARY = os.environ.get("HOTBACKUP_LIBRARY", "")


def load(package_parent: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "HOTBACKUP_LIBRARY"}
    show = "import hotbackup; print(hotbackup._ffi.lib._name)"
    return subprocess.run(
        [sys.executable, "-c", show],
        env={**kept, "PYTHONPATH": str(package_parent), **environment},
        cwd="/",
        capture_output=True,
        text=True,
    )


def test_the_error_says_all_that_was_tried() -> None:
    failed = load(PACKAGE)
    assert failed.returncode != 0
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("ImportError: libhotbackup was not found; tried ")
    for tried in ("hotbackup/libhotbackup.so.0", "$HOTBACKUP_LIBRARY", "libhotbackup.so.0: cannot open"):
        assert tried in last


def test_a_library_that_is_asked_for_is_not_replaced_by_another_one(tmp_path: Path) -> None:
    (tmp_path / "libhotbackup.so.0").symlink_to(LIBRARY)
    missing = str(tmp_path / "missing.so")
    failed = load(PACKAGE, HOTBACKUP_LIBRARY=missing, LD_LIBRARY_PATH=str(tmp_path))
    assert failed.returncode != 0
    assert missing in failed.stderr.splitlines()[-1]


def test_the_systems_library_is_found_by_its_soname(tmp_path: Path) -> None:
    (tmp_path / "libhotbackup.so.0").symlink_to(LIBRARY)
    loaded = load(PACKAGE, LD_LIBRARY_PATH=str(tmp_path))
    assert loaded.stdout.strip() == "libhotbackup.so.0", loaded.stderr


def test_the_packages_own_library_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "hotbackup"
    shutil.copytree(PACKAGE / "hotbackup", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(LIBRARY, package / "libhotbackup.so.0")
    loaded = load(tmp_path, HOTBACKUP_LIBRARY="/nowhere.so")
    assert loaded.stdout.strip() == str(package / "libhotbackup.so.0"), loaded.stderr


def test_another_abi_and_another_library_are_refused(tmp_path: Path) -> None:
    for source, reason in (
        ("unsigned backup_abi_version(void) { return 7; }", "has ABI 7, and this package is for ABI 0"),
        ("unsigned backup_abi_version(void) { return 0; }", "has no backup_code_name"),
        ("int something;", "has no backup_code_name"),
    ):
        (tmp_path / "other.c").write_text(source)
        other = tmp_path / "other.so"
        subprocess.run(["cc", "-shared", "-fPIC", tmp_path / "other.c", "-o", other], check=True)
        failed = load(PACKAGE, HOTBACKUP_LIBRARY=str(other))
        assert failed.returncode != 0
        assert reason in failed.stderr.splitlines()[-1]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="before, ctypes itself cannot be imported there")
def test_an_interpreter_with_a_lock_of_its_own_is_refused() -> None:
    """Its hooks would run under the lock of another one, and the process crash."""
    script = """
import _interpreters
said = _interpreters.run_string(_interpreters.create(), "import hotbackup")
print(said.type.__name__, said.msg)
"""
    program = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
    )
    assert program.stdout.startswith("ImportError hotbackup cannot be used in an interpreter"), program.stderr
