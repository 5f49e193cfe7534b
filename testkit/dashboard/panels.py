"""Panels of a Grafana dashboard, and the JSON that Grafana reads for each.

`tests/integration/test_dashboard.py` checks the whole dashboard against Grafana's published schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

SELECTOR: Final = 'job="dungeonfighter",instance=~"$instance"'
"""The servers that the reader chose; expressions write `@` for it."""
MIN_INTERVAL: Final = "15s"
"""The scrape interval. `$__rate_interval` becomes four times as long, or longer."""
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
RED: Final = "red"
ORANGE: Final = "orange"
GREEN: Final = "green"

Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """An expression of PromQL, and the name of its series with labels in double braces."""

    expr: str
    legend: str = ""

    def target(self, number: int, *, is_instant: bool) -> Json:
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr.replace("@", SELECTOR),
            "instant": is_instant,
            "legendFormat": self.legend or "__auto",
            "range": not is_instant,
            "refId": chr(ord("A") + number),
        }


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        about: What it shows and when to look closer, in plain words.
        alerts: The alerts whose sections of the runbook the panel links.
        unit: A unit of Grafana, such as `s`, `bytes`, `percentunit`, `ops`.
        steps: From these values on the colour changes: pairs of a value and a colour, ascending.
        words: A stat shows these words in place of the values.
        empty: A stat shows this when there is no value.
        width: Of 24 columns.
        top: The highest value of the axis; by default that of the series.
    """

    title: str
    about: str
    queries: tuple[Query, ...]
    alerts: tuple[str, ...] = ()
    unit: str = "short"
    steps: tuple[tuple[float, str], ...] = ()
    words: tuple[tuple[str, str, str], ...] = ()
    empty: str = ""
    width: int = 8
    top: float | None = None
    decimals: int | None = None
    is_stacked: bool = False
    height: int = 8
    is_stat: bool = False

    def render(self, number: int, x: int, y: int) -> Json:
        """Return the JSON of the panel at a place of the grid."""
        return {
            "id": number,
            "type": "stat" if self.is_stat else "timeseries",
            "title": self.title,
            "description": self.about,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "interval": MIN_INTERVAL,
            "links": [runbook_link(alert) for alert in self.alerts],
            "targets": [one.target(index, is_instant=self.is_stat) for index, one in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": STAT_OPTIONS if self.is_stat else SERIES_OPTIONS,
        }

    def _field(self) -> Json:
        field: Json = {
            "unit": self.unit,
            "color": {"mode": "thresholds" if self.is_stat else "palette-classic"},
            "thresholds": {
                "mode": "absolute",
                "steps": [
                    {"value": None, "color": self._first_colour()},
                    *({"value": value, "color": colour} for value, colour in self.steps),
                ],
            },
            "mappings": self._mappings(),
        }
        if self.empty:
            field["noValue"] = self.empty
        if self.decimals is not None:
            field["decimals"] = self.decimals
        if not self.is_stat:
            field |= {"min": 0, "custom": self._drawing()}
            if self.top is not None:
                field["max"] = self.top
        return field

    def _first_colour(self) -> str:
        """Return the colour below the first step: good, unless the steps lead to good."""
        return RED if self.steps and self.steps[-1][1] == GREEN else GREEN

    def _mappings(self) -> list[Json]:
        if not self.words:
            return []
        options = {
            value: {"text": text, "color": colour, "index": index}
            for index, (value, text, colour) in enumerate(self.words)
        }
        return [{"type": "value", "options": options}]

    def _drawing(self) -> Json:
        return {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if self.is_stacked else 5,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.is_stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if self.steps else "off"},
        }


STAT_OPTIONS: Final[Json] = {
    "colorMode": "background",
    "graphMode": "none",
    "justifyMode": "auto",
    "orientation": "auto",
    "percentChangeColorMode": "standard",
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    "showPercentChange": False,
    "textMode": "auto",
    "wideLayout": True,
}
SERIES_OPTIONS: Final[Json] = {
    "legend": {"calcs": ["lastNotNull"], "displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": True},
}
"""Many series are 0 most of the time, such as one for each code of an error: the tooltip leaves them out."""


def runbook_link(alert: str) -> Json:
    """Return the link to the section of the runbook that has the name of the alert."""
    return {
        "type": "link",
        "title": f"Runbook: {alert}",
        "url": f"${{runbook_base:raw}}docs/runbook.md#{alert.lower()}",
        "tooltip": "",
        "icon": "external link",
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }


@dataclass(frozen=True)
class Row:
    """A row of panels, which flow from left to right; a closed row is opened by a click.

    Attributes:
        question: Its title: what the operator asks.
    """

    question: str
    panels: tuple[Panel, ...]
    is_closed: bool = False
