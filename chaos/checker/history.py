"""Compares what one bot was answered with what the store has of it.

Each call names the run and the turn that it acts on, so it can have its effect at one place only: an input
at turn t of run e leads to the position (e, t + 1), a start of run e to (e, 0). The stored history must be
explained by calls, each at most once: by one that was acknowledged, or else by one whose outcome is unknown.
And each acknowledged call must be in the stored history, with the digest that it was answered with.

After a fail-over that loses commits, of the calls that lead to a position which the promoted server lacked,
one for each such fail-over is lost. The place may have been played once more, even with the same input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from chaos.checker.calls import BEGINNING, BotCalls, Call
from chaos.checker.findings import Kind
from chaos.checker.promotions import Promotion, was_never
from chaos.checker.runs import NEW, Report, Run
from chaos.checker.stored import Place


class Strange(Struct, frozen=True):
    """An answer with a digest that the stored history does not have at that position."""

    place: Place
    digest: str
    what: str


class Gaps(Struct):
    """The places of one run at which the store and the calls do not agree.

    Attributes:
        wrong: Turns at which another input is stored than the one acknowledged.
        missing: Turns whose acknowledged input is not stored, for the stored run ends before.
        extra: Turns whose stored input no call explains.
    """

    wrong: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)

    @property
    def first(self) -> int:
        return min([*self.wrong, *self.missing, *self.extra])


class BotHistory:
    """The comparison for one bot.

    Args:
        bot: Its id.
        calls: Its part of the journal.
        runs: Its stored runs, executed.
        promotions: The fail-overs that lost commits.
        report: Receives the violations.

    Attributes:
        by_place: The calls by the place that they name.
        first_episode: The first run that the journal knows; earlier runs were begun by others.
        lost: Acknowledged calls that the store does not have.
        lacking: Acknowledged calls that a promoted server lacked.
        applied: Calls with an unknown outcome that had their effect.
        excused: The numbers of the answers to calls whose loss a fail-over explains.
        is_unnoticed: The bot lost turns by a fail-over, and began its next run before it could be refused.
        lost_places: The positions that lost calls lead to.
        strange: Answers whose digests are still to be explained.
    """

    def __init__(
        self, bot: str, calls: BotCalls, runs: dict[int, Run], promotions: Sequence[Promotion], report: Report
    ) -> None:
        self.bot = bot
        self.calls = calls
        self.runs = runs
        self.promotions = promotions
        self.report = report
        self.by_place: dict[tuple[int, int], list[Call]] = {}
        for call in calls.calls:
            self.by_place.setdefault(call.place, []).append(call)
        self.first_episode = min((call.episode for call in calls.calls), default=1)
        self.lost = 0
        self.lacking = 0
        self.applied = 0
        self.excused: list[int] = []
        self.is_unnoticed = False
        self.lost_places: set[Place] = set()
        self.strange: list[Strange] = []
        self._gaps: dict[int, Gaps] = {}

    def compare(self) -> None:
        """Find all differences; those in digests go to `strange`."""
        others = self._other_runs()
        for episode, run in self.runs.items():
            if episode >= self.first_episode and episode not in others:
                self._explain_run(run)
        for place, calls in self.by_place.items():
            acknowledged = [call for call in calls if call.is_ok]
            if acknowledged and place[0] not in others:
                self._find_missing(place, acknowledged)
        for episode, gaps in sorted(self._gaps.items()):
            self._name_gaps(episode, gaps)
            first = Place(episode, gaps.first)
            self.strange = [one for one in self.strange if one.place.episode != episode or one.place <= first]

    def lacks(self, place: Place) -> int:
        """Return how many promoted servers lacked a position."""
        return sum(promotion.lacks(self.bot, place) for promotion in self.promotions)

    def _surely_lacks(self, place: Place) -> bool:
        return any(promotion.surely_lacks(self.bot, place) for promotion in self.promotions)

    # Runs that are not those that were begun

    def _other_runs(self) -> set[int]:
        """Report the stored runs with other options than those acknowledged; return their numbers."""
        others = set()
        for episode, run in self.runs.items():
            begun = [call for call in self.by_place.get((episode, BEGINNING), ()) if call.is_ok]
            if begun and not self.lacks(Place(episode, 0)) and not any(_begins(call, run) for call in begun):
                others.add(episode)
                self.report(
                    Kind.OTHER_EPISODE,
                    f"{begun[-1]} was acknowledged, the store has {_shown(run)} as run {episode}",
                )
                self.lost += sum(call.is_ok for call in self.calls.calls if call.episode == episode)
        return others

    # Each stored effect needs a call

    def _explain_run(self, run: Run) -> None:
        episode, place = run.episode, (run.episode, BEGINNING)
        calls = self.by_place.get(place, [])
        first_digest = run.digests[0] if run.digests else ""
        if not self._is_explained(calls, [call for call in calls if _begins(call, run)], first_digest):
            self._report_start(run, calls)
        by_place, digests = self.by_place, run.digests
        for index, text in enumerate(run.inputs):
            turn = run.first_turn + index
            calls = by_place.get((episode, turn), [])
            if len(calls) == 1 and calls[0].is_ok and calls[0].text == text and not self.promotions:
                self._compare_digest(calls[0], digests[index + 1] if index + 1 < len(digests) else "")
                continue
            fitting = [call for call in calls if call.text == text]
            digest = digests[index + 1] if index + 1 < len(digests) else ""
            if self._is_explained(calls, fitting, digest):
                continue
            has_own = any(call.is_ok for call in calls) and not self.lacks(Place(episode, turn + 1))
            if fitting and not any(call.is_ok for call in fitting):
                self._report_refused(fitting[-1])
            elif not has_own:
                self._gaps_of(episode).extra.append(turn)

    def _is_explained(self, calls: Sequence[Call], fitting: Sequence[Call], digest: str) -> bool:
        """Find the call of a stored effect, and count what happened to the other acknowledged ones."""
        lacking = self.lacks(calls[0].leads_to) if calls and self.promotions else 0
        if lacking:
            return self._is_explained_after_loss(calls, fitting, digest, lacking)
        acknowledged = [call for call in calls if call.is_ok]
        kept = [call for call in fitting if call.is_ok]
        if kept:
            self._compare_digest(kept[-1], digest)
            self._surplus([call for call in acknowledged if call is not kept[-1]], kept[-1])
            return True
        is_open = any(call.open_attempts for call in fitting)
        self.applied += is_open
        return is_open

    def _is_explained_after_loss(
        self, calls: Sequence[Call], fitting: Sequence[Call], digest: str, lacking: int
    ) -> bool:
        """Find the call of a stored effect at a place that was lost before: the last one that can be it.

        A client plays a place once more only after it was set back, so the calls before are those that are
        lost. A server that remembers the lost history may answer with its digest, if both lead to one state.
        """
        acknowledged = [call for call in calls if call.is_ok]
        same = [call for call in acknowledged if call.digest == digest]
        kept = max([*same, *(call for call in fitting if call.open_attempts)], key=_number, default=None)
        self._surplus([call for call in acknowledged if call is not kept], kept, lacking)
        if kept is None:
            return False
        self.applied += not kept.is_ok
        if acknowledged == [kept] and self._surely_lacks(kept.leads_to):
            self._came_back(kept, calls)
        return True

    def _surplus(self, lost: Sequence[Call], kept: Call | None = None, lacking: int = 0) -> None:
        """Count acknowledged calls of a place that are not the stored one."""
        for number, call in enumerate(lost):
            self.lost += 1
            self.lost_places.add(call.leads_to)
            if number < lacking:
                self._excuse(call)
            elif kept is not None:
                self.report(Kind.TWO_CALLS, f"{call} and call {kept.number} were both acknowledged")
            else:
                self.report(Kind.LOST, f"{call} was acknowledged, and is not stored")

    def _excuse(self, call: Call) -> None:
        self.lacking += 1
        self.excused.append(call.order)
        if was_never(self.promotions, self.bot, call.leads_to, call.digest):
            self.report(Kind.LOST, f"{call} was acknowledged with {call.digest}, which no server ever had")

    def _came_back(self, kept: Call, calls: Sequence[Call]) -> None:
        if not any(call.open_attempts for call in calls):
            self.report(Kind.CAME_BACK, f"{kept} was lacking on the promoted server, and is stored")

    def _compare_digest(self, call: Call, stored: str) -> None:
        if call.digest != stored and call.digest and stored and call.shown == call.leads_to:
            self.strange.append(Strange(call.leads_to, call.digest, f"the answer to {call}"))

    def _report_start(self, run: Run, calls: Sequence[Call]) -> None:
        fitting = [call for call in calls if _begins(call, run)]
        before = self.runs.get(run.episode - 1)
        if fitting and not any(call.is_ok for call in fitting):
            self._report_refused(fitting[-1])
        elif before is not None and run.options is not None and before.options == run.options:
            self.report(Kind.BEGUN_TWICE, f"runs {before.episode} and {run.episode} are both {_shown(run)}")
        else:
            self.report(Kind.UNSENT, f"no call began run {run.episode} ({_shown(run)})")

    def _report_refused(self, call: Call) -> None:
        self.report(Kind.REFUSED_EFFECT, f"{call} was refused ({call.error}), and is stored")

    # Each acknowledged call needs a place in the store

    def _find_missing(self, place: tuple[int, int], acknowledged: Sequence[Call]) -> None:
        episode, turn = place
        run = self.runs.get(episode)
        if run is not None and turn == BEGINNING:
            return
        stored = run.input_at(turn) if run is not None else None
        if stored is not None and (
            any(call.text == stored for call in acknowledged) or self.lacks(acknowledged[0].leads_to)
        ):
            return
        lacking = self.lacks(acknowledged[0].leads_to)
        if run is None or lacking:
            self._surplus(acknowledged, lacking=lacking)
        elif stored is None:
            self._gaps_of(episode).missing.append(turn)
        else:
            self._gaps_of(episode).wrong.append(turn)

    # Names for the gaps of a run

    def _gaps_of(self, episode: int) -> Gaps:
        return self._gaps.setdefault(episode, Gaps())

    def _name_gaps(self, episode: int, gaps: Gaps) -> None:
        """Report the gaps by their cause, as far as the inputs show it."""
        run, first = self.runs[episode], gaps.first
        where = f"run {episode} from t{first} on"
        stored = run.inputs[first - run.first_turn :]
        expected = list(self._expected(episode, first))
        behind = len(expected) - len(stored)
        if not gaps.wrong and not gaps.missing:
            self._name_extra(run, gaps.extra)
        elif behind < 0 and stored[-behind:] == expected:
            self._name_extra(run, range(first, first - behind))
        elif behind > 0 and stored and stored == expected[behind:]:
            self._lose(episode, range(first, first + behind))
        elif sorted(stored) == sorted(expected):
            self.report(Kind.REORDERED, f"{where}: acknowledged {_few(expected)}, stored {_few(stored)}")
        else:
            self._lose(episode, [*gaps.wrong, *gaps.missing])
            self._name_extra(run, gaps.extra)

    def _expected(self, episode: int, turn: int) -> Iterator[str]:
        """Yield the acknowledged inputs from a turn on, up to the first turn without one."""
        while acknowledged := [call for call in self.by_place.get((episode, turn), ()) if call.is_ok]:
            yield acknowledged[-1].text
            turn += 1

    def _name_extra(self, run: Run, turns: Sequence[int]) -> None:
        for turn in turns:
            text, before = run.input_at(turn), run.input_at(turn - 1)
            if text == before and (run.episode, turn - 1) in self.by_place:
                self.report(
                    Kind.DOUBLED, f"run {run.episode}: {text!r} of t{turn - 1} is stored at t{turn}, too"
                )
            else:
                self.report(Kind.UNSENT, f"run {run.episode}: no call sent {text!r} at t{turn}")

    def _lose(self, episode: int, turns: Sequence[int]) -> None:
        for turn in turns:
            acknowledged = [call for call in self.by_place.get((episode, turn), ()) if call.is_ok]
            stored = self.runs[episode].input_at(turn)
            for call in acknowledged:
                self.lost += 1
                self.lost_places.add(call.leads_to)
                instead = f"; the store has {stored!r} there" if stored is not None else ""
                self.report(Kind.LOST, f"{call} was acknowledged, and is not stored{instead}")


def _number(call: Call) -> int:
    return call.number


def _begins(call: Call, run: Run) -> bool:
    return run.origin == NEW and run.options is not None and call.options == run.options


def _shown(run: Run) -> str:
    return f"a {run.origin} run with {run.options}" if run.options is not None else f"a {run.origin} run"


def _few(texts: Sequence[str]) -> str:
    return " ".join(texts[:8]) + (" ..." if len(texts) > 8 else "")
