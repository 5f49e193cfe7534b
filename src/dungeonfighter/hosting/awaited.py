"""A responder for callers that await the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from dungeonfighter.hosting.answers import Answer


class Futures:
    """A responder whose tags are futures; cancelling a future does not cancel the turn."""

    def render(self, tag: asyncio.Future[Answer], answer: Answer) -> Answer:
        answer.game.rules.read(answer.game.state)
        return answer

    def deliver(self, tag: asyncio.Future[Answer], rendered: Answer | Exception) -> None:
        if tag.done():
            return
        if isinstance(rendered, Exception):
            tag.set_exception(rendered)
        else:
            tag.set_result(rendered)


FUTURES: Final = Futures()


async def answer_to(begin: Callable[[asyncio.Future[Answer]], None]) -> Answer:
    """Begin a request with a new tag, and return its answer, or raise its error."""
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    begin(future)
    try:
        return await future
    finally:
        del future  # an error holds this frame, and the future holds the error
