"""Names the answers whose digest is not that of the stored state at their position.

The state may be one of another bot. It may be one that follows from inputs that were sent, but that the store
never had: the answer left before its commit. Otherwise it is a state that follows from nothing that was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from chaos.checker.calls import Call
from chaos.checker.findings import Kind
from chaos.checker.history import Strange
from chaos.checker.runs import Report, Run, first_state
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Rules, State

_STATES_MAX: Final = 64


class OpenAnswers(Struct):
    """The strange answers of one bot, with what is needed to name them.

    Attributes:
        sent: The inputs that calls named, by run and turn.
        strange: The first strange answer of each run, and the number of all of them.
    """

    bot: str
    runs: dict[int, Run]
    sent: dict[tuple[int, int], set[str]]
    strange: list[tuple[Strange, int]]


def open_answers(
    bot: str, runs: dict[int, Run], calls: Mapping[tuple[int, int], list[Call]], strange: Iterable[Strange]
) -> OpenAnswers:
    """Return the strange answers of a bot, those of one run under the first of them."""
    by_run: dict[int, list[Strange]] = {}
    for one in strange:
        by_run.setdefault(one.place.episode, []).append(one)
    sent = {place: {call.text for call in at_place} for place, at_place in calls.items()}
    firsts = [(min(found, key=lambda one: one.place), len(found)) for found in by_run.values()]
    return OpenAnswers(bot, runs, sent, firsts)


def name_answers(
    answers: OpenAnswers, owners: Mapping[str, str], rules: Mapping[str, Rules], report: Report
) -> None:
    """Report each strange answer by its kind.

    Args:
        answers: Those of one bot.
        owners: The bots that have a digest at any position.
        rules: The rules by their identities.
        report: Receives the violations of the bot.
    """
    for strange, count in answers.strange:
        more = f"; {count} answers of this run differ" if count > 1 else ""
        run = answers.runs[strange.place.episode]
        stored = run.digest_at(strange.place.turn)
        what = f"{strange.what} shows {strange.digest} at {strange.place}, the store has {stored}{more}"
        owner = owners.get(strange.digest)
        if owner is not None and owner != answers.bot:
            report(Kind.OTHER_BOT, f"{what}; it is a state of {owner}")
        elif owner is None and _is_never_committed(strange, run, rules[run.rules], answers.sent):
            report(Kind.UNCOMMITTED, f"{what}; an input that was sent leads there, and is not stored")
        else:
            report(Kind.OTHER_STATE, what)


def _is_never_committed(
    strange: Strange, run: Run, rules: Rules, sent: Mapping[tuple[int, int], set[str]]
) -> bool:
    """Return True if inputs that were sent, in place of stored ones, lead to the state of an answer."""
    state, others = first_state(run, rules, lambda kind, detail: None), list[State]()
    if state is None:
        return False
    for turn in range(run.first_turn, strange.place.turn):
        texts, stored = sent.get((run.episode, turn), set()), run.input_at(turn)
        grown = [after for other in others for after in _after(rules, other, texts)]
        others = [*grown, *_after(rules, state, texts - {stored or ""})][:_STATES_MAX]
        if stored is None or not (following := list(_after(rules, state, {stored}))):
            return False
        state = following[0]
    return any(rules.digest(rules.encode(other)).hex() == strange.digest for other in others)


def _after(rules: Rules, state: State, texts: Iterable[str]) -> Iterator[State]:
    """Yield the state after each of some inputs that are legal."""
    for text in sorted(texts):
        try:
            yield rules.apply(state, text).state
        except BadInput:
            continue
