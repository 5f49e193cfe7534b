"""The mailbox of a producer in Redis: see `ingress.producer_mailboxes.Mailbox`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.producer_mailboxes import REPLIES_KEPT_SECONDS, Fields
from dungeonfighter.ingress.redis_keys import keys_of
from dungeonfighter.ingress.redis_link import NoGroup, RedisLink
from dungeonfighter.ingress.redis_scripts import Script, make_script

SEND: Script = make_script("""
local at = 1
for number = 1, #KEYS do
    local fields = tonumber(ARGV[at])
    redis.call('XADD', KEYS[number], '*', unpack(ARGV, at + 1, at + fields))
    at = at + 1 + fields
end
return #KEYS
""")
"""Adds messages. KEYS: the stream of each. ARGV: for each the number of words that follow, and these."""

RECEIVE: Script = make_script("""
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 0
""")
"""Removes the replies before an entry, and lets the stream live on. KEYS: it. ARGV: the entry, seconds."""

_AT_ONCE = 500
"""The messages of one script: Redis serves nobody else meanwhile."""


class RedisMailbox:
    """A stream for replies, which is read by its last entry and removed when nobody reads it.

    Args:
        url: redis://, rediss:// or unix://.
        prefix: The beginning of all keys.
        replies: The stream for replies.
    """

    def __init__(self, url: str, prefix: str, replies: str) -> None:
        self._link = RedisLink(url)
        self._streams = keys_of(prefix).streams
        self._replies = replies
        self._last = b"0-0"

    async def open(self) -> None:
        """See `Mailbox`."""
        await self._link.close()
        with _one_kind():
            await self._link.command("PING")

    async def send(self, messages: Sequence[tuple[int, Fields]]) -> None:
        """See `Mailbox`."""
        for begin in range(0, len(messages), _AT_ONCE):
            batch = messages[begin : begin + _AT_ONCE]
            words: list[str | int] = []
            for _, fields in batch:
                words.append(2 * len(fields))
                for pair in fields.items():
                    words += pair
            with _one_kind():
                await self._link.run(SEND, [self._streams[stream] for stream, _ in batch], words)

    async def receive(self, wait_seconds: float) -> list[Fields]:
        """See `Mailbox`."""
        with _one_kind():
            found = await self._link.wait(
                wait_seconds, "XREAD", "COUNT", 1000, "BLOCK", max(1, int(wait_seconds * 1000)),
                "STREAMS", self._replies, self._last,
            )  # fmt: skip
            entries = found[0][1] if found else []
            if entries:
                self._last = entries[-1][0]
            await self._link.run(RECEIVE, [self._replies], [self._last, REPLIES_KEPT_SECONDS])
        return [
            {name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
             for name, value in fields.items()}
            for _, fields in entries
        ]  # fmt: skip

    async def close(self, *, is_done: bool) -> None:
        """See `Mailbox`."""
        if is_done:
            with contextlib.suppress(QueueUnavailable, QueueRefused):
                await self._link.command("DEL", self._replies)
        await self._link.close()


@contextlib.contextmanager
def _one_kind() -> Iterator[None]:
    """Turn the error of a missing group, which a producer does not need, into that of a queue."""
    try:
        yield
    except NoGroup as error:
        raise QueueUnavailable(str(error)) from error
