"""Events: short lists of integers that a turn adds to the log of the state, and a sentence for each.

An event is `[code, argument, ...]`; an argument is a number or a catalogue number. Sentences are short,
because a bot pays for every token.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.state import Intent, Rank, Status


class Event:
    """The codes of all events. A code is never reused.

    `WORDING` has the kinds of an event's arguments; where `views.text_view` words the event, the comment here
    names the arguments. `side` is `fighting.common.HERO` or `ENEMY`; `lost` is the health lost.

    The codes are plain numbers and no enumeration: a turn names a dozen of them, and Python 3.11 takes 110 ns
    to find a member of an `IntEnum`, 20 ns to find one of these.
    """

    RunBegan: Final = 1
    WeaponChosen: Final = 2
    FightBegan: Final = 10
    HeroAttacked: Final = 11  # stance, total, band, action (-1: plain), lost
    HeroMissed: Final = 12  # stance, total, band
    HeroGuarded: Final = 13
    EnemyAttacked: Final = 14  # intent, total, band, lost
    EnemyMissed: Final = 15  # intent, total, band
    EnemyDefended: Final = 16
    EnemyHealed: Final = 17
    EnemyFled: Final = 18
    Interrupted: Final = 19
    StatusPut: Final = 20
    StatusTicked: Final = 21  # side, lost
    Stunned: Final = 22
    StruckSelf: Final = 23
    ItemUsed: Final = 24
    FleeFailed: Final = 25
    HeroFled: Final = 26
    HazardStruck: Final = 27  # hazard, side, lost
    EnemyDied: Final = 28
    HeroDied: Final = 29
    SecondWind: Final = 30
    MissRerolled: Final = 31
    HeavyGuarded: Final = 32
    StatusBlocked: Final = 33
    Countered: Final = 34
    HeroHealed: Final = 35
    FightStalled: Final = 36
    Surprised: Final = 40
    FirstStrike: Final = 41
    Learned: Final = 42
    DungeonEntered: Final = 43
    RoomEntered: Final = 44
    TrapSprung: Final = 45
    TrapAvoided: Final = 46
    SearchFailed: Final = 47
    SearchWoke: Final = 48
    Rested: Final = 49
    DungeonLeft: Final = 50
    DungeonCleared: Final = 51
    Declined: Final = 52
    Traded: Final = 53
    Paid: Final = 54
    Bought: Final = 55
    GoldFound: Final = 56
    ItemFound: Final = 57
    ConsumableFound: Final = 58
    ItemScrapped: Final = 59
    ExperienceGained: Final = 60
    LevelGained: Final = 61
    TalentTaken: Final = 62
    RoomCleared: Final = 63
    LockForced: Final = 64
    LockSnapped: Final = 65
    Scarred: Final = 66
    StatGained: Final = 67
    HealthLost: Final = 68
    Camped: Final = 70
    Rerolled: Final = 71
    Travelled: Final = 72
    TravelEvent: Final = 73
    BossBeaten: Final = 74
    GameWon: Final = 75
    Cloned: Final = 76
    RunEnded: Final = 77
    TurnsUsedUp: Final = 78
    EndlessBegan: Final = 79
    Equipped: Final = 80
    Unequipped: Final = 81
    Dropped: Final = 82
    StripSet: Final = 83
    TradedUp: Final = 84
    AutoFought: Final = 85  # attacks


_RARITIES = ("common", "uncommon", "rare", "epic", "legendary", "mythic")
_WHO = ("You", "Foe")
_STATS = ("STR", "AGI", "TEC", "INT")

_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "who": _WHO,
    "intent": tuple(intent.name for intent in Intent),
    "status": tuple(status.name.replace("_", " ") for status in Status),
    "rank": tuple("" if rank == Rank.normal else f" ({rank.name})" for rank in Rank),
    "stat": _STATS,
    "rarity": _RARITIES,
}
"""The words of the argument kinds that no catalogue changes, by number. `Catalogue.names` has the others; an
argument of kind "n" is written as a number."""

WORDING: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    Event.RunBegan: ("A new run.", ()),
    Event.WeaponChosen: ("You take the {}.", ("item",)),
    Event.FightBegan: ("{}{} L{} blocks the way.", ("enemy", "rank", "n")),
    Event.EnemyDefended: ("Foe defended.", ()),
    Event.EnemyHealed: ("Foe healed {}.", ("n",)),
    Event.EnemyFled: ("Foe fled.", ()),
    Event.Interrupted: ("Interrupted: light instead of {}.", ("intent",)),
    Event.StatusPut: ("{}: {} {}.", ("who", "status", "n")),
    Event.Stunned: ("{} stunned, skipped.", ("who",)),
    Event.StruckSelf: ("{} confused, struck self {}.", ("who", "n")),
    Event.ItemUsed: ("{}: {}.", ("good", "n")),
    Event.FleeFailed: ("Flee failed: {}.", ("n",)),
    Event.HeroFled: ("You fled: {}.", ("n",)),
    Event.EnemyDied: ("{} died: +{} xp, +{} gold.", ("enemy", "n", "n")),
    Event.HeroDied: ("You died.", ()),
    Event.SecondWind: ("Second wind: +{}.", ("n",)),
    Event.MissRerolled: ("Luck: {} rerolled.", ("n",)),
    Event.HeavyGuarded: ("Heavy guarded: foe marked.", ()),
    Event.StatusBlocked: ("Guard blocked {}.", ("status",)),
    Event.Countered: ("You countered {}.", ("n",)),
    Event.HeroHealed: ("You healed {}.", ("n",)),
    Event.FightStalled: ("Neither could win; you withdrew.", ()),
    Event.Surprised: ("Entry {}: surprised.", ("n",)),
    Event.FirstStrike: ("Entry {}: first strike.", ("n",)),
    Event.Learned: ("Entry {}: you see what is behind the next doors.", ("n",)),
    Event.DungeonEntered: ("You entered {} L{}, {} rooms.", ("dungeon", "n", "n")),
    Event.RoomEntered: ("Room {}: {}.", ("n", "place")),
    Event.TrapSprung: ("{}: roll {}.", ("event", "n")),
    Event.TrapAvoided: ("{}: roll {}, avoided.", ("event", "n")),
    Event.SearchFailed: ("Search {}: nothing.", ("n",)),
    Event.SearchWoke: ("Search {}: something woke.", ("n",)),
    Event.Rested: ("Rested: +{}.", ("n",)),
    Event.DungeonLeft: ("You left the dungeon.", ()),
    Event.DungeonCleared: ("Dungeon L{} cleared: +{} xp, +{} gold.", ("n", "n", "n")),
    Event.Declined: ("You went on.", ()),
    Event.Traded: ("{}: taken.", ("event",)),
    Event.Paid: ("Paid {} gold.", ("n",)),
    Event.Bought: ("Bought for {} gold.", ("n",)),
    Event.GoldFound: ("+{} gold.", ("n",)),
    Event.ItemFound: ("Found {} ({}) L{}.", ("item", "rarity", "n")),
    Event.ConsumableFound: ("Found {}.", ("good",)),
    Event.ItemScrapped: ("{} scrapped: +{} gold.", ("item", "n")),
    Event.ExperienceGained: ("+{} xp.", ("n",)),
    Event.LevelGained: ("Level {}!", ("n",)),
    Event.TalentTaken: ("Talent: {}.", ("talent",)),
    Event.RoomCleared: ("Room cleared: +{} xp.", ("n",)),
    Event.LockForced: ("Lock forced: {}.", ("n",)),
    Event.LockSnapped: ("Lock snapped: {}, you lost {}.", ("n", "n")),
    Event.Scarred: ("A scar: {} now.", ("n",)),
    Event.StatGained: ("{} +{}.", ("stat", "n")),
    Event.HealthLost: ("You lost {}.", ("n",)),
    Event.Camped: ("Camped: +{}.", ("n",)),
    Event.Rerolled: ("New wares for {} gold.", ("n",)),
    Event.Travelled: ("You reached {}.", ("region",)),
    Event.TravelEvent: ("Road {}: {}.", ("n", "event")),
    Event.BossBeaten: ("The boss of {} is beaten!", ("region",)),
    Event.GameWon: ("All bosses are beaten. You have won.", ()),
    Event.Cloned: ("A clone takes over, clone {}.", ("n",)),
    Event.RunEnded: ("The run is over.", ()),
    Event.TurnsUsedUp: ("The turns are used up.", ()),
    Event.EndlessBegan: ("The dungeons go on without end.", ()),
    Event.Equipped: ("Equipped {} L{}.", ("item", "n")),
    Event.Unequipped: ("Took off {}.", ("item",)),
    Event.Dropped: ("Dropped {}: +{} gold.", ("item", "n")),
    Event.StripSet: ("Strip set: {} actions.", ("n",)),
    Event.TradedUp: ("Traded five for {} ({}) L{}.", ("item", "rarity", "n")),
}
"""The sentence of each event and the kinds of its arguments, except those that `views.text_view` words."""


_SENTENCES: Final[dict[int, tuple[str, tuple[tuple[str, tuple[str, ...] | None], ...]]]] = {
    code: (
        wording.replace("{}", "%s"),
        () if set(kinds) == {"n"} else tuple((kind, _FIXED.get(kind)) for kind in kinds),
    )
    for code, (wording, kinds) in WORDING.items()
}
"""The format of each event, with its argument kinds and their fixed words; no kinds if all are numbers."""


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """Return the sentence of an event that `WORDING` has.

    Raises:
        KeyError: The event is one that `views.text_view` words.
    """
    wording, kinds = _SENTENCES[event[0]]
    if not kinds:
        return wording % tuple(event[1:])
    words: list[int | str] = []
    for (kind, fixed), number in zip(kinds, event[1:], strict=True):
        if fixed is not None:
            words.append(fixed[number])
        elif kind == "n":
            words.append(number)
        else:
            words.append(cat.names[kind][number])
    return wording % tuple(words)
