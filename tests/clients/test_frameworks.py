"""Agent frameworks play with scripted models of their own kind, in each way of showing results to a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.rules import Rules
from testkit.server_process import ServerProcess
from tests.clients.played import assert_played, play_in_framework, present_view, python_with, stdio

pytestmark = pytest.mark.long

FRAMEWORKS = [
    ("clients", "fastmcp_client", ["auto", "legacy", "2026-07-28"]),
    ("clients", "pydantic_ai_agent", ["retry", "failed"]),
    ("clients", "openai_agent", ["text", "structured", "strict", "structured+strict"]),
    ("adapters", "langchain_agent", ["session", "session-per-call"]),
    ("adapters", "smol_agent", ["text", "structured"]),
]
OVER_HTTP = [
    pytest.param(packages, player, mode, id=f"{player}-{mode}")
    for packages, player, modes in FRAMEWORKS
    for mode in modes
]
FIRST_MODES = [
    pytest.param(packages, player, modes[0], id=f"{player}-{modes[0]}")
    for packages, player, modes in FRAMEWORKS
]


@pytest.mark.parametrize(("packages", "player", "mode"), OVER_HTTP)
def test_its_model_reads_every_text_over_http(
    server: ServerProcess, rules: Rules, packages: str, player: str, mode: str
) -> None:
    bot = f"{player}-{mode}".replace("+", "-")
    target = {"url": f"{server.url}/bots/{bot}/mcp?toolset=fleet"}
    calls = play_in_framework(packages, player, target, mode)
    assert_played(calls, rules, present_view(server.url, bot))


@pytest.mark.parametrize(("packages", "player", "mode"), FIRST_MODES)
def test_its_model_reads_every_text_over_stdio(
    tmp_path: Path, rules: Rules, packages: str, player: str, mode: str
) -> None:
    python_with(packages)
    target = stdio(tmp_path)
    calls = play_in_framework(packages, player, target, mode)
    with ServerProcess(tmp_path) as server:
        assert_played(calls, rules, present_view(server.url, "hero"))


@pytest.mark.parametrize(("packages", "player", "mode"), FIRST_MODES)
def test_its_model_may_name_its_bot_at_the_address_of_all_bots(
    server: ServerProcess, rules: Rules, packages: str, player: str, mode: str
) -> None:
    target = {"url": f"{server.url}/mcp?toolset=fleet"}
    calls = play_in_framework(packages, player, target, mode, bot=f"{player}-named")
    assert_played(calls, rules, present_view(server.url, f"{player}-named"))
