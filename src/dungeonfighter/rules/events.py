"""What happened, as short lists of integers in the state, and the one sentence that tells each.

An event is `[code, argument, ...]`; arguments are numbers or catalogue numbers. Sentences are in the past
tense or terser, because every bot pays for every word.

Source: game.md section 1 (coded events), product.md "Views".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final

from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.state import Band, Intent, Rank, Slot, Stance, Status


class Event(IntEnum):
    """All codes; the arguments are in `WORDING`. Numbers are never reused."""

    RunBegan = 1
    WeaponChosen = 2
    FightBegan = 10
    HeroAttacked = 11
    HeroMissed = 12
    HeroGuarded = 13
    FoeAttacked = 14
    FoeMissed = 15
    FoeDefended = 16
    FoeHealed = 17
    FoeFled = 18
    Interrupted = 19
    StatusPut = 20
    StatusTicked = 21
    Stunned = 22
    StruckSelf = 23
    ItemUsed = 24
    FleeFailed = 25
    HeroFled = 26
    HazardStruck = 27
    FoeDied = 28
    HeroDied = 29
    SecondWind = 30
    MissRerolled = 31
    HeavyGuarded = 32
    StatusBlocked = 33
    Countered = 34
    HeroHealed = 35
    FightStalled = 36
    Surprised = 40
    FirstStrike = 41
    Learned = 42
    DungeonEntered = 43
    RoomEntered = 44
    TrapSprung = 45
    TrapAvoided = 46
    SearchFailed = 47
    SearchWoke = 48
    Rested = 49
    DungeonLeft = 50
    DungeonCleared = 51
    Declined = 52
    Traded = 53
    Paid = 54
    Bought = 55
    GoldFound = 56
    ItemFound = 57
    ConsumableFound = 58
    ItemScrapped = 59
    ExperienceGained = 60
    LevelGained = 61
    TalentTaken = 62
    RoomCleared = 63
    LockForced = 64
    LockSnapped = 65
    Scarred = 66
    StatGained = 67
    HealthLost = 68
    Camped = 70
    Rerolled = 71
    Travelled = 72
    TravelEvent = 73
    BossBeaten = 74
    GameWon = 75
    Cloned = 76
    RunEnded = 77
    TurnsUsedUp = 78
    EndlessBegan = 79
    Equipped = 80
    Unequipped = 81
    Dropped = 82
    StripSet = 83
    TradedUp = 84
    AutoFought = 85


_RARITIES = ("common", "uncommon", "rare", "epic", "legendary", "mythic")
_WHO = ("You", "Foe")
_STATS = ("STR", "AGI", "TEC", "INT")

Teller = Callable[[Catalogue, int], str]


def _name(rows: str) -> Teller:
    return lambda cat, number: getattr(cat, rows)[number].name if number >= 0 else "plain"


_TELL: Final[dict[str, Teller]] = {
    "n": lambda cat, n: str(n),
    "who": lambda cat, n: _WHO[n],
    "stance": lambda cat, n: "" if n == Stance.attack else f" {Stance(n).name}",
    "band": lambda cat, n: Band(n).name.replace("_", " "),
    "intent": lambda cat, n: Intent(n).name,
    "status": lambda cat, n: Status(n).name.replace("_", " "),
    "rank": lambda cat, n: "" if n == Rank.normal else f" ({Rank(n).name})",
    "slot": lambda cat, n: Slot(n).name,
    "stat": lambda cat, n: _STATS[n],
    "rarity": lambda cat, n: _RARITIES[n],
    "action": lambda cat, n: f" {cat.actions[n].name}" if n >= 0 else "",
    "enemy": _name("enemies"),
    "item": _name("items"),
    "good": _name("consumables"),
    "talent": _name("talents"),
    "place": _name("place_rows"),
    "region": _name("regions"),
    "hazard": lambda cat, n: cat.hazard_rows[n].text,
    "event": lambda cat, n: cat.events[n].text,
    "dungeon": lambda cat, n: cat.themes[n // 100].dungeons[n % 100],
}

WORDING: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    Event.RunBegan: ("A new run.", ()),
    Event.WeaponChosen: ("You take the {}.", ("item",)),
    Event.FightBegan: ("{}{} L{} blocks the way.", ("enemy", "rank", "n")),
    Event.HeroAttacked: ("You{}: {} {}{} {}.", ("stance", "n", "band", "action", "n")),
    Event.HeroMissed: ("You{}: {} {}.", ("stance", "n", "band")),
    Event.HeroGuarded: ("You guard.", ()),
    Event.FoeAttacked: ("Foe {}: {} {} {}.", ("intent", "n", "band", "n")),
    Event.FoeMissed: ("Foe {}: {} {}.", ("intent", "n", "band")),
    Event.FoeDefended: ("Foe defended.", ()),
    Event.FoeHealed: ("Foe healed {}.", ("n",)),
    Event.FoeFled: ("Foe fled.", ()),
    Event.Interrupted: ("Interrupted: light instead of {}.", ("intent",)),
    Event.StatusPut: ("{}: {} {}.", ("who", "status", "n")),
    Event.StatusTicked: ("{}: statuses cost {}.", ("who", "n")),
    Event.Stunned: ("{} stunned, skipped.", ("who",)),
    Event.StruckSelf: ("{} confused, struck self {}.", ("who", "n")),
    Event.ItemUsed: ("{}: {}.", ("good", "n")),
    Event.FleeFailed: ("Flee failed: {}.", ("n",)),
    Event.HeroFled: ("You fled: {}.", ("n",)),
    Event.HazardStruck: ("{}. {} lost {}.", ("hazard", "who", "n")),
    Event.FoeDied: ("{} died: +{} xp, +{} gold.", ("enemy", "n", "n")),
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


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """The one line that tells an event."""
    wording, kinds = WORDING[event[0]]
    return wording.format(*(_TELL[kind](cat, number) for kind, number in zip(kinds, event[1:], strict=True)))
