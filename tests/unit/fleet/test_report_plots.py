"""Plots: axes with round numbers, gaps where a value is missing, and no text that becomes markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from dungeonfighter.fleet.report_plots import HEIGHT, WIDTH, Curve, Plot, figure, format_value, nice_step


@pytest.mark.parametrize(
    ("highest", "step"), [(0, 1), (1, 0.5), (3.9, 1), (4.1, 2), (100, 50), (0.0004, 0.0001), (7e6, 2e6)]
)
def test_ticks_are_round(highest: float, step: float) -> None:
    assert nice_step(highest) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1250.4, "/s", "1,250/s"), (0.4189, "ms", "0.419 ms"), (12.5, "ms", "12.5 ms"), (3, "", "3"),
        (1.5e9, "bytes", "1.5 GB"), (999, "bytes", "999 B"), (0, "bytes", "0 B"), (2, "cores", "2 cores"),
    ],
)  # fmt: skip
def test_numbers_are_short(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_a_missing_value_breaks_the_line_and_a_lonely_one_is_a_dot() -> None:
    shown = figure(Plot("t", "ms", [Curve("a", [(0, 1.0), (1, 2.0), (2, None), (3, 1.0)])]))
    path = re.findall(r' d="([^"]*L[^"]*)"', shown)[-1]
    line, dot = path.removeprefix("M").split("M")
    assert line.count("L") == 1
    assert dot.split("L")[0] == dot.split("L")[1]


def test_all_points_lie_inside_the_picture() -> None:
    points = [(float(second), second**2 / 7) for second in range(61)]
    shown = figure(Plot("t", "bytes", [Curve("a", points), Curve("b", [(0.0, None)])], warm_up=90))
    for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", shown):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT
    width = float(re.findall(r'class="warm-up" x="\d+" y="\d+" width="([\d.]+)"', shown)[0])
    assert width <= WIDTH
    assert "b:" not in shown


def test_a_plot_without_values_is_left_out() -> None:
    assert figure(Plot("t", "ms", [Curve("a", [(0, None)]), Curve("b", [])])) == ""


def test_texts_are_escaped_and_the_figure_is_well_formed() -> None:
    shown = figure(Plot("<t>&", "ms", [Curve('"><script>', [(0, 0.0), (5, 0.0)])], warm_up=1))
    ET.fromstring(shown)
    assert "<script>" not in shown
    assert "<t>" not in shown
