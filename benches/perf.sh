#!/usr/bin/env bash
# Measures and publishes: tables into docs/performance.md, plots beside it, headlines into README.md.
#   benches/perf.sh waggle [OPTIONS]    the proxy beside the bare server: what it must reach
#   benches/perf.sh bridges [OPTIONS]   the proxy beside other bridges, as far as they are installed (see the file)
#   benches/perf.sh profile             instructions of a call, by the feature of the proxy that they are for
# Options go to `loadtest compare`, such as --rounds 1. Times are worth something on a quiet machine only; instructions
# are counted by callgrind on any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

what=${1:?waggle, bridges or profile}
shift
[ "$what" != profile ] || benches/valgrind.sh
# One after the other: built together, the proxy would get what only the load tester needs of their common crates.
cargo build --release --locked -p waggle-proxy
cargo build --release --locked -p loadtest
out=target/perf
mkdir -p "$out"
if [ "$what" = profile ]; then
  python3 benches/profile.py target/release/waggle-proxy target/release/loadtest "$out"
else
  plots=()
  [ "$what" != waggle ] || plots=(--svg docs/performance)
  status=0
  PATH="$PWD/target/release:$PATH" target/release/loadtest compare "loadtest/examples/$what.toml" \
    --html "$out/$what.html" --markdown "$out/$what.md" --json "${plots[@]}" "$@" > "$out/$what.json" || status=$?
  # What other bridges lose (2) or refuse (1) is what their table is to show.
  case "$what $status" in *" 0" | "bridges 1" | "bridges 2") ;; *) exit "$status" ;; esac
fi
python3 benches/perf.py "$what" "$out"
