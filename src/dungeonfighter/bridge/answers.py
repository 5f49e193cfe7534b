"""The answers that the bridge gives itself, in the form that its client waits for.

The failure of a tool call is a tool result with `isError`, which clients show to their model. Every other
failure is a JSON-RPC error.

Source: docs/tools.md, "Errors".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter.bridge.link import Reply
from dungeonfighter.bridge.messages import Message, RequestId

INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603
INTERNAL_WAY_OUT: Final = "read the game before you go on; standard error of the bridge has details"
REFUSED: Final = -32000
UNREACHABLE: Final = "unreachable"
OUTCOME_UNKNOWN: Final = "outcome_unknown"
OVERLOADED: Final = "overloaded"
NOT_ALLOWED: Final = "not_allowed"


class Answer(Struct, frozen=True):
    """A whole JSON-RPC answer of the server.

    Attributes:
        id: The id in the answer.
        result: The result; None if the answer is an error.
        error: The error; None if the answer is a result.
    """

    id: RequestId
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def refusal(self) -> dict[str, Any]:
        """The `data` of a JSON-RPC error; empty if there is none."""
        data = (self.error or {}).get("data")
        return data if isinstance(data, dict) else {}

    @property
    def tool_code(self) -> str:
        """The code of a tool's error; empty if the tool succeeded."""
        result = self.result or {}
        structured = result.get("structuredContent")
        code = (
            structured.get("code") if result.get("isError") is True and isinstance(structured, dict) else ""
        )
        return code if isinstance(code, str) else ""


def read_answer(reply: Reply) -> Answer | None:
    """Return the JSON-RPC answer in a reply; None if it holds none."""
    try:
        content = msgspec.json.decode(_message_in(reply))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    result, error = content.get("result"), content.get("error")
    if not isinstance(result, dict):
        result = None
    if not isinstance(error, dict):
        error = None
    return None if result is None and error is None else Answer(content.get("id"), result, error)


def passed_on(reply: Reply, answer: Answer, own_id: RequestId) -> bytes:
    """Return the line for an answer of the server: its own bytes, if they are one line with this id."""
    body = _message_in(reply)
    if answer.id != own_id or type(answer.id) is not type(own_id):
        content = msgspec.json.decode(body)
        return msgspec.json.encode({**content, "id": own_id})
    return msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body


def failure(message: Message, code: str, said: str) -> bytes:
    """Return the answer to a message that the bridge could not carry out."""
    if not message.tool:
        return error(message.id, REFUSED, f"{code}: {said}", {"code": code, "message": said})
    text = f"error {code}: {said}"
    result: dict[str, Any] = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "structuredContent": {"code": code, "message": said, "text": text},
    }
    if message.version:
        result["resultType"] = "complete"
    return msgspec.json.encode({"jsonrpc": "2.0", "id": message.id, "result": result})


def error(own_id: RequestId, code: int, said: str, data: object = None) -> bytes:
    """Return a JSON-RPC error."""
    fault: dict[str, object] = {"code": code, "message": said}
    if data is not None:
        fault["data"] = data
    return msgspec.json.encode({"jsonrpc": "2.0", "id": own_id, "error": fault})


def extended(answer: Answer, own_id: RequestId, hint: str) -> bytes:
    """Return the server's JSON-RPC error with a hint behind its message, and behind that of its data."""
    fault = dict(answer.error or {})
    if isinstance(answer.refusal.get("message"), str):
        fault["data"] = {**answer.refusal, "message": f"{answer.refusal['message']}; {hint}"}
    fault["message"] = f"{fault.get('message', 'refused')}; {hint}"
    return msgspec.json.encode({"jsonrpc": "2.0", "id": own_id, "error": fault})


def _message_in(reply: Reply) -> bytes:
    """Return the JSON of a reply; of an event stream the data of its last event."""
    if reply.media_type != "text/event-stream":
        return reply.body
    events = reply.body.replace(b"\r\n", b"\n").strip().split(b"\n\n")
    rows = [row.removeprefix(b"data:").strip() for row in events[-1].split(b"\n") if row.startswith(b"data:")]
    return b"\n".join(rows)
