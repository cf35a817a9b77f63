#!/usr/bin/env bash
# Installs the pinned peers into a cache outside the checkout, then runs the end-to-end tests.
# Arguments go to pytest: `tests/run.sh conformance -x`. Needs Python >= 3.11, Node >= 20.16,
# npm, git, cargo.
#   WAGGLE_PROXY  the binary under test (default: built here, see binaries.sh)
#   WAGGLE_CACHE  where the peers are installed (default: ~/.cache/waggle)
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/cache.sh"
absolute WAGGLE_PROXY
cd "$(dirname "${BASH_SOURCE[0]}")"
source ./peers.sh
source ./binaries.sh
if [ -z "${WAGGLE_PROXY:-}" ]; then
  binaries
  export WAGGLE_PROXY=$CLUSTER_BINARIES/waggle-proxy
fi

exec "$venv/bin/python" -m pytest "$@"
