"""The stores under contract: each test here runs over every one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dungeonfighter.hosting.ports import Store
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.sqlite import SqliteStore

STORES = ("memory", "sqlite")


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "games.db")
    await made.open()
    yield made
    await made.close()
