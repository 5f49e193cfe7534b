"""A producer: a program that plays bots through a queue.

A message that is not answered in time is sent again under the same id, so a producer needs no thought about
lost connections, restarted brokers or killed consumers. A message names the run and the turn that it sees,
so a repeat is never played twice. Replies may arrive twice; the first one counts.

Source: docs/ingress.md, "A producer in Python".
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import logging
from collections.abc import Mapping
from secrets import token_hex
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, cast
from urllib.parse import urlsplit

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument
from dungeonfighter.ingress.messages import MESSAGE_BYTES_MAX, reply_prefix
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.producer_mailboxes import Fields, Mailbox
from dungeonfighter.task_ending import end

logger = logging.getLogger(__name__)

CLOSE_SECONDS_MAX: Final = 10.0
"""The longest wait at the end for what is in flight."""
_WAIT_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.25
_PAUSE_SECONDS_MAX: Final = 5.0
_REPEAT_FACTOR: Final = 2.0
_REPEAT_SECONDS_MAX: Final = 60.0
_NAME_CHARS_MAX: Final = 32
_MISSING: Final = "the package {0} is missing: install the extra {0} of dungeonfighter"


Status = Literal["ok", "repeated", "error"]
View = Literal["text", "json", "none"]


class NoReply(Exception):
    """No reply came in time. The turn may have been played, or may be played later.

    To ask for the same turn once more, with the same input, is safe.
    """


class TurnReply(Struct, frozen=True):
    """The answer to one message.

    Attributes:
        status: `ok`; `repeated` if the turn had been played before and this is the present game; or `error`.
        code: The code of an error (docs/tools.md, "Errors"); "" without one.
        episode, turn: The run and the turn of the game now; -1 if the bot has none.
        is_over: The run is over.
        text: The game, or the error and the game, for the view `text`.
        json: The snapshot of the game as JSON, for the view `json`.
    """

    status: Status
    code: str = ""
    episode: int = -1
    turn: int = -1
    is_over: bool = False
    text: str = ""
    json: str = ""


class _Asked(Struct, eq=False):
    """A message in flight.

    Attributes:
        due: The time of its next repeat, by the clock of the loop.
        pause: The seconds from the last repeat to that one.
    """

    stream: int
    fields: Fields
    replied: asyncio.Future[TurnReply]
    due: float = 0.0
    pause: float = 0.0


class Producer:
    """Plays bots of one fleet through a queue; an asynchronous context manager for one event loop.

    Args:
        url: redis:// or rediss:// (the extra `redis`), amqp:// or amqps:// (the extra `rabbitmq`).
        fleet: The fleet of the ingress, `local` without access control.
        name: The beginning of the name of this producer's place for replies; random by default.
        prefix: The `--prefix` of the ingress.
        in_flight_max: The greatest number of messages without a reply; further calls wait.
        repeat_seconds: A message is sent again after that long, then after twice as long, and so on.
        timeout_seconds: A call fails after that long, and the entry into the context while the queue does
            not answer.
    """

    def __init__(
        self, url: str, *, fleet: str = "local", name: str = "", prefix: str = "df:",
        in_flight_max: int = 1000, repeat_seconds: float = 5.0, timeout_seconds: float = 60.0,
    ) -> None:  # fmt: skip
        if not limits.fleet_pattern.match(fleet):
            raise BadArgument(f"{fleet[:40]!r} is no name of a fleet: it has 1 to 32 of a-z, 0-9 and '-'")
        if name and not (limits.is_bot_id(name) and len(name) <= _NAME_CHARS_MAX):
            raise BadArgument("the name of a producer has up to 32 letters, digits, '.', '_' and '-'")
        self._name = f"{name or 'producer'}-{token_hex(6)}"
        self._fleet = fleet
        self._mailbox, self._reply_to = _make_mailbox(url, prefix=prefix, fleet=fleet, name=self._name)
        self._repeat_seconds = repeat_seconds
        self._timeout_seconds = timeout_seconds
        self._room = asyncio.Semaphore(in_flight_max)
        self._count = 0
        self._asked: dict[str, _Asked] = {}
        self._busy: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._unsent: list[str] = []
        self._is_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_owed = False
        """A reply that nobody waits for may still come."""
        self._running: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._failures = 0
        """Failures of the queue since the last reply."""
        self._reported = ""
        """The last failure in the log since the last reply."""
        self.repeats = 0
        """The number of messages that were sent once more."""

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            QueueUnavailable: The queue did not answer for `timeout_seconds`.
            QueueRefused: The queue can never be used, for example because of a wrong password.
        """
        await self._open(asyncio.get_running_loop().time() + self._timeout_seconds)
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait up to 10 s for what other tasks have in flight, unless there is an exception; disconnect."""
        if error is None and self._asked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    self._is_idle.clear()
                    await self._is_idle.wait()
        is_done = not self._asked and not self._is_owed
        if self._running is not None:
            await end(self._running)
            await asyncio.gather(self._running, return_exceptions=True)
        self._fail(NoReply("the producer was closed before the reply came"))
        await self._mailbox.close(is_done=is_done)

    async def play(
        self, bot: str, episode: int, turn: int, input: str, *,  # noqa: A002 - the field's name
        view: View = "text",
    ) -> TurnReply:  # fmt: skip
        """Play one turn, and return the reply, which may be an error of the game.

        Args:
            bot: The bot, without its fleet. It may wait for one reply at a time.
            episode: The run that the caller sees.
            turn: The turn that the caller sees, 0 for the first input of a run.
            input: The input.
            view: The form of the game in the reply.

        Raises:
            BadArgument: The message could never be played.
            NoReply: No reply came for `timeout_seconds`; the same call may be made again.
            QueueRefused: The queue cannot be used any more.
        """
        return await self._ask(bot, {"episode": episode, "turn": turn, "input": input, "view": view})

    async def start(
        self, bot: str, episode: int, options: Mapping[str, Any] | None = None, *,
        view: View = "text",
    ) -> TurnReply:  # fmt: skip
        """Begin a run, and return the reply.

        Args:
            bot: The bot, without its fleet.
            episode: The number of the new run: one more than that of the present run, 1 for a new bot.
            options: `name`, `weapon`, `seed`, `mode` as in the tool `start_new_game`.
            view: The form of the game in the reply.

        Raises:
            BadArgument, NoReply, QueueRefused: As `play`.
        """
        words = {"episode": episode, "start": json.dumps(dict(options or {})), "view": view}
        return await self._ask(bot, words)

    async def _ask(self, bot: str, words: Mapping[str, object]) -> TurnReply:
        key, fields = self._message(bot, words)
        if key in self._busy:
            raise BadArgument(f"{bot} waits for a reply; a bot plays one turn at a time")
        self._busy.add(key)
        try:
            async with self._room:
                return await self._reply_to_message(key, fields)
        finally:
            self._busy.discard(key)

    async def _reply_to_message(self, key: str, fields: Fields) -> TurnReply:
        if self._running is None or self._running.done():
            raise self._failure or QueueRefused("the producer is not open: use it in `async with`")
        loop = asyncio.get_running_loop()
        asked = _Asked(stream_of(key), fields, loop.create_future(), pause=self._repeat_seconds)
        name = fields["id"]
        self._asked[name] = asked
        self._send_soon(name)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asked.replied
        except TimeoutError:
            raise NoReply(
                f"no reply for {self._timeout_seconds:g} s to turn {fields.get('turn', '0')} of {key}; "
                "it may be played: look at the game, or ask for the same turn once more"
            ) from None
        finally:
            self._is_owed = self._is_owed or not asked.replied.done() or asked.replied.cancelled()
            del self._asked[name]
            if not self._asked:
                self._is_idle.set()

    def _message(self, bot: str, words: Mapping[str, object]) -> tuple[str, Fields]:
        """Return the key of the bot and the fields of a message that is no poison.

        Raises:
            BadArgument.
        """
        if not limits.is_bot_id(bot):
            raise BadArgument(f"{bot[:140]!r} is no bot id: an id has {limits.bot_id_rule}")
        key = f"{self._fleet}/{bot}"
        self._count += 1
        fields = {"id": f"{self._name}-{self._count}", "bot": key, "reply_to": self._reply_to}
        for name, value in words.items():
            if name in {"episode", "turn"} and not (isinstance(value, int) and value >= 0):
                raise BadArgument(f"{name} must be a number from 0 on")
            fields[name] = str(value)
        size = len(json.dumps(fields))
        if size > MESSAGE_BYTES_MAX:
            raise BadArgument(f"the message has {size} bytes; the most is {MESSAGE_BYTES_MAX}")
        return key, fields

    # The task behind all calls

    def _send_soon(self, name: str) -> None:
        self._unsent.append(name)
        self._is_work.set()

    async def _open(self, until: float = float("inf")) -> None:
        loop, pause, is_reported = asyncio.get_running_loop(), _PAUSE_SECONDS, False
        while True:
            try:
                await self._mailbox.open()
            except QueueUnavailable as error:
                if loop.time() + pause > until:
                    raise
                if not is_reported:
                    logger.warning("waiting for the queue: %s", error)
                    is_reported = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _PAUSE_SECONDS_MAX)
            else:
                return

    async def _run(self) -> None:
        """Send and receive, and after a failure of the queue connect and send all that is in flight."""
        try:
            while True:
                working = [
                    asyncio.create_task(one) for one in (self._send(), self._receive(), self._repeat())
                ]
                try:
                    done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await end(*working)
                    await asyncio.gather(*working, return_exceptions=True)
                error = next(iter(done)).exception()
                if not isinstance(error, QueueUnavailable):
                    assert error is not None
                    raise error
                if str(error) != self._reported:
                    logger.warning("the queue fails, and what has no reply is sent again: %s", error)
                    self._reported = str(error)
                await asyncio.sleep(min(_PAUSE_SECONDS * 2**self._failures, _PAUSE_SECONDS_MAX))
                self._failures = min(self._failures + 1, 10)
                await self._open()
                self._unsent = list(self._asked)
                self._is_work.set()
        except QueueRefused as error:
            self._fail(error)
        except Exception as error:
            self._fail(error)
            raise

    async def _send(self) -> NoReturn:
        while True:
            await self._is_work.wait()
            self._is_work.clear()
            names, self._unsent = self._unsent, []
            batch = {name: asked for name in names if (asked := self._asked.get(name)) is not None}
            now = asyncio.get_running_loop().time()
            for name, asked in batch.items():
                self.repeats += asked.due > 0
                asked.due = now + asked.pause
                asked.pause = min(asked.pause * _REPEAT_FACTOR, _REPEAT_SECONDS_MAX)
                heapq.heappush(self._due, (asked.due, name))
            if batch:
                await self._mailbox.send([(asked.stream, asked.fields) for asked in batch.values()])

    async def _repeat(self) -> NoReturn:
        while True:
            await asyncio.sleep(min(_WAIT_SECONDS, self._repeat_seconds) / 4)
            now = asyncio.get_running_loop().time()
            while self._due and self._due[0][0] <= now:
                due, name = heapq.heappop(self._due)
                asked = self._asked.get(name)
                if asked is not None and asked.due == due:
                    self._send_soon(name)

    async def _receive(self) -> NoReturn:
        while True:
            for fields in await self._mailbox.receive(_WAIT_SECONDS):
                asked = self._asked.get(fields.get("id", ""))
                reply = _reply(fields)
                if asked is not None and reply is not None and not asked.replied.done():
                    self._failures, self._reported = 0, ""
                    asked.replied.set_result(reply)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        for asked in self._asked.values():
            if not asked.replied.done():
                asked.replied.set_exception(error)


def _make_mailbox(url: str, *, prefix: str, fleet: str, name: str) -> tuple[Mailbox, str]:
    """Return the mailbox for an address, and the name of the place for replies.

    Raises:
        QueueRefused: The address is of no known kind, or a package is missing.
    """
    replies = f"{reply_prefix(prefix, fleet)}{name}"
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss", "unix"}:
        try:
            from dungeonfighter.ingress.producer_redis import RedisMailbox  # noqa: PLC0415 - needs the extra
        except ImportError:
            raise QueueRefused(_MISSING.format("redis")) from None
        return RedisMailbox(url, prefix, replies), replies
    if scheme in {"amqp", "amqps"}:
        try:
            from dungeonfighter.ingress.producer_rabbitmq import RabbitMQMailbox  # noqa: PLC0415
        except ImportError:
            raise QueueRefused(_MISSING.format("rabbitmq")) from None
        return RabbitMQMailbox(url, prefix, replies), replies
    raise QueueRefused("the address of the queue must begin with redis://, rediss://, amqp:// or amqps://")


def _reply(fields: Fields) -> TurnReply | None:
    """Return a reply; None if the fields are not those of one."""
    status = fields.get("status")
    if status not in {"ok", "repeated", "error"}:
        return None
    try:
        return TurnReply(
            cast(Status, status), fields.get("code", ""), int(fields.get("episode", -1)),
            int(fields.get("turn", -1)), "over" in fields, fields.get("text", ""), fields.get("json", ""),
        )  # fmt: skip
    except ValueError:
        return None
