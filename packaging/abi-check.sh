#!/bin/sh
# Compares the C ABI of include/hotbackup.h with that of the last release:
#
#   packaging/abi-check.sh                  fails if anything that a program relies on is different
#   packaging/abi-check.sh --dump           writes abi/libhotbackup-<version>.abi, for a release
#   packaging/abi-check.sh OLD [NEW]        compares two headers, or the dump or header OLD with ours
#
# What is dumped is a library of empty functions made of the header: its types are exactly those
# that C programs see. The real library's debug information is of no use here: it describes Rust's
# types, under Rust's names, those of all crates in it too (2.3 MB against 50 KB), and handles with
# their private fields. That the real library exports just what the header declares, as the sources
# have it, is what tests/abi/header.rs shows. Values of constants are in include/hotbackup.layout.
set -eu

fail() {
    echo "abi-check.sh: $*" >&2
    exit 2
}

root=$(cd "$(dirname "$0")/.." && pwd)
abi=$root/packaging/abi
ours=$root/include/hotbackup.h
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$root/build.rs")

for tool in abidw abidiff cc awk; do
    command -v "$tool" >/dev/null || fail "$tool is not there: apt-get install abigail-tools gcc"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

# The dump $2 of the header $1.
dump() {
    mkdir -p "$work/include"
    cp "$1" "$work/include/hotbackup.h"
    {
        echo '#include <hotbackup.h>'
        cc -E -P -xc "$work/include/hotbackup.h" |
            awk 'BEGIN { RS = ";" } !/typedef/ && /backup_[a-z_]+\(/ { print $0 " { __builtin_trap(); }" }'
    } >"$work/functions.c"
    cc -g -fPIC -shared -Wl,-soname,"$soname" -I"$work/include" "$work/functions.c" -o "$work/library.so"
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs "$work/library.so" --out-file "$2"
}

# A dump is what it is; a header is dumped to $2 first.
dump_of() {
    [ -f "$1" ] || fail "$1 is not there"
    case $1 in
        *.abi) cp "$1" "$2" ;;
        *) dump "$1" "$2" ;;
    esac
}

# The newest release under the soname of now: a new soname begins anew.
last_release() {
    for dump in "$abi"/libhotbackup-*.abi; do
        if [ -f "$dump" ] && head -n 1 "$dump" | grep -qF "soname='$soname'"; then echo "$dump"; fi
    done | sort -V | tail -n 1
}

case ${1:-} in
    --dump)
        dump "$ours" "$abi/libhotbackup-$version.abi"
        echo "$abi/libhotbackup-$version.abi is written: commit it with the release"
        exit
        ;;
    -*) fail "usage: packaging/abi-check.sh [--dump | OLD [NEW]]" ;;
    '') old=$(last_release) ;;
    *) old=$1 ;;
esac
if [ -z "$old" ]; then
    echo "No release of $soname has been dumped yet, so there is nothing to compare with."
    exit
fi
dump_of "$old" "$work/old.abi"
dump_of "${2:-$ours}" "$work/new.abi"
# New functions are welcome.
if abidiff --no-added-syms "$work/old.abi" "$work/new.abi" >"$work/report"; then
    echo "The ABI is that of $old, or more."
    exit
fi
cat "$work/report"
# So are fields at the end of a struct whose size the caller says. abidiff's suppression for that
# lets through a struct whose fields have changed, too, so it must not have told of any.
if abidiff --no-added-syms --suppressions "$abi/growth.suppressions" "$work/old.abi" "$work/new.abi" \
    >/dev/null && ! grep -qE 'data member (change|deletion)' "$work/report"; then
    echo "Only fields at the end were added to the ABI of $old: that is fine."
    exit
fi
echo "The ABI of $old is broken: undo that, or raise the soname in build.rs." >&2
exit 1
