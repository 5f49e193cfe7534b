"""MCP addresses: the table of spellings, and both functions agree on it."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

import httptools
import pytest

from dungeonfighter.mcp.addresses import ELSEWHERE, Elsewhere, bot_segment, plain_bot_segment

PLAIN: Final = {
    b"/mcp": None,
    b"/bots/hero/mcp": b"hero",
    b"/bots/A.b_c-9/mcp": b"A.b_c-9",
    b"/bots//mcp": b"",
    b"/bots/no;id/mcp": b"no;id",
    b"/bots/mcp/mcp": b"mcp",
    b"/mcp?a=b": None,
    b"/mcp?toolset=fleet&turns=required": None,
    b"/bots/hero/mcp?turns=required": b"hero",
}
ODD: Final = {
    b"/mcp/": None,
    b"/mcp?a=B": None,
    b"/mcp?a=b#part": None,
    b"/%6dcp": None,
    b"/mcp#part": None,
    b"/bots/hero/mcp/": b"hero",
    b"/bots/hero/mcp?a=/b/": b"hero",
    b"/bots/a%2Fb/mcp": b"a%2Fb",
    b"/%62ots/hero/mcp": b"hero",
    b"/bots/hero/mcp#part": b"hero",
}
OTHER: Final = [
    b"/", b"/mcp2", b"/MCP", b"//mcp", b"/mcp//", b"/bots", b"/bots/", b"/bots/mcp", b"/bots/hero",
    b"/bots/hero/", b"/bots/hero/mcp2", b"/bots/hero/x/mcp", b"/bots/hero//mcp", b"/bots/hero/%6dcp",
    b"/bots/a#/mcp", b"/bots/a?/mcp", b"/api/bots/hero/mcp", b"//bots/hero/mcp", b"/bots/hero/mcp/x",
]  # fmt: skip
TABLE: Final[dict[bytes, bytes | Elsewhere | None]] = {**PLAIN, **ODD, **dict.fromkeys(OTHER, ELSEWHERE)}


def scope_of(target: bytes) -> dict[str, object]:
    """Return the ASGI scope that uvicorn makes of a request target."""
    raw_path = httptools.parse_url(target).path
    path = raw_path.decode("ascii")
    return {"path": unquote(path) if "%" in path else path, "raw_path": raw_path}


@pytest.mark.parametrize("target", TABLE)
def test_bot_segment(target: bytes) -> None:
    assert bot_segment(scope_of(target)) == TABLE[target]


@pytest.mark.parametrize("target", TABLE)
def test_plain_bot_segment_accepts_plain_targets_only_and_agrees(target: bytes) -> None:
    assert plain_bot_segment(target) == (TABLE[target] if target in PLAIN else ELSEWHERE)


def test_a_scope_without_raw_path_has_the_same_segment() -> None:
    assert bot_segment({"path": "/bots/hero/mcp"}) == b"hero"
