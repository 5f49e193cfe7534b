"""Every figure of a content file has a range: one far outside is refused with file, row and field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.model import Content

CONTENT = load_catalogue().content
FAR = 10**30
Path_ = tuple[str | int, ...]


def figures(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of each figure in a row."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from figures(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from figures(each, (*path, place))
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path


def with_figure(rows: list[Any], number: int, path: Path_, figure: int) -> list[Any]:
    """Return the rows with one figure changed."""
    changed = json.loads(json.dumps(rows))
    at = changed[number]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = figure
    return changed  # type: ignore[no-any-return]


def sample(kind: str) -> list[int]:
    """Return the numbers of rows that have all figures of the kind between them: the first, and odd ones."""
    seen: set[str] = set()
    chosen = []
    for number, row in enumerate(msgspec.to_builtins(getattr(CONTENT, kind))):
        shape = {"".join(str(step) for step in path if isinstance(step, str)) for path in figures(row)}
        if row.get("power"):
            shape.add("a unique item")
        if not shape <= seen:
            seen |= shape
            chosen.append(number)
    return chosen


@pytest.mark.parametrize("kind", Content.__struct_fields__)
@pytest.mark.parametrize("figure", [FAR, -FAR])
def test_a_figure_far_outside_is_refused_by_its_name(tmp_path: Path, kind: str, figure: int) -> None:
    rows = msgspec.to_builtins(getattr(CONTENT, kind))
    for number in sample(kind):
        for path in figures(rows[number]):
            (tmp_path / f"{kind}.json").write_text(json.dumps(with_figure(rows, number, path, figure)))
            with pytest.raises(SettingsError) as refused:
                load_catalogue(tmp_path)
            at, field = f"{kind}.json row {number + 1} ", str(path[0])
            named = [text for text in refused.value.problems if text.startswith(at) and field in text]
            assert named or kind in ("consumables", "regions"), (path, refused.value.problems)
            assert all(len(text) < 400 for text in refused.value.problems)
