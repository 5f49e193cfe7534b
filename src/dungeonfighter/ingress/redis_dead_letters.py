"""The dead letters in Redis, for an operator; see `ingress.ports.DeadLetters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dungeonfighter.ingress.partitions import STREAMS, stream_of
from dungeonfighter.ingress.ports import DeadLetter, QueueUnavailable
from dungeonfighter.ingress.redis_keys import keys_of
from dungeonfighter.ingress.redis_link import RedisLink
from dungeonfighter.ingress.redis_scripts import RESEND

MESSAGE: Final = "message."
"""The names of the fields of a message begin so in its letter."""


class RedisDeadLetters:
    """The dead letters of a game.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: The beginning of all keys.
    """

    def __init__(self, url: str, *, prefix: str = "df:") -> None:
        self._link = RedisLink(url)
        self._keys = keys_of(prefix)

    async def count(self) -> int:
        """See `DeadLetters`."""
        length: int = await self._link.command("XLEN", self._keys.dead)
        return length

    async def read(self, after: str, count: int) -> list[DeadLetter]:
        """See `DeadLetters`."""
        first = f"({after}" if after else "-"
        found = await self._link.command("XRANGE", self._keys.dead, first, "+", "COUNT", count)
        return [_letter(entry.decode(), fields) for entry, fields in found]

    async def resend(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters`."""
        for letter in letters:
            stream = _stream_for(letter)
            words: list[Any] = [word for pair in letter.fields.items() for word in pair]
            await self._link.run(
                RESEND, [self._keys.dead, self._keys.streams[stream]], [letter.handle, *words]
            )

    async def delete(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters`."""
        if letters:
            await self._link.command("XDEL", self._keys.dead, *(letter.handle for letter in letters))

    async def close(self) -> None:
        """See `DeadLetters`."""
        await self._link.close()


def _letter(entry: str, fields: Mapping[bytes, bytes]) -> DeadLetter:
    """Return a letter; one that somebody else has written may lack everything."""
    named = {name.decode("utf-8", "replace"): value for name, value in fields.items()}
    stream = named.get("stream", b"").decode("utf-8", "replace")
    message = {name.removeprefix(MESSAGE): value for name, value in named.items() if name.startswith(MESSAGE)}
    return DeadLetter(
        entry,
        named.get("reason", b"").decode("utf-8", "replace"),
        int(stream) if stream.isascii() and stream.isdigit() and int(stream) < STREAMS else 0,
        named.get("entry", b"").decode("utf-8", "replace"),
        message,
        named.get("whole") == b"1" and bool(message),
    )


def _stream_for(letter: DeadLetter) -> int:
    """Return the stream of the bot of a message, or the former one if it has no bot.

    Raises:
        QueueUnavailable: The message is not complete.
    """
    if not letter.is_whole:
        raise QueueUnavailable(f"the dead letter {letter.handle} is not complete, so it cannot be sent")
    bot = letter.fields.get("bot", b"").decode("utf-8", "replace")
    return stream_of(bot) if bot else letter.stream
