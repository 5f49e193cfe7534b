"""The journal of a scenario: all that its clients sent and were answered, in JSON Lines.

Each line is one event with `at`, the seconds since the journal began, on one monotonic clock. Lines have the
order in which the events happened: a `begin` is written before its request is sent, and an `answer` when it
has been read. Each line is written with one call of the system, so a killed client loses no line that it
wrote.

A call is one request with its repeats. `attempt` counts these from 1, and each attempt names the same turn
and the same input. A bot makes one call at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
from msgspec import Struct

START: Final = "start"
INPUT: Final = "input"
OK: Final = "ok"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"
BEGIN: Final = "begin"
END: Final = "end"


class Begin(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="begin"):
    """An attempt that is about to be sent.

    Attributes:
        do: `start` begins run `episode` with `seed`, `name` and `mode`; `input` plays `input` at `turn`.
        turn: -1 for a start.
    """

    at: float
    bot: str
    call: int
    attempt: int
    do: Literal["start", "input"]
    episode: int
    turn: int = -1
    input: str = ""
    seed: int = -1
    name: str = ""
    mode: str = ""


class Answer(Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="answer"):
    """The outcome of an attempt as its client knows it.

    Attributes:
        outcome: `ok`; `refused`: the server says that the attempt had no effect; `unknown`: no answer, or one
            that leaves the effect open.
        error: A code if the outcome is not `ok`.
        episode, turn, digest: The position that the answer shows; -1, -1 and "" if it shows none.
    """

    at: float
    bot: str
    call: int
    attempt: int
    outcome: Literal["ok", "refused", "unknown"]
    error: str = ""
    episode: int = -1
    turn: int = -1
    digest: str = ""


class Position(Struct, frozen=True, gc=False, tag_field="kind", tag="position"):
    """The answer to a look: the place where the server says that the bot stands."""

    at: float
    bot: str
    episode: int
    turn: int
    digest: str


class Fault(Struct, frozen=True, gc=False, tag_field="kind", tag="fault"):
    """A fault that has begun, or that has ended."""

    at: float
    name: str
    phase: Literal["begin", "end"]


Event = Begin | Answer | Position | Fault


class JournalError(ValueError):
    """A file is not a journal; the message names the line."""


class JournalWriter:
    """Writes a new journal, in place of an older file; any thread may call its methods."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def begin_start(
        self, bot: str, call: int, attempt: int, *, episode: int, seed: int, name: str, mode: str
    ) -> None:
        with self._lock:
            self._write(Begin(self._now(), bot, call, attempt, START, episode, -1, "", seed, name, mode))

    def begin_input(self, bot: str, call: int, attempt: int, *, episode: int, turn: int, text: str) -> None:
        with self._lock:
            self._write(Begin(self._now(), bot, call, attempt, INPUT, episode, turn, text))

    def ok(self, bot: str, call: int, attempt: int, *, episode: int, turn: int, digest: str) -> None:
        with self._lock:
            self._write(Answer(self._now(), bot, call, attempt, OK, "", episode, turn, digest))

    def refused(
        self, bot: str, call: int, attempt: int, error: str, *, episode: int = -1, turn: int = -1,
        digest: str = "",
    ) -> None:  # fmt: skip
        with self._lock:
            self._write(Answer(self._now(), bot, call, attempt, REFUSED, error, episode, turn, digest))

    def unknown(self, bot: str, call: int, attempt: int, error: str) -> None:
        with self._lock:
            self._write(Answer(self._now(), bot, call, attempt, UNKNOWN, error))

    def position(self, bot: str, *, episode: int, turn: int, digest: str) -> None:
        with self._lock:
            self._write(Position(self._now(), bot, episode, turn, digest))

    def fault(self, name: str, phase: Literal["begin", "end"]) -> None:
        with self._lock:
            self._write(Fault(self._now(), name, phase))

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    def _write(self, event: Event) -> None:
        line = self._encode(event) + b"\n"
        written = self._file.write(line)
        if written != len(line):
            raise OSError(f"the disk took {written} of {len(line)} bytes of a line of the journal")


class JournalReader:
    """Reads the events of a journal in order, line by line.

    Attributes:
        torn: After the last event, the text of an incomplete last line, as a killed client leaves it;
            otherwise "".
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.torn = ""

    def __iter__(self) -> Iterator[Event]:
        """Yield each event.

        Raises:
            JournalError: A line other than an incomplete last one is not an event.
            OSError: The file cannot be read.
        """
        decode = msgspec.json.Decoder(Event).decode
        self.torn = ""
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    event = decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    if line.endswith(b"\n"):
                        raise JournalError(f"{self._path}, line {number}: {error}") from None
                    self.torn = line.decode("utf-8", "replace")
                    return
                yield event
