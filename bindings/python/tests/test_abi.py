"""The table of functions, the constants and the struct are those of include/hotbackup.h."""

from __future__ import annotations

import ctypes
import re
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest
from conftest import REPOSITORY

import hotbackup
from hotbackup import _constants, _ffi

HEADER = re.sub(r"///[^\n]*|/\*.*?\*/", "", (REPOSITORY / "include/hotbackup.h").read_text(), flags=re.DOTALL)
ENUMS: dict[str, type[IntEnum]] = {
    "CHECKPOINT_": _constants.CheckpointFlags,
    "KEEP_": _constants.Keep,
    "KIND_": hotbackup.Kind,
    "STATE_": hotbackup.State,
    "PHASE_": hotbackup.Phase,
    "FILE_": hotbackup.FileClass,
    "VERIFY_": hotbackup.VerifyLevel,
    "SYMLINKS_": hotbackup.Symlinks,
    "SHARE_": hotbackup.Share,
    "RECOVERED_": hotbackup.Recovered,
    "": hotbackup.Code,
}
TYPES = {
    "void": None,
    "backup_code": ctypes.c_int32,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "const char *": ctypes.c_char_p,
    "backup_destroy_fn": _ffi.DESTROY,
    "backup_hook_fn": _ffi.HOOK,
    "backup_validate_fn": _ffi.VALIDATE,
    "backup_progress_fn": _ffi.PROGRESS,
    "size_t *": ctypes.POINTER(ctypes.c_size_t),
    "uint32_t *": ctypes.POINTER(ctypes.c_uint32),
    "int32_t *": ctypes.POINTER(ctypes.c_int32),
    "backup_progress *": ctypes.POINTER(_ffi.RawProgress),
}


def declared() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for line in re.findall(
        r"^(?!typedef)([^;{}#]*\b(backup_\w+)\(([^;]*)\));", HEADER, re.MULTILINE | re.DOTALL
    ):
        declaration, name, arguments = line
        result = " ".join(declaration[: declaration.index(name + "(")].split())
        parts = (
            [] if arguments.strip() == "void" else [" ".join(part.split()) for part in arguments.split(",")]
        )
        found[name] = result, [re.sub(r"\w+$", "", part).strip() for part in parts]
    return found


def as_ctypes(c_type: str, is_argument: bool) -> object:
    if c_type in TYPES:
        return TYPES[c_type]
    if is_argument and c_type == "const void *":
        return ctypes.c_char_p  # bytes, with a size beside it
    if c_type.endswith("**"):
        return ctypes.POINTER(ctypes.c_void_p)
    assert c_type.endswith("*"), f"{c_type} is new"
    return ctypes.c_void_p


def test_every_declared_function_is_in_the_table_and_no_other() -> None:
    assert len(declared()) > 60
    assert set(declared()) == set(_ffi.FUNCTIONS)


@pytest.mark.parametrize("name", sorted(declared()))
def test_a_function_has_the_declared_types(name: str) -> None:
    result, arguments = declared()[name]
    restype, argtypes = _ffi.FUNCTIONS[name]
    assert restype == as_ctypes(result, is_argument=False)
    assert argtypes == [as_ctypes(argument, is_argument=True) for argument in arguments]


def test_the_constants_are_those_of_the_header() -> None:
    found = {name: int(value) for name, value in re.findall(r"#define BACKUP_(\w+) (\d+)", HEADER)}
    assert found.pop("ABI_VERSION") == hotbackup.ABI_VERSION
    ours = {prefix + member.name: int(member) for prefix, enum in ENUMS.items() for member in enum}
    assert found == ours


def test_the_library_has_the_names_of_the_codes() -> None:
    for code in hotbackup.Code:
        assert hotbackup.code_name(code) == f"BACKUP_{code.name}"
    assert hotbackup.code_name(4242) == "BACKUP_UNKNOWN"


def test_progress_is_laid_out_as_in_c(tmp_path: Path) -> None:
    fields = [name for name, *_ in _ffi.RawProgress._fields_]
    prints = "".join(
        f'printf("{name} %zu %zu\\n", offsetof(backup_progress, {name}), sizeof p.{name});' for name in fields
    )
    source = tmp_path / "layout.c"
    size = 'printf("sizeof %zu\\n", sizeof p);'
    main = f"int main(void) {{ backup_progress p; {size} {prints} return 0; }}"
    source.write_text(f"#include <hotbackup.h>\n#include <stdio.h>\n{main}\n")
    program = tmp_path / "layout"
    subprocess.run(["cc", f"-I{REPOSITORY / 'include'}", source, "-o", program], check=True)
    said = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    ours = [f"sizeof {ctypes.sizeof(_ffi.RawProgress)}"]
    for name in fields:
        field = getattr(_ffi.RawProgress, name)
        ours.append(f"{name} {field.offset} {field.size}")
    assert said == ours
    in_header = re.search(r"typedef struct \{([^}]*)\} backup_progress;", HEADER)
    assert in_header is not None
    assert re.findall(r"(\w+);", in_header.group(1)) == fields


def test_progress_has_each_field_of_the_struct() -> None:
    raw = {name for name, *_ in _ffi.RawProgress._fields_} - {"size", "reserved"}
    assert raw == set(hotbackup.Progress.__dataclass_fields__)


def test_progress_of_an_older_library_is_read_no_further_than_it_was_written() -> None:
    from hotbackup._progress import at

    raw = _ffi.RawProgress(size=32, kind=1, state=2, phase=99, percent=5, bytes_total=7, bytes_done=8)
    now = at(ctypes.addressof(raw))
    assert (now.bytes_total, now.bytes_done, now.phase) == (7, 0, 99)
