#!/bin/sh
# Builds and installs the library, for programs in C, C++ and what calls C, and the command; --help
# says how.
#
# A script and not cargo-c: that would first build some 350 crates, and its CMake packages, split
# Debian packages and moved prefixes would still need files of our own. This needs a shell,
# coreutils and the linker's readelf, and says in one place what is installed.
set -eu

usage() {
    cat <<'END'
usage: packaging/install.sh [--remote] [--no-build | --build | --uninstall | --list]

  --build       builds all that is installed, and installs nothing
  --no-build    installs what --build has left in the target directory
  --uninstall   removes what this version has installed
  --list        prints the files that this version installs, below PREFIX
  --remote      with the library for object stores, libhotbackup_remote, which takes long to build;
                --uninstall always removes it, too

Variables of the environment:
  PREFIX        where it will be used from, default /usr/local
  LIBDIR        libraries, below PREFIX, default lib (lib64, lib/x86_64-linux-gnu, ...)
  INCLUDEDIR    headers, below PREFIX, default include
  DESTDIR       put before every path, to stage a package
  CARGO, CARGO_TARGET_DIR, CARGO_BUILD_TARGET   as for Cargo
END
}

fail() {
    echo "install.sh: $*; nothing was changed" >&2
    exit 1
}

# The directory $2 of the variable $1, relative to the prefix, whether given so or in full.
below_prefix() {
    case $2 in
        *//* | */./* | */../* | ../* | */..) fail "$1 is not a plain path: $2" ;;
        "$prefix"/?*) below=${2#"$prefix"/} ;;
        /*) fail "$1 must lie below PREFIX ($prefix), so that the whole can be moved: $2" ;;
        ?*) below=$2 ;;
        *) fail "$1 is empty" ;;
    esac
    echo "${below%/}"
}

# From the directory $1 below the prefix up to the prefix: lib/pkgconfig is ../..
up_from() {
    echo "$1" | sed 's|[^/][^/]*|..|g'
}

build=yes action=install remote=no
for argument; do
    case $argument in
        --no-build) build=no ;;
        --build) action=build ;;
        --uninstall) action=uninstall remote=yes ;;
        --list) action=list ;;
        --remote) remote=yes ;;
        --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
done

root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${PREFIX:-/usr/local}
case $prefix in
    /) fail "PREFIX cannot be / itself" ;;
    /*) prefix=${prefix%/} ;;
    *) fail "PREFIX must be absolute: $prefix" ;;
esac
libdir=$(below_prefix LIBDIR "${LIBDIR:-lib}")
includedir=$(below_prefix INCLUDEDIR "${INCLUDEDIR:-include}")
destination=${DESTDIR:-}$prefix

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$root/build.rs")
real_name=libhotbackup.so.$version
remote_soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$root/remote/capi/build.rs")
remote_real_name=libhotbackup_remote.so.$version

# Cargo runs at the root, so a relative target directory is meant from there.
target=${CARGO_TARGET_DIR:-target}
case $target in
    /*) ;;
    *) target=$root/$target ;;
esac
release=${CARGO_BUILD_TARGET:+$CARGO_BUILD_TARGET/}release
built=$target/$release
# The command is built by itself and elsewhere: its library has no C functions, and Cargo would write
# it over the one that has them, whose name is the same.
command=$target/command/$release/hotbackup
# So is the library for object stores, there as well: most of what both need is the same.
remote_built=$target/command/$release/libhotbackup_remote_capi.so

# Those for object stores go with --remote alone.
headers() {
    (cd "$root/include" && find . -name '*.h' -o -name '*.hpp' | sed 's|^\./||' | LC_ALL=C sort) |
        if [ "$remote" = yes ]; then cat; else grep -v '^hotbackup_remote\.'; fi
}

# The units of systemd, which run the command; systemd looks for them below /usr and /usr/local.
units=lib/systemd/system
unit_names() {
    (cd "$root/packaging/systemd" && ls -- *.service.in *.timer | sed 's|\.in$||' | LC_ALL=C sort)
}

# Where a shell looks for completions below /usr and /usr/local.
completion_of() {
    case $1 in
        bash) echo share/bash-completion/completions/hotbackup ;;
        zsh) echo share/zsh/site-functions/_hotbackup ;;
        fish) echo share/fish/vendor_completions.d/hotbackup.fish ;;
    esac
}

# A page of the manual for the command, and one for each that it has, which is a file of its sources:
# --list and --uninstall are asked where there is no program that could tell.
pages=share/man/man1
page_names() {
    echo hotbackup.1
    # Of those of `remote` three are what its commands share.
    (cd "$root/cli/src/commands" && ls -- *.rs remote/*.rs) |
        sed -e '/^man\.rs$/d' -e '/^remote\/\(naming\|traffic\|upkeep\)\.rs$/d' \
            -e 's|/|-|' -e 's|\(.*\)\.rs$|hotbackup-\1.1|' | LC_ALL=C sort
}

list() {
    echo bin/hotbackup
    page_names | sed "s|^|$pages/|"
    for shell in bash zsh fish; do completion_of "$shell"; done
    unit_names | sed "s|^|$units/|"
    headers | sed "s|^|$includedir/|"
    for file in libhotbackup.a libhotbackup.so "$soname" "$real_name" pkgconfig/hotbackup.pc \
        cmake/hotbackup/hotbackup-config.cmake cmake/hotbackup/hotbackup-config-version.cmake; do
        echo "$libdir/$file"
    done
    [ "$remote" = yes ] || return 0
    for file in libhotbackup_remote.so "$remote_soname" "$remote_real_name" pkgconfig/hotbackup_remote.pc; do
        echo "$libdir/$file"
    done
}

uninstall() {
    list | while read -r file; do rm -f "$destination/$file"; done
    rmdir "$destination/$libdir/cmake/hotbackup" 2>/dev/null || true
    rmdir "$destination/$units" "$destination/lib/systemd" 2>/dev/null || true
}

# A template, with its @words@ filled in.
fill() {
    sed -e "s|@VERSION@|$version|g" \
        -e "s|@SONAME@|$soname|g" -e "s|@REAL_NAME@|$real_name|g" \
        -e "s|@REMOTE_SONAME@|$remote_soname|g" -e "s|@REMOTE_REAL_NAME@|$remote_real_name|g" \
        -e "s|@PC_PREFIX@|$pc_prefix|g" -e "s|@LIBDIR@|$libdir|g" -e "s|@INCLUDEDIR@|$includedir|g" \
        -e "s|@UP_FROM_CMAKE@|$(up_from "$libdir/cmake/hotbackup")|g" \
        "$root/packaging/$1.in" >"$2/$1"
    chmod 644 "$2/$1"
}

build_all() {
    (
        cd "$root"
        export CARGO_TARGET_DIR="$target"
        "${CARGO:-cargo}" build --release --locked --lib
        "${CARGO:-cargo}" build --release --locked -p hotbackup-cli --target-dir "$target/command"
        [ "$remote" = no ] ||
            "${CARGO:-cargo}" build --release --locked -p hotbackup-remote-capi --target-dir "$target/command"
    )
}

# Fails, before anything is changed, if what is there is not what is to be installed.
check_built() {
    for file in "$built/libhotbackup.so" "$built/libhotbackup.a" "$command"; do
        [ -f "$file" ] || fail "$file is not there: build first, or leave --no-build away"
    done
    # A library of another build script would get links that no program looks for.
    readelf -d "$built/libhotbackup.so" | grep -qF "[$soname]" ||
        fail "$built/libhotbackup.so is not a build of this tree with its C API: its soname is not $soname"
    if [ "$remote" = yes ]; then
        [ -f "$remote_built" ] || fail "$remote_built is not there: build first, with --remote"
        readelf -d "$remote_built" | grep -qF "[$remote_soname]" ||
            fail "$remote_built is not a build of this tree: its soname is not $remote_soname"
    fi
    # It writes its manual itself.
    said=$("$command" --version) || fail "$command does not run here"
    [ "$said" = "hotbackup $version" ] || fail "$command is not a build of this tree: it is $said"
}

# The command, and what it tells man and shells of itself.
install_command() {
    written=$(mktemp -d)
    trap 'rm -rf "$written"' EXIT
    "$command" man "$written" >/dev/null
    for shell in bash zsh fish; do
        "$command" completions "$shell" >"$written/$shell"
        install -D -m 644 "$written/$shell" "$destination/$(completion_of "$shell")"
    done
    page_names | while read -r page; do
        install -D -m 644 "$written/$page" "$destination/$pages/$page"
    done
    install -D -m 755 "$command" "$destination/bin/hotbackup"
}

install_all() {
    if [ "$build" = yes ]; then build_all; fi
    check_built

    # /usr stays itself: compilers and pkg-config leave its directories out of their lines, and
    # move it into a sysroot, only if they know it by its name. Others are found by the file's place.
    case $prefix in
        /usr) pc_prefix=$prefix ;;
        *) pc_prefix="\${pcfiledir}/$(up_from "$libdir/pkgconfig")" ;;
    esac

    libraries=$destination/$libdir
    mkdir -p "$libraries/pkgconfig" "$libraries/cmake/hotbackup"
    headers | while read -r header; do
        install -D -m 644 "$root/include/$header" "$destination/$includedir/$header"
    done
    install -m 644 "$built/libhotbackup.a" "$libraries/libhotbackup.a"
    install -m 755 "$built/libhotbackup.so" "$libraries/$real_name"
    ln -sfn "$real_name" "$libraries/$soname"
    ln -sfn "$soname" "$libraries/libhotbackup.so"
    if [ "$remote" = yes ]; then
        install -m 755 "$remote_built" "$libraries/$remote_real_name"
        ln -sfn "$remote_real_name" "$libraries/$remote_soname"
        ln -sfn "$remote_soname" "$libraries/libhotbackup_remote.so"
        fill hotbackup_remote.pc "$libraries/pkgconfig"
    fi
    fill hotbackup.pc "$libraries/pkgconfig"
    fill hotbackup-config.cmake "$libraries/cmake/hotbackup"
    fill hotbackup-config-version.cmake "$libraries/cmake/hotbackup"

    install_command
    mkdir -p "$destination/$units"
    unit_names | while read -r unit; do
        source=$root/packaging/systemd/$unit
        [ -f "$source" ] || source=$source.in
        sed "s|@BINDIR@|$prefix/bin|g" "$source" >"$destination/$units/$unit"
        chmod 644 "$destination/$units/$unit"
    done

    echo "hotbackup $version is in $destination"
    if [ -z "${DESTDIR:-}" ]; then
        echo "If $prefix/$libdir is one of the system's library directories, run ldconfig as root."
    fi
}

case $action in
    build) build_all ;;
    install) install_all ;;
    uninstall) uninstall ;;
    list) list ;;
esac
