"""What is dropped, forked, interrupted or left at exit neither hangs nor stays."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest
from conftest import BASE
from world import PASSWORD, SECONDS, Gate, World

import hotbackup.remote
from hotbackup import _alive, _handles

HEAD = """
import hotbackup.remote, os, signal, sys, threading, time
url, snapshot = sys.argv[1:]
def open(password="correct horse"):
    return hotbackup.remote.open(url, password=password, lock_wait="2s")
def say(*words): print(*words, flush=True)
"""


def said(world: World, script: str, snapshot: Path | str = "") -> list[str]:
    """What a script says in a process of its own; it must end by itself, and well."""
    options = ["-X", "dev", "-W", "ignore", "-c", HEAD + script]
    program = subprocess.run(
        [sys.executable, *options, f"file://{world.repository}", str(snapshot)],
        env={**os.environ, "PYTHONPATH": str(BASE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert program.returncode == 0, program.stdout
    return program.stdout.splitlines()


def test_nothing_is_kept_of_a_closed_remote_and_its_jobs(world: World) -> None:
    def password() -> str:
        return PASSWORD

    snapshot = world.backup()
    alive, handles = len(_alive._objects), len(_handles.live)
    with world.open(password) as remote:
        remote.init()
        job = remote.push(snapshot, progress=lambda *_: True)
        job.wait()
    gone = weakref.ref(password)
    del remote, job, password
    gc.collect()
    until = time.monotonic() + SECONDS
    while len(_alive._objects) > alive and time.monotonic() < until:
        time.sleep(0.01)
    assert (len(_alive._objects), len(_handles.live), gone()) == (alive, handles, None)


def test_a_remote_that_is_not_closed_is_told_of(world: World) -> None:
    remote = world.open()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del remote
        gc.collect()


def test_a_job_keeps_its_remote(world: World) -> None:
    remote = world.made()
    gate = Gate()
    job = remote.push(world.backup(), progress=gate)
    assert gate.reached.wait(SECONDS)
    del remote
    gc.collect()
    gate.open.set()
    job.wait()
    with pytest.warns(ResourceWarning, match="was not closed"):
        del job
        gc.collect()


def test_a_dropped_push_is_cancelled_and_told_of(world: World) -> None:
    gate = Gate()
    with world.made() as remote:
        job = remote.push(world.backup(), progress=gate)
        assert gate.reached.wait(SECONDS)
        with pytest.warns(ResourceWarning, match="the push to file://.* was dropped"):
            del job
            gc.collect()
        gate.open.set()
        assert remote.list() == []


def test_a_push_that_runs_at_exit_is_cancelled(world: World) -> None:
    world.made().close()
    script = """
remote = open()
begun = threading.Event()
job = remote.push(snapshot, rate_limit=1000, progress=lambda *_: begun.set())
assert begun.wait(60)
say("exits")
"""
    assert said(world, script, world.backup()) == ["exits"]
    with world.open() as remote:
        assert remote.list() == []


def test_a_child_gets_a_conflict_and_may_open_its_own(world: World) -> None:
    world.made().close()
    script = """
remote = open()
say(len(remote.list()))
child = os.fork()
if child == 0:
    for use in (remote.list, remote.init, remote.requests, lambda: remote.push(snapshot)):
        try:
            use()
        except hotbackup.Conflict as error:
            assert "fork" in str(error)
        else:
            os._exit(3)
    remote.close()
    with open() as own:
        own.push(snapshot).wait()
    sys.exit(0)
_, status = os.waitpid(child, 0)
say(status, len(remote.list()))
remote.close()
"""
    assert said(world, script, world.backup()) == ["0", "0 1"]


def test_ctrl_c_ends_the_wait_for_a_password(world: World) -> None:
    script = """
asked, answer = threading.Event(), threading.Event()
def password():
    asked.set()
    answer.wait()
    return "too late"
def strike():
    asked.wait()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=strike).start()
with open(password) as remote:
    try:
        remote.init()
    except KeyboardInterrupt:
        say("interrupted")
    say(remote.requests().puts)
"""
    assert said(world, script) == ["interrupted", "0"]


def test_a_call_in_another_thread_outlives_the_close(world: World) -> None:
    gate = Gate()

    def password() -> str:
        gate(None)
        return PASSWORD

    remote = world.open(password)
    caller = threading.Thread(target=remote.init)
    caller.start()
    assert gate.reached.wait(SECONDS)
    remote.close()
    with pytest.raises(hotbackup.Conflict, match="closed"):
        remote.requests()
    gate.open.set()
    caller.join(SECONDS)
    assert not caller.is_alive()
    with world.open() as again:
        assert again.list() == []
