"""Writes deploy/grafana/dungeonfighter.json: `make docs`."""

from __future__ import annotations

from testkit.dashboard import document

document.PLACE.parent.mkdir(exist_ok=True)
document.PLACE.write_text(document.text(), encoding="utf-8")
