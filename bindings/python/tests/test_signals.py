"""Signals: handlers run, and may raise, wherever Python happens to be."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from scripts import interrupted


def test_ctrl_c_ends_a_wait_and_not_the_job(data_dir: Path) -> None:
    script = """
with hotbackup.Coordinator(data, checkpoint=lambda hook: go.wait(60)) as c:
    job = c.start()
    try:
        say("now")
        job.wait()
    except KeyboardInterrupt:
        say("interrupted", job.done)
        go.set()
        say(job.wait().state.name)
"""
    lines, seconds = interrupted(script, data_dir, signal.SIGINT)
    assert lines == ["now", "interrupted False", "COMPLETED"]
    assert seconds < 30


def test_ctrl_c_cancels_a_run_between_its_hooks(data_dir: Path) -> None:
    script = """
def hook(name): return lambda *_: calls.append(name)
c = hotbackup.Coordinator(data, freeze=hook("freeze"), thaw=hook("thaw"), release=hook("release"),
                          rules=[("*", hotbackup.FileClass.IMMUTABLE)], rate_limit=1)
threading.Thread(target=lambda: (time.sleep(0.5), say("now")), daemon=True).start()
try:
    c.run()
except KeyboardInterrupt:
    say("interrupted", calls, c.find().status().state.name, hotbackup.list_snapshots(c.root))
c.close()
"""
    (data_dir / "1.sst").write_bytes(bytes(4 << 20))
    lines, seconds = interrupted(script, data_dir, signal.SIGINT)
    assert lines == ["now", "interrupted ['freeze', 'thaw', 'release'] CANCELLED []"]
    assert seconds < 30


@pytest.mark.parametrize("name", ["checkpoint", "freeze", "thaw", "release"])
def test_ctrl_c_in_a_hook_of_run_comes_out_of_run(data_dir: Path, name: str) -> None:
    script = f"""
def hook(name):
    def called(hook):
        calls.append(name)
        if name == {name!r}:
            say("now")
            go.wait(60)
    return called
names = ("checkpoint", "freeze", "thaw", "release")
with hotbackup.Coordinator(data, **{{name: hook(name) for name in names}}) as c:
    try:
        c.run()
    except KeyboardInterrupt:
        say("interrupted", *calls, c.find().status().state.name)
"""
    lines, _ = interrupted(script, data_dir, signal.SIGINT)
    calls = ["checkpoint", "freeze", "thaw", "release"]
    expected = {"checkpoint": calls[:1], "freeze": ["checkpoint", "freeze", "release"]}.get(name, calls)
    assert lines == ["now", " ".join(["interrupted", *expected, "FAILED"])]


def test_a_storm_of_signals_calls_each_hook_of_run_once(data_dir: Path) -> None:
    """A handler that raises now and then, wherever Python happens to be."""
    script = """

class Stop(Exception): pass
def handler(*_): raise Stop
def hook(name): return lambda hook: calls.append(name)
names = ("checkpoint", "freeze", "thaw", "release")
stopped = ended = 0
signal.signal(signal.SIGALRM, handler)
with hotbackup.Coordinator(data, **{name: hook(name) for name in names}) as c:
    for i in range(300):
        calls.clear()
        try:
            try:
                # However slow the machine is, one in ten is left in peace and ends.
                signal.setitimer(signal.ITIMER_REAL, 0.00005 * (i % 100 + 1) if i % 10 else 0)
                c.run()
                ended += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (Stop, hotbackup.Cancelled) as error:
            stopped += 1
        while True:  # a run that was interrupted in its very last line
            try:
                if c.find().done: break
            except hotbackup.NotFound: break
        assert all(calls.count(name) <= 1 for name in names), calls
        assert calls.count("thaw") == calls.count("freeze") or stopped, calls
        for s in hotbackup.list_snapshots(c.root)[3:]: hotbackup.delete(c.root, s.id)
say(stopped > 0, ended > 0)
"""
    lines, _ = interrupted(script, data_dir)
    # Python itself may say that an exception was ignored in a callback of its garbage collector.
    assert lines[-1] == "True True"


def test_another_signals_handler_runs_while_a_job_is_waited_for(data_dir: Path) -> None:
    script = """
signal.signal(signal.SIGUSR1, lambda *_: (say("handled"), go.set()))
with hotbackup.Coordinator(data, checkpoint=lambda hook: go.wait(60)) as c:
    job = c.start()
    say("now")
    say(job.wait().state.name)
"""
    lines, _ = interrupted(script, data_dir, signal.SIGUSR1)
    assert lines == ["now", "handled", "COMPLETED"]
