"""The controller as a process beside the cluster: with the account, the rights and the command line that its chart
gives it."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from harness.processes import wait_until
from testbed.__main__ import free_ports
from testbed.audit import Trail
from testbed.kubectl import Kubectl, Refused

ROOT = Path(__file__).parents[3]
READY_SECONDS = 60
END_SECONDS = 30


def helm(*words: str, namespace: str = "default") -> str:
    """The Helm CLI; what it says against something is raised as `Refused`."""
    done = subprocess.run(["helm", f"--namespace={namespace}", *words], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


class Release:
    """The controller's chart, installed without pods in the namespace of `kubectl`."""

    def __init__(self, kubectl: Kubectl, state: Path, *values: str):
        self.kubectl = kubectl
        self.state = state
        self.namespace = kubectl.namespace
        chart = str(ROOT / "charts" / "waggle")
        helm("install", "waggle", chart, "--set=replicas=0", *values, namespace=self.namespace)
        [container] = kubectl.get("deployment", "waggle")["spec"]["template"]["spec"]["containers"]
        self.arguments = container["args"]
        self._number = 0
        said = helm("get", "values", "waggle", "--all", "--output=json", namespace=self.namespace)
        self._wait_rights(json.loads(said))

    def start(self, identity: str = "first", options: Sequence[str] = ()) -> "Controller":
        """A controller; `options` take the place of the chart's."""
        self._number += 1
        [port] = free_ports(1)
        given = {f"--admin-listen=127.0.0.1:{port}", *options}
        names = {option.partition("=")[0] for option in given}
        kept = [argument for argument in self.arguments if argument.partition("=")[0] not in names]
        log = self.state / "log" / f"controller-{self.namespace}-{self._number}-{identity}.log"
        return Controller(self, identity, port, [*kept, *sorted(given)], log)

    def _wait_rights(self, values: dict) -> None:
        """Whoever starts before the rules are in force is refused, and says so."""
        account = self.account()
        for namespace in values["watchNamespaces"] or ["default"]:
            account.in_namespace(namespace).wait_right("patch", "deployments.apps")
        if values["leaderElection"]["enabled"]:
            account.wait_right("create", "leases.coordination.k8s.io")

    def kubeconfig(self) -> Path:
        """With a token of the account, and nothing else."""
        path = self.state / f"{self.namespace}.kubeconfig"
        config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
        token = self.kubectl("create", "token", "waggle", "--duration=2h").strip()
        config["users"] = [{"name": "waggle", "user": {"token": token}}]
        config["contexts"] = [{"name": "waggle", "context": {"cluster": "test", "user": "waggle"}}]
        config["current-context"] = "waggle"
        path.write_text(json.dumps(config))
        return path

    def account(self) -> Kubectl:
        """kubectl as the controller."""
        return self.kubectl.as_service_account("waggle")

    def trail(self) -> Trail:
        """What the account asks for from now on."""
        return Trail(self.state, self.namespace, "waggle")

    def uninstall(self) -> None:
        """What helm has installed goes."""
        helm("uninstall", "waggle", namespace=self.namespace)


class Controller:
    """One process of `waggle-controller`."""

    def __init__(self, release: Release, identity: str, port: int, arguments: list[str], log: Path):
        self.identity = identity
        self.port = port
        self.log = log
        program = Path(os.environ["CLUSTER_BINARIES"]) / "waggle-controller"
        environment = {"PATH": os.environ["PATH"], "KUBECONFIG": str(release.kubeconfig()), "POD_NAME": identity}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def wait_ready(self) -> "Controller":
        """Until it works, or waits for the lease."""

        def ready() -> bool:
            assert self.running, f"the controller has ended\n{self.text()[-4000:]}"
            try:
                return self.get("/readyz").strip() == "ok"
            except OSError:
                return False

        wait_until(ready, READY_SECONDS, f"the controller {self.identity} is ready")
        return self

    def get(self, path: str) -> str:
        """What the admin port says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, sample: str) -> float:
        """A sample by its name and, in the order of the text, its labels; 0 when there is none."""
        for line in self.get("/metrics").splitlines():
            if line.rpartition(" ")[0] == f"waggle_controller_{sample}":
                return float(line.rpartition(" ")[2])
        return 0

    def text(self) -> str:
        """The whole log."""
        return self.log.read_text(errors="replace")

    def lines(self) -> list[dict]:
        """The log's entries."""
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def memory(self) -> dict[str, int]:
        """Resident memory in KiB, now (`VmRSS`) and at most (`VmHWM`)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return {name: int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM")}

    def seconds(self) -> float:
        """CPU time so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the controller did not end within {END_SECONDS} s\n{self.text()[-4000:]}") from None
