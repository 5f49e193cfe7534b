"""Senders of spans: OTLP over HTTP and over gRPC. Only a process that sends spans imports this module.

A sender belongs to one thread. It never sends a batch twice: `span_export` decides about that.

Source: OpenTelemetry, "OTLP Specification 1.9", sections "OTLP/gRPC" and "OTLP/HTTP".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

SEND_SECONDS_MAX: Final = 1.5
"""The longest time of one request. A collector beside the server answers within milliseconds."""
_ANSWER_BYTES_MAX: Final = 65_536
_HTTP_PATH: Final = "/v1/traces"
_GRPC_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_HTTP_RETRYABLE: Final = frozenset({429, 502, 503, 504})
_REASON_CHARS_MAX: Final = 200


class NotSent(Exception):
    """The collector did not accept a batch.

    Args:
        reason: The reason, for the log; without headers.
        may_retry: The same batch may be accepted later.
    """

    def __init__(self, reason: str, *, may_retry: bool) -> None:
        super().__init__(" ".join(reason.split())[:_REASON_CHARS_MAX])
        self.may_retry = may_retry


class Sender(Protocol):
    """The way to one collector."""

    def send(self, request: ExportTraceServiceRequest) -> int:
        """Send a batch; return the number of spans that the collector rejected.

        Raises:
            NotSent: The collector did not accept the batch.
        """

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send other headers from now on; may be called from any thread."""

    def close(self) -> None:
        """Close the connections."""


class HttpSender:
    """OTLP over HTTP with binary messages.

    Args:
        endpoint: The address of the collector; the path of traces is added.
        headers: Headers of each request.
        certificate: A file with the certificates to trust; "" for those of the system.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str], certificate: str = "") -> None:
        import httpx2  # noqa: PLC0415 (a server without traces does not need its client)

        self._errors: Final = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)
        self._url = endpoint.removesuffix("/")
        if not self._url.endswith(_HTTP_PATH):
            self._url += _HTTP_PATH
        self._headers = dict(headers)
        trust: Any = _trust(certificate) if certificate else True
        self._client = httpx2.Client(follow_redirects=False, timeout=SEND_SECONDS_MAX, verify=trust)

    def send(self, request: ExportTraceServiceRequest) -> int:
        """See `Sender`."""
        headers = {**self._headers, "content-type": "application/x-protobuf"}
        try:
            with self._client.stream(
                "POST", self._url, headers=headers, content=request.SerializeToString()
            ) as answer:
                status, body = answer.status_code, bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _ANSWER_BYTES_MAX:
                        break
        except self._errors as error:
            raise NotSent(str(error) or type(error).__name__, may_retry=True) from None
        if status != 200:
            raise NotSent(f"it answered with status {status}", may_retry=status in _HTTP_RETRYABLE)
        return _rejected(bytes(body))

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """See `Sender`."""
        self._headers = dict(headers)

    def close(self) -> None:
        """See `Sender`."""
        self._client.close()


class GrpcSender:
    """OTLP over gRPC.

    Args:
        endpoint: The address of the collector; `https` uses TLS.
        headers: Metadata of each request.
        certificate: A file with the certificates to trust; "" for those of gRPC.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str], certificate: str = "") -> None:
        import grpc  # noqa: PLC0415 (not where spans go over HTTP)

        self._grpc = grpc
        scheme, _, place = endpoint.partition("://")
        place = place.removesuffix("/")
        if scheme == "https":
            trusted = Path(certificate).read_bytes() if certificate else None
            self._channel = grpc.secure_channel(place, grpc.ssl_channel_credentials(trusted))
        else:
            self._channel = grpc.insecure_channel(place)
        self._export = self._channel.unary_unary(
            _GRPC_METHOD,
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=bytes,
        )
        self._metadata = tuple(headers.items())
        codes = grpc.StatusCode
        self._retryable = {
            codes.CANCELLED, codes.DEADLINE_EXCEEDED, codes.ABORTED, codes.OUT_OF_RANGE, codes.UNAVAILABLE,
            codes.DATA_LOSS, codes.RESOURCE_EXHAUSTED,
        }  # fmt: skip

    def send(self, request: ExportTraceServiceRequest) -> int:
        """See `Sender`."""
        try:
            answer = self._export(request, timeout=SEND_SECONDS_MAX, metadata=self._metadata)
        except self._grpc.RpcError as error:
            code = error.code()
            raise NotSent(f"{code.name}: {error.details()}", may_retry=code in self._retryable) from None
        except ValueError as error:  # the channel is closed
            raise NotSent(str(error), may_retry=False) from None
        return _rejected(answer)

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """See `Sender`."""
        self._metadata = tuple(headers.items())

    def close(self) -> None:
        """See `Sender`."""
        self._channel.close()


def make_sender(protocol: str, endpoint: str, headers: Mapping[str, str], certificate: str = "") -> Sender:
    """Make the sender for `grpc` or `http/protobuf`.

    Raises:
        OSError, ValueError: The certificate cannot be used.
    """
    kind = GrpcSender if protocol == "grpc" else HttpSender
    return kind(endpoint, headers, certificate)


def _rejected(answer: bytes) -> int:
    """Return the number of spans that an answer rejects; an answer that is no message rejects none."""
    try:
        return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)
    except Exception:  # noqa: BLE001 (a DecodeError, whose module differs between implementations)
        return 0


def _trust(certificate: str) -> Any:
    import ssl  # noqa: PLC0415

    return ssl.create_default_context(cafile=certificate)
