"""The bytes of an MCP POST before any protocol library sees them, and the checks of its answer.

This module keeps two promises. Every non-2xx answer on an MCP path is a JSON-RPC error, with the request's id
where it is known. Hostile bytes cost no more than one read: a bound on the size applies
during the read, and a bound on the depth before any code walks the document.

Source: docs/tools.md, "Errors"; MCP 2026-07-28, basic/transports/streamable-http.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from mcp_types import HEADER_MISMATCH

from dungeonfighter import limits
from dungeonfighter.access.admission import joined
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp.answers import INVALID_REQUEST, PARSE_ERROR, ProtocolError
from dungeonfighter.mcp.rejections import Rejections, reason_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RequestId = str | int | None

JSON: Final = b"application/json"
NO_STORE: Final = (b"cache-control", b"no-store")
_NO_STORE_SHORT: Final = (b"cache-control", b"no-store, no-transform")
BOT_HEADER: Final = b"mcp-param-bot-id"
"""Clients of 2026-07-28 repeat `botId` in this header, for balancers."""


class Reply(Protocol):
    """Takes the answer to one request, once, in the event loop; the client may be gone."""

    def __call__(self, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Send a whole JSON answer; `extra` holds the headers besides type and length."""


DELIVERY: Final = "dungeonfighter.delivery"
"""The key of the `Delivery` in the scope of a request, if the server observes the end of its connection."""


class HeadHandler(Protocol):
    """Handles further requests whose head equals one that the short way accepted, except for the value of
    `BOT_HEADER`.
    """

    def __call__(
        self, body: bytes, reply: Reply, named: bytes | None, delivery: Delivery | None = None
    ) -> bool:
        """Answer a request, or return False if it is refused.

        Args:
            body: The whole body.
            reply: Takes the answer, perhaps before this returns.
            named: The value of `BOT_HEADER`; None without that header.
            delivery: The way of the answer; None if its end cannot be observed.
        """


class ShortWay(Protocol):
    """Answers small requests without the protocol library."""

    def handle(
        self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply, delivery: Delivery | None = None
    ) -> HeadHandler | None:
        """Answer a request through `reply`, if the short way accepts it completely.

        Args:
            scope: The ASGI scope of a POST; only headers and query are read.
            body: The whole body.
            bot: The bot's segment of the path; None on `/mcp`.
            reply, delivery: As `HeadHandler`.

        Returns:
            A handler of further bodies under the same head, if the short way answers the request; None if
            it refuses the request.
        """


class TooLarge(Exception):
    """The body is longer than the limit."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def listed(scope: Scope, name: bytes) -> str | None:
    """Return the values of all headers of this (lower-case) name as one list; None if there is none.

    Source: RFC 9110, section 5.3.
    """
    values = joined(value for key, value in scope["headers"] if key == name)
    return None if values is None else values.decode("latin-1")


def authorization(scope: Scope) -> bytes | None:
    """Return the credentials of a request as `Admission.identify` takes them."""
    return joined(value for name, value in scope["headers"] if name == b"authorization")


def has_two_hosts(scope: Scope) -> bool:
    """Return whether there are several Host headers: a proxy may have checked another one than we would.

    Source: RFC 9112, section 3.2.
    """
    return [key for key, _ in scope["headers"]].count(b"host") > 1


async def read_body(scope: Scope, receive: Receive, most: int = limits.body_bytes_max) -> bytes:
    """Return the whole body, and never keep more than `most` bytes of it in memory.

    Raises:
        TooLarge: The body, or its content-length, is beyond that bound.
        Disconnected: The client went away before the end of the body.
    """
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared[:20]) > most:
        raise TooLarge
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        if len(whole) > most:
            raise TooLarge
        return whole
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > most:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise Disconnected


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body that was already read, then the connection's own messages."""
    pending = [body]

    async def next_message() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return next_message


class Envelope(msgspec.Struct, frozen=True):
    """A parsed body: a JSON-RPC message (then `fault` is None) or a fault, and the request id, if any."""

    id: RequestId
    message: dict[str, Any]
    fault: ProtocolError | None = None


def open_envelope(body: bytes) -> Envelope:
    """Parse a body as one JSON-RPC request or notification; never raises."""
    try:
        decoded = msgspec.json.decode(body)
    except RecursionError:
        return _faulty(None, INVALID_REQUEST, _TOO_DEEP)
    except (msgspec.DecodeError, ValueError):
        return _faulty(None, PARSE_ERROR, "Parse error: the message is not valid JSON")
    if isinstance(decoded, list):
        return _faulty(None, INVALID_REQUEST, "JSON-RPC batches are not served: send each request by itself")
    if not isinstance(decoded, dict):
        return _faulty(None, INVALID_REQUEST, "Invalid request: a message must be one JSON-RPC object")
    if decoded.get("params", {}) is None:
        del decoded["params"]  # clients whose serializer writes every member mean that there are none
    own_id = decoded.get("id")
    known = own_id if isinstance(own_id, str | int) and not isinstance(own_id, bool) else None
    if wrong := _fault_in(decoded, known):
        return _faulty(known, INVALID_REQUEST, wrong)
    if body.count(b"[") + body.count(b"{") > limits.json_depth_max and is_deep(decoded):
        return _faulty(known, INVALID_REQUEST, _TOO_DEEP)
    return Envelope(known, decoded)


NO_RESPONSES: Final = "Invalid request: this server asks nothing, so it takes no responses"
_TOO_DEEP: Final = f"Invalid request: JSON nested more than {limits.json_depth_max} levels deep"


def _faulty(request_id: RequestId, code: int, message: str) -> Envelope:
    return Envelope(request_id, {}, ProtocolError(code, message))


def _fault_in(decoded: dict[str, Any], known: RequestId) -> str:
    if decoded.get("jsonrpc") != "2.0":
        return 'Invalid request: "jsonrpc" must be "2.0"'
    if "method" not in decoded and ("result" in decoded or "error" in decoded):
        return NO_RESPONSES
    if not isinstance(decoded.get("method"), str):
        return 'Invalid request: "method" must be a string'
    if "id" in decoded and known is None:
        return 'Invalid request: "id" must be a string or an integer'
    if not isinstance(decoded.get("params"), dict | None):
        return 'Invalid request: "params" must be an object'
    return ""


def is_deep(decoded: object) -> bool:
    """Return whether a document is nested too deep; walk it level by level, without recursion."""
    level = [decoded]
    for _ in range(limits.json_depth_max):
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                below += [value for value in node.values() if isinstance(value, dict | list)]
            elif isinstance(node, list):
                below += [value for value in node if isinstance(value, dict | list)]
        if not below:
            return False
        level = below
    return True


def error_body(request_id: RequestId, code: int, message: str, data: object = None) -> bytes:
    """Return a JSON-RPC error as bytes; `id` is null where the request's own is unknown."""
    error: dict[str, object] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, "error": error})


async def send_fault(send: Send, fault: ProtocolError, request_id: RequestId) -> None:
    """Answer with a JSON-RPC error and its HTTP status."""
    await send_json(send, *whole_fault(fault, request_id))


def whole_fault(fault: ProtocolError, request_id: RequestId) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return status, body and headers of the answer to a faulty request."""
    body = error_body(request_id, fault.code, fault.message, fault.data)
    return fault.status, body, extra_headers(fault)


def extra_headers(fault: ProtocolError) -> list[tuple[bytes, bytes]]:
    """Return the headers that belong to the status of a fault, such as `Allow` and `Retry-After`.

    Source: RFC 9110, sections 11.6.1, 15.5.6, 15.5.16 and 10.2.3.
    """
    extra = []
    if fault.status == 401 or fault.challenge:
        extra.append((b"www-authenticate", fault.challenge.encode("ascii") or b"Bearer"))
    if fault.status == 405:
        extra.append((b"allow", fault.allow))
    if fault.status == 415:
        extra.append((b"accept-encoding", b"identity"))
    if fault.data is not None and "retryAfterSeconds" in fault.data:
        extra.append((b"retry-after", str(fault.data["retryAfterSeconds"]).encode()))
    return extra


async def send_json(send: Send, status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Send a whole JSON answer."""
    length = str(len(body)).encode()
    headers = [(b"content-type", JSON), _not_kept(length), (b"content-length", length), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _not_kept(length: bytes) -> tuple[bytes, bytes]:
    """Return the header of an answer that nobody keeps, and that nobody compresses if it is short."""
    is_short = length != b"" and int(length) < limits.compressible_bytes_min
    return _NO_STORE_SHORT if is_short else NO_STORE


class Mended:
    """A `send` for the SDK: good answers pass, failed ones become JSON-RPC errors with the request's id.

    `fault` is set by a handler whose failure needs an HTTP status of its own (429, 503, 500).
    """

    def __init__(self, send: Send, request_id: RequestId, rejections: Rejections) -> None:
        self._send = send
        self._rejections = rejections
        self._request_id = request_id
        self._held: Message | None = None
        self._body = bytearray()
        self.started = False
        self.fault: ProtocolError | None = None
        self.error_code = 0
        """The code of the error that was answered; 0 for a good answer."""

    async def __call__(self, message: Message) -> None:
        """Pass on a message; buffer a failed answer until it is complete."""
        if message["type"] == "http.response.start":
            if message["status"] < 400 and self.fault is None:
                self.started = True
                headers = {bytes(name).lower(): value for name, value in message.get("headers", ())}
                headers |= [_not_kept(headers.get(b"content-length", b""))]
                await self._send({**message, "headers": [*headers.items()]})
            else:
                self._held = message
            return
        if self._held is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._mend(int(self._held["status"]))

    async def _mend(self, status: int) -> None:
        self.started = True
        if self.fault is not None:
            self.error_code = self.fault.code
            self._rejections.count_fault(self.fault)
            await send_fault(self._send, self.fault, self._request_id)
            return
        error = _error_in(bytes(self._body))
        if error is None:
            error = {"code": INVALID_REQUEST, "message": _REASONS.get(status, "the request was refused")}
        self._rejections.count(reason_of(status, error["code"]))
        self.error_code = error["code"]
        message = str(error["message"])
        if error["code"] == HEADER_MISMATCH and _BOT_HEADER_NAME in message:
            message += _BOT_HEADER_WAY_OUT
        body = error_body(self._request_id, error["code"], message, error.get("data"))
        await send_json(self._send, status, body)


_BOT_HEADER_NAME: Final = "Mcp-Param-Bot-Id"
_BOT_HEADER_WAY_OUT: Final = (
    "; the header must repeat botId, and a client that has listed the tools sends it by itself: "
    "list the tools first, or use /bots/{botId}/mcp"
)
_REASONS: Final = {
    400: "Invalid request",
    404: "Not found",
    406: "Not acceptable: this method answers with text/event-stream, which the Accept header must allow",
    415: "Unsupported media type: Content-Type must be application/json",
}


def _error_in(body: bytes) -> dict[str, Any] | None:
    """Return the JSON-RPC error in an answer; None if the answer is not an error."""
    try:
        error = msgspec.json.decode(body)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return (
        error
        if isinstance(error, dict) and isinstance(error.get("code"), int) and "message" in error
        else None
    )
