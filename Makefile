# The two commands are `make run` and `make test`; both do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := check

FUZZ_TARGETS := line scan sse mux modern_mux headers state
# For each target: together about four minutes, apart from the build.
FUZZ_SECONDS ?= 35
# A fixed start makes the smoke run repeatable; 0 explores from a new one each time.
FUZZ_SEED ?= 1
CARGO_FUZZ_VERSION := 0.13.2

.PHONY: run check unit e2e fuzz bench test

## Build the proxy and serve the built-in demo server. ARGS go to the proxy: make run ARGS="--listen 127.0.0.1:0"
run:
	cargo run --release --locked -p waggle-proxy -- $(ARGS)

## The quick loop: format, lints, unit tests, docs.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --lib --bins --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

## Unit, property, transcript and fault tests.
unit:
	cargo test --workspace --locked

## The real binary with official clients, official servers and the official conformance suite.
e2e:
	cargo build --release --locked -p waggle-proxy
	tests/run.sh

## Each fuzz target for a while, from its committed seeds. Needs a nightly compiler.
fuzz: fuzz-tool
	for target in $(FUZZ_TARGETS); do \
	  mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target; \
	  cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) -print_final_stats=1 -verbosity=0; \
	done

.PHONY: fuzz-tool
fuzz-tool:
	cargo fuzz --version 2>/dev/null | grep -qF "$(CARGO_FUZZ_VERSION)" || \
	  cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked

## Criterion benches of the core, and of calls through a real proxy. ARGS go to criterion: make bench ARGS=--quick
bench:
	cargo bench --locked -p waggle-benches -- $(ARGS)

## Every tier.
test: check unit e2e fuzz
