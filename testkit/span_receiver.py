"""A collector of traces in the process of a test: OTLP over HTTP or gRPC, which may freeze or refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_METHOD = "opentelemetry.proto.collector.trace.v1.TraceService"
_FROZEN_SECONDS_MAX = 600.0


class SpanReceiver:
    """What a collector got.

    Attributes:
        url: The endpoint.
        protocol: `grpc` or `http/protobuf`.
        spans: The received spans, each with the attributes of its resource.
        headers: The headers or the metadata of the last request.
        attempts: The number of requests, also of those that were not answered.
        answers: The statuses of the next answers over HTTP; 200 after them.
        rejected: The number of spans that each answer rejects.
    """

    def __init__(self, protocol: str) -> None:
        self.url = ""
        self.protocol = protocol
        self.spans: list[tuple[Span, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.attempts = 0
        self.answers: list[int] = []
        self.rejected = 0
        self._thawed = threading.Event()
        self._thawed.set()
        self._changed = threading.Condition()

    def freeze(self) -> None:
        """Accept connections and requests from now on, and answer none."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    def wait_for_roots(self, count: int, seconds: float = 60.0) -> list[Span]:
        """Return the spans of calls when there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.roots()) >= count, seconds), len(self.roots())
            return self.roots()

    def roots(self) -> list[Span]:
        return [span for span, _ in self.spans if span.kind == Span.SPAN_KIND_SERVER]

    def children(self, root: Span) -> list[Span]:
        """Return the spans of the stages of a call, in the order of their beginnings."""
        found = [span for span, _ in self.spans if span.parent_span_id == root.span_id]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def take(self, body: bytes, headers: dict[str, str]) -> bytes:
        """Take one request and return the answer."""
        self.attempts += 1
        self._thawed.wait(_FROZEN_SECONDS_MAX)
        request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        with self._changed:
            self.headers = headers
            for part in request.resource_spans:
                resource = attributes_of(part.resource)
                self.spans += [(span, resource) for scope in part.scope_spans for span in scope.spans]
            self._changed.notify_all()
        answer = trace_service_pb2.ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejected
        return bytes(answer.SerializeToString())


def attributes_of(described: Any) -> dict[str, Any]:
    """Return the attributes of a span or a resource."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in described.attributes}


@contextmanager
def receiving(protocol: str, port: int = 0) -> Iterator[SpanReceiver]:
    """Run a receiver on a loopback port; 0 takes a free one."""
    receiver = SpanReceiver(protocol)
    with (_over_grpc if protocol == "grpc" else _over_http)(receiver, port):
        try:
            yield receiver
        finally:
            receiver.thaw()


@contextmanager
def _over_http(receiver: SpanReceiver, port: int) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answers.pop(0) if receiver.answers else 200
            answer = b""
            if self.path != "/v1/traces" or self.headers["content-type"] != "application/x-protobuf":
                status = 404
            elif status == 200:
                answer = receiver.take(body, {name.lower(): text for name, text in self.headers.items()})
            else:
                receiver.attempts += 1
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: object) -> None:
            """Say nothing: a client that gave up has closed its connection."""

    with Server(("127.0.0.1", port), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@contextmanager
def _over_grpc(receiver: SpanReceiver, port: int) -> Iterator[None]:
    def export(body: bytes, context: Any) -> bytes:
        return receiver.take(body, dict(context.invocation_metadata()))

    handlers = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_METHOD, handlers)])
    receiver.url = f"http://127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    server.start()
    try:
        yield
    finally:
        server.stop(None)
