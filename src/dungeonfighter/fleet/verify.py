"""Is every acknowledged turn in the store? Read each bot back and hold its journal against it.

Three witnesses must agree for each bot: what was acknowledged while it played, what the server shows now,
and what the rules make of the acknowledged inputs when they are executed again here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from dungeonfighter.background import every
from dungeonfighter.errors import BadInput
from dungeonfighter.fleet.http import Connection
from dungeonfighter.fleet.journal import SOMEBODY_ELSE, Journal, Run
from dungeonfighter.fleet.load import Load
from dungeonfighter.fleet.player import GaveUp
from dungeonfighter.fleet.wire import Answer, Snapshot
from dungeonfighter.rules import GameOptions, Mode, Rules

logger = logging.getLogger(__name__)

READERS_MAX: Final = 64
READERS_MIN: Final = 4
_UNANSWERED: Final = "unanswered"
_SILENT: Final = "the server did not answer"


class Finding(Struct, frozen=True):
    """What the check of one bot showed. `kind`: lost | doubled | differs | sequence."""

    bot_id: str
    kind: str
    told: str


class Verdict(Struct):
    """The check of all bots.

    Attributes:
        bots: How many had begun a run and were checked.
        turns: Acknowledged turns they stand for.
        further: Bots whose last, unanswered request turned out to have been applied.
        replayed: Inputs executed again with the local rules, all digests equal unless `findings` says
            otherwise.
        not_replayed: Runs the server plays under other rules than these.
        unread: Bots that could not be checked, by what stood in the way; nothing is known about them.
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
        """All of it, to be sent."""
        return VerdictShare(
            self.bots, self.turns, self.further, self.replayed, self.not_replayed, dict(self.unread),
            self.findings,
        )  # fmt: skip

    def merge(self, share: VerdictShare) -> None:
        """Add the check of other bots."""
        self.bots += share.bots
        self.turns += share.turns
        self.further += share.further
        self.replayed += share.replayed
        self.not_replayed += share.not_replayed
        self.unread.update(share.unread)
        self.findings.extend(share.findings)


class VerdictShare(Struct, frozen=True):
    """A verdict about the bots of one process, on its way to the one that adds up."""

    bots: int
    turns: int
    further: int
    replayed: int
    not_replayed: int
    unread: dict[str, int]
    findings: list[Finding]


async def verify_load(load: Load, rules: Rules, tell: Callable[[str], None]) -> Verdict:
    """Read every bot that played from the server and check it."""
    return await verify_bots(load, rules, lambda done, bots: tell(told(done, bots)))


def told(done: int, bots: int) -> str:
    """The line about how far a verification is."""
    return f"verifying: {done} of {bots} bots"


async def verify_bots(load: Load, rules: Rules, watch: Callable[[int, int], None]) -> Verdict:
    """The same, told every two seconds in figures: bots done, bots in all.

    A bounded number of readers lend their connections to one bot after the other.
    """
    verdict = Verdict()
    players = [player for player in load.players if player.journal.run or player.journal.unanswered_start]
    mode = Mode[load.options.habits.mode]
    waiting = iter(players)

    async def reader() -> None:
        connection: Connection | None = None
        for player in waiting:
            player.connection = connection
            try:
                answer = await player.read()
            except GaveUp:
                answer = Answer(error=_UNANSWERED)
            connection, player.connection = player.connection, None
            _check(verdict, player.journal, answer, rules, mode)
            await asyncio.sleep(0)
        if connection is not None:
            connection.abandon()

    def tell() -> None:
        watch(verdict.bots + verdict.unread.total(), len(players))

    telling = asyncio.create_task(every(2.0, tell, "the progress", logger))
    readers = max(READERS_MAX // load.options.processes, READERS_MIN)
    try:
        async with load.endpoint.watched():
            await asyncio.gather(*(reader() for _ in range(readers)))
    finally:
        telling.cancel()
    return verdict


def _check(verdict: Verdict, journal: Journal, answer: Answer, rules: Rules, mode: Mode) -> None:
    bot = journal.bot_id
    verdict.findings.extend(Finding(bot, "sequence", fault) for fault in journal.faults)
    if answer.snapshot is None and answer.error != "unknown_bot":
        verdict.unread[_SILENT if answer.error == _UNANSWERED else f"the server said {answer.error}"] += 1
        return
    verdict.bots += 1
    verdict.turns += journal.turns
    if answer.snapshot is None:
        if journal.run is not None:
            told = f"acknowledged up to e{journal.run.episode} t{journal.turn}, unknown to the server"
            verdict.findings.append(Finding(bot, "lost", told))
        return
    shown = answer.snapshot
    run, inputs = _matching_run(verdict, journal, shown)
    if run is None:
        return
    if inputs is run.inputs and journal.digest not in {"", shown.digest}:
        told = f"acknowledged {journal.digest}, shown {shown.digest}"
        verdict.findings.append(Finding(bot, "differs", told))
    _replay(verdict, bot, run, inputs, shown, rules, mode)


def _matching_run(verdict: Verdict, journal: Journal, shown: Snapshot) -> tuple[Run | None, list[str]]:
    """The run and the inputs that explain what the server shows; a finding and None if none do."""
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
            told = f"began e{begun.episode}, stands at e{at[0]}"
            verdict.findings.append(Finding(journal.bot_id, "lost", told))
        return None, []
    kind = "lost" if at < (run.episode, journal.turn) else "doubled"
    told = f"acknowledged up to e{run.episode} t{journal.turn}, stands at e{at[0]} t{at[1]}"
    if kind == "doubled":
        told += SOMEBODY_ELSE
    verdict.findings.append(Finding(journal.bot_id, kind, told))
    return None, []


def _replay(
    verdict: Verdict, bot: str, run: Run, inputs: Sequence[str], shown: Snapshot, rules: Rules, mode: Mode
) -> None:
    if shown.rules != rules.identity:
        verdict.not_replayed += 1
        return
    state = rules.new_game(GameOptions(seed=run.seed, mode=mode, name=run.name))
    try:
        for text in inputs:
            state = rules.advance(state, text).state
    except BadInput as error:
        told = f"executing e{run.episode} again: {error.code} after t{state.turn}"
        verdict.findings.append(Finding(bot, "differs", told))
        return
    verdict.replayed += len(inputs)
    digest = rules.digest(rules.encode(state)).hex()
    if digest != shown.digest:
        told = f"executing e{run.episode} again gives {digest}, the server shows {shown.digest}"
        verdict.findings.append(Finding(bot, "differs", told))
