"""Workers report to each other through the parent, over real channels; who is silent is named in time."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.diagnosis import Diagnosis
from dungeonfighter.serving.inquiries import Inquiry, InquiryRelay, SelfReport
from dungeonfighter.serving.self_report import ServerReport
from dungeonfighter.serving.worker_channel import LINE_BYTES_MAX, Channel, Parent
from dungeonfighter.settings import Settings
from dungeonfighter.storage.examination import DatabaseReport
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import MESSAGE_CHARS_MAX, TROUBLES_MAX, Trouble, TroubleLog

SHOWN = [ShownSetting("WORKERS", "3", "--workers")]


class OneWorker:
    """A worker with a host, its channel, and the parent's end of that channel."""

    def __init__(self, number: int, parents_end: Channel, parent: Parent) -> None:
        self.number = number
        self.parents_end = parents_end
        self.parent = parent
        self.host = BotHost(
            store=MemoryStore(), rules=ShippedRules([load_rules()]), clock=SystemClock(),
            chance=SystemChance(), meter=MeterRegistry(),
        )  # fmt: skip
        self.looks = 0

        async def examine() -> DatabaseReport:
            self.looks += 1
            await asyncio.sleep(0)
            return DatabaseReport("memory", "memory")

        self.diagnosis = Diagnosis(
            Settings(workers=3), SHOWN, self.host, TroubleLog(), examine, list, (number, parent.inquiries)
        )

    async def report(self) -> ServerReport:
        return msgspec.json.decode(await self.diagnosis.answer(), type=ServerReport)


async def _pass_on(relay: InquiryRelay, worker: OneWorker, serving: dict[int, Channel]) -> None:
    """Do the parent's part for one worker."""
    async for message in worker.parents_end.from_worker():
        if isinstance(message, Inquiry | SelfReport):
            relay.take(worker.number, message, serving, [7])


@asynccontextmanager
async def three_workers(relay: InquiryRelay | None) -> AsyncIterator[list[OneWorker]]:
    """Run three workers and their parent; without a relay the parent reads messages and does nothing."""
    async with AsyncExitStack() as stack:
        workers = []
        for number in range(3):
            ours, theirs = socket.socketpair()
            parent = Parent(await Channel.over(theirs))
            workers.append(OneWorker(number, await Channel.over(ours), parent))
            receiving = parent.receiving(on_drain=lambda: None, on_parent_gone=lambda: None)
            await stack.enter_async_context(receiving)
        serving = {worker.number: worker.parents_end for worker in workers}
        for worker in workers:
            if relay is not None:
                task = asyncio.create_task(_pass_on(relay, worker, serving))
                stack.callback(task.cancel)
            stack.callback(worker.parents_end.close)
        yield workers


async def test_each_worker_reports_for_all() -> None:
    relay = InquiryRelay(SHOWN, ["a note"])
    relay.note_restart(2)
    async with three_workers(relay) as workers:
        await workers[1].host.start("local/ada", NewGame(seed=1, weapon=1))
        for worker in workers:
            report = await worker.report()
            assert [process.worker for process in report.processes] == [0, 1, 2]
            assert [process.gauges["mcp_hot_games"] for process in report.processes] == [0, 1, 0]
            assert report.silent == []
            assert report.parent is not None
            assert (report.parent.restarts, report.parent.starting) == ({2: 1}, [7])
            assert report.settings == SHOWN
            assert report.notes == ("a note",)
            assert all(process.store_reads is not None for process in report.processes)


async def test_requests_at_the_same_time_share_one_look_at_the_database() -> None:
    async with three_workers(InquiryRelay(SHOWN)) as workers:
        bodies = await asyncio.gather(*(workers[0].diagnosis.answer() for _ in range(20)))
        assert workers[0].looks == 1
        times = [json.loads(body)["received_at"] for body in bodies]
        assert all(times)
        assert len({json.loads(body)["processes"][0]["at"] for body in bodies}) == 1


async def test_a_client_that_leaves_does_not_stop_the_report_for_the_others() -> None:
    async with three_workers(InquiryRelay(SHOWN)) as workers:
        first = asyncio.create_task(workers[0].diagnosis.answer())
        await asyncio.sleep(0)
        second = asyncio.create_task(workers[0].diagnosis.answer())
        await asyncio.sleep(0)
        first.cancel()
        assert len(json.loads(await second)["processes"]) == 3


async def test_a_silent_worker_is_named() -> None:
    async with three_workers(InquiryRelay(SHOWN)) as workers:
        workers[2].parent.inquiries.describe = None
        gathered = await workers[0].parent.inquiries.ask_all(0.2)
        assert gathered.silent == [2]
        assert [report.worker for report in gathered.reports] == [1]


async def test_a_worker_reports_alone_if_its_parent_is_silent() -> None:
    async with three_workers(None) as workers:
        gathered = await workers[0].parent.inquiries.ask_all(0.1)
        assert gathered.parent is None
        assert gathered.reports == []


async def test_a_late_answer_to_an_earlier_inquiry_is_no_answer_to_the_next() -> None:
    async with three_workers(InquiryRelay(SHOWN)) as workers:
        inquiries = workers[0].parent.inquiries
        report = await workers[1].diagnosis.describe()
        asking = asyncio.create_task(inquiries.ask_all(5.0))
        await asyncio.sleep(0)
        inquiries.take(SelfReport(0, 0, msgspec.structs.replace(report, worker=9)))
        assert {one.worker for one in (await asking).reports} == {1, 2}


async def test_a_worker_that_does_not_read_is_not_sent_more() -> None:
    sent: list[object] = []

    class Full:
        is_idle = False

        def send(self, message: object) -> None:
            sent.append(message)

    full, asking = Full(), Full()
    InquiryRelay(SHOWN).take(0, Inquiry(1), {0: asking, 1: full}, [])
    assert len(sent) == 1, "only the report of the parent to the worker that asks"


async def test_the_longest_report_fits_into_a_message() -> None:
    """A message is a line of at most `LINE_BYTES_MAX`, however the texts of troubles are escaped."""
    async with three_workers(InquiryRelay(SHOWN)) as workers:
        report = await workers[0].diagnosis.describe()
        trouble = Trouble(1.0, 2.0, "warning", "x" * 200, "\x01" * MESSAGE_CHARS_MAX)
        longest = msgspec.structs.replace(report, troubles=[trouble] * TROUBLES_MAX)
        assert len(msgspec.json.encode(SelfReport(1, 1, longest))) < LINE_BYTES_MAX / 4
