"""The cost of durability and the time of recovery: `python -m bench.durability`.

It measures latencies of one bot at a time over each store, without other load: a turn, the check of a head, a
turn with a conflict, a game loaded from the store. Then it measures recovery with real servers and 100 bots
that repeat every 20 ms until they are answered: the time from a kill to the next turn of the first and of the
last bot.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from dungeonfighter.fleet.http import Client, Endpoint, Unanswered
from dungeonfighter.fleet.wire import RequestHeads, call_body, read_answer
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess

_TIMES: Final = 400
_BOTS: Final = 100
_RETRY_SECONDS: Final = 0.02


def main() -> int:
    with _postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        print("latency, ms                            p50      p99")
        asyncio.run(_latencies("SQLite", lambda: SqliteStore(Path(folder) / "games.db")))
        database = postgres.empty_database("games")
        asyncio.run(_latencies("PostgreSQL", lambda: PostgresStore(database)))
        print(f"\nrecovery of {_BOTS} bots, s        first    last")
        _recovery(Path(folder), postgres)
    return 0


async def _latencies(name: str, make_store: Callable[[], RankingStore]) -> None:
    one, other = [await _host(make_store()) for _ in range(2)]
    keys = [f"local/b{number:04}" for number in range(_TIMES)]
    for key in keys:
        await one.start(key, NewGame(seed=1, weapon=0))
    await _row(name, "turn", [partial(one.play, key, "1") for key in keys])
    await _row(name, "head check (a read)", [partial(one.read, key) for key in keys])
    await _row(name, "cold load (a read)", [partial(other.read, key) for key in keys])
    for key in keys:
        await other.play(key, "1")
    await _row(name, "turn with a conflict", [partial(one.play, key, "1") for key in keys])
    for host in (one, other):
        await host.close()


async def _row(name: str, what: str, asks: Sequence[Callable[[], Awaitable[object]]]) -> None:
    taken = []
    for ask in asks:
        begun = time.perf_counter()
        await ask()
        taken.append(1000 * (time.perf_counter() - begun))
    p99 = statistics.quantiles(taken, n=100)[-1]
    print(f"{name + ' ' + what:34} {statistics.median(taken):7.2f} {p99:8.2f}")


async def _host(store: RankingStore) -> BotHost:
    await store.open()
    return BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
    )


def _recovery(folder: Path, postgres: PostgresServer) -> None:
    database = postgres.empty_database("games")
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            place = folder / str(number)
            place.mkdir()
            servers.append(stack.enter_context(ServerProcess(place, database)))
        first, second = servers

        def stop_postgres() -> None:
            postgres.stop("immediate")

        for what, urls, stop, start in (
            ("server killed, started again", [first.url], first.kill, first.start),
            ("server killed, another one there", [first.url, second.url], first.kill, lambda: None),
            (
                "PostgreSQL stopped hard, started",
                [second.url],
                stop_postgres,
                postgres.start,
            ),
        ):
            begun, ended = asyncio.run(_play_through(urls, stop, start, what))
            print(f"{what:33} {begun:7.2f} {ended:7.2f}")


async def _play_through(
    urls: list[str], stop: Callable[[], None], start: Callable[[], None], prefix: str
) -> tuple[float, float]:
    """Return the seconds from the end of `stop` to the next requested turn, of the first and the last bot."""
    bots = [_Bot(urls, f"{prefix[:6].strip()}-{len(urls)}-{number:03}") for number in range(_BOTS)]
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for endpoint in (one for bot in bots for one in bot.endpoints):
            await stack.enter_async_context(endpoint.watched())
        playing = [group.create_task(bot.play()) for bot in bots]
        while not all(bot.turn > 2 for bot in bots):  # noqa: ASYNC110 (plain counters)
            await asyncio.sleep(_RETRY_SECONDS)
        stop()  # in this loop, so that no answer is read meanwhile
        at = time.perf_counter()
        for bot in bots:
            bot.stopped = True
        await asyncio.to_thread(start)
        while not all(bot.recovered_at for bot in bots):  # noqa: ASYNC110 (plain numbers)
            await asyncio.sleep(_RETRY_SECONDS)
        for task in playing:
            task.cancel()
    seconds = [bot.recovered_at - at for bot in bots]
    return min(seconds), max(seconds)


class _Bot:
    """Plays input 1 and names its turn; repeats at the next server until it is answered."""

    def __init__(self, urls: list[str], bot_id: str) -> None:
        self.endpoints = [Endpoint(url, timeout_seconds=5) for url in urls]
        self._clients = [Client(endpoint) for endpoint in self.endpoints]
        self._heads = [RequestHeads(one.path, one.authority, bot_id) for one in self.endpoints]
        self._bot_id = bot_id
        self.turn = -1
        self.stopped = False
        self.recovered_at = 0.0

    async def play(self) -> None:
        await self._answered("start_new_game", {"weapon": "mace", "seed": 1, "episode": 1})
        self.turn = 0
        while True:
            is_after_stop = self.stopped
            await self._answered("handle_input", {"input": "1", "turn": self.turn, "episode": 1})
            self.turn += 1
            if is_after_stop and not self.recovered_at:
                self.recovered_at = time.perf_counter()

    async def _answered(self, tool: str, arguments: dict[str, object]) -> None:
        number = 0
        while True:
            at = number % len(self._clients)
            number += 1
            body = call_body(number, tool, {"botId": self._bot_id, **arguments})
            try:
                response = await self._clients[at].post(self._heads[at].of(tool), body)
            except Unanswered:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not read_answer(response.status, response.body, view="text").error:
                return
            await asyncio.sleep(_RETRY_SECONDS)


@contextmanager
def _postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(fsync="on", shared_buffers="128MB")
    try:
        server.start()
        yield server
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
