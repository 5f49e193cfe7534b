"""Three PostgreSQL servers under Patroni with etcd, by the configuration in deploy/patroni."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from testkit.ports import free_port
from testkit.postgres_server import PostgresServer
from testkit.programs import Program
from tests.integration.served import until
from tests.parts import program
from tests.unit.house.sources import ROOT

CONFIGURATION: Final = ROOT / "deploy" / "patroni" / "patroni.yaml"
DATABASE: Final = "dungeonfighter"
MEMBERS: Final = 3
PASSWORD: Final = "not-a-secret"
START_SECONDS: Final = 120.0


def _as_other_user() -> list[str]:
    """Return the beginning of a command line: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return []
    may_read = "+dac_read_search"  # the Python of root may be in its home
    return [
        program("setpriv", part="patroni"), "--reuid=nobody", "--regid=nogroup", "--clear-groups",
        f"--inh-caps={may_read}", f"--ambient-caps={may_read}",
    ]  # fmt: skip


class Member:
    """One machine: Patroni and its PostgreSQL.

    Args:
        number: From 1.
        folder: Belongs to the user of PostgreSQL.
        environ: The variables that all members share.
    """

    def __init__(self, number: int, folder: Path, environ: dict[str, str]) -> None:
        self.name = f"n{number}"
        self.address = f"127.0.0.{20 + number}"
        self.port, self._rest = free_port(), free_port()
        self._folder = folder / self.name
        self._folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
        self._log = folder / f"{self.name}.log"
        self._environ = {
            **environ,
            "PATRONI_NAME": self.name,
            "PATRONI_RESTAPI_LISTEN": f"{self.address}:{self._rest}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{self.address}:{self._rest}",
            "PATRONI_POSTGRESQL_LISTEN": f"{self.address}:{self.port}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{self.address}:{self.port}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(self._folder / "data"),
            "PATRONI_POSTGRESQL_PGPASS": str(self._folder / "pgpass"),
        }
        self._patroni: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._patroni = subprocess.Popen(
                [*_as_other_user(), program("patroni", part="patroni"), CONFIGURATION], cwd=self._folder,
                env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """Return what Patroni says of this member; empty while it does not answer."""
        connection = http.client.HTTPConnection(self.address, self._rest, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, ValueError):
            connection.request("GET", "/patroni")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        return {}

    @property
    def is_primary(self) -> bool:
        said = self.status()
        return said.get("role") in {"primary", "master"} and said.get("state") == "running"

    def kill(self) -> None:
        """Kill Patroni and all processes of PostgreSQL, as if the machine were gone."""
        if self._patroni is not None:
            self._patroni.kill()
            self._patroni.wait()
            self._patroni = None
        sign = self._folder / "data" / "postmaster.pid"
        if not sign.exists():
            return
        postmaster = sign.read_text().splitlines()[0]
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            for process in (postmaster, *children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)

    def log(self) -> str:
        return self._log.read_text()


class Cluster:
    """Three members and the etcd that they ask.

    Attributes:
        members: In the order of their names.
    """

    def __init__(self, folder: Path, programs: Path, etcd: str) -> None:
        environ = {
            "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "PATRONI_ETCD3_HOSTS": f"'{etcd}'",
            "PATRONI_POSTGRESQL_BIN_DIR": str(programs),
            "PATRONI_SUPERUSER_USERNAME": "postgres", "PATRONI_SUPERUSER_PASSWORD": PASSWORD,
            "PATRONI_REPLICATION_USERNAME": "replicator", "PATRONI_REPLICATION_PASSWORD": PASSWORD,
        }  # fmt: skip
        self.members = [Member(number, folder, environ) for number in range(1, MEMBERS + 1)]

    @property
    def database(self) -> str:
        """The connection string of a server: the primary, whichever member that is."""
        hosts = ",".join(member.address for member in self.members)
        ports = ",".join(str(member.port) for member in self.members)
        return (
            f"Host={hosts};Port={ports};Database={DATABASE};Username=postgres;Password={PASSWORD};"
            "Target Session Attributes=read-write"
        )

    def primary(self) -> Member | None:
        return next((member for member in self.members if member.is_primary), None)

    def standbys(self) -> list[str]:
        """Return the synchronization state of each standby, as the primary sees it."""
        primary = self.primary()
        said = primary.status() if primary is not None else {}
        return [one["sync_state"] for one in said.get("replication", [])]

    def is_complete(self) -> bool:
        """Return True if a commit waits for one of two standbys."""
        return self.standbys() == ["quorum"] * (MEMBERS - 1)


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a cluster with an empty database until the end of the block."""
    program("patroni", part="patroni")
    client, peer = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="df-patroni-", dir="/dev/shm"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        wheel = PostgresServer(in_memory=True)  # its programs, readable for the user of PostgreSQL
        stack.callback(wheel.close)
        urls = (f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}")
        etcd = [
            program("etcd", part="etcd"), "--data-dir", str(folder / "etcd"),
            "--listen-client-urls", urls[0], "--advertise-client-urls", urls[0],
            "--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1],
            "--initial-cluster", f"default={urls[1]}", "--auto-compaction-retention", "1",
        ]  # fmt: skip
        stack.enter_context(Program(etcd, folder / "etcd.log", {}, lambda: _answers(client)))
        made = Cluster(folder, Path(wheel.program("psql")).parent, f"127.0.0.1:{client}")
        for member in made.members:
            stack.callback(member.kill)
            member.start()
        until(made.is_complete, "the cluster does not become complete", seconds=START_SECONDS)
        _create_database(made, wheel)
        yield made


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    return False


def _create_database(made: Cluster, wheel: PostgresServer) -> None:
    primary = made.primary()
    assert primary is not None
    words = f"host={primary.address} port={primary.port} user=postgres password={PASSWORD}"
    wheel.run_as_owner(wheel.program("psql"), words, "-c", f"create database {DATABASE}")
