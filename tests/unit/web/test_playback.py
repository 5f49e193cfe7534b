"""The runs of a bot on the page: their list, and the parts of a run that is played back."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import InputChunk
from dungeonfighter.hosting.runs import Runs
from dungeonfighter.rules import Mode
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.web import playbacks
from tests.unit.web.watching import Reply, Site

KEY = "local/ada"
RUN = "/api/bots/ada/runs/1"
DAY = 86_400.0


class Played(Site):
    """A site whose bot has played; it knows each view that the bot was shown, and each input."""

    def __init__(self) -> None:
        self.memory = MemoryStore(lambda: 1_800_000_000.0)
        super().__init__(store=self.memory)
        self.views: list[str] = []
        self.inputs: list[str] = []
        self._policy = make_policy("heuristic")

    async def begin(self, turns: int, **options: Any) -> None:
        """Start the first run, and play so many turns."""
        game = (await self.host.start(KEY, NewGame(**({"seed": 5, "weapon": 1} | options)))).game
        self.views.append(game.rules.text(game.state, "e1 t0"))
        await self.play(turns)

    async def play(self, turns: int) -> None:
        game = await self.host.read(KEY)
        for _ in range(turns):
            self.inputs.append(self._policy.choose(game.rules.observe(game.state)))
            game = (await self.host.play(KEY, self.inputs[-1])).game
            self.views.append(game.rules.text(game.state, f"e1 t{game.turn}"))

    async def part(self, query: str = "", run: str = RUN) -> Any:
        reply = await self.get(f"{run}?{query}")
        assert reply.status == 200, reply.body
        return reply.json


def refusal(reply: Reply) -> tuple[int, str, str]:
    error = reply.json["error"]
    return reply.status, error["code"], error["message"]


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of inputs of each execution of a run from now on."""
    counts: list[int] = []
    execute = Runs.execute

    async def counted(self: Any, replay: Any, rules: Any, visit: Any = None) -> Any:
        counts.append(len(replay.inputs))
        return await execute(self, replay, rules, visit)

    monkeypatch.setattr(Runs, "execute", counted)
    return counts


async def test_the_parts_of_a_run_are_the_views_that_its_agent_got() -> None:
    site = Played()
    await site.begin(150)
    await site.host.reset(KEY)
    parts = [await site.part(f"from={first}&count=40") for first in range(0, 151, 40)]
    turns = [turn for part in parts for turn in part["turns"]]
    assert [one["text"] for one in turns] == site.views
    assert [one["input"] for one in turns] == ["", *site.inputs]
    assert [one["turn"] for one in turns] == list(range(151))
    names = ("botId", "episode", "firstTurn", "lastTurn", "result", "mode")
    assert [parts[-1][name] for name in names] == ["ada", 1, 0, 150, "abandoned", "casual"]


async def test_a_part_may_begin_at_any_turn() -> None:
    site = Played()
    await site.begin(150)
    for first in (0, 1, 63, 64, 65, 127, 128, 149, 150):
        part = await site.part(f"from={first}&count=3")
        assert [one["text"] for one in part["turns"]] == site.views[first : first + 3], first


async def test_a_moment_has_the_values_of_the_observation() -> None:
    site = Played()
    await site.begin(40)
    shown = (await site.part("from=40"))["turns"][0]
    view = (await site.get("/api/bots/ada")).json["view"]
    player, dungeon, combat = view["player"], view["currentDungeon"], view["combat"]
    assert [shown[name] for name in ("health", "healthMax", "level")] == [
        player["health"], player["healthMax"], player["level"],
    ]  # fmt: skip
    assert shown["score"] == view["score"]
    assert (shown["room"], shown["rooms"]) == ((dungeon["room"], dungeon["rooms"]) if dungeon else (0, 0))
    assert shown["enemyHealth"] == (combat["health"] if combat else 0)


async def test_a_live_run_grows_and_only_its_new_turns_are_executed(executed: list[int]) -> None:
    site = Played()
    await site.begin(130)
    assert (await site.part("from=130"))["lastTurn"] == 130
    await site.play(5)
    assert (await site.part("from=130"))["lastTurn"] == 130, "it is kept for a moment"
    site.clock.seconds += playbacks.LIVE_SECONDS
    part = await site.part("from=130&count=10")
    assert [one["text"] for one in part["turns"]] == site.views[130:]
    assert (part["result"], part["lastTurn"]) == ("live", 135)
    assert executed == [130, 135 - 128]


async def test_a_run_is_executed_once_for_all_who_watch_it(executed: list[int]) -> None:
    site = Played()
    await site.begin(100)
    await site.host.reset(KEY)
    replies = await asyncio.gather(*(site.get(f"{RUN}?from={first}&count=1") for first in range(0, 35, 5)))
    assert [reply.json["turns"][0]["turn"] for reply in replies] == list(range(0, 35, 5))
    assert executed == [100]
    site.clock.seconds += playbacks.KEPT_SECONDS
    await site.part()
    assert executed == [100, 100]


async def test_other_work_goes_on_while_a_run_is_executed() -> None:
    site = Played()
    await site.begin(1, mode=Mode.casual)
    for _ in range(10):
        await site.host.play_many(KEY, ["1"] * 100)
    await site.host.reset(KEY)
    turns_of_the_loop = 0

    async def work() -> None:
        nonlocal turns_of_the_loop
        while True:
            turns_of_the_loop += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    part = await site.part("from=600&count=200")
    working.cancel()
    assert len(part["turns"]) == 200
    assert turns_of_the_loop > 1000 / 32 + 200 / 16


async def test_the_runs_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbacks, "RUNS_KEPT_MAX", 3)
    site = Played()
    await site.start(*(f"bot-{number}" for number in range(8)))
    for number in range(8):
        await site.part(run=f"/api/bots/bot-{number}/runs/1")
    assert list(site.watch.playbacks._kept) == [(f"local/bot-{number}", 1) for number in (5, 6, 7)]
    monkeypatch.setattr(playbacks, "BYTES_KEPT_MAX", 1)
    await site.part(run="/api/bots/bot-0/runs/1")
    assert list(site.watch.playbacks._kept) == [("local/bot-0", 1)]


async def test_a_fleet_that_has_used_up_its_turns_learns_how_long_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(playbacks, "TURNS_PER_SECOND", 100.0)
    site = Played()
    await site.begin(100)
    replies = [await site.get(f"{RUN}?count=100") for _ in range(20)]
    assert replies[0].status == 200
    reply = replies[-1]
    status, code, message = refusal(reply)
    assert (status, code) == (429, "rate_limited")
    assert message.startswith("the pages of the fleet local play back 100 turns a second")
    await site.host.start("other/eve", NewGame(seed=1, weapon=1))
    await site.watch.playbacks.part("other/eve", 1, None, 1, "eve")
    site.clock.seconds += int(reply.headers["retry-after"])
    assert (await site.get(f"{RUN}?count=100")).status == 200


async def test_too_many_parts_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbacks, "PARTS_AT_ONCE_MAX", 2)
    site = Played()
    await site.begin(100)
    await site.part()
    replies = await asyncio.gather(*(site.get(f"{RUN}?count=100") for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 503, 503, 503]
    assert (await site.get(RUN)).status == 200


async def test_a_ranked_run_plays_back_when_it_is_over() -> None:
    site = Played()
    await site.begin(3, mode=Mode.ironman, seed=None)
    refused = refusal(await site.get(RUN))
    assert refused == (403, "not_allowed", "a ranked run shows its replay when it is over")
    await site.host.reset(KEY)
    assert [one["text"] for one in (await site.part())["turns"]] == site.views


async def test_the_run_of_the_day_plays_back_when_its_day_is_over() -> None:
    site = Played()
    await site.begin(3, mode=Mode.daily, seed=None)
    await site.host.reset(KEY)
    status, _, message = refusal(await site.get(RUN))
    assert (status, message) == (403, "the run of the day shows its replay when its day (UTC) is over")
    site.clock.seconds += DAY
    assert len((await site.part())["turns"]) == 4


async def test_a_pruned_run_is_explained() -> None:
    site = Played()
    await site.begin(70)
    await site.host.reset(KEY)
    site.memory._inputs.clear()
    refused = refusal(await site.get(RUN))
    assert refused == (400, "bad_argument", "the inputs of run 1 of ada are not kept any more")


@pytest.mark.parametrize("inputs", ["nonsense", "1"])
async def test_a_damaged_run_is_explained(inputs: str) -> None:
    site = Played()
    await site.begin(70)
    await site.host.reset(KEY)
    chunks = site.memory._inputs[KEY, 1]
    chunks[0] = InputChunk(1, 0, "\n".join([inputs] * 64))
    status, code, message = refusal(await site.get(RUN))
    assert (status, code) == (500, "corrupt_state")
    assert "run 1 of ada" in message
    assert (await site.get("/api/bots/ada/runs")).status == 200


async def test_a_run_whose_score_was_written_over_is_not_shown_as_if_it_were_true() -> None:
    site = Played()
    await site.begin(10)
    await site.host.reset(KEY)
    ends = site.memory._episodes[KEY]
    ends[1] = msgspec.structs.replace(ends[1], digest=b"\x00" * 16)
    assert refusal(await site.get(RUN))[1] == "corrupt_state"


WRONG = (
    f"{RUN}?from=11", f"{RUN}?from=-1", f"{RUN}?from=x", f"{RUN}?from=%D9%A1", f"{RUN}?from=1e3",
    f"{RUN}?from=9999999999999999999999", f"{RUN}?count=0", f"{RUN}?count=201", f"{RUN}?count=+5",
    "/api/bots/ada/runs/0", "/api/bots/ada/runs/2", "/api/bots/ada/runs/x", "/api/bots/ada/runs/",
    "/api/bots/ada/runs/999999999", "/api/bots/ada/runs/9999999999999999999999", "/api/bots/ada/runs/1/2",
    "/api/bots/ada/runs?count=101", "/api/bots/ada/runs?before=0", "/api/bots/ada/runs?before=x",
    "/api/bots/%20/runs", "/api/bots//runs/1", "/api/bots/../runs/1", "/api/bots/other/ada/runs/1",
    "/api/bots/ada/walks", "/api/bots/ada/",
)  # fmt: skip


async def test_wrong_values_are_refused() -> None:
    site = Played()
    await site.begin(10)
    for target in WRONG:
        assert refusal(await site.get(target))[:2] == (400, "bad_argument"), target


async def test_runs_of_an_unknown_bot_are_unknown() -> None:
    for target in ("/api/bots/bob/runs", "/api/bots/bob/runs/1"):
        assert refusal(await Played().get(target))[:2] == (404, "unknown_bot")


async def test_the_runs_of_a_bot_are_listed_in_parts_the_last_one_first() -> None:
    site = Played()
    await site.begin(10)
    await site.host.reset(KEY)
    await site.host.start(KEY, NewGame(mode=Mode.ironman, weapon=1))
    first = (await site.get("/api/bots/ada/runs?count=2")).json
    assert [(run["episode"], run["result"], run["ranked"]) for run in first["runs"]] == [
        (3, "live", True),
        (2, "abandoned", False),
    ]
    assert [run["endedAt"] for run in first["runs"]] == [None, 1_800_000_000.0]
    rest = (await site.get(f"/api/bots/ada/runs?count=2&before={first['next']}")).json
    assert [(run["episode"], run["turn"], run["mode"]) for run in rest["runs"]] == [(1, 10, "casual")]
    assert rest["next"] is None


async def test_a_bot_whose_id_is_a_word_of_the_path_is_found() -> None:
    site = Played()
    await site.start("runs")
    assert (await site.get("/api/bots/runs")).json["botId"] == "runs"
    assert (await site.get("/api/bots/runs/runs")).json["botId"] == "runs"
    assert (await site.get("/api/bots/runs/runs/1")).json["turns"][0]["turn"] == 0
