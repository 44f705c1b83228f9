"""Builds the shared library with cargo and puts it into the wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MANIFEST = REPOSITORY / "Cargo.toml"


def cargo_package() -> str:
    if not MANIFEST.exists():
        raise SystemExit(
            f"hotbackup is built from its repository: there is no {MANIFEST}. A source distribution does "
            "not have the library's source; install from a checkout with `pip install bindings/python`."
        )
    return MANIFEST.read_text()


def version() -> str:
    """That of the library."""
    found = re.search(r'^version = "([^"]+)"', cargo_package(), re.MULTILINE)
    assert found is not None
    return found.group(1)


class BuildWithLibrary(build_py):
    """Which is the library of the crate ``crate``, and lies in the package ``place``."""

    place = "hotbackup"
    crate = "hotbackup"
    file = "libhotbackup.so"
    built = file

    def run(self) -> None:
        # What an earlier build left there would go into the wheel, modules that are gone included.
        built = Path(self.build_lib, *self.place.split("."))
        shutil.rmtree(built, ignore_errors=True)
        super().run()
        editable = self.get_package_dir(self.place)
        package = Path(editable) if self.editable_mode else built
        package.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.library(), package / f"{self.file}.0")

    def library(self) -> Path:
        """The shared library, as cargo builds it."""
        cargo = os.environ.get("CARGO", "cargo")
        build = [cargo, "build", "--release", "--locked", "--lib", "--package", self.crate]
        listing = subprocess.run(
            [*build, "--message-format", "json-render-diagnostics", "--manifest-path", str(MANIFEST)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for line in listing.splitlines():
            for name in json.loads(line).get("filenames", []):
                if name.endswith(f"/{self.built}"):
                    return Path(name)
        raise SystemExit(f"cargo built no {self.built}")


class PlatformWheel(bdist_wheel):
    """One wheel for every Python 3 of a platform: the library knows nothing of Python."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self) -> bool:
        return True


if __name__ == "__main__":
    setup(
        version=version(),
        distclass=WithLibrary,
        cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
    )
