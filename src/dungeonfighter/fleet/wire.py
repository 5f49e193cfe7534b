"""The MCP client of the load generator: `tools/call` of revision 2026-07-28 over HTTP, at little CPU.

Requests carry what that revision requires: the protocol version in header and `_meta`, the method and the
tool's name also in the headers `Mcp-Method` and `Mcp-Name`, and the bot in `Mcp-Param-Bot-Id` (from
`x-mcp-header: Bot-Id` of the tools).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from dungeonfighter.bots import textview
from dungeonfighter.rules.views.observation import Observation

PROTOCOL_VERSION = "2026-07-28"
_META = (
    b'"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientCapabilities":{},'
    b'"io.modelcontextprotocol/clientInfo":{"name":"dungeonfighter-fleet","version":"1"}}'
)
_CALL = b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":{"name":"%b","arguments":%b,%b}}'


class Snapshot(Observation, frozen=True, rename="camel", kw_only=True):
    """The json view: the observation that a policy gets, and the fields that the service adds."""

    bot_id: str
    episode: int


class Answer(Struct, frozen=True):
    """One answer of a tool.

    Attributes:
        error: "" if the tool succeeded; else a code of docs/tools.md, `http_<status>` or `rpc_<code>`.
        episode: The run of the answer, -1 if the answer names none; likewise `turn`.
        retry_after_seconds: The pause that an overloaded server asks for, 0 if it asks for none.
        message: The text of the refusal.
    """

    error: str
    text: str = ""
    snapshot: Snapshot | None = None
    episode: int = -1
    turn: int = -1
    retry_after_seconds: float = 0.0
    message: str = ""


_NULL: Final = Raw(b"null")


class _Block(Struct):
    type: str
    text: str = ""


class _Result(Struct, rename="camel"):
    content: list[_Block] = []
    is_error: bool = False
    structured_content: Raw = _NULL


class _RpcError(Struct):
    code: int
    message: str = ""
    data: Raw = _NULL


class _Reply(Struct):
    result: _Result | None = None
    error: _RpcError | None = None


class _Refusal(Struct, rename="camel"):
    """The `structuredContent` of a tool's error, or the `data` of a JSON-RPC error."""

    code: str = ""
    episode: int | None = -1
    turn: int | None = -1
    retry_after_seconds: float = 0.0


_reply = msgspec.json.Decoder(_Reply)
_snapshot = msgspec.json.Decoder(Snapshot)
_refusal = msgspec.json.Decoder(_Refusal | None)
_encode = msgspec.json.Encoder().encode
_FOREIGN_BYTES: Final = 4000
_tag: Final = re.compile(r"<[^<>]*>")


class RequestHeads:
    """The request heads of one bot, up to the value of `Content-Length`, one for each tool.

    Args:
        path, authority: As in `http.Endpoint`.
        bot_id: The bot.
        token: The access token; empty without one.
    """

    __slots__ = ("_after", "_before", "_heads")

    def __init__(self, path: str, authority: str, bot_id: str, token: str = "") -> None:
        credentials = f"Authorization: Bearer {token}\r\n" if token else ""
        self._before = (
            f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\nUser-Agent: dungeonfighter-fleet\r\n"
            f"{credentials}MCP-Protocol-Version: {PROTOCOL_VERSION}\r\nMcp-Method: tools/call\r\nMcp-Name: "
        ).encode("ascii")
        self._after = f"\r\nMcp-Param-Bot-Id: {bot_id}\r\nContent-Length: ".encode("ascii")
        self._heads: dict[str, bytes] = {}

    def of(self, tool: str) -> bytes:
        head = self._heads.get(tool)
        if head is None:
            head = self._heads[tool] = self._before + tool.encode("ascii") + self._after
        return head


class InputCalls:
    """Encodes whole requests of `handle_input`, with the same bytes as `RequestHeads` and `call_body`.

    Most requests of a load are these, so one template serves all bots: 1.1 us instead of 4.3 (measured), and
    no memory for each bot.
    """

    def __init__(self, path: str, authority: str, view: str, token: str = "") -> None:
        heads = RequestHeads(path.replace("%", "%%"), authority.replace("%", "%%"), "%b", token)
        self._head = heads.of("handle_input") + b"%d\r\n\r\n%b"
        arguments = b'{"botId":"%%b","input":%%b,"turn":%%d,"episode":%%d,"view":%b}' % _encode(view)
        self._body = _CALL % (b"%d", b"handle_input", arguments, _META)

    def request(self, number: int, bot_id: str, text: str, turn: int, episode: int) -> bytes:
        bot = bot_id.encode()
        body = self._body % (number, bot, _encode(text), turn, episode)
        return self._head % (bot, len(body), body)


def beginning_of_turn(number: int, episode: int, turn: int) -> bytes:
    """Return the first bytes of the answer to request `number` if that request made exactly this turn."""
    return (
        b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"e%d t%d |'
        % (number, episode, turn)
    )  # fmt: skip


def ending_of(body: bytes) -> bytes:
    """Return the bytes after the text of a tool's answer, which are the same in all answers without error.

    Return b"" if the body is not an answer without error.
    """
    at = body.find(b'"}],"isError":false')
    return body[at:] if at >= 0 else b""


def is_plain_turn(body: bytes, beginning: bytes, ending: bytes) -> bool:
    """Return True only if the body is the text view of the expected turn, and input `1` is legal after it.

    False means that the answer must be decoded. The view of a run that lives ends with a line of the legal
    inputs, `1` before the others. The function searches the last escape of the text, because a line break is
    one and a single character is found faster; if the last escape is another one, the result is False.
    `removeprefix` and a comparison cost less than `startswith` (both measured).

    Args:
        body: The body of an answer with status 200.
        beginning: The result of `beginning_of_turn`.
        ending: The result of `ending_of`, not empty.
    """
    rest = body.removeprefix(beginning)
    text = rest.removesuffix(ending)
    if rest in (body, text):  # the beginning or the ending is missing
        return False
    last = text.rpartition(b"\\")
    return last[1] != b"" and last[2][:3] == b"n1 "


def call_body(number: int, tool: str, arguments: Mapping[str, Any]) -> bytes:
    return _CALL % (b"%d" % number, tool.encode("ascii"), _encode(arguments), _META)


def read_answer(status: int, body: bytes, *, view: str) -> Answer:
    """Decode one HTTP answer; an answer that cannot be decoded has the error `bad_answer`."""
    try:
        reply = _reply.decode(body)
    except msgspec.MsgspecError:
        return Answer(error=f"http_{status}" if status != 200 else "bad_answer", message=_start_of(body))
    if reply.result is None:
        return _refused(status, reply.error, body)
    result = reply.result
    text = result.content[0].text if result.content else ""
    try:
        if result.is_error:
            return _tool_error(result, text)
        if view == "json":
            snapshot = _snapshot.decode(result.structured_content)
            return Answer("", text, snapshot, snapshot.episode, snapshot.turn)
    except msgspec.MsgspecError as error:
        return Answer(error="bad_answer", text=text, message=str(error))
    position = textview.position(text)
    if position is None:
        return Answer(error="bad_answer", text=text, message=f"no position in: {text[:80]!r}")
    return Answer("", text, None, *position)


def _tool_error(result: _Result, text: str) -> Answer:
    refusal = _refusal.decode(result.structured_content) or _Refusal()
    return Answer(
        error=refusal.code or "unnamed_error",
        text=text,
        episode=_known(refusal.episode),
        turn=_known(refusal.turn),
        retry_after_seconds=refusal.retry_after_seconds,
        message=text.partition("\n")[0],
    )


def _refused(status: int, error: _RpcError | None, body: bytes) -> Answer:
    if error is None:
        return Answer(error=f"http_{status}", message=_start_of(body))
    try:
        refusal = _refusal.decode(error.data) or _Refusal()
    except msgspec.MsgspecError:
        refusal = _Refusal()
    return Answer(
        error=refusal.code or f"rpc_{error.code}",
        retry_after_seconds=refusal.retry_after_seconds,
        message=error.message,
    )


def _known(number: int | None) -> int:
    return -1 if number is None else number


def _start_of(body: bytes) -> str:
    """Return the first words of a foreign answer in one line, of a web page without its tags."""
    text = (
        body[:_FOREIGN_BYTES].decode("utf-8", "replace").rpartition("</script>")[2].rpartition("</style>")[2]
    )
    return " ".join(" ".join(_tag.split(text)).split())[:120]
