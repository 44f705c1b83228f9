"""Backs up a SQLite database while it is written to, restores it and has SQLite check it.

    python3 sqlite_backup.py [directory]

In every journal mode the freeze is a transaction that holds the writer's lock and writes nothing:
it stops the writers of all threads and processes. ``Host`` is what a program needs for its own
database; its connections belong to the thread that calls ``Coordinator.run``.

In a rollback mode the whole database is copied while writers stand still. In WAL mode hardly
anything is: once the log is in the database (a passive checkpoint says so, under the writer's lock),
a read transaction that begins there keeps every checkpoint from writing to the database until it
ends, so the database can be copied while writers append to the log. The log itself is not needed
then, and must not be in the snapshot: a writer may start it anew.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
from pathlib import Path

import hotbackup
from hotbackup import FileClass, Hook


class Host:
    """The hooks of one SQLite database."""

    def __init__(self, database: Path, small_window: bool = True):
        self.database = database
        self.small_window = small_window
        # isolation_level None: BEGIN and ROLLBACK are ours to say. The timeout is for the lock.
        self.gate = sqlite3.connect(database, isolation_level=None, timeout=30)
        self.reader = sqlite3.connect(database, isolation_level=None, timeout=30)
        self.pinned = 0
        """How many freezes found all of the log in the database."""

    def close(self) -> None:
        self.reader.close()
        self.gate.close()

    def log_is_in_database(self) -> bool:
        """Copies as much of the log as readers let it, waiting for nobody. (1, -1, -1): somebody
        else's checkpoint is at work; (0, -1, -1): there is no log, this is a rollback mode."""
        busy, log, done = self.reader.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(busy == 0 and log == done >= 0)

    def checkpoint(self, _: Hook) -> None:
        # Ahead, so that little is left to do in the freeze. That it was not possible is no failure.
        if self.small_window:
            self.log_is_in_database()

    def freeze(self, hook: Hook) -> None:
        self.end(self.reader)  # of an earlier freeze of the same backup
        self.gate.execute("BEGIN IMMEDIATE")
        try:
            if self.small_window and self.log_is_in_database():
                self.reader.execute("BEGIN")  # begins nothing yet: a read does
                self.reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
                hook.add_file(self.database.name, FileClass.PINNED)
                self.pinned += 1
            # Else nothing is named, and the layout has database and log copied in the freeze.
        except BaseException:
            self.end(self.gate)
            self.end(self.reader)
            raise

    def thaw(self, _: Hook) -> None:
        self.end(self.gate)

    def release(self, _: Hook) -> None:
        self.end(self.reader)

    @staticmethod
    def end(connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")

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
                stood = job.status().freeze_ns / 1e6
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
