#!/bin/sh
# Makes the Debian packages hotbackup, libhotbackup0 and libhotbackup-dev of what install.sh installs,
# and with --remote libhotbackup-remote0 and libhotbackup-remote-dev:
#
#   packaging/deb.sh [--no-build] [--remote] [DIRECTORY]    default: debian/ in Cargo's target directory
#
# dpkg-deb on the tree of install.sh, and not cargo-deb: that has some 70 crates to be built first,
# and its metadata would be a second list of the same files, with the version in the names of
# libraries and links kept by hand. DEBFULLNAME and DEBEMAIL name the maintainer,
# SOURCE_DATE_EPOCH the time of all files (default: that of the last commit).
set -eu

fail() {
    echo "deb.sh: $*" >&2
    exit 1
}

no_build='' remote=''
while :; do
    case ${1:-} in
        --no-build) no_build=$1 ;;
        --remote) remote=$1 ;;
        -*) fail "usage: packaging/deb.sh [--no-build] [--remote] [DIRECTORY]" ;;
        *) break ;;
    esac
    shift
done
for tool in dpkg-deb dpkg-shlibdeps strip; do
    command -v "$tool" >/dev/null || fail "$tool is not there: apt-get install dpkg-dev binutils"
done

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
case $target in
    /*) ;;
    *) target=$root/$target ;;
esac
output=${1:-$target/debian}
mkdir -p "$output"
output=$(cd "$output" && pwd)

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$root/build.rs")
runtime=libhotbackup${soname##*.}
remote_soname=$(sed -n 's/^const SONAME: &str = "\(.*\)";$/\1/p' "$root/remote/capi/build.rs")
remote_runtime=libhotbackup-remote${remote_soname##*.}
architecture=$(dpkg-architecture -qDEB_HOST_ARCH)
libdir=lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
maintainer="${DEBFULLNAME:-The hotbackup authors} <${DEBEMAIL:-noreply@hotbackup.invalid}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
umask 022

# Everything into the development package, then the run time part and the command out of it.
development=$work/libhotbackup-dev
DESTDIR=$development PREFIX=/usr LIBDIR=$libdir INCLUDEDIR=include \
    "$root/packaging/install.sh" ${no_build:+"$no_build"} ${remote:+"$remote"} >/dev/null
strip --strip-unneeded --remove-section=.comment "$development/usr/$libdir/libhotbackup.so.$version"
strip --strip-debug --remove-section=.comment --enable-deterministic-archives \
    "$development/usr/$libdir/libhotbackup.a"
mkdir -p "$work/$runtime/usr/$libdir" "$work/$runtime/DEBIAN" "$development/DEBIAN"
mv "$development/usr/$libdir/$soname" "$development/usr/$libdir/libhotbackup.so.$version" \
    "$work/$runtime/usr/$libdir/"
command=$work/hotbackup
mkdir -p "$command/usr/lib" "$command/DEBIAN"
mv "$development/usr/bin" "$development/usr/share" "$command/usr/"
# The units run the command, and go where it is.
mv "$development/usr/lib/systemd" "$command/usr/lib/"
# Debian's zsh looks here for those of packages.
mv "$command/usr/share/zsh/site-functions" "$command/usr/share/zsh/vendor-completions"
gzip -9n "$command"/usr/share/man/man1/*.1
strip --strip-all --remove-section=.comment "$command/usr/bin/hotbackup"
# A library is no program.
chmod 644 "$work/$runtime/usr/$libdir/libhotbackup.so.$version"

# Of what is for object stores the same two packages.
if [ -n "$remote" ]; then
    remote_libraries=$work/$remote_runtime/usr/$libdir
    remote_development=$work/libhotbackup-remote-dev/usr
    mkdir -p "$remote_libraries" "$work/$remote_runtime/DEBIAN" "$work/libhotbackup-remote-dev/DEBIAN" \
        "$remote_development/include" "$remote_development/$libdir/pkgconfig"
    mv "$development/usr/include"/hotbackup_remote.* "$remote_development/include/"
    mv "$development/usr/$libdir/pkgconfig/hotbackup_remote.pc" "$remote_development/$libdir/pkgconfig/"
    mv "$development/usr/$libdir/libhotbackup_remote.so" "$remote_development/$libdir/"
    mv "$development/usr/$libdir/$remote_soname" "$development/usr/$libdir/libhotbackup_remote.so.$version" \
        "$remote_libraries/"
    strip --strip-unneeded --remove-section=.comment "$remote_libraries/libhotbackup_remote.so.$version"
    chmod 644 "$remote_libraries/libhotbackup_remote.so.$version"
fi

# The system's libraries that it needs, and since which version: dpkg-shlibdeps knows the symbols.
mkdir "$work/debian"
printf 'Source: hotbackup\n\nPackage: %s\nArchitecture: any\n' "$runtime" >"$work/debian/control"
depends_of() {
    needed=$(cd "$work" && dpkg-shlibdeps -O "$1")
    echo "${needed#shlibs:Depends=}"
}

documents() {
    doc=$work/$1/usr/share/doc/$1
    mkdir -p "$doc"
    {
        echo "hotbackup ($version) unstable; urgency=medium"
        printf '\n  * The changes are in CHANGELOG.md.\n\n'
        echo " -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
    } | gzip -9n >"$doc/changelog.gz"
    {
        echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
        echo "Upstream-Name: hotbackup"
        printf '\nFiles: *\n'
        sed -n 's/^Copyright (c)/Copyright:/p' "$root/LICENSE-MIT"
        echo "License: Apache-2.0 or Expat"
        echo "Comment: The binaries contain parts of Rust's standard library and of the crates in"
        echo " Cargo.lock, which all may be used under the Expat license, too."
        printf '\nLicense: Apache-2.0\n On Debian systems it is /usr/share/common-licenses/Apache-2.0.\n'
        printf '\nLicense: Expat\n'
        sed -e '/^Copyright/d' -e 's/^$/./' -e 's/^/ /' "$root/LICENSE-MIT" | sed '1{/^ \.$/d}'
    } >"$doc/copyright"
}

# The control file of package $1 in section $2, with the dependencies $3, the word $4 for Multi-Arch
# and the lines of standard input as the description.
control() {
    {
        printf 'Package: %s\nSource: hotbackup\nVersion: %s\n' "$1" "$version"
        printf 'Architecture: %s\nMulti-Arch: %s\nSection: %s\n' "$architecture" "$4" "$2"
        printf 'Priority: optional\nMaintainer: %s\n' "$maintainer"
        printf 'Installed-Size: %s\n' "$(du -sk --exclude=DEBIAN "$work/$1" | cut -f1)"
        printf 'Depends: %s\n' "$3"
        cat
    } >"$work/$1/DEBIAN/control"
}

package() {
    (cd "$work/$1" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --root-owner-group --build "$work/$1" "$output/${1}_${version}_$architecture.deb"
}

documents "$runtime"
depends=$(depends_of "$work/$runtime/usr/$libdir/$soname")
control "$runtime" libs "$depends" same <<'END'
Description: backups of live databases from inside their process (library)
 hotbackup backs up the directory of a live database from inside the process
 that owns it: it captures the directory in one short freeze, copies and
 checksums it on its own threads, verifies the copy and publishes it as a
 snapshot, and restores it.
END
echo "libhotbackup ${soname##*.} $runtime (>= $version)" >"$work/$runtime/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$work/$runtime/DEBIAN/triggers"
package "$runtime"

documents libhotbackup-dev
control libhotbackup-dev libdevel "$runtime (= $version)" same <<'END'
Description: backups of live databases from inside their process (development)
 hotbackup backs up the directory of a live database from inside the process
 that owns it, and restores it. These are the headers for C and C++, the
 static library, and what pkg-config and CMake need to find them.
END
package libhotbackup-dev

documents hotbackup
depends=$(depends_of "$command/usr/bin/hotbackup")
control hotbackup utils "$depends" foreign <<'END'
Description: backups of live databases (command for operators)
 hotbackup lists, shows, compares, verifies, restores and prunes snapshots of
 databases without the database's process, takes restores back, finds what is
 wrong, and backs up a database that is stopped or can be stopped by commands.
 It comes with services and timers for systemd, none of which is enabled.
END
package hotbackup

[ -n "$remote" ] || exit 0

# It calls libhotbackup by a table that its user hands on, so that dpkg-shlibdeps does not see it.
documents "$remote_runtime"
depends=$(depends_of "$remote_libraries/$remote_soname")
control "$remote_runtime" libs "$depends, $runtime (= $version)" same <<'END'
Description: snapshots of live databases in object stores (library)
 hotbackup backs up the directory of a live database from inside the process
 that owns it. This library sends its snapshots to S3, GCS, Azure or a
 directory, encrypted and compressed, as a repository of restic's format, and
 brings them back.
END
echo "libhotbackup_remote ${remote_soname##*.} $remote_runtime (>= $version)" >"$work/$remote_runtime/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$work/$remote_runtime/DEBIAN/triggers"
package "$remote_runtime"

documents libhotbackup-remote-dev
depends="$remote_runtime (= $version), libhotbackup-dev (= $version)"
control libhotbackup-remote-dev libdevel "$depends" same <<'END'
Description: snapshots of live databases in object stores (development)
 hotbackup backs up the directory of a live database from inside the process
 that owns it, and sends its snapshots to object stores. These are the headers
 for C and C++ of the library that does so, and what pkg-config needs.
END
package libhotbackup-remote-dev
