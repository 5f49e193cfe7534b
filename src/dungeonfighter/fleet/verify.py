"""The verification of a load: it reads each bot back and checks that every acknowledged turn is in the store.

Three states must agree for each bot: the state acknowledged while it played, the state that the server shows
now, and the state that a replay of the acknowledged inputs under the local rules gives.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from dungeonfighter.errors import BadInput
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.journal import SECOND_PLAYER, Journal, Run
from dungeonfighter.fleet.load import Load
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.reading import UNANSWERED, GameReader
from dungeonfighter.fleet.wire import Answer, Snapshot
from dungeonfighter.rules import GameOptions, Mode, Rules
from dungeonfighter.serving.background import every, running

logger = logging.getLogger(__name__)

READERS_MAX: Final = 64
READERS_MIN: Final = 4
_SILENT: Final = "the server did not answer"


class Finding(Struct, frozen=True):
    """One difference found for a bot. `kind`: lost | doubled | differs | sequence."""

    bot_id: str
    kind: str
    detail: str


class Verdict(Struct):
    """The result of a verification.

    Attributes:
        bots: Bots that had begun a run and were checked.
        turns: Their acknowledged turns.
        further: Bots whose last, unanswered request had been applied.
        replayed: Inputs executed once more with the local rules; a digest that differs is a finding.
        not_replayed: Runs that the server plays under other rules than the local ones.
        unread: Bots that could not be checked, by the reason; nothing is known about them.
    """

    bots: int = 0
    turns: int = 0
    further: int = 0
    replayed: int = 0
    not_replayed: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        return Counter(finding.kind for finding in self.findings)

    def share(self) -> VerdictShare:
        return VerdictShare(
            self.bots, self.turns, self.further, self.replayed, self.not_replayed, dict(self.unread),
            self.findings,
        )  # fmt: skip

    def merge(self, share: VerdictShare) -> None:
        self.bots += share.bots
        self.turns += share.turns
        self.further += share.further
        self.replayed += share.replayed
        self.not_replayed += share.not_replayed
        self.unread.update(share.unread)
        self.findings.extend(share.findings)


class VerdictShare(Struct, frozen=True):
    """A verdict about the bots of one process, as it is sent to the parent."""

    bots: int
    turns: int
    further: int
    replayed: int
    not_replayed: int
    unread: dict[str, int]
    findings: list[Finding]


async def verify_load(load: Load, rules: Rules, show: Callable[[str], None]) -> Verdict:
    """Read every bot that played from the server and check it; `show` receives lines of progress."""
    return await verify_bots(load, rules, lambda done, bots: show(progress_line(done, bots)))


def progress_line(done: int, bots: int) -> str:
    return f"verifying: {done} of {several(bots, 'bot')}"


async def verify_bots(load: Load, rules: Rules, watch: Callable[[int, int], None]) -> Verdict:
    """Verify like `verify_load`; `watch` receives the numbers of done and of all bots every two seconds.

    A bounded number of readers share their connections among the bots, one bot after the other.
    """
    verdict = Verdict()
    players = [player for player in load.players if player.journal.run or player.journal.unanswered_start]
    habits = load.options.habits
    waiting = iter(players)

    async def reader() -> None:
        reading = GameReader(load.endpoint, habits.patience_seconds)
        try:
            for player in waiting:
                answer = await reading.read(player.journal.bot_id)
                _check(verdict, player.journal, answer, rules, habits)
                await asyncio.sleep(0)
        finally:
            reading.close()

    def show_progress() -> None:
        watch(verdict.bots + verdict.unread.total(), len(players))

    readers = max(READERS_MAX // load.options.processes, READERS_MIN)
    async with (
        running(every(2.0, show_progress, "the progress", logger), "progress"),
        load.endpoint.watched(),
    ):
        await asyncio.gather(*(reader() for _ in range(readers)))
    return verdict


def _check(verdict: Verdict, journal: Journal, answer: Answer, rules: Rules, habits: Habits) -> None:
    bot = journal.bot_id
    verdict.findings.extend(Finding(bot, "sequence", fault) for fault in journal.faults)
    if answer.snapshot is None and answer.error != "unknown_bot":
        verdict.unread[_SILENT if answer.error == UNANSWERED else f"the server said {answer.error}"] += 1
        return
    verdict.bots += 1
    verdict.turns += journal.turns
    if answer.snapshot is None:
        if journal.run is not None:
            detail = f"acknowledged up to e{journal.run.episode} t{journal.turn}, unknown to the server"
            verdict.findings.append(Finding(bot, "lost", detail))
        return
    shown = answer.snapshot
    if shown.bot_id != bot:
        verdict.findings.append(Finding(bot, "sequence", f"asked for {bot}, the server shows {shown.bot_id}"))
        return
    run, inputs = _matching_run(verdict, journal, shown)
    if run is None:
        return
    if inputs is run.inputs and journal.digest not in {"", shown.digest}:
        detail = f"acknowledged {journal.digest}, shown {shown.digest}"
        verdict.findings.append(Finding(bot, "differs", detail))
    _replay(verdict, bot, run, inputs, shown, rules, habits)


def _matching_run(verdict: Verdict, journal: Journal, shown: Snapshot) -> tuple[Run | None, list[str]]:
    """Return the run and the inputs that explain the shown position, or add a finding and return None."""
    at = (shown.episode, shown.turn)
    run = journal.run
    if run is not None and at == (run.episode, journal.turn):
        return run, run.inputs
    if run is not None and journal.unanswered is not None and at == (run.episode, journal.turn + 1):
        verdict.further += 1
        return run, [*run.inputs, journal.unanswered]
    begun = journal.unanswered_start
    if begun is not None and at == (begun.episode, 0):
        verdict.further += 1
        return begun, []
    if run is None:
        if begun is not None and begun.episode > 1 + shown.episode:
            detail = f"began e{begun.episode}, stands at e{at[0]}"
            verdict.findings.append(Finding(journal.bot_id, "lost", detail))
        return None, []
    kind = "lost" if at < (run.episode, journal.turn) else "doubled"
    detail = f"acknowledged up to e{run.episode} t{journal.turn}, stands at e{at[0]} t{at[1]}"
    if kind == "doubled":
        detail += SECOND_PLAYER
    verdict.findings.append(Finding(journal.bot_id, kind, detail))
    return None, []


def _replay(
    verdict: Verdict,
    bot: str,
    run: Run,
    inputs: Sequence[str],
    shown: Snapshot,
    rules: Rules,
    habits: Habits,
) -> None:
    if shown.rules != rules.identity:
        verdict.not_replayed += 1
        return
    mode, ascension = Mode[habits.mode], habits.ascension
    state = rules.new_game(GameOptions(seed=run.seed, mode=mode, name=run.name, ascension=ascension))
    try:
        for text in inputs:
            state = rules.advance(state, text).state
    except BadInput as error:
        detail = f"executing e{run.episode} again: {error.code} after t{state.turn}"
        verdict.findings.append(Finding(bot, "differs", detail))
        return
    verdict.replayed += len(inputs)
    digest = rules.digest(rules.encode(state)).hex()
    if digest != shown.digest:
        detail = f"executing e{run.episode} again gives {digest}, the server shows {shown.digest}"
        verdict.findings.append(Finding(bot, "differs", detail))
