"""A producer of the ingress: it plays one bot through a queue; with `--faulty` as a broken release does.

The broken release computes the stream from the id of the bot without its fleet, and begins with messages that
nobody can read: one of 1 MB, and one whose turn is no number. A repeated message has the same content, so the
ingress applies it once.
"""

from __future__ import annotations

import argparse
import sys
import time
import zlib
from typing import Any, Final

import redis

FLEET: Final = "local"
BOT: Final = "queued"
STREAMS: Final = 16
_REPLIES: Final = f"df:out:{FLEET}:drill"
_WAIT_MILLISECONDS: Final = 1000
_PAUSE_SECONDS: Final = 0.3
_MEGABYTE: Final = "x" * (1 << 20)


class Producer:
    """Sends one message after the other, and repeats each until its reply comes.

    Args:
        queue: redis://HOST:PORT/0.
        is_faulty: Compute the wrong stream.
    """

    def __init__(self, queue: str, *, is_faulty: bool) -> None:
        self._redis: Any = redis.Redis.from_url(queue, decode_responses=True)
        self._stream = f"df:in:{zlib.crc32((BOT if is_faulty else f'{FLEET}/{BOT}').encode()) % STREAMS}"
        self._last = "$"
        self._number = 0

    def send_garbage(self) -> None:
        self._send(input=_MEGABYTE, episode="1", turn="0")
        self._send(input="1", episode="1", turn="seven")

    def play(self) -> None:
        """Begin a run and play it, over and over, until the process is ended."""
        episode = int(self._ask(start="{}", episode="1", turn="0").get("episode", "1"))
        turn = 0
        while True:
            reply = self._ask(input="1", episode=str(episode), turn=str(turn))
            episode, turn = int(reply.get("episode", episode)), int(reply.get("turn", turn))
            if reply.get("over") or reply.get("code") == "run_over":
                episode, turn = episode + 1, 0
                self._ask(start="{}", episode=str(episode), turn="0")
            time.sleep(_PAUSE_SECONDS)

    def _ask(self, **fields: str) -> dict[str, str]:
        """Send a message and repeat it until its reply comes; return the reply."""
        last = self._redis.xrevrange(_REPLIES, count=1)
        self._last = last[0][0] if last else "0"
        name = self._send(**fields)
        while True:
            for _, entries in self._redis.xread({_REPLIES: self._last}, block=_WAIT_MILLISECONDS) or ():
                for entry, reply in entries:
                    self._last = entry
                    if reply["id"] == name:
                        return dict(reply)
            self._send(name, **fields)

    def _send(self, name: str = "", **fields: str) -> str:
        if not name:
            self._number += 1
            name = f"{int(time.time())}-{self._number}"
        message = {"id": name, "bot": f"{FLEET}/{BOT}", "reply_to": _REPLIES, "view": "none", **fields}
        self._redis.xadd(self._stream, message)
        return name


def main() -> int:
    parser = argparse.ArgumentParser(description="Play one bot through a queue.")
    parser.add_argument("queue")
    parser.add_argument("--faulty", action="store_true")
    arguments = parser.parse_args()
    producer = Producer(arguments.queue, is_faulty=arguments.faulty)
    if arguments.faulty:
        producer.send_garbage()
    producer.play()
    return 0


if __name__ == "__main__":
    sys.exit(main())
