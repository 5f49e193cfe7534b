"""Reads the games of a load from the server after its bots have left."""

from __future__ import annotations

import asyncio
import itertools
import random
from time import perf_counter
from typing import Final

from dungeonfighter.fleet.http import Client, Endpoint, Unanswered
from dungeonfighter.fleet.player import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MAX_SECONDS,
    PASSING_ERRORS,
    PASSING_STATUSES,
)
from dungeonfighter.fleet.wire import Answer, RequestHeads, call_body, read_answer

UNANSWERED: Final = "unanswered"
_TOOL: Final = "get_game_state"


class GameReader:
    """Reads one game after the other over one connection; it repeats a request while that may help.

    Args:
        endpoint: The server.
        patience_seconds: The reader gives up a request that it has repeated for that long.
    """

    def __init__(self, endpoint: Endpoint, patience_seconds: float) -> None:
        self._endpoint = endpoint
        self._client = Client(endpoint)
        self._patience_seconds = patience_seconds
        self._numbers = itertools.count(1)

    async def read(self, bot_id: str) -> Answer:
        """Return the present state in the json view; without an answer the error is `UNANSWERED`."""
        endpoint, given_up_at = self._endpoint, perf_counter() + self._patience_seconds
        head = RequestHeads(endpoint.path, endpoint.authority, bot_id, endpoint.token).of(_TOOL)
        backoff = BACKOFF_FIRST_SECONDS
        while True:
            body = call_body(next(self._numbers), _TOOL, {"botId": bot_id, "view": "json"})
            wait_seconds = 0.0
            try:
                response = await self._client.post(head, body)
            except Unanswered:
                answer = Answer(error=UNANSWERED)
            else:
                answer = read_answer(response.status, response.body, view="json")
                if answer.error not in PASSING_ERRORS and response.status not in PASSING_STATUSES:
                    return answer
                wait_seconds = answer.retry_after_seconds
            if perf_counter() > given_up_at:
                return answer
            await asyncio.sleep(max(wait_seconds, backoff * (0.5 + random.random())))
            backoff = min(BACKOFF_MAX_SECONDS, backoff * 2)

    def close(self) -> None:
        self._client.close()
