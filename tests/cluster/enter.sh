#!/usr/bin/env bash
# A shell, or a command, in the cluster that this checkout runs already (by shell.sh or run.sh), and which goes on
# afterwards: `tests/cluster/enter.sh node kubectl get pods -A`, or `enter.sh node pytest cluster/node -k ingress`.
set -euo pipefail

caller=$PWD
cannot_code=1
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "${1:-}"
shift
prepare

CLUSTER_STATE=$(readlink -e "$root/target/cluster/$tier") || die "no cluster of the tier runs; start one: cluster/shell.sh $tier"
export CLUSTER_STATE KUBECONFIG=$CLUSTER_STATE/pki/admin.kubeconfig KUBECACHEDIR=$CLUSTER_STATE/kubecache
if [ "${1:-}" = pytest ]; then
  source ./peers.sh
  binaries
  caller=$PWD
  set -- "$venv/bin/python" -m "$@"
fi
[ $# -gt 0 ] || set -- "${SHELL:-/bin/bash}"
[ "$tier" = api ] || set -- nsenter --target "$(cat "$CLUSTER_STATE/sandbox.pid")" --all env -C "$caller" "$@"
cd "$caller"
exec "$@"
