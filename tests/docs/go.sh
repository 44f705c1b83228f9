#!/usr/bin/env bash
# Runs the commands in the docs that build and run Go from the source tree, as they stand there.
set -euo pipefail
cd "$(dirname "$0")/../.."
unset CARGO_TARGET_DIR # the package looks for the library in target/

cargo build --release
(
  cd bindings/go && go test ./...
  go build -ldflags '-linkmode external -extldflags -static' ./...
)
(
  cd bindings/go/hosts
  go run ./bbolt
  go run ./pebble
)
