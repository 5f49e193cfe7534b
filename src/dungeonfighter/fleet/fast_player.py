"""A bot on the fast path: its policy gives the input `1` wherever that is legal.

Most calls of a load are one more input `1` in a run that lives. For these the bot walks from one shared
`Step` to the next and recognises the answer by its bytes, without decoding it. The bot writes the
acknowledged turns to its journal when a caller reads the journal. After an answer that the bot does not
recognise, or a failure, the bot leaves the fast path (`_leave_fast_path`), and `Player` decodes and judges
the answer. The bot returns to the fast path after an answer that makes input 1 legal.
"""

from __future__ import annotations

from time import perf_counter

from dungeonfighter.bots.policy import Policy
from dungeonfighter.fleet.crew import Crew
from dungeonfighter.fleet.journal import Journal
from dungeonfighter.fleet.player import INPUT, Player
from dungeonfighter.fleet.steps import ALWAYS, Step
from dungeonfighter.fleet.wire import Answer, is_plain_turn


class FastPlayer(Player):
    """A `Player` that takes the fast path where it can; for crews with `always_1` only."""

    __slots__ = ("_bot", "_step")

    def __init__(self, number: int, bot_id: str, seed: int, *, policy: Policy, crew: Crew) -> None:
        super().__init__(number, bot_id, seed, policy=policy, crew=crew)
        self._bot = bot_id.encode("ascii")
        self._step: Step | None = None  # the call that is next or under way on the fast path

    @property
    def journal(self) -> Journal:
        if self._step is not None:
            self._journal.played_up_to(ALWAYS, self._step.turn)
        return self._journal

    def act(self, since: float) -> None:
        step = self._step
        connection = self.connection
        if step is not None and connection is not None and connection.usable:
            self._since = since
            connection.exchange(self, self._bot.join(step.parts))
        else:
            self._leave_fast_path(is_sent=False)
            super().act(since)

    def answered(self, status: int, body: bytes) -> None:
        step = self._step
        if step is not None and is_plain_turn(body, step.answer, self._crew.ending) and status == 200:
            self._advance(step)
        else:
            self._leave_fast_path(is_sent=True)
            super().answered(status, body)

    def unanswered(self, kind: str, detail: str) -> None:
        self._leave_fast_path(is_sent=True)
        super().unanswered(kind, detail)

    def leave(self) -> None:
        self._leave_fast_path(is_sent=self.awaits_answer)
        super().leave()

    def _advance(self, step: Step) -> None:
        """Count the acknowledged turn of `step`, and go to the next step."""
        crew = self._crew
        since = self._since
        tally = crew.tally if since >= crew.count_from else crew.warm_up
        tally.uncounted.append(perf_counter() - since)
        following = step.following or crew.steps.after(step)
        if following is not None:
            self._step = following
        else:
            self._leave_fast_path(is_sent=False)
            self._journal.played_up_to(ALWAYS, step.turn + 1)
            self._requests = step.number
            self._input = None  # the bot leaves the run
        if crew.is_stopping:
            self.leave()
        else:
            crew.pace.wait(self)

    def _leave_fast_path(self, *, is_sent: bool) -> None:
        """Turn the present step into an ordinary call: one that was sent, or the next one to send."""
        step = self._step
        if step is None:
            return
        journal = self.journal
        self._step = None
        self._input = ALWAYS
        if is_sent:
            self._requests = step.number
            self._kind = INPUT
            self._request = self._bot.join(step.parts)
            journal.unanswered = ALWAYS
        else:
            self._requests = step.number - 1

    def _accept_view(self, answer: Answer) -> None:
        super()._accept_view(answer)
        journal = self._journal
        if self._input == ALWAYS and journal.run is not None:
            run = journal.run
            self._step = self._crew.steps.at(self._requests + 1, journal.turn, run.episode, journal.bot_id)
