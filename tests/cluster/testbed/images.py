"""Container images: built from what is already on this machine, kept as OCI archives, given to the node."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from testbed import container_runtime

BUILD_SECONDS = 300


class Images:
    """Builds and loads once per run; a build whose inputs are the same is taken from the cache."""

    def __init__(self):
        self._cache = Path(os.environ["CLUSTER_CACHE"]) / "test-images"
        self._loaded: set[Path] = set()

    def build(
        self,
        name: str,
        containerfile: str | Path,
        context: Path | None = None,
        contexts: Mapping[str, Path | str] | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> str:
        """Builds `name` (with a tag other than latest) and loads it; returns the name.

        `containerfile` is its text or its path. `contexts` are named build contexts for `COPY --from=` and `FROM`: a
        folder, or the archive of another image. Nothing can be downloaded; RUN is run in a chroot.
        """
        archive = self.archive(name, containerfile, context, contexts, arguments)
        self.load(archive)
        return name

    def archive(self, name, containerfile, context=None, contexts=None, arguments=None) -> Path:
        """As `build`, without loading it: the OCI archive."""
        text = containerfile.read_text() if isinstance(containerfile, Path) else containerfile
        folders = {"": context, **(contexts or {})}
        key = hashlib.sha256(repr([name, text, sorted((arguments or {}).items())]).encode())
        for label, source in sorted(folders.items()):
            key.update(f"{label}\0".encode())
            if source is not None:
                _hash(key, Path(source))
        target = self._cache / f"{key.hexdigest()[:24]}.tar"
        if not target.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="waggle-build-") as scratch:
                built = self._build(Path(scratch), name, text, folders, arguments or {})
                # Another run may build the same: the last one wins, and both are whole.
                partial = target.with_suffix(f".{os.getpid()}")
                shutil.move(built, partial)
                partial.rename(target)
        return target

    @staticmethod
    def push(archive: Path, reference: str) -> Path:
        """Puts the image into a registry that speaks plain HTTP; returns its archive under that name."""
        target = archive.with_name(f"{archive.stem}-{hashlib.sha256(reference.encode()).hexdigest()[:8]}.tar")
        with tempfile.TemporaryDirectory(prefix="waggle-push-") as scratch:
            here = Path(scratch)
            image = _buildah(here, "pull", "--quiet", f"oci-archive:{archive}")
            _buildah(here, "push", "--tls-verify=false", image, f"docker://{reference}")
            if not target.exists():
                _buildah(here, "push", image, f"oci-archive:{here / 'image.tar'}:{reference}")
                shutil.move(here / "image.tar", target)
        return target

    @staticmethod
    def base(name: str) -> Path:
        """The archive of an image that every node has (`web`) or that is made for tests to build on (`userland`)."""
        for folder in os.environ["CLUSTER_IMAGES"].split(":") + [os.environ.get("CLUSTER_BASES", "")]:
            if folder and (archive := Path(folder) / f"{name}.tar").exists():
                return archive
        raise FileNotFoundError(f"no image {name}.tar in $CLUSTER_IMAGES or $CLUSTER_BASES")

    def load(self, archive: Path) -> None:
        """Gives the image to the node, under the name in the archive."""
        if archive in self._loaded:
            return
        if command := os.environ.get("WAGGLE_LOAD_IMAGE"):
            subprocess.run([*command.split(), str(archive)], check=True)
        else:
            container_runtime.load(archive)
        self._loaded.add(archive)

    def _build(self, scratch: Path, name: str, text: str, folders: dict, arguments: Mapping[str, str]) -> Path:
        file, empty, out = scratch / "Containerfile", scratch / "empty", scratch / "image.tar"
        file.write_text(text)
        empty.mkdir()
        flags = []
        for label, source in folders.items():
            if label:
                flags.append(f"--build-context={label}={_reference(scratch, label, source)}")
        flags += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        _buildah(
            scratch,
            "build",
            "--isolation=chroot",
            "--pull=never",
            "--timestamp=0",
            f"--file={file}",
            f"--tag={name}",
            *flags,
            str(folders[""] or empty),
        )
        _buildah(scratch, "push", name, f"oci-archive:{out}:{name}")
        return out


def _buildah(scratch: Path, command: str, *words: str) -> str:
    storage = [f"--root={scratch}/storage", f"--runroot={scratch}/run", "--storage-driver=vfs"]
    done = subprocess.run(["buildah", *storage, command, *words], capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, f"buildah {command} failed\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout.strip()


def _reference(scratch: Path, label: str, source: Path | str) -> str:
    """What `--build-context` takes: a folder, or an image, which is unpacked first."""
    if not Path(source).is_file():
        return str(source)
    name = f"localhost/context-{label}"
    _buildah(scratch, "tag", _buildah(scratch, "pull", "--quiet", f"oci-archive:{source}"), name)
    return f"docker-image://{name}"


def _hash(key, source: Path) -> None:
    """Names, modes and content of all files; of an archive in the cache the name says it all."""
    if source.is_file():
        key.update(f"{source.name}\0{source.stat().st_size}\0".encode())
        return
    for path in sorted(source.rglob("*")):
        key.update(f"{path.relative_to(source)}\0{path.lstat().st_mode}\0".encode())
        if path.is_symlink():
            key.update(os.readlink(path).encode())
        elif path.is_file():
            with path.open("rb") as file:
                key.update(hashlib.file_digest(file, "sha256").digest())
