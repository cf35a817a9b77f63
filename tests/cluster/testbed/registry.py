"""A registry on the node, for the controller to read entrypoints in. The node itself does not pull from it."""

import subprocess
from pathlib import Path

from testbed.images import Images

# A name that leads to the node from pods as well; the release is told that it speaks plain HTTP.
HOST = "registry.cluster.test:5000"
_CONFIG = """version: 0.1
log: {level: warn}
storage: {inmemory: {}}
http: {addr: ":5000", secret: none}
"""


class Registry:
    """Debian's docker-registry, its images in its memory; ends with the block."""

    def __init__(self, scratch: Path, images: Images):
        self._images = images
        config = scratch / "registry.yml"
        config.write_text(_CONFIG)
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def publish(self, name: str, archive: Path) -> str:
        """Puts the image there as `name:tag`, and gives it to the node under the same reference, which is returned."""
        reference = f"{HOST}/{name}"
        self._images.load(self._images.push(archive, reference))
        return reference

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
