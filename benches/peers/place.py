"""Where is measured: file systems in images, each made anew in a moment, so that nothing is ever deleted."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30

# Nothing is discarded and nothing left for later, so that the kernel does not work on it while we measure.
MKFS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-N", "300000", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-K"],
    "btrfs": ["mkfs.btrfs", "-q", "-f", "-K"],
}


def call(*command: object) -> str:
    """Runs a command and gives what it prints; one that fails ends the run with what it says."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Image:
    """A file system in a file."""

    def __init__(self, place: Place, name: str, size: int, kind: str = "ext4"):
        self.place, self.kind = place, kind
        self.file = place.directory / f"{name}.img"
        self.mount = place.directory / name
        self.mount.mkdir(exist_ok=True)
        if not place.direct:
            with self.file.open("wb") as file:
                file.truncate(size)
        elif not self.file.exists() or self.file.stat().st_size != size:
            # Blocks that were never written would cost a direct write more than others.
            call("dd", "if=/dev/zero", f"of={self.file}", "bs=1M", f"count={size // MIB}", "oflag=direct")
        self.device = call("losetup", "-f", "--show", *place.loop_options(), self.file).strip()
        self.is_mounted = False

    def fresh(self) -> Path:
        """The file system, empty, as if it had just been made."""
        self.leave()
        call(*MKFS[self.kind], self.device)
        call("mount", self.device, self.mount)
        self.is_mounted = True
        return self.mount

    def leave(self) -> None:
        if self.is_mounted:
            call("umount", self.mount)
            self.is_mounted = False

    def close(self) -> None:
        self.leave()
        call("losetup", "-d", self.device)
        if not self.place.direct:
            self.file.unlink()


class Place:
    """A disk, or memory that plays one."""

    def __init__(self, name: str, directory: Path):
        self.name = name
        self.direct = name == "disk"
        self.directory = directory
        self.images: list[Image] = []
        directory.mkdir(parents=True, exist_ok=True)
        if not self.direct:
            call("mount", "-t", "tmpfs", "-o", "size=90%", "hotbackup-peers", directory)

    def loop_options(self) -> list[str]:
        return ["--direct-io=on"] if self.direct else []

    def image(self, name: str, size: int, kind: str = "ext4") -> Image:
        image = Image(self, name, size, kind)
        self.images.append(image)
        return image

    def drop(self, image: Image) -> None:
        """It is not needed any more, and its space is."""
        self.images.remove(image)
        image.close()

    def close(self) -> None:
        for image in self.images:
            image.close()
        if not self.direct:
            call("umount", self.directory)


def settle() -> None:
    """What earlier steps left dirty is written, so that no step pays for another."""
    os.sync()


def rest() -> None:
    """Data is left alone for a while: what was written less than two seconds before a backup is not shared."""
    time.sleep(2.5)


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")
