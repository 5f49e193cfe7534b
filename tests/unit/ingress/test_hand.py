"""The hand of a consumer: how much it takes, what it buries, and when it acknowledges a message."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import pytest

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.principals import LOCAL
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import Unauthenticated
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.instruments import UncollectedMeter
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.ingress.hand import Bounds, Hand
from dungeonfighter.ingress.messages import Decoder
from dungeonfighter.ingress.metrics import IngressMetrics
from dungeonfighter.ingress.partitions import STREAMS, stream_of
from dungeonfighter.ingress.playing import Outcomes, Playing
from dungeonfighter.ingress.ports import Delivery, Reply
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import replica
from tests.unit.ingress.test_playing import Views

IN_HAND_MAX = 4
DELIVERIES_MAX = 5


class QueueInMemory:
    """A queue of one consumer, without an outage; see `ingress.ports.Queue`."""

    is_up = True

    def __init__(self) -> None:
        self.waiting: list[Delivery] = []
        self.asked: list[int] = []
        self.replies: list[Mapping[str, str]] = []
        self.buried: list[tuple[str, str]] = []
        self._changed = asyncio.Condition()

    async def open(self) -> None:
        """Return at once."""

    async def close(self) -> None:
        """Return at once."""

    async def send(self, name: str, times: int = 1, **changes: str) -> None:
        bot = changes.get("bot", f"local/{name}")
        fields = {"id": name, "bot": bot, "episode": "1", "start": "{}"} | changes
        encoded = {key: value.encode() for key, value in fields.items()}
        async with self._changed:
            self.waiting.append(Delivery(name, stream_of(bot), encoded, times))
            self._changed.notify_all()

    async def read(self, free: int, wait_seconds: float) -> list[Delivery]:
        self.asked.append(free)
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self.waiting))
            found, self.waiting = self.waiting[:free], self.waiting[free:]
        return found

    async def answer(self, replies: Sequence[Reply]) -> None:
        async with self._changed:
            self.replies += [reply.fields for reply in replies]
            self._changed.notify_all()

    async def bury(self, letters: Sequence[tuple[Delivery, str]]) -> None:
        async with self._changed:
            self.buried += [(delivery.handle, reason) for delivery, reason in letters]
            self._changed.notify_all()

    async def excuse(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: nothing is counted."""

    async def lag(self) -> Mapping[int, int]:
        return {}

    def held(self) -> Collection[int]:
        return range(STREAMS)

    async def done(self, count: int) -> None:
        """Return when so many messages were answered or buried."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.replies) + len(self.buried) >= count)


class GatedStore(MemoryStore):
    """Commits nothing while it is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.asked = asyncio.Event()

    async def commit(self, batch):  # type: ignore[no-untyped-def]  # that of the memory store
        self.asked.set()
        await self.is_open.wait()
        return await super().commit(batch)


@pytest.fixture
async def store() -> GatedStore:
    return GatedStore()


@pytest.fixture
async def queue(store: GatedStore) -> AsyncIterator[QueueInMemory]:
    """A queue whose messages are taken and played until the test ends."""
    queue = QueueInMemory()
    host = replica(store)
    metrics = IngressMetrics(UncollectedMeter(), lag={}, is_up=lambda: True, streams_held=lambda: STREAMS)
    bounds = Bounds(in_hand_max=IN_HAND_MAX, deliveries_max=DELIVERIES_MAX)

    def make_playing(outcomes: Outcomes) -> Playing:
        return _playing(host, outcomes, queue)

    hand = Hand(queue, Decoder("local", "df:"), make_playing, metrics, bounds, _refuse)
    working = [asyncio.create_task(hand.read()), asyncio.create_task(hand.write())]
    yield queue
    store.is_open.set()
    hand.let_go()
    for task in working:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _playing(host: BotHost, outcomes: Outcomes, queue: QueueInMemory) -> Playing:
    admission = BoundedAdmission(Rates(RateSettings(), SystemClock().now))
    return Playing(host, admission, LOCAL, Views(), outcomes, queue.held)


def _refuse(error: Unauthenticated) -> None:
    raise error


async def test_poison_is_buried_and_the_rest_is_played(queue: QueueInMemory, store: GatedStore) -> None:
    store.is_open.set()
    await queue.send("a")
    await queue.send("b", bot="other-fleet/b")
    await queue.send("c")
    await queue.done(3)
    assert queue.buried == [("b", "other_fleet")]
    assert sorted(fields["id"] for fields in queue.replies) == ["a", "c"]


async def test_a_message_that_was_delivered_too_often_is_buried(
    queue: QueueInMemory, store: GatedStore
) -> None:
    store.is_open.set()
    await queue.send("a", times=DELIVERIES_MAX)
    await queue.send("b", times=DELIVERIES_MAX + 1)
    await queue.done(2)
    assert queue.buried == [("b", "too_many_deliveries")]
    assert [fields["id"] for fields in queue.replies] == ["a"]


async def test_a_message_is_acknowledged_after_its_commit(queue: QueueInMemory, store: GatedStore) -> None:
    await queue.send("a")
    async with asyncio.timeout(20):
        await store.asked.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not queue.replies
    store.is_open.set()
    await queue.done(1)
    assert queue.replies[0]["status"] == "ok"


async def test_no_more_is_read_than_there_is_room_for(queue: QueueInMemory, store: GatedStore) -> None:
    for number in range(3 * IN_HAND_MAX):
        await queue.send(f"m{number}")
    async with asyncio.timeout(20):
        await store.asked.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(queue.waiting) == 2 * IN_HAND_MAX
    store.is_open.set()
    await queue.done(3 * IN_HAND_MAX)
    assert max(queue.asked) <= IN_HAND_MAX
