"""etcd, kube-apiserver and kube-controller-manager: alone they are the tier in which no pod runs."""

import json
import ssl
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.processes import wait_until
from testbed.pki import Authority
from testbed.services import Service

READY_SECONDS = 60
ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICE_RANGE = "10.96.0.0/16"
# The API server's own ClusterIP, the first of the range.
API_CLUSTER_IP = "10.96.0.1"
# Beside the administrator: a user of the group `developers`, who has no right until a test grants one.
ADMIN, USER = "admin", "alice"


@dataclass(frozen=True)
class Address:
    """Where the control plane listens."""

    host: str
    port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def url(self) -> str:
        """The API server's."""
        return f"https://{self.host}:{self.port}"


class ControlPlane:
    """Boots in the constructor's caller's order: `start_api`, `wait_ready`, `start_controllers`."""

    def __init__(self, state: Path, address: Address):
        self.state = state
        self.address = address
        self.authority = Authority(state / "pki")
        self.authority.user(ADMIN, "system:masters")
        self.authority.user(USER, "developers")
        self.kubeconfig = self.authority.kubeconfig("admin", address.url, ADMIN, USER)
        self._signing_key = self.authority.signing_key("service-accounts")

    def start_api(self, *flags: str) -> None:
        """etcd and kube-apiserver. All users must be known to the authority by now."""
        at, authority = self.address, self.authority
        etcd = f"http://127.0.0.1:{at.etcd_port}"
        Service(self.state, "etcd").boot(
            "etcd",
            f"--data-dir={self.state / 'etcd'}",
            f"--client-url={etcd}",
            f"--peer-url=http://127.0.0.1:{at.etcd_peer_port}",
        )
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        names = [f"DNS:{name}" for name in [*names, "localhost"]]
        addresses = [f"IP:{ip}" for ip in dict.fromkeys(["127.0.0.1", API_CLUSTER_IP, at.host])]
        certificate, key = authority.issue("apiserver", "/CN=kube-apiserver", names + addresses)
        front, front_key = authority.issue("front-proxy", "/CN=front-proxy-client")
        Service(self.state, "apiserver").boot(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--secure-port={at.port}",
            f"--advertise-address={at.host}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--cert-dir={self.state / 'pki'}",
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            f"--client-ca-file={authority.certificate}",
            f"--token-auth-file={authority.token_file()}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self._signing_key}",
            f"--service-account-signing-key-file={self._signing_key}",
            f"--proxy-client-cert-file={front}",
            f"--proxy-client-key-file={front_key}",
            f"--requestheader-client-ca-file={authority.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--enable-aggregator-routing=true",
            "--allow-privileged=true",
            "--profiling=false",
            *flags,
        )

    def wait_ready(self) -> None:
        """Until the API server says so."""
        self.wait(lambda: self.get("/readyz") == b"ok", "the API server is ready", "apiserver", "etcd")

    def start_controllers(self) -> None:
        """kube-controller-manager: garbage collection, namespaces, service accounts, ReplicaSets, EndpointSlices."""
        # As the administrator: accounts of their own, as in production, cost four seconds more.
        Service(self.state, "controller-manager").boot(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={self._signing_key}",
            f"--cluster-signing-cert-file={self.authority.certificate}",
            f"--cluster-signing-key-file={self.authority.key}",
            "--controllers=*",
            # A machine that is busy, or an API server that was away for a while, is no reason to take pods out of service.
            "--node-monitor-grace-period=5m",
        )

    def wait_controllers(self) -> None:
        """Until the default namespace has its service account, without which no pod is admitted."""
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        self.wait(lambda: self.get(path), "the default service account is there", "controller-manager")

    def wait(self, condition, what: str, *services: str) -> None:
        """Until `condition` holds, unless one of the services that bring it about has ended."""
        watched = [Service(self.state, name) for name in services]

        def holds():
            for service in watched:
                assert service.running, f"{service.name} has ended\n{service.tail()}"
            return condition()

        try:
            wait_until(holds, READY_SECONDS, what)
        except AssertionError as failure:
            raise AssertionError("\n".join([str(failure), *(service.tail() for service in watched)])) from None

    def get(self, path: str) -> bytes | None:
        """The answer of the API server; None when it refuses, or is not there."""
        token = json.loads(self.kubeconfig.read_text())["users"][0]["user"]["token"]
        request = urllib.request.Request(self.address.url + path, headers={"Authorization": f"Bearer {token}"})
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        with suppress(OSError), urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.read()
        return None
