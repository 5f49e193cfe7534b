"""Real servers that the tests of a module share: each test uses bots of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dungeonfighter.rules import Rules, load_rules
from tests.protocol.both_ways import BothWays, ask
from tests.protocol.served import Served


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="module")
def served(rules: Rules) -> Iterator[Served]:
    with Served(rules) as server:
        yield server


@pytest.fixture(scope="module")
def both(rules: Rules) -> Iterator[BothWays]:
    """Start a server with the short way beside one without."""
    with BothWays(rules) as ways:
        for bot in ("hero", "ada", "b-1.x_Y"):
            ways.agree(ask("start_new_game", {"seed": 11, "weapon": "sword", "name": "Ada", "botId": bot}))
        yield ways
