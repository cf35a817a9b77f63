"""The charts as Helm renders them, and the objects by kind and name."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

CHARTS = Path(__file__).parent.parent
# Helm built from source takes a very old Kubernetes for granted.
KUBERNETES = "1.36.0"


class Refused(Exception):
    """Helm's own words."""


class Objects(dict):
    """Objects of a rendered chart by (kind, name)."""

    def one(self, kind: str) -> dict:
        """The only object of the kind."""
        found = self.all(kind)
        assert len(found) == 1, [name for _, name in self]
        return found[0]

    def all(self, kind: str) -> list[dict]:
        """The objects of the kind."""
        return [value for (its, _), value in self.items() if its == kind]

    def controller(self) -> dict:
        """The controller's container."""
        return self.pod()["containers"][0]

    def pod(self) -> dict:
        """The controller's pod."""
        return self.one("Deployment")["spec"]["template"]["spec"]


def helm(*words: str, stdin: str | None = None) -> str:
    """Runs Helm."""
    done = subprocess.run(["helm", *words], input=stdin, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


@pytest.fixture
def text():
    """Renders a chart to text."""

    def render(chart="waggle", release="r", namespace="n", values=None, files=(), kubernetes=KUBERNETES) -> str:
        flags = [f"--values={file}" for file in files]
        return helm("template", release, str(CHARTS / chart), f"--namespace={namespace}", f"--kube-version={kubernetes}",
                    "--values=-", *flags, stdin=json.dumps(values or {}))  # fmt: skip

    return render


@pytest.fixture
def render(text):
    """Renders a chart to objects."""

    def objects(chart="waggle", release="r", namespace="n", values=None, **more) -> Objects:
        found = Objects()
        for one in yaml.safe_load_all(text(chart, release, namespace, values, **more)):
            if one is None:
                continue
            key = (one["kind"], one["metadata"].get("namespace", "") + "/" + one["metadata"]["name"])
            assert key not in found, f"{key} is there twice"
            found[key] = one
        return found

    return objects
