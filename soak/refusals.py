"""A client whose calls are refused all the time, of each kind in its turn: they must cost no memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import perf_counter
from typing import Any, Final

from dungeonfighter.fleet.http import Client, Endpoint, Unanswered
from dungeonfighter.fleet.wire import RequestHeads, call_body, read_answer
from soak.samples import ACCEPTED

_BOT: Final = "soak-careless"
_UNKNOWN: Final = "soak-unknown"
_START: Final[dict[str, Any]] = {"name": "Careless", "seed": 1, "mode": "casual", "episode": 1}
_INPUT: Final = "handle_input"
_REFUSED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (_INPUT, {"input": "drop 77", "turn": 1, "episode": 1}),
    (_INPUT, {"input": "1", "turn": 7, "episode": 1}),
    (_INPUT, {"input": "2", "turn": 0, "episode": 1}),
    (_INPUT, {"input": "1", "turn": 1, "episode": 5}),
    (_INPUT, {"input": "x" * 200, "turn": 1, "episode": 1}),
    (_INPUT, {"input": 3.5}),
    ("start_new_game", {**_START, "seed": 2}),
    ("start_new_game", {**_START, "mode": "easy"}),
    ("load_game", {"slot": "never-saved", "episode": 2}),
    ("no_such_tool", {}),
    ("get_game_state", {"botId": _UNKNOWN}),
)
"""Calls of a bot that stands at turn 1 of its first run; none of them changes anything."""


class Refusals:
    """Makes refused calls at a fixed rate.

    Args:
        endpoint: The server.
        rate: Calls a second.

    Attributes:
        answers: The answers by their code; `ACCEPTED` for a call that was not refused.
    """

    def __init__(self, endpoint: Endpoint, rate: float) -> None:
        self.answers: Counter[str] = Counter()
        self._every = 1 / rate
        self._heads = {bot: RequestHeads(endpoint.path, endpoint.authority, bot) for bot in (_BOT, _UNKNOWN)}
        self._client = Client(endpoint)
        self._number = 0

    async def run(self) -> None:
        """Call until cancelled."""
        try:
            await self._begin()
            due = perf_counter()
            while True:
                for tool, arguments in _REFUSED:
                    await asyncio.sleep(max(0.0, due - perf_counter()))
                    due += self._every
                    self.answers[await self._call(tool, arguments) or ACCEPTED] += 1
        finally:
            self._client.close()

    async def _begin(self) -> None:
        for tool, arguments in (
            ("start_new_game", _START),
            (_INPUT, {"input": "1", "turn": 0, "episode": 1}),
        ):
            if code := await self._call(tool, arguments):
                raise RuntimeError(f"the client of refused calls could not begin: {code}")

    async def _call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Make one call; return the code of its refusal, "" for a good answer."""
        self._number += 1
        arguments = {"botId": _BOT, **arguments}
        body = call_body(self._number, tool, arguments)
        try:
            response = await self._client.post(self._heads[arguments["botId"]].of(tool), body)
        except Unanswered as error:
            return error.kind
        return read_answer(response.status, response.body, view="text").error
