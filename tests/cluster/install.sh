#!/usr/bin/env bash
# Installs and builds all that the tiers of the test clusters need, which their scripts else do when they start:
# `tests/cluster/install.sh api`, `tests/cluster/install.sh node`.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "${1:-}"
prepare
if [ "$tier" = node ] && [ -z "${WAGGLE_KUBECONFIG:-}" ]; then
  WAGGLE_CONTAINERD=2 tools_node
fi
