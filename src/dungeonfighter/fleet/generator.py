"""One generator process of a load: `python -m dungeonfighter.fleet.generator`, started by `generators`.

It reads orders from standard input and writes its status to standard output, both as described in `messages`.
Its log goes to standard error, which it shares with its parent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from dungeonfighter.fleet.files import allow_many_files
from dungeonfighter.fleet.load import Load, LoadOptions, play_load
from dungeonfighter.fleet.messages import (
    LINE_BYTES_MAX,
    Begin,
    Failed,
    Go,
    Order,
    Played,
    Playing,
    Ready,
    Status,
    Stop,
    Verified,
    Verify,
    Verifying,
    line_of,
    orders,
)
from dungeonfighter.fleet.verify import verify_bots
from dungeonfighter.ingress import QueueRefused, QueueUnavailable
from dungeonfighter.rules import load_rules
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.scheduling import take_longer_slices

logger = logging.getLogger(__name__)


def main() -> None:
    take_longer_slices()
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent decides
        signal.signal(number, signal.SIG_IGN)
    allow_many_files()
    try:
        run_on_fastest_loop(_Generator().run())
    except (QueueUnavailable, QueueRefused) as error:
        _report(Failed(str(error)))
        sys.exit(1)


class _Generator:
    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._orders: asyncio.Queue[Order] = asyncio.Queue()

    async def run(self) -> None:
        listening = asyncio.create_task(self._listen())
        begin = await self._orders.get()
        assert isinstance(begin, Begin)
        _report(Ready())
        if isinstance(await self._orders.get(), Go):
            load = await self._play(begin.options)
            if isinstance(await self._orders.get(), Verify):
                verdict = await verify_bots(load, load_rules(), lambda *counts: _report(Verifying(*counts)))
                _report(Verified(verdict.share()))
        await listening

    async def _play(self, options: LoadOptions) -> Load:
        load = await play_load(options, lambda progress: _report(Playing(progress)), stop=self._stop)
        _report(
            Played(load.tally.share(), load.warm_up.share(), load.seconds, load.cut_off, load.cpu_seconds)
        )
        return load

    async def _listen(self) -> None:
        """Queue the parent's orders; end this process when they end."""
        try:
            await self._take_orders()
        except Exception:
            logger.exception("the orders of the parent process cannot be read: ended")
            os._exit(1)
        os._exit(0)

    async def _take_orders(self) -> None:
        reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        async for order in orders(reader):
            if isinstance(order, Stop):
                self._stop.set()
            else:
                self._orders.put_nowait(order)


def _report(status: Status) -> None:
    """Write the whole status; the parent reads at once, so a wait for room in the pipe is short."""
    left = memoryview(line_of(status))
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


if __name__ == "__main__":
    main()
