#!/usr/bin/env bash
# Installs the pinned peers into a cache outside the checkout, then runs the end-to-end tests.
# Arguments go to pytest: `tests/run.sh conformance -x`. Needs Python >= 3.11, Node >= 20.16, npm, git.
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

for tool in python3 node npm git; do
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

# key NAME FILE VERSION: a directory for what FILE pins, installed by that version of the tool.
key() {
  echo "$cache/$1-$({ cat "$2"; echo "$3"; } | sha256sum | cut -c1-16)"
}

python_version=$(python3 --version)
npm_dir=$(key npm package-lock.json "$(node --version)")
venv=$(key venv requirements.txt "$python_version")
servers=$(key servers requirements-servers.txt "$python_version")

once "$npm_dir" install_npm
once "$venv" install_venv requirements.txt
once "$servers" install_venv requirements-servers.txt

# Node resolves a package from the importing file upwards, so the cache is linked here (and ignored).
[ -L node_modules ] || [ ! -e node_modules ] || die "$tests/node_modules exists and is not a link; remove it"
ln -sfn "$npm_dir/node_modules" node_modules

export PYTHONDONTWRITEBYTECODE=1
export E2E_SERVERS_BIN=$servers/bin
exec "$venv/bin/python" -m pytest "$@"
