"""Keys, certificates, tokens and kubeconfigs of one cluster, good for a month."""

import json
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

_DAYS = "30"


class Authority:
    """The cluster's certificate authority, and its users by token."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.certificate = directory / "ca.crt"
        self.key = directory / "ca.key"
        self._tokens: dict[str, tuple[str, Sequence[str]]] = {}
        directory.mkdir(parents=True)
        _openssl(
            "req",
            "-x509",
            *_NEW_KEY,
            "-keyout",
            self.key,
            "-out",
            self.certificate,
            "-days",
            _DAYS,
            "-subj",
            "/CN=test-cluster",
        )

    def issue(self, name: str, subject: str, names: Sequence[str] = ()) -> tuple[Path, Path]:
        """Certificate and key of `subject`, for the given `DNS:…` and `IP:…` names."""
        certificate, key, request = (self.directory / f"{name}.{suffix}" for suffix in ("crt", "key", "csr"))
        extensions = self.directory / f"{name}.ext"
        alternative = f"subjectAltName={','.join(names)}\n" if names else ""
        extensions.write_text(f"extendedKeyUsage=serverAuth,clientAuth\n{alternative}")
        _openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", subject)
        _openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.certificate,
            "-CAkey",
            self.key,
            "-CAcreateserial",
            "-days",
            _DAYS,
            "-out",
            certificate,
            "-extfile",
            extensions,
        )
        return certificate, key

    def signing_key(self, name: str) -> Path:
        """A private key by itself, which signs the tokens of service accounts."""
        key = self.directory / f"{name}.key"
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        return key

    def user(self, name: str, *groups: str) -> str:
        """A new user; returns the token that it is known by."""
        token = secrets.token_hex(16)
        self._tokens[name] = (token, groups)
        return token

    def token_file(self) -> Path:
        """All users so far, as kube-apiserver's --token-auth-file takes them."""
        path = self.directory / "tokens.csv"
        lines = [
            f'{token},{user},{number},"{",".join(groups)}"'
            for number, (user, (token, groups)) in enumerate(self._tokens.items(), 1)
        ]
        path.write_text("\n".join(lines) + "\n")
        return path

    def kubeconfig(self, name: str, server: str, *users: str) -> Path:
        """A kubeconfig with a context for each user, named after it; the first is the current one."""
        path = self.directory / f"{name}.kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": server, "certificate-authority": str(self.certificate)}}
            ],
            "users": [{"name": user, "user": {"token": self._tokens[user][0]}} for user in users],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}} for user in users],
            "current-context": users[0],
        }
        path.write_text(json.dumps(config, indent=1))
        return path


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, f"openssl {words[0]} failed\n{done.stderr}"
