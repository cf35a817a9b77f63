#!/usr/bin/env bash
# Counts the instructions of the hot paths and compares them with those in instructions.json.
#   benches/instructions.sh                   fails where one has grown by more than 3 %
#   benches/instructions.sh --accept REASON   writes the file anew
# Installs what it needs: valgrind, and the runner that fits the gungraun of Cargo.lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

benches/valgrind.sh
version=$(sed -n 's/^gungraun = "=\(.*\)"$/\1/p' Cargo.toml)
if [ "$(gungraun-runner --version 2> /dev/null)" != "gungraun-runner $version" ]; then
  cargo install gungraun-runner --version "$version" --locked
fi

cargo bench --locked -p waggle-benches --features instructions --bench instructions -- --output-format=json |
  python3 benches/instructions.py "$@"
