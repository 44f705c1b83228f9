"""The interpreter's lock: thaw is a Python function, and cannot run while somebody keeps the lock."""

from __future__ import annotations

import ctypes
import re
import threading
import time
from pathlib import Path
from typing import Callable

import pytest
from world import SECONDS

import hotbackup
from hotbackup import Coordinator, FreezeTimeout, Hook

HELD = 3.0
TIMEOUT = 0.5


def keep_the_lock(seconds: float) -> None:
    """As a C extension does that computes, or waits, without letting go of it."""
    ctypes.PyDLL(None).usleep(ctypes.c_uint(int(seconds * 1e6)))


@pytest.mark.parametrize("way", ["start", "run"])
def test_a_thaw_that_comes_late_fails_the_backup_and_says_how_long_writes_stood_still(
    data_dir: Path, way: str
) -> None:
    (data_dir / "pages").write_bytes(bytes(range(1, 256)) * (1 << 18))  # 64 MiB to copy in the window
    frozen, thawed = threading.Event(), threading.Event()
    calls: list[str] = []
    since: list[float] = []

    def holds() -> None:
        assert frozen.wait(SECONDS)
        keep_the_lock(HELD)

    def freeze(_: Hook) -> None:
        calls.append("freeze")
        since.append(time.monotonic())
        frozen.set()  # who waits for it has the lock as soon as this hook has returned

    def thaw(_: Hook) -> None:
        calls.append("thaw")
        since.append(time.monotonic())
        thawed.set()

    holder = threading.Thread(target=holds)
    holder.start()
    with Coordinator(data_dir, freeze=freeze, thaw=thaw, freeze_timeout=TIMEOUT) as coordinator:
        with pytest.raises(FreezeTimeout) as failed:
            if way == "run":
                coordinator.run()
            else:
                coordinator.start().wait()
        assert hotbackup.list_snapshots(coordinator.root) == []
    holder.join()
    stood_still = since[1] - since[0]
    assert stood_still > HELD / 2, "the lock was not kept in the window"
    assert calls == ["freeze", "thaw"]
    seconds = [float(found) for found in re.findall(r"(\d+(?:\.\d+)?) ?s", str(failed.value))]
    assert any(abs(found - stood_still) < 1 for found in seconds), str(failed.value)


def test_what_passes_until_the_library_learns_of_a_freeze_counts(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``run`` the freeze is done on another thread than the library's, which then needs the lock."""
    perform = hotbackup._caller.Caller.perform
    calls: list[str] = []

    def learns_late(caller: hotbackup._caller.Caller, call: hotbackup._caller.HookCall) -> None:
        perform(caller, call)
        if calls[-1] == "freeze":
            time.sleep(1.5 * TIMEOUT)

    def hook(name: str) -> Callable[[Hook], None]:
        return lambda _: calls.append(name)

    monkeypatch.setattr(hotbackup._caller.Caller, "perform", learns_late)
    hooks = {name: hook(name) for name in ("freeze", "thaw", "release")}
    for timeout in (TIMEOUT, None):
        with Coordinator(data_dir, **hooks, freeze_timeout=timeout) as coordinator:  # type: ignore[arg-type]
            if timeout is None:
                coordinator.run()
                continue
            with pytest.raises(FreezeTimeout, match=r"writes stood still for \d\.\d s, longer"):
                coordinator.run()
            assert hotbackup.list_snapshots(coordinator.root) == []
    assert calls == ["freeze", "thaw", "release"] * 2
