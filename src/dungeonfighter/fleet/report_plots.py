"""Plots of a report as inline SVG: lines over the seconds of a load, without a script.

Colours come from the style sheet of the page (`report_page`), so that a plot follows its light and dark
colours. The picture is narrow, so that its texts can be read on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 360
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 24
_TICKS: Final = 4
_STYLES: Final = ("first", "second", "third", "fourth")
"""The classes of the lines in their order; each has a colour and a dash of its own."""

Points = Sequence[tuple[float, float | None]]
"""(seconds, value) in the order of time; a value None leaves a gap."""


class Curve(NamedTuple):
    name: str
    points: Points


class Plot(NamedTuple):
    """One plot.

    Attributes:
        unit: Follows each number of the vertical axis; `format_value` knows `bytes`.
        warm_up: The seconds at the beginning that are shaded.
    """

    title: str
    unit: str
    curves: Sequence[Curve]
    warm_up: float = 0.0

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for curve in self.curves for _, value in curve.points)


class _Scale(NamedTuple):
    seconds: float
    top: float

    def x(self, seconds: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, seconds / self.seconds))

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(1.0, max(0.0, value / self.top))


def figure(plot: Plot) -> str:
    """Return the plot as an HTML figure with a legend; empty if it has no value to show."""
    if plot.is_empty:
        return ""
    shown = [curve for curve in plot.curves if any(value is not None for _, value in curve.points)]
    values = [value for curve in shown for _, value in curve.points if value is not None]
    step = nice_step(max(values))
    scale = _Scale(
        max(1.0, *(seconds for curve in shown for seconds, _ in curve.points)),
        step * max(1, math.ceil(max(values) / step - 1e-9)),
    )
    styles = {curve.name: _STYLES[number % len(_STYLES)] for number, curve in enumerate(plot.curves)}
    legend = "".join(_legend(curve, styles[curve.name], plot.unit) for curve in shown)
    spoken = "; ".join(f"{curve.name}: {_span(curve, plot.unit)}" for curve in shown)
    return (
        f"<figure><figcaption>{escape(plot.title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{plot.title}. {spoken}")}">'
        f"{_warm_up(plot.warm_up, scale)}{_axes(step, plot.unit, scale)}"
        + "".join(_curve(curve, styles[curve.name], scale) for curve in shown)
        + f'</svg><ul class="legend">{legend}</ul></figure>'
    )


def nice_step(highest: float) -> float:
    """Return the distance of the ticks of an axis up to `highest`: 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return 1.0
    rough = highest / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def format_value(value: float, unit: str) -> str:
    """Return a number for people, with its unit: `1,250/s`, `0.42 ms`, `1.5 GB`."""
    if unit == "bytes":
        for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
            if abs(value) >= size:
                return f"{_number(value / size)} {name}"
        return f"{_number(value)} B"
    return f"{_number(value)}{unit if unit.startswith('/') else f' {unit}' if unit else ''}"


def _number(value: float) -> str:
    """Return three digits or all of a whole number, without zeros at the end."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    text = f"{value:.{2 if abs(value) >= 1 else 3}f}"
    return text.rstrip("0").rstrip(".")


def _span(curve: Curve, unit: str) -> str:
    values = [value for _, value in curve.points if value is not None]
    lowest, highest = format_value(min(values), unit), format_value(max(values), unit)
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _legend(curve: Curve, style: str, unit: str) -> str:
    sample = f'<svg viewBox="0 0 24 8" aria-hidden="true"><path class="curve {style}" d="M0 4H24"/></svg>'
    return f"<li>{sample}{escape(curve.name)}: {escape(_span(curve, unit))}</li>"


def _warm_up(seconds: float, scale: _Scale) -> str:
    if not seconds:
        return ""
    width = scale.x(seconds) - _LEFT
    return (
        f'<rect class="warm-up" x="{_LEFT}" y="{_TOP}" width="{width:.1f}" '
        f'height="{HEIGHT - _TOP - _BOTTOM}"/>'
    )


def _axes(step: float, unit: str, scale: _Scale) -> str:
    parts = []
    for number in range(round(scale.top / step) + 1):
        value = number * step
        y = scale.y(value)
        parts.append(
            f'<path class="axis" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{_tick(value, unit)}</text>'
        )
    across = nice_step(scale.seconds)
    for number in range(int(scale.seconds / across + 1e-9) + 1):
        seconds = number * across
        x = scale.x(seconds)
        anchor = "end" if x > WIDTH - _RIGHT - 16 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{_number(seconds)} s</text>')
    return "".join(parts)


def _tick(value: float, unit: str) -> str:
    """Return the number at a tick; the unit stands in the legend, except for bytes."""
    return format_value(value, unit) if unit == "bytes" else _number(value)


def _curve(curve: Curve, style: str, scale: _Scale) -> str:
    """Return the line, broken where a value is missing; a value between two gaps is a dot."""
    pieces: list[list[str]] = [[]]
    for seconds, value in curve.points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{scale.x(seconds):.1f} {scale.y(value):.1f}")
    path = "".join(f"M{'L'.join(piece if len(piece) > 1 else piece * 2)}" for piece in pieces if piece)
    return f'<path class="curve {style}" d="{path}"/>'
