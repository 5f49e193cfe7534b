"""A real PgBouncer in transaction mode before a test PostgreSQL, from a package of the operating system."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dungeonfighter.storage.postgres_links import CONNECTION_SETTINGS
from testkit.ports import free_port
from tests.parts import program

ROLE = "bouncer"
START_SECONDS_MAX = 30.0


def role_orders() -> list[str]:
    """Return the statements that give the role its settings, which an administrator runs once.

    Source: docs/operations.md, "PostgreSQL".
    """
    return [
        f"drop role if exists {ROLE}",
        f"create role {ROLE} superuser login",
        *(f"alter role {ROLE} set {name} = {value}" for name, value in CONNECTION_SETTINGS.items()),
    ]


@contextlib.contextmanager
def bouncing(url: str) -> Iterator[str]:
    """Start a PgBouncer before the server at `url`; yield the address through the pooler."""
    bouncer = program("pgbouncer", part="pgbouncer")
    parts = urlsplit(url)
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="df-bouncer-"))
    (folder / "users.txt").write_text(f'"{ROLE}" ""\n')
    (folder / "bouncer.ini").write_text(
        f"[databases]\n* = host={parts.hostname} port={parts.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = trust\nauth_file = {folder}/users.txt\nunix_socket_dir =\n"
        "pool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
    )
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # PgBouncer refuses to run as root
    process = subprocess.Popen(
        [bouncer, "-q", folder / "bouncer.ini"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        user="nobody" if is_root else None, extra_groups=() if is_root else None,
    )  # fmt: skip
    try:
        _wait_for(port, process)
        yield f"postgresql://{ROLE}@127.0.0.1:{port}{parts.path}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("pgbouncer did not start")
