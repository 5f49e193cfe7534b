"""One bot of a load: plays run after run over MCP, names turn and episode, repeats what got no answer.

The repeat is what makes "no acknowledged turn lost, none applied twice" checkable from outside: it carries
the same turn and input, so the server either applies it or gives the first answer again. What a repeat
cannot mend stays an error, is counted, and the bot looks where it stands and plays on.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.bots import textview
from dungeonfighter.bots.policy import InputPolicy, Policy
from dungeonfighter.fleet.http import Client, Endpoint, Unanswered
from dungeonfighter.fleet.journal import SOMEBODY_ELSE, Journal, Run
from dungeonfighter.fleet.pace import Pace
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.wire import Answer, RequestHeads, call_body, read_answer
from dungeonfighter.limits import hero_name_chars_max, seed_max

PASSING_ERRORS: Final = frozenset(
    {"rate_limited", "overloaded", "draining", "store_unavailable", "outcome_unknown", "newer_rules"}
)
"""Codes that say "later": with turn and episode named, asking again is safe."""
BACKOFF_FIRST_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 1.0


class GaveUp(Exception):
    """No answer within the patience, or the load is ending."""


class Habits(Struct, frozen=True):
    """How all bots of one load behave. `run_inputs_max` ends endless runs; `patience_seconds` bounds
    repeating.
    """

    view: str = "text"
    mode: str = "casual"
    run_inputs_max: int = 3000
    patience_seconds: float = 30.0


class Player:
    """One bot: its policy, its connection and its journal."""

    def __init__(
        self,
        number: int,
        bot_id: str,
        seed: int,
        *,
        policy: Policy,
        endpoint: Endpoint,
        habits: Habits,
        tally: Tally,
        stop: asyncio.Event,
    ) -> None:
        self.number = number
        self.journal = Journal(bot_id)
        self._policy = policy
        self._client = Client(endpoint)
        self._heads = RequestHeads(endpoint.path, endpoint.authority, bot_id)
        self._habits = habits
        self._tally = tally
        self._stop = stop
        self._seed = seed
        self._runs = 0
        self._requests = 0
        self._present: Answer | None = None
        self._resync = False
        self._over = False

    async def play(self, pace: Pace) -> None:
        """Play until the load stops or patience ends."""
        try:
            while not self._stop.is_set():
                since = await pace.turn_of(self.number)
                try:
                    if not self._stop.is_set():
                        await self._step(since)
                finally:
                    pace.done()
        except GaveUp:
            pass
        finally:
            self._client.close()

    async def read(self) -> Answer:
        """The bot's state as the server has it now, in the json view.

        Raises:
            GaveUp: It does not answer.
        """
        try:
            return await self._call("get_game_state", {"view": "json"}, view="json", stoppable=False)
        finally:
            self._client.close()

    async def _step(self, since: float) -> None:
        """One call: a new run, a look where the bot stands, or an input."""
        run = self.journal.run
        if run is None or self._is_finished(run):
            await self._start(since)
        elif self._resync:
            await self._look(since)
        else:
            await self._input(run, since)

    def _is_finished(self, run: Run) -> bool:
        present = self._present
        if present is None or self._resync:
            return False
        if not self._over:
            self._over = present.snapshot.is_over if present.snapshot else textview.is_over(present.text)
        return self._over or len(run.inputs) >= self._habits.run_inputs_max

    async def _start(self, since: float) -> None:
        await self._count_finished()
        last = self.journal.run
        run = Run(
            episode=1 if last is None else last.episode + 1,
            seed=self._next_seed(),
            name=self.journal.bot_id[:hero_name_chars_max],
        )
        answer = await self._send_start(run)
        if answer.error in {"stale_turn", "future_turn", "conflict"} and last is None and answer.episode > 0:
            run.episode = answer.episode + 1  # this bot has played before: its runs go on counting
            answer = await self._send_start(run)
        self._tally.answered(time.perf_counter() - since)
        if answer.error:
            self.journal.refused()
            self._tally.error(answer.error, answer.told)
            await self._pause(BACKOFF_MAX_SECONDS)
            return
        if answer.episode != run.episode or answer.turn != 0:
            self.journal.faults.append(f"started e{run.episode}, stands at e{answer.episode} t{answer.turn}")
        self.journal.started(run, _digest(answer))
        self._tally.started += 1
        self._present = answer

    def _next_seed(self) -> int:
        """The seed of this bot's next run; a hash, for a generator of its own would be 2.5 KB a bot."""
        self._runs += 1
        drawn = hashlib.blake2b(f"{self._seed}/{self._runs}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") & seed_max

    async def _send_start(self, run: Run) -> Answer:
        self.journal.starting(run)
        return await self._call(
            "start_new_game",
            {"name": run.name, "seed": run.seed, "mode": self._habits.mode, "episode": run.episode,
             "view": self._habits.view},
        )  # fmt: skip

    async def _input(self, run: Run, since: float) -> None:
        assert self._present is not None
        text = self._choose(self._present)
        self.journal.playing(text)
        answer = await self._call(
            "handle_input",
            {"input": text, "turn": self.journal.turn, "episode": run.episode, "view": self._habits.view},
        )
        self._tally.answered(time.perf_counter() - since)
        if answer.error == "run_over" and answer.turn == self.journal.turn:
            self.journal.refused()
            self._over = True
            return
        if answer.error:
            self._tally.error(answer.error, answer.told)
            self.journal.refused()
            self._resync = True
            return
        self.journal.played(text, answer.episode, answer.turn, _digest(answer))
        self._tally.turns += 1
        self._present = answer

    async def _look(self, since: float) -> None:
        answer = await self._call("get_game_state", {"view": self._habits.view})
        self._tally.answered(time.perf_counter() - since)
        if answer.error:
            self._tally.error(answer.error, answer.told)
            await self._pause(BACKOFF_MAX_SECONDS)
            return
        self._resync = False
        self._present = answer
        run = self.journal.run
        assert run is not None
        if (answer.episode, answer.turn) != (run.episode, self.journal.turn):
            self.journal.faults.append(
                f"acknowledged up to e{run.episode} t{self.journal.turn}, "
                f"found at e{answer.episode} t{answer.turn}{SOMEBODY_ELSE}"
            )
            self.journal.run = None  # somebody else's game: leave it and begin an own one
            self._present = None

    def _choose(self, present: Answer) -> str:
        if present.snapshot is not None:
            return self._policy.choose(present.snapshot)
        assert isinstance(self._policy, InputPolicy)
        return self._policy.choose_text(present.text)

    async def _count_finished(self) -> None:
        """Count the run that is left, its score if it came to an end (the text view does not always tell)."""
        present, self._present = self._present, None
        over, self._over = self._over, False
        if over and present is not None and present.snapshot is None:
            present = await self._call("get_game_state", {"view": "json"}, view="json")
        if over and present is not None and present.snapshot is not None:
            self._tally.scores.append(present.snapshot.score)
        elif present is not None:
            self._tally.abandoned += 1

    async def _call(
        self, tool: str, arguments: Mapping[str, Any], *, view: str | None = None, stoppable: bool = True
    ) -> Answer:
        """Call until there is an answer worth having: anything but silence and "later".

        Raises:
            GaveUp: The patience is over (counted as an error), or the load ends while waiting.
        """
        self._requests += 1
        body = call_body(self._requests, tool, {"botId": self.journal.bot_id, **arguments})
        head = self._heads.of(tool)
        view = view or self._habits.view
        failing_since = 0.0
        backoff = BACKOFF_FIRST_SECONDS
        while True:
            wait = 0.0
            try:
                response = await self._client.post(head, body)
            except Unanswered as error:
                kind, told = error.kind, str(error)
            else:
                answer = read_answer(response.status, response.body, view=view)
                if not _is_passing(answer, response.status):
                    return answer
                kind, told, wait = answer.error, answer.told, answer.retry_after_seconds
            self._tally.trouble(kind)
            now = time.perf_counter()
            failing_since = failing_since or now
            if now - failing_since > self._habits.patience_seconds:
                self._tally.error(kind, told)
                raise GaveUp
            await self._pause(max(wait, backoff * (0.5 + random.random())), stoppable=stoppable)
            backoff = min(BACKOFF_MAX_SECONDS, backoff * 2)

    async def _pause(self, seconds: float, *, stoppable: bool = True) -> None:
        """Wait, but no longer than the load lasts.

        Raises:
            GaveUp: The load ends.
        """
        if not stoppable:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
        raise GaveUp


def _is_passing(answer: Answer, status: int) -> bool:
    return answer.error in PASSING_ERRORS or status in {429, 502, 503, 504}


def _digest(answer: Answer) -> str:
    return answer.snapshot.digest if answer.snapshot else ""
