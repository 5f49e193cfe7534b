"""The bots of a scenario: they play over MCP through the balancer, and write down each call and each answer.

Each request names the run and the turn, so a repeat with the same numbers is applied at most once. A bot
repeats what is unknown until it is known. When the server refuses a turn, the bot reads its position and
plays on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from chaos.hosts import Host
from chaos.journal import JournalWriter
from dungeonfighter.fleet.http import Client, Endpoint, Unanswered
from dungeonfighter.fleet.player import PASSING_ERRORS, PASSING_STATUSES
from dungeonfighter.fleet.wire import Answer, RequestHeads, Snapshot, call_body, read_answer
from dungeonfighter.limits import seed_max

BACKOFF_FIRST_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 1.0
_PLAIN_SHARE: Final = 0.7
"""The part of the inputs that are `1`; the others are drawn from the legal ones."""
_RUN_INPUTS: Final = (15, 60)
_MODES: Final = ("casual", "casual", "ironman")
_UNANSWERED: Final = frozenset({
    "refused", "unreachable", "closed", "timeout", "bad_http", "bad_answer", "http_429",
})  # fmt: skip
_BEGIN_SECONDS_MAX: Final = 30.0
_JOIN_SECONDS_MAX: Final = 60.0


class Habits(NamedTuple):
    """The behaviour of the bots.

    Attributes:
        bots: Their number.
        every_seconds: The time from one call of a bot to its next, if answers come in time.
        answer_seconds_max: A bot gives up waiting for an answer after so long, and repeats the call.
        seed: Draws what they do.
    """

    bots: int
    every_seconds: float
    answer_seconds_max: float
    seed: int


class Crowd:
    """That which all bots share.

    Attributes:
        is_over: No bot begins or repeats a call.
        failed: Attempts without a good answer, by their error.
    """

    def __init__(self, habits: Habits, endpoint: Endpoint, journal: JournalWriter) -> None:
        self.habits = habits
        self.endpoint = endpoint
        self.journal = journal
        self.is_over = False
        self.failed: Counter[str] = Counter()


class Bot:
    """One bot.

    Attributes:
        acknowledged: The number of its calls that were acknowledged.
        played_at: When the newest was sent of those that were acknowledged (`time.monotonic`).
        answered_at: When the newest of them was answered.
    """

    def __init__(self, number: int, crowd: Crowd) -> None:
        self.name = f"chaos-{number:05}"
        self.acknowledged = 0
        self.played_at = 0.0
        self.answered_at = 0.0
        self._crowd = crowd
        self._draws = random.Random(f"{crowd.habits.seed}/{self.name}")
        self._client = Client(crowd.endpoint)
        self._heads = RequestHeads(crowd.endpoint.path, crowd.endpoint.authority, self.name)
        self._requests = 0
        self._calls = 0
        self._episode = 0
        self._turn = 0
        self._inputs_left = 0
        self._view: Snapshot | None = None
        self._must_look = False

    async def play(self) -> None:
        """Play until the crowd is over."""
        every = self._crowd.habits.every_seconds
        try:
            await asyncio.sleep(self._draws.random() * every)
            while not self._crowd.is_over:
                begun = time.monotonic()
                await self._act()
                await asyncio.sleep(
                    max(0.0, begun + every * self._draws.uniform(0.8, 1.2) - time.monotonic())
                )
        finally:
            self._client.close()

    async def _act(self) -> None:
        view = self._view
        if self._must_look:
            await self._look()
        elif view is None or view.is_over or self._inputs_left <= 0:
            await self._start()
        else:
            await self._input(view)

    # The three kinds of calls

    async def _start(self) -> None:
        episode, seed, mode = self._episode + 1, self._draws.randint(0, seed_max), self._draws.choice(_MODES)
        self._inputs_left = self._draws.randint(*_RUN_INPUTS)
        self._calls += 1
        call = self._calls
        arguments = {"name": self.name, "seed": seed, "mode": mode, "episode": episode}

        def begin(attempt: int) -> None:
            self._crowd.journal.begin_start(
                self.name, call, attempt, episode=episode, seed=seed, name=self.name, mode=mode
            )

        await self._repeat("start_new_game", arguments, call, begin)

    async def _input(self, view: Snapshot) -> None:
        text, episode, turn = self._choose(view), self._episode, self._turn
        self._inputs_left -= 1
        self._calls += 1
        call = self._calls

        def begin(attempt: int) -> None:
            self._crowd.journal.begin_input(self.name, call, attempt, episode=episode, turn=turn, text=text)

        await self._repeat("handle_input", {"input": text, "turn": turn, "episode": episode}, call, begin)

    async def _look(self) -> None:
        """Read the position; the bot plays on from there."""
        answer = await self._ask("get_game_state", {})
        if answer.snapshot is not None:
            view = answer.snapshot
            self._crowd.journal.position(self.name, episode=view.episode, turn=view.turn, digest=view.digest)
            self._stand(view)
            self._must_look = False
        elif answer.error == "unknown_bot":
            self._episode, self._view, self._must_look = 0, None, False
        else:
            self._crowd.failed[answer.error] += 1

    # Attempts

    async def _repeat(
        self, tool: str, arguments: Mapping[str, Any], call: int, begin: Callable[[int], None]
    ) -> None:
        """Send a call until its outcome is known, and write down each attempt."""
        journal, backoff = self._crowd.journal, BACKOFF_FIRST_SECONDS
        attempt = 0
        while True:
            attempt += 1
            sent = time.monotonic()
            begin(attempt)
            answer = await self._ask(tool, arguments)
            view = answer.snapshot
            if view is not None:
                journal.ok(self.name, call, attempt, episode=view.episode, turn=view.turn, digest=view.digest)
                self.acknowledged += 1
                self.played_at, self.answered_at = sent, time.monotonic()
                self._stand(view)
                return
            self._crowd.failed[answer.error] += 1
            if not is_open(answer.error):
                journal.refused(
                    self.name, call, attempt, answer.error, episode=answer.episode, turn=answer.turn
                )
                self._must_look = True
                return
            journal.unknown(self.name, call, attempt, answer.error)
            if self._crowd.is_over:
                return
            pause = max(answer.retry_after_seconds, backoff * self._draws.uniform(0.5, 1.5))
            await asyncio.sleep(min(pause, BACKOFF_MAX_SECONDS))
            backoff = min(BACKOFF_MAX_SECONDS, backoff * 2)

    async def _ask(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Send one request; an answer that does not come has the kind of `Unanswered` as its error."""
        self._requests += 1
        body = call_body(self._requests, tool, {"botId": self.name, **arguments, "view": "json"})
        try:
            response = await self._client.post(self._heads.of(tool), body)
        except Unanswered as error:
            return Answer(error=error.kind)
        answer = read_answer(response.status, response.body, view="json")
        if response.status in PASSING_STATUSES and answer.error not in PASSING_ERRORS:
            return Answer(error=f"http_{response.status}")
        return answer

    def _stand(self, view: Snapshot) -> None:
        self._episode, self._turn, self._view = view.episode, view.turn, view

    def _choose(self, view: Snapshot) -> str:
        legal = [one.input for one in view.available_actions if "auto" not in one.label]
        return "1" if self._draws.random() < _PLAIN_SHARE else self._draws.choice(legal)


def is_open(error: str) -> bool:
    """Return True for an error that leaves the outcome of a call open, so that the bot repeats it."""
    return error in PASSING_ERRORS or error in _UNANSWERED or error.startswith("http_5")


class Players:
    """All bots, in a thread of their own on one host; they play from `begin` to `finish`.

    Args:
        host: The host they live on.
        url: The address they call.
        habits: Their behaviour.
        journal: Gets all that they send and are answered.
    """

    def __init__(self, host: Host, url: str, habits: Habits, journal: JournalWriter) -> None:
        self._host = host
        self._crowd = Crowd(habits, Endpoint(url, timeout_seconds=habits.answer_seconds_max), journal)
        self._bots: list[Bot] = []
        self._thread = threading.Thread(target=self._run, name="bots", daemon=True)
        self._plays = threading.Event()
        self._failure: BaseException | None = None

    def begin(self) -> None:
        """Let them play; return when they have begun."""
        self._thread.start()
        self._plays.wait(_BEGIN_SECONDS_MAX)
        self.check()

    def check(self) -> None:
        """Raise a RuntimeError if an exception ended the bots."""
        if self._failure is not None:
            raise RuntimeError(f"the bots failed: {self._failure!r}") from self._failure

    def finish(self) -> None:
        """Stop them: each waits for the answer of its last attempt."""
        self._crowd.is_over = True
        self._thread.join(_JOIN_SECONDS_MAX)
        assert not self._thread.is_alive(), "the bots do not end"
        self.check()

    @property
    def acknowledged(self) -> list[int]:
        """The number of acknowledged calls of each bot."""
        return [bot.acknowledged for bot in self._bots]

    @property
    def failed(self) -> Counter[str]:
        """The attempts without a good answer, by their error."""
        return self._crowd.failed.copy()

    def playing_since(self, moment: float) -> int:
        """Return the number of bots with an acknowledged call that was sent after a moment (`monotonic`)."""
        return sum(bot.played_at > moment for bot in self._bots)

    def answered_since(self, moment: float) -> int:
        """Return the number of bots with an acknowledged call that was answered after a moment."""
        return sum(bot.answered_at > moment for bot in self._bots)

    def _run(self) -> None:
        try:
            with self._host.entered(), contextlib.closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(self._play())
        except BaseException as error:  # noqa: BLE001 (`check` raises it in the thread of the runner)
            self._failure = error
        finally:
            self._plays.set()

    async def _play(self) -> None:
        async with self._crowd.endpoint.watched(), asyncio.TaskGroup() as group:
            self._bots = [Bot(number, self._crowd) for number in range(1, self._crowd.habits.bots + 1)]
            for bot in self._bots:
                group.create_task(bot.play())
            self._plays.set()
