"""Builds the shared library with cargo and puts it into the wheel, as hotbackup's own setup.py does."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from setuptools import setup

BASE = Path(__file__).resolve().parent.parent / "python/setup.py"


def base() -> dict[str, Any]:
    if not BASE.exists():
        raise SystemExit(
            f"hotbackup-remote is built from its repository: there is no {BASE}. A source distribution "
            "does not have the library's source; install from a checkout with "
            "`pip install bindings/python-remote`."
        )
    return runpy.run_path(str(BASE))


if __name__ == "__main__":
    common = base()
    version = common["version"]()
    library = {
        "place": "hotbackup.remote",
        "crate": "hotbackup-remote-capi",
        "file": "libhotbackup_remote.so",
        "built": "libhotbackup_remote_capi.so",
    }
    setup(
        version=version,
        install_requires=[f"hotbackup=={version}"],
        distclass=common["WithLibrary"],
        cmdclass={
            "build_py": type("BuildWithLibrary", (common["BuildWithLibrary"],), library),
            "bdist_wheel": common["PlatformWheel"],
        },
    )
