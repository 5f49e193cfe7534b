"""The workers of a server share the calls whose answers were lost, through their parent.

A client that repeats a call over a new connection often reaches another worker. Changes are collected for
`BATCH_SECONDS`, the last one of each bot, and sent in messages of bounded size. While the channel is full
they wait; beyond `limits.lost_answers_max` the oldest are dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Final

from dungeonfighter import limits
from dungeonfighter.hosting.lost_answers import Loss
from dungeonfighter.serving.background import Soon

BATCH_SECONDS: Final = 0.01
LOSSES_AT_ONCE_MAX: Final = 1000
"""A message of this many is well below `worker_channel.LINE_BYTES_MAX`."""


class SharedLosses:
    """Collects the changes that one side of a channel sends.

    Args:
        send: Sends some changes.
        is_idle: Returns True if nothing waits in the channel.
    """

    def __init__(self, send: Callable[[list[Loss]], None], is_idle: Callable[[], bool]) -> None:
        self._send = send
        self._is_idle = is_idle
        self._waiting: dict[str, Loss] = {}
        self._soon = Soon(BATCH_SECONDS, self._flush)

    def add(self, losses: Sequence[Loss]) -> None:
        """Send these changes soon, each in place of an earlier one of its bot."""
        waiting = self._waiting
        for loss in losses:
            waiting.pop(loss.key, None)
            waiting[loss.key] = loss
        while len(waiting) > limits.lost_answers_max:
            del waiting[next(iter(waiting))]
        self._soon.ask()

    def close(self) -> None:
        """Send nothing more."""
        self._soon.close()

    def _flush(self) -> None:
        waiting = self._waiting
        if self._is_idle():
            batch = list(itertools.islice(waiting.values(), LOSSES_AT_ONCE_MAX))
            for loss in batch:
                del waiting[loss.key]
            self._send(batch)
        if waiting:
            self._soon.ask()
