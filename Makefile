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

.PHONY: run check unit e2e charts charts-readme cluster-tools apiserver cluster fuzz bench test

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
unit: registry-tools
	cargo test --workspace --locked

## The registry that the controller's tests read images from.
.PHONY: registry-tools
registry-tools:
	controller/tests/registry/install.sh

## The real binary with official clients, official servers and the official conformance suite.
e2e:
	tests/run.sh

## All that the two tiers below need, into the cache: with Go's own cache empty that takes a quarter of an hour.
cluster-tools:
	tests/cluster/install.sh api
	tests/cluster/install.sh node

## A real API server: what is refused, applied, fought over, granted. Any user.
apiserver:
	tests/cluster/run.sh api

## A real cluster of one node in a sandbox, where pods run. Root, or a ready cluster in WAGGLE_KUBECONFIG.
cluster:
	tests/cluster/run.sh node
	WAGGLE_CONTAINERD=2 tests/cluster/run.sh node cluster/image_volumes

## The Helm charts: lint, schema, templates, README. Needs Go, no cluster.
charts:
	charts/test.sh

## Write the charts' README.md from their values.yaml.
charts-readme:
	charts/test.sh --write-readme

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

## Instructions of the hot paths, against the committed counts. ARGS: --accept "why they are others"
.PHONY: instructions
instructions:
	benches/instructions.sh $(ARGS)

## Measure on this machine, which must be quiet, and publish in docs/performance.md and README.md: half an hour.
.PHONY: perf perf-bridges
perf:
	benches/perf.sh waggle $(ARGS)

## The same beside other bridges, as far as they are installed: see loadtest/examples/bridges.toml.
perf-bridges:
	benches/perf.sh bridges $(ARGS)

## What each feature costs a call, in instructions of the real proxy, into docs/performance.md. Any machine will do.
.PHONY: profile
profile:
	benches/perf.sh profile

## Every tier.
test: check unit e2e instructions charts apiserver cluster fuzz

## The data path in a real cluster beside the floor, into docs/performance.md: not a test, and on a quiet machine only.
## The programs are those that users run; WAGGLE_PROFILE=quick takes the ones of the tests.
.PHONY: measure
measure: export WAGGLE_PROFILE ?= release
measure:
	tests/cluster/run.sh node cluster/measure
	python3 benches/perf.py cluster target/cluster
