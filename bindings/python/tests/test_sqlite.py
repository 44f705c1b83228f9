"""SQLite as a host: restored snapshots hold exactly what was committed before the freeze."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import threading
from pathlib import Path

import pytest
from sqlite_backup import Host
from sqlite_world import (
    FILLED,
    Model,
    Users,
    another_process_may_write,
    assert_holds,
    commit,
    connect,
    create,
    seq_of,
)

import hotbackup
from hotbackup import Coordinator, Hook

ROUNDS = int(os.environ.get("HOTBACKUP_SQLITE_ROUNDS", "10"))
VARIANTS = [("WAL", True), ("WAL", False), ("DELETE", False), ("TRUNCATE", False), ("PERSIST", False)]


class NamedFiles(Hook):
    """Writes down what is named."""

    def __init__(self) -> None:
        super().__init__(0)
        self.files: dict[str, tuple[int, int | None]] = {}

    def add_file(self, path: hotbackup.AnyPath, file_class: int, length: int | None = None) -> None:
        self.files[str(path)] = file_class, length


class WatchedHost(Host):
    """Writes down what was committed when the host froze, and whether more was before release;
    everything on the thread that made it."""

    def __init__(self, database: Path, small_window: bool):
        super().__init__(database, small_window)
        self.thread = threading.get_ident()
        self.frozen_seq = -1
        self.written_on = 0
        self.without_log = self.with_log = 0

    def freeze(self, hook: Hook) -> None:
        assert threading.get_ident() == self.thread
        super().freeze(hook)
        self.frozen_seq = seq_of(self.gate)

    def name_files(self, hook: Hook) -> None:
        named = NamedFiles()
        super().name_files(named)
        for name, (file_class, length) in named.files.items():
            hook.add_file(name, file_class, length)
        self.with_log += len(named.files) == 2
        self.without_log += len(named.files) == 1

    def release(self, hook: Hook) -> None:
        self.written_on += seq_of(self.gate) > self.frozen_seq
        super().release(hook)

    def wait_for_commits(self, count: int) -> None:
        since = seq_of(self.gate)
        while seq_of(self.gate) < since + count:
            threading.Event().wait(0.002)


@pytest.mark.parametrize(("journal_mode", "small_window"), VARIANTS)
def test_a_snapshot_holds_exactly_the_commits_before_the_freeze(
    place: Path, journal_mode: str, small_window: bool
) -> None:
    database = place / "data/app.db"
    create(database, journal_mode)
    model = Model()
    windows: list[float] = []
    with Users(database, journal_mode == "WAL"):
        host = WatchedHost(database, small_window)
        with host.coordinator() as coordinator:
            for _ in range(ROUNDS):
                host.wait_for_commits(10)
                job = coordinator.run()
                windows.append(host.stood_still * 1000)
                target = place / "restored"
                hotbackup.restore(job.location, target).wait()
                assert_holds(target / "app.db", model, host.frozen_seq)
                hotbackup.prune(coordinator.root, 1)
                shutil.rmtree(target)
        host.close()
    if small_window:  # else next to nothing is left to copy after the window
        assert host.written_on > 0 and host.with_log + host.without_log > 0
    print(
        f"{journal_mode}, small window {small_window}: {ROUNDS} snapshots at up to {model.seq} commits, "
        f"{host.without_log} without the log, {host.with_log} with a part of it, "
        f"{host.written_on} copies while more was committed; writers held back: "
        f"median {statistics.median(windows):.2f} ms, at most {max(windows):.2f} ms"
    )


@pytest.mark.parametrize("journal_mode", ["WAL", "DELETE"])
def test_a_restore_over_the_database_leaves_nothing_of_its_log(place: Path, journal_mode: str) -> None:
    """A log of what was there before would be played into what was restored."""
    database = place / "data/app.db"
    create(database, journal_mode)
    host = WatchedHost(database, small_window=True)
    with Users(database, journal_mode == "WAL"), host.coordinator() as coordinator:
        snapshot = coordinator.run().location
    host.close()
    kept = connect(database)  # so that the log stays
    other = connect(database)
    for _ in range(20):
        other.execute("UPDATE state SET seq = seq + 1")
    for name in ("app.db", "app.db-wal"):
        if (database.parent / name).exists():
            shutil.copyfile(database.parent / name, place / name)
    other.close()
    kept.close()
    if journal_mode == "WAL":  # as a crash would have left it
        for name in ("app.db", "app.db-wal"):
            shutil.copyfile(place / name, database.parent / name)
    hotbackup.restore(snapshot, database.parent).wait()
    assert_holds(database, Model(), host.frozen_seq)


@pytest.mark.parametrize(("journal_mode", "small_window"), VARIANTS)
def test_the_hosts_locks_survive_a_backup_a_verification_and_a_restore(
    place: Path, journal_mode: str, small_window: bool
) -> None:
    database = place / "data/app.db"
    create(database, journal_mode)
    mine = connect(database)
    mine.execute("BEGIN IMMEDIATE")
    mine.execute("UPDATE state SET seq = 7")
    with Coordinator(
        database.parent, layout="sqlite", freeze=lambda _: None, thaw=lambda _: None
    ) as coordinator:
        job = coordinator.run()
        hotbackup.verify(job.location).wait()
        hotbackup.restore(job.location, place / "restored").wait()
        assert not another_process_may_write(database)
    assert not another_process_may_write(database)
    mine.execute("COMMIT")
    assert another_process_may_write(database)
    mine.close()


def test_the_lock_test_would_notice_a_lost_lock(place: Path) -> None:
    """Closing any descriptor of the database drops its locks: what the library must not do."""
    database = place / "data/app.db"
    create(database, "DELETE")
    mine = connect(database)
    mine.execute("BEGIN IMMEDIATE")
    assert not another_process_may_write(database)
    database.read_bytes()
    assert another_process_may_write(database)
    mine.close()


def test_the_freeze_stops_writers_of_other_processes_and_only_it(place: Path) -> None:
    database = place / "data/app.db"
    create(database, "WAL")
    host = Host(database)
    seen: dict[str, bool] = {}

    def look(name: str) -> None:
        seen[name] = another_process_may_write(database)

    def freeze(hook: Hook) -> None:
        host.freeze(hook)
        look("frozen")

    def thaw(hook: Hook) -> None:
        host.thaw(hook)
        look("thawed")

    def validate(staging: Path, _: Hook) -> None:
        names = sorted(path.name for path in staging.iterdir())
        assert "app.db" in names and "app.db-wal" not in names
        copy = sqlite3.connect(f"file:{staging / 'app.db'}?immutable=1", uri=True)
        assert copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
        copy.close()

    with Coordinator(
        database.parent,
        layout="sqlite",
        checkpoint=host.checkpoint,
        freeze=freeze,
        thaw=thaw,
        release=host.release,
        validate=validate,
    ) as coordinator:
        coordinator.run()
    host.close()
    assert seen == {"frozen": False, "thawed": True}


def test_a_freeze_that_gets_no_lock_fails_the_backup_with_sqlites_own_exception(place: Path) -> None:
    database = place / "data/app.db"
    create(database, "WAL")
    other = connect(database)
    other.execute("BEGIN IMMEDIATE")
    host = Host(database)

    def impatient(_: Hook) -> None:
        host.gate.execute("PRAGMA busy_timeout = 1")
        host.gate.execute("BEGIN IMMEDIATE")

    with Coordinator(database.parent, layout="sqlite", freeze=impatient, thaw=host.thaw) as coordinator:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            coordinator.run()
        other.execute("COMMIT")
        coordinator.run()
    host.close()
    other.close()


def test_a_blocking_checkpoint_that_waits_for_the_reader_does_not_stop_the_backup(place: Path) -> None:
    database = place / "data/app.db"
    create(database, "WAL")
    host = Host(database)
    blocking: list[threading.Thread] = []

    def truncates() -> None:
        connection = connect(database)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()

    def checkpoint(hook: Hook) -> None:
        host.checkpoint(hook)
        writer = connect(database)
        commit(writer)
        writer.close()
        blocking.append(threading.Thread(target=truncates))
        blocking[0].start()
        while blocking[0].is_alive() and another_process_may_write(database):
            pass  # it has the writer's lock now

    with Coordinator(
        database.parent,
        layout="sqlite",
        checkpoint=checkpoint,
        freeze=host.freeze,
        thaw=host.thaw,
        release=host.release,
    ) as coordinator:
        job = coordinator.run()
    blocking[0].join()
    host.close()
    hotbackup.restore(job.location, place / "restored").wait()
    model = Model()
    assert_holds(place / "restored/app.db", model, FILLED + 1)
