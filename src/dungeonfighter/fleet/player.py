"""One bot of a load: plays run after run over MCP, names turn and episode, repeats what got no answer.

The repeat is what makes "no acknowledged turn lost, none applied twice" checkable from outside: it carries
the same turn and input, so the server either applies it or gives the first answer again. What a repeat
cannot mend stays an error, is counted, and the bot looks where it stands and plays on.

A bot is a small state machine that is only ever called back: by its pace (`act`), by its connection
(`answered`, `unanswered`), and by a timer between repeats. Its next input is chosen when an answer comes, so
no answer is kept. Tens of thousands of them fit in one process: no task, no future.

There is a quick way for what most calls are, one more input `1` in a run that lives: the bot walks from one
shared `Step` to the next, recognises the answer by its bytes, and what it was acknowledged is entered in its
journal when somebody wants to see it. All else, each answer that is not recognised, and every failure leaves
the quick way (`_leave_quick_way`) and is decoded and judged; a good answer leads back to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final

from dungeonfighter.bots import textview
from dungeonfighter.bots.policy import InputPolicy, Policy
from dungeonfighter.fleet.crew import Crew
from dungeonfighter.fleet.http import Connection
from dungeonfighter.fleet.journal import SOMEBODY_ELSE, Journal, Run
from dungeonfighter.fleet.steps import ALWAYS, Step
from dungeonfighter.fleet.wire import Answer, RequestHeads, call_body, ending_of, is_plainly, read_answer
from dungeonfighter.limits import hero_name_chars_max, seed_max

PASSING_ERRORS: Final = frozenset(
    {"rate_limited", "overloaded", "draining", "store_unavailable", "outcome_unknown", "newer_rules"}
)
"""Codes that say "later": with turn and episode named, asking again is safe."""
BACKOFF_FIRST_SECONDS: Final = 0.05
BACKOFF_MAX_SECONDS: Final = 1.0

_INPUT, _START, _START_LATER, _LOOK, _SCORE, _READ = range(6)
"""What was asked last."""


class GaveUp(Exception):
    """No answer within the patience, or the load is ending."""


class Player:
    """One bot: its policy, its connection and its journal.

    Attributes:
        due: Its pace's.
        has_left: It plays no more; whatever is still answered is not heard.
    """

    __slots__ = ("_asked", "_backoff", "_bot", "_crew", "_failing_since", "_has_present", "_input",
                 "_is_over", "_journal", "_policy", "_reader", "_request", "_requests", "_resync", "_runs",
                 "_score", "_seed", "_since", "_sought", "_step", "connection", "due", "has_left",
                 "number")  # fmt: skip

    def __init__(self, number: int, bot_id: str, seed: int, *, policy: Policy, crew: Crew) -> None:
        self.number = number
        self._journal = Journal(bot_id)
        self._bot = bot_id.encode("ascii")
        self._step: Step | None = None  # the call that is next or under way, on the quick way
        self.connection: Connection | None = None
        self.due = 0.0
        self.has_left = False
        self._crew = crew
        self._policy = policy
        self._seed = seed
        self._runs = 0
        self._requests = 0
        self._asked = _START
        self._since = 0.0
        self._request = b""
        self._failing_since = 0.0
        self._backoff = 0.0
        self._input: str | None = None  # the next one; None: something else comes first
        self._has_present = False
        self._is_over = False
        self._resync = False
        self._score: float | None = None
        self._sought: Run | None = None  # the run that is being started
        self._reader: asyncio.Future[Answer] | None = None

    # The pace, the crew, the verification

    def act(self, since: float) -> None:
        """Make one call: an input, a new run, or a look where the bot stands."""
        self._since = since
        step = self._step
        connection = self.connection
        if step is not None and connection is not None and connection.usable:
            connection.exchange(self, self._bot.join(step.parts))
        else:
            self._leave_quick_way(is_asked=False)
            self._act_carefully()

    def _act_carefully(self) -> None:
        text = self._input
        run = self.journal.run
        if text is not None and run is not None:
            self.journal.unanswered = text
            self._asked = _INPUT
            self._requests += 1
            self._request = self._crew.input_calls.request(
                self._requests, self.journal.bot_id, text, self.journal.turn, run.episode
            )
            self._post()
        elif self._resync and run is not None:
            self._ask(_LOOK, "get_game_state", {"view": self._crew.habits.view})
        else:
            self._leave_run()

    @property
    def journal(self) -> Journal:
        """What it was acknowledged so far; `unanswered` is told only when it has left."""
        if self._step is not None:
            self._journal.followed(ALWAYS, self._step.turn)
        return self._journal

    @property
    def is_asking(self) -> bool:
        """Whether a request is out."""
        return self.connection is not None and self.connection.is_asked

    def leave(self) -> None:
        """Play no more."""
        if self.has_left:
            return
        self.has_left = True
        self._leave_quick_way(is_asked=self.is_asking)
        self._request = b""
        if self.connection is not None:
            self._crew.hang_up(self.connection)
            self.connection = None
        if self._asked != _READ:
            self._crew.left(self)

    def read(self) -> asyncio.Future[Answer]:
        """The bot's state as the server has it now, in the json view, for a bot that has left.

        It is read over `connection`, if somebody lends one; the future fails with `GaveUp` if there is no
        answer.
        """
        self.has_left = False
        self._reader = self._crew.loop.create_future()
        self._since = perf_counter()
        self._ask(_READ, "get_game_state", {"view": "json"})
        return self._reader

    # The connection

    def connected(self, connection: Connection) -> None:
        """Here is the connection that was asked for: send what waits."""
        if self.has_left:
            connection.abandon()
            return
        self.connection = connection
        connection.exchange(self, self._request)

    def answered(self, status: int, body: bytes) -> None:
        """The answer to the last request."""
        step = self._step
        if step is not None and is_plainly(body, step.answer, self._crew.ending) and status == 200:
            self._go_on(step)
        elif not self.has_left:
            self._leave_quick_way(is_asked=True)
            self._understand(status, body)

    def unanswered(self, kind: str, told: str) -> None:
        """The last request got no usable answer."""
        if not self.has_left:
            self._leave_quick_way(is_asked=True)
            self._repeat_later(kind, told, 0.0)

    # The quick way

    def _go_on(self, step: Step) -> None:
        """The turn of that step is acknowledged: go to the next one."""
        crew = self._crew
        since = self._since
        tally = crew.tally if since >= crew.count_from else crew.warm_up
        tally.followed.append(perf_counter() - since)
        following = step.following or crew.steps.after(step)
        if following is not None:
            self._step = following
        else:
            self._leave_quick_way(is_asked=False)
            self._journal.followed(ALWAYS, step.turn + 1)
            self._requests = step.number
            self._input = None  # the run is left
        if crew.is_stopping:
            self.leave()
        else:
            crew.pace.wait(self)

    def _leave_quick_way(self, *, is_asked: bool) -> None:
        """Make it as if the call of the present step were any other; is it the one that is under way?"""
        step = self._step
        if step is None:
            return
        journal = self.journal
        self._step = None
        self._input = ALWAYS
        if is_asked:
            self._requests = step.number
            self._asked = _INPUT
            self._request = self._bot.join(step.parts)
            journal.unanswered = ALWAYS
        else:
            self._requests = step.number - 1

    def _join_quick_way(self) -> None:
        """The next input is chosen: it may be one of the steps."""
        crew = self._crew
        journal = self._journal
        if crew.always_1 and self._input == ALWAYS and journal.run is not None:
            self._step = crew.steps.at(self._requests + 1, journal.turn, journal.run.episode, journal.bot_id)

    def _understand(self, status: int, body: bytes) -> None:
        """The careful way: any answer to any request."""
        view = "json" if self._asked in {_SCORE, _READ} else self._crew.habits.view
        answer = read_answer(status, body, view=view)
        if _is_passing(answer, status):
            self._repeat_later(answer.error, answer.told, answer.retry_after_seconds)
            return
        self._request = b""
        self._failing_since = 0.0
        if not answer.error and answer.snapshot is None:
            self._crew.ending = ending_of(body)
        _HEARD[self._asked](self, answer)

    # Asking and repeating

    def _ask(self, asked: int, tool: str, arguments: Mapping[str, Any]) -> None:
        self._asked = asked
        self._requests += 1
        bot = self.journal.bot_id
        endpoint = self._crew.endpoint
        body = call_body(self._requests, tool, {"botId": bot, **arguments})
        head = RequestHeads(endpoint.path, endpoint.authority, bot).of(tool)
        self._request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
        self._post()

    def _post(self) -> None:
        connection = self.connection
        if connection is not None and connection.usable:
            connection.exchange(self, self._request)
        else:
            self._crew.connect(self)

    def _repeat_later(self, kind: str, told: str, wait: float) -> None:
        """Silence or "later": ask the same again after a while, unless patience or the load is over."""
        tally = self._crew.tally_of(self._since)
        tally.trouble(kind)
        now = perf_counter()
        if not self._failing_since:
            self._failing_since = now
            self._backoff = BACKOFF_FIRST_SECONDS
        is_hopeless = now - self._failing_since > self._crew.habits.patience_seconds
        if is_hopeless:
            tally.error(kind, told)
        if is_hopeless or (self._crew.is_stopping and self._asked != _READ):
            self._give_up()
            return
        pause = max(wait, self._backoff * (0.5 + random.random()))
        self._backoff = min(BACKOFF_MAX_SECONDS, self._backoff * 2)
        self._crew.loop.call_later(pause, self._repeat)

    def _repeat(self) -> None:
        if not self.has_left:
            self._post()

    def _give_up(self) -> None:
        reader, self._reader = self._reader, None
        self._failing_since = 0.0
        self.leave()
        if reader is not None and not reader.done():
            reader.set_exception(GaveUp())

    def _rest(self) -> None:
        """This call is over."""
        if self._crew.is_stopping:
            self.leave()
        else:
            self._crew.pace.wait(self)

    def _rest_after_error(self, answer: Answer) -> None:
        self._crew.tally_of(self._since).error(answer.error, answer.told)
        self._crew.loop.call_later(BACKOFF_MAX_SECONDS, self._rest_unless_gone)

    def _rest_unless_gone(self) -> None:
        if not self.has_left:
            self._rest()

    def _count_call(self, *, turns: int = 0) -> None:
        self._crew.tally_of(self._since).answered(perf_counter() - self._since, turns=turns)

    # Runs

    def _leave_run(self) -> None:
        """Count the run that is left, its score if it came to an end; then begin the next one."""
        if self._is_over and self._has_present and self._score is None:
            self._ask(_SCORE, "get_game_state", {"view": "json"})  # the text view does not always tell it
        else:
            self._count_left()
            self._start()

    def _heard_score(self, answer: Answer) -> None:
        self._score = answer.snapshot.score if answer.snapshot is not None else None
        self._count_left()
        if self._crew.is_stopping:
            self.leave()
        else:
            self._start()

    def _count_left(self) -> None:
        tally = self._crew.tally_of(self._since)
        if self._is_over and self._score is not None:
            tally.scores.append(self._score)
        elif self._has_present:
            tally.abandoned += 1
        self._has_present = self._is_over = False
        self._score = None

    def _start(self) -> None:
        last = self.journal.run
        self._sought = Run(
            episode=1 if last is None else last.episode + 1,
            seed=self._next_seed(),
            name=self.journal.bot_id[:hero_name_chars_max],
        )
        self._send_start(self._sought, _START)

    def _next_seed(self) -> int:
        """The seed of this bot's next run; a hash, for a generator of its own would be 2.5 KB a bot."""
        self._runs += 1
        drawn = hashlib.blake2b(f"{self._seed}/{self._runs}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") & seed_max

    def _send_start(self, run: Run, asked: int) -> None:
        self.journal.starting(run)
        habits = self._crew.habits
        self._ask(
            asked, "start_new_game",
            {"name": run.name, "seed": run.seed, "mode": habits.mode, "episode": run.episode,
             "view": habits.view},
        )  # fmt: skip

    def _heard_start(self, answer: Answer) -> None:
        run = self._sought
        assert run is not None
        if (
            answer.error in {"stale_turn", "future_turn", "conflict"}
            and self._asked == _START
            and self.journal.run is None
            and answer.episode > 0
        ):
            run.episode = answer.episode + 1  # this bot has played before: its runs go on counting
            self._send_start(run, _START_LATER)
            return
        self._sought = None
        self._count_call()
        if answer.error:
            self.journal.refused()
            self._rest_after_error(answer)
            return
        if answer.episode != run.episode or answer.turn != 0:
            self.journal.faults.append(f"started e{run.episode}, stands at e{answer.episode} t{answer.turn}")
        self.journal.started(run, _digest(answer))
        self._crew.tally_of(self._since).started += 1
        self._take(answer)
        self._rest()

    # Inputs

    def _heard_input(self, answer: Answer) -> None:
        journal = self.journal
        text, self._input = self._input, None
        assert text is not None
        self._count_call(turns=0 if answer.error else 1)
        if answer.error == "run_over" and answer.turn == journal.turn:
            journal.refused()
            self._is_over = True
        elif answer.error:
            self._crew.tally_of(self._since).error(answer.error, answer.told)
            journal.refused()
            self._resync = True
        else:
            journal.played(text, answer.episode, answer.turn, _digest(answer))
            self._take(answer)
        self._rest()

    def _take(self, answer: Answer) -> None:
        """What follows from the present view: the next input, or that the run is over."""
        self._has_present = True
        self._input = None
        run = self.journal.run
        assert run is not None
        if answer.snapshot is not None:
            self._is_over = answer.snapshot.is_over
            self._score = answer.snapshot.score if self._is_over else None
        else:
            self._is_over = textview.is_over(answer.text)
        if not self._is_over and len(run.inputs) < self._crew.habits.run_inputs_max:
            self._input = self._choose(answer)
            self._join_quick_way()

    def _choose(self, present: Answer) -> str:
        if present.snapshot is not None:
            return self._policy.choose(present.snapshot)
        assert isinstance(self._policy, InputPolicy)
        return self._policy.choose_text(present.text)

    def _heard_look(self, answer: Answer) -> None:
        self._count_call()
        if answer.error:
            self._rest_after_error(answer)
            return
        self._resync = False
        run = self.journal.run
        assert run is not None
        if (answer.episode, answer.turn) == (run.episode, self.journal.turn):
            self._take(answer)
        else:
            self.journal.faults.append(
                f"acknowledged up to e{run.episode} t{self.journal.turn}, "
                f"found at e{answer.episode} t{answer.turn}{SOMEBODY_ELSE}"
            )
            self.journal.run = None  # somebody else's game: leave it and begin an own one
            self._has_present = self._is_over = False
        self._rest()

    def _heard_read(self, answer: Answer) -> None:
        reader, self._reader = self._reader, None
        self.has_left = True
        if reader is not None and not reader.done():
            reader.set_result(answer)


_HEARD: Final[Mapping[int, Callable[[Player, Answer], None]]] = {
    _INPUT: Player._heard_input,
    _START: Player._heard_start,
    _START_LATER: Player._heard_start,
    _LOOK: Player._heard_look,
    _SCORE: Player._heard_score,
    _READ: Player._heard_read,
}


def _is_passing(answer: Answer, status: int) -> bool:
    return answer.error in PASSING_ERRORS or status in {429, 502, 503, 504}


def _digest(answer: Answer) -> str:
    return answer.snapshot.digest if answer.snapshot else ""
