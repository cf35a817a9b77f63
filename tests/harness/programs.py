"""Client programs: they take one JSON argument and print JSON lines on stdout."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from typing import Any


class Program:
    """A running client program; its stderr is kept for messages."""

    def __init__(self, argv: Sequence[str], argument: Any = None):
        self._name = argv[-1]
        self._stderr = tempfile.TemporaryFile()
        full = [*argv] if argument is None else [*argv, json.dumps(argument)]
        self._process = subprocess.Popen(
            full, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True
        )

    def say(self, word: str) -> None:
        """Sends one line to the program."""
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        """The next line the program prints; the test's own timeout bounds the wait."""
        line = self._process.stdout.readline()
        assert line, f"{self._name} ended early\n{self._errors()}"
        return line.rstrip("\n")

    def next(self) -> Any:
        """The next line, which is JSON."""
        return json.loads(self.line())

    def output(self, seconds: float) -> str:
        """Everything it prints, once it has ended well."""
        try:
            out, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self._name} did not end within {seconds} s\n{self._errors()}") from None
        assert self._process.returncode == 0, f"{self._name} failed\n{out[-2000:]}\n{self._errors()}"
        return out

    def close(self) -> None:
        """Ends it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._stderr.close()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _errors(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")[-40_000:]
