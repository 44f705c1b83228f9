#!/usr/bin/env bash
# Runs the commands in the docs that install the library and build with it, as they stand there, in a
# home of their own. It needs pkg-config, cmake, gcc, g++, Go, and python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
GOPATH=$(go env GOPATH)
# A cache of its own: Go's keeps what pkg-config said of an installation that is gone.
export GOPATH GOCACHE=$scratch/go-cache
export HOME=$scratch/home
mkdir -p "$HOME" "$scratch/work/data"
echo data >"$scratch/work/data/file"

# Python first, while nothing tells it of an installed library.
python3 -m venv "$scratch/venv"
(
  . "$scratch/venv/bin/activate"
  pip install bindings/python
  python3 bindings/python/examples/forty.py "$scratch/work/data" "$scratch/work/from-python"
)
cmp "$scratch/work/data/file" "$scratch/work/from-python/file"

PREFIX=$HOME/.local packaging/install.sh --remote
export PKG_CONFIG_PATH=$HOME/.local/lib/pkgconfig LD_LIBRARY_PATH=$HOME/.local/lib
"$HOME/.local/bin/hotbackup" --version
cp examples-c/forty.c "$scratch/work/app.c"
cp examples-c/forty.cpp "$scratch/work/app.cpp"
cd "$scratch/work"

works() {
  rm -rf again
  ./app data again
  cmp data/file again/file
  echo "works: $1"
}

cc app.c $(pkg-config --cflags --libs hotbackup) -o app
works "shared, in C"
c++ -std=c++17 app.cpp $(pkg-config --cflags --libs hotbackup) -o app
works "shared, in C++"
cc app.c -static $(pkg-config --cflags --libs --static hotbackup) -o app
works "all of it static"
cc app.c $(pkg-config --cflags hotbackup) -Wl,-Bstatic $(pkg-config --libs hotbackup) -Wl,-Bdynamic -o app
works "only hotbackup static"

# The library for object stores, which is to come back with the same file.
cat >remote.c <<'END'
#include <hotbackup_remote.h>
#include <stdio.h>

int main(int argc, char **argv) {
    backup_remote_options *options = backup_remote_options_new();
    backup_remote *remote = NULL;
    backup_job *job = NULL;
    backup_snapshot *latest = NULL;
    backup_error *error = NULL;
    if (argc == 4 && backup_remote_open(argv[2], options, &remote, &error) == BACKUP_OK
        && backup_remote_init(remote, &error) == BACKUP_OK
        && backup_latest(argv[1], &latest, &error) == BACKUP_OK
        && backup_remote_push_start(remote, backup_snapshot_location(latest), NULL, &job, &error) == BACKUP_OK
        && backup_wait(job, -1, &error) == BACKUP_OK) {
        backup_free(job);
        job = NULL;
        if (backup_remote_restore_start(remote, "latest", argv[3], NULL, &job, &error) == BACKUP_OK)
            backup_wait(job, -1, &error);
    }
    backup_code code = backup_error_code(error);
    if (error) fprintf(stderr, "%s\n", backup_error_message(error));
    backup_free(job);
    backup_snapshot_free(latest);
    backup_remote_close(remote);
    backup_remote_options_free(options);
    return code;
}
END
cc app.c $(pkg-config --cflags --libs hotbackup_remote) -o app
works "beside the library for object stores"
cc remote.c $(pkg-config --cflags --libs hotbackup_remote) -o remote
RESTIC_PASSWORD=secret ./remote data/.lifecycle/backup "file://$PWD/repository" "$PWD/from-store"
cmp data/file from-store/file
echo "works: the library for object stores"

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(app C)
find_package(hotbackup 0.1 REQUIRED)
add_executable(app app.c)
target_link_libraries(app PRIVATE hotbackup::hotbackup)
add_executable(app_static app.c)
target_link_libraries(app_static PRIVATE hotbackup::hotbackup_static)
END
cmake -S . -B build -DCMAKE_PREFIX_PATH="$HOME/.local" >/dev/null
cmake --build build >/dev/null
cp build/app app
works "shared, by CMake"
cp build/app_static app
works "static, by CMake"

cd "$OLDPWD/bindings/go"
go build -tags hotbackup_pkgconfig ./...
(cd remote && go build -tags hotbackup_pkgconfig ./...)
echo "works: Go, by pkg-config"
