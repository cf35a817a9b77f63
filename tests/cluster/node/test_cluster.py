"""The node tier itself: a pod runs, and is reached in every way that there is."""

import json
import ssl
import subprocess
import uuid
from pathlib import Path

import httpx
import pytest

from harness.processes import wait_until
from testbed import ingress

WEB = "localhost/web:1"
# A route is programmed a moment after its object.
ROUTED_SECONDS = 30


def web(mark: str, replicas: int = 1, **container) -> dict:
    labels = {"app": "web"}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [
                        {"name": "web", "image": WEB, "env": [{"name": "MARK", "value": mark}], "readinessProbe": probe}
                        | container
                    ],
                },
            },
        },
    }


def service(kind: str = "ClusterIP") -> dict:
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"type": kind, "selector": {"app": "web"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def answer(url: str, verify: ssl.SSLContext | bool = False) -> dict:
    """What the web server says of itself, once it is reached."""

    def asked() -> dict | None:
        try:
            response = httpx.get(url, timeout=5, verify=verify)
        except httpx.TransportError:
            return None
        return response.json() if response.status_code == 200 else None

    return wait_until(asked, ROUTED_SECONDS, f"an answer from {url}")


@pytest.fixture(autouse=True)
def loaded(images):
    """A given cluster has not booted with it."""
    images.load(images.base("web"))


@pytest.fixture
def contour(cluster):
    """Of a given cluster nobody knows which Ingress it has, and where."""
    if cluster.given:
        pytest.skip("the given cluster's Ingress is not known")


@pytest.fixture
def served(kubectl):
    """A running web server behind a NodePort service, and its mark."""
    mark = uuid.uuid4().hex
    kubectl.apply(web(mark), service("NodePort"))
    kubectl.wait("deployment/web", "Available")
    return mark


def test_a_service_is_reached_by_address_port_and_name(kubectl, served):
    spec = kubectl.get("service", "web")["spec"]
    assert answer(f"http://{spec['clusterIP']}/cluster-ip")["mark"] == served
    node = kubectl("get", "nodes", "--output=jsonpath={.items[0].status.addresses[0].address}")
    assert answer(f"http://{node}:{spec['ports'][0]['nodePort']}/node-port")["mark"] == served
    assert answer(f"http://web.{kubectl.namespace}.svc.cluster.local/name")["mark"] == served


def test_an_ingress_leads_to_it(contour, kubectl, served):
    host = f"ingress-{kubectl.namespace}.{ingress.DOMAIN}"
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    kubectl.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "web"},
            "spec": {"ingressClassName": "contour", "rules": [{"host": host, "http": {"paths": [path]}}]},
        }
    )
    said = answer(f"http://{host}/through/ingress")
    assert (said["mark"], said["host"], said["path"]) == (served, host, "/through/ingress")
    assert "X-Request-Id" in said["header"], "not through Envoy"


def test_a_route_of_the_gateway_leads_to_it(contour, cluster, kubectl, served):
    host = f"route-{kubectl.namespace}.{ingress.DOMAIN}"
    kubectl.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "web"},
            "spec": {
                "parentRefs": [{"name": "shared", "namespace": "gateway"}],
                "hostnames": [host],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        }
    )
    said = answer(f"http://{host}/through/gateway")
    assert (said["mark"], said["host"]) == (served, host)
    trusted = ssl.create_default_context(cafile=cluster.state / "pki" / "ca.crt")
    assert answer(f"https://{host}/with/tls", trusted)["path"] == "/with/tls"


def test_a_pod_reaches_it_by_name(images, kubectl, served):
    images.load(images.base("python"))
    code = "import urllib.request as u; print(u.urlopen('http://web/by-name', timeout=10).read().decode())"
    kubectl("run", "client", "--image=localhost/python:1", "--restart=Never", "--command", "--", "python3", "-c", code)
    kubectl.wait("pod/client", "jsonpath={.status.phase}=Succeeded")
    assert json.loads(kubectl.logs("client"))["mark"] == served


def test_its_output_is_read_and_commands_are_run_in_it(kubectl, served):
    (pod,) = kubectl.list("pods", "app=web")
    name = pod["metadata"]["name"]
    assert "listening" in kubectl.logs(name)
    assert kubectl.exec(name, "/web", "say", served) == f"{served}\n"
    with kubectl.port_forward("service/web", 80) as port:
        assert answer(f"http://127.0.0.1:{port}/forwarded")["pod"] == name


def test_a_deleted_pod_is_replaced(kubectl, served):
    (pod,) = kubectl.list("pods", "app=web")
    kubectl.delete("pod", pod["metadata"]["name"])
    kubectl.wait("deployment/web", "Available")
    said = answer(f"http://web.{kubectl.namespace}.svc.cluster.local/")
    assert said["mark"] == served and said["pod"] != pod["metadata"]["name"]


def test_limits_are_in_force(cluster, kubectl):
    if cluster.given:
        pytest.skip("the cgroups of the given cluster are out of reach")
    limits = {"memory": "64Mi", "cpu": "250m"}
    kubectl.apply(web("limited", resources={"limits": limits}))
    kubectl.wait("deployment/web", "Available")
    (pod,) = kubectl.list("pods", "app=web")
    group = f"kubepods/pod{pod['metadata']['uid']}"
    assert Path(f"/sys/fs/cgroup/memory/{group}/memory.limit_in_bytes").read_text().strip() == str(64 << 20)
    assert Path(f"/sys/fs/cgroup/cpu/{group}/cpu.cfs_quota_us").read_text().strip() == "25000"


def test_an_image_is_built_and_run(images, kubectl, tmp_path):
    word = uuid.uuid4().hex
    (tmp_path / "word").write_text(word)
    name = f"localhost/built-{word}:1"
    containerfile = f'FROM web\nCOPY word /{word}\nCMD ["say", "{word}"]\n'
    images.build(name, containerfile, tmp_path, {"web": images.base("web")})
    kubectl("run", "built", f"--image={name}", "--restart=Never")
    kubectl.wait("pod/built", "jsonpath={.status.phase}=Succeeded")
    assert kubectl.logs("built") == f"{word}\n"


@pytest.mark.parametrize(
    ("language", "command"),
    [
        pytest.param(
            "node",
            "npm --version >/dev/null && node --print '`${process.argv[1]} as ${os.userInfo().username}`' ",
            id="node",
        ),
        pytest.param(
            "python",
            "python3 -c 'import asyncio, getpass, sqlite3, ssl, sys; print(sys.argv[1], \"as\", getpass.getuser())' ",
            id="python",
        ),
    ],
)
def test_servers_of_a_language_have_an_image_to_build_on(images, kubectl, language, command):
    word = uuid.uuid4().hex
    images.load(images.base(language))
    overrides = json.dumps({"spec": {"securityContext": {"runAsNonRoot": True}}})
    kubectl(
        "run",
        "server",
        f"--image=localhost/{language}:1",
        "--restart=Never",
        f"--overrides={overrides}",
        "--command",
        "--",
        "sh",
        "-c",
        command + word,
    )
    kubectl.wait("pod/server", "jsonpath={.status.phase}=Succeeded")
    assert kubectl.logs("server") == f"{word} as mcp\n"


def test_traffic_flows_while_the_api_server_is_away(cluster, kubectl, served):
    url = f"http://{kubectl.get('service', 'web')['spec']['clusterIP']}/"
    assert answer(url)["mark"] == served
    with cluster.service("apiserver").stopped():
        assert httpx.get(url, timeout=5).json()["mark"] == served
    cluster.wait_ready()


def test_helm_installs(kubectl, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: selftest\nversion: 0.1.0\nkubeVersion: '>= 1.30.0-0'\n")
    (tmp_path / "templates" / "web.yaml").write_text(json.dumps(web("by helm")))
    arguments = ["rel", str(tmp_path), f"--namespace={kubectl.namespace}", "--wait", "--timeout=60s"]
    subprocess.run(["helm", "install", *arguments], check=True, capture_output=True)
    assert kubectl.get("deployment", "web")["status"]["readyReplicas"] == 1
    subprocess.run(["helm", "uninstall", "rel", f"--namespace={kubectl.namespace}", "--wait"], check=True)
    assert not kubectl.exists("deployment", "web")
