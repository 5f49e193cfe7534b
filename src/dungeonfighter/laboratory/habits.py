"""Habits around a policy: a kind of decision that it may not make, or one answer that it always gives.

A habit works from the view and the legal inputs alone, so it fits every policy. The refused inputs are taken
out of the view together with what they would be good for, and the policy chooses among the rest. Where there
must be an answer (a door, a talent, a dungeon), the first one takes its place. If a policy still insists on a
refused input, input 1 takes its place; `forced` counts these, and a high count says that the measured loss is
too large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from msgspec.structs import replace

from dungeonfighter.bots.policy import Policy
from dungeonfighter.laboratory.options import STANCES, Option, option_of
from dungeonfighter.rules.views.observation import Choice, Observation

REFUSED: Final[Mapping[str, frozenset[str]]] = {
    "guard": frozenset({"fight: guard"}),
    "precise": frozenset({"fight: precise"}),
    "power": frozenset({"fight: power"}),
    "potions": frozenset({"fight: potion", "room: potion", "hub: buy potion", "offer: merchant potion"}),
    "bomb": frozenset({"fight: bomb", "hub: buy bomb", "offer: merchant bomb"}),
    "food": frozenset({"fight: food", "room: food", "hub: buy food", "offer: merchant food"}),
    "flee": frozenset({"fight: flee"}),
    "strip": frozenset({"bag: strip"}),
    "equipment": frozenset({"bag: equip"}),
    "trade-up": frozenset({"bag: trade", "hub: inventory", "room: inventory"}),
    "rest": frozenset({"room: rest", "room: prepare"}),
    "search": frozenset({"room: search"}),
    "camp": frozenset({"hub: camp", "room: leave"}),
}
"""The refused options by kind of decision."""
FIRST: Final[Mapping[str, str]] = {"talents": "talent", "doors": "door", "level": "level"}
"""The group of options of which one is taken without choosing, by kind of decision: the first one of those
that the rules draw in any order, and a drawn one where the order means something."""
DRAWN: Final = frozenset({"level"})
"""The first level offered is the lowest uncleared one: to take it always is the exploit `rush`."""
KINDS: Final = (
    "guard", "precise", "power", "potions", "bomb", "food", "flee", "talents", "strip", "equipment",
    "trade-up", "doors", "level", "rest", "search", "camp",
)  # fmt: skip
"""All kinds of decisions that can be taken away."""
ALWAYS: Final = ("stance", "door", "talent", "weapon", "item")
"""The subjects of an answer that is always given."""


class Habitual:
    """A policy with habits.

    Attributes:
        forced: The number of answers that input 1 replaced.
    """

    def __init__(
        self,
        policy: Policy,
        without: frozenset[str] = frozenset(),
        always: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        if unknown := without - set(KINDS):
            raise ValueError(f"no such kind of decision: {', '.join(sorted(unknown))}")
        self.name = policy.name
        self.forced = 0
        self._policy = policy
        self._without = without
        self._always = always or {}
        self._random = Random(f"level {seed}")
        self._refused = frozenset[str]().union(*(REFUSED.get(kind, frozenset()) for kind in without))
        self._first = frozenset(FIRST[kind] for kind in without if kind in FIRST)
        self._hide = [_HIDING[kind] for kind in sorted(without) if kind in _HIDING]

    def choose(self, o: Observation) -> str:
        options = {c.input: option_of(o, c) for c in o.available_actions if not c.pattern}
        answer = self._policy.choose(self._seen(o))
        if self._is_refused(o, answer, options):
            self.forced += 1
            return "1"
        option = options.get(answer)
        if option is None:
            option = option_of(o, Choice(answer, answer))
        if option.group in self._first and option.name != "back":
            return self._first_of(o, option.group, options, answer)
        return self._always_given(o, option, options) or answer

    def _seen(self, o: Observation) -> Observation:
        """Return the view without the refused inputs."""
        if self._refused:
            left = [c for c in o.available_actions if self._may_see(o, c)]
            o = replace(o, available_actions=left)
        if kind := self._always.get("weapon"):
            others = {f"equip {i.number}" for i in o.player.bag if i.slot == "weapon" and i.kind != kind}
            o = replace(o, available_actions=[c for c in o.available_actions if c.input not in others])
        for hide in self._hide:
            o = hide(o)
        return o

    def _may_see(self, o: Observation, choice: Choice) -> bool:
        return choice.input == "1" or str(option_of(o, choice)) not in self._refused

    def _is_refused(self, o: Observation, answer: str, options: Mapping[str, Option]) -> bool:
        option = options.get(answer) or Option("bag", answer.partition(" ")[0])
        return str(option) in self._refused and answer != "1"

    def _first_of(self, o: Observation, group: str, options: Mapping[str, Option], answer: str) -> str:
        if answer.startswith("dungeon "):
            return "dungeon 1"
        offered = (text for text, option in options.items() if option.group == group)
        inputs = sorted((text for text in offered if options[text].name != "back"), key=_number)
        if not inputs:
            return answer
        return self._random.choice(inputs) if group in DRAWN else inputs[0]

    def _always_given(self, o: Observation, option: Option, options: Mapping[str, Option]) -> str:
        """Return the input of an answer that is always given, or "" if it is not possible here."""
        for subject, wanted in self._always.items():
            if subject == "stance" and option.group == "fight" and option.name in STANCES.values():
                return next((text for text, name in STANCES.items() if name == wanted), "")
            if subject == "item" and o.current_state == "Combat":
                option = Option("fight", wanted)
            elif subject != option.group:
                continue
            for text, offered in options.items():
                if offered.group == option.group and offered.name == wanted:
                    return text
        return ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 1 << 30


def _without_potions(o: Observation) -> Observation:
    return replace(o, player=replace(o.player, potions=0, potions_max=0))


def _without_actions(o: Observation) -> Observation:
    return replace(o, player=replace(o.player, actions=[]))


def _without_spare_items(o: Observation) -> Observation:
    """Hide the items that only a trade could use; the others keep their numbers."""
    return replace(o, player=replace(o.player, bag=[item for item in o.player.bag if item.score_change > 0]))


def _without_rest(o: Observation) -> Observation:
    return o if o.current_room is None else replace(o, current_room=replace(o.current_room, can_rest=False))


def _without_search(o: Observation) -> Observation:
    return o if o.current_room is None else replace(o, current_room=replace(o.current_room, can_search=False))


_HIDING: Final[dict[str, Callable[[Observation], Observation]]] = {
    "potions": _without_potions,
    "strip": _without_actions,
    "trade-up": _without_spare_items,
    "rest": _without_rest,
    "search": _without_search,
}
"""The function that hides from the view whatever only a refused input could use, by kind of decision."""
