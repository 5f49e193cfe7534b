"""A container engine for the tests, with the image of this tree and stand-ins for those of compose.yaml."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import randrange

import pytest

from tests.balancers import Program, quiet_port
from tests.parts import go_without, program
from tests.unit.house.sources import ROOT

BASE = "python:3.11-slim-bookworm"
IMAGE = "dungeonfighter:local"
STAND_INS = {
    "postgres": "postgres:17-bookworm",
    "valkey": "valkey/valkey:8.1-bookworm",
    "haproxy": "haproxy:3.0-bookworm",
}
COMMAND_SECONDS_MAX = 300


class Engine:
    """A `dockerd` with a socket and folders of its own, without a default network."""

    def __init__(self, folder: Path) -> None:
        self._docker = program("docker", part="docker")
        self.address = f"unix://{folder}/socket"
        words = [
            program("dockerd", part="docker"), "--data-root", str(folder / "data"), "--bridge", "none",
            "--exec-root", str(folder / "exec"), "-H", self.address, "--pidfile", str(folder / "pid"),
        ]  # fmt: skip
        self.daemon = Program(words, folder / "log", {}, (folder / "socket").exists)

    def run(self, *words: str, is_checked: bool = True) -> str:
        """Run `docker`; return what it prints, on standard output and standard error."""
        return command([self._docker, "-H", self.address, *words], {}, is_checked=is_checked)

    def inspect(self, name: str, template: str) -> str:
        return self.run("inspect", "--format", template, name).strip()

    def health(self, name: str) -> str:
        return self.inspect(name, "{{.State.Health.Status}}")

    def build(self, context: Path, tag: str, *words: str) -> None:
        self.run("build", "--network", "host", "--tag", tag, *words, str(context))

    def remove_all(self) -> None:
        """Remove all containers and their volumes, then all networks without containers."""
        if names := self.run("ps", "--all", "--quiet").split():
            self.run("rm", "--force", "--volumes", *names)
        self.run("volume", "prune", "--force")
        self.run("network", "prune", "--force")

    def import_base(self) -> None:
        """Import the root file system under the name that the Dockerfile builds on."""
        change = "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
        self.run("import", "--change", change, str(root_file("bookworm", part="base-image")), BASE)

    def import_stand_ins(self) -> None:
        """Import what stands in for the images of PostgreSQL, Valkey and HAProxy."""
        self.run("import", str(root_file("services", part="service-images")), "services:local")
        for target, tag in STAND_INS.items():
            self.build(ROOT / "tests" / "images", tag, "--target", target)


class Project:
    """The services of compose files.

    Args:
        engine: Runs them.
        folder: Gets the file of the variables.
        files: The names of the compose files.
    """

    def __init__(self, engine: Engine, folder: Path, files: Sequence[str] = ("compose.yaml",)) -> None:
        self._engine = engine
        self._name = f"game{os.getpid()}"
        self.port = quiet_port()
        network = f"172.31.{randrange(1, 255)}"
        values = {
            "DB_PASSWORD": "4f2a9c", "SIGNING_KEY": "7d" * 24, "HTTP_PORT": str(self.port),
            "SUBNET": f"{network}.0/24", "SERVER_1_ADDRESS": f"{network}.201",
            "SERVER_2_ADDRESS": f"{network}.202",
        }  # fmt: skip
        example = (ROOT / ".env.example").read_text().splitlines()
        kept = [line for line in example if line.partition("=")[0] not in values]
        self._environ = folder / "environ"
        self._environ.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]))
        self._words = [program("docker-compose", part="compose"), "--env-file", str(self._environ)]
        self._words += ["-p", self._name, *(word for file in files for word in ("-f", str(ROOT / file)))]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def run(self, *words: str, is_checked: bool = True) -> str:
        environ = {"DOCKER_HOST": self._engine.address, "COMPOSE_INTERACTIVE_NO_CLI": "1"}
        return command([*self._words, *words], environ, is_checked=is_checked)

    def container(self, service: str) -> str:
        return f"{self._name}_{service}_1"

    @property
    def network(self) -> str:
        return f"{self._name}_game"

    def health(self, service: str) -> str:
        return self._engine.health(self.container(service))

    def make_token(self, fleet: str) -> str:
        """Make a token by the command of the documents."""
        words = ("dungeonfighter", "token", "create", "--fleet", fleet)
        return self.run("exec", "-T", "server-1", *words).split()[-1]


@contextmanager
def engine() -> Iterator[Engine]:
    """Run an engine; skip the test where there is none."""
    made = Path(tempfile.mkdtemp(prefix="engine"))  # a socket has a short path
    try:
        running = Engine(made)
        if os.geteuid() != 0:
            pytest.skip("docker: the engine needs root")
        with running.daemon:
            try:
                yield running
            finally:
                running.remove_all()
    finally:
        shutil.rmtree(made, ignore_errors=True)


def root_file(name: str, *, part: str) -> Path:
    """Return the root file system that a part made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = sorted((cache / "dungeonfighter" / "images").glob(f"{name}-*.tar"))
    return found[0] if found else go_without(part)


def command(words: Sequence[str], environ: dict[str, str], *, is_checked: bool) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False, cwd=ROOT,
        stdin=subprocess.DEVNULL, env={**os.environ, "DOCKER_BUILDKIT": "0", **environ},
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert not is_checked or done.returncode == 0, f"{words}:\n{shown[-4000:]}"
    return shown if not is_checked else done.stdout
