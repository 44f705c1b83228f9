"""Scripts in processes of their own, that tests send signals to or that end badly if something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from conftest import PACKAGE
from world import SECONDS

HEAD = """
import hotbackup, os, signal, sys, threading, time
data = sys.argv[1]
go, begun = threading.Event(), threading.Event()
calls = []
def say(*words): print(*words, flush=True)
"""


def said(
    script: str,
    data_dir: Path,
    *arguments: object,
    warn: bool = False,
    patch: str = "",
    patch_first: bool = False,
) -> list[str]:
    """What a script says; it must end by itself, and well. patch: what it does before all, or after its
    imports."""
    head = patch + HEAD if patch_first else HEAD.replace("data =", patch + "data =", 1)
    warnings = [] if warn else ["-W", "ignore"]
    program = subprocess.run(
        [sys.executable, "-X", "dev", *warnings, "-c", head + script, str(data_dir), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert program.returncode == 0, program.stdout
    return program.stdout.splitlines()


def interrupted(script: str, data_dir: Path, *signals: int, code: int = 0) -> tuple[list[str], float]:
    """Runs a script that says "now" where it shall be interrupted; what it said, and how long it
    took from then."""
    command = [sys.executable, "-c", HEAD + script, str(data_dir)]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        too_long = threading.Timer(2 * SECONDS, program.kill)
        too_long.start()
        lines = []
        since = 0.0
        for line in program.stdout:
            lines.append(line.strip())
            if line.strip() == "now":
                time.sleep(0.05)
                since = time.monotonic()
                for number in signals:
                    program.send_signal(number)
                    time.sleep(0.05)
        assert program.wait(SECONDS) == code, lines[-50:]
        too_long.cancel()
    return lines, time.monotonic() - since
