"""The words of the game for a person who meets them for the first time; the figures come from the tables.

Source: docs/rules.md, "A fight", "Enemies" and "Inputs".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter import limits
from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Band, Intent, Stance
from dungeonfighter.terminal import place_words


def _times(permille: int) -> str:
    return f"x{permille / 1000:g}"


def _percent(permille: int) -> str:
    return f"{permille / 10:g} %"


def _hits(intent: Intent) -> str:
    return f"deals {_times(tables.INTENT_DAMAGE[intent])} of its normal damage"


STATUSES: Final = {
    "poison": (
        f"costs {_percent(tables.POISON)} of maximum health for each point, at every own action; it stays "
        "until a potion clears it"
    ),
    "burn": "costs health for each point at every own action, then falls by 1",
    "acid": "costs health at every own action and eats armour, then falls by 1",
    "bleed": "costs health for each point at own attacks only, then falls by 1",
    "weaken": f"takes {_times(tables.WEAKENED)} damage for so many own actions",
    "stun": "skips the next own action",
    "slow": f"needs {_times(tables.SLOWED)} the time for so many own actions",
    "confusion": "strikes itself with one attack in two, for so many attacks",
    "pierce": "ignores armour for so many attacks",
    "fortify": "has more armour for each point, until the fight ends",
    "shield": "takes half of the damage of so many hits",
    "roll penalty": f"-{tables.ROLL_PENALTY} on the die for so many attacks",
    "mark": f"takes {_times(tables.MARKED)} damage from the next hit",
}
"""By the name in views; the number beside a status is its points, actions, attacks or hits."""

IN_POINTS: Final = frozenset(("poison", "burn", "acid", "bleed", "fortify"))
"""The statuses whose amount is in points that cost health or give armour."""

_STOPPED: Final = "a precise hit, a combo or a bomb interrupts it"
INTENTS: Final = {
    "light": f"{_hits(Intent.light)} and comes sooner",
    "normal": "a plain hit",
    "heavy": (
        f"{_hits(Intent.heavy)} and takes longer; "
        f"a guard takes most of it away ({_times(tables.GUARDED[Intent.heavy])})"
    ),
    "status": f"{_hits(Intent.status)} and inflicts a status; a guard blocks the status, {_STOPPED}",
    "defend": f"takes {_times(tables.DEFENDED)} damage until then, except from power",
    "heal": f"heals {_percent(tables.ENEMY_HEAL)} of its health; {_STOPPED}",
    "flee": "it runs away, and you get no reward",
    "feint": f"a plain hit, but {_times(tables.GUARDED[Intent.feint])} against a guard: do not guard",
    "charge": f"gathers strength, and a crush follows; {_STOPPED}",
    "crush": f"{_hits(Intent.crush)}; a guard takes most of it away ({_times(tables.GUARDED[Intent.heavy])})",
    "ward": f"gives it shield {tables.WARD}; {_STOPPED}",
    "harden": f"gives it fortify {tables.HARDEN}; {_STOPPED}",
    "aim": f"gives it pierce {tables.AIM}; {_STOPPED}",
    "drain": f"{_hits(Intent.drain)} and heals it by the damage, unless you guard",
    "steal": f"{_hits(Intent.steal)} and takes one of your goods, unless you guard",
    "summon": f"calls a helper, who adds {_percent(tables.SUMMON)} to its health; {_STOPPED}",
}
"""By the name in views."""

HABITS: Final = {"rage": f"each guarded action makes it angry: {_times(tables.RAGE)} damage from then on"}
"""The habits that are no intent."""

STANCES: Final = {
    "1": "attack: rolls the die as it is",
    "2": (
        f"precise: {tables.STANCE_ROLL[Stance.precise]:+d} on the die, "
        f"{_times(tables.STANCE_DAMAGE[Stance.precise])} damage; interrupts, and makes an opening"
    ),
    "3": (
        f"power: {tables.STANCE_ROLL[Stance.power]:+d} on the die, "
        f"{_times(tables.STANCE_DAMAGE[Stance.power])} damage, ignores a defence; you take "
        f"{_times(tables.EXPOSED)} until your next action, unless there is an opening"
    ),
    "4": (
        f"guard: you act right after the enemy and take {_times(tables.GUARDED[Intent.normal])} of its hit "
        f"(heavy and crush {_times(tables.GUARDED[Intent.heavy])}), and no status"
    ),
    "8": "flee: an enemy that is due acts first; past an ordinary enemy, out of the dungeon from a guardian",
    "9": f"auto: plain attacks until the fight ends or health is under {_percent(tables.AUTO_STOPS_BELOW)}",
}
"""The inputs that are the same in every fight."""

ROOMS: Final = {
    "fight": "an enemy; the way on is through it",
    "elite": "a stronger enemy, which leaves one of three items to you",
    "treasure": "one of three items: the open one is safe, the better ones cost a roll or a fight",
    "shrine": (
        "an event with options: each names what it costs and gives; one with a percentage rolls a d20, and "
        "then gives or costs; you may go on without"
    ),
    "merchant": "goods and items for gold",
    "rest": "sleep for health, or study for experience",
    "trap": (
        f"a d20: {tables.TRAP_AVOIDED} or more avoids the trap, less costs health; some have other ways past"
    ),
    "dark": "a door that does not show what is behind it",
}

FIGURES: Final = {
    "score": (
        f"{tables.LEVEL_POINTS // 100} points for each level that you clear for the first time, "
        f"{tables.BOSS_POINTS // 100} for a boss; 100 at most"
    ),
    "stirring": (
        f"the clock: the turns until all enemies begin to grow by {_percent(tables.STALE_STEP)} for every "
        f"{tables.STALE_EVERY} turns; it begins anew when you clear a level for the first time"
    ),
    "guardian": (
        f"the last enemy of a dungeon, a boss in the last one of a region; it gathers "
        f"{_percent(tables.GATHER)} of health and damage for each room passed without a kill"
    ),
    "turns left": "the turns until this run ends",
    "gold": "for the wares of the hub and of merchants",
    "xp": "experience, and the amount that the next level needs; a level brings health, stats and a talent",
    "scars": f"each takes {_percent(tables.SCAR)} of your health, until you clear a new level",
    "about": "the damage of a plain hit that meets no guard; `to` that of a critical, where it can kill",
    "hits": (
        "the chance of an attack to hit, which luck and confusion change; a miss does no damage and sends "
        "the strip back to its start"
    ),
    "damage": (
        "from the least of a hit to the most of a critical; the enemy's armour and the statuses of both are "
        "in it"
    ),
    "interrupts": (
        "the chance to stop the shown action: a combo or a critical does, precise with any hit; the enemy "
        f"then shows a light attack, {_times(tables.INTERRUPT_DELAY)} of its usual time later"
    ),
    "die": (
        f"an attack rolls a d20: the lowest roll of a plain attack that is a combo "
        f"({_times(tables.ROLL[Band.combo])} damage, and it plays the action of your strip), and the lowest "
        f"face that is critical ({_times(tables.ROLL[Band.critical])}); a 1 misses and takes longer"
    ),
    "strip": (
        "the actions that combos play one after another: 2/3 is the second of three; each later slot deals "
        f"{_percent(tables.SLOT_BONUS)} more; a miss sends it back to its start"
    ),
    "opener": f"an action that deals {_percent(tables.EDGE_BONUS)} more in the first slot of the strip",
    "finisher": f"an action that deals {_percent(tables.EDGE_BONUS)} more in the last slot of the strip",
    "set up": (
        f"an action deals {_percent(tables.SET_UP_BONUS)} more after one that inflicts a status with each "
        "combo"
    ),
    "opening": (
        f"made by a precise hit, a combo or a critical: the next power hit deals {_times(tables.OPENING)} "
        "and does not expose you; one that misses does"
    ),
    "exposed": (
        f"after power you take {_times(tables.EXPOSED)} damage until your next action; `exposed to` has the "
        "damage of the shown action then"
    ),
    "time line": "when you act next after an attack, and the next two actions of the enemy, to one scale",
    "armour": "is taken off the damage of each hit",
    "habit": "the action that this enemy likes beside the usual ones",
    "class": (
        f"the class wheel: a wizard deals {_times(tables.WHEEL)} to a warrior, a warrior to a rogue, a rogue "
        "to a wizard, you and enemies alike"
    ),
    "boss": "the strongest kind of enemy; it changes below half of its health, and nobody can flee from it",
    "undead": "no poison and no bleed works on it",
    "room": "bonuses of this room on the die of both sides",
    "casual": "after a death a clone may go on, without the worn items",
    "ironman": "death ends the run",
    "daily": "death ends the run, and every hero of the day has the same seed",
    "short": f"death ends the run, and so do {limits.short_turns_max} turns",
    "ascension": "a harder run; `hero` lists what is harder",
    "luck": "the misses that are still rolled once more in this fight",
    "str": "strength; adds to damage, grows with a mace",
    "agi": "agility; shortens the time of an action, grows with a sword",
    "tec": "technique; raises rolls and all damage, grows with a dagger",
    "int": "intelligence; steers combos and lengthens the statuses that you inflict, grows with a wand",
}
"""The figures and words of the views."""


def of(word: str) -> str:
    """Return the explanation of one word; "" if there is none."""
    for texts in (STATUSES, INTENTS, HABITS, ROOMS, FIGURES):
        if word in texts:
            return texts[word]
    for words in (place_words.PLACES, place_words.ITEMS):
        if word in words:
            return words[word].text
    by_name = {text.partition(":")[0]: text.partition(": ")[2] for text in STANCES.values()}
    return by_name.get(word, "")


def words() -> list[str]:
    """Return all words that have an explanation."""
    stances = [text.partition(":")[0] for text in STANCES.values()]
    of_places = (*place_words.PLACES, *place_words.ITEMS)
    return sorted({*STATUSES, *INTENTS, *HABITS, *ROOMS, *FIGURES, *of_places, *stances})
