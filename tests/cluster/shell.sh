#!/usr/bin/env bash
# A shell, or a command, in a fresh cluster of a tier: `tests/cluster/shell.sh api`,
# `tests/cluster/shell.sh node kubectl get pods -A`. It ends with the command. Variables: see setup.sh.
set -euo pipefail

caller=$PWD
cannot_code=1
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "${1:-}"
shift
prepare

[ $# -gt 0 ] || set -- "${SHELL:-/bin/bash}"
within env -C "$caller" "$@"
