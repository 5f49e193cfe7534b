"""Bots of a load that play their inputs through a message queue, as a producer sends them.

A bot starts its runs and reads its games over HTTP, and gives its inputs to the queue of an ingress. So the
verification is that of any other load, and the latencies are those of the queue.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from dungeonfighter.bots.policy import Policy
from dungeonfighter.connection_strings import is_rabbitmq, shown_rabbitmq, shown_redis
from dungeonfighter.fleet.crew import Crew
from dungeonfighter.fleet.player import INPUT, Player
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.wire import Answer, Snapshot
from dungeonfighter.ingress import NoReply, Producer, QueueRefused, TurnReply
from dungeonfighter.ingress.producer import View
from dungeonfighter.task_ending import end

NO_REPLY: Final = "no_reply"
"""The kind of an error: no reply came while the bot was patient."""
REPEATED: Final = "sent_again"
"""The kind of a failed attempt: the reply did not come in time, and the message was sent again."""
_snapshot: Final = msgspec.json.Decoder(Snapshot).decode


class ThroughQueue(Struct, frozen=True):
    """The queue of a load.

    Attributes:
        url: Its address, with the password.
        fleet: The fleet of its ingress.
        prefix: The beginning of all names in the queue.
    """

    url: str
    fleet: str = "local"
    prefix: str = "df:"

    def __repr__(self) -> str:
        """Return the place, because texts about failures may show it."""
        return f"ThroughQueue({self.place})"

    @property
    def place(self) -> str:
        """The place for people."""
        if is_rabbitmq(self.url):
            return f"RabbitMQ at {shown_rabbitmq(self.url)}"
        return f"Redis at {shown_redis(self.url)}"


class QueueGate:
    """The producer that all bots of one process share; an asynchronous context manager.

    Args:
        queue: Where the messages go.
        in_flight_max: The greatest number of bots.
        patience_seconds: A bot waits so long for a reply.
        view: The view that the bots ask for.
        tally: Counts the messages that were sent again.
    """

    def __init__(
        self, queue: ThroughQueue, *, in_flight_max: int, patience_seconds: float, view: View, tally: Tally
    ) -> None:
        self._producer = Producer(
            queue.url, fleet=queue.fleet, name="fleet", prefix=queue.prefix, in_flight_max=in_flight_max,
            timeout_seconds=patience_seconds,
        )  # fmt: skip
        self._view = view
        self._tally = tally
        self._asking: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            QueueUnavailable, QueueRefused: As `Producer`.
        """
        await self._producer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; bots that still wait have been cut off before."""
        asking = [*self._asking]
        await end(*asking)
        await asyncio.gather(*asking, return_exceptions=True)
        if self._producer.repeats:
            self._tally.troubles[REPEATED] += self._producer.repeats
        await self._producer.__aexit__(kind, error, trace)

    def ask(self, player: QueuePlayer, bot: str, episode: int, turn: int, text: str) -> None:
        """Send one input, and call `replied` or `not_replied` of the bot later."""
        task = asyncio.get_running_loop().create_task(self._ask(player, bot, episode, turn, text))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, player: QueuePlayer, bot: str, episode: int, turn: int, text: str) -> None:
        try:
            reply = await self._producer.play(bot, episode, turn, text, view=self._view)
        except (NoReply, QueueRefused) as error:
            player.not_replied(str(error))
        else:
            player.replied(_answer(reply, self._view))


class QueuePlayer(Player):
    """A `Player` that gives its inputs to a queue."""

    __slots__ = ("_awaits_reply", "_gate")

    def __init__(
        self, number: int, bot_id: str, seed: int, *, policy: Policy, crew: Crew, gate: QueueGate
    ) -> None:
        super().__init__(number, bot_id, seed, policy=policy, crew=crew)
        self._gate = gate
        self._awaits_reply = False

    @property
    def awaits_answer(self) -> bool:
        return self._awaits_reply or super().awaits_answer

    def act(self, since: float) -> None:
        text, run = self._input, self._journal.run
        if text is None or run is None:
            super().act(since)
            return
        self._since = since
        self._journal.unanswered = text
        self._kind = INPUT
        self._awaits_reply = True
        self._gate.ask(self, self._journal.bot_id, run.episode, self._journal.turn, text)

    def replied(self, answer: Answer) -> None:
        """Take the reply to an input."""
        self._awaits_reply = False
        if not self.has_left:
            self._on_input(answer)

    def not_replied(self, detail: str) -> None:
        """Give up: the producer was as patient as the bot."""
        self._awaits_reply = False
        if not self.has_left:
            self._crew.tally_of(self._since).error(NO_REPLY, detail)
            self.leave()

    def _count_call(self, *, turns: int = 0) -> None:
        """Count inputs only, so that the latencies are those of the queue."""
        if self._kind == INPUT:
            super()._count_call(turns=turns)


def _answer(reply: TurnReply, view: View) -> Answer:
    """Return a reply as the answer of a tool."""
    if reply.status == "error":
        return Answer(
            reply.code, reply.text, None, reply.episode, reply.turn, 0.0, reply.text.partition("\n")[0]
        )
    if view != "json":
        return Answer("", reply.text, None, reply.episode, reply.turn)
    try:
        return Answer("", "", _snapshot(reply.json), reply.episode, reply.turn)
    except msgspec.MsgspecError as error:
        return Answer("bad_answer", message=str(error))
