"""A real RabbitMQ node on loopback ports, which a test kills, restarts and fills up.

The node has ports, folders and a port mapper (epmd) of its own, so that it meets no other node of the
machine, and everything that was started ends with it.
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
_STOP_SECONDS_MAX: Final = 30.0
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
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        assert self._node is None
        if self._epmd is None:
            command = ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(
                command, env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            self._await_port(self._epmd_port, self._epmd)
        with (self._folder / "node.log").open("ab") as log:
            self._node = subprocess.Popen(
                [self._program], env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._await_port(self.port, self._node)

    def stop(self) -> None:
        """End the node in order: it tells its clients."""
        assert self._node is not None
        self._node.terminate()
        self._node.wait(_STOP_SECONDS_MAX)
        self.kill()

    def kill(self) -> None:
        """End the node and the programs that it has started."""
        node, self._node = self._node, None
        if node is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()

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
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _await_port(self, port: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                log = self._folder / "node.log"
                said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
                assert process.poll() is None, f"RabbitMQ did not start:\n{said[-2000:]}"
                assert time.monotonic() < deadline, f"RabbitMQ does not listen:\n{said[-2000:]}"
                time.sleep(0.05)
            else:
                return
