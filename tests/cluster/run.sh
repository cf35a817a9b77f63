#!/usr/bin/env bash
# Boots a cluster and runs the tests of one tier in it: `tests/cluster/run.sh node -k ingress`.
# Arguments after the tier go to pytest; a path among them (as from tests/) replaces the tier's folder.
# Variables: see setup.sh.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "${1:-}"
shift
source ./peers.sh
prepare
binaries

paths=("cluster/$tier")
for argument in "$@"; do
  [ ! -e "${argument%%::*}" ] || paths=()
done
# The sandbox is looked at from outside, which a test within it cannot.
if [ "$tier" = node ] && [ -z "${WAGGLE_KUBECONFIG:-}" ] && [ $# = 0 ]; then
  "$venv/bin/python" -m pytest cluster/sandbox
fi
within "$venv/bin/python" -m pytest "${paths[@]}" "$@"
