"""The tone of an event: a gain for the hero, a harm to it, or neither. Programs for people colour by it.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import HERO
from dungeonfighter.rules.fighting.statuses import BAD
from dungeonfighter.rules.state import Band

GAIN: Final = "+"
HARM: Final = "-"
NEITHER: Final = "="

_TONES: Final = {
    **dict.fromkeys(
        (
            Event.HeroAttacked, Event.EnemyMissed, Event.EnemyDied, Event.Interrupted, Event.SecondWind,
            Event.MissRerolled, Event.HeavyGuarded, Event.StatusBlocked, Event.Countered, Event.HeroHealed,
            Event.FirstStrike, Event.Learned, Event.TrapAvoided, Event.Rested, Event.DungeonCleared,
            Event.GoldFound, Event.ItemFound, Event.ConsumableFound, Event.ItemScrapped,
            Event.ExperienceGained, Event.LevelGained, Event.TalentTaken, Event.RoomCleared, Event.LockForced,
            Event.StatGained, Event.Camped, Event.BossBeaten, Event.GameWon, Event.TradedUp, Event.Prepared,
            Event.HeldOn, Event.Opened, Event.ItemUsed,
        ),
        GAIN,
    ),
    **dict.fromkeys(
        (
            Event.EnemyAttacked, Event.EnemyHealed, Event.FleeFailed, Event.HeroDied, Event.Surprised,
            Event.TrapSprung, Event.SearchWoke, Event.LockSnapped, Event.Scarred, Event.HealthLost,
            Event.TurnsUsedUp, Event.PhaseChanged, Event.EnemyPrepared, Event.EnemyRaged, Event.Stolen,
        ),
        HARM,
    ),
}  # fmt: skip
"""The tones that the kind of an event decides; one without a row is neither.

An option taken (`OptionTaken`) and an event on the road (`RoadMet`) are neither: the events of what they cost
and give follow, each with its own tone.
"""

_SIDES: Final = {Event.StatusTicked: 1, Event.Stunned: 1, Event.StruckSelf: 1, Event.HazardStruck: 2}
"""The events that harm the side that they name, with the place of the side."""


def tones(cat: Catalogue, events: Sequence[Sequence[int]]) -> str:
    """Return a character for each event: `GAIN`, `HARM` or `NEITHER`."""
    return "".join([_TONES.get(event[0]) or _by_arguments(cat, event) for event in events])


def _by_arguments(cat: Catalogue, event: Sequence[int]) -> str:
    code = event[0]
    if code in _SIDES:
        return HARM if event[_SIDES[code]] == HERO else GAIN
    if code == Event.StatusPut:
        return HARM if (event[1] == HERO) == (event[2] in BAD) else GAIN
    if code == Event.HeroMissed and event[3] == Band.critical_miss:
        return HARM
    if code == Event.OptionRolled:
        _, number, place, die, bonus = event
        return GAIN if die + bonus >= cat.events[number].options[place].roll else HARM
    return NEITHER
