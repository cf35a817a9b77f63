"""A node: containerd, kubelet, kube-proxy, scheduler and DNS beside the control plane, in a network of their own."""

import json
import os
import resource
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from testbed import container_runtime, ingress
from testbed.control_plane import Address, ControlPlane
from testbed.services import Service

NAME, IP = "testnode", "10.200.0.1"
PODS = "10.244.0.0/24"
# Nobody answers there.
NOWHERE = "192.0.2.53"
TASK_SECONDS = 120


def boot(state: Path, step: Callable[[str], None]) -> Path:
    """All of it, as parallel as the order of things allows; returns the administrator's kubeconfig."""
    _network()
    plane = ControlPlane(state, Address(IP, 6443, 2379, 2380))
    node, proxy, scheduler = f"system:node:{NAME}", "system:kube-proxy", "system:kube-scheduler"
    plane.authority.user(node, "system:nodes")
    plane.authority.user(proxy)
    plane.authority.user(scheduler)
    kubeconfigs = {
        user: plane.authority.kubeconfig(name, plane.address.url, user)
        for name, user in (("node", node), ("proxy", proxy), ("scheduler", scheduler))
    }
    kubelet_certificate, kubelet_key = plane.authority.issue("kubelet-client", "/O=kubelet-clients/CN=kubelet-client")
    container_runtime.start(state, PODS)
    # Services are booted by this thread alone: they end with the thread that started them.
    with ThreadPoolExecutor() as pool:
        images = pool.submit(_load_images)
        plane.start_api(
            "--bind-address=0.0.0.0",
            "--authorization-mode=Node,RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={plane.authority.certificate}",
            f"--kubelet-client-certificate={kubelet_certificate}",
            f"--kubelet-client-key={kubelet_key}",
        )
        serving = plane.authority.issue("kubelet", f"/O=system:nodes/CN={node}", [f"DNS:{NAME}", f"IP:{IP}"])
        plane.wait_ready()
        step("API server ready")
        definitions = pool.submit(ingress.define, plane)
        plane.start_controllers()
        Service(state, "scheduler").boot(
            "kube-scheduler", f"--kubeconfig={kubeconfigs[scheduler]}", "--leader-elect=false", "--secure-port=0"
        )
        _kubelet(plane, kubeconfigs[node], *serving)
        _kube_proxy(state, kubeconfigs[proxy])
        _dns(plane)
        _allow_kubelet_calls(plane)
        definitions.result(TASK_SECONDS)
        ingress.start(plane)
        plane.wait(lambda: _node_is_ready(plane), "the node is ready", "kubelet", "containerd")
        step("node ready")
        plane.wait_controllers()
        ingress.wait_ready(plane)
        step("Ingress and Gateway ready")
        step(f"images: {images.result(TASK_SECONDS)}")
    return plane.kubeconfig


def _network() -> None:
    """One bridge with the node's address, and a default route into it, behind which nothing is."""
    for words in (
        "ip link add node0 type bridge",
        f"ip addr add {IP}/24 dev node0",
        "ip link set node0 up",
        "ip route add default via 10.200.0.254 dev node0",
        "sysctl -qw net.bridge.bridge-nf-call-iptables=1",
    ):
        subprocess.run(words.split(), check=True)


def _load_images() -> str:
    """Every OCI archive in the folders that $CLUSTER_IMAGES lists."""
    archives = [
        archive
        for directory in os.environ.get("CLUSTER_IMAGES", "").split(":")
        if directory
        for archive in sorted(Path(directory).glob("*.tar"))
    ]
    for archive in archives:
        container_runtime.load(archive)
    return " ".join(container_runtime.images())


def _allow_kubelet_calls(plane: ControlPlane) -> None:
    """For `kubectl logs`, `exec` and `port-forward`."""
    subprocess.run(
        [
            "kubectl",
            f"--kubeconfig={plane.kubeconfig}",
            "create",
            "clusterrolebinding",
            "kubelet-client",
            "--clusterrole=system:kubelet-api-admin",
            "--user=kubelet-client",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _kubelet(plane: ControlPlane, kubeconfig: Path, certificate: Path, key: Path) -> None:
    state = plane.state
    resolver = state / "pod-resolv.conf"
    resolver.write_text(f"nameserver {NOWHERE}\n")
    _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    config = state / "kubelet.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "failCgroupV1": False,
                "cgroupDriver": "cgroupfs",
                "containerRuntimeEndpoint": f"unix://{container_runtime.SOCKET}",
                "failSwapOn": False,
                "address": IP,
                "authentication": {
                    "anonymous": {"enabled": False},
                    "webhook": {"enabled": True},
                    "x509": {"clientCAFile": str(plane.authority.certificate)},
                },
                "authorization": {"mode": "Webhook"},
                "tlsCertFile": str(certificate),
                "tlsPrivateKeyFile": str(key),
                "clusterDNS": [IP],
                "clusterDomain": "cluster.local",
                "resolvConf": str(resolver),
                "podLogsDir": str(state / "pod-logs"),
                # Neither can be raised without a capability that root in a container may lack.
                "maxOpenFiles": min(open_files, 1_000_000),
                "oomScoreAdj": int(Path("/proc/self/oom_score_adj").read_text()),
                "localStorageCapacityIsolation": False,
                "imageGCHighThresholdPercent": 100,
                "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
                "enforceNodeAllocatable": ["pods"],
                "syncFrequency": "5s",
                "nodeStatusUpdateFrequency": "2s",
                # The default of 5/s makes many pods wait for each other.
                "eventRecordQPS": 50,
            },
            indent=1,
        )
    )
    Service(state, "kubelet").boot(
        "kubelet",
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={state / 'kubelet'}",
        f"--cert-dir={state / 'pki'}",
        f"--hostname-override={NAME}",
        f"--node-ip={IP}",
        "--v=2",
    )


def _kube_proxy(state: Path, kubeconfig: Path) -> None:
    config = state / "kube-proxy.json"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                "kind": "KubeProxyConfiguration",
                "mode": "iptables",
                "clientConnection": {"kubeconfig": str(kubeconfig)},
                "bindAddress": "127.0.0.1",
                "clusterCIDR": PODS,
                "hostnameOverride": NAME,
                # The machine's own connection tracking is not touched.
                "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
                "iptables": {"minSyncPeriod": "100ms", "syncPeriod": "5s"},
            },
            indent=1,
        )
    )
    Service(state, "kube-proxy").boot("kube-proxy", f"--config={config}")


def _dns(plane: ControlPlane) -> None:
    """For pods and for the sandbox itself."""
    corefile = plane.state / "Corefile"
    corefile.write_text(f"""
{ingress.DOMAIN}:53 {{
  bind {IP}
  errors
  template IN A {{
    answer "{{{{ .Name }}}} 5 IN A {IP}"
  }}
  template IN ANY {{
    rcode NOERROR
  }}
}}
.:53 {{
  bind {IP}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {plane.kubeconfig}
  }}
  cache 1
}}
""")
    Service(plane.state, "coredns").boot("coredns", "-conf", corefile)


def _node_is_ready(plane: ControlPlane) -> bool:
    node = json.loads(plane.get(f"/api/v1/nodes/{NAME}") or "{}")
    conditions = node.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
