"""The sentences of events: each event is worded here, and only here.

Sentences are in the past tense or terser, because every bot pays for every word. `narrate` joins the events
of one turn for the text view; `sentence` words one event.

Five kinds of events (`FREQUENT`) are the bulk of a fight. `narrate` formats them itself, ordered by their
frequency: a call of a function for each costs as much again (counted). `WORDING` holds the sentences of all
other events as templates, and `sentence` caches the sentences that it has made from them.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.state import Band, Intent, Rank, Stance, Status
from dungeonfighter.rules.views.classes import STATS
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX

SENTENCES_MAX: Final = 2048
"""The greatest number of sentences that the cache keeps; beyond that it evicts all of them."""

INTENTS: Final = tuple(intent.name for intent in Intent)
STATUSES: Final = tuple(status.name.replace("_", " ") for status in Status)
CHANGES: Final = (
    f"acts in {tables.QUICKENED // 10}% of the time",
    f"loses its armour, and hits x{tables.MOLTEN / 1000:g}",
    f"rises: heals {tables.RISEN // 10}%, sheds its statuses, shield {tables.RISEN_SHIELD}",
)
"""The words of the changes of bosses, in the order of `model.PHASES`."""
_WHO: Final = ("You", "It")
_BANDS: Final = tuple(band.name.replace("_", " ") for band in Band)
_STANCES: Final = ("", "You roll", *(f"You {stance.name}" for stance in list(Stance)[1:]))
_ENEMY_ATTACKS: Final = tuple(tuple(f"Its {intent} {band}" for band in _BANDS) for intent in INTENTS)
"""The beginning of the sentence, by `Intent` and `Band`."""

_BONUS: Final = ("", *(f"{n:+d}" for n in (*range(1, 128), *range(-128, 0))))
"""The words of a bonus on a die, none for 0.

The negative numbers stand at the end, where a negative index finds them.
"""

FREQUENT: Final[dict[int, tuple[str, ...]]] = {
    Event.HeroAttacked: ("stance", "n", "band", "action", "bonus", "n"),
    Event.HeroMissed: ("stance", "n", "band", "bonus"),
    Event.EnemyAttacked: ("intent", "n", "band", "n"),
    Event.EnemyMissed: ("intent", "n", "band"),
    Event.StatusTicked: ("who", "n"),
}
"""The events that `narrate` words itself, each with the kinds of its arguments, as in `WORDING`.

The `n` of an attack are the total of the roll, shown as die and bonus, and the damage; the `n` of
`StatusTicked` is the damage.
"""

WORDING: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    Event.RunBegan: ("A new run.", ()),
    Event.WeaponChosen: ("You take the {}.", ("item",)),
    Event.FightBegan: ("{}{} L{} blocks the way.", ("enemy", "rank", "n")),
    Event.HeroGuarded: ("You guard.", ()),
    Event.EnemyDefended: ("It defended.", ()),
    Event.EnemyHealed: ("It healed {}.", ("n",)),
    Event.EnemyFled: ("It fled; its reward is lost.", ()),
    Event.Interrupted: ("Interrupted: light instead.", ("intent",)),
    Event.StatusPut: ("{}: {} {}.", ("who", "status", "n")),
    Event.Stunned: ("{} stunned, skipped.", ("who",)),
    Event.StruckSelf: ("{} confused, struck self {}.", ("who", "n")),
    Event.ItemUsed: ("{}: {}.", ("good", "n")),
    Event.FleeFailed: (f"Flee failed: {{}}{{}} ({tables.FLEE_NEEDS} needed).", ("n", "bonus")),
    Event.HeroFled: ("You fled: {}{}.", ("n", "bonus")),
    Event.HazardStruck: ("{}. {} lost {}, {}.", ("hazard", "who", "n", "n")),
    Event.EnemyDied: ("{} died: +{} xp, +{} gold.", ("enemy", "n", "n")),
    Event.HeroDied: ("You died.", ()),
    Event.SecondWind: ("Second wind: +{} hp.", ("n",)),
    Event.MissRerolled: ("Luck: {} rerolled.", ("n",)),
    Event.HeavyGuarded: ("It is marked.", ()),
    Event.StatusBlocked: ("Guard blocked {}.", ("status",)),
    Event.Countered: ("You countered {}.", ("n",)),
    Event.HeroHealed: ("You healed {} hp.", ("n",)),
    Event.FightStalled: ("Neither could win; you withdrew.", ()),
    Event.Surprised: ("Entry roll {}: surprised.", ("n",)),
    Event.FirstStrike: ("Entry roll {}: first strike.", ("n",)),
    Event.Learned: ("Entry roll {}: you see what is behind the next doors.", ("n",)),
    Event.DungeonEntered: ("You entered {} L{}, {} rooms.", ("dungeon", "n", "n")),
    Event.RoomEntered: ("Room {}: {}.", ("n", "place")),
    Event.TrapSprung: (f"{{}}: roll {{}}{{}} ({tables.TRAP_AVOIDED} avoids).", ("event", "n", "bonus")),
    Event.TrapAvoided: ("{}: roll {}{}, avoided.", ("event", "n", "bonus")),
    Event.SearchFailed: ("Search roll {}: nothing.", ("n",)),
    Event.SearchWoke: ("Search roll {}: something woke.", ("n",)),
    Event.Rested: ("Rested: +{} hp.", ("n",)),
    Event.DungeonLeft: ("You left the dungeon.", ()),
    Event.DungeonCleared: ("Dungeon L{} cleared: +{} xp, +{} gold.", ("n", "n", "n")),
    Event.Declined: ("You went on.", ()),
    Event.Traded: ("{}: taken.", ("event",)),
    Event.OptionTaken: ("{}.", ("event", "n")),
    Event.OptionRolled: ("{}: roll {}{} ({} needed).", ("event", "n", "n", "bonus")),
    Event.RoadMet: ("On the road: {}.", ("event",)),
    Event.Paid: ("Paid {} gold.", ("n",)),
    Event.Bought: ("Bought {} for {} gold.", ("good", "n")),
    Event.ItemBought: ("Bought {} ({}) L{} for {} gold.", ("item", "rarity", "n", "n")),
    Event.GoldFound: ("+{} gold.", ("n",)),
    Event.ItemFound: ("Found {} ({}) L{}.", ("item", "rarity", "n")),
    Event.ConsumableFound: ("Found {}.", ("good",)),
    Event.ItemScrapped: ("{} scrapped: +{} gold.", ("item", "n")),
    Event.ExperienceGained: ("+{} xp.", ("n",)),
    Event.LevelGained: ("Level {}!", ("n",)),
    Event.TalentTaken: ("Talent: {}.", ("talent",)),
    Event.RoomCleared: ("Room cleared: +{} xp.", ("n",)),
    Event.LockForced: ("Lock forced: {}{}.", ("n", "bonus")),
    Event.LockSnapped: (
        f"Lock snapped: {{}}{{}} ({tables.LOCK_OPENS} opens), you lost {{}} hp.",
        ("n", "bonus", "n"),
    ),
    Event.Scarred: ("A scar: {} now.", ("n",)),
    Event.StatGained: ("{} +{}.", ("stat", "n")),
    Event.HealthLost: ("You lost {} hp.", ("n",)),
    Event.Camped: ("Camped: +{} hp.", ("n",)),
    Event.Rerolled: ("New wares for {} gold.", ("n",)),
    Event.Travelled: ("You reached {}.", ("region",)),
    Event.TravelEvent: ("Road roll {}: {}.", ("n", "event")),
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
    Event.AutoFought: ("Auto: {} attacks, {} hp lost.", ("n", "n")),
    Event.DungeonResumed: ("You are back in {} L{}, at room {}.", ("dungeon", "n", "n")),
    Event.SlippedPast: ("You slipped past.", ()),
    Event.RoomPassed: ("Passed without a fight.", ()),
    Event.Prepared: ("Prepared: shield {} in the next fight.", ("n",)),
    Event.HeldOn: ("You hold on with 1 hp.", ()),
    Event.Opened: ("An opening!", ()),
    Event.PhaseChanged: ("Below half: another pattern.", ()),
    Event.EnemyPrepared: ("Its {}: done.", ("intent",)),
    Event.EnemyRaged: ("Guarded: it rages and hits harder.", ()),
    Event.Stolen: ("It stole a {}.", ("good",)),
    Event.OpeningSeen: ("Entry roll {}: an opening.", ("n",)),
    Event.BossChanged: ("Below half: {}.", ("phase",)),
    Event.StripLost: ("{} is lost, and leaves the strip.", ("action",)),
}
"""The template of each other event, and the kinds of its arguments.

The kind `n` is a number, shown as it is. `_FIXED` has the words of the kinds that do not depend on the
catalogue, `Catalogue.names` those of the others; both by number. `_ODD` words the events that need more than
a template.
"""

_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "who": _WHO,
    "intent": INTENTS,
    "status": STATUSES,
    "rank": tuple("" if rank == Rank.normal else f" ({rank.name})" for rank in Rank),
    "stat": STATS,
    "bonus": _BONUS,
    "phase": tuple(f"it {change}" for change in CHANGES),
    "rarity": ("common", "uncommon", "rare", "epic", "legendary", "mythic"),
}

_TEMPLATES: Final[dict[int, tuple[str, tuple[tuple[str, tuple[str, ...] | None], ...]]]] = {
    code: (
        template.replace("{}", "%s"),
        () if set(kinds) == {"n"} else tuple((kind, _FIXED.get(kind)) for kind in kinds),
    )
    for code, (template, kinds) in WORDING.items()
}
"""The rows of `WORDING`, with the fixed words of each kind; a row of numbers only has no kinds."""

# `narrate` reads the codes from the module: an attribute of a class costs more (as in `damage`).
_HERO_ATTACKED: Final = Event.HeroAttacked
_HERO_MISSED: Final = Event.HeroMissed
_ENEMY_ATTACKED: Final = Event.EnemyAttacked
_ENEMY_MISSED: Final = Event.EnemyMissed
_STATUS_PUT: Final = Event.StatusPut
_TICKED: Final = Event.StatusTicked
_AUTO: Final = Event.AutoFought
_DIED: Final = Event.HeroDied
_BEGAN: Final = Event.FightBegan
_ROLLED: Final = {_HERO_ATTACKED: 5, _HERO_MISSED: 4}
"""The events of the hero's attacks, each with the place of the bonus on the roll."""
_EXCHANGE: Final = frozenset((
    *FREQUENT, Event.EnemyDefended, Event.EnemyHealed, Event.EnemyPrepared, Event.Interrupted, Event.Stunned,
    Event.StruckSelf,
))  # fmt: skip
"""The events that `narrate` leaves out of a turn in which `auto` played many attacks."""
_SILENT: Final = frozenset(
    (
        Event.StatusPut,
        Event.MissRerolled,
        Event.FightBegan,
        Event.RunEnded,
        Event.ItemFound,
        Event.TradedUp,
        Event.Opened,
        Event.RoadMet,
        Event.HeroGuarded,
    )
)
"""The events that `narrate` leaves out: other lines show their effect, or the reader chose them."""

_known_sentences: dict[tuple[str | int, ...], str] = {}


def narrate(cat: Catalogue, events: Sequence[Sequence[int]], sentences: list[str]) -> bool:
    """Append the sentences of one turn's events, in order.

    Of a turn in which `auto` played many attacks, only the hit that killed the hero is worded.

    Returns:
        True if a fight began.
    """
    began = False
    for event in events:
        code = event[0]
        if code == _HERO_ATTACKED:
            _, _, _, band, action, _, lost = event
            sentences.append(
                f"You {_BANDS[band]}"
                f"{cat.action_text[action]} {NUMERALS[lost] if lost < NUMERALS_MAX else lost}."
            )
        elif code == _ENEMY_ATTACKED:
            _, intent, _, band, lost = event
            sentences.append(
                f"{_ENEMY_ATTACKS[intent][band]} {NUMERALS[lost] if lost < NUMERALS_MAX else lost}."
            )
        elif code == _STATUS_PUT:
            continue
        elif code == _TICKED:
            _, who, lost = event
            sentences.append(f"{_WHO[who]} lost {NUMERALS[lost] if lost < NUMERALS_MAX else lost}.")
        elif code == _ENEMY_MISSED:
            sentences.append(f"{_ENEMY_ATTACKS[event[1]][event[3]]}.")
        elif code == _HERO_MISSED:
            _, _, _, band, _ = event
            sentences.append(f"You {_BANDS[band]}.")
        elif code not in _SILENT:
            if code == _AUTO:
                sentences[:] = _after_auto(cat, events)
                return any(event[0] == _BEGAN for event in events)
            sentences.append(sentence(cat, event))
        elif code == _BEGAN:
            began = True
    return began


def sentence(cat: Catalogue, event: Sequence[int]) -> str:
    """Return the sentence of one event.

    The cache has most sentences of templates, because few occur (room 2 of one place, 15 xp). A cached
    sentence costs a fifth of a new one (counted).
    """
    if event[0] in FREQUENT:
        sentences: list[str] = []
        narrate(cat, (event,), sentences)
        return sentences[0] if event[0] not in _ROLLED else _with_roll(event, sentences[0])
    key: tuple[str | int, ...] = (cat.identity, *event)
    known = _known_sentences.get(key)
    if known is None:
        if len(_known_sentences) >= SENTENCES_MAX:
            _known_sentences.clear()
        known = _known_sentences[key] = _fill_template(cat, event)
    return known


def _with_roll(event: Sequence[int], words: str) -> str:
    """Return the sentence of an attack of the hero with its die and bonus: `You precise 14+3: hit 18.`."""
    bonus = event[_ROLLED[event[0]]]
    return f"{_STANCES[event[1]]} {event[2] - bonus}{_BONUS[bonus]}: {words.removeprefix('You ')}"


def _after_auto(cat: Catalogue, events: Sequence[Sequence[int]]) -> list[str]:
    last = -1
    if any(event[0] == _DIED for event in events):
        last = max((place for place, event in enumerate(events) if event[0] in _EXCHANGE), default=-1)
    return [
        sentence(cat, event)
        for place, event in enumerate(events)
        if event[0] not in _SILENT and (event[0] not in _EXCHANGE or place == last)
    ]


def _fill_template(cat: Catalogue, event: Sequence[int]) -> str:
    code = event[0]
    odd = _ODD.get(code)
    if odd is not None:
        return odd(cat, *event[1:])
    template, kinds = _TEMPLATES[code]
    if not kinds:
        return template % tuple(event[1:])
    words: list[int | str] = []
    for (kind, fixed), number in zip(kinds, event[1:], strict=True):
        if fixed is not None:
            words.append(fixed[number])
        elif kind == "n":
            words.append(number)
        else:
            words.append(cat.names[kind][number])
    return template % tuple(words)


def _auto_fought(cat: Catalogue, count: int, lost: int) -> str:
    health = f"{lost} hp lost" if lost > 0 else f"{-lost} hp gained" if lost else "no hp lost"
    return f"Auto: {count} attack{'s' if count > 1 else ''}, {health}."


def _hazard_struck(cat: Catalogue, number: int, who: int, lost: int, amount: int) -> str:
    status = f"{STATUSES[cat.hazard_status[number]]} {amount}" if amount else ""
    cost = ", ".join(filter(None, (f"lost {lost}" if lost else "", status))) or "unhurt"
    return f"{cat.names['hazard'][number]}. {_WHO[who]}{' ' if lost else ': '}{cost}."


def _fled(cat: Catalogue, die: int, bonus: int) -> str:
    return f"You fled: {die}{_BONUS[bonus]}." if die else "You fled."


def _item_used(cat: Catalogue, number: int, amount: int) -> str:
    row = cat.consumables[number]
    if row.effect in ("heal", "cleanse"):
        return f"{row.name}: +{amount} hp."
    if row.effect == "damage":
        return f"{row.name}: it lost {amount}."
    if row.effect != "status":
        return f"{row.name}: {_USES.get(row.effect, row.effect)}."
    bearer = "it has" if row.who == "foe" else "you have"
    return f"{row.name}: {bearer} {STATUSES[cat.consumable_status[number]]} {amount}."


_USES: Final = {
    "interrupt": "it starts anew", "luck": "your misses are rerolled", "opening": "an opening",
    "escape": "you are gone",
}  # fmt: skip


def _interrupted(cat: Catalogue, intent: int) -> str:
    return "Interrupted: light instead."


def _strip_set(cat: Catalogue, count: int) -> str:
    return f"Strip set: {count} action{'s' if count > 1 else ''}."


def _rested(cat: Catalogue, gained: int) -> str:
    return f"Rested: +{gained} hp." if gained else "Rested."


def _camped(cat: Catalogue, gained: int) -> str:
    return f"Camped: +{gained} hp." if gained else "Camped."


def _option_taken(cat: Catalogue, number: int, place: int) -> str:
    return f"{cat.events[number].options[place].text.capitalize()}."


def _option_rolled(cat: Catalogue, number: int, place: int, die: int, bonus: int) -> str:
    row = cat.events[number].options[place]
    return f"{row.text.capitalize()}: roll {die}{_BONUS[bonus]} ({row.roll} needed)."


_ODD: Final[dict[int, Callable[..., str]]] = {
    Event.AutoFought: _auto_fought,
    Event.HazardStruck: _hazard_struck,
    Event.ItemUsed: _item_used,
    Event.HeroFled: _fled,
    Event.StripSet: _strip_set,
    Event.Interrupted: _interrupted,
    Event.Rested: _rested,
    Event.Camped: _camped,
    Event.OptionTaken: _option_taken,
    Event.OptionRolled: _option_rolled,
}
