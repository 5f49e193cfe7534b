"""An old and a new release serve one store: each run is played to its end under the rules it began with.

The new release is the same program with a changed catalogue (`--catalog`), so it ships two rule sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from dungeonfighter.fleet.tally import Tally
from dungeonfighter.hosting.ports import Row, Store
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules.releases import shipped_rules
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.server_process import ROOT, ServerProcess
from tests.integration.balancer import balancing
from tests.integration.through_balancer import play_through, wait_for_turns

CONTENT = ROOT / "src" / "dungeonfighter" / "rules" / "catalog" / "content"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Make a catalogue whose first enemy of the forest has another name and more damage."""
    folder = tmp_path / "changed"
    folder.mkdir()
    enemies = json.loads((CONTENT / "enemies.json").read_text())
    enemies[0] |= {"name": "Iron Boar", "amount": enemies[0]["amount"] + 1}
    (folder / "enemies.json").write_text(json.dumps(enemies))
    return folder


def store_of(database: str) -> Store:
    if database.startswith("sqlite"):
        return SqliteStore(Path(database.removeprefix("sqlite:///")))
    return PostgresStore(database)


async def row_of(database: str, bot: str) -> Row:
    store = store_of(database)
    await store.open()
    (row,) = await store.load([f"local/{bot}"])
    await store.close()
    assert row is not None
    return row


class Release(ServerProcess):
    """A server of one release; a server of another release can replace it on the same port."""

    def __init__(self, folder: Path, database: str, catalogue: Path | None, port: int = 0) -> None:
        folder.mkdir()
        super().__init__(folder, database, () if catalogue is None else ("--catalog", str(catalogue)))
        self.port = port or self.port

    def call(self, tool: str, **arguments: Any) -> httpx2.Response:
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
        accept = {"accept": "application/json, text/event-stream"}
        return httpx2.post(f"{self.url}/bots/hero/mcp", json=body, headers=accept)

    def play(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer = self.call(tool, **arguments)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        assert not result["isError"], result
        return result


async def test_each_release_plays_the_runs_whose_rules_it_ships(
    tmp_path: Path, database: str, changed: Path
) -> None:
    with (
        Release(tmp_path / "old", database, None) as old,
        Release(tmp_path / "new", database, changed) as new,
    ):
        old.play("start_new_game", seed=5, weapon="mace")
        for number in range(12):  # both releases play a run under the old rules
            (old, new)[number % 2].play("handle_input", input="1", turn=number)
        old.play("save_game")
        row = await row_of(database, "hero")
        new.play("start_new_game", seed=5, weapon="mace")
        new.play("handle_input", input="1", turn=0)
        before = await row_of(database, "hero")
        assert before.rules != row.rules
        for tool, arguments in (
            ("handle_input", {"input": "1", "turn": 1}), ("get_game_state", {}), ("get_inventory", {}),
            ("save_game", {"slot": "other"}), ("set_agent_directive", {"directive": "no"}),
        ):  # fmt: skip
            refused = old.call(tool, **arguments)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "3"), tool
            error = refused.json()["error"]
            assert (error["code"], refused.json()["id"]) == (-32000, 7)
            assert error["message"] == f"newer_rules: {error['data'].pop('message')}"
            assert error["data"] == {"code": "newer_rules", "retryAfterSeconds": 3}
        assert await row_of(database, "hero") == before
        new.play("handle_input", input="1", turn=1)
        new.play("load_game")  # a save keeps the rules of its run
        for number in range(12, 20):
            (old, new)[number % 2].play("handle_input", input="1", turn=number)
        after = await row_of(database, "hero")
    assert (after.rules, after.episode, after.turn) == (row.rules, 3, 20)


@pytest.mark.long
async def test_bots_play_through_an_upgrade_of_two_servers(
    tmp_path: Path, database: str, changed: Path
) -> None:
    shipped = ShippedRules(shipped_rules(changed))
    with contextlib.ExitStack() as stack:
        old = [stack.enter_context(Release(tmp_path / f"old{n}", database, None)) for n in range(2)]
        async with balancing([server.port for server in old]) as balancer:

            async def upgrade(tally: Tally) -> None:
                for number, server in enumerate(old):
                    await wait_for_turns(tally, tally.turns + 100)
                    server.signal(signal.SIGTERM)
                    assert await asyncio.to_thread(server.wait) == 0
                    server.kill()
                    new = Release(tmp_path / f"new{number}", database, changed, server.port)
                    stack.callback(new.kill)
                    await new.start_in_thread()
                    await wait_for_turns(tally, tally.turns + 100)
                    while not tally.troubles["newer_rules"]:  # the old release got a new run
                        await wait_for_turns(tally, tally.turns + 10)

            await play_through(balancer, store_of(database), upgrade, bots=20, shipped=shipped)
    row = await row_of(database, "bot-00000")
    assert row.rules == shipped.current.identity
