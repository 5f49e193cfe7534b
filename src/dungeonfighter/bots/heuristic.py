"""The policy that judges: it answers shown intents, compares items, and chooses talents, doors and levels.

It uses no chance and no memory: the same observation gets the same input. `without` switches single skills
off, so that the ladder can measure the worth of each (`heuristic-without-guard` and so on in the registry).
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.bots import bargains, chores, fightsense, strips, taste, trading
from dungeonfighter.rules.views.observation import Observation

SKILLS: Final = (
    "guard",
    "precise",
    "power",
    "doors",
    "talents",
    "levels",
    "equipment",
    "potions",
    "bomb",
    "goods",
    "rest",
    "search",
    "camp",
    "strip",
    "trading",
    "fleeing",
)


SPARE_RATIONS: Final = 2


class Habit:
    """Thresholds as shares of maximum health, tuned with the ladder."""

    rest = 0.60
    drink_between = 0.40
    drink_before_guardian = 0.65
    camp = 0.8
    search = 0.70
    leave = 0.25


class Heuristic:
    name = "heuristic"

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        unknown = without - set(SKILLS)
        if unknown:
            raise ValueError(f"no such skill: {', '.join(sorted(unknown))}")
        self._without = without

    def choose(self, o: Observation) -> str:
        legal = chores.legal_inputs(o)
        match o.current_state:
            case "WeaponSelection":
                return chores.weapon_for(o)
            case "GameLoop":
                return self._at_hub(o, legal)
            case "DungeonSelection":
                return self._choose_dungeon(o)
            case "Dungeon":
                return self._in_dungeon(o, legal)
            case "Combat":
                return self._in_combat(o, legal)
            case "Inventory":
                return trading.trade_up(o) or "1"
            case "RegionTravel":
                return bargains.best_option(o) if o.road else chores.furthest_region(legal)
            case "LevelUp":
                return "1" if "talents" in self._without else taste.best_talent(o)
        return "1"  # after a death too: input 1 takes the clone if there is one

    def _can(self, skill: str) -> bool:
        return skill not in self._without

    def _in_combat(self, o: Observation, legal: frozenset[str]) -> str:
        if o.combat is None:
            return "1"
        fight = fightsense.Fight(o, o.combat)
        options = (
            ("1", "", fight.attack),
            ("4", "guard", fight.guard),
            ("2", "precise", fight.precise),
            ("3", "power", fight.power),
            ("5", "potions", fight.potion),
            ("6", "bomb", fight.bomb),
            ("8", "fleeing", fight.flee),
        )
        costs = {text: cost() for text, skill, cost in options if text in legal and self._can(skill)}
        if self._can("goods"):
            for good in o.player.consumables:
                if good.input.startswith("item"):
                    costs[good.input] = fight.good(good.name)
        return min(costs, key=lambda text: (costs[text], text))

    def _at_hub(self, o: Observation, legal: frozenset[str]) -> str:
        if dress := self._dress(o, legal):
            return dress
        if chores.health_share(o) < Habit.camp and "4" in legal and self._can("camp"):
            return "4"
        if good := trading.buy_goods(legal, self._without):
            return good
        if self._can("trading") and (deal := trading.at_hub(o, legal)):
            return deal
        if "3" in legal and chores.region_is_done(o):
            return "3"
        return "1"

    def _dress(self, o: Observation, legal: frozenset[str]) -> str | None:
        """Return an input that improves the equipment or the strip, or None."""
        if self._can("equipment") and (equip := chores.better_item(o, legal)):
            return equip
        return strips.better_strip(o) if self._can("strip") else None

    def _choose_dungeon(self, o: Observation) -> str:
        if not o.dungeons or not self._can("levels"):
            return "1"
        return str(max(o.dungeons, key=lambda d: (taste.dungeon_appeal(o, d), -d.number)).number)

    def _in_dungeon(self, o: Observation, legal: frozenset[str]) -> str:
        room = o.current_room
        if room is None:
            return "1"
        if room.phase == "doors":
            return self._at_doors(o, legal)
        if room.phase == "cleared":
            return self._in_cleared_room(o, legal)
        return trading.answer_offer(o, legal) if self._can("trading") else "1"

    def _at_doors(self, o: Observation, legal: frozenset[str]) -> str:
        room = o.current_room
        assert room is not None
        share = chores.health_share(o)
        last = o.current_dungeon is not None and o.current_dungeon.room + 1 >= o.current_dungeon.rooms
        wanted = Habit.drink_before_guardian if last else Habit.drink_between
        if share < wanted and self._can("potions") and "5" in legal:
            return "5"
        if self._should_leave(o) and "9" in legal:
            return "9"
        if not self._can("doors") or not room.doors:
            return "1"
        return str(max(room.doors, key=lambda d: (taste.door_appeal(o, d, share), -d.number)).number)

    def _in_cleared_room(self, o: Observation, legal: frozenset[str]) -> str:
        share = chores.health_share(o)
        if dress := self._dress(o, legal):
            return dress
        if share < Habit.rest and "3" in legal and self._can("rest"):
            return "3"
        if share < Habit.drink_between and self._can("potions") and "5" in legal:
            return "5"
        if share > Habit.search and "2" in legal and self._can("search"):
            return "2"
        if "6" in legal and self._can("rest") and _prepares(o):
            return "6"
        return "1"

    def _should_leave(self, o: Observation) -> bool:
        room = o.current_room
        if room is None or not self._can("fleeing"):
            return False
        return chores.health_share(o) < Habit.leave and o.player.potions == 0


def _prepares(o: Observation) -> bool:
    """Return True before the guardian, and while there are rations to spare."""
    dungeon = o.current_dungeon
    rations = next((good.count for good in o.player.consumables if good.name == "Ration"), 0)
    last = dungeon is not None and dungeon.room + 1 >= dungeon.rooms
    return last or rations > SPARE_RATIONS
