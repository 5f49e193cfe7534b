"""One client's bridge: lines of JSON-RPC in, one HTTP request for each, lines of JSON-RPC out.

Requests that only read are carried out at the same time. Calls that change something are carried out one
after another, in the order of their lines: so the bridge knows the run and the turn that each one is for,
and a call that comes while another one is repeated waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from dungeonfighter.bridge import answers, messages, numbers
from dungeonfighter.bridge.answers import (
    INTERNAL_ERROR,
    INTERNAL_WAY_OUT,
    INVALID_REQUEST,
    NOT_ALLOWED,
    OUTCOME_UNKNOWN,
    OVERLOADED,
    UNREACHABLE,
)
from dungeonfighter.bridge.attempts import Attempts, Outcome, Sending
from dungeonfighter.bridge.link import Unanswered, Unsent
from dungeonfighter.bridge.memory import ALL_STEPS, Memory, Sent
from dungeonfighter.bridge.messages import CANCELLED, Message, RequestId
from dungeonfighter.bridge.numbers import Kind, Position

LINE_BYTES_MAX: Final = 16 * 1024 * 1024
OPEN_MAX: Final = 100
"""The most messages under way."""
LAST_ANSWERS_SECONDS: Final = 30.0
"""The longest time of open calls after the end of the client's lines."""
STOP_SECONDS: Final = 1.5
"""The same after a signal: clients kill a server two seconds after theirs."""
_NOT_AT_ONCE: Final = frozenset({Kind.STEPS, Kind.UNKNOWN})
_IS_LOST: Final = "the bridge was stopped; the call may or may not have been applied: read the game"
_WAS_NOT_SENT: Final = "the bridge was stopped before the answer came; nothing was applied"


class ClientStreams(Protocol):
    """The client's end of a bridge."""

    async def next(self) -> bytes | None:
        """Return the next line without its end; None at the end of all."""

    async def write(self, line: bytes) -> None:
        """Write a line with its end; drop it if nobody reads any more."""


class _Open(Struct):
    """A message under way."""

    message: Message
    task: asyncio.Task[None] | None = None
    may_have_happened: bool = False
    is_answered: bool = False


class _LookFailed(Exception):
    """The position of a bot could not be read."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class Bridge:
    """The bridge of one client.

    Args:
        lines: The client.
        attempts: Sends the messages; its connections may be shared with other bridges.
    """

    def __init__(self, lines: ClientStreams, attempts: Attempts) -> None:
        self._lines = lines
        self._attempts = attempts
        self._target = attempts.target
        self._memory = Memory(is_bound=bool(self._target.bot))
        self._writing = asyncio.Lock()
        self._open: dict[RequestId, _Open] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._agreed_version = ""
        self._looks = itertools.count(1)
        self._loop = asyncio.get_running_loop()

    async def serve(self, stopped: asyncio.Event) -> None:
        """Serve the client until its lines end, or until `stopped`; then end the calls under way.

        At the end of the lines all calls are answered, in `LAST_ANSWERS_SECONDS` at most. Once stopped, calls
        without an answer after `STOP_SECONDS` are answered with the fact that their outcome is unknown.
        """
        stopping = asyncio.create_task(stopped.wait())
        reading = asyncio.create_task(self._read_all())
        await asyncio.wait({stopping, reading}, return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
        if not stopped.is_set():
            reading.result()
            await self._wait_for_open(LAST_ANSWERS_SECONDS, stopping)
        await self._wait_for_open(STOP_SECONDS if stopped.is_set() else 0.0)
        stopping.cancel()
        await self._end_open()

    async def _wait_for_open(self, seconds: float, stopping: asyncio.Task[Any] | None = None) -> None:
        """Wait until no call is open, until `stopping` is done, or for some seconds."""
        until = self._loop.time() + seconds
        while self._tasks and (rest := until - self._loop.time()) > 0:
            if stopping is not None and stopping.done():
                return
            watched = self._tasks | ({stopping} if stopping is not None else set())
            await asyncio.wait(watched, timeout=rest, return_when=asyncio.FIRST_COMPLETED)

    async def _end_open(self) -> None:
        left = [one for one in self._open.values() if not one.is_answered]
        for one in left:
            one.is_answered = True
            if one.task is not None:
                one.task.cancel()
        for one in left:
            code, said = (
                (OUTCOME_UNKNOWN, _IS_LOST) if one.may_have_happened else (UNREACHABLE, _WAS_NOT_SENT)
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._lines.write(answers.failure(one.message, code, said) + b"\n")

    async def _read_all(self) -> None:
        while (line := await self._lines.next()) is not None:
            if len(line) > LINE_BYTES_MAX:
                wrong = f"the message is larger than {LINE_BYTES_MAX} bytes"
                await self._lines.write(answers.error(None, INVALID_REQUEST, wrong) + b"\n")
            elif line.strip():
                await self._take(messages.read_message(line))

    async def _take(self, message: Message) -> None:
        """Begin to carry out a message."""
        if message.is_response:  # the server asks nothing, so nobody waits for it
            return
        if message.method == CANCELLED:
            self._cancel((message.params or {}).get("requestId"))
            return
        if (refused := self._refusal(message)) is not None:
            if message.awaits_answer:
                await self._lines.write(refused + b"\n")
            return
        begun = _Open(message)
        work = self._answer(begun) if message.awaits_answer else self._notify(message)
        task = begun.task = asyncio.create_task(work)
        self._tasks.add(task)
        if message.id is not None:
            self._open[message.id] = begun
        task.add_done_callback(lambda _: self._forget(begun, task))

    def _refusal(self, message: Message) -> bytes | None:
        """Return the answer to a message that cannot be carried out now; None if it can be."""
        if len(self._tasks) >= OPEN_MAX:
            said = f"{OPEN_MAX} messages are under way; nothing of this one was sent: wait for an answer"
            return answers.failure(message, OVERLOADED, said)
        if message.id is not None and message.id in self._open:
            said = "Invalid request: another request with this id is under way"
            return answers.error(message.id, INVALID_REQUEST, said)
        return None

    def _forget(self, begun: _Open, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._release_id(begun)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "the bridge failed", "exception": error})

    def _release_id(self, begun: _Open) -> None:
        """Let the client use an id once more: it may do so as soon as it reads the answer."""
        if self._open.get(begun.message.id) is begun:
            del self._open[begun.message.id]

    def _cancel(self, own_id: object) -> None:
        """Give up a request that the client does not wait for any more; it gets no answer."""
        if not isinstance(own_id, str | int):
            return
        begun = self._open.get(own_id)
        if begun is None or begun.is_answered:
            self._memory.was_too_late(own_id)
        elif begun.task is not None:
            begun.is_answered = True
            begun.task.cancel()

    async def _notify(self, message: Message) -> None:
        """Pass on a notification; the client expects no answer, so its loss is none."""
        with contextlib.suppress(Unsent, Unanswered):
            seconds = self._attempts.limits.answer_seconds
            until = self._loop.time() + seconds
            await self._attempts.post_once(message, self._headers(message), seconds, until)

    async def _answer(self, begun: _Open) -> None:
        message = begun.message
        until = self._loop.time() + self._attempts.limits.patience_seconds
        kind = numbers.kind_of(message.tool) if message.is_readable_call else Kind.READ
        try:
            if kind is Kind.READ:
                line = await self._read(message, until)
            else:
                line = await self._write_in_order(begun, kind, until)
        except Exception as error:  # noqa: BLE001 (the client waits for an answer in any case)
            self._loop.call_exception_handler({"message": "the bridge failed", "exception": error})
            line = answers.error(message.id, INTERNAL_ERROR, f"the bridge failed; {INTERNAL_WAY_OUT}")
        begun.is_answered = True
        self._release_id(begun)
        await self._lines.write(line + b"\n")

    def _headers(self, message: Message) -> dict[str, str]:
        return messages.headers_of(message, self._agreed_version, self._target.bot)

    async def _read(self, message: Message, until: float) -> bytes:
        """Carry out a message that changes nothing."""
        epoch = self._memory.epoch
        outcome = await self._attempts.carry_out(Sending(message, self._headers(message), until))
        result = outcome.answer.result if outcome.answer is not None else None
        if result is not None:
            version = result.get("protocolVersion")
            if message.method == "initialize" and isinstance(version, str):
                self._agreed_version = version
            if message.tool:
                self._memory.read(self._bot_of(message), result, epoch)
        return outcome.line

    async def _write_in_order(self, begun: _Open, kind: Kind, until: float) -> bytes:
        """Carry out a call that changes something, after those before it."""
        try:
            async with asyncio.timeout_at(until):
                await self._writing.acquire()
        except TimeoutError:
            said = "calls before this one still wait for the server; nothing of it was sent: call again later"
            return answers.failure(begun.message, OVERLOADED, said)
        try:
            return await self._write(begun, kind, until)
        except _LookFailed as failed:
            return _failed_look(begun.message, failed.outcome)
        finally:
            self._writing.release()

    async def _write(self, begun: _Open, kind: Kind, until: float) -> bytes:
        message, bot = begun.message, self._bot_of(begun.message)
        sent, before = await self._number(message, kind, bot, until)
        if sent.numbered != message.arguments:
            message = message.with_arguments(sent.numbered)
        memory = self._memory
        memory.begin(sent, _bots_of(kind, sent, bot))
        begun.may_have_happened = True
        try:
            outcome = await self._attempts.carry_out(
                Sending(
                    message, self._headers(message), until, changes=True,
                    may_repeat=numbers.is_numbered(kind, sent.numbered), is_small=kind not in _NOT_AT_ONCE,
                )
            )  # fmt: skip
        finally:
            memory.end()
        if not outcome.may_have_happened:
            memory.answered(message.id, sent)
            result = outcome.answer.result if outcome.answer is not None else None
            memory.played(kind, bot, result or {}, before)
        return outcome.line

    async def _number(
        self, message: Message, kind: Kind, bot: str, until: float
    ) -> tuple[Sent, Mapping[str, Position]]:
        """Return a call with its numbers, and the positions of its bots."""
        given = message.arguments
        key = ALL_STEPS if kind is Kind.STEPS else bot
        lost = self._memory.lost(key, message)
        if lost is not None:
            return lost, {}
        arguments = given
        if not self._target.turns_required:
            missing = numbers.missing_bots(kind, given, bot)
            await self._look(self._memory.unknown(missing), until)
            arguments = numbers.numbered(kind, given, bot, self._memory.positions)
        sent = Sent(key, message.tool, given, arguments)
        known = self._memory.positions
        return sent, {name: known[name] for name in _bots_of(kind, sent, bot) if name in known}

    async def _look(self, bots: Iterable[str], until: float) -> None:
        """Read where bots stand.

        Raises:
            _LookFailed: The server cannot be asked, or refuses every call.
        """
        async with asyncio.TaskGroup() as group:
            asked = [(bot, group.create_task(self._look_at(bot, until))) for bot in bots]
        for bot, task in asked:
            found = task.result()
            if isinstance(found, Outcome):
                raise _LookFailed(found)
            if found is not None:
                self._memory.found(bot, found)

    async def _look_at(self, bot: str, until: float) -> Position | Outcome | None:
        """Return where a bot stands; None if the answer does not tell; an outcome if there is no answer."""
        named = {"botId": bot} if bot and not self._target.bot else {}
        message = messages.call(f"connect-{next(self._looks)}", "get_game_state", named)
        outcome = await self._attempts.carry_out(Sending(message, self._headers(message), until))
        if outcome.answer is None:
            return outcome
        if outcome.answer.error is not None:
            # A token may allow to play and not to read.
            return None if outcome.answer.refusal.get("code") == NOT_ALLOWED else outcome
        return numbers.position_in(outcome.answer.result or {})

    def _bot_of(self, message: Message) -> str:
        """Return the bot of a call; empty for the bot of calls that name none."""
        if self._target.bot:
            return self._target.bot
        given = message.arguments.get("botId")
        return str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""


def _bots_of(kind: Kind, sent: Sent, bot: str) -> list[str]:
    if kind is not Kind.STEPS:
        return [bot]
    steps = sent.given.get("steps")
    rows = steps if isinstance(steps, list) else []
    named = [row.get("botId") for row in rows if isinstance(row, dict)]
    return [name for name in named if isinstance(name, str)]


def _failed_look(message: Message, outcome: Outcome) -> bytes:
    """Return the answer to a call that was not sent, because its numbers could not be read."""
    fault = outcome.answer.error if outcome.answer is not None else None
    if fault is not None:
        code = fault.get("code")
        said = str(fault.get("message", "the server refused the call"))
        return answers.error(message.id, code if isinstance(code, int) else -32603, said, fault.get("data"))
    return answers.failure(message, outcome.code, outcome.said)
