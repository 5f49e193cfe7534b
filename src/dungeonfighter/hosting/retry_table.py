"""The retry table: the verdict on an input that names another turn or run than the present one.

| the input names | the trail has at that turn | verdict |
|---|---|---|
| another run | | stale_turn |
| a turn to come | | future_turn |
| an earlier turn | the same input | the present game, as a repeat; nothing is applied |
| an earlier turn | another input, or none because the turn is too old | stale_turn |

Source: docs/tools.md, "Repeating a call safely".
"""

from __future__ import annotations

from dungeonfighter.errors import FutureTurn, StaleTurn
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import Answer, Present
from dungeonfighter.hosting.game_errors import with_game
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.verdicts import Verdict


def judge(
    row: Row, trail: trails.Trail, standing: Present, text: str, turn: int | None, episode: int | None
) -> Verdict:
    """Return the verdict on one input that names another turn or episode than the present one."""
    refused = refuse_other_run_or_future(row, standing, turn, episode)
    if refused is not None:
        return refused
    if turn is not None and trails.input_at(trail, row.turn, turn) == text:
        return Verdict(answer=Answer(standing, repeated=True))
    return refuse_stale(row, standing, turn)


def refuse_other_run_or_future(
    row: Row, standing: Present, turn: int | None, episode: int | None
) -> Verdict | None:
    """Return the refusal of another run or a future turn; None if the request names neither."""
    now = _now(row)
    if episode is not None and episode != row.episode:
        what = f"episode {episode} is not the present run; {now}"
        return Verdict(error=with_game(StaleTurn(what), standing))
    if turn is not None and turn > row.turn:
        what = f"turn {turn} has not come yet; {now}"
        return Verdict(error=with_game(FutureTurn(what), standing))
    return None


def refuse_stale(row: Row, standing: Present, turn: int | None) -> Verdict:
    """Return the refusal of an earlier turn at which the trail does not show the input."""
    what = f"turn {turn} is over and was not answered with this input; {_now(row)}"
    return Verdict(error=with_game(StaleTurn(what), standing))


def _now(row: Row) -> str:
    return f"the game is at e{row.episode} t{row.turn}: choose for it, with turn={row.turn}"
