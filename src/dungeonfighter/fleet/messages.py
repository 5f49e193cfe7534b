"""What the parent of a load and its generator processes tell each other: one JSON value a line.

The parent writes to a generator's standard input, the generator to its standard output:

    Begin ->            <- Ready        it has loaded what it needs
    Go ->               <- Playing      each second
    Stop (at any time)  <- Played       its load is over
    Verify ->           <- Verifying    now and then
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
"""A verdict names every bot that something is wrong with."""


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
    """What came of it; see `load.Load`."""

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


Order = Begin | Go | Stop | Verify
Told = Ready | Playing | Played | Verifying | Verified

_encode: Final = msgspec.json.Encoder().encode
_order: Final = msgspec.json.Decoder(Order)
_told: Final = msgspec.json.Decoder(Told)


def line_of(message: Order | Told) -> bytes:
    """The message as it is sent."""
    return _encode(message) + b"\n"


async def orders(reader: StreamReader) -> AsyncIterator[Order]:
    """What the parent says, until it has nothing more to say."""
    async for line in reader:
        yield _order.decode(line)


async def tellings(reader: StreamReader) -> AsyncIterator[Told]:
    """What a generator says, until it ends; a line cut short by its end is left out."""
    async for line in reader:
        if line.endswith(b"\n"):
            yield _told.decode(line)
