"""Runs a real Alertmanager for a test, and the receiver that it notifies."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from testkit.ports import free_port
from testkit.programs import Program
from tests.parts import program

WAIT_SECONDS: Final = 60.0


class Notified(NamedTuple):
    """One alert of a notification; `status` is firing or resolved."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Pager:
    """A webhook, which notes all alerts that it is notified of."""

    def __init__(self) -> None:
        self._notified: list[Notified] = []
        self._came = threading.Condition()
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                pager._note(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _note(self, message: Any) -> None:
        with self._came:
            self._notified += [
                Notified(one["status"], one["labels"], one["annotations"]) for one in message["alerts"]
            ]
            self._came.notify_all()

    def firing(self) -> set[str]:
        """Return the names of the alerts whose last notification says that they fire."""
        with self._came:
            last = {tuple(sorted(one.labels.items())): one for one in self._notified}
        return {one.labels["alertname"] for one in last.values() if one.status == "firing"}

    def wait(self, alert: str, status: str, labels: Mapping[str, str] | None = None) -> Notified:
        """Wait until an alert fires or is resolved, and return the notification.

        Args:
            alert: The name of the alert.
            status: `firing` or `resolved`.
            labels: Labels that it must have.
        """
        wanted = {"alertname": alert, **(labels or {})}

        def last() -> Notified | None:
            found = [one for one in self._notified if wanted.items() <= one.labels.items()]
            return found[-1] if found and found[-1].status == status else None

        with self._came:
            is_there = self._came.wait_for(lambda: last() is not None, WAIT_SECONDS)
            seen = [f"{one.status} {one.labels}" for one in self._notified]
            assert is_there, f"{wanted} is not {status}; there were {seen}"
            found = last()
        assert found is not None
        return found


class Alertmanager(Program):
    """An Alertmanager that runs inside the block, and passes each alert on at once.

    Args:
        folder: Its files, an existing folder.
        webhook: The address of the receiver.
    """

    def __init__(self, folder: Path, webhook: str) -> None:
        self.port = free_port()
        config = {
            "route": {
                "receiver": "pager", "group_by": ["..."], "group_wait": "100ms", "group_interval": "500ms",
                "repeat_interval": "1h",
            },
            "receivers": [
                {"name": "pager", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
            ],
        }  # fmt: skip
        file = folder / "alertmanager.yml"
        file.write_text(json.dumps(config), "utf-8")  # every JSON is YAML
        executable = program("prometheus-alertmanager", part="prometheus")
        super().__init__(
            [executable, f"--config.file={file}", f"--storage.path={folder / 'alerts'}",
             f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
            folder / "alertmanager.log", {}, listens(self.port),
        )  # fmt: skip


def listens(port: int) -> Callable[[], bool]:
    """Return a function that returns True if a program listens on a port of 127.0.0.1."""

    def connects() -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", port)) == 0

    return connects
