"""Bots that play through a queue, and the check of everything that they were answered.

Each bot executes its run with the local rules, too. So it knows the turn of each reply before the reply
comes, and the digest that the store must hold at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.errors import UnknownBot
from dungeonfighter.hosting.answers import Present
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.rules import GameOptions, Rules, State, Weapon
from dungeonfighter.serving.composition import open_host
from dungeonfighter.settings import Settings
from dungeonfighter.task_ending import end
from testkit.ingress_process import IngressProcess

PATIENCE_SECONDS: Final = 1.0
"""After so long a message without a reply is sent once more."""
SECONDS_MAX: Final = 40.0
FLEET: Final = "local"


class Sender(Protocol):
    """The producer's side of a queue."""

    async def send(self, stream: int, fields: Mapping[str, str]) -> bool:
        """Send a message; return False if the queue did not take it."""

    async def receive(self) -> list[dict[str, str]]:
        """Wait for some replies; return none while the queue does not answer."""

    async def close(self) -> None: ...


class RedisSender:
    """Sends to the streams of a Redis, and reads a stream of its own."""

    def __init__(self, url: str) -> None:
        self.reply_to = f"df:out:{FLEET}:test"
        options: dict[str, Any] = {"socket_timeout": 3.0, "retry": Retry(NoBackoff(), 0), "protocol": 2}
        self._client = Redis.from_url(url, **options)
        self._reading = Redis.from_url(url, **options)
        self._last = "0"

    async def send(self, stream: int, fields: Mapping[str, str]) -> bool:
        words = [word for pair in fields.items() for word in pair]
        words += ["reply_to", self.reply_to]
        try:
            client: Any = self._client
            await client.execute_command("XADD", f"df:in:{stream}", "*", *words)
        except (RedisError, OSError):
            return False
        return True

    async def receive(self) -> list[dict[str, str]]:
        try:
            found: Any = await self._reading.xread({self.reply_to: self._last}, count=500, block=500)
        except (RedisError, OSError):
            await asyncio.sleep(0.1)
            return []
        replies = []
        for _, entries in found or ():
            for entry, fields in entries:
                self._last = entry
                replies.append({name.decode(): value.decode() for name, value in fields.items()})
        return replies

    async def close(self) -> None:
        await self._client.aclose()
        await self._reading.aclose()


class Bot:
    """One bot with its own copy of its run."""

    def __init__(self, name: str, rules: Rules, seed: int) -> None:
        self.key = f"{FLEET}/{name}"
        self.rules = rules
        self.seed = seed
        self.state: State | None = None
        self.pending: str | None = None
        """The input that was sent and not answered."""
        self.turns = 0
        self._dice = Random(seed)

    def message(self) -> dict[str, str]:
        """Return the message of the next turn."""
        if self.state is None:
            start = f'{{"seed":{self.seed},"weapon":"mace"}}'
            return {"id": f"{self.key}:start", "bot": self.key, "episode": "1", "start": start}
        if self.pending is None:
            self.pending = self._dice.choice(self.rules.legal_inputs(self.state)).input
        return {
            "id": f"{self.key}:{self.turns}", "bot": self.key, "episode": "1", "turn": str(self.turns),
            "input": self.pending, "view": "none",
        }  # fmt: skip

    def learn(self, reply: Mapping[str, str]) -> None:
        """Apply the turn that a reply acknowledges."""
        assert reply["status"] in {"ok", "repeated"}, reply
        if self.state is None:
            assert reply["turn"] == "0", reply
            self.state = self.rules.new_game(GameOptions(seed=self.seed, weapon=Weapon.mace))
            return
        assert self.pending is not None
        assert (reply["episode"], reply["turn"]) == ("1", str(self.turns + 1)), (self.turns, reply)
        self.state = self.rules.advance(self.state, self.pending).state
        self.turns, self.pending = self.turns + 1, None


class Producer:
    """Plays many bots, each one turn after the other, and repeats what is not answered in time.

    Attributes:
        answered: The acknowledged turns of all bots.
        replies: The replies by status, further copies of a reply not counted.
        copies: Replies to messages that had been answered before.
        repeats: Messages that were sent once more.
    """

    def __init__(self, sender: Sender, rules: Rules, count: int) -> None:
        self.bots = [Bot(f"bot-{number}", rules, 1000 + number) for number in range(count)]
        self.answered = 0
        self.replies: Counter[str] = Counter()
        self.copies = 0
        self.repeats = 0
        self._sender = sender
        self._waiting: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._is_over = False
        self._players: list[asyncio.Task[None]] = []

    async def _play(self, bot: Bot) -> None:
        while not (self._is_over or (bot.state is not None and bot.state.over)):
            bot.learn(await self._ask(bot.message()))
            self.answered += 1

    async def _ask(self, message: dict[str, str]) -> dict[str, str]:
        for attempt in itertools.count():
            self.repeats += attempt > 0
            future = self._waiting.setdefault(message["id"], asyncio.get_running_loop().create_future())
            await self._sender.send(stream_of(message["bot"]), message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await asyncio.shield(future)
        raise AssertionError

    async def _receive(self) -> None:
        while True:
            for reply in await self._sender.receive():
                future = self._waiting.pop(reply["id"], None)
                if future is None:
                    self.copies += 1
                else:
                    self.replies[reply["status"]] += 1
                    future.set_result(reply)

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Play while the block runs; at its end each bot waits for its last reply."""
        receiving = asyncio.create_task(self._receive())
        self._players = players = [asyncio.create_task(self._play(bot)) for bot in self.bots]
        try:
            yield
            self._is_over = True
            async with asyncio.timeout(SECONDS_MAX):
                await asyncio.gather(*players)
        finally:
            await end(receiving, *players)
            await asyncio.gather(receiving, *players, return_exceptions=True)

    async def more(self, count: int) -> None:
        """Wait until so many further turns are answered."""
        wanted = self.answered + count

        def is_so() -> bool:
            for player in self._players:
                if player.done():
                    player.result()  # raises what ended it
            return self.answered >= wanted

        await until(is_so, lambda: f"{self.answered} of {wanted} turns")


async def until(is_so: Callable[[], bool], what: Callable[[], str] = lambda: "it is not so") -> None:
    """Wait for a condition; fail after `SECONDS_MAX`."""
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, what()
        await asyncio.sleep(0.02)


async def until_count(count: Callable[[], Awaitable[int]], is_so: Callable[[int], bool]) -> None:
    """Wait until something is true of a number that must be asked for; fail after `SECONDS_MAX`."""
    deadline = time.monotonic() + SECONDS_MAX
    while not is_so(found := await count()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def check(bots: list[Bot], database: str) -> int:
    """Compare every bot with the store: no answered turn is lost, and none was played twice.

    Returns:
        The number of checked turns.
    """
    async with open_host(Settings(database=parse_database(database))) as host:
        for bot in bots:
            assert bot.state is not None
            assert bot.pending is None
            try:
                present: Present = await host.read(bot.key)
            except UnknownBot:
                raise AssertionError(f"{bot.key} is lost") from None
            assert (present.episode, present.turn) == (1, bot.turns)
            assert present.digest == bot.rules.digest(bot.rules.encode(bot.state)), bot.key
    return sum(bot.turns for bot in bots)


async def freeze(process: IngressProcess, folder: Path) -> None:
    """Stop a process at a moment at which it does not hold the lock of the database in this folder.

    A process that is stopped with the lock would stop all others, too.
    """
    with (folder / "games.db.lock").open("ab") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        await asyncio.to_thread(process.freeze)


def sqlite(folder: Path) -> str:
    """Return the address of the database in this folder."""
    return f"sqlite:///{folder / 'games.db'}"
