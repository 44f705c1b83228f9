"""The table of functions and the struct are those of include/hotbackup_remote.h."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest
from conftest import REPOSITORY

import hotbackup
import hotbackup.remote
from hotbackup import _ffi as base
from hotbackup.remote import _ffi

TEXT = (REPOSITORY / "include/hotbackup_remote.h").read_text()
HEADER = re.sub(r"///[^\n]*|/\*.*?\*/|static inline [^{]*\{[^}]*\}", "", TEXT, flags=re.DOTALL)
TYPES = {
    "void": None,
    "backup_code": ctypes.c_int32,
    "int32_t": ctypes.c_int32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "const char *": ctypes.c_char_p,
    "const char **": ctypes.POINTER(ctypes.c_char_p),
    "backup_secret_fn": _ffi.SECRET,
    "backup_destroy_fn": base.DESTROY,
    "backup_remote_requests *": ctypes.POINTER(_ffi.RawRequests),
}


def declared() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for declaration in re.findall(r"^(?!typedef)([^;{}#]*\bbackup_\w+\([^;{}]*\));", HEADER, re.MULTILINE):
        parted = re.fullmatch(r"(.*?)(\w+)\((.*)\)", declaration.strip(), re.DOTALL)
        assert parted is not None
        result, name, arguments = parted.groups()
        parts = [] if arguments == "void" else [" ".join(part.split()) for part in arguments.split(",")]
        found[name] = " ".join(result.split()), [re.sub(r"\w+$", "", part).strip() for part in parts]
    return found


def as_ctypes(c_type: str) -> object:
    if c_type in TYPES:
        return TYPES[c_type]
    if c_type.endswith("**"):
        return ctypes.POINTER(ctypes.c_void_p)
    assert c_type.endswith("*"), f"{c_type} is new"
    return ctypes.c_void_p


def test_every_declared_function_is_in_the_table_and_no_other() -> None:
    assert len(declared()) > 25
    assert set(declared()) == set(_ffi.FUNCTIONS)


@pytest.mark.parametrize("name", sorted(declared()))
def test_a_function_has_the_declared_types(name: str) -> None:
    result, arguments = declared()[name]
    restype, argtypes = _ffi.FUNCTIONS[name]
    assert restype == as_ctypes(result)
    assert argtypes == [as_ctypes(argument) for argument in arguments]


def test_requests_are_laid_out_as_in_c(tmp_path: Path) -> None:
    fields = [name for name, *_ in _ffi.RawRequests._fields_]
    prints = "".join(
        f'printf("{name} %zu %zu\\n", offsetof(backup_remote_requests, {name}), sizeof r.{name});'
        for name in fields
    )
    source, program = tmp_path / "layout.c", tmp_path / "layout"
    size = 'printf("sizeof %zu\\n", sizeof r);'
    main = f"int main(void) {{ backup_remote_requests r; {size} {prints} return 0; }}"
    includes = "".join(f"#include <{name}>\n" for name in ("hotbackup_remote.h", "stddef.h", "stdio.h"))
    source.write_text(f"{includes}{main}\n")
    # The header's inline function calls the libraries, which are not needed here.
    flags = [f"-I{REPOSITORY / 'include'}", "-Wl,--unresolved-symbols=ignore-all"]
    subprocess.run(["cc", *flags, str(source), "-o", str(program)], check=True)
    said = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    ours = [f"sizeof {ctypes.sizeof(_ffi.RawRequests)}"]
    for name in fields:
        field = getattr(_ffi.RawRequests, name)
        ours.append(f"{name} {field.offset} {field.size}")
    assert said == ours
    in_header = re.search(r"typedef struct \{([^}]*)\} backup_remote_requests;", HEADER)
    assert in_header is not None
    assert re.findall(r"(\w+);", in_header.group(1)) == fields


def test_requests_have_each_field_of_the_struct() -> None:
    raw = {name for name, *_ in _ffi.RawRequests._fields_} - {"size"}
    assert raw == set(hotbackup.remote.Requests.__dataclass_fields__)


def test_the_libraries_have_one_version() -> None:
    assert hotbackup.remote.version() == hotbackup.version()
