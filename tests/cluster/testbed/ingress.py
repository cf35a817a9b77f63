"""Ingress and Gateway API: Contour drives Envoy, both as processes of the node, reached at its ports 80 and 443."""

import json
import os
import subprocess

from testbed.control_plane import ControlPlane
from testbed.services import Service

# The names of the IngressClass, the GatewayClass, and the one Gateway.
CLASS = "contour"
GATEWAY_NAMESPACE, GATEWAY = "gateway", "shared"
# Every name below it leads to the node, and the Gateway has a certificate for all of one more label.
DOMAIN = "cluster.test"
_XDS_PORT = "8001"
# Where Contour makes Envoy listen for a Gateway's ports below 1024.
_LISTENERS = {80: 8080, 443: 8443}
_CERTIFICATE = "certificate"

_OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY_NAMESPACE}},
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": CLASS},
        "spec": {"controller": "projectcontour.io/ingress-controller"},
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": "projectcontour.io/gateway-controller"},
    },
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY, "namespace": GATEWAY_NAMESPACE},
        "spec": {
            "gatewayClassName": CLASS,
            "listeners": [
                {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}},
                {
                    "name": "https",
                    "protocol": "HTTPS",
                    "port": 443,
                    "tls": {"certificateRefs": [{"name": _CERTIFICATE}]},
                    "allowedRoutes": {"namespaces": {"from": "All"}},
                },
            ],
        },
    },
]


def define(plane: ControlPlane) -> None:
    """The resources that Contour serves."""
    definitions = [os.environ["CLUSTER_CONTOUR_CRDS"], os.environ["CLUSTER_GATEWAY_CRDS"]]
    # They are valid, and the API server is at its busiest.
    _kubectl(plane, "create", "--validate=false", *(f"--filename={path}" for path in definitions))
    _kubectl(plane, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    certificate, key = plane.authority.issue("ingress", f"/CN={DOMAIN}", [f"DNS:{DOMAIN}", f"DNS:*.{DOMAIN}"])
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": _CERTIFICATE, "namespace": GATEWAY_NAMESPACE},
        "stringData": {"tls.crt": certificate.read_text(), "tls.key": key.read_text()},
    }
    everything = {"apiVersion": "v1", "kind": "List", "items": [*_OBJECTS, secret]}
    _kubectl(plane, "apply", "--server-side", "--filename=-", input=json.dumps(everything).encode())


def start(plane: ControlPlane) -> None:
    """Contour and Envoy."""
    state, host = plane.state, plane.address.host
    config = state / "contour.json"
    config.write_text(json.dumps({"gateway": {"gatewayRef": {"namespace": GATEWAY_NAMESPACE, "name": GATEWAY}}}))
    Service(state, "contour").boot(
        "contour",
        "serve",
        f"--kubeconfig={plane.kubeconfig}",
        "--no-incluster",
        "--disable-leader-election",
        "--insecure",
        "--xds-address=127.0.0.1",
        f"--xds-port={_XDS_PORT}",
        f"--config-path={config}",
        f"--envoy-service-http-address={host}",
        f"--envoy-service-https-address={host}",
        f"--ingress-status-address={host}",
    )
    # As a load balancer before them would.
    for port, listener in _LISTENERS.items():
        for chain in ("PREROUTING", "OUTPUT"):
            rule = f"-A {chain} -d {host} -p tcp --dport {port} -j DNAT --to-destination {host}:{listener}"
            subprocess.run(["iptables", "-w", "-t", "nat", *rule.split()], check=True)
    bootstrap = state / "envoy.json"
    subprocess.run(
        [
            "contour",
            "bootstrap",
            str(bootstrap),
            "--xds-address=127.0.0.1",
            f"--xds-port={_XDS_PORT}",
            f"--admin-address={state / 'envoy-admin.sock'}",
        ],
        check=True,
        capture_output=True,
    )
    Service(state, "envoy").boot(
        "envoy",
        "--config-path",
        bootstrap,
        "--service-cluster",
        "contour",
        "--service-node",
        "node",
        "--log-level",
        "warn",
        "--concurrency",
        "2",
    )


def wait_ready(plane: ControlPlane) -> None:
    """Until the Gateway is programmed."""
    _kubectl(
        plane,
        "wait",
        "--for=condition=Programmed",
        "--timeout=30s",
        f"--namespace={GATEWAY_NAMESPACE}",
        f"gateway/{GATEWAY}",
    )


def _kubectl(plane: ControlPlane, *words: str, **options) -> None:
    command = ["kubectl", f"--kubeconfig={plane.kubeconfig}", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
