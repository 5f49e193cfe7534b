"""A snapshot of all metrics in the text format of Prometheus. Bot ids are never labels.

Every series exists from the start, so that the computation of a rate needs no special case.

Source: Prometheus, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from dungeonfighter.hosting.instruments import MILLIONTHS, Distribution, Family, Snapshot, Value

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


def render(snapshot: Snapshot) -> bytes:
    """Return the body of the answer to `GET /metrics`."""
    lines: list[str] = []
    for name, family in snapshot.families.items():
        lines.append(f"# HELP {name} {family.purpose.translate(_ESCAPES)}")
        lines.append(f"# TYPE {name} {family.kind}")
        for labels, value in family.values.items():
            lines += _series(name, family, labels, value)
    return ("\n".join(lines) + "\n").encode()


def _series(name: str, family: Family, labels: str, value: Value) -> Iterator[str]:
    shown = f"{{{labels}}}" if labels else ""
    if not isinstance(value, Distribution):
        yield f"{name}{shown} {value}"
        return
    count = sum(value.counts)
    if family.kind == "histogram":
        before = f"{labels}," if labels else ""
        for bound, below in zip(family.bounds, accumulate(value.counts), strict=False):
            yield f'{name}_bucket{{{before}le="{bound}"}} {below}'
        yield f'{name}_bucket{{{before}le="+Inf"}} {count}'
    yield f"{name}_sum{shown} {_decimal(value.sum)}"
    yield f"{name}_count{shown} {count}"


def _decimal(millionths: int) -> str:
    whole, part = divmod(millionths, MILLIONTHS)
    return f"{whole}.{part:06d}".rstrip("0") if part else str(whole)
