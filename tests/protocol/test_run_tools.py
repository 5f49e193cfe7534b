"""Replays, forks and the commitment of ranked runs, as a client sees them."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from mcp.client import Client

from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.execution import differences
from dungeonfighter.replays.replay import decode
from dungeonfighter.rules import Rules
from dungeonfighter.rules.seed_sets import PUBLIC
from tests.protocol.served import Served, text_of


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    return await client.call_tool(tool, arguments)


async def played_to_the_end(client: Client, bot: str) -> str:
    text = ""
    for _ in range(200):
        result = await called(client, "handle_inputs", botId=bot, inputs=["1"] * 100)
        text = text_of(result)
        if "the run is over" in text:
            return text_of(await called(client, "get_game_state", botId=bot))
    raise AssertionError(text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_seed_of_a_ranked_run_is_committed_to_and_shown_at_its_end(
    served: Served, mode: str, rules: Rules
) -> None:
    bot = f"ranked-{mode}"
    async with Client(f"{served.url}?toolset=fleet", mode=mode) as client:
        begun = await called(client, "start_new_game", botId=bot, mode="ironman", weapon="mace", view="json")
        shown = begun.structured_content
        assert shown["seed"] is None
        assert "nonce" not in shown
        assert f"\ncommitment {shown['commitment']}" in text_of(begun)
        first = text_of(await called(client, "handle_input", botId=bot, input="1"))
        assert "commitment" not in first
        text = await played_to_the_end(client, bot)
        replay = await called(client, "get_replay", botId=bot)
    seed, nonce = re.search(r"\nseed (\d+)\nnonce ([0-9a-f]{32})", text).groups()  # type: ignore[union-attr]
    assert commitment(int(seed), bytes.fromhex(nonce), bot, 1) == shown["commitment"]
    file = decode(json.dumps(replay.structured_content).encode())
    assert file.proof is not None
    assert file.proof.commitment == shown["commitment"]
    *_, found = differences(file, rules)
    assert found is None


@pytest.mark.parametrize(
    ("seeds", "seed"),
    [
        ({"seedSet": "own", "seed": 17}, 17),
        ({"seedSet": "public", "seed": 17}, PUBLIC[16]),
        ({"seedSet": "private", "seed": 0}, None),
        ({"seedSet": "private"}, None),
    ],
)
async def test_a_client_that_sends_every_argument_can_choose_each_kind_of_seed(
    served: Served, seeds: dict[str, Any], seed: int | None
) -> None:
    async with Client(f"{served.url}?toolset=fleet") as client:
        await called(client, "start_new_game", botId="chosen", mode="short", weapon="mace", **seeds)
    state = served.present("chosen").state
    assert state.ranked == (seed is None)
    if seed is not None:
        assert state.seed == seed


READS = {
    "get_available_actions", "get_player_stats", "get_current_dungeon", "get_inventory", "get_combat_state",
    "get_recent_output", "get_available_dungeons", "get_agent_context", "get_game_state",
}  # fmt: skip


async def test_no_answer_shows_the_seed_or_the_nonce_of_a_ranked_run_that_lives(served: Served) -> None:
    bot = "secret"
    async with Client(f"{served.url}?toolset=fleet") as client:
        answers = [await called(client, "start_new_game", botId=bot, mode="ironman", weapon="mace")]
        for _ in range(5):
            answers.append(await called(client, "handle_input", botId=bot, input="1", view="json"))
            answers += [await called(client, tool, botId=bot) for tool in READS]
            answers.append(await called(client, "get_game_state", botId=bot, view="json"))
        answers.append(await called(client, "save_game", botId=bot))
        answers.append(await called(client, "get_replay", botId=bot))
        answers.append(await called(client, "fork_game", botId=bot, newBotIds=["secret-fork"]))
        forked = await called(client, "get_replay", botId="secret-fork")
    state = served.present(bot).state
    assert not state.over
    secrets = [str(state.seed), state.nonce.hex()]
    for answer in [*answers, forked]:
        whole = msgspec.json.encode([text_of(answer), answer.structured_content]).decode()
        assert not [secret for secret in secrets if secret in whole]
    assert answers[-2].is_error
    assert "not_allowed" in text_of(answers[-2])


async def test_forks_are_reported_one_by_one(served: Served) -> None:
    async with Client(f"{served.url}?toolset=fleet") as client:
        await called(client, "start_new_game", botId="parent", seed=5, weapon="mace")
        await called(client, "handle_inputs", botId="parent", inputs=["1"] * 20)
        result = await called(client, "fork_game", botId="parent", newBotIds=["kid-1", "parent"], turn=7)
        rows = result.structured_content["forks"]
        repeated = await called(client, "fork_game", botId="parent", newBotIds=["kid-1"], turn=7)
        view = await called(client, "get_game_state", botId="kid-1", view="json")
    assert rows[0] == {
        "botId": "kid-1", "episode": 1, "turn": 7, "digest": view.structured_content["digest"],
    }  # fmt: skip
    assert rows[1]["code"] == "bot_exists"
    assert text_of(result).splitlines()[0] == "1 of 2 forks of parent stand"
    assert repeated.structured_content["forks"] == [rows[0] | {"repeated": True}]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"newBotIds": []}, "newBotIds"),
        ({"newBotIds": [f"b{number}" for number in range(65)]}, "newBotIds"),
        ({"newBotIds": ["a", "a"]}, "twice"),
        ({"newBotIds": ["../a"]}, "botId"),
        ({"newBotIds": ["x" * 129]}, "botId"),
        ({"newBotIds": [{}]}, "newBotIds"),
        ({"newBotIds": "a"}, "newBotIds"),
        ({}, "newBotIds"),
        ({"newBotIds": ["a"], "exact": "yes"}, "exact"),
        ({"newBotIds": ["a"], "turn": -1}, "turn"),
        ({"newBotIds": ["a"], "view": "json"}, "view"),
    ],
)
async def test_bad_arguments_of_a_fork_are_named(served: Served, arguments: Any, named: str) -> None:
    async with Client(f"{served.url}?toolset=fleet") as client:
        await called(client, "start_new_game", botId="bad-parent", seed=5, weapon="mace", episode=1)
        result = await client.call_tool("fork_game", {"botId": "bad-parent", **arguments})
    assert result.is_error
    assert text_of(result).startswith("error bad_argument")
    assert named in text_of(result)
