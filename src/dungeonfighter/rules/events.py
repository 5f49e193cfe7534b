"""What happened, as short lists of integers in the state, and the one sentence that tells each.

An event is `[code, argument, ...]`; arguments are numbers or catalogue numbers. Sentences are in the past
tense or terser, because every bot pays for every word.

Source: game.md section 1 (coded events), product.md "Views".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.state import Band, Intent, Rank, Slot, Stance, Status


class Event:
    """All codes; the arguments are in `WORDING`. Numbers are never reused.

    Plain numbers and no enumeration: a turn names a dozen of them, and Python 3.11 takes 110 ns to find a
    member of an `IntEnum`, 20 ns for one of these.
    """

    RunBegan: Final = 1
    WeaponChosen: Final = 2
    FightBegan: Final = 10
    HeroAttacked: Final = 11
    HeroMissed: Final = 12
    HeroGuarded: Final = 13
    EnemyAttacked: Final = 14
    EnemyMissed: Final = 15
    EnemyDefended: Final = 16
    EnemyHealed: Final = 17
    EnemyFled: Final = 18
    Interrupted: Final = 19
    StatusPut: Final = 20
    StatusTicked: Final = 21
    Stunned: Final = 22
    StruckSelf: Final = 23
    ItemUsed: Final = 24
    FleeFailed: Final = 25
    HeroFled: Final = 26
    HazardStruck: Final = 27
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
    AutoFought: Final = 85


_RARITIES = ("common", "uncommon", "rare", "epic", "legendary", "mythic")
_WHO = ("You", "Foe")
_STATS = ("STR", "AGI", "TEC", "INT")

_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "who": _WHO,
    "stance": ("", "", *(f" {stance.name}" for stance in Stance if stance != Stance.attack)),
    "band": tuple(band.name.replace("_", " ") for band in Band),
    "intent": tuple(intent.name for intent in Intent),
    "status": tuple(status.name.replace("_", " ") for status in Status),
    "rank": tuple("" if rank == Rank.normal else f" ({rank.name})" for rank in Rank),
    "slot": tuple(slot.name for slot in Slot),
    "stat": _STATS,
    "rarity": _RARITIES,
}
"""Words by number of the kinds that no catalogue changes; the others are in `Catalogue.names`, and "n" is
told as the number it is."""

WORDING: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    Event.RunBegan: ("A new run.", ()),
    Event.WeaponChosen: ("You take the {}.", ("item",)),
    Event.FightBegan: ("{}{} L{} blocks the way.", ("enemy", "rank", "n")),
    Event.HeroAttacked: ("You{}: {} {}{} {}.", ("stance", "n", "band", "action", "n")),
    Event.HeroMissed: ("You{}: {} {}.", ("stance", "n", "band")),
    Event.HeroGuarded: ("You guard.", ()),
    Event.EnemyAttacked: ("Foe {}: {} {} {}.", ("intent", "n", "band", "n")),
    Event.EnemyMissed: ("Foe {}: {} {}.", ("intent", "n", "band")),
    Event.EnemyDefended: ("Foe defended.", ()),
    Event.EnemyHealed: ("Foe healed {}.", ("n",)),
    Event.EnemyFled: ("Foe fled.", ()),
    Event.Interrupted: ("Interrupted: light instead of {}.", ("intent",)),
    Event.StatusPut: ("{}: {} {}.", ("who", "status", "n")),
    Event.StatusTicked: ("{}: statuses cost {}.", ("who", "n")),
    Event.Stunned: ("{} stunned, skipped.", ("who",)),
    Event.StruckSelf: ("{} confused, struck self {}.", ("who", "n")),
    Event.ItemUsed: ("{}: {}.", ("good", "n")),
    Event.FleeFailed: ("Flee failed: {}.", ("n",)),
    Event.HeroFled: ("You fled: {}.", ("n",)),
    Event.HazardStruck: ("{}. {} lost {}.", ("hazard", "who", "n")),
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
    Event.AutoFought: ("Auto: {} attacks.", ("n",)),
}


_SENTENCES: Final[dict[int, tuple[str, tuple[tuple[str, tuple[str, ...] | None], ...]]]] = {
    code: (
        wording.replace("{}", "%s"),
        () if set(kinds) == {"n"} else tuple((kind, _FIXED.get(kind)) for kind in kinds),
    )
    for code, (wording, kinds) in WORDING.items()
}
"""Each with the kinds of its arguments and their words; without them where all are numbers."""


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """The one line that tells an event."""
    wording, kinds = _SENTENCES[event[0]]
    if not kinds:
        return wording % tuple(event[1:])
    told: list[int | str] = []
    for (kind, words), number in zip(kinds, event[1:], strict=True):
        if words is not None:
            told.append(words[number])
        elif kind == "n":
            told.append(number)
        else:
            told.append(cat.names[kind][number])
    return wording % tuple(told)
