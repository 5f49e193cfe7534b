"""Podman with the image of this tree, in folders and a network of its own, for the pods of manifests."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from tests.integration.containers import (
    IMAGE,
    MEMORY_BYTES_MIN,
    Engine,
    command,
    memory_bytes,
    mount_memory,
    unmount_below,
)
from tests.manifests import Manifest
from tests.parts import go_without, program

STORAGE_MEGABYTES: Final = 2000
NETWORK: Final = "pods"


class Podman:
    """The command `podman`, which has no daemon.

    Args:
        folder: Gets the images, the containers and the description of the network.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._words = [
            program("podman", part="podman"),
            "--root", str(folder / "root"), "--runroot", str(folder / "run"),
            "--tmpdir", str(folder / "tmp"), "--network-config-dir", str(folder / "networks"),
        ]  # fmt: skip
        self._environ = {"CONTAINERS_CONF": str(configuration())}

    @property
    def gateway(self) -> str:
        """The address under which this machine is reached from the pods."""
        words = ("network", "inspect", "--format", "{{range .Subnets}}{{.Gateway}}{{end}}", NETWORK)
        return self.run(*words).strip()

    def run(self, *words: str, is_checked: bool = True) -> str:
        # Podman's companion of a container leaves a file `oom` in the folder where it was started.
        return command([*self._words, *words], self._environ, is_checked=is_checked, folder=self._folder)

    def load_image(self, engine: Engine) -> None:
        """Take the image of this tree over from an engine that has built it."""
        file = self._folder / "image.tar"
        engine.run("save", "--output", str(file), IMAGE)
        self.run("load", "--quiet", "--input", str(file))
        file.unlink()
        self.run("network", "create", NETWORK)

    def add_secret(self, name: str, values: dict[str, str]) -> None:
        """Make a Secret. In the manifest that is played Podman 4.3 would leave its values encoded."""
        file = self._folder / name
        file.write_text(yaml.safe_dump({"data": values}))
        self.run("secret", "create", name, str(file))
        file.unlink()

    def play(self, *manifests: Manifest) -> None:
        """Start the pods of manifests."""
        file = self._folder / "played.yaml"
        file.write_text(yaml.safe_dump_all(manifests))
        self.run("play", "kube", "--network", NETWORK, str(file))

    def inspect(self, name: str, template: str) -> str:
        return self.run("inspect", "--format", template, name).strip()

    def logs(self, name: str) -> str:
        """Return what a container has printed, on standard output and standard error."""
        return self.run("logs", name, is_checked=False)

    def exit_codes(self, name: str) -> list[int]:
        """Return with which codes a container has ended so far, restarts included."""
        words = ("events", "--stream=false", "--filter", "event=died", "--filter", f"container={name}")
        return [int(line) for line in self.run(*words, "--format", "{{.ContainerExitCode}}").split()]

    def remove_all(self) -> None:
        """Remove all pods, volumes and Secrets."""
        self.run("pod", "rm", "--all", "--force", is_checked=False)
        self.run("volume", "rm", "--all", "--force")
        self.run("secret", "rm", "--all")


@contextlib.contextmanager
def podman(engine: Engine) -> Iterator[Podman]:
    """Run Podman with the image of an engine, in memory if there is enough."""
    folder = Path(tempfile.mkdtemp(prefix="podman"))
    try:
        running = Podman(folder)
        if memory_bytes() >= MEMORY_BYTES_MIN:
            mount_memory(folder / "root", STORAGE_MEGABYTES)
        running.load_image(engine)
        try:
            yield running
        finally:
            running.remove_all()
            running.run("network", "rm", "--force", NETWORK)
    finally:
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)


def configuration() -> Path:
    """Return the file that the part has written for this machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    file = cache / "dungeonfighter" / "containers.conf"
    return file if file.exists() else go_without("podman")
