"""The messages of a client as the bridge sees them, and the headers of their HTTP requests.

The server judges messages. The bridge reads only what it needs: who waits for an answer, and which tool is
called with which arguments. A line that it cannot read goes to the server like every other one.

Source: MCP 2026-07-28, basic/transports/streamable-http.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter.mcp import schemas

RequestId = str | int | None

NEWEST: Final = "2026-07-28"
VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
CALL: Final = "tools/call"
CANCELLED: Final = "notifications/cancelled"
BOT_HEADER: Final = f"Mcp-Param-{schemas.BOT_ID['x-mcp-header']}"
_NAMED_BY: Final = {CALL: "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter that `Mcp-Name` repeats, by method."""
_WITHOUT_BOT: Final = frozenset({"list_bots", "step_many"})
_WRAPPED: Final = ("=?base64?", "?=")


class Message(Struct):
    """One line of the client.

    Attributes:
        line: The line as it came, or as the bridge has encoded it anew.
        method: Empty if the line is no request and no notification.
        id: The id of a request.
        params: The parameters; None if there are none.
        awaits_answer: The client waits for an answer: to its request, or to a line that is no message.
        is_response: The line answers a request that nobody made.
        content: The whole decoded message.
    """

    line: bytes
    method: str = ""
    id: RequestId = None
    params: dict[str, Any] | None = None
    awaits_answer: bool = True
    is_response: bool = False
    content: dict[str, Any] | None = None

    @property
    def version(self) -> str:
        """The protocol revision that the message itself names; empty in the older eras."""
        meta = (self.params or {}).get("_meta")
        version = meta.get(VERSION_KEY) if isinstance(meta, dict) else None
        return version if isinstance(version, str) else ""

    @property
    def tool(self) -> str:
        """The tool that is called; empty if the message calls none."""
        name = (self.params or {}).get("name") if self.method == CALL else None
        return name if isinstance(name, str) else ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a call; empty if there are none, or none that can be read."""
        given = (self.params or {}).get("arguments")
        return given if isinstance(given, dict) else {}

    @property
    def is_readable_call(self) -> bool:
        """The message calls a tool, with arguments that are an object or absent."""
        return bool(self.tool) and isinstance((self.params or {}).get("arguments"), dict | None)

    def with_arguments(self, arguments: dict[str, Any]) -> Message:
        """Return the same call with other arguments."""
        params = {**(self.params or {}), "arguments": arguments}
        content = {**(self.content or {}), "params": params}
        line = msgspec.json.encode(content)
        return msgspec.structs.replace(self, line=line, params=params, content=content)


def read_message(line: bytes) -> Message:
    """Read one line; never raises."""
    try:
        content = msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Message(line)
    if not isinstance(content, dict):
        return Message(line)
    method, own_id, params = content.get("method"), content.get("id"), content.get("params")
    if method is None and ("result" in content or "error" in content):
        return Message(line, awaits_answer=False, is_response=True)
    if not isinstance(own_id, str | int) or isinstance(own_id, bool):
        own_id = None
    if not isinstance(method, str) or (own_id is None and "id" in content):
        return Message(line, id=own_id)
    return Message(
        line, method, own_id, params if isinstance(params, dict) else None, "id" in content, content=content
    )


def call(own_id: RequestId, tool: str, arguments: dict[str, Any]) -> Message:
    """Return a call of the bridge itself, of the newest revision."""
    params = {"name": tool, "arguments": arguments, "_meta": {VERSION_KEY: NEWEST, CAPABILITIES_KEY: {}}}
    content = {"jsonrpc": "2.0", "id": own_id, "method": CALL, "params": params}
    return Message(msgspec.json.encode(content), CALL, own_id, params, content=content)


def headers_of(message: Message, agreed_version: str, bot: str) -> dict[str, str]:
    """Return the MCP headers of a message.

    A message of the newest revision names its method, its tool and its bot in headers, where a balancer can
    read them. A message of an older era has only the revision that client and server agreed on.

    Args:
        message: The message.
        agreed_version: The revision of the handshake; empty before it.
        bot: The bot of the path; empty on `/mcp`.
    """
    version = message.version
    if not version:
        return {"MCP-Protocol-Version": agreed_version} if agreed_version else {}
    headers = {"MCP-Protocol-Version": _header_value(version), "Mcp-Method": _header_value(message.method)}
    params = message.params or {}
    named = params.get(_NAMED_BY.get(message.method, ""))
    if isinstance(named, str):
        headers["Mcp-Name"] = _header_value(named)
    given = message.arguments.get("botId")
    if bot:
        headers[BOT_HEADER] = bot
    elif isinstance(given, str | int) and not isinstance(given, bool) and message.tool not in _WITHOUT_BOT:
        headers[BOT_HEADER] = _header_value(str(given))
    return headers


def _header_value(text: str) -> str:
    """Encode a value for a header: text that a header cannot carry, or that looks encoded, as base64."""
    begin, end = _WRAPPED
    is_plain = text.isascii() and text.isprintable() and text == text.strip() != ""
    if is_plain and not (text.lower().startswith(begin) and text.endswith(end)):
        return text
    return f"{begin}{base64.b64encode(text.encode('utf-8', 'surrogatepass')).decode()}{end}"
