"""A container engine for the tests, with the image of this tree and stand-ins for those of compose.yaml."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import randrange

import pytest

from testkit.ports import quiet_port
from testkit.programs import Program
from tests.integration.behind_balancer import reaches
from tests.parts import go_without, program
from tests.unit.house.sources import ROOT

BASE = "python:3.11-slim-bookworm"
IMAGE = "dungeonfighter:local"
VERSION, REVISION = "0.1.0", "abc"
STAND_INS = {
    "postgres": "postgres:17-bookworm",
    "valkey": "valkey/valkey:8.1-bookworm",
    "haproxy": "haproxy:3.0-bookworm",
}
WATCHERS = {
    "prometheus": "prom/prometheus:v3.15.0",
    "alertmanager": "prom/alertmanager:v0.34.1",
    "blackbox": "prom/blackbox-exporter:v0.28.0",
}
COMMAND_SECONDS_MAX = 300
MEMORY_BYTES_MIN = 8 << 30
DATA_MEGABYTES = 6000
MEMORY = "400m"
HOGS = "import os, time; [os.fork() for _ in range(4)]; kept = b'x' * 40_000_000; time.sleep(60)"
"""Sixteen processes that take memory. Each is smaller than the server, so the limit kills the server."""
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/readyz').read())"


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

    def build_image(self) -> None:
        """Build the image of this tree."""
        arguments = (f"VERSION={VERSION}", f"REVISION={REVISION}")
        self.build(ROOT, IMAGE, *(word for one in arguments for word in ("--build-arg", one)))

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
        self._import("services", STAND_INS)

    def import_watchers(self) -> None:
        """Import what stands in for the images of Prometheus, Alertmanager and the blackbox exporter."""
        self._import("monitors", WATCHERS)

    def _import(self, name: str, stand_ins: dict[str, str]) -> None:
        self.run("import", str(root_file(name, part="service-images")), f"{name}:local")
        for target, tag in stand_ins.items():
            self.build(ROOT / "tests" / "images", tag, "--target", target)


class Project:
    """The services of compose files.

    Args:
        engine: Runs them.
        folder: Gets the file of the variables.
        files: The names of the compose files.
        variables: For the file of the variables, beside those of `.env.example`.
    """

    def __init__(
        self, engine: Engine, folder: Path, files: Sequence[str] = ("compose.yaml",), **variables: str
    ) -> None:
        self._engine = engine
        self._root = ROOT
        self._files = files
        self._name = f"game{os.getpid()}"
        self.port = quiet_port()
        network = f"172.31.{randrange(1, 255)}"
        values = {
            "DB_PASSWORD": "4f2a9c", "SIGNING_KEY": "7d" * 24, "HTTP_PORT": str(self.port),
            "SUBNET": f"{network}.0/24", "SERVER_1_ADDRESS": f"{network}.201",
            "SERVER_2_ADDRESS": f"{network}.202", **variables,
        }  # fmt: skip
        self._environ = folder / "environ"
        self._environ.write_text((ROOT / ".env.example").read_text())
        self.set(**values)

    def set(self, **variables: str) -> None:
        """Set variables in their file."""
        lines = self._environ.read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in variables]
        added = [f"{name}={value}" for name, value in variables.items()]
        self._environ.write_text("\n".join([*kept, *added, ""]))

    def check_out(self, root: Path) -> None:
        """Use the compose files of another checkout from now on."""
        self._root = root

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def run(self, *words: str, is_checked: bool = True) -> str:
        return command([self.compose, *self.options, *words], self.environ, is_checked=is_checked)

    @property
    def compose(self) -> str:
        return program("docker-compose", part="compose")

    @property
    def options(self) -> list[str]:
        """The options of Compose that lead to this project."""
        files = [word for file in self._files for word in ("-f", str(self._root / file))]
        return ["--env-file", str(self._environ), "-p", self._name, *files]

    @property
    def environ(self) -> dict[str, str]:
        return {"DOCKER_HOST": self._engine.address, "COMPOSE_INTERACTIVE_NO_CLI": "1"}

    def container(self, service: str) -> str:
        return f"{self._name}_{service}_1"

    def readiness(self, service: str) -> str:
        """Return what a server says at `/readyz`."""
        return self.run("exec", "-T", service, "python3", "-c", ASK, is_checked=False)

    @property
    def network(self) -> str:
        return f"{self._name}_game"

    @property
    def network_of_watchers(self) -> str:
        return f"{self._name}_watch"

    @property
    def volume_of_logs(self) -> str:
        return f"{self._name}_server-logs"

    def health(self, service: str) -> str:
        return self._engine.health(self.container(service))

    def make_token(self, fleet: str) -> str:
        """Make a token by the command of the documents."""
        words = ("dungeonfighter", "token", "create", "--fleet", fleet)
        return self.run("exec", "-T", "server-1", *words).split()[-1]


@asynccontextmanager
async def up(
    engine: Engine, folder: Path, *files: str, services: Sequence[str] = (), **variables: str
) -> AsyncIterator[Project]:
    """Run the services of `compose.yaml`, changed by further files, until the end of the block.

    Args:
        engine: Runs them.
        folder: Gets the file of the variables.
        files: Further compose files.
        services: The services to start; by default those without a profile.
        variables: For the file of the variables.

    The servers log no traceback, whatever happens to them meanwhile.
    """
    project = Project(engine, folder, ("compose.yaml", *files), **variables)
    try:
        await asyncio.to_thread(project.run, "up", "--detach", *services)
        await reaches(lambda: project.health("haproxy") == "healthy")
        yield project
        assert "Traceback" not in project.run("logs", "--no-color", "server-1", "server-2")
    except BaseException:
        print(project.run("logs", "--tail", "200", "--no-color", is_checked=False))
        raise
    finally:
        await asyncio.to_thread(project.run, "down", "--volumes", "--timeout", "1", is_checked=False)


@contextmanager
def small_folder(folder: Path, megabytes: int) -> Iterator[Path]:
    """Make a folder on a file system of its own, of this size."""
    mount_memory(folder, megabytes)
    try:
        yield folder
    finally:
        unmount(folder)


def mount_memory(folder: Path, megabytes: int) -> None:
    """Make a folder in memory, for at most this much."""
    folder.mkdir()
    command(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], {}, is_checked=True)


def unmount(folder: Path) -> None:
    command(["umount", "--lazy", str(folder)], {}, is_checked=True)


def memory_bytes() -> int:
    """Return how much memory programs can still get; 0 if the system does not say."""
    facts = Path("/proc/meminfo")
    found = re.search(r"^MemAvailable: +(\d+) kB$", facts.read_text() if facts.exists() else "", re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def engine() -> Iterator[Engine]:
    """Run an engine; skip the test where there is none.

    Its folder is in memory if there is enough: on a busy disk the removal of its files takes minutes.
    """
    made = Path(tempfile.mkdtemp(prefix="engine"))  # a socket has a short path
    try:
        running = Engine(made)
        if os.geteuid() != 0:
            pytest.skip("docker: the engine needs root")
        if memory_bytes() >= MEMORY_BYTES_MIN:
            mount_memory(made / "data", DATA_MEGABYTES)
        with running.daemon:
            try:
                yield running
            finally:
                running.remove_all()
    finally:
        unmount_below(made)
        shutil.rmtree(made, ignore_errors=True)


def unmount_below(folder: Path) -> None:
    """Unmount what is mounted below a folder: an engine leaves the file of its network namespace."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        if (place := line.split()[1]).startswith(f"{folder}/"):
            unmount(Path(place))


def root_file(name: str, *, part: str) -> Path:
    """Return the root file system that a part made."""
    found = sorted((cache() / "images").glob(f"{name}-*.tar"))
    return found[0] if found else go_without(part)


def newer_compose() -> str:
    """Return Docker Compose 2; skip the test without it."""
    return str(file) if (file := cache() / "compose-2").exists() else go_without("compose")


def cache() -> Path:
    """Return the folder in which the parts keep what is no package."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dungeonfighter"


def command(words: Sequence[str], environ: dict[str, str], *, is_checked: bool, folder: Path = ROOT) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, check=False, cwd=folder,
        stdin=subprocess.DEVNULL, env={**os.environ, "DOCKER_BUILDKIT": "0", **environ},
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert not is_checked or done.returncode == 0, f"{words}:\n{shown[-4000:]}"
    return shown if not is_checked else done.stdout
