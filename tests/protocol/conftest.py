"""Real servers, shared by the tests of a module: each test uses bots of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dungeonfighter.rules import Rules, load_rules
from tests.protocol.served import Served


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="module")
def served(rules: Rules) -> Iterator[Served]:
    with Served(rules) as server:
        yield server
