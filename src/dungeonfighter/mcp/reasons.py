"""Why the SDK refuses a request: it reports every malformed request in the same three words."""

from __future__ import annotations

from typing import Any, Final

from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import INVALID_PARAMS

_SDK_WORDS: Final = "Invalid request parameters"
_NOT_INITIALIZED: Final = (
    f"{_SDK_WORDS}: send initialize first, or give each request the _meta of a revision from 2026-07-28 on"
)
_KINDS: Final = {
    "missing": "is missing", "dict_type": "must be an object", "model_type": "must be an object",
    "model_attributes_type": "must be an object", "list_type": "must be an array",
    "string_type": "must be a string", "int_type": "must be an integer", "bool_type": "must be true or false",
    "extra_forbidden": "is not known",
}  # fmt: skip


async def give_reason(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Answer one request as the SDK does, with the reason if it is malformed (an `mcp` server middleware).

    Raises:
        MCPError: The request is refused.
    """
    try:
        return await call_next(ctx)
    except ValidationError as error:
        raise MCPError(INVALID_PARAMS, f"{_SDK_WORDS}: {_reason(error)}") from None
    except MCPError as error:
        if (error.error.code, error.error.message) == (INVALID_PARAMS, _SDK_WORDS):  # only the gate raises it
            raise MCPError(INVALID_PARAMS, _NOT_INITIALIZED) from None
        raise


def _reason(error: ValidationError) -> str:
    """Return the first fault in words, without anything that the client sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = arguments.clip(".".join(str(part) for part in first["loc"]))
    return f"{place} {_KINDS.get(first['type'], 'is not valid')}"
