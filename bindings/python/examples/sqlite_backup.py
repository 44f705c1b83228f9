"""Backs up a SQLite database while it is written to, restores it and has SQLite check it.

    python3 sqlite_backup.py [directory]

In every journal mode the freeze is a transaction that holds the writer's lock and writes nothing:
it stops the writers of all threads and processes. ``Host`` is what a program needs for its own
database; its connections belong to the thread that calls ``Coordinator.run``.

In a rollback mode the whole database is copied while writers stand still. In WAL mode nothing is: a
read transaction from the checkpoint hook to release keeps what is committed after it out of the
database file, and keeps the log from being started anew while it has something that the database has
not. So the database is pinned, and of the log just the length counts that it has in the freeze. Where
that is all in the database already, the log must be left out, since then it may be started anew. (Never
exclude it by a rule: a restore leaves what rules exclude where it is, and the old log would be played
into the restored database.)
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

import hotbackup
from hotbackup import FileClass, Hook


def connect(database: Path) -> sqlite3.Connection:
    # isolation_level None: BEGIN and ROLLBACK are ours to say. The timeout is for locks.
    return sqlite3.connect(database, isolation_level=None, timeout=30)


def end(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


class Host:
    """The hooks of one SQLite database."""

    def __init__(self, database: Path, small_window: bool = True):
        self.database = database
        self.small_window = small_window
        self.gate = connect(database)
        """Its transaction is the freeze."""
        self.reader = connect(database)
        """Its transaction lasts from checkpoint to release."""
        self.checkpointer = connect(database)
        """Has no transaction, which a checkpoint could not be run in."""
        (self.page_size,) = self.gate.execute("PRAGMA page_size").fetchone()
        self.stopped_at = 0.0
        self.stood_still = 0.0
        """Seconds that writers were held back in the last backup."""

    def close(self) -> None:
        for connection in (self.checkpointer, self.reader, self.gate):
            connection.close()

    def passive_checkpoint(self) -> tuple[int, int, int]:
        """Copies as much of the log as readers let it, waiting for nobody: whether somebody else's
        checkpoint is at work, the frames of the log, those that are in the database. Without a log,
        in a rollback mode, -1 each."""
        busy, log, done = self.checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return busy, log, done

    def checkpoint(self, _: Hook) -> None:
        if self.small_window and self.passive_checkpoint()[1:] != (-1, -1):
            try:
                self.reader.execute("BEGIN")  # begins nothing yet: a read does
                self.reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self.passive_checkpoint()  # so that there is nothing to write in the freeze
            except BaseException:
                end(self.reader)
                raise

    def hold_writers(self) -> None:
        """Somebody's FULL, RESTART or TRUNCATE checkpoint may hold the writer's lock while it waits
        for our reader. Then that gives way, and the files are copied in the freeze."""
        try:
            self.gate.execute("PRAGMA busy_timeout = 200")
            self.gate.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            end(self.reader)
            self.gate.execute("PRAGMA busy_timeout = 30000")
            self.gate.execute("BEGIN IMMEDIATE")

    def freeze(self, hook: Hook) -> None:
        self.hold_writers()
        try:
            self.stopped_at = time.perf_counter()
            if self.reader.in_transaction:
                self.name_files(hook)
        except BaseException:
            end(self.gate)
            raise

    def name_files(self, hook: Hook) -> None:
        """Under the writer's lock the log has an end. Where somebody's checkpoint is at work for
        long, nothing is named, and the layout has database and log copied in the freeze."""
        for _ in range(20):
            busy, log, done = self.passive_checkpoint()
            if not busy:
                hook.add_file(self.database.name, FileClass.PINNED)
                if log > done:
                    length = 32 + log * (24 + self.page_size)
                    hook.add_file(self.database.name + "-wal", FileClass.APPEND_ONLY, length)
                return
            time.sleep(0.00025)

    def thaw(self, _: Hook) -> None:
        end(self.gate)
        self.stood_still = time.perf_counter() - self.stopped_at

    def release(self, _: Hook) -> None:
        end(self.reader)

    def coordinator(self) -> hotbackup.Coordinator:
        """For a directory that holds nothing but this database: ``add_file`` names all there is."""
        return hotbackup.Coordinator(
            self.database.parent,
            layout="sqlite",
            checkpoint=self.checkpoint,
            freeze=self.freeze,
            thaw=self.thaw,
            release=self.release,
        )


def write(database: Path, stop: threading.Event) -> None:
    with sqlite3.connect(database, isolation_level=None, timeout=30) as connection:
        while not stop.is_set():
            connection.execute(
                "INSERT INTO kv VALUES (?, randomblob(500))", (f"key {threading.get_ident()}",)
            )
    connection.close()


def main(directory: Path) -> None:
    database = directory / "data" / "app.db"
    database.parent.mkdir()
    setup = sqlite3.connect(database)
    setup.execute("PRAGMA journal_mode = WAL")
    setup.execute("CREATE TABLE kv (key TEXT, value BLOB)")
    setup.close()
    stop = threading.Event()
    writer = threading.Thread(target=write, args=(database, stop))
    writer.start()
    host = Host(database)
    try:
        with host.coordinator() as coordinator:
            for number in range(3):
                job = coordinator.run()
                target = directory / f"restored-{number}"
                hotbackup.restore(job.location, target).wait()
                restored = sqlite3.connect(target / "app.db")
                (sound,) = restored.execute("PRAGMA integrity_check").fetchone()
                (rows,) = restored.execute("SELECT count(*) FROM kv").fetchone()
                restored.close()
                stood = host.stood_still * 1000
                print(f"{job.location.name}: writes stood still for {stood:.1f} ms; {rows} rows: {sound}")
    finally:
        stop.set()
        writer.join()
        host.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
