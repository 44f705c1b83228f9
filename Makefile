# The common commands; `make` lists them. .ci/run is all that a change must pass.

CARGO  ?= cargo
# What is only checked needs no fast code in C.
UNOPTIMISED := --config profile.dev.package.aws-lc-sys.opt-level=0 --config profile.dev.package.zstd-sys.opt-level=0
OLDEST := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

test: ## all tests but those that take minutes; what is missing here is skipped, with a line that says so
	$(CARGO) test --lib --test house --test abi --test capture --test jobs --test process --test restore --test roots

test-all: ## all tests
	$(CARGO) test --workspace

lint: ## format and lints, as CI wants them
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

format: ## brings the code into its format
	$(CARGO) fmt --all

header: ## writes include/hotbackup.h, .symbols and .layout anew
	HOTBACKUP_UPDATE=1 $(CARGO) test --test abi

docs: ## the pages of the Rust API, and the tests of what the documents say
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked --all-features --document-private-items
	$(CARGO) test --test docs

examples: ## builds and runs the examples in C and C++
	$(MAKE) -C examples-c run check

hosts: ## the real engines in C and C++, whose packages must be installed
	$(MAKE) -C examples-c rocksdb leveldb sqlite lmdb

bench: ## the benchmarks; how to read them is in CONTRIBUTING.md
	$(CARGO) bench

fuzz: ## ten minutes of the manifest's fuzzer, which needs cargo-fuzz and a nightly toolchain
	mkdir -p fuzz/corpus/manifest
	$(CARGO) +nightly fuzz run manifest fuzz/corpus/manifest fuzz/seeds/manifest -- -max_total_time=600

deny: ## licences and sources of what is built upon (deny.toml), which needs cargo-deny
	$(CARGO) deny --locked check licenses bans sources

oldest: ## checks with the oldest Rust that Cargo.toml names (but for the feature alopex: its engine needs 1.89)
	rustup toolchain install $(OLDEST) --profile minimal
	$(CARGO) +$(OLDEST) check --workspace --locked --target-dir target/oldest $(UNOPTIMISED)

ci: ## what a change must pass
	.ci/run

.PHONY: help test test-all lint format header docs examples hosts bench fuzz deny oldest ci
