"""Nothing outlives what it belongs to: memory, threads, descriptors, processes, the interpreter."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from scripts import said
from world import SECONDS, SaidNo

import hotbackup
from hotbackup import Coordinator, FileClass, Job, _alive, _handles


def resident() -> int:
    """Pages in memory, in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def threads_and_descriptors() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def backups(data_dir: Path, count: int) -> None:
    """Every way a backup goes, some of them failing."""
    hooks: dict[str, Any] = {
        name: lambda *_: None for name in ("checkpoint", "freeze", "thaw", "release", "validate", "progress")
    }
    for number in range(count):
        fails = {} if number % 4 else {"checkpoint": raise_it}
        with Coordinator(
            data_dir, rules=[("*.sst", FileClass.IMMUTABLE)], **{**hooks, **fails}
        ) as coordinator:
            try:
                if number % 3:
                    coordinator.start().wait()
                else:
                    coordinator.run()
            except SaidNo:
                assert fails
            hotbackup.list_snapshots(coordinator.root)
        if number % 50 == 9:
            hotbackup.prune(coordinator.root, 1)
    gc.collect()


def raise_it(_: object) -> None:
    raise SaidNo(bytes(10_000))


def test_a_thousand_backups_leak_no_memory_no_thread_and_no_descriptor(data_dir: Path) -> None:
    """In a process of its own, where malloc has one arena: each new one would add some hundred KiB
    whenever two threads happen to meet."""
    program = subprocess.run(
        [sys.executable, __file__, str(data_dir)],
        env={**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.returncode == 0
    print(program.stdout)


def thousand_backups(data_dir: Path) -> None:
    backups(data_dir, 300)
    alive, handles = len(_alive._objects), len(_handles.live)
    before = threads_and_descriptors()
    memory = [resident()]
    for _ in range(4):
        backups(data_dir, 250)
        memory.append(resident())
    assert threads_and_descriptors() == before
    assert (len(_alive._objects), len(_handles.live)) == (alive, handles)
    # Pools fill up in steps; a leak grows in each part. Here that would be half a KiB a backup, and
    # an exception that is kept has ten.
    grown = [later - earlier for earlier, later in zip(memory, memory[1:])]
    assert min(grown) < 125, f"resident, in KiB: {memory}"
    print(f"{before[0]} thread, {before[1]} descriptors; resident, in KiB: {memory}")


def test_one_coordinator_that_makes_many_backups_leaks_no_thread_and_no_descriptor(data_dir: Path) -> None:
    with Coordinator(data_dir, freeze=lambda _: None, thaw=lambda _: None) as coordinator:

        def some(count: int) -> None:
            for _ in range(count):
                coordinator.start().wait()
            hotbackup.prune(coordinator.root, 1)
            gc.collect()

        some(40)
        before, handles = threads_and_descriptors(), len(_handles.live)
        some(100)
        assert threads_and_descriptors() == before
        assert len(_handles.live) == handles


def test_a_closed_coordinator_refuses_and_its_jobs_stay_good(data_dir: Path) -> None:
    with Coordinator(data_dir) as coordinator:
        job = coordinator.run()
    coordinator.close()
    assert coordinator.closed and coordinator.root == data_dir / ".lifecycle/backup"
    for call in (coordinator.start, coordinator.run, coordinator.find):
        with pytest.raises(hotbackup.Conflict, match="closed"):
            call()
    assert job.wait().percent == 100
    assert job.location.exists() and job.id


@pytest.mark.parametrize("seconds", [0, 0.15, 0.25])
def test_at_exit_what_runs_is_cancelled_and_its_hooks_end(data_dir: Path, seconds: float) -> None:
    script = """
def hook(name):
    return lambda *_: (say(name), time.sleep(0.1))
names = ("checkpoint", "freeze", "thaw", "release")
c = hotbackup.Coordinator(data, **{name: hook(name) for name in names})
c.start()
while not os.listdir(c.root): pass
time.sleep(float(sys.argv[2]))
"""
    calls = said(script, data_dir, seconds)
    assert ("thaw" in calls) == ("freeze" in calls)
    assert calls in (
        ["checkpoint", "release"],
        ["checkpoint", "freeze", "thaw", "release"],
        [],
    )
    assert hotbackup.list_snapshots(data_dir / ".lifecycle/backup") == []


def test_at_exit_a_run_on_a_daemon_thread_ends_with_its_hooks_there(data_dir: Path) -> None:
    script = """
def checkpoint(hook):
    say("checkpoint", threading.current_thread() is runner)
    go.set()
    time.sleep(0.1)
def release(hook):
    say("release", threading.current_thread() is runner)
c = hotbackup.Coordinator(data, checkpoint=checkpoint, release=release)
runner = threading.Thread(target=c.run, daemon=True)
def waits():
    c.find().wait()
runner.start()
go.wait()
threading.Thread(target=waits, daemon=True).start()
"""
    lines = said(script, data_dir)
    assert lines[:2] == ["checkpoint True", "release True"]


def test_at_exit_a_restore_that_a_daemon_thread_waits_for_is_cancelled(data_dir: Path) -> None:
    script = """
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
def validate(staging, hook):
    go.set()
    time.sleep(0.2)
    say("validated")
target = data + "-restored"
job = hotbackup.restore(snapshot, target, validate=validate, progress=lambda *_: None)
threading.Thread(target=job.wait, daemon=True).start()
go.wait()
"""
    assert said(script, data_dir)[:1] == ["validated"]
    assert not Path(f"{data_dir}-restored").exists()


def test_after_exit_began_nothing_starts(data_dir: Path) -> None:
    script = """
import atexit
c = None
def last():
    for start in (hotbackup.Coordinator, hotbackup.verify, lambda _: c.start()):
        try: start(data)
        except hotbackup.Conflict as error: say(error)
atexit._clear()
atexit.register(last)
atexit.register(hotbackup._exit._end_all)
c = hotbackup.Coordinator(data)
"""
    lines = said(script, data_dir)
    assert len(lines) == 3 and all("exiting" in line for line in lines), lines


def test_a_forked_child_gets_errors_and_its_own_objects_work(data_dir: Path) -> None:
    script = """
def refused(what):
    try: what()
    except hotbackup.Conflict as error: say(error)
os.mkdir(data + "-child")
c = hotbackup.Coordinator(data, checkpoint=lambda hook: go.wait(60))
job = c.start()
restored = None
# Another thread is in every lock there is.
busy = threading.Thread(target=lambda: [c.find() for _ in range(2000)])
busy.start()
child = os.fork()
if child == 0:
    for call in (c.start, c.run, c.find, job.wait, job.cancel, job.status, job.fileno): refused(call)
    c.close()
    with hotbackup.Coordinator(data + "-child") as own: say(own.run().status().state.name)
    del c, job
    sys.exit(0)
say(os.waitpid(child, 0)[1])
busy.join()
go.set()
say(job.wait().state.name)
c.close()
"""
    lines = said(script, data_dir)
    assert len([line for line in lines if "after fork" in line]) == 7, lines
    assert lines[7:] == ["COMPLETED", "0", "COMPLETED"]


def test_threads_that_close_and_use_a_coordinator_get_errors_and_no_crash(data_dir: Path) -> None:
    for _ in range(20):
        coordinator = Coordinator(data_dir, freeze=lambda _: None, thaw=lambda _: None)
        unexpected: list[BaseException] = []

        def uses(
            coordinator: Coordinator = coordinator, unexpected: list[BaseException] = unexpected
        ) -> None:
            while not coordinator.closed:
                try:
                    job: Job = coordinator.start()
                    coordinator.find(job.id).status()
                    job.wait()
                except (hotbackup.Conflict, hotbackup.Cancelled):
                    pass
                except BaseException as error:
                    unexpected.append(error)

        users = [threading.Thread(target=uses) for _ in range(3)]
        for user in users:
            user.start()
        threading.Event().wait(0.01)
        coordinator.close()
        for user in users:
            user.join(SECONDS)
        assert not unexpected


if __name__ == "__main__":
    thousand_backups(Path(sys.argv[1]))


@pytest.mark.parametrize(("ending", "status"), [("sys.exit(3)", 3), ("raise OSError", 1), ("return", 0)])
def test_a_child_that_a_hook_forks_ends_as_it_would_anywhere(
    data_dir: Path, ending: str, status: int
) -> None:
    """It has none of the library's threads, which it would wait for, and its parent for it."""
    program = f"""
import os, sys, hotbackup

def freeze(_):
    child = os.fork()
    if child == 0:
        {ending}
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

statuses = []
coordinator = hotbackup.Coordinator({str(data_dir)!r}, freeze=freeze, thaw=lambda _: None)
coordinator.start().wait()
coordinator.close()
print(statuses)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == f"[{status}]\n", ran
