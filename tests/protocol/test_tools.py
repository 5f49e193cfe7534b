"""Each tool of `play`: its answer, its effect, and the equality of a shorthand with its input."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.client.client import Client

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.rules import Phase, Rules
from tests.protocol.scripts import a_cleared_dungeon
from tests.protocol.served import Served, brief, connected, text_of


class Player:
    """One bot, and a client of its path."""

    def __init__(self, served: Served, bot: str, client: Client) -> None:
        self.served = served
        self.bot = bot
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> tuple[str, Any]:
        result = await self.client.call_tool(tool, arguments)
        text = text_of(result)
        assert not result.is_error, text
        return text, result.structured_content

    @property
    def game(self) -> Any:
        return self.served.present(self.bot)


@pytest.fixture
async def player(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Player]:
    bot = request.node.name.replace("[", "-").strip("]")
    served.ask(served.host.start(f"local/{bot}", NewGame(seed=6, weapon=1)))
    async with connected(f"{served.origin}/bots/{bot}/mcp") as client:
        yield Player(served, bot, client)


@pytest.fixture
async def veteran(player: Player, rules: Rules) -> Player:
    """Return a hero that cleared a dungeon and carries items."""
    script = a_cleared_dungeon(rules)
    key = f"local/{player.bot}"

    async def through() -> None:
        await player.served.host.start(key, NewGame(seed=script.seed))
        for text in script.inputs:
            await player.served.host.play(key, text)
        for _ in range(5):
            game = await player.served.host.read(key)
            if game.state.phase == Phase.GameLoop:
                return
            await player.served.host.play(key, "1")

    player.served.ask(through())
    assert player.game.state.phase == Phase.GameLoop
    return player


READING = [
    "get_available_actions", "get_player_stats", "get_current_dungeon", "get_inventory", "get_combat_state",
    "get_recent_output", "get_available_dungeons", "get_agent_context", "get_game_state",
]  # fmt: skip


@pytest.mark.parametrize("tool", READING)
async def test_reading_leaves_every_store_unchanged(player: Player, tool: str) -> None:
    for text in ("1", "1", "1", "1", "1", "2"):
        before = player.served.row(player.bot)
        reply, parts = await player.call(tool)
        assert player.served.row(player.bot) == before
        assert reply
        if tool != "get_game_state":
            assert (parts["episode"], parts["turn"]) == (player.game.episode, player.game.turn)
        legal = [choice.input for choice in player.game.rules.legal_inputs(player.game.state)]
        await player.call("handle_input", input=text if text in legal else "1")


async def test_available_actions_are_the_legal_inputs(player: Player) -> None:
    text, parts = await player.call("get_available_actions")
    game = player.game
    legal = game.rules.legal_inputs(game.state)
    assert [one["input"] for one in parts["availableActions"]] == [choice.input for choice in legal]
    for choice in game.rules.observe(game.state).available_actions:
        shown = f"{choice.pattern} (for example {choice.input})" if choice.pattern else choice.input
        assert f"{shown}: {choice.label}" in text


async def test_a_pattern_comes_with_an_example_that_applies(veteran: Player) -> None:
    await veteran.call("handle_input", input="2")
    text, parts = await veteran.call("get_available_actions")
    patterns = [one for one in parts["availableActions"] if "pattern" in one]
    assert patterns
    for one in patterns:
        assert f"{one['pattern']} (for example {one['input']}): {one['label']}" in text
    assert "1: done" in text
    reply, _ = await veteran.call("handle_input", input=patterns[0]["input"])
    assert "Dropped " in reply


async def test_the_dungeon_of_a_fight_has_one_phase_in_every_view(player: Player) -> None:
    await player.call("start_new_game", seed=11, weapon="dagger")
    for _ in range(3):
        await player.call("handle_input", input="1")
    assert player.game.state.phase == Phase.Combat
    text, parts = await player.call("get_current_dungeon")
    assert parts["currentRoom"]["phase"] == "fight"
    assert "the fight goes on" in text
    assert "cleared" not in text
    _, snapshot = await player.call("get_game_state", view="json")
    assert snapshot["currentRoom"]["phase"] == "fight"


async def test_the_combat_state_counts_a_stun(player: Player) -> None:
    await player.call("start_new_game", seed=11, weapon="dagger")
    for _ in range(3):
        await player.call("handle_input", input="1")
    state = player.game.state
    assert state.fight is not None
    text, parts = await player.call("get_combat_state")
    fight = parts["combat"]
    assert f"in {fight['enemyActsIn'] / 1000:.1f} s" in text
    assert ("it acts before you do" in text) == fight["enemyFirst"]


async def test_player_stats_name_the_hero(player: Player) -> None:
    text, parts = await player.call("get_player_stats")
    assert "Hero, Warrior, level 1" in text
    assert parts["player"]["heroClass"] == "Warrior"


async def test_dungeons_are_chosen_in_one_input_from_the_hub(player: Player) -> None:
    """The game is the same as with the inputs of handle_input, from the hub and from the list."""
    for detour in ([], ["1"]):
        await player.call("start_new_game", seed=6, weapon="sword")
        for text in detour:
            await player.call("handle_input", input=text)
        turn = player.game.turn
        _, parts = await player.call("get_available_dungeons")
        names = [dungeon["name"] for dungeon in parts["dungeons"]]
        assert names
        text, _ = await player.call(
            "select_dungeon", dungeonIndex=len(names), turn=turn, episode=player.game.episode
        )
        assert text.startswith(f"e{player.game.episode} t{turn + 1}")
        assert player.game.state.phase == Phase.Dungeon
        reply, parts = await player.call("get_current_dungeon")
        assert parts["currentDungeon"]["name"] == names[-1]
        assert names[-1] in reply


async def test_a_dungeon_that_is_not_listed_is_illegal(player: Player) -> None:
    result = await player.client.call_tool("select_dungeon", {"dungeonIndex": 99})
    assert result.is_error
    assert brief(result.structured_content) == {"code": "illegal_input", "episode": 1, "turn": 0}


async def test_items_are_worn_taken_off_and_compared(veteran: Player) -> None:
    _, parts = await veteran.call("get_inventory")
    item = next(one for one in parts["bag"])
    text, compared = await veteran.call("compare_items", a=item["number"])
    assert item["name"] in text
    assert compared["a"] == item
    before = veteran.game
    text, _ = await veteran.call("equip_item", item=item["number"], turn=before.turn)
    assert text == veteran.game.rules.text(veteran.game.state, f"e{before.episode} t{before.turn + 1}")
    same = before.rules.apply(before.state, f"equip {item['number']}").state
    assert veteran.game.rules.encode(veteran.game.state) == before.rules.encode(same)
    _, parts = await veteran.call("get_inventory")
    assert item["name"] in [worn["name"] for worn in parts["worn"]]
    await veteran.call("unequip_item", slot=item["slot"])
    _, parts = await veteran.call("get_inventory")
    assert item["slot"] not in [worn["slot"] for worn in parts["worn"]]


async def test_the_strip_takes_an_order(veteran: Player) -> None:
    _, parts = await veteran.call("get_player_stats")
    wanted = [one["number"] for one in parts["player"]["actions"] if one["inStrip"]][::-1]
    before = veteran.game
    await veteran.call("set_combo_strip", actions=wanted)
    same = before.rules.apply(before.state, "strip " + ",".join(map(str, wanted))).state
    assert veteran.game.rules.encode(veteran.game.state) == before.rules.encode(same)


async def test_combat_is_shown(player: Player) -> None:
    for _ in range(60):
        if player.game.state.phase == Phase.Combat:
            break
        await player.call("handle_input", input="1")
    text, parts = await player.call("get_combat_state")
    assert parts["combat"]["enemy"] in text
    assert parts["combat"]["intent"] in text


async def test_recent_output_is_counted(veteran: Player) -> None:
    everything = veteran.game.rules.observe(veteran.game.state).recent_output
    for count in (1, 3, 100):
        _, parts = await veteran.call("get_recent_output", count=count)
        assert parts["recentOutput"] == everything[-min(count, 24) :]
    _, parts = await veteran.call("get_recent_output")
    assert len(parts["recentOutput"]) == min(10, len(everything))


async def test_a_directive_is_kept_over_runs_and_cleared_by_reset(player: Player) -> None:
    assert (await player.call("set_agent_directive", directive="clear level 3 first"))[
        0
    ] == "directive set: e1 t0"
    await player.call("start_new_game", seed=1)
    text, parts = await player.call("get_agent_context")
    assert parts["directive"] == "clear level 3 first"
    assert "clear level 3 first" in text
    text, _ = await player.call("reset_game")
    assert text.startswith("e3 t0")
    assert (await player.call("get_agent_context"))[1]["directive"] == ""
    assert (await player.call("set_agent_directive", directive=""))[0] == "directive cleared: e3 t0"


async def test_a_directive_is_the_note_of_every_view(player: Player) -> None:
    await player.call("set_agent_directive", directive="slip past\nthe ogre")
    for name, arguments in (("get_game_state", {}), ("handle_input", {"input": "1"})):
        text, _ = await player.call(name, **arguments)
        assert text.splitlines()[1] == 'Your note: "slip past the ogre"'
    text, parts = await player.call("get_game_state", view="json")
    assert parts["directive"] == "slip past\nthe ogre"
    assert parts["text"] == text
    await player.call("set_agent_directive", directive="")
    text, parts = await player.call("get_game_state", view="json")
    assert "Your note" not in text
    assert "directive" not in parts


async def test_a_directive_cannot_pass_for_text_of_the_game(player: Player) -> None:
    note = "first\ne9 t99 | dead\u2028e8 t1"
    await player.call("set_agent_directive", directive=note)
    text, parts = await player.call("get_agent_context")
    assert parts["directive"] == note
    assert text.splitlines()[0] == 'directive: "first e9 t99 | dead e8 t1"'


async def test_an_agent_with_an_empty_memory_finds_everything(veteran: Player) -> None:
    await veteran.call("save_game", slot="before-boss")
    text, parts = await veteran.call("get_agent_context", recentEventCount=3)
    assert text.endswith(
        veteran.game.rules.text(veteran.game.state, f"e{veteran.game.episode} t{veteran.game.turn}")
    )
    assert "before-boss" in text
    assert parts["saves"][0]["slot"] == "before-boss"
    assert len(parts["recentEvents"]) == 3
    assert parts["choices"]


async def test_saves_come_and_go(player: Player) -> None:
    text, parts = await player.call("save_game")
    assert (text, brief(parts)) == ("saved main: e1 t0", {"slot": "main", "episode": 1, "turn": 0})
    assert (await player.call("delete_save", slot="main"))[0] == "deleted main"
    assert (await player.call("get_agent_context"))[1]["saves"] == []


async def test_bots_are_listed_in_pages(player: Player) -> None:
    for name in ("zz-a", "zz-b", "zz-c"):
        player.served.ask(player.served.host.start(f"local/{name}", NewGame(seed=1)))
    text, parts = await player.call("list_bots", after="zz", count=2)
    assert text == "zz-a e1 t0\nzz-b e1 t0\nthere may be more: call with after=zz-b"
    assert parts["more"] is True
    text, parts = await player.call("list_bots", after="zz-b", count=2)
    assert text == "zz-c e1 t0"
    assert parts["more"] is False


async def test_a_new_run_takes_its_options(player: Player) -> None:
    _, view = await player.call(
        "start_new_game", name="Ada Ω", weapon="wand", seed=2**53 - 1, mode="ironman", view="json", episode=2
    )
    assert view["player"]["name"] == "Ada Ω"
    assert view["player"]["weaponKind"] == "wand"
    assert (view["seed"], view["mode"], view["episode"]) == (2**53 - 1, "ironman", 2)
