"""Bridges behind a network that loses, doubles and delays: no turn is lost, and none is played twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import pytest

from dungeonfighter.bots import textview
from dungeonfighter.bridge.attempts import Limits
from dungeonfighter.bridge.bridge import LINE_BYTES_MAX, OPEN_MAX
from dungeonfighter.rules import GameOptions, Rules, Weapon, load_rules
from testkit.evil_proxy import DEEDS, EvilProxy, evil
from testkit.server_process import ServerProcess
from tests.integration.bridged import PipedPlayer, Player, bridged, called, linked, text_of

Choose = Callable[[bytes], str]
QUICK: Final = Limits(patience_seconds=20.0, answer_seconds=1.0, first_answer_seconds=0.3)
CALM: Final = Limits(patience_seconds=60.0, answer_seconds=30.0, first_answer_seconds=30.0)
"""No answer comes too late."""
ONCE: Final = Limits(patience_seconds=0.0)
"""No call is repeated."""
SEED: Final = 7
PLAYS: Final = b'"handle_input"'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("bridges")) as server:
        yield server


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@contextlib.asynccontextmanager
async def through(
    server: ServerProcess, choose: Choose, bot: str, limits: Limits = QUICK, idle_seconds: float = 4.0
) -> AsyncIterator[tuple[EvilProxy, PipedPlayer]]:
    """Run a proxy in front of the server, and a bridge that calls the proxy."""
    async with (
        evil(server.port, choose) as proxy,
        linked(proxy.url, idle_seconds=idle_seconds) as link,
        bridged(link, proxy.url, bot, limits) as player,
    ):
        yield proxy, player


def once(deed: str, of: bytes = PLAYS, number: int = 1) -> Choose:
    """Return a choice that does a deed to one request, by its number among those with some bytes."""
    seen: list[bytes] = []

    def choose(request: bytes) -> str:
        if of not in request:
            return "pass"
        seen.append(request)
        return deed if len(seen) == number else "pass"

    return choose


async def begin(player: Player) -> None:
    answer = await player.call("start_new_game", weapon="mace", seed=SEED)
    assert text_of(answer).startswith("e1 t0"), answer


async def play(player: Player, **arguments: Any) -> str:
    """Play input 1 without numbers; return the run and the turn of the answer, or its first words."""
    answer = await player.call("handle_input", input="1", **arguments)
    return " ".join(text_of(answer).split()[:2])


async def standing(player: Player) -> dict[str, Any]:
    answer = await player.call("get_game_state", view="json")
    result: dict[str, Any] = answer["result"]["structuredContent"]
    return result


def digest_after(rules: Rules, inputs: list[str]) -> str:
    """Return the digest of the run that these inputs make."""
    state = rules.new_game(GameOptions(seed=SEED, weapon=Weapon.mace))
    for text in inputs:
        state = rules.advance(state, text).state
    return rules.digest(rules.encode(state)).hex()


@pytest.mark.parametrize("deed", DEEDS)
async def test_a_lost_answer_is_one_turn(server: ServerProcess, deed: str) -> None:
    async with through(server, once(deed), f"lost-{deed}") as (proxy, player):
        await begin(player)
        assert [await play(player) for _ in range(3)] == ["e1 t1", "e1 t2", "e1 t3"]
        assert (await standing(player))["turn"] == 3
        assert proxy.done[deed] == 1


@pytest.mark.parametrize(
    "deed", [deed if deed == "late" else pytest.param(deed, marks=pytest.mark.long) for deed in DEEDS]
)
@pytest.mark.parametrize("tool", ["start_new_game", "reset_game", "load_game"])
async def test_a_start_whose_answer_is_lost_is_one_run(server: ServerProcess, tool: str, deed: str) -> None:
    bot = f"{tool.replace('_', '-')}-{deed}"
    number = 2 if tool == "start_new_game" else 1  # the first start begins the first run
    async with through(server, once(deed, f'"{tool}"'.encode(), number), bot) as (proxy, player):
        await begin(player)
        await player.call("save_game")
        assert text_of(await player.call(tool)).startswith("e2 t0")
        assert text_of(await player.call(tool)).startswith("e3 t0")
        assert (await standing(player))["episode"] == 3
        assert proxy.done[deed] == 1


async def test_every_attempt_has_the_numbers_of_the_last_answer(server: ServerProcess) -> None:
    async with through(server, once("after"), "numbered", CALM) as (proxy, player):
        await begin(player)
        await play(player)
        await play(player, turn=1)
        sent = [json.loads(one.partition(b"\r\n\r\n")[2]) for one in proxy.requests if PLAYS in one]
    assert [one["params"]["arguments"] for one in sent] == [
        {"input": "1", "episode": 1, "turn": 0},
        {"input": "1", "episode": 1, "turn": 0},
        {"input": "1", "turn": 1},
    ]


@pytest.mark.parametrize("deed", ["mute", "gateway"])
async def test_many_inputs_in_one_call_are_played_once(server: ServerProcess, deed: str) -> None:
    async with through(server, once(deed, b'"handle_inputs"'), f"many-{deed}") as (_, player):
        await begin(player)
        for turn in (3, 6):
            answer = await player.call("handle_inputs", inputs=["1", "1", "1"])
            assert answer["result"]["structuredContent"]["turn"] == turn


async def test_steps_of_many_bots_are_played_once(server: ServerProcess) -> None:
    async with (
        evil(server.port, once("after", b'"step_many"', 2)) as proxy,
        linked(proxy.url) as link,
        bridged(link, proxy.url, None, QUICK) as player,
    ):
        bots = [f"step-{number}" for number in range(5)]
        for turn in range(4):
            step = {"input": "1"} if turn else {"start": {"weapon": "mace"}}
            answer = await player.call("step_many", steps=[{"botId": bot, **step} for bot in bots])
            rows = answer["result"]["structuredContent"]["results"]
            assert [(row["episode"], row["turn"]) for row in rows] == [(1, turn)] * 5
        assert proxy.done["after"] == 1


async def test_a_client_that_gives_up_and_repeats_plays_once(server: ServerProcess) -> None:
    async with through(server, once("mute"), "gave-up", CALM) as (proxy, player):
        await begin(player)
        first = await player.begin(called("first", "handle_input", input="1"))
        await proxy.until(lambda proxy: proxy.done["mute"] > 0)
        await player.cancel("first")
        assert await play(player) == "e1 t1"
        assert await play(player) == "e1 t2"
        assert not first.done()
        assert player.others == []


async def test_a_client_that_gave_up_too_early_and_repeats_plays_once(server: ServerProcess) -> None:
    async with linked(server.url) as link, bridged(link, server.url, "too-early") as player:
        await begin(player)
        await player.ask(called("first", "handle_input", input="1"))
        await player.cancel("first")  # the client did not see the answer that crossed this
        assert await play(player) == "e1 t1"
        assert await play(player) == "e1 t2"


async def test_a_client_that_has_looked_meanwhile_plays_on(server: ServerProcess) -> None:
    async with through(server, once("after"), "looked", ONCE) as (_, player):
        await begin(player)
        answer = await player.call("handle_input", input="1")
        assert answer["result"]["structuredContent"]["code"] == "outcome_unknown"
        assert (await standing(player))["turn"] == 1
        assert await play(player) == "e1 t2"


async def test_a_call_with_an_unknown_outcome_may_be_repeated(server: ServerProcess) -> None:
    async with through(server, once("after"), "again", ONCE) as (_, player):
        await begin(player)
        answer = await player.call("handle_input", input="1")
        assert answer["result"]["isError"] is True
        assert "may or may not have been applied" in text_of(answer)
        assert await play(player) == "e1 t1"
        assert (await standing(player))["turn"] == 1


async def test_a_new_bridge_asks_for_the_turn_before_its_first_call(server: ServerProcess) -> None:
    async with linked(server.url) as link, bridged(link, server.url, "woken") as player:
        await begin(player)
        await play(player)
    async with through(server, once("late"), "woken") as (_, player):
        assert await play(player) == "e1 t2"
        assert await play(player) == "e1 t3"
        assert (await standing(player))["turn"] == 3


async def test_another_player_of_the_bot_is_shown_and_not_overrun(server: ServerProcess) -> None:
    async with (
        linked(server.url) as link,
        bridged(link, server.url, "shared") as one,
        bridged(link, server.url, "shared") as two,
    ):
        await begin(one)
        await two.call("handle_input", input="2")
        answer = await one.call("handle_input", input="1")
        assert answer["result"]["structuredContent"]["code"] == "stale_turn"
        assert await play(one) == "e1 t2"


async def test_a_connection_that_died_without_a_sign_costs_no_turn(server: ServerProcess) -> None:
    def choose(request: bytes) -> str:
        return "gag" if PLAYS in request else "pass"

    async with through(server, choose, "died") as (_, player):
        await begin(player)
        assert [await play(player) for _ in range(3)] == ["e1 t1", "e1 t2", "e1 t3"]


async def test_a_repeat_trusts_no_other_connection_of_the_dead_ones(server: ServerProcess) -> None:
    limits = Limits(patience_seconds=20.0, answer_seconds=60.0, first_answer_seconds=1.0)
    async with through(server, lambda _: "gag", "all-dead", limits) as (proxy, player):
        looks = [await player.begin(called(f"n{number}", "get_game_state")) for number in range(4)]
        await asyncio.gather(*looks)
        dead = proxy.connections
        assert dead >= 4
        assert text_of(await player.call("start_new_game", weapon="mace", episode=1)).startswith("e1 t0")
        assert proxy.connections == dead + 1


async def test_a_tool_of_a_newer_server_is_not_repeated(server: ServerProcess) -> None:
    async with through(server, lambda _: "after", "newer") as (proxy, player):
        answer = await player.call("tool_of_tomorrow", turn=1)
        assert answer["result"]["structuredContent"]["code"] == "outcome_unknown"
        assert "read the game before you go on" in text_of(answer)
        assert len(proxy.requests) == 1


async def test_a_closed_connection_is_noticed_before_a_call_is_sent_on_it(server: ServerProcess) -> None:
    async with through(server, lambda _: "close", "closed", CALM) as (proxy, player):
        await begin(player)
        assert [await play(player) for _ in range(3)] == ["e1 t1", "e1 t2", "e1 t3"]
        assert len(proxy.requests) == proxy.connections == 5  # the first call asked for the turn
        assert player.notes == []


async def test_an_idle_connection_is_closed_before_the_network_forgets_it(server: ServerProcess) -> None:
    async with through(server, lambda _: "pass", "idle", CALM, idle_seconds=0.2) as (proxy, player):
        await begin(player)
        assert proxy.connections == 1
        await proxy.until(lambda proxy: not proxy.open)
        assert await play(player) == "e1 t1"
        assert proxy.connections == 2


async def test_calls_at_once_are_played_in_their_order(server: ServerProcess) -> None:
    async with through(server, once("after"), "in-order") as (_, player):
        await begin(player)
        calls = [called(f"c{number}", "handle_input", input="1") for number in range(10)]
        answers = [await player.begin(one) for one in calls]
        reading = await player.begin(called("look", "get_game_state"))
        shown = [text_of(await one) for one in answers]
        assert [one.split()[1] for one in shown] == [f"t{number}" for number in range(1, 11)]
        assert text_of(await reading).startswith("e1 t")


async def test_a_call_that_waits_too_long_for_another_one_is_refused(server: ServerProcess) -> None:
    limits = Limits(patience_seconds=1.0, answer_seconds=2.0, first_answer_seconds=2.0)
    async with through(server, once("mute"), "waits", limits) as (_, player):
        await begin(player)
        first = await player.begin(called("a", "handle_input", input="1"))
        second = await player.begin(called("b", "handle_input", input="1"))
        assert "outcome_unknown" in text_of(await first)
        assert "overloaded: calls before this one" in text_of(await second)
        assert (await standing(player))["turn"] == 0


async def test_a_request_whose_id_is_in_use_is_refused(server: ServerProcess) -> None:
    async with through(server, lambda _: "mute", "same-id") as (proxy, player):
        await player.send(called("x", "get_game_state"))
        await proxy.until(lambda proxy: proxy.done["mute"] > 0)
        assert "another request with this id" in text_of(await player.ask(called("x", "get_game_state")))
        await player.cancel("x")


async def test_messages_beyond_a_bound_are_refused(server: ServerProcess) -> None:
    async with through(server, lambda _: "mute", "flood") as (proxy, player):
        for number in range(OPEN_MAX):
            await player.send(called(f"n{number}", "get_game_state"))
        refused = await player.ask(called("more", "get_game_state"))
        assert "error overloaded: 100 messages are under way" in text_of(refused)
        proxy.choose = lambda _: "pass"


async def test_a_line_that_is_too_long_is_refused(server: ServerProcess) -> None:
    async with through(server, lambda _: "pass", "long") as (_, player):
        await player.send(b'"%b"' % (b"x" * LINE_BYTES_MAX))
        await begin(player)
        assert [answer["error"]["code"] for answer in player.others] == [-32600]


async def test_an_address_that_demands_numbers_gets_those_of_the_client_alone(server: ServerProcess) -> None:
    async with (
        linked(server.url) as link,
        bridged(link, f"{server.url}?turns=required", "strict") as player,
    ):
        assert text_of(await player.call("start_new_game")).startswith("error bad_argument")
        assert text_of(await player.call("start_new_game", episode=1)).startswith("e1 t0")
        assert text_of(await player.call("handle_input", input="1")).startswith("error bad_argument")
        assert text_of(await player.call("handle_input", input="1", turn=0, episode=1)).startswith("e1 t1")


async def test_a_text_that_no_message_can_carry_breaks_no_bridge(server: ServerProcess) -> None:
    async with through(server, lambda _: "pass", "surrogate") as (_, player):
        await begin(player)
        line = json.dumps(called("odd", "handle_input", input="X")).encode().replace(b"X", b"\\ud800")
        await player.send(line)
        assert await play(player) == "e1 t1"
        assert [answer["id"] for answer in player.others] in (["odd"], [None])


@pytest.mark.parametrize(
    ("share", "bots", "turns"), [(0.15, 4, 12), pytest.param(0.4, 12, 100, marks=pytest.mark.long)]
)
async def test_no_turn_is_lost_or_doubled_whatever_happens(
    server: ServerProcess, rules: Rules, share: float, bots: int, turns: int
) -> None:
    """Each client plays unnumbered inputs; what was answered is exactly what the server has."""
    dice = random.Random(f"evil {share}")

    def choose(_: bytes) -> str:
        return dice.choice(DEEDS) if dice.random() < share else "pass"

    async def play_on(number: int) -> None:
        own = random.Random(number)
        async with bridged(link, proxy.url, f"bot-{share}-{number}", QUICK) as player:
            shown = await until_answered(player, "start_new_game", weapon="mace", seed=SEED)
            inputs: list[str] = []
            while len(inputs) < turns and (legal := textview.inputs(shown)):
                text = own.choice(legal)
                answer = await until_answered(player, "handle_input", input=text)
                if not answer.startswith("error"):
                    inputs.append(text)
                    shown = answer
        async with (
            linked(server.url) as direct,
            bridged(direct, server.url, f"bot-{share}-{number}") as player,
        ):
            found = await standing(player)
        assert (found["episode"], found["turn"]) == (1, len(inputs))
        assert found["digest"] == digest_after(rules, inputs)

    async with evil(server.port, choose) as proxy, linked(proxy.url) as link:
        await asyncio.gather(*(play_on(number) for number in range(bots)))
    assert proxy.done["pass"] < len(proxy.requests)


async def until_answered(player: Player, tool: str, **arguments: Any) -> str:
    """Call until there is an answer of the server, as a harness does."""
    while True:
        answer = await player.call(tool, **arguments)
        text = text_of(answer)
        if "error" not in answer and not text.startswith(("error outcome_unknown", "error unreachable")):
            return text
