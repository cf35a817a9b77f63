"""nginx, HAProxy and Caddy as processes, set up as their ingress controllers would be by an Ingress's annotations.

Each waits by itself for PATIENCE_SECONDS only, a short form of the minute that is usual: what lives longer, lives by an
annotation.
"""

import socket
import subprocess
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.processes import wait_until

PATIENCE_SECONDS = 4
START_SECONDS = 20
_NGINX = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 0.0.0.0:{port};
    proxy_read_timeout {patience}s;
    proxy_send_timeout {patience}s;
    location / {{
      proxy_pass http://{upstream};
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      {settings}
    }}
  }}
}}
"""
_HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server {patience}s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  {settings}
  server s {upstream}
"""
_CADDY = """{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  reverse_proxy {upstream}
}}
"""


def nginx_settings(annotations: Mapping[str, str], prefix: str = "nginx.ingress.kubernetes.io/") -> list[str]:
    """What the controller of this prefix writes into the location."""
    own = prefix == "nginx.ingress.kubernetes.io/"
    names = {"proxy-body-size": "client_max_body_size"}
    lines = []
    for name, value in _of(prefix, annotations).items():
        if own and name.endswith("-timeout"):
            value += "s"
        value = {"False": "off", "True": "on"}.get(value, value)
        lines.append(f"{names.get(name, name.replace('-', '_'))} {value};")
    return lines


def haproxy_settings(annotations: Mapping[str, str], prefix: str = "haproxy.org/") -> list[str]:
    """What the controller of this prefix writes into the backend."""
    return [f"{name.replace('timeout-', 'timeout ')} {value}" for name, value in _of(prefix, annotations).items()]


@contextmanager
def nginx(folder: Path, upstream: str, settings: list[str]):
    """The URL of a running nginx."""
    port = _free_port()
    text = _NGINX.format(
        folder=folder,
        port=port,
        upstream=upstream,
        patience=PATIENCE_SECONDS,
        settings="\n      ".join(settings),
    )
    config = folder / "nginx.conf"
    config.write_text(text)
    with _running(port, folder, "nginx", "-c", str(config), "-e", "stderr") as url:
        yield url


@contextmanager
def haproxy(folder: Path, upstream: str, settings: list[str]):
    """The URL of a running HAProxy."""
    port = _free_port()
    config = folder / "haproxy.cfg"
    text = _HAPROXY.format(port=port, upstream=upstream, patience=PATIENCE_SECONDS, settings="\n  ".join(settings))
    config.write_text(text)
    with _running(port, folder, "haproxy", "-db", "-f", str(config)) as url:
        yield url


@contextmanager
def caddy(folder: Path, upstream: str, settings: list[str]):
    """The URL of a running Caddy, for whose controller there is nothing to be said."""
    assert not settings
    port = _free_port()
    config = folder / "Caddyfile"
    config.write_text(_CADDY.format(port=port, upstream=upstream))
    with _running(port, folder, "caddy", "run", "--config", str(config), "--adapter", "caddyfile") as url:
        yield url


@contextmanager
def _running(port: int, folder: Path, *argv: str):
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, START_SECONDS, f"{argv[0]} listens")
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _of(prefix: str, annotations: Mapping[str, str]) -> dict[str, str]:
    found = {name.removeprefix(prefix): value for name, value in annotations.items() if name.startswith(prefix)}
    assert found, f"no annotation with {prefix}"
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
