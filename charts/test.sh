#!/usr/bin/env bash
# Tests of the charts that need no cluster: lint, schema, templates, the README's drift, the images. Arguments go to pytest.
# Installs Helm and what pytest needs, pinned, into the cache outside the checkout (WAGGLE_CACHE). Needs Go and Python.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../tests"
source ./cache.sh
source cluster/tools.sh

install_venv() {
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet --disable-pip-version-check --requirement "$1"
}

helm=$(key helm "$(go_version) $HELM")
venv=$(key charts "$(python3 --version)" ../charts/tests/requirements.txt)
once "$helm" install_go "$HELM"
once "$venv" install_venv ../charts/tests/requirements.txt
# Images are built without a daemon.
DEBIAN=buildah:buildah install_debian
export PATH=$helm:$PATH PYTHONDONTWRITEBYTECODE=1

cd ../charts
if [ "${1:-}" = --write-readme ]; then
  exec "$venv/bin/python" readme.py
fi
"$venv/bin/python" readme.py --check
exec "$venv/bin/python" -m pytest --rootdir tests tests "$@"
