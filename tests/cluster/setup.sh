# Sourced by run.sh, shell.sh and enter.sh with the tier as first argument: says whether it can run here, and
# defines `within`, which runs a command in a cluster. Stands in tests/ afterwards.
#   WAGGLE_CACHE       where things are installed once (default: ~/.cache/waggle)
#   WAGGLE_KUBECONFIG  a ready cluster (kind, k3s) to be used as the node tier
#   WAGGLE_LOAD_IMAGE  with it, the command that loads an OCI archive there: "kind load image-archive"
#   WAGGLE_CONTAINERD  1 (default) or 2: the container runtime's major version

source "$(dirname "${BASH_SOURCE[0]}")/../cache.sh"
absolute WAGGLE_PROXY WAGGLE_KUBECONFIG
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(cd .. && pwd)
source cluster/tools.sh
source cluster/images.sh
source cluster/userland.sh
source ./binaries.sh

case ${tier:=${1:-}} in
  api | node) ;;
  *) die "say which tier: api (an API server, no pods; any user) or node (pods run; root)" ;;
esac

# cannot SENTENCE: the tier cannot run on this machine, which is for people to know and a failure in CI.
cannot() {
  echo >&2
  echo "${0##*/}: THE $tier TIER OF THE CLUSTER TESTS DOES NOT RUN HERE: $*" >&2
  echo >&2
  [ "${CI:-}" != true ] || exit 1
  exit "${cannot_code:-0}"
}

check() {
  [ "$(uname -s)" = Linux ] || cannot "it needs Linux."
  command -v go >/dev/null || cannot "it needs Go 1.26 or later, to build Kubernetes with."
  [ "$tier" = node ] || return 0
  if [ -n "${WAGGLE_KUBECONFIG:-}" ]; then
    [ -n "${WAGGLE_LOAD_IMAGE:-}" ] || die "set WAGGLE_LOAD_IMAGE to the command that gives the cluster an OCI archive," \
      "such as 'kind load image-archive'"
    return 0
  fi
  [ "$(id -u)" = 0 ] || cannot "it needs root; or set WAGGLE_KUBECONFIG to a ready cluster (kind, k3s)."
  grep -qv '^0::' /proc/self/cgroup ||
    cannot "it needs cgroup v1 controllers, and this machine has cgroup v2 alone; set WAGGLE_KUBECONFIG to a ready" \
      "cluster (kind, k3s)."
}

# The programs and images that the tier takes.
prepare() {
  tools_api
  [ "$tier" = node ] || return 0
  if [ -z "${WAGGLE_KUBECONFIG:-}" ]; then
    tools_node
  else
    command -v buildah >/dev/null || die "buildah is needed, to make images for the cluster"
  fi
  images
  userland
}

# The state of a run: sockets, keys, logs, the containers' files. Short, as the paths of sockets are limited.
new_state() {
  CLUSTER_STATE=$(mktemp -d "${TMPDIR:-/tmp}/waggle-cluster-XXXXXX")
  export CLUSTER_STATE
  mkdir -p "$root/target/cluster"
  ln -sfn "$CLUSTER_STATE" "$root/target/cluster/$tier"
  trap end_state EXIT
}

# The logs stay until the next run.
end_state() {
  local logs=$root/target/cluster/$tier-logs
  rm -rf "$logs"
  [ ! -d "$CLUSTER_STATE/log" ] || cp -r "$CLUSTER_STATE/log" "$logs"
  [ "$(readlink "$root/target/cluster/$tier")" != "$CLUSTER_STATE" ] || rm -f "$root/target/cluster/$tier"
  rm -rf "$CLUSTER_STATE"
}

# within COMMAND…: runs it in a cluster of the tier.
within() {
  if [ "$tier" = node ] && [ -n "${WAGGLE_KUBECONFIG:-}" ]; then
    env -u CLUSTER_STATE KUBECONFIG="$WAGGLE_KUBECONFIG" "$@"
    return
  fi
  new_state
  # The cluster ends, well, also when this shell is killed.
  local ending_with_us=(setpriv --pdeathsig TERM)
  case $tier in
    api) "${ending_with_us[@]}" python3 -m testbed api "$@" ;;
    node) "${ending_with_us[@]}" python3 -m testbed.sandbox "$CLUSTER_STATE" python3 -m testbed node "$@" ;;
  esac
}

export CLUSTER_TIER=$tier PYTHONDONTWRITEBYTECODE=1 CLUSTER_CACHE=$cache
export PYTHONPATH=$PWD:$PWD/cluster${PYTHONPATH:+:$PYTHONPATH}
check
