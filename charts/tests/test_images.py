"""The images, built from programs that are there already: what is in them, and as whom they run."""

import json
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
from conftest import CHARTS

ROOT = CHARTS.parent
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def build(folder: Path, name: str, *flags: str) -> tuple[dict, dict[str, tarfile.TarInfo], dict[str, bytes]]:
    """The configuration of the image, and its files with their content."""
    store = [f"--root={folder}/store", f"--runroot={folder}/run", "--storage-driver=vfs"]
    archive = folder / "image.tar"
    for words in (
        ["build", "--isolation=chroot", "--pull=never", f"--file={ROOT}/Dockerfile.{name}", "--tag=localhost/x:1", *flags, str(ROOT)],
        ["push", "localhost/x:1", f"oci-archive:{archive}"],
    ):
        done = subprocess.run(["buildah", *store, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
    with tarfile.open(archive) as tar:

        def blob(digest: str):
            return tar.extractfile(f"blobs/{digest.replace(':', '/')}")

        index = json.load(tar.extractfile("index.json"))
        manifest = json.load(blob(index["manifests"][0]["digest"]))
        config = json.load(blob(manifest["config"]["digest"]))
        files, contents = {}, {}
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=blob(layer["digest"])) as inner:
                for member in inner:
                    if member.isfile():
                        files[member.name] = member
                        contents[member.name] = inner.extractfile(member).read()
    return config["config"], files, contents


@pytest.mark.parametrize("name", ["proxy", "controller"])
def test_one_program_and_certificates_as_nobody(tmp_path, name):
    program = f"waggle-{name}"
    binaries, certificates = tmp_path / "binaries", tmp_path / "certificates"
    for folder, file, content in [(binaries, program, f"program {name}"), (certificates, "ca-certificates.crt", "trust")]:
        folder.mkdir()
        (folder / file).write_text(content)
    (binaries / program).chmod(0o755)
    # Not wanted, and left behind.
    (binaries / "other").write_text("x")
    contexts = [f"--build-context=binaries={binaries}", f"--build-context=certificates={certificates}"]
    config, files, contents = build(tmp_path, name, *contexts, "--build-arg=VERSION=9.8.7", "--build-arg=REVISION=abc")
    assert contents == {program: f"program {name}".encode(), CERTIFICATES: b"trust"}
    # Any user may run and read them: OpenShift gives out ids of its own.
    assert files[program].mode & 0o777 == 0o755 and files[CERTIFICATES].mode & 0o444 == 0o444
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [f"/{program}"] and not config.get("Cmd")
    # Nothing that would win over the configuration that a pod gets.
    assert not [one for one in config["Env"] if one.startswith("WAGGLE")]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == program and labels["version"] == "9.8.7" and labels["revision"] == "abc"
    assert labels["licenses"] == "Apache-2.0" and labels["source"].startswith("https://")


def test_a_program_that_is_missing_ends_the_build(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AssertionError, match="waggle-proxy"):
        build(tmp_path, "proxy", f"--build-context=binaries={empty}", "--build-context=certificates=/etc/ssl/certs")


def test_the_context_holds_what_is_compiled():
    ignored = (ROOT / ".dockerignore").read_text().split()
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    for name in [*members, "Cargo.toml", "Cargo.lock"]:
        assert f"!{name}" in ignored
