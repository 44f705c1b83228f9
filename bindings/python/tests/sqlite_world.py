"""A SQLite database whose content is a function of how many commits it has, and who commits to it.

    python3 sqlite_world.py write|checkpoint|try DATABASE

writes or runs checkpoints until its standard input ends, or says whether it gets the writer's lock.
"""

from __future__ import annotations

import random
import select
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

KEYS = 5000
FILLED = 4000
"""Commits that a database begins with: some megabytes, most of which are not read in the window."""
Rows = dict[int, bytes]


def connect(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None, timeout=60)


def create(database: Path, journal_mode: str) -> None:
    database.parent.mkdir(parents=True)
    connection = connect(database)
    connection.execute("PRAGMA page_size = 1024")
    (mode,) = connection.execute(f"PRAGMA journal_mode = {journal_mode}").fetchone()
    assert mode.upper() == journal_mode
    connection.execute("CREATE TABLE kv (key INTEGER PRIMARY KEY, value BLOB)")
    connection.execute("CREATE TABLE state (seq INTEGER)")
    connection.execute("INSERT INTO state VALUES (0)")
    filled = Model()
    filled.forward_to(FILLED)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO kv VALUES (?, ?)", filled.rows.items())
    connection.execute("UPDATE state SET seq = ?", (FILLED,))
    connection.execute("COMMIT")
    connection.close()


def changes(commit: int) -> tuple[Rows, int | None]:
    """What a commit writes, and what it deletes."""
    rows = {}
    for j in range(4):
        rows[(commit * 31 + j * 97) % KEYS] = f"{commit}:{j};".encode() * (1 + (commit + 7 * j) % 300)
    return rows, (commit * 17) % KEYS if commit % 5 == 0 else None


def seq_of(connection: sqlite3.Connection) -> int:
    (seq,) = connection.execute("SELECT seq FROM state").fetchone()
    assert isinstance(seq, int)
    return seq


def commit(connection: sqlite3.Connection) -> None:
    """The next one, whichever that is."""
    connection.execute("BEGIN IMMEDIATE")
    number = seq_of(connection) + 1
    rows, deleted = changes(number)
    connection.executemany("INSERT OR REPLACE INTO kv VALUES (?, ?)", rows.items())
    if deleted is not None:
        connection.execute("DELETE FROM kv WHERE key = ?", (deleted,))
    connection.execute("UPDATE state SET seq = ?", (number,))
    connection.execute("COMMIT")


class Model:
    """What the database holds after so many commits."""

    def __init__(self) -> None:
        self.seq = 0
        self.rows: Rows = {}

    def forward_to(self, seq: int) -> None:
        for number in range(self.seq + 1, seq + 1):
            rows, deleted = changes(number)
            self.rows.update(rows)
            if deleted is not None:
                self.rows.pop(deleted, None)
        self.seq = seq


def assert_holds(database: Path, model: Model, seq: int) -> None:
    """Exactly the commits 1 to seq, and that it can be written on."""
    model.forward_to(seq)
    connection = connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert seq_of(connection) == seq
    found = dict(connection.execute("SELECT key, value FROM kv").fetchall())
    wrong = [key for key in found.keys() | model.rows.keys() if found.get(key) != model.rows.get(key)]
    assert not wrong, f"{len(wrong)} keys differ, {wrong[:5]} among them"
    commit(connection)
    assert seq_of(connection) == seq + 1
    connection.close()


class Users:
    """A thread and a process that never stop writing, and in WAL mode one that runs checkpoints."""

    def __init__(self, database: Path, wal: bool):
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._write, args=(database,))
        self._processes = [other_process("write", database)]
        if wal:
            self._processes.append(other_process("checkpoint", database))

    def __enter__(self) -> Users:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for process in self._processes:
            complaint = process.communicate(timeout=60)[1]
            assert process.returncode == 0, complaint
        assert not self._failed

    def _write(self, database: Path) -> None:
        try:
            connection = connect(database)
            while not self._stop.wait(0.0005):
                commit(connection)
            connection.close()
        except BaseException as error:
            self._failed.append(error)


def other_process(task: str, database: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, task, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def another_process_may_write(database: Path) -> bool:
    said, error = other_process("try", database).communicate(timeout=60)
    assert said in ("yes", "no"), error
    return said == "yes"


def may_write(database: Path) -> bool:
    connection = sqlite3.connect(database, isolation_level=None, timeout=0)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        assert "locked" in str(error)
        return False
    return True


def until_input_ends(task: str, database: Path) -> None:
    connection = connect(database)
    while not select.select([sys.stdin], [], [], random.random() / 200)[0]:
        if task == "write":
            commit(connection)
        else:
            # The others hold the writer's lock while they wait for readers.
            mode = random.choice(["PASSIVE"] * 17 + ["FULL", "RESTART", "TRUNCATE"])
            connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    connection.close()


if __name__ == "__main__":
    path = Path(sys.argv[2])
    if sys.argv[1] == "try":
        sys.stdout.write("yes" if may_write(path) else "no")
    else:
        until_input_ends(sys.argv[1], path)
