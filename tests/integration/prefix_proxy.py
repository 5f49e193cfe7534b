"""A proxy that serves a server below a path: it removes a prefix from each path, as many installations do."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator


def _handler(port: int, prefix: str, seen: list[str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        """Forwards one GET per connection, and passes the answer on as it comes."""

        def do_GET(self) -> None:
            seen.append(self.path)
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            upstream = http.client.HTTPConnection("127.0.0.1", port)
            with contextlib.closing(upstream):
                upstream.request("GET", "/" + self.path.removeprefix(prefix))
                answer = upstream.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                        self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    while part := answer.read1(65536):
                        self.wfile.write(part)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    return Handler


@contextlib.contextmanager
def prefix_proxy(port: int, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Run the proxy; yield the address below the prefix, and the list of the paths it was asked for.

    Args:
        port: The loopback port of the server behind it.
        prefix: For example `/game/`.
    """
    seen: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(port, prefix, seen))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
