"""One bot of a load: plays run after run over MCP, names turn and episode, repeats unanswered requests.

A repeat carries the same turn and input, so the server either applies it or gives the first answer once more.
That makes "no acknowledged turn lost, none applied twice" checkable from outside. A failure that remains
after all repeats is counted as an error; the bot then queries its position and continues to play.

A bot is a small state machine that only reacts to calls: of its pace (`act`), of its connection (`answered`,
`unanswered`), and of a timer between repeats. It chooses its next input when an answer comes, so it keeps no
answer. Tens of thousands of bots fit in one process, because a bot needs no task and no future.

`Player` decodes every answer; `FastPlayer` recognises most answers by their bytes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final

from dungeonfighter.bots import textview
from dungeonfighter.bots.policy import InputPolicy, Policy
from dungeonfighter.fleet.crew import Crew
from dungeonfighter.fleet.http import Connection
from dungeonfighter.fleet.journal import SECOND_PLAYER, Journal, Run
from dungeonfighter.fleet.wire import Answer, RequestHeads, call_body, ending_of, read_answer
from dungeonfighter.limits import hero_name_chars_max, seed_max

PASSING_ERRORS: Final = frozenset(
    {"rate_limited", "overloaded", "draining", "store_unavailable", "outcome_unknown", "newer_rules"}
)
"""Codes of temporary failures: a request that names turn and episode may be retried safely."""
PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})
"""The same, of HTTP."""
BACKOFF_FIRST_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 1.0

INPUT, START, START_LATER, LOOK, SCORE = range(5)
"""The kinds of requests."""


class Player:
    """One bot: its policy, its connection and its journal.

    Attributes:
        due: The next moment to act; owned by the pace.
        has_left: The bot has stopped playing, and ignores every later answer.
    """

    __slots__ = ("_backoff", "_crew", "_failing_since", "_has_view", "_input", "_is_over", "_journal",
                 "_kind", "_must_look", "_policy", "_request", "_requests", "_runs", "_score", "_seed",
                 "_since", "_starting", "connection", "due", "has_left", "number")  # fmt: skip

    def __init__(self, number: int, bot_id: str, seed: int, *, policy: Policy, crew: Crew) -> None:
        self.number = number
        self._journal = Journal(bot_id)
        self.connection: Connection | None = None
        self.due = 0.0
        self.has_left = False
        self._crew = crew
        self._policy = policy
        self._seed = seed
        self._runs = 0
        self._requests = 0
        self._kind = START
        self._since = 0.0
        self._request = b""
        self._failing_since = 0.0
        self._backoff = 0.0
        self._input: str | None = None  # the next input; None: another request comes first
        self._has_view = False
        self._is_over = False
        self._must_look = False
        self._score: float | None = None
        self._starting: Run | None = None

    # Called by the pace and the crew

    def act(self, since: float) -> None:
        """Make one call: an input, a new run, or a query of the bot's position."""
        self._since = since
        text = self._input
        run = self._journal.run
        if text is not None and run is not None:
            self._journal.unanswered = text
            self._kind = INPUT
            self._requests += 1
            self._request = self._crew.input_calls.request(
                self._requests, self._journal.bot_id, text, self._journal.turn, run.episode
            )
            self._send()
        elif self._must_look and run is not None:
            self._call_tool(LOOK, "get_game_state", {"view": self._crew.habits.view})
        else:
            self._leave_run()

    @property
    def journal(self) -> Journal:
        """The acknowledged runs and inputs so far; `unanswered` is complete only after the bot has left."""
        return self._journal

    @property
    def awaits_answer(self) -> bool:
        return self.connection is not None and self.connection.awaits_answer

    def leave(self) -> None:
        if self.has_left:
            return
        self.has_left = True
        self._request = b""
        if self.connection is not None:
            self._crew.hang_up(self.connection)
            self.connection = None
        self._crew.left(self)

    # Called by the connection

    def connected(self, connection: Connection) -> None:
        if self.has_left:
            connection.abandon()
            return
        self.connection = connection
        connection.exchange(self, self._request)

    def answered(self, status: int, body: bytes) -> None:
        if self.has_left:
            return
        view = "json" if self._kind == SCORE else self._crew.habits.view
        answer = read_answer(status, body, view=view)
        if answer.error in PASSING_ERRORS or status in PASSING_STATUSES:
            self._repeat_later(answer.error, answer.message, answer.retry_after_seconds)
            return
        self._request = b""
        self._failing_since = 0.0
        if not answer.error and answer.snapshot is None:
            self._crew.ending = ending_of(body)
        _HANDLERS[self._kind](self, answer)

    def unanswered(self, kind: str, detail: str) -> None:
        if not self.has_left:
            self._repeat_later(kind, detail, 0.0)

    # Sending and repeating

    def _call_tool(self, kind: int, tool: str, arguments: Mapping[str, Any]) -> None:
        self._kind = kind
        self._requests += 1
        bot = self._journal.bot_id
        endpoint = self._crew.endpoint
        body = call_body(self._requests, tool, {"botId": bot, **arguments})
        head = RequestHeads(endpoint.path, endpoint.authority, bot, endpoint.token).of(tool)
        self._request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
        self._send()

    def _send(self) -> None:
        connection = self.connection
        if connection is not None and connection.usable:
            connection.exchange(self, self._request)
        else:
            self._crew.connect(self)

    def _repeat_later(self, kind: str, detail: str, wait_seconds: float) -> None:
        """Retry the request after a pause, unless the patience is used up or the load has ended."""
        tally = self._crew.tally_of(self._since)
        tally.trouble(kind)
        now = perf_counter()
        if not self._failing_since:
            self._failing_since = now
            self._backoff = BACKOFF_FIRST_SECONDS
        is_hopeless = now - self._failing_since > self._crew.habits.patience_seconds
        if is_hopeless:
            tally.error(kind, detail)
        if is_hopeless or self._crew.is_stopping:
            self._failing_since = 0.0
            self.leave()
            return
        pause = max(wait_seconds, self._backoff * (0.5 + random.random()))
        self._backoff = min(BACKOFF_MAX_SECONDS, self._backoff * 2)
        self._crew.loop.call_later(pause, self._repeat)

    def _repeat(self) -> None:
        if not self.has_left:
            self._send()

    def _end_call(self) -> None:
        if self._crew.is_stopping:
            self.leave()
        else:
            self._crew.pace.wait(self)

    def _end_failed_call(self, answer: Answer) -> None:
        self._crew.tally_of(self._since).error(answer.error, answer.message)
        self._crew.loop.call_later(BACKOFF_MAX_SECONDS, self._end_call_unless_left)

    def _end_call_unless_left(self) -> None:
        if not self.has_left:
            self._end_call()

    def _count_call(self, *, turns: int = 0) -> None:
        self._crew.tally_of(self._since).answered(perf_counter() - self._since, turns=turns)

    # Runs

    def _leave_run(self) -> None:
        """Count the run that the bot leaves, with its score if the run is over; then begin the next run."""
        if self._is_over and self._has_view and self._score is None:
            self._call_tool(SCORE, "get_game_state", {"view": "json"})  # not every text view shows the score
        else:
            self._count_left_run()
            self._start()

    def _on_score(self, answer: Answer) -> None:
        self._score = answer.snapshot.score if answer.snapshot is not None else None
        self._count_left_run()
        if self._crew.is_stopping:
            self.leave()
        else:
            self._start()

    def _count_left_run(self) -> None:
        tally = self._crew.tally_of(self._since)
        if self._is_over and self._score is not None:
            tally.scores.append(self._score)
        elif self._has_view:
            tally.abandoned += 1
        self._has_view = self._is_over = False
        self._score = None

    def _start(self) -> None:
        last = self._journal.run
        self._starting = Run(
            episode=1 if last is None else last.episode + 1,
            seed=self._next_seed(),
            name=self._journal.bot_id[:hero_name_chars_max],
        )
        self._send_start(self._starting, START)

    def _next_seed(self) -> int:
        """Return the seed of this bot's next run, by a hash: a random generator would take 2.5 KB a bot."""
        self._runs += 1
        drawn = hashlib.blake2b(f"{self._seed}/{self._runs}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") & seed_max

    def _send_start(self, run: Run, kind: int) -> None:
        self._journal.starting(run)
        habits = self._crew.habits
        harder = {"ascension": habits.ascension} if habits.ascension else {}
        self._call_tool(
            kind, "start_new_game",
            {"name": run.name, "seed": run.seed, "mode": habits.mode, "episode": run.episode,
             "view": habits.view, **harder},
        )  # fmt: skip

    def _on_start(self, answer: Answer) -> None:
        run = self._starting
        assert run is not None
        if (
            answer.error in {"stale_turn", "future_turn", "conflict"}
            and self._kind == START
            and self._journal.run is None
            and answer.episode > 0
        ):
            # The bot has played before this load, so the numbers of its runs continue.
            run.episode = answer.episode + 1
            self._send_start(run, START_LATER)
            return
        self._starting = None
        self._count_call()
        if answer.error:
            self._journal.refused()
            self._end_failed_call(answer)
            return
        if answer.episode != run.episode or answer.turn != 0:
            self._journal.faults.append(f"started e{run.episode}, stands at e{answer.episode} t{answer.turn}")
        self._journal.started(run, _digest(answer))
        self._crew.tally_of(self._since).started += 1
        self._accept_view(answer)
        self._end_call()

    # Inputs

    def _on_input(self, answer: Answer) -> None:
        journal = self._journal
        text, self._input = self._input, None
        assert text is not None
        self._count_call(turns=0 if answer.error else 1)
        if answer.error == "run_over" and answer.turn == journal.turn:
            journal.refused()
            self._is_over = True
        elif answer.error:
            self._crew.tally_of(self._since).error(answer.error, answer.message)
            journal.refused()
            self._must_look = True
        else:
            journal.played(text, answer.episode, answer.turn, _digest(answer))
            self._accept_view(answer)
        self._end_call()

    def _accept_view(self, answer: Answer) -> None:
        """Choose the next input from the view of the answer, or record that the run is over."""
        self._has_view = True
        self._input = None
        run = self._journal.run
        assert run is not None
        if answer.snapshot is not None:
            self._is_over = answer.snapshot.is_over
            self._score = answer.snapshot.score if self._is_over else None
        else:
            self._is_over = textview.is_over(answer.text)
        if not self._is_over and len(run.inputs) < self._crew.habits.run_inputs_max:
            self._input = self._choose(answer)

    def _choose(self, answer: Answer) -> str:
        if answer.snapshot is not None:
            return self._policy.choose(answer.snapshot)
        assert isinstance(self._policy, InputPolicy)
        return self._policy.choose_text(answer.text)

    def _on_look(self, answer: Answer) -> None:
        self._count_call()
        if answer.error:
            self._end_failed_call(answer)
            return
        self._must_look = False
        run = self._journal.run
        assert run is not None
        if (answer.episode, answer.turn) == (run.episode, self._journal.turn):
            self._accept_view(answer)
        else:
            self._journal.faults.append(
                f"acknowledged up to e{run.episode} t{self._journal.turn}, "
                f"found at e{answer.episode} t{answer.turn}{SECOND_PLAYER}"
            )
            self._journal.run = None  # another player has moved the bot: begin a run of its own
            self._has_view = self._is_over = False
        self._end_call()


_HANDLERS: Final[Mapping[int, Callable[[Player, Answer], None]]] = {
    INPUT: Player._on_input,
    START: Player._on_start,
    START_LATER: Player._on_start,
    LOOK: Player._on_look,
    SCORE: Player._on_score,
}


def _digest(answer: Answer) -> str:
    return answer.snapshot.digest if answer.snapshot else ""
