"""The legal inputs as a list: what to type, and what it does; short ones share a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from dungeonfighter.rules.views.observation import Choice
from dungeonfighter.terminal.canvas import Canvas
from dungeonfighter.terminal.spans import Meaning, Span, Spans, beside, spans, width, wrapped

PAIRED_FROM: Final = 72
"""The columns from which short options stand in pairs."""
LISTED_MAX: Final = 2
"""More bag items to wear than this are one option."""


_NO_LABELS: Final[Mapping[str, Spans]] = {}


class Option(NamedTuple):
    typed: str
    label: str


_NO_COSTS: Final = (", else lose 0 hp", ", else pay 0 gold")
_UNHARMED: Final = "% unharmed"


def worded(label: str) -> str:
    """Return the label of an input without a cost of 0, which a talent or an item makes of a trap's."""
    for cost in _NO_COSTS:
        if label.endswith(cost):
            kept = label.removesuffix(cost)
            name, colon, odds = kept.partition(": ")
            return f"{name}{colon}unharmed" if odds.endswith(_UNHARMED) else f"{kept}, else no loss"
    return label


def options(
    choices: Sequence[Choice], canvas: Canvas, labels: Mapping[str, Spans] = _NO_LABELS
) -> list[Spans]:
    """Return a line for each input, or for two short ones; those with numbers come last.

    Args:
        labels: The labels of some inputs, which stand in place of those of the choices. One of several parts
            has a line of its own.
    """
    given = folded(choices)
    if not given:
        return []
    columns = max(3, max((len(one.typed) for one in given if one.typed.isdigit()), default=0) + 2)
    lines: list[Spans] = []
    half = canvas.columns // 2 - 1 if canvas.columns >= PAIRED_FROM else 0
    waiting: list[Spans] = []
    for one in given:
        label = labels.get(one.typed) or spans(one.label)
        line = _line(one, columns, label)
        if half and len(label) == 1 and width("".join(span.text for span in line)) <= half:
            if waiting:
                lines += beside(waiting, [line], half)
                waiting = []
            else:
                waiting = wrapped(line, canvas.columns)
            continue
        lines += waiting
        waiting = []
        lines += wrapped(line, canvas.columns, _indent(one, columns))
    return lines + waiting


def folded(choices: Sequence[Choice]) -> list[Option]:
    """Return the options, with those that only differ by a bag item or a slot in one."""
    wearing = [choice for choice in choices if choice.input.startswith("equip ") and not choice.pattern]
    taking_off = [choice.input[8:] for choice in choices if choice.input.startswith("unequip ")]
    given, last = [], []
    for choice in choices:
        if choice in wearing and len(wearing) > LISTED_MAX:
            if choice is wearing[0]:
                last.append(
                    Option("equip N", f"wear item N of your bag (1 to {len(wearing)}); `bag` shows them")
                )
        elif choice.input.startswith("unequip "):
            if choice.input[8:] == taking_off[0]:
                last.append(Option("unequip SLOT", f"take off: {', '.join(taking_off)}"))
        elif choice.pattern:
            last.append(Option(choice.pattern, f"{choice.label} (for example {choice.input})"))
        else:
            given.append(Option(choice.input, worded(choice.label)))
    return given + last


def _line(one: Option, columns: int, label: Spans) -> Spans:
    typed = f"{one.typed:>{columns}}" if one.typed.isdigit() else f" {one.typed}"
    return spans(Span(typed, Meaning.choice), "  ", *label)


def _indent(one: Option, columns: int) -> int:
    return columns + 2 if one.typed.isdigit() else 4
