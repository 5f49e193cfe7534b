"""The codes of events: a turn adds events to the log of the state, each a short list of integers.

An event is `[code, argument, ...]`. An argument is an amount, or the number of a catalogue thing or of an
enumeration's member. `views.sentences` has the sentence of each event and the kinds of its arguments.
"""

from __future__ import annotations

from typing import Final


class Event:
    """The codes of all events. A code is never reused.

    `views.sentences` has the kinds of the arguments; a comment names them where a kind says little. `side` is
    `fighting.common.HERO` or `ENEMY`; `lost` is the health lost.

    The codes are plain numbers and no enumeration: a turn names a dozen of them, and Python 3.11 takes 110 ns
    to find a member of an `IntEnum`, 20 ns to find one of these.
    """

    RunBegan: Final = 1
    WeaponChosen: Final = 2
    FightBegan: Final = 10
    HeroAttacked: Final = 11  # stance, total, band, action (-1: plain), bonus in the total, lost
    HeroMissed: Final = 12  # stance, total, band, bonus in the total
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
    FleeFailed: Final = 25  # die, bonus
    HeroFled: Final = 26  # die (0: none was needed), bonus
    HazardStruck: Final = 27  # hazard, side, lost, amount of its status
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
    TrapSprung: Final = 45  # event, die, bonus
    TrapAvoided: Final = 46  # event, die, bonus
    SearchFailed: Final = 47
    SearchWoke: Final = 48
    Rested: Final = 49
    DungeonLeft: Final = 50
    DungeonCleared: Final = 51
    Declined: Final = 52
    Traded: Final = 53
    Paid: Final = 54
    Bought: Final = 55  # consumable, price
    GoldFound: Final = 56
    ItemFound: Final = 57
    ConsumableFound: Final = 58
    ItemScrapped: Final = 59
    ExperienceGained: Final = 60
    LevelGained: Final = 61
    TalentTaken: Final = 62
    RoomCleared: Final = 63
    LockForced: Final = 64  # die, bonus
    LockSnapped: Final = 65  # die, bonus, lost
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
    AutoFought: Final = 85  # attacks, lost
    ItemBought: Final = 86  # item, rarity, level, price
    DungeonResumed: Final = 87
    SlippedPast: Final = 88
    RoomPassed: Final = 89
    Prepared: Final = 90
    HeldOn: Final = 91
    Opened: Final = 92
    PhaseChanged: Final = 93
    EnemyPrepared: Final = 94
    EnemyRaged: Final = 95
    Stolen: Final = 96
    OptionTaken: Final = 110  # event, place of the option
    OptionRolled: Final = 111  # event, place of the option, die, bonus
    RoadMet: Final = 112
    OpeningSeen: Final = 97
    StripLost: Final = 98
    BossChanged: Final = 99
