"""The bag beside the worn items: for each slot what is worn at the left, what could be worn at the right.

Items that are much weaker or worse in everything share one line; `bag N` shows any item with all that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dungeonfighter.rules.state import Slot
from dungeonfighter.rules.views.observation import ItemView, PlayerView
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, beside, spans, wrapped

SIDES_FROM: Final = 64
"""The columns from which the two items stand side by side."""
MUCH_WEAKER: Final = -100
"""The change of strength in permille from which an item is only named."""
_INDENT: Final = 2
_GAP: Final = 2
_LESS_IS_MORE: Final = "damage taken"
"""The beginning of a change that is a gain if it is negative."""


def bag(player: PlayerView, canvas: Canvas) -> list[Spans]:
    """Return the worn items, each beside those of the bag for its slot."""
    worn = {item.slot: item for item in player.worn}
    folded = [item for item in player.bag if _is_worse(item)]
    lines: list[Spans] = []
    for slot in Slot:
        rivals = [item for item in player.bag if item.slot == slot.name and item not in folded]
        rivals.sort(key=lambda item: (-item.score_change, item.number))
        lines += _slot(slot.name, worn.get(slot.name), rivals, canvas)
    if folded:
        names = ", ".join(f"{item.number} {item.name}" for item in folded)
        lines += canvas.text(Span(f" weaker (`bag N` compares one): {names}", Meaning.quiet), hanging=3)
    if not player.bag:
        lines.append(spans(Span(" Your bag is empty.", Meaning.quiet)))
    return lines


def one(player: PlayerView, number: int, canvas: Canvas) -> list[Spans]:
    """Return one item of the bag beside the worn one of its slot; empty if the bag has no such number."""
    item = next((item for item in player.bag if item.number == number), None)
    if item is None:
        return []
    worn = next((each for each in player.worn if each.slot == item.slot), None)
    return _slot(item.slot, worn, [item], canvas)


def _is_worse(item: ItemView) -> bool:
    changes = (item.damage_change, item.armour_change, item.health_change)
    is_worse_in_all = item.score_change < 0 and max(changes) <= 0 and not item.actions
    return is_worse_in_all or item.score_change <= MUCH_WEAKER


def _slot(slot: str, worn: ItemView | None, rivals: list[ItemView], canvas: Canvas) -> list[Spans]:
    title = Span(f" {slot}", Meaning.title)
    if not rivals:
        words = f"{worn.name}, {_grade(worn)}; {_base(worn)}" if worn else "-"
        return canvas.text(title, f": {words}", hanging=3)
    if canvas.columns < SIDES_FROM:
        lines = [spans(title)]
        lines += _indented(worn, canvas, "worn: ")
        for item in rivals:
            lines += _indented(item, canvas, f"bag {item.number}: ")
        return lines
    left = (canvas.columns - _GAP) // 2 - _INDENT
    right = canvas.columns - _GAP - left - _INDENT
    shown = [part for line in _described(worn, "worn: ") for part in wrapped(line, left, _INDENT)]
    block = [part for item in rivals for line in _rival(item) for part in wrapped(line, right, _INDENT)]
    return [spans(title), *beside([spans("  ", *line) for line in shown], block, left + _INDENT, _GAP)]


def _indented(item: ItemView | None, canvas: Canvas, title: str) -> list[Spans]:
    described = _rival(item) if item is not None and item.number else _described(item, title)
    return [
        spans("  ", *part) for line in described for part in wrapped(line, canvas.columns - _INDENT, _INDENT)
    ]


def _rival(item: ItemView) -> list[Spans]:
    """Return the lines of a bag item: what it is, then what wearing it changes."""
    lines = _described(item, f"bag {item.number}: ")
    parts: list[str | Span] = ["  "]
    for part in item.change.split(", "):
        parts += [Span(part, _meaning(part)), ", "]
    lines.append(spans(*parts[:-1]))
    percent = max(1, abs(item.score_change) // 10)
    if item.score_change > 0:
        lines.append(spans(Span(f"  + stronger, about {percent} %", Meaning.gain)))
    elif item.score_change < 0:
        lines.append(spans(Span(f"  - weaker, about {percent} %", Meaning.harm)))
    else:
        lines.append(spans(Span("  = as strong as now", Meaning.quiet)))
    return lines


def _described(item: ItemView | None, title: str) -> list[Spans]:
    if item is None:
        return [spans(Span(title, Meaning.quiet), "-")]
    lines = [
        spans(Span(title, Meaning.quiet), Span(item.name, Meaning.title)),
        spans(f"  {_grade(item)}, {_base(item)}"),
    ]
    if item.affixes:
        lines.append(spans(f"  {', '.join(item.affixes)}"))
    if item.actions:
        lines.append(spans(f"  grants {', '.join(item.actions)}"))
    return lines


def _grade(item: ItemView) -> str:
    return f"{item.rarity} L{item.level}"


def _base(item: ItemView) -> str:
    return f"damage {item.damage}" if item.damage else f"armour {item.armour}"


def _meaning(part: str) -> Meaning:
    """Return the meaning of one change: "damage 31->38", "speed -4 %", "changes class"."""
    before, arrow, after = part.partition("->")
    if arrow:
        old = before.rpartition(" ")[2]
        if old.isdigit() and after.isdigit():
            return Meaning.gain if int(after) > int(old) else Meaning.harm
    if part.startswith("loses "):
        return Meaning.harm
    signs = list(_signs(part))
    if not signs:
        return Meaning.neutral
    return Meaning.gain if (signs[0] == "+") != part.startswith(_LESS_IS_MORE) else Meaning.harm


def _signs(part: str) -> Iterator[str]:
    for word in part.split(" "):
        if word[:1] in {"+", "-"} and word[1:2].isdigit():
            yield word[0]
