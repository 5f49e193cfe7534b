"""A `_bulk` endpoint as Elasticsearch has it, over a dictionary; it can be away, refuse, and lose answers."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from testkit.ports import free_port

REFUSED_OF_A_HUNDRED = 2


class BulkEndpoint:
    """Keeps documents by id: a document whose id is there is refused with 409.

    Attributes:
        documents: The documents by id.
        repeated: The number of documents that arrived once more.
        losing: The number of requests that are carried out and not answered.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.documents: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self.losing = 0
        self._refused = Counter[str]()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def listen(self) -> None:
        """Accept connections from now on."""
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def leave(self) -> None:
        """Refuse connections from now on; requests under way are not answered."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def is_away(self) -> bool:
        return self._server is None

    def take(self, body: str) -> bytes | None:
        """Carry out a request; return its answer, None if the answer is lost."""
        lines = body.removesuffix("\n").split("\n")
        with self._lock:
            items = [
                {"create": self._create(json.loads(operation)["create"]["_id"], document)}
                for operation, document in zip(lines[::2], lines[1::2], strict=True)
            ]
            if self.losing:
                self.losing -= 1
                return None
        has_errors = any("error" in item["create"] for item in items)
        return json.dumps({"took": 1, "errors": has_errors, "items": items}).encode()

    def _create(self, name: str, document: str) -> dict[str, Any]:
        """Take one document; refuse two of a hundred at first, as a busy cluster does."""
        if int(name.rpartition("-")[2]) % 100 < REFUSED_OF_A_HUNDRED and not self._refused[name]:
            self._refused[name] += 1
            return _error(name, 429, "es_rejected_execution_exception")
        if name in self.documents:
            self.repeated += 1
            return _error(name, 409, "version_conflict_engine_exception")
        self.documents[name] = json.loads(document)
        return {"_id": name, "status": 201}


def _error(name: str, status: int, kind: str) -> dict[str, Any]:
    return {"_id": name, "status": status, "error": {"type": kind, "reason": kind}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a shipper that ends closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: ClassVar[BulkEndpoint]
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name in http.server)
        """Do nothing."""

    def do_HEAD(self) -> None:
        """Answer the health check."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Carry out a bulk request."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = None if self.endpoint.is_away else self.endpoint.take(body)
        if answer is None:
            self.close_connection = True
        else:
            self._answer(answer)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
