"""The query of an MCP address: `?toolset=core|play|fleet` and `?turns=required`."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from msgspec import Struct

from dungeonfighter.mcp import arguments
from dungeonfighter.mcp.answers import INVALID_PARAMS, ProtocolError
from dungeonfighter.mcp.tool import DEFAULT_TOOLSET, TOOLSETS, Toolset

_REQUIRED: Final = "required"


class Query(Struct, frozen=True):
    """The options of an address; `turns_required` as in `tool.Seat`."""

    toolset: Toolset = DEFAULT_TOOLSET
    turns_required: bool = False


_PLAIN: Final = Query()


def read_query(query: bytes) -> Query:
    """Return the options; unknown ones are ignored, and of a doubled one the first counts.

    Raises:
        ProtocolError: A known option has an unknown value.
    """
    if not query:
        return _PLAIN
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        given.setdefault(name, value)
    toolset, turns = given.get("toolset"), given.get("turns")
    if turns not in {None, _REQUIRED}:
        wrong = f"turns must be {_REQUIRED}, or left out; got {arguments.clip(turns or '')}"
        raise ProtocolError(INVALID_PARAMS, wrong)
    if toolset is None:
        return Query(turns_required=turns is not None)
    for known in TOOLSETS:
        if toolset == known:
            return Query(known, turns is not None)
    wrong = f"toolset must be one of {', '.join(TOOLSETS)}; got {arguments.clip(toolset)}"
    raise ProtocolError(INVALID_PARAMS, wrong)
