"""The messages between the parent of a load and its generator processes: one JSON value a line.

The parent writes orders to a generator's standard input, the generator its status to its standard output:

    Begin ->            <- Ready        the generator has loaded its code
    Go ->               <- Playing      each second
    Stop (at any time)  <- Played       the generator's part of the load is over
    Verify ->           <- Verifying    every two seconds
                        <- Verified

A generator ends when its standard input does, so none outlives its parent.
"""

from __future__ import annotations

from asyncio import StreamReader
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.fleet.load import LoadOptions
from dungeonfighter.fleet.progress import Progress
from dungeonfighter.fleet.tally import TallyShare
from dungeonfighter.fleet.verify import VerdictShare

LINE_BYTES_MAX: Final = 256 * 1024 * 1024
"""A verdict names every bot with a finding."""


class Begin(Struct, frozen=True, tag=True):
    options: LoadOptions


class Go(Struct, frozen=True, tag=True):
    pass


class Stop(Struct, frozen=True, tag=True):
    pass


class Verify(Struct, frozen=True, tag=True):
    pass


class Ready(Struct, frozen=True, tag=True):
    pass


class Playing(Struct, frozen=True, tag=True):
    progress: Progress


class Played(Struct, frozen=True, tag=True):
    """The outcome of one generator's part of the load; the fields are those of `load.Load`."""

    tally: TallyShare
    warm_up: TallyShare
    seconds: float
    cut_off: int
    cpu_seconds: float


class Verifying(Struct, frozen=True, tag=True):
    done: int
    bots: int


class Verified(Struct, frozen=True, tag=True):
    verdict: VerdictShare


class Failed(Struct, frozen=True, tag=True):
    """The process cannot play, and ends."""

    reason: str


Order = Begin | Go | Stop | Verify
Status = Ready | Playing | Played | Verifying | Verified | Failed

_encode: Final = msgspec.json.Encoder().encode
_order: Final = msgspec.json.Decoder(Order)
_status: Final = msgspec.json.Decoder(Status)


def line_of(message: Order | Status) -> bytes:
    return _encode(message) + b"\n"


async def orders(reader: StreamReader) -> AsyncIterator[Order]:
    async for line in reader:
        yield _order.decode(line)


async def statuses(reader: StreamReader) -> AsyncIterator[Status]:
    """Yield a generator's status messages until the stream ends, without a last line that was cut short."""
    async for line in reader:
        if line.endswith(b"\n"):
            yield _status.decode(line)
