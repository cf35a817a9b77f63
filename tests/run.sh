#!/usr/bin/env bash
# Installs the pinned peers into a cache outside the checkout, then runs the end-to-end tests.
# Arguments go to pytest: `tests/run.sh conformance -x`. Needs Python >= 3.11, Node >= 20.16,
# npm, git, cargo.
#   WAGGLE_PROXY  the binary under test (default: target/release/waggle-proxy)
#   WAGGLE_CACHE  where the peers are installed (default: ~/.cache/waggle)
set -euo pipefail

# A relative path is the caller's, who may stand anywhere.
[ -z "${WAGGLE_PROXY:-}" ] || export WAGGLE_PROXY=$(realpath -m "$WAGGLE_PROXY")
[ -z "${WAGGLE_CACHE:-}" ] || WAGGLE_CACHE=$(realpath -m "$WAGGLE_CACHE")
cd "$(dirname "${BASH_SOURCE[0]}")"
tests=$PWD
cache=${WAGGLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/waggle}

die() {
  echo "tests/run.sh: $*" >&2
  exit 1
}

for tool in python3 node npm git cargo; do
  command -v "$tool" >/dev/null || die "$tool is needed and was not found"
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"
node -e 'process.exit(typeof process.getBuiltinModule === "function" ? 0 : 1)' || die "Node 20.16 or later is needed"

# once DIR COMMAND…: runs COMMAND unless it has already succeeded for DIR; one run at a time.
once() {
  local dir=$1
  shift
  mkdir -p "$cache"
  (
    exec 9>"$dir.lock"
    flock 9
    if [ ! -e "$dir/.complete" ]; then
      rm -rf "$dir"
      mkdir "$dir"
      echo "tests/run.sh: installing into $dir" >&2
      "$@" "$dir" >&2
      touch "$dir/.complete"
    fi
  )
}

install_npm() {
  cp package.json package-lock.json "$1/"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
}

install_venv() {
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet --disable-pip-version-check --requirement "$1"
}

# A debug build: it serves a handful of requests, and builds in half the time.
install_rmcp() {
  cargo build --quiet --locked --manifest-path clients/rmcp/Cargo.toml --target-dir "$1/target"
  cp "$1/target/debug/rmcp-client" "$1/"
  rm -r "$1/target"
}

# key NAME VERSION FILE…: a directory for what the files pin, installed by that version of the tool.
key() {
  local name=$1 version=$2
  shift 2
  echo "$cache/$name-$({ cat "$@"; echo "$version"; } | sha256sum | cut -c1-16)"
}

python_version=$(python3 --version)
npm_dir=$(key npm "$(node --version)" package-lock.json)
venv=$(key venv "$python_version" requirements.txt)
servers=$(key servers "$python_version" requirements-servers.txt)
clients=$(key clients "$python_version" requirements-clients.txt)
rmcp=$(key rmcp "$(cargo --version)" clients/rmcp/Cargo.toml clients/rmcp/Cargo.lock clients/rmcp/src/main.rs)

once "$npm_dir" install_npm
once "$venv" install_venv requirements.txt
once "$servers" install_venv requirements-servers.txt
once "$clients" install_venv requirements-clients.txt
once "$rmcp" install_rmcp

# Node resolves a package from the importing file upwards, so the cache is linked here (and ignored).
[ -L node_modules ] || [ ! -e node_modules ] || die "$tests/node_modules exists and is not a link; remove it"
ln -sfn "$npm_dir/node_modules" node_modules

export PYTHONDONTWRITEBYTECODE=1
export E2E_SERVERS_BIN=$servers/bin
export E2E_CLIENTS_PYTHON=$clients/bin/python
export E2E_RMCP_CLIENT=$rmcp/rmcp-client
exec "$venv/bin/python" -m pytest "$@"
