"""Under gevent, which replaces what threads wait with: the library's threads wait with the real things, the
host's with gevent's, so that other greenlets run meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import said

PATCH = "from gevent import monkey; monkey.patch_all()\n"
WHEN = ["before", "after"]
WORLD = """
names = ("checkpoint", "freeze", "thaw", "release", "validate", "progress")
def hook(name): return lambda *_: calls.append(name)
hooks = {name: hook(name) for name in names}
lock = threading.Lock()
def freeze(_):
    lock.acquire()
    calls.append("freeze")
def thaw(_):
    calls.append("thaw")
    lock.release()
hooks.update(freeze=freeze, thaw=thaw)
ticks = []
def tick():
    while True:
        ticks.append(1)
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()  # a greenlet
"""


def patched(script: str, data_dir: Path, when: str) -> list[str]:
    """What a script says in a process that was patched before or after this package was imported."""
    return said(script, data_dir, patch=PATCH, patch_first=when == "before")


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize(
    "call", ["c.start().wait()", "c.run()", "spawn(lambda: c.start().wait())", "spawn(c.run)"]
)
def test_hooks_run_and_other_greenlets_too(data_dir: Path, call: str, when: str) -> None:
    script = """
def spawn(function):
    import gevent
    return gevent.spawn(function).get()
hooks["validate"] = lambda *_: calls.append("validate")
with hotbackup.Coordinator(data, rate_limit=400_000, **hooks) as c:
    for _ in range(5):
        del calls[:]
        before = len(ticks)
        CALL
        assert [call for call in calls if call != "progress"] == list(names)[:5], calls
        assert "progress" in calls
    say("end", len(ticks) - before > 10)
"""
    (data_dir / "1.sst").write_bytes(bytes(range(256)) * 400)
    assert patched(WORLD + script.replace("CALL", call), data_dir, when) == ["end True"]


@pytest.mark.parametrize("when", WHEN)
def test_what_hooks_raise_comes_out_and_a_restore_and_a_verification_have_theirs(
    data_dir: Path, when: str
) -> None:
    script = """
def raises(*_): raise ZeroDivisionError
for name in names[:5]:
    for way in ("start", "run"):
        with hotbackup.Coordinator(data, **{**hooks, name: raises}) as c:
            try:
                if way == "run": c.run()
                else: c.start().wait()
            except ZeroDivisionError: say(name)
        if lock.locked(): lock.release()
with hotbackup.Coordinator(data, **hooks) as c:
    snapshot = c.run().location
del calls[:]
hotbackup.restore(snapshot, data + "-again", validate=hook("validate"), progress=hook("progress")).wait()
hotbackup.verify(snapshot, validate=hook("validate"), progress=hook("progress")).wait()
say(calls.count("validate"), "progress" in calls)
try: hotbackup.verify(snapshot, validate=raises).wait()
except ZeroDivisionError: say("raised")
"""
    names = ["checkpoint", "freeze", "thaw", "release", "validate"]
    expected = [name for name in names for _ in range(2)]
    assert patched(WORLD + script, data_dir, when) == [*expected, "2 True", "raised"]


@pytest.mark.parametrize("when", WHEN)
def test_a_hook_may_wait_for_another_job_and_one_greenlet_close_what_another_runs(
    data_dir: Path, when: str
) -> None:
    script = """
import gevent
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
def verifies(*_):
    hotbackup.verify(snapshot, progress=hook("progress")).wait()
    calls.append("verified")
with hotbackup.Coordinator(data, checkpoint=verifies) as c:
    c.start().wait()
    c.run()
say(calls.count("verified"))
def holds(_):
    begun.set()
    gevent.sleep(0.05)  # here others run, in the hook of run
def runs():
    try: c.run()
    except hotbackup.Cancelled: say("cancelled")
c = hotbackup.Coordinator(data, checkpoint=holds)
runner = gevent.spawn(runs)
begun.wait()
job = c.find()
c.close()
say(job.done)
runner.join()
say(len(hotbackup._threads.entered))
"""
    assert patched(WORLD + script, data_dir, when) == ["2", "cancelled", "True", "0"]
