"""docs/rules.md agrees with the code and the content."""

from __future__ import annotations

import re
from typing import Final

import pytest

from dungeonfighter import limits
from dungeonfighter.rules import bonuses, tables
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.state import Intent, RoomKind, Stance, Status
from tests.golden.tables import DOCUMENT, filled
from tests.unit.content.playing import RULES

TEXT: Final = " ".join(DOCUMENT.read_text().split())


def share(permille: int) -> str:
    """Return permille as the document writes it, for example 1500 as 1.5."""
    return f"{permille / 1000:g}"


def percent(permille: int) -> str:
    return f"{permille / 10:g} %"


CLAIMS: Final = {
    "turns": f"at most {limits.ranked_turns_max:,} turns",
    "short turns": f"also ends after {limits.short_turns_max} turns",
    "time spent": f"(camping {tables.CAMP_TURNS}, leaving {tables.LEAVE_TURNS}, travel "
    f"{tables.TRAVEL_TURNS},",
    "hit milestones": f"hit +1 at {', '.join(map(str, tables.HIT_MILESTONES))};",
    "combo milestones": f"combo +1 at {', '.join(map(str, tables.COMBO_MILESTONES))};",
    "critical milestones": f"critical +1 at {', '.join(map(str, tables.CRIT_MILESTONES))}.",
    "miss": f"| up to {tables.MISS_MAX} | miss",
    "hit": f"| {tables.MISS_MAX + 1} to {tables.COMBO_MIN - 1} | hit",
    "combo": f"| {tables.COMBO_MIN} to {tables.CRITICAL_FACE - 1} | combo",
    "floors": f"never below hit {tables.HIT_FLOOR}, combo {tables.COMBO_FLOOR}, "
    f"critical {tables.CRITICAL_FLOOR}",
    "luck": f"({tables.LUCK} - level) times a fight",
    "heavy misses": f"heavy misses only on 1 to {tables.HEAVY_MISS_MAX}",
    "combo damage": f"which advances | x{share(tables.ROLL[3])} |",
    "critical damage": f"weapon's effect | x{share(tables.ROLL[4])} |",
    "weapon effects": "mace {} {}, sword {} {}, dagger {} {}, wand {} {}".format(
        *(word for status, amount in tables.WEAPON_EFFECT for word in (Status(status).name, amount))
    ),
    "mace time": f"| mace | Barbarian | STR | x{share(tables.WEAPON_TIME[0])}",
    "sword time": f"| sword | Warrior | AGI | x{share(tables.WEAPON_TIME[1])}",
    "dagger time": f"| dagger | Rogue | TEC | x{share(tables.WEAPON_TIME[2])}",
    "wand time": f"| wand | Wizard | INT | x{share(tables.WEAPON_TIME[3])}",
    "routing": f"INT from {tables.ROUTING_INT} on",
    "health": f"Health is {tables.HEALTH} + {tables.HEALTH_PER_LEVEL} a level + gear, "
    f"less {percent(tables.SCAR)} a scar (at most {tables.SCARS_MAX})",
    "slots": "one more at {}, {}, {} and {} class points".format(*tables.TIERS),
    "unit": f"{tables.unit(0)} + {tables.unit(1) - tables.unit(0)} x level",
    "kills": "kill {} (elite {}, guardian {}, boss {})".format(
        *(share(tables.RANK_XP[rank]) for rank in (0, 1, 2, 3))
    ),
    "above": f"{percent(tables.STRONGER)} less for each level of difference, and none from "
    f"{tables.STRONGER_NONE} levels on",
    "start": f"begins with {tables.START_GOLD} gold, {tables.START_GOODS[5]} potions",
    "periods": f"period is {share(tables.PERIOD)} s",
    "enemy period": f"enemy's period is {share(tables.ENEMY_PERIOD)} s",
    "unique": f"A found item is unique with {percent(tables.UNIQUE)}, metered",
    "others carried": f"at most {tables.OTHERS_MAX} consumables other than potions, bombs and rations",
    "staples": f"One in {tables.STAPLES_IN // 2} consumables that are found",
    "less damage": f"Bonuses take at most {percent(bonuses.TAKES_MOST)} off",
    "consumable": f"a consumable {share(tables.CONSUMABLE_LENGTH)}",
    "slot bonus": f"(1 + {share(tables.SLOT_BONUS)} a strip slot; an opener in the first "
    f"slot and a finisher in "
    f"the last +{percent(tables.EDGE_BONUS)};",
    "least damage": f"armour, at least {tables.DAMAGE_MIN}.",
    "most damage": f"of an enemy takes at most {percent(tables.HIT_MOST)} of the hero's maximum",
    "wheel": f"class wheel gives x{share(tables.WHEEL)} both ways",
    "precise": f"roll +{tables.STANCE_ROLL[Stance.precise]}, damage x{share(tables.STANCE_DAMAGE[2])}",
    "power": f"roll {tables.STANCE_ROLL[Stance.power]}, damage x{share(tables.STANCE_DAMAGE[3])}",
    "exposed": f"damage taken is x{share(tables.EXPOSED)}",
    "guard": f"heavy x{share(tables.GUARDED[Intent.heavy])}, "
    f"all else x{share(tables.GUARDED[Intent.normal])}",
    "flee": f"must reach {tables.FLEE_NEEDS};",
    "auto": f"health is under {percent(tables.AUTO_STOPS_BELOW)}",
    "defend": f"hero's damage x{share(tables.DEFENDED)} until then",
    "heal": f"{percent(tables.ENEMY_HEAL)} of health, twice a fight, only under "
    f"{percent(tables.ENEMY_HEAL_BELOW)}",
    "enemy flees": f"under {percent(tables.ENEMY_FLEE_BELOW)} health, one time in four",
    "hazards": f"{tables.HAZARD_STEP} % + {tables.HAZARD_STEP} % for each quiet turn",
    "stall": f"A fight of {limits.fight_actions_max} acts",
    "roll penalty": f"-{tables.ROLL_PENALTY} on the die",
    "ranks": "Elite x{} health and x{} damage, guardian (the last room) {} and {}, boss {} and {}".format(
        *(share(row[rank]) for rank in (1, 2, 3) for row in (tables.RANK_HEALTH, tables.RANK_DAMAGE))
    ),
    "doors": "{} {}, {} {}, {} {}, {} {}, {} {}, {} {}, {} {} of 100".format(
        *(word for kind in RoomKind for word in (kind.name, tables.DOOR_WEIGHTS[kind]))
    ),
    "entry": f"to {tables.ENTRY_SURPRISED} surprised (the enemy acts first); to "
    f"{tables.ENTRY_PLAIN} nothing; "
    f"to {tables.ENTRY_INFORMED} the next doors tell all,",
    "lock": f"d20 + TEC/4 of {tables.LOCK_OPENS} gives",
    "lock costs": f"else {percent(tables.LOCK_COSTS)} health is lost",
    "rest room": f"sleep {percent(tables.REST_ROOM)}, or study {tables.STUDY_UNITS} units",
    "trap": f"d20 + AGI/4 of {tables.TRAP_AVOIDED} avoids it, else {share(tables.TRAP_WEIGHT)} times",
    "search": " ".join(
        f"| {kind.name} | {5 * tables.SEARCH_FINDS[kind]} % | {5 * tables.SEARCH_WAKES[kind]} % |"
        for kind in RoomKind
    ),
    "training": f"training: {tables.TRAINED} more on the weapon's stat.",
    "set up": f"set up +{percent(tables.SET_UP_BONUS)}) - armour",
    "quickened": f"| acts in {percent(tables.QUICKENED)} of the time |",
    "molten": f"| loses its armour, and hits x{share(tables.MOLTEN)} |",
    "risen": f"| rises: heals {percent(tables.RISEN)}, sheds its statuses, shield {tables.RISEN_SHIELD} |",
    "seen opening": f"to {tables.ENTRY_INFORMED} the next doors tell all, or, in the last two rooms, the "
    f"fight begins with an opening; to {tables.ENTRY_HAZARD} the room acts",
    "wares": f"{tables.STOCK[7]} rations and an item of the hero's level, one rarity better than drawn.",
    "other wares": f"{prices.REROLLS[0]} + {prices.REROLLS[1] - prices.REROLLS[0]} a level gold",
    "finds": f"a potion in {tables.SEARCH_POTION} of 100 cases, another consumable in "
    f"{tables.SEARCH_GOOD - tables.SEARCH_POTION}, an item of the dungeon's level in "
    f"{100 - tables.SEARCH_GOOD}.",
    "rest": f"rest once a room for a ration ({percent(tables.REST)})",
    "gathering": f"gains {percent(tables.GATHER)} for each earlier room",
    "allowance": f"an allowance of {tables.STALE_BASE} turns and {tables.STALE_ROOM} more for each room",
    "stirring": f"For each full {tables.STALE_EVERY} turns beyond it all enemies of new fights gain "
    f"{percent(tables.STALE_STEP)} (at most {percent(tables.STALE_MOST)})",
    "clear": f"cleared dungeon {tables.CLEAR_XP // 1000}, or {share(tables.REPEAT_XP)} if its level",
    "room": f"room cleared by a fight {share(tables.ROOM_XP)}",
    "opening": f"the next power attack that hits deals x{share(tables.OPENING)}",
    "critical miss": f"the recovery takes x{share(tables.CRITICAL_MISS_LENGTH)}",
    "prepared": f"a shield of {tables.PREPARED} in the next fight",
    "scars": f"A hero with six scars loses {percent(tables.SCAR_BEYOND)} of health",
    "stock": f"The hub sells {tables.STOCK[5]} potions, a bomb, {tables.STOCK[7]} rations",
    "slipping": f"for {tables.SLIP_TURNS} further turns the room is passed",
    "bomb": f"and {percent(tables.BOMB_SHARE[0])} of the enemy's maximum health "
    f"({percent(tables.BOMB_SHARE[3])} of a boss's)",
    "camp": f"Camping gives {percent(tables.CAMP)} for {tables.CAMP_TURNS} further turns",
    "rarities": " / ".join(map(str, loot.RARITY_WEIGHTS)),
    "drops": f"an item with {percent(tables.RANK_DROP[0])} (guardian {percent(tables.RANK_DROP[2])}",
    "potions": f"a potion with {percent(tables.DROP_POTION)}, another consumable with "
    f"{percent(tables.DROP_OTHER)}",
    "tiers": "1 to {}, 2 to {}, 3 to {}, 4 to {}, 5 beyond".format(*loot.TIER_TOPS),
    "prefixes": f"prefixes {'/'.join(map(str, loot.PREFIXES))}",
    "suffixes": f"suffixes {'/'.join(map(str, loot.SUFFIXES))}",
    "granted": f"granted actions {'/'.join(map(str, loot.GRANTED))}",
    "bag": f"The bag holds {limits.bag_items_max}",
    "travel": f"travelling brings {tables.TRAVEL_EVENTS} events, each with a d20 "
    f"({tables.TRAVEL_AVOIDS} avoids a "
    f"cost, {tables.TRAVEL_GAINS} gets a gain)",
    "score": f"{tables.LEVEL_POINTS // 100} points a first-cleared level ({tables.SCORED_LEVELS} of them), "
    f"{tables.BOSS_POINTS // 100} a boss, {tables.LAST_POINTS // 100} for the last",
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))
def test_the_document_has_the_figures_of_the_code(claim: str) -> None:
    assert claim in TEXT


@pytest.mark.parametrize("intent", [intent for intent in Intent if tables.INTENT_DAMAGE[intent]])
def test_the_table_of_intents_has_the_damage_and_length_of_the_code(intent: Intent) -> None:
    row = (
        f"| {intent.name} | x{share(tables.INTENT_DAMAGE[intent])} | {share(tables.INTENT_LENGTH[intent])} |"
    )
    assert row in TEXT


@pytest.mark.parametrize("status", list(Status))
def test_the_table_of_statuses_names_each_with_its_cap(status: Status) -> None:
    row = re.search(rf"\| {status.name.replace('_', ' ')} \| ([^|]*) \|", TEXT)
    assert row is not None
    assert row[1].split()[-1] == str(tables.STATUS_CAP[status])


def test_the_tables_of_content_are_those_of_the_content() -> None:
    assert filled(DOCUMENT.read_text(), RULES.catalogue) == DOCUMENT.read_text()
