"""Servers elsewhere: what they are sent of us, and why one cannot be used, in a sentence."""

import uuid

import pytest

from testbed import ingress, mcp, product
from testbed.guarded import guarded
from testbed.product import Server, condition


def remote(url: str, **fields) -> dict:
    """An `MCPServer` that runs elsewhere."""
    return product.server("far", "", []) | {"spec": {"remote": {"url": url, **fields}}}


def secret(name: str, **values: str) -> dict:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def says(server: Server, *words: str) -> None:
    """Waits until the sum of its conditions is not met, and has these words."""

    def said(resource: dict) -> bool:
        ready = condition(resource, "Ready")
        return ready.get("status") == "False" and all(word in ready["message"] for word in words)

    assert condition(server.until(said), "Ready")["reason"] == "RemoteFailed"


def test_a_name_that_nobody_knows_and_a_port_on_which_nobody_listens(serve):
    server = serve(remote("http://nowhere.invalid/mcp"), ready=False)
    says(server, "the host in `spec.remote.url`")
    server.patch({"remote": {"url": f"http://there.{ingress.DOMAIN}:1/mcp"}})
    says(server, "Connection refused", "the port in `spec.remote.url`")
    there = serve(product.echo("there"))
    server.patch({"remote": {"url": there.url}})
    server.wait_ready()
    mcp.answers_again(server.url)


def test_a_header_comes_from_a_secret(serve, kubectl):
    value = f"Bearer {uuid.uuid4().hex}"
    kubectl.apply(secret("wrong", header="Bearer of-another"), secret("right", header=value))
    with guarded("Authorization", value) as port:
        headers = [{"name": "Authorization", "secretKeyRef": {"name": "wrong", "key": "header"}}]
        url = f"http://guarded.{ingress.DOMAIN}:{port}/mcp"
        server = serve(remote(url, headers=headers), ready=False)
        says(server, "401", "`spec.remote.headers`")
        headers[0]["secretKeyRef"]["name"] = "right"
        server.patch({"remote": {"headers": headers}})
        server.wait_ready()
        assert server.get()["status"]["serverInfo"]["name"] == "guarded"
    # It is in no other object.
    assert value not in kubectl("get", f"configmaps,deployments,pods,events,{product.KIND}", "--output=yaml")


def test_an_authority_of_ones_own(cluster, serve, kubectl):
    if cluster.given:
        pytest.skip("the given cluster's Gateway is not known")
    host = f"there-{kubectl.namespace}.{ingress.DOMAIN}"
    gateway = [{"name": ingress.GATEWAY, "namespace": ingress.GATEWAY_NAMESPACE}]
    serve(product.echo("there", httpRoute={"hostnames": [host], "parentRefs": gateway}))
    server = serve(remote(f"https://{host}/mcp"), ready=False)
    says(server, "certificate", "`spec.remote.ca`")
    kubectl.apply(secret("company-ca", **{"ca.crt": (cluster.state / "pki" / "ca.crt").read_text()}))
    server.patch({"remote": {"ca": {"name": "company-ca", "key": "ca.crt"}}})
    server.wait_ready()
    mcp.answers_again(server.url)
