"""The shared part of a load: connections, pace, tallies, the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from dungeonfighter.fleet.http import CONNECTS_MAX, Connection, Endpoint, Unanswered
from dungeonfighter.fleet.pace import Actor, Pace
from dungeonfighter.fleet.steps import Steps
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.wire import InputCalls


class Habits(Struct, frozen=True):
    """The behaviour of all bots of one load.

    Attributes:
        mode, ascension: Those of each run.
        run_inputs_max: A bot leaves a run after that many inputs, so that no run is endless.
        patience_seconds: A bot gives up a call that it has repeated for that long.
    """

    view: str = "text"
    mode: str = "casual"
    run_inputs_max: int = 3000
    patience_seconds: float = 30.0
    ascension: int = 0


class Member(Actor, Protocol):
    """The methods of a bot that its crew calls."""

    has_left: bool

    @property
    def awaits_answer(self) -> bool:
        """A request was sent and its answer has not come."""

    def connected(self, connection: Connection) -> None:
        """Take the connection that `Crew.connect` was called for."""

    def unanswered(self, kind: str, detail: str) -> None:
        """Record that no connection could be opened; the kinds are those of `Unanswered`."""

    def leave(self) -> None: ...


class Crew:
    """All bots of one load and the state they share.

    Attributes:
        always_1: The bots need the text view only and give input 1 wherever it is legal: they walk `steps`.
        ending: The bytes after the text in an answer without error; b"" until one was decoded.
        tally: Counts calls that were due at `count_from` (`perf_counter`) or later; `warm_up` counts those
            that were due before.
        is_stopping: No bot begins another call.
        everyone_left: Set when all bots have stopped playing.
    """

    def __init__(self, endpoint: Endpoint, habits: Habits, tally: Tally, *, always_1: bool = False) -> None:
        self.endpoint = endpoint
        self.always_1 = always_1 and habits.view == "text"
        self.habits = habits
        self.tally = tally
        self.warm_up = Tally()
        self.count_from = 0.0
        self.input_calls = InputCalls(endpoint.path, endpoint.authority, habits.view, endpoint.token)
        self.steps = Steps(self.input_calls, habits.run_inputs_max)
        self.ending = b""
        self.is_stopping = False
        self.everyone_left = asyncio.Event()
        self.pace: Pace
        self.loop: asyncio.AbstractEventLoop
        self._members: Sequence[Member] = ()
        self._playing = 0
        self._unconnected: deque[Member] = deque()
        self._connectors: set[asyncio.Task[None]] = set()
        self._idle_connections: list[Connection] = []

    def begin(self, members: Sequence[Member], pace: Pace) -> None:
        """Let the bots play in the running loop; the endpoint must be bound to the same loop."""
        self.loop = self.endpoint.loop
        self.pace = pace
        self._members = members
        self._playing = len(members)
        pace.begin(members)

    def tally_of(self, since: float) -> Tally:
        return self.tally if since >= self.count_from else self.warm_up

    def connect(self, member: Member) -> None:
        """Connect the bot and call its `connected` or `unanswered`, perhaps before this returns."""
        connection = self.endpoint.connect_at_once(member.number)
        if connection is not None:
            member.connected(connection)
            return
        self._unconnected.append(member)
        if len(self._connectors) < CONNECTS_MAX:
            connector = self.loop.create_task(self._connect())
            self._connectors.add(connector)
            connector.add_done_callback(self._connectors.discard)

    def left(self, member: Member) -> None:
        self.pace.leave(member)
        self._playing -= 1
        if not self._playing:
            for connection in self._idle_connections:
                connection.abandon()
            self._idle_connections.clear()
            self.everyone_left.set()

    def hang_up(self, connection: Connection) -> None:
        """Close the connection of a bot that leaves; while the load stops, defer that until the last answer.

        While a server handles the end of tens of thousands of connections, it answers no calls: those under
        way at the end of a load of 80,000 bots took 2 to 3 s, and were the slowest 0.1 % of all its calls.
        """
        if self.is_stopping and self._playing and not connection.awaits_answer:
            self._idle_connections.append(connection)
        else:
            connection.abandon()

    def stop(self) -> None:
        """Stop the load: no bot begins a call; each leaves at once or after its pending answer."""
        self.is_stopping = True
        self.pace.stop()
        self._unconnected.clear()
        for member in self._members:
            if not member.awaits_answer:
                member.leave()

    def cut_off(self) -> int:
        """Make the bots that still wait for an answer leave, and return the number of these bots."""
        late = [member for member in self._members if not member.has_left]
        for member in late:
            member.leave()
        return len(late)

    async def _connect(self) -> None:
        while self._unconnected:
            member = self._unconnected.popleft()
            try:
                connection = await self.endpoint.connect(member.number)
            except Unanswered as error:
                member.unanswered(error.kind, str(error))
            else:
                member.connected(connection)
