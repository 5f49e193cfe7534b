"""Checks the positions that a bot saw: each is one that the store has, and none is before an earlier one."""

from __future__ import annotations

import sys
from typing import Final

from chaos.checker.calls import Sight
from chaos.checker.findings import Kind
from chaos.checker.history import BotHistory, Strange
from chaos.checker.promotions import floor, was_never

_NOTICES: Final = frozenset({"stale_turn", "future_turn", "unknown_bot"})
"""The refusals that let a bot know that it stands elsewhere than it believed."""
_NEVER: Final = sys.maxsize


def check_sights(history: BotHistory) -> None:
    """Check all positions that answers showed, in their order; call this after `BotHistory.compare`."""
    before: Sight | None = None
    for sight in history.calls.sights:
        if _is_of_other_run(history, sight):
            continue
        if before is not None and sight.place < before.place and not _may_go_back(history, before, sight):
            history.report(
                Kind.WENT_BACK, f"{_named(sight)} shows {sight.place}, an answer before it {before.place}"
            )
        before = sight
        if sight.call is None or sight.call.leads_to != sight.place:
            _compare(history, sight)


def _is_of_other_run(history: BotHistory, sight: Sight) -> bool:
    call = sight.call
    if call is None or sight.place.episode == call.episode:
        return False
    history.report(Kind.OTHER_EPISODE, f"the answer to {call} is of run {sight.place.episode}")
    return True


def _may_go_back(history: BotHistory, before: Sight, sight: Sight) -> bool:
    return sight.place >= floor(history.promotions, history.bot, before.place)


def _compare(history: BotHistory, sight: Sight) -> None:
    """Compare a position with the store, if it is not that of an acknowledged call."""
    if sight.call is not None and sight.place < sight.call.leads_to:
        history.report(Kind.WENT_BACK, f"{_named(sight)} shows {sight.place}")
        return
    place, run = sight.place, history.runs.get(sight.place.episode)
    stored = run.digest_at(place.turn) if run is not None else None
    if stored is not None and sight.digest in {"", stored}:
        return
    if history.lacks(place):
        if was_never(history.promotions, history.bot, place, sight.digest):
            history.strange.append(Strange(place, sight.digest, _named(sight)))
    elif stored is not None:
        history.strange.append(Strange(place, sight.digest, _named(sight)))
    elif place not in history.lost_places:
        history.report(Kind.UNCOMMITTED, f"{_named(sight)} shows {place}, which the store does not have")


def _named(sight: Sight) -> str:
    if sight.call is not None:
        return f"the answer to {sight.call}"
    return f"the refusal {sight.error}" if sight.error else "a look"


def check_notices(history: BotHistory) -> None:
    """Check that a bot which lost turns by a fail-over learned of it, and then played on.

    It learns of it by a refusal, or by a look. A start names no turn, so a bot that begins its next run next
    is not refused: the protocol has no notice for it.
    """
    if not history.excused:
        return
    last = max(history.excused)
    looks = [sight.order for sight in history.calls.sights if sight.call is None]
    notices = [order for order, error in history.calls.refusals if error in _NOTICES]
    notice = min((order for order in (*looks, *notices) if order > last), default=_NEVER)
    played = [call for call in history.calls.calls if call.is_ok and call.order > last]
    before = [call for call in played if call.order < notice]
    if any(call.options is not None for call in before):
        history.is_unnoticed = True
        return
    if notice == _NEVER or not all(history.lacks(call.leads_to) for call in before):
        history.report(Kind.NOT_REFUSED, "it lost turns, and no call after them was refused for its turn")
    elif len(played) == len(before):
        history.report(Kind.STOPPED, "it lost turns, and no call after the notice was acknowledged")
