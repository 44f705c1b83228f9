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
    """A handler that raises now and then, wherever Python happens to be. What is thawed is what was
    frozen: the freeze here is one step, so that none is half done."""
    script = """
class Stop(Exception): pass
def handler(*_): raise Stop
def hook(name): return lambda hook: calls.append(name)
def thaw(hook): thawed.append(hook)
frozen, thawed = [], []
stopped = ended = 0
signal.signal(signal.SIGALRM, handler)
hooks = {name: hook(name) for name in ("checkpoint", "release")}
with hotbackup.Coordinator(data, freeze=frozen.append, thaw=thaw, **hooks) as c:
    for i in range(400):
        del calls[:], frozen[:], thawed[:]
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
        assert all(calls.count(name) <= 1 for name in hooks), calls
        assert len(frozen) <= 1 and len(thawed) <= 1
        # Before 3.11 Python looks for signals at more steps, and a thaw can be struck before it begins.
        assert len(thawed) == len(frozen) or sys.version_info < (3, 11), (frozen, thawed)
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


CLOSES = """
def handler(*_):
    go.set()
    c.close()
    say("closed" if c.closed else "open")
def hook(_):
    begun.set()
    say("now")
    go.wait(60)
signal.signal(signal.SIGTERM, handler)
"""
HOW = {
    "close": """
c = hotbackup.Coordinator(data, checkpoint=hook)
job = c.start()
begun.wait()
c.close()
""",
    "with": """
with hotbackup.Coordinator(data, checkpoint=hook) as c:
    job = c.start()
    begun.wait()
""",
    "exit": """
c = hotbackup.Coordinator(data, checkpoint=hook)
job = c.start()
begun.wait()
""",
    "another thread": """
c = hotbackup.Coordinator(data, checkpoint=hook)
job = c.start()
begun.wait()
closer = threading.Thread(target=c.close)
closer.start()
closer.join()
""",
    "wait": """
c = hotbackup.Coordinator(data, checkpoint=hook)
job = c.start()
begun.wait()
try: job.wait()
except hotbackup.Cancelled: pass
""",
    "run": """
c = hotbackup.Coordinator(data, checkpoint=hook)
try: c.run()
except hotbackup.Cancelled: pass
job = None
""",
    "run on another thread": """
c = hotbackup.Coordinator(data, checkpoint=hook)
def runs():
    try: c.run()
    except hotbackup.Cancelled: say("cancelled")
runner = threading.Thread(target=runs)
runner.start()
runner.join()
job = None
""",
    "run while another thread closes": """
c = hotbackup.Coordinator(data, checkpoint=hook, release=lambda _: closer.join(0.1))
closer = threading.Thread(target=lambda: (go.wait(), c.close()))
closer.start()
try: c.run()
except hotbackup.Cancelled: pass
closer.join()
job = None
""",
}


@pytest.mark.parametrize("how", HOW)
def test_a_handler_may_close_what_it_interrupts(data_dir: Path, how: str) -> None:
    """Also what is closing just then, and waits for a hook that waits for the handler."""
    after = "assert c.closed\nif job: say(job.status().state.name)\n" if how != "exit" else ""
    lines, seconds = interrupted(CLOSES + HOW[how] + after, data_dir, signal.SIGTERM)
    assert "closed" in lines, lines
    assert not after or "run" in how or lines[-1] == "CANCELLED"
    assert seconds < 30


@pytest.mark.parametrize("how", [how for how in HOW if how != "exit"])
def test_a_handler_that_closes_may_exit(data_dir: Path, how: str) -> None:
    script = CLOSES.replace("def hook", "    sys.exit(7)\ndef hook") + HOW[how]
    lines, seconds = interrupted(script, data_dir, signal.SIGTERM, code=7)
    assert "closed" in lines, lines
    assert seconds < 30


@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("how", ["close", "with", "exit"])
def test_ctrl_c_ends_a_close_at_once_and_exit_waits_for_the_hook(
    data_dir: Path, how: str, times: int
) -> None:
    """However often it is pressed: what is left is done at exit, where the hook ends in peace."""
    script = """
def hook(_):
    begun.set()
    say("now")
    time.sleep(1.5)
    say("hook ends")
def release(_): say("release")
"""
    script += HOW[how].replace("checkpoint=hook", "freeze=hook, thaw=lambda _: say('thaw'), release=release")
    # At exit Python says what came out of the callback, and goes on.
    code = 0 if how == "exit" else -signal.SIGINT
    lines, _ = interrupted(script, data_dir, *[signal.SIGINT] * times, code=code)
    said = [line for line in lines if line in ("now", "hook ends", "thaw", "release")]
    assert said == ["now", "hook ends", "thaw", "release"], lines
    assert any("KeyboardInterrupt" in line for line in lines)


def test_a_close_that_was_interrupted_is_finished_by_the_next_one(data_dir: Path) -> None:
    script = """
def hook(_):
    begun.set()
    say("now")
    go.wait(60)
c = hotbackup.Coordinator(data, checkpoint=hook)
job = c.start()
begun.wait()
try: c.close()
except KeyboardInterrupt: say("interrupted", c.closed, job.done)
go.set()
c.close()
until = time.monotonic() + 30
while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < until: pass
say(job.done, len(os.listdir("/proc/self/task")), hotbackup.recover(data).name)
"""
    lines, _ = interrupted(script, data_dir, signal.SIGINT)
    assert lines == ["now", "interrupted True False", "True 1 NOTHING"]


@pytest.mark.parametrize("does", ["c.close()", "raise Stop", "c.close(); raise Stop", "use()"])
def test_a_handler_that_uses_the_coordinator_never_waits_for_itself(data_dir: Path, does: str) -> None:
    """At any step of anything: with a lock somewhere, one of some thousand handlers waits for ever."""
    script = f"""
import faulthandler
faulthandler.dump_traceback_later(50, exit=True)
class Stop(Exception): pass
def use():
    for call in (c.find, c.start, lambda: c.find().wait(), lambda: c.find().status()):
        try: call()
        except (hotbackup.BackupError, Stop): pass
def handler(*_):
    global armed
    if armed:
        armed = {"raise" not in does}  # else it would strike where this script catches it
        signal.setitimer(signal.ITIMER_REAL, 0)  # not above itself
        try:
            {does.replace("; ", chr(10) + " " * 12)}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
signal.signal(signal.SIGALRM, handler)
names = ("checkpoint", "freeze", "thaw", "release", "validate", "progress")
hooks = {{name: lambda *_: None for name in names}}
until = time.monotonic() + 4
rounds = 0
armed = False
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0007)
while time.monotonic() < until:
    rounds += 1
    try:
        with hotbackup.Coordinator(data, **hooks) as c:
            armed = True
            try:
                if rounds % 2: c.run()
                else: c.start().wait()
                c.find().status()
            finally:
                armed = rounds % 3 == 0  # then also while it closes
    except (hotbackup.BackupError, Stop): pass
    armed = False
    if rounds % 50 == 0:
        try: hotbackup.prune(c.root, 1)
        except hotbackup.BackupError: pass
signal.setitimer(signal.ITIMER_REAL, 0)
say("end", rounds > 10)
"""
    lines, _ = interrupted(script, data_dir)
    assert lines[-1] == "end True", lines
