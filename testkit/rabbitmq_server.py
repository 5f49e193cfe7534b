"""A real RabbitMQ node on loopback ports, which a test kills, restarts and fills up.

The node has ports, folders and a port mapper (epmd) of its own, so that it meets no other node of the
machine. Everything that was started ends with the test process, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from testkit.ports import free_port

_START_SECONDS_MAX: Final = 60.0
_UNTIL_STDIN_CLOSES: Final = ("sh", "-c", '("$@" </dev/null; kill -9 0) & read _; kill -9 0', "sh")
"""Runs a program until it ends or this one closes the pipe; then kills the process group."""
_SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
"""Debian's own scripts; those in /usr/sbin change the user."""


def rabbitmq_program() -> str | None:
    """Return the path of the script that becomes a RabbitMQ node; None if there is none."""
    found = _SCRIPTS / "rabbitmq-server"
    return str(found) if found.exists() and shutil.which("epmd") else None


class RabbitMQServer:
    """One node without plugins; as a context manager it is killed at the end.

    Args:
        program: `rabbitmq_program` finds it.
        folder: Holds the database, the logs, the settings and the cookie. A node that is started once more
            has the queues and messages of before.
        settings: Further lines of `rabbitmq.conf`.
    """

    def __init__(self, program: str, folder: Path, settings: str = "") -> None:
        self._program = program
        self._folder = folder
        self.port = free_port()
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(f"loopback_users = none\n{settings}", encoding="ascii")
        (folder / "plugins").write_text("[].\n", encoding="ascii")

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        epmd, self._epmd = self._epmd, None
        if epmd is not None:
            _kill(epmd)

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        assert self._node is None
        if self._epmd is None:
            self._epmd = self._run("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
            self._await_port(self._epmd_port, self._epmd)
        self._node = self._run(self._program)
        self._await_port(self.port, self._node)

    def has_written(self, queue: str) -> bool:
        """Return True if the node would know a quorum queue after a SIGKILL: the file of their names has it.

        RabbitMQ 3.10 writes this file a second late, and a queue that is not in it is dead afterwards: every
        message is refused. An entry of a deleted queue stays in the file until another one takes its place,
        so the entry must be of the present queue, whose identifier is the name of its folder.
        """
        name = f"_{queue}m".encode()  # `m` begins the next term, so that df:in:1 is not found in df:in:15
        for file in self._folder.glob("database/*/quorum/*/names.dets"):
            for entry in file.read_bytes().split(name)[1:]:
                size = int.from_bytes(entry[:4], "big")
                if (file.parent / os.fsdecode(entry[4 : 4 + size])).is_dir():
                    return True
        return False

    def kill(self) -> None:
        """End the node and the programs that it has started."""
        node, self._node = self._node, None
        if node is not None:
            _kill(node)
            self._await_port(self.port, None)

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "node.log").open("ab") as log:
            return subprocess.Popen(
                [*_UNTIL_STDIN_CLOSES, *words], env=self._environ, stdin=subprocess.PIPE, stdout=log,
                stderr=log, cwd=self._folder, start_new_session=True,
            )  # fmt: skip

    def control(self, *words: str) -> str:
        """Execute `rabbitmqctl`, which takes a second or two, and return its output."""
        command = [str(_SCRIPTS / "rabbitmqctl"), "--quiet", *words]
        done = subprocess.run(
            command, env=self._environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"rabbitmqctl {words[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def raise_alarm(self) -> None:
        """Make the node believe that its memory is full: it accepts no messages."""
        self.control("set_vm_memory_high_watermark", "0.000001")

    def clear_alarm(self) -> None:
        self.control("set_vm_memory_high_watermark", "0.4")

    @property
    def _environ(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "dungeonfighter@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "database"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_ALLOW_INPUT": "1",  # the script becomes the node, so its process is the node's
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _await_port(self, port: int, process: subprocess.Popen[bytes] | None) -> None:
        """Wait until a process listens, or until nobody does."""
        deadline = time.monotonic() + _START_SECONDS_MAX
        while _listens(port) != (process is not None):
            said = (self._folder / "node.log").read_text(encoding="utf-8", errors="replace")[-2000:]
            assert process is None or process.poll() is None, f"RabbitMQ did not start:\n{said}"
            assert time.monotonic() < deadline, f"RabbitMQ does not start or end:\n{said}"
            time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process group, if it still lives."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
