"""The whole dashboard: its variables, its rows, and the place of each panel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from testkit.dashboard.panels import DATASOURCE, Json, Panel, Row
from testkit.dashboard.rows import ROWS

PLACE: Final = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dungeonfighter.json"
COLUMNS: Final = 24
SCHEMA_VERSION: Final = 42
"""The version of Grafana's classic dashboard model; older Grafana reads it too, newer ones convert it."""

VARIABLES: Final[list[Json]] = [
    {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
    },
    {
        "name": "instance",
        "label": "Server",
        "description": "The servers whose figures are shown.",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {
            "qryType": 1,
            "query": 'label_values(up{job="dungeonfighter"}, instance)',
            "refId": "servers",
        },
        "regex": "",
        "refresh": 2,
        "sort": 7,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
    },
    {
        "name": "runbook_base",
        "label": "Runbook",
        "description": "The address before docs/runbook.md; set it to where you read the documents.",
        "type": "constant",
        "query": "",
        "hide": 2,
        "current": {"text": "", "value": ""},
        "options": [],
    },
]


def document(rows: Sequence[Row] = ROWS) -> Json:
    """Return the dashboard as Grafana imports it."""
    return {
        "uid": "dungeonfighter",
        "title": "DungeonFighter",
        "description": "Is it healthy, what do the bots do, how fast, and what is short? Each panel says "
        "what to do when it moves.",
        "tags": ["dungeonfighter", "mcp"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": VARIABLES},
        "panels": list(placed(rows)),
    }


def placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Yield the rows and panels with their numbers and places; a closed row holds its panels."""
    number, y = 1, 0
    for row in rows:
        panels = list(flow(row.panels, number + 1, y + 1))
        yield {
            "id": number,
            "type": "row",
            "title": row.question,
            "collapsed": row.is_closed,
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
            "panels": panels if row.is_closed else [],
        }
        if not row.is_closed:
            yield from panels
        bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels)
        number, y = number + 1 + len(panels), y + 1 if row.is_closed else bottom


def flow(panels: Sequence[Panel], number: int, y: int) -> Iterator[Json]:
    """Yield panels from left to right; one that does not fit begins a new line below the highest."""
    x, highest = 0, 0
    for index, panel in enumerate(panels):
        if x + panel.width > COLUMNS:
            x, y, highest = 0, y + highest, 0
        yield panel.render(number + index, x, y)
        x, highest = x + panel.width, max(highest, panel.height)


def text() -> str:
    """Return the content of the file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
