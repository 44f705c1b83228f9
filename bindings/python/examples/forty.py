"""Backs a directory up, with progress, and restores the snapshot: forty.py DATA_DIR TARGET"""

import sys
import threading

import hotbackup

writes = threading.Lock()  # whoever writes to the directory holds it


def freeze(hook: hotbackup.Hook) -> None:
    writes.acquire()


def thaw(hook: hotbackup.Hook) -> None:
    writes.release()


def show(progress: hotbackup.Progress, hook: hotbackup.Hook) -> bool:
    print(f"{progress.phase.name.lower():10} {progress.percent:3} %")
    return True  # False would cancel


def main(data_dir: str, target: str) -> None:
    rules = [("*.sst", hotbackup.FileClass.IMMUTABLE), ("LOCK", hotbackup.FileClass.EXCLUDED)]
    with hotbackup.Coordinator(data_dir, rules=rules, freeze=freeze, thaw=thaw, progress=show) as coordinator:
        job = coordinator.start()
        job.wait()
        print(f"{job.location}: writes stood still for {job.status().freeze_ns / 1e6:.1f} ms")
        snapshot = hotbackup.latest(coordinator.root)
    hotbackup.restore(snapshot, target, progress=show).wait()
    print(f"{snapshot.files} files, {snapshot.bytes} bytes restored to {target}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except hotbackup.BackupError as error:
        sys.exit(f"{error.code.name}: {error}")
