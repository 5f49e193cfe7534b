"""What all bots of one load share, and what they ask of it: connections, the pace, where to count, when to
stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Struct

from dungeonfighter.fleet.http import CONNECTS_MAX, Connection, Endpoint, Unanswered
from dungeonfighter.fleet.pace import Pace
from dungeonfighter.fleet.steps import Steps
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.wire import InputCalls

if TYPE_CHECKING:
    from dungeonfighter.fleet.player import Player


class Habits(Struct, frozen=True):
    """How all bots of one load behave. `run_inputs_max` ends endless runs; `patience_seconds` bounds
    repeating.
    """

    view: str = "text"
    mode: str = "casual"
    run_inputs_max: int = 3000
    patience_seconds: float = 30.0


class Crew:
    """The shared part of a load.

    Attributes:
        always_1: The bots need the text view only, and give input 1 wherever it is legal: they walk `steps`.
        ending: What stands after the text in the answers that are recognised by their bytes.
        tally: Counts calls meant to be made from `count_from` (`perf_counter`) on; `warm_up` those before.
        is_stopping: Nobody begins a call any more.
        everyone_left: Set when no bot plays any more.
    """

    def __init__(self, endpoint: Endpoint, habits: Habits, tally: Tally, *, always_1: bool = False) -> None:
        self.endpoint = endpoint
        self.always_1 = always_1 and habits.view == "text"
        self.habits = habits
        self.tally = tally
        self.warm_up = Tally()
        self.count_from = 0.0
        self.input_calls = InputCalls(endpoint.path, endpoint.authority, habits.view)
        self.steps = Steps(self.input_calls, habits.run_inputs_max)
        self.ending = b""
        self.is_stopping = False
        self.everyone_left = asyncio.Event()
        self.pace: Pace
        self.loop: asyncio.AbstractEventLoop
        self._players: list[Player] = []
        self._playing = 0
        self._unconnected: deque[Player] = deque()
        self._connectors: set[asyncio.Task[None]] = set()
        self._unused: list[Connection] = []

    def begin(self, players: list[Player], pace: Pace) -> None:
        """Let them play in the running loop, which the endpoint is bound to."""
        self.loop = self.endpoint.loop
        self.pace = pace
        self._players = players
        self._playing = len(players)
        pace.begin(players)

    def tally_of(self, since: float) -> Tally:
        """Where a call counts that was meant to be made then."""
        return self.tally if since >= self.count_from else self.warm_up

    def connect(self, player: Player) -> None:
        """Give the player a connection when there is one; `Player.unanswered` if there is none."""
        connection = self.endpoint.connect_at_once(player.number)
        if connection is not None:
            player.connected(connection)
            return
        self._unconnected.append(player)
        if len(self._connectors) < CONNECTS_MAX:
            connector = self.loop.create_task(self._connect())
            self._connectors.add(connector)
            connector.add_done_callback(self._connectors.discard)

    def left(self, player: Player) -> None:
        """This player plays no more."""
        self.pace.leave(player)
        self._playing -= 1
        if not self._playing:
            for connection in self._unused:
                connection.abandon()
            self._unused.clear()
            self.everyone_left.set()

    def hang_up(self, connection: Connection) -> None:
        """Close the connection of one who leaves; when all leave, only after the last answer.

        To see tens of thousands of connections end keeps a server from answering: the calls under way at the
        end of a load of 80,000 bots took 2 to 3 s, and they were its slowest thousandth.
        """
        if self.is_stopping and self._playing and not connection.is_asked:
            self._unused.append(connection)
        else:
            connection.abandon()

    def stop(self) -> None:
        """Let nobody begin a call; who has none under way leaves at once, the others when it is answered."""
        self.is_stopping = True
        self.pace.stop()
        self._unconnected.clear()
        for player in self._players:
            if not player.is_asking:
                player.leave()

    def cut_off(self) -> int:
        """Let those leave who still wait for an answer; how many."""
        late = [player for player in self._players if not player.has_left]
        for player in late:
            player.leave()
        return len(late)

    async def _connect(self) -> None:
        while self._unconnected:
            player = self._unconnected.popleft()
            try:
                connection = await self.endpoint.connect(player.number)
            except Unanswered as error:
                player.unanswered(error.kind, str(error))
            else:
                player.connected(connection)
