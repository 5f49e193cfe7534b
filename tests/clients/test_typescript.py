"""The official TypeScript SDK, 1.x and 2.x, in each of its modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.mcp import texts
from dungeonfighter.rules import Rules
from testkit.server_process import ServerProcess
from tests.clients.played import assert_played, bridge, node, play_in_node, present_view, stdio

pytestmark = pytest.mark.long

HANDSHAKE, NEWEST = "2025-11-25", "2026-07-28"
OVER_STDIO = [
    (1, "legacy", HANDSHAKE),
    (2, "auto", NEWEST),
    (2, "legacy", HANDSHAKE),
    (2, NEWEST, NEWEST),
]
OVER_HTTP = [*OVER_STDIO, (1, "legacy+structured", HANDSHAKE), (2, "auto+structured", NEWEST)]
"""The major version of the SDK, its mode, and the revision that it agrees on with the server."""


@pytest.mark.parametrize(("major", "mode", "revision"), OVER_HTTP)
def test_it_hands_over_every_text_over_http(
    server: ServerProcess, rules: Rules, major: int, mode: str, revision: str
) -> None:
    bot = f"typescript-{major}-{mode}".replace("+", "-")
    target = {"url": f"{server.url}/bots/{bot}/mcp?toolset=fleet"}
    greeting, calls = play_in_node(f"typescript_{major}.mjs", target, mode)
    assert greeting["protocol"] == revision
    assert (greeting["rules"], greeting["prompt"]) == (texts.RULES, texts.PLAY_PROMPT)
    assert_played(calls, rules, present_view(server.url, bot))


@pytest.mark.parametrize(("major", "mode", "revision"), OVER_STDIO)
def test_it_hands_over_every_text_over_stdio(
    tmp_path: Path, rules: Rules, major: int, mode: str, revision: str
) -> None:
    node("node-clients")
    greeting, calls = play_in_node(f"typescript_{major}.mjs", stdio(tmp_path), mode)
    assert greeting["protocol"] == revision
    with ServerProcess(tmp_path) as server:
        assert_played(calls, rules, present_view(server.url, "hero"))


@pytest.mark.parametrize(("major", "mode", "revision"), OVER_STDIO)
def test_it_hands_over_every_text_over_a_bridge(
    server: ServerProcess, rules: Rules, major: int, mode: str, revision: str
) -> None:
    bot = f"typescript-{major}-{mode}-bridged"
    greeting, calls = play_in_node(f"typescript_{major}.mjs", bridge(server.url, bot), mode)
    assert greeting["protocol"] == revision
    assert (greeting["rules"], greeting["prompt"]) == (texts.RULES, texts.PLAY_PROMPT)
    assert_played(calls, rules, present_view(server.url, bot))


@pytest.mark.parametrize(("major", "mode"), [(1, "legacy"), (2, "auto")])
def test_it_may_name_its_bot_at_the_address_of_all_bots(
    server: ServerProcess, rules: Rules, major: int, mode: str
) -> None:
    bot = f"typescript-{major}-named"
    target = {"url": f"{server.url}/mcp?toolset=fleet"}
    _, calls = play_in_node(f"typescript_{major}.mjs", target, mode, bot)
    assert_played(calls, rules, present_view(server.url, bot))
