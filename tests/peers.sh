# Sourced by the scripts that run pytest, standing in this folder: installs the pinned peers, and says where they are.

for tool in python3 node npm git cargo; do
  command -v "$tool" >/dev/null || die "$tool is needed and was not found"
done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"
node -e 'process.exit(typeof process.getBuiltinModule === "function" ? 0 : 1)' || die "Node 20.16 or later is needed"

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
[ -L node_modules ] || [ ! -e node_modules ] || die "$PWD/node_modules exists and is not a link; remove it"
ln -sfn "$npm_dir/node_modules" node_modules

export PYTHONDONTWRITEBYTECODE=1
export E2E_SERVERS_BIN=$servers/bin
export E2E_CLIENTS_PYTHON=$clients/bin/python
export E2E_RMCP_CLIENT=$rmcp/rmcp-client
