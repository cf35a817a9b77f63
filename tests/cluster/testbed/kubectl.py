"""kubectl, with objects in and out."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from harness.processes import wait_until

COMMAND_SECONDS = 60
# For what a pod does: scheduled, started, probed, on a machine that is busy.
WAIT_SECONDS = 60


class Refused(Exception):
    """kubectl ended with an error, mostly the API server's; `str()` of it is what was said."""


@dataclass(frozen=True)
class Kubectl:
    """One user in one namespace. Calling it runs kubectl with these words and returns what it prints."""

    namespace: str = "default"
    user: Sequence[str] = field(default=())

    def __call__(self, *words: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
        done = subprocess.run(
            self._argv(*words),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}")
        return done.stdout

    def in_namespace(self, namespace: str) -> "Kubectl":
        """The same user elsewhere."""
        return replace(self, namespace=namespace)

    def as_user(self, context: str) -> "Kubectl":
        """The user of a context of the kubeconfig, e.g. `alice`, who has no right until one is granted."""
        return replace(self, user=("--context", context))

    def as_service_account(self, name: str) -> "Kubectl":
        """A service account of this namespace, by a fresh token of its own."""
        token = self("create", "token", name).strip()
        return replace(self, user=("--kubeconfig", _without_users(), "--token", token))

    def may(self, verb: str, resource: str) -> bool:
        """Whether this user has the right, e.g. `patch` `mcpservers.waggle.dev/status`, by the rules in force now."""
        kind, _, sub = resource.partition("/")
        try:
            self("auth", "can-i", verb, kind, *([f"--subresource={sub}"] if sub else []))
        except Refused as refused:
            if str(refused) != "no" and not str(refused).startswith("no - "):
                raise
            return False
        return True

    def wait_right(self, verb: str, resource: str, granted: bool = True) -> None:
        """Until the API server goes by a rule that is written already: it follows them as any other does."""
        wanted = f"the right to {verb} {resource} is {'granted' if granted else 'taken'}"
        wait_until(lambda: self.may(verb, resource) == granted, WAIT_SECONDS, wanted)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        return json.loads(self("get", kind, name, "--output=json"))

    def list(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, or those with these labels."""
        return json.loads(self("get", kind, f"--selector={selector}", "--output=json"))["items"]

    def exists(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return bool(self("get", kind, name, "--ignore-not-found", "--output=name"))

    def apply(
        self, *objects: dict[str, Any] | str, manager: str = "test", force: bool = False, dry_run: bool = False
    ) -> None:
        """Server-side apply of objects, or of YAML."""
        flags = ["--server-side", f"--field-manager={manager}"]
        flags += ["--force-conflicts"] if force else []
        flags += ["--dry-run=server"] if dry_run else []
        self("apply", *flags, "--filename=-", stdin=_yaml(objects))

    def delete(self, kind: str, *names: str, wait: bool = True) -> None:
        """Deletes what is there; returns once it is gone, unless told otherwise."""
        self("delete", kind, *names, "--ignore-not-found", f"--wait={json.dumps(wait)}")

    def wait(self, target: str, condition: str, seconds: float = WAIT_SECONDS) -> None:
        """`kubectl wait`: a condition (`Ready`), `jsonpath=…`, `create` or `delete`; of `pod/x`, or of `pod -l app=x`."""
        plain = "=" not in condition and condition not in ("create", "delete")
        wanted = [f"condition={condition}" if plain else condition]
        if condition not in ("create", "delete"):
            # Else what does not exist yet is an error.
            wanted.insert(0, "create")
        for one in wanted:
            try:
                self("wait", *target.split(), f"--for={one}", f"--timeout={seconds}s", seconds=seconds + 10)
            except Refused as refused:
                raise AssertionError(f"not within {seconds} s: {target} {one}: {refused}") from None

    def until(
        self, kind: str, name: str, holds: Callable[[dict], Any], seconds: float = WAIT_SECONDS
    ) -> dict[str, Any]:
        """Watches the object, from before it exists if need be, until `holds(object)`; returns that state of it."""
        last = None
        with self.watch(kind, f"metadata.name={name}", seconds) as events:
            for event in events:
                last = event["object"]
                if event["type"] != "DELETED" and holds(last):
                    return last
        raise AssertionError(f"not within {seconds} s: {kind}/{name}; last seen: {json.dumps(last, indent=1)}")

    @contextmanager
    def watch(self, kind: str, fields: str = "", seconds: float = WAIT_SECONDS) -> Iterator[Iterator[dict[str, Any]]]:
        """Events (`type`, `object`) of a watch, those of what exists already first; they end after `seconds`."""
        argv = self._argv(
            "get", kind, f"--field-selector={fields}", "--watch", "--output-watch-events", "--output=json"
        )
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield _events(process, time.monotonic() + seconds)
        finally:
            process.kill()
            process.communicate()

    def exec(self, pod: str, *argv: str, container: str = "", stdin: str | None = None) -> str:
        """Runs a command in a container of the pod."""
        chosen = [f"--container={container}"] if container else []
        interactive = [] if stdin is None else ["--stdin"]
        return self("exec", *interactive, pod, *chosen, "--", *argv, stdin=stdin)

    def logs(self, pod: str, container: str = "", previous: bool = False) -> str:
        """All that a container has printed, or the one before it."""
        chosen = [f"--container={container}"] if container else []
        return self("logs", pod, *chosen, f"--previous={json.dumps(previous)}")

    @contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[int]:
        """A port of loopback that leads to that port of `pod/x` or `service/x`, through the API server."""
        argv = self._argv("port-forward", "--address=127.0.0.1", target, f":{port}")
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            # "Forwarding from 127.0.0.1:40123 -> 8080"
            line = process.stdout.readline().decode()
            if not line:
                raise Refused(process.stderr.read().decode().strip())
            yield int(line.split(" -> ")[0].rpartition(":")[2])
        finally:
            process.kill()
            process.communicate()

    def _argv(self, *words: str) -> list[str]:
        return ["kubectl", *self.user, f"--namespace={self.namespace}", *words]


def pods(selector: str) -> str:
    """For `wait`: the pods with these labels."""
    return f"pod --selector={selector}"


def _yaml(objects: Sequence[dict[str, Any] | str]) -> str:
    return "\n---\n".join(one if isinstance(one, str) else json.dumps(one) for one in objects)


def _events(process: subprocess.Popen, deadline: float) -> Iterator[dict[str, Any]]:
    """JSON documents as they come, however they are cut."""
    decoder, text = json.JSONDecoder(), ""
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            chunk = process.stdout.read()
            if not chunk:
                raise Refused(process.stderr.read().decode().strip() or "the watch has ended")
            text += chunk.decode()
            while text := text.lstrip():
                try:
                    event, end = decoder.raw_decode(text)
                except json.JSONDecodeError:
                    break
                text = text[end:]
                yield event


def _without_users() -> str:
    """The kubeconfig with its cluster alone, so that nothing but a given token speaks for the caller."""
    path = os.environ["KUBECONFIG"] + ".cluster-only"
    if not os.path.exists(path):
        said = subprocess.run(
            ["kubectl", "config", "view", "--minify", "--flatten", "--raw", "--output=json"],
            check=True,
            capture_output=True,
        )
        config = json.loads(said.stdout)
        config["users"] = []
        config["contexts"] = [{"name": "token", "context": {"cluster": config["clusters"][0]["name"]}}]
        config["current-context"] = "token"
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(config, file)
    return path
