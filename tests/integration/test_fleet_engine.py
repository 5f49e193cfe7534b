"""The load generator's bots against small servers that answer late or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from dungeonfighter.fleet import load as loads
from dungeonfighter.fleet.crew import Crew, Habits
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.report import make_report, table
from dungeonfighter.fleet.tally import Tally

Answer = Callable[[str, dict[str, Any]], Awaitable[bytes]]
TEXT = "e1 t%d | Tarn 9/9 hp\n1 attack |2 precise"


def result(text: str, **more: object) -> bytes:
    content = [{"type": "text", "text": text}]
    whole = {"jsonrpc": "2.0", "id": 1, "result": {"content": content, "isError": False, **more}}
    body = json.dumps(whole, separators=(",", ":")).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def refusal(code: str) -> bytes:
    return result(f"error {code}: no", isError=True, structuredContent={"code": code})


async def answer_correctly(tool: str, arguments: dict[str, Any]) -> bytes:
    """Answer correctly without a state: the next turn follows from the turn of the request."""
    return result(TEXT % (arguments["turn"] + 1 if tool == "handle_input" else 0))


class Connections:
    """Counts the open connections that have sent a request."""

    open = 0


@contextlib.asynccontextmanager
async def serving(answer: Answer, count: Connections | None = None) -> AsyncIterator[str]:
    count = count or Connections()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_sent = False
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                count.open += not has_sent
                has_sent = True
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                params = json.loads(await reader.readexactly(length))["params"]
                writer.write(await answer(params["name"], params["arguments"]))
        count.open -= has_sent
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def played(url: str, tally: Tally, until: Callable[[], bool], **options: Any) -> Load:
    """Run a load until the condition is true."""
    stop = asyncio.Event()

    async def watch() -> None:
        while not until():  # noqa: ASYNC110 (plain counters)
            await asyncio.sleep(0.001)
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        playing = group.create_task(
            run_load(LoadOptions(url, **options), lambda _: None, tally=tally, stop=stop)
        )
    return playing.result()


async def test_an_open_loop_makes_up_for_the_calls_that_a_stall_delayed() -> None:
    stalled = asyncio.Event()
    turns: list[int] = []

    async def stall_once(tool: str, arguments: dict[str, Any]) -> bytes:
        if tool == "handle_input":
            turns.append(arguments["turn"])
            if len(turns) == 3:
                await asyncio.sleep(0.4)
                stalled.set()
        return await answer_correctly(tool, arguments)

    tally = Tally()
    async with serving(stall_once) as url:
        await played(url, tally, lambda: stalled.is_set() and tally.turns >= 8, bots=1, rate=50.0)
    assert turns == list(range(len(turns)))  # one at a time, without a gap
    late = sum(count for bucket, count in tally.latency.buckets() if bucket >= 600)
    assert late >= 5, "the latencies of calls due during the stall do not include it"


async def test_errors_of_the_warm_up_are_counted_apart_and_fail_the_load() -> None:
    seen: Counter[str] = Counter()

    async def refuse_first(tool: str, arguments: dict[str, Any]) -> bytes:
        seen[tool] += 1
        if tool == "handle_input" and seen[tool] == 1:
            return refusal("illegal_input")
        return await answer_correctly(tool, arguments if tool == "handle_input" else {})

    tally = Tally()
    async with serving(refuse_first) as url:
        load = await played(url, tally, lambda: tally.turns >= 3, bots=1, rate=100.0, warm_up=0.5)
    report = make_report(load, None)
    assert report.errors == {}
    assert report.warm_up_errors == {"illegal_input": 1}
    assert report.warm_up_turns > 0
    assert not report.passed
    assert "illegal_input 1" in table(report)


async def test_bots_without_an_answer_at_the_end_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "STOP_GRACE_SECONDS", 0.05)
    waiting = 0

    async def never_answer_turn_2(tool: str, arguments: dict[str, Any]) -> bytes:
        nonlocal waiting
        if tool == "handle_input" and arguments["turn"] == 2:
            waiting += 1
            await asyncio.Event().wait()
        return await answer_correctly(tool, arguments)

    tally = Tally()
    async with serving(never_answer_turn_2) as url:
        load = await played(url, tally, lambda: waiting == 3, bots=3)
    assert load.cut_off == 3
    assert tally.turns == 6
    assert {player.journal.unanswered for player in load.players} == {"1"}
    assert not tally.troubles


async def test_waiting_bots_are_answered_before_the_others_hang_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server answers no request while it handles the end of tens of thousands of connections."""
    stopped = asyncio.Event()
    stop = Crew.stop

    def stop_and_set(crew: Crew) -> None:
        stop(crew)
        stopped.set()

    monkeypatch.setattr(Crew, "stop", stop_and_set)
    played_before: set[str] = set()
    held = 0
    open_then: list[int] = []

    async def hold_the_first_second_turn(tool: str, arguments: dict[str, Any]) -> bytes:
        nonlocal held
        if tool == "handle_input" and arguments["turn"] == 1 and len(played_before) == 3 and not held:
            held = 1
            await stopped.wait()
            _, writer = await asyncio.open_connection(
                *address
            )  # the server has seen the connections closed before
            writer.close()
            await writer.wait_closed()
            open_then.append(count.open)
        if tool == "handle_input":
            played_before.add(arguments["botId"])
        return await answer_correctly(tool, arguments)

    tally, count = Tally(), Connections()
    async with serving(hold_the_first_second_turn, count) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        address = host, int(port)
        load = await played(url, tally, lambda: held == 1, bots=3, every=0.2)
    assert open_then == [3]
    assert load.cut_off == 0
    assert not tally.troubles


async def test_a_request_to_an_overloaded_server_is_repeated_with_the_same_turn() -> None:
    requests: list[tuple[int, int]] = []

    async def overloaded_once(tool: str, arguments: dict[str, Any]) -> bytes:
        if tool != "handle_input":
            return await answer_correctly(tool, arguments)
        requests.append((arguments["episode"], arguments["turn"]))
        return refusal("overloaded") if len(requests) == 2 else await answer_correctly(tool, arguments)

    tally = Tally()
    async with serving(overloaded_once) as url:
        await played(url, tally, lambda: tally.turns >= 3, bots=1)
    assert requests[:4] == [(1, 0), (1, 1), (1, 1), (1, 2)]
    assert tally.troubles == {"overloaded": 1}
    assert not tally.errors


async def test_a_bot_leaves_a_run_after_its_inputs_and_begins_the_next_one() -> None:
    episodes: list[int] = []

    async def count_runs(tool: str, arguments: dict[str, Any]) -> bytes:
        if tool == "start_new_game":
            episodes.append(arguments["episode"])
            return result(f"e{arguments['episode']} t0 | x\n1 attack")
        return result(f"e{arguments['episode']} t{arguments['turn'] + 1} | x\n1 attack")

    tally = Tally()
    habits = Habits(run_inputs_max=4)
    async with serving(count_runs) as url:
        await played(url, tally, lambda: len(episodes) >= 3, bots=1, habits=habits)
    assert episodes[:3] == [1, 2, 3]
    assert tally.abandoned >= 2


@pytest.mark.parametrize("ascension", [0, 3])
async def test_a_bot_begins_its_runs_with_the_mode_and_the_ascension_of_the_load(ascension: int) -> None:
    begun: list[dict[str, Any]] = []

    async def keep(tool: str, arguments: dict[str, Any]) -> bytes:
        if tool == "start_new_game":
            begun.append(arguments)
        return await answer_correctly(tool, arguments)

    tally = Tally()
    async with serving(keep) as url:
        habits = Habits(mode="short", ascension=ascension)
        await played(url, tally, lambda: tally.turns >= 1, bots=1, habits=habits)
    assert begun[0]["mode"] == "short"
    assert begun[0].get("ascension", 0) == ascension


async def test_an_answer_of_another_turn_is_a_fault_in_the_journal() -> None:
    async def skip(tool: str, arguments: dict[str, Any]) -> bytes:
        return result(TEXT % (arguments["turn"] + 2 if tool == "handle_input" else 0))

    tally = Tally()
    async with serving(skip) as url:
        load = await played(url, tally, lambda: tally.turns >= 1, bots=1)
    assert load.players[0].journal.faults


async def test_an_exception_of_a_callback_ends_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> bool:
        raise RuntimeError("a defect")

    monkeypatch.setattr("dungeonfighter.fleet.fast_player.is_plain_turn", break_down)
    async with serving(answer_correctly) as url:
        with pytest.raises(RuntimeError, match="a defect"):
            await run_load(LoadOptions(url, 1, seconds=30), lambda _: None)
