"""The bag beside the worn items: for each slot what is worn at the left, what could be worn at the right.

Items that are much weaker or worse in everything share one line; `bag N` shows any item with all that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dungeonfighter.rules.state import Slot
from dungeonfighter.rules.views.observation import ItemView, Observation, PlayerView
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, beside, spans, wrapped

SIDES_FROM: Final = 64
"""The columns from which the two items stand side by side."""
MUCH_WEAKER: Final = -100
"""The change of strength in permille from which an item is only named."""
RIVALS_MAX: Final = 2
"""The items of the bag that are compared for one slot, the strongest; the others are named."""
_INDENT: Final = 2
_HANGING: Final = 4
_GAP: Final = 2
_NO_FIGURES: Final[Mapping[str, str]] = {}
_LESS_IS_MORE: Final = "damage taken"
"""The beginning of a change that is a gain if it is negative."""


def bag(
    player: PlayerView,
    canvas: Canvas,
    figures: Mapping[str, str] = _NO_FIGURES,
    *,
    briefly: bool = False,
) -> list[Spans]:
    """Return the worn items, each beside those of the bag for its slot.

    Args:
        figures: The effects of the actions that the items grant, by name.
        briefly: Compare one item of the bag for a slot, if it makes the hero no weaker; only name the others,
            and what is worn in the other slots.
    """
    worn = {item.slot: item for item in player.worn}
    folded = [item for item in player.bag if _is_worse(item)]
    lines: list[Spans] = []
    alone: list[str] = []
    more: list[ItemView] = []
    for slot in Slot:
        rivals = [item for item in player.bag if item.slot == slot.name and item not in folded]
        rivals.sort(key=lambda item: (-item.score_change, item.number))
        compared = rivals[:RIVALS_MAX]
        if briefly:
            compared = [item for item in rivals[:1] if is_rival(item)]
        more += rivals[len(compared) :]
        item = worn.get(slot.name)
        if briefly and not compared:
            alone += [] if item is None else [f"{slot.name} {item.name}"]
        else:
            lines += _slot(slot.name, item, compared, canvas, figures)
    if alone:
        title = Span(" worn (`bag` shows all)", Meaning.title)
        lines += canvas.text(title, f": {', '.join(alone)}", hanging=3)
    for word, items in (("also there", more), ("weaker", folded)):
        if items:
            names = ", ".join(f"{item.number} {item.name}" for item in items)
            lines += canvas.text(Span(f" {word} (`bag N` compares one): {names}", Meaning.quiet), hanging=3)
    if not player.bag:
        lines.append(spans(Span(" Your bag is empty.", Meaning.quiet)))
    return lines


def is_rival(item: ItemView) -> bool:
    """Return True if a brief list compares the item with the worn one: it makes the hero no weaker."""
    return item.score_change >= 0 and not _is_worse(item)


def one(
    player: PlayerView, number: int, canvas: Canvas, figures: Mapping[str, str] = _NO_FIGURES
) -> list[Spans]:
    """Return one item of the bag beside the worn one of its slot; empty if the bag has no such number."""
    item = next((item for item in player.bag if item.number == number), None)
    if item is None:
        return []
    worn = next((each for each in player.worn if each.slot == item.slot), None)
    return _slot(item.slot, worn, [item], canvas, figures)


def _is_worse(item: ItemView) -> bool:
    changes = (item.damage_change, item.armour_change, item.health_change)
    is_worse_in_all = item.score_change < 0 and max(changes) <= 0 and not item.actions
    return is_worse_in_all or item.score_change <= MUCH_WEAKER


def labels(observation: Observation) -> Mapping[str, Spans]:
    """Return the labels of wearing an item in the inventory, which shows the changes above; else nothing."""
    if observation.current_state != "Inventory":
        return {}
    return {f"equip {item.number}": spans(f"wear {item.name}") for item in observation.player.bag}


def strength(item: ItemView) -> Span:
    """Return the change of the hero's strength by an item of the bag, with a sign."""
    percent = max(1, abs(item.score_change) // 10)
    if item.score_change > 0:
        return Span(f"+ stronger, about {percent} %", Meaning.gain)
    if item.score_change < 0:
        return Span(f"- weaker, about {percent} %", Meaning.harm)
    return Span("= as strong as now", Meaning.quiet)


def _slot(
    slot: str, worn: ItemView | None, rivals: list[ItemView], canvas: Canvas, figures: Mapping[str, str]
) -> list[Spans]:
    title = Span(f" {slot}", Meaning.title)
    if not rivals:
        parts = (
            [worn.name, _grade(worn), _base(worn), *worn.affixes, *_granted(worn, figures)] if worn else []
        )
        return canvas.text(title, f": {', '.join(parts) or '-'}", hanging=3)
    if canvas.columns < SIDES_FROM:
        lines = [spans(title)]
        lines += _indented(_described(worn, "worn: ", figures), canvas)
        for item in rivals:
            lines += _indented(_rival(item, figures), canvas)
        return lines
    left = (canvas.columns - _GAP) // 2 - _INDENT
    right = canvas.columns - _GAP - left - _INDENT
    shown = [part for line in _described(worn, "worn: ", figures) for part in wrapped(line, left, _HANGING)]
    block = [
        part for item in rivals for line in _rival(item, figures) for part in wrapped(line, right, _HANGING)
    ]
    return [spans(title), *beside([spans("  ", *line) for line in shown], block, left + _INDENT, _GAP)]


def _indented(described: list[Spans], canvas: Canvas) -> list[Spans]:
    return [
        spans("  ", *part) for line in described for part in wrapped(line, canvas.columns - _INDENT, _HANGING)
    ]


def _rival(item: ItemView, figures: Mapping[str, str]) -> list[Spans]:
    """Return the lines of a bag item: what it is, then what wearing it changes.

    What the item has and the change says, too, stands in the change only.
    """
    clauses = [one for one in item.change.split("; ") if not one.startswith("grants ")]
    parted = [_parts(one) for one in clauses if one]
    changes = [part for one in parted for part in one]
    lines = _described(item, f"bag {item.number}: ", figures, without=changes)
    if changes:
        ends = [", " if part is not last else "; " for one in parted for last in one[-1:] for part in one]
        pairs = zip(changes, ends, strict=True)
        painted = [span for part, end in pairs for span in (Span(part, _meaning(part)), Span(end))]
        lines.append(spans("  ", *painted[:-1]))
    first = strength(item)
    return [*lines, spans(Span(f"  {first.text}", first.meaning))]


def _parts(clause: str) -> list[str]:
    """Return the changes of one clause; the words on another class, which have commas, are one."""
    return clause.split(", ") if ": " not in clause else [clause]


def _described(
    item: ItemView | None, title: str, figures: Mapping[str, str], without: Sequence[str] = ()
) -> list[Spans]:
    if item is None:
        return [spans(Span(title, Meaning.quiet), "-")]
    lines = [
        spans(Span(title, Meaning.quiet), Span(item.name, Meaning.title)),
        spans(f"  {_grade(item)}, {_base(item)}"),
    ]
    affixes = [text for text in item.affixes if not set(text.split(", ")) <= set(without)]
    if affixes:
        lines.append(spans(f"  {', '.join(affixes)}"))
    return lines + [spans(f"  {text}") for text in _granted(item, figures)]


def _granted(item: ItemView, figures: Mapping[str, str]) -> list[str]:
    return [f"grants {name}{f' ({figures[name]})' if name in figures else ''}" for name in item.actions]


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
