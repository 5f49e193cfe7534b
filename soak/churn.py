"""Bots that come and go: each with a connection of its own, some for a second time, a few all the time.

A visitor comes at a fixed rate, whether or not the server keeps up, begins a run, plays some inputs and
hangs up for ever; one in ten comes back after a minute with a new connection and plays on, when its game has
hibernated. A regular plays once a second, connects anew now and then, and begins a run after each 40 inputs.
All use `fleet.player.Player`, so each keeps a journal, and the journals of a sample are verified at the end.
"""

from __future__ import annotations

import asyncio
import random
from time import perf_counter
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.fleet.crew import Crew, Habits
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import Load, LoadOptions
from dungeonfighter.fleet.pace import Actor
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, verify_bots
from dungeonfighter.rules import load_rules

_POLICY: Final = "attack"
_RUN_INPUTS_MAX: Final = 40
_VISIT_CALLS: Final = 4
"""The calls of a first visit: a start and three inputs."""
_RETURN_CALLS: Final = 3
_RETURNING: Final = 10
"""One visitor in so many comes back."""
_RETURN_SECONDS: Final = (45.0, 90.0)
_REGULAR_CALLS: Final = 30
"""The calls of a regular on one connection."""
_REGULAR_SECONDS: Final = 1.0
_PRESENT_MAX: Final = 512
"""Visitors with a connection; at more than that new ones come late."""
_TICK_SECONDS: Final = 0.01
_LAST_SECONDS: Final = 1.0
"""The last bots may come so much after the end, because the loop is never exactly in time."""
_SOURCES: Final = 8
"""Loopback addresses to connect from: a closed connection keeps its port for a minute."""
_GRACE_SECONDS: Final = 20.0
_VERIFIED_MAX: Final = 5000


class Visit(Struct):
    """The state of one bot beside its player.

    Attributes:
        calls: The calls left until it hangs up.
        visits: The visits left after this one; -1 for a regular, who always comes back.
    """

    calls: int
    visits: int


class Churn:
    """The load of a soak; it is the pace of its own crew.

    Arrivals that a slow machine makes late come later, until the time is over.

    Args:
        url: The server.
        bots: The visitors that come in `seconds`.
        seconds: The time.
        regulars: The bots that stay.
    """

    def __init__(self, url: str, bots: int, seconds: float, regulars: int) -> None:
        self.came = 0
        self.connections = 0
        self._bots = bots
        self._rate = bots / seconds
        self._regulars = regulars
        self._keep_every = max(1, bots // _VERIFIED_MAX)
        self._endpoint = Endpoint(url, sources=[f"127.0.0.{number + 2}" for number in range(_SOURCES)])
        self._habits = Habits(run_inputs_max=_RUN_INPUTS_MAX)
        self._options = LoadOptions(url, bots + regulars, policy=_POLICY, prefix="soak", habits=self._habits)
        self.tally = Tally()
        self._crew = Crew(self._endpoint, self._habits, self.tally)
        self._visits: dict[Player, Visit] = {}
        self._kept: list[Player] = []
        self._present = 0
        self._begun_at = 0.0
        self._dice = random.Random(1)
        self._is_stopping = False

    @property
    def connected(self) -> int:
        """The connections that are open now."""
        return self._endpoint.connected

    @property
    def late_seconds(self) -> float:
        """How far the arrivals are behind their rate."""
        passed = perf_counter() - self._begun_at if self._begun_at else 0.0
        return max(0.0, min(passed, self._bots / self._rate) - self.came / self._rate)

    async def run(self, stop: asyncio.Event) -> None:
        """Let the bots come until all have come or `stop` is set; return when all have left."""
        async with self._endpoint.watched():
            self._crew.begin([], self)
            self._begun_at = perf_counter()
            for number in range(self._regulars):
                player = self._player(self._bots + number, Visit(_REGULAR_CALLS, -1))
                self._kept.append(player)
                delay = self._dice.random() * _REGULAR_SECONDS
                self._crew.loop.call_later(delay, self._act, player)
            end = self._begun_at + self._bots / self._rate
            while not stop.is_set() and self.came < self._bots and perf_counter() < end + _LAST_SECONDS:
                self._let_in(perf_counter())
                self.tally.latency  # noqa: B018 (counts the list of durations, which would grow)
                await asyncio.sleep(_TICK_SECONDS)
            await self._finish()

    async def verify(self) -> Verdict:
        """Read the kept bots from the server and execute their runs again."""
        load = Load(self._options, self._endpoint, self.tally, self._kept, 0.0, self._crew.warm_up)
        return await verify_bots(load, load_rules(), lambda _done, _bots: None)

    # The pace of the crew

    def begin(self, actors: object) -> None:
        """See `fleet.pace.Pace`; the bots come later."""

    def wait(self, actor: Actor) -> None:
        """See `fleet.pace.Pace`; a bot whose visit is over hangs up."""
        assert isinstance(actor, Player)
        visit = self._visits[actor]
        visit.calls -= 1
        if visit.calls <= 0:
            self._hang_up(actor, visit)
        elif visit.visits < 0:
            self._crew.loop.call_later(_REGULAR_SECONDS * (0.5 + self._dice.random()), self._act, actor)
        else:
            self._crew.loop.call_soon(self._act, actor)

    def leave(self, actor: Actor) -> None:
        """See `fleet.pace.Pace`."""
        assert isinstance(actor, Player)
        if self._visits.pop(actor).visits >= 0:
            self._present -= 1

    def stop(self) -> None:
        """See `fleet.pace.Pace`."""

    # Helpers

    def _let_in(self, now: float) -> None:
        due = min(self._bots, int((now - self._begun_at) * self._rate))
        while self.came < due and self._present < _PRESENT_MAX:
            number = self.came
            visits = 1 if number % _RETURNING == 0 else 0
            player = self._player(number, Visit(_VISIT_CALLS, visits))
            if number % self._keep_every == 0:
                self._kept.append(player)
            self.came += 1
            self._act(player)

    def _player(self, number: int, visit: Visit) -> Player:
        name = f"soak-{number:07d}"
        player = Player(number, name, number, policy=make_policy(_POLICY, number), crew=self._crew)
        self._visits[player] = visit
        return player

    def _act(self, player: Player) -> None:
        if player.has_left:
            return
        if self._is_stopping:
            player.leave()
            return
        if player.connection is None:
            self.connections += 1
            self._present += self._visits[player].visits >= 0
        player.act(perf_counter())

    def _hang_up(self, player: Player, visit: Visit) -> None:
        """Close the connection of a bot that leaves, or that comes back later."""
        if not visit.visits:
            player.leave()
            return
        if player.connection is not None:
            player.connection.abandon()
            player.connection = None
        if visit.visits < 0:
            visit.calls = _REGULAR_CALLS
            self._crew.loop.call_soon(self._act, player)
            return
        visit.visits, visit.calls = 0, _RETURN_CALLS
        self._present -= 1
        self._crew.loop.call_later(self._dice.uniform(*_RETURN_SECONDS), self._act, player)

    async def _finish(self) -> None:
        """Let the bots leave after the answers that they wait for."""
        self._is_stopping = self._crew.is_stopping = True
        for player in list(self._visits):
            if not player.awaits_answer:
                player.leave()
        deadline = perf_counter() + _GRACE_SECONDS
        while self._visits and perf_counter() < deadline:  # noqa: ASYNC110 (nothing announces the last one)
            await asyncio.sleep(_TICK_SECONDS)
        for player in list(self._visits):
            player.leave()
