"""A responder for callers that await the answer."""

from __future__ import annotations

import asyncio
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


def new_future() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()
