"""One step each of many bots in one call, over real HTTP in both eras: in order, independent, retried."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from mcp.client.client import Client

from dungeonfighter import limits
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import Outcome, Write
from dungeonfighter.mcp import views
from dungeonfighter.rules import Rules
from dungeonfighter.storage.memory import MemoryStore
from tests.protocol.served import Served, brief, connected, text_of

Results = list[dict[str, Any]]


@pytest.fixture(params=["auto", "legacy"])
async def client(served: Served, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with connected(served.url, request.param) as client:
        yield client


@pytest.fixture
def bots(served: Served, request: pytest.FixtureRequest) -> list[str]:
    """Start four bots, each in the hub."""
    stem = request.node.name.translate(str.maketrans("[]", "--")).strip("-")
    names = [f"{stem}-{number}" for number in range(4)]
    for number, name in enumerate(names):
        served.ask(served.host.start(f"local/{name}", NewGame(seed=number, weapon=number)))
    return names


async def step(client: Client, steps: object, **more: Any) -> tuple[str, Results]:
    result = await client.call_tool("step_many", {"steps": steps, **more})
    assert not result.is_error, text_of(result)
    return text_of(result), result.structured_content["results"]


async def test_results_come_in_the_order_of_the_steps(
    client: Client, served: Served, bots: list[str]
) -> None:
    for order in (bots, bots[::-1]):
        text, results = await step(client, [{"botId": bot, "input": "1"} for bot in order])
        assert text.splitlines()[0] == "4 steps: 4 ok"
        assert [result["botId"] for result in results] == order
        for bot, result in zip(order, results, strict=True):
            game = served.present(bot)
            assert result == {
                "botId": bot, "episode": 1, "turn": game.turn, "score": game.rules.score(game.state) / 100,
                "isOver": False, "reward": 0.0, "text": views.text_view(game),
            }  # fmt: skip


async def test_the_reward_is_the_score_gained(client: Client, bots: list[str]) -> None:
    before, gained = dict.fromkeys(bots, 0.0), 0.0
    for _ in range(80):
        _, results = await step(client, [{"botId": bot, "input": "1"} for bot in bots], view="none")
        for result in results:
            assert result["reward"] == pytest.approx(result["score"] - before[result["botId"]])
            before[result["botId"]] = result["score"]
            gained += result["reward"]
    assert gained > 0


async def test_each_result_has_the_requested_view(client: Client, served: Served, bots: list[str]) -> None:
    steps = [{"botId": bots[0], "input": "1"}, {"botId": bots[1], "input": "fly"}]
    _, (done, failed) = await step(client, steps, view="json")
    assert done["view"] == views.json_view(served.present(bots[0]))
    assert "text" not in done
    assert failed["text"].endswith(views.text_view(served.present(bots[1])))
    _, (done, failed) = await step(client, steps, view="none")
    assert set(done) == {"botId", "episode", "turn", "score", "isOver", "reward"}
    assert failed["text"].startswith("error illegal_input: 'fly' is not legal now: an input is a number, ")
    assert "\n" not in failed["text"]


async def test_steps_are_answered_alike_whether_or_not_all_can_be_decoded(
    client: Client, bots: list[str]
) -> None:
    steps = [{"botId": bot, "input": " 1 ", "turn": 0, "episode": 1} for bot in bots[:2]]
    steps += [{"botId": bot, "start": {"seed": 1}, "episode": 1} for bot in bots[2:]]
    await step(client, steps)
    _, together = await step(client, steps)
    for odd in (7, {"input": "1"}, {"botId": bots[0]}, {"botId": "one", "input": "1", "turn": -1}):
        _, (*alone, refused) = await step(client, [*steps, odd])
        assert refused["code"] == "bad_argument"
        assert alone == together


@pytest.mark.parametrize(
    "name",
    ["{0}\n{1}", "{0}\n", "\n", "", "-a", "a" * 129],
    ids=["two", "line", "end", "none", "minus", "long"],
)
async def test_a_malformed_bot_id_fails_alone(
    client: Client, served: Served, bots: list[str], name: str
) -> None:
    odd = name.format(*bots[2:])
    text, results = await step(client, [{"botId": bot, "input": "1"} for bot in (bots[0], odd, bots[1])])
    assert text.startswith("3 steps: 2 ok, 1 error (bad_argument 1)")
    assert results[1]["code"] == "bad_argument"
    assert "botId" not in results[1]
    assert [served.present(bot).turn for bot in bots] == [1, 1, 0, 0]


async def test_each_step_fails_by_itself(client: Client, served: Served, bots: list[str]) -> None:
    before = [served.row(bot) for bot in bots[1:]]
    text, results = await step(
        client,
        [
            {"botId": bots[0], "input": "1"},
            {"botId": bots[1], "input": "fly"},
            {"botId": "nobody", "input": "1"},
            {"botId": bots[0], "input": "1"},
            {"botId": bots[2], "input": "1", "turn": 5},
            {"botId": bots[3], "input": "1", "episode": 9},
        ],
    )
    codes = [result.get("code") for result in results]
    expected = [None, "illegal_input", "unknown_bot", "bad_argument", "future_turn", "stale_turn"]
    assert codes == expected
    assert served.present(bots[0]).turn == 1
    assert [served.row(bot) for bot in bots[1:]] == before
    for bot, result in ((bots[1], results[1]), (bots[2], results[4]), (bots[3], results[5])):
        assert (result["botId"], result["episode"], result["turn"]) == (bot, 1, 0)
        assert result["text"].endswith(views.text_view(served.present(bot)))
    first, *shown = text.split("\n\n")
    assert first.startswith("6 steps: 1 ok, 5 errors (")
    for code in expected[1:]:
        assert f"{code} 1" in first
    assert f"{bots[1]}: error illegal_input: " in text
    assert len(shown) == 6 + len(bots[1:])  # the views of the errors stand apart


async def test_the_text_of_many_steps_has_some_of_the_errors(client: Client) -> None:
    text, _ = await step(client, [{"botId": f"unknown-{number}", "input": "1"} for number in range(30)])
    first, *examples = text.splitlines()
    assert first.startswith("30 steps: 0 ok, 30 errors (unknown_bot 30); ")
    assert len(examples) == 3
    assert examples[0].startswith("unknown-0: error unknown_bot: ")


MALFORMED: list[tuple[object, str]] = [
    ("a string", "must be an object"),
    (None, "must be an object"),
    ([], "must be an object"),
    ({}, "`botId` is missing"),
    ({"input": "1"}, "`botId` is missing"),
    ({"botId": True, "input": "1"}, "`botId` must be"),
    ({"botId": "-x", "input": "1"}, "`botId` must be"),
    ({"botId": "x" * 129, "input": "1"}, "129 characters"),
    ({"botId": "bot"}, "`input` or `start`"),
    ({"botId": "bot", "input": None, "start": None}, "`input` or `start`"),
    ({"botId": "bot", "input": "1", "start": {}}, "not both"),
    ({"botId": "bot", "input": True}, "`input` must be a string; got true"),
    ({"botId": "bot", "input": ""}, "not empty"),
    ({"botId": "bot", "input": "1", "turn": -1}, "`turn` must be an integer of at least 0"),
    ({"botId": "bot", "input": "1", "turn": True}, "`turn` must be an integer of at least 0"),
    ({"botId": "bot", "input": "1", "view": "json"}, "no argument `view` here; allowed: botId, input, start"),
    ({"botId": "bot", "start": "now"}, "`start` must be an object"),
    ({"botId": "bot", "start": {"x": 1}}, "no argument `x` here; allowed: name, weapon, seed, mode"),
    ({"botId": "bot", "start": {"weapon": "bow"}}, "`weapon` must be one of"),
    ({"botId": "bot", "start": {"name": " a"}}, "this one has a space at an end"),
    ({"botId": "bot", "start": {"mode": "daily", "seed": 1}}, "leave seed out"),
    ({"botId": "bot", "start": {}, "turn": 0}, "`turn` goes with `input`"),
]


def _of_its_own(given: object, bot: str) -> object:
    """Return the step with another bot id, where its own is valid."""
    return given | {"botId": bot} if isinstance(given, dict) and given.get("botId") == "bot" else given


async def test_a_malformed_step_fails_by_itself_and_says_why(
    client: Client, served: Served, bots: list[str]
) -> None:
    before = served.everything()
    steps = [_of_its_own(given, f"bot{number}") for number, (given, _) in enumerate(MALFORMED)]
    _, results = await step(client, steps)
    for given, (_, reply), result in zip(steps, MALFORMED, results, strict=True):
        assert result["code"] == "bad_argument", given
        assert reply in result["text"], given
        named = given.get("botId") if isinstance(given, dict) else None
        assert result.get("botId") == (named if isinstance(named, str) and named.startswith("bot") else None)
        assert "episode" not in result
        name = result.get("botId", "step 1")
        summary = f"1 step: 0 ok, 1 error (bad_argument 1)\n\n{name}: {result['text']}"
        assert await step(client, [given]) == (summary, [result])
    assert served.everything() == before
    assert served.present(bots[0]).turn == 0


@pytest.mark.parametrize(
    "steps",
    [[], {}, "1", None, [{"botId": "x", "input": "1"}] * 1001],
    ids=["none", "object", "text", "null", "1001"],
)
async def test_steps_must_be_a_list_of_1_to_1000(client: Client, steps: object) -> None:
    result = await client.call_tool("step_many", {"steps": steps})
    assert result.is_error
    assert brief(result.structured_content) == {"code": "bad_argument"}
    assert "`steps` must be a list of 1 to 1000, each an object" in text_of(result)


async def test_a_thousand_bots_begin_and_play(client: Client, served: Served, bots: list[str]) -> None:
    names = [f"{bots[0]}-{number}" for number in range(limits.steps_at_once_max)]
    starts = [{"botId": name, "start": {"seed": number}} for number, name in enumerate(names)]
    for steps, turn in ((starts, 0), ([{"botId": name, "input": "1", "turn": 0} for name in names], 1)):
        text, results = await step(client, steps)
        assert text.startswith("1000 steps: 1000 ok; ")
        assert [(one["botId"], one["turn"]) for one in results] == [(name, turn) for name in names]
    assert served.present(names[-1]).state.seed == 999


async def test_starts_take_the_options_of_start_new_game(
    client: Client, served: Served, bots: list[str]
) -> None:
    options = {"name": "Ada", "weapon": "wand", "seed": 7, "mode": "ironman"}
    new = f"{bots[0]}-new"
    steps = [
        {"botId": bots[0], "start": options, "episode": 2},
        {"botId": new, "start": {}},
        {"botId": bots[1], "input": "1"},
        {"botId": bots[2], "start": {}, "episode": 5},
    ]
    _, results = await step(client, steps)
    assert [result.get("episode") for result in results] == [2, 1, 1, 1]
    assert [result.get("code") for result in results] == [None, None, None, "future_turn"]
    state = served.present(bots[0]).state
    assert (state.hero.name, state.seed) == ("Ada", 7)
    _, (handler,) = await step(client, steps[:1])
    assert handler["repeated"] is True
    assert {**results[0], **handler} == {**results[0], "repeated": True}
    assert "reward" not in handler


async def test_a_retry_of_the_same_call_plays_no_input_and_says_so(
    client: Client, served: Served, bots: list[str]
) -> None:
    steps = [{"botId": bot, "input": "1", "turn": 0, "episode": 1} for bot in bots]
    _, first = await step(client, steps)
    before = [served.row(bot) for bot in bots]
    text, handler = await step(client, steps)
    assert text.splitlines()[0] == "4 steps: 4 ok"
    assert [served.row(bot) for bot in bots] == before
    for one, other in zip(first, handler, strict=True):
        assert one.pop("reward") == 0.0
        assert other == one | {"repeated": True}
    served.ask(served.host.play(f"local/{bots[0]}", "1"))
    _, late = await step(client, steps)
    assert late[0]["turn"] == 2
    assert "(repeated:" in late[0]["text"]


async def test_step_many_is_refused_at_the_address_of_one_bot(served: Served, bots: list[str]) -> None:
    for mode in ("auto", "legacy"):
        async with connected(f"{served.origin}/bots/{bots[0]}/mcp?toolset=fleet", mode) as bound:
            names = [tool.name for tool in (await bound.list_tools()).tools]
            assert "step_many" not in names
            result = await bound.call_tool("step_many", {"steps": [{"botId": bots[0], "input": "1"}]})
        assert result.is_error
        assert "send it to /mcp" in text_of(result)
    assert served.present(bots[0]).turn == 0


async def test_a_host_that_drains_refuses_each_step_and_not_the_call(rules: Rules) -> None:
    with Served(rules) as server:
        server.ask(server.host.start("local/a", NewGame(seed=1)))
        server.ask(server.host.close())
        async with connected(server.url) as client:
            text, results = await step(
                client, [{"botId": "a", "input": "1"}, {"botId": "b", "start": {}}, {"botId": "-"}]
            )
    assert [result["code"] for result in results] == ["draining", "draining", "bad_argument"]
    assert results[0]["text"] == "error draining: this server is going down; try again in 3 s"
    assert text.startswith("3 steps: 0 ok, 3 errors (draining 2, bad_argument 1)")


class Counting(MemoryStore):
    """A store that records the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self.batches.append(len(batch))
        return await super().commit(batch)


async def test_the_steps_of_a_call_share_their_commits(rules: Rules) -> None:
    store = Counting()
    with Served(rules, store) as server:
        async with connected(server.url) as client:
            names = [f"b{number}" for number in range(500)]
            await step(client, [{"botId": name, "start": {"seed": 1}} for name in names])
            store.batches.clear()
            await step(client, [{"botId": name, "input": "1"} for name in names])
    assert sum(store.batches) == 500
    assert len(store.batches) <= 500 / 25
