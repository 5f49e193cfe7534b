"""A snapshot of all metrics in the two text formats of Prometheus. Bot ids are never labels.

Every series exists from the start, so that the computation of a rate needs no special case. Exemplars are
part of OpenMetrics only, which a scraper must ask for.

Source: Prometheus, "Exposition formats", text format 0.0.4; Prometheus, "OpenMetrics 1.0".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final

from dungeonfighter.hosting.instruments import (
    MILLIONTHS,
    TRACE_ID,
    Distribution,
    Exemplar,
    Family,
    Snapshot,
    Value,
)
from dungeonfighter.telemetry.meter import label_text

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE: Final = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_OPENMETRICS_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_VERSIONS: Final = frozenset({"", "1.0.0", "0.0.1"})
_NO_EXEMPLARS: Final[Mapping[int, Exemplar]] = {}


def wants_openmetrics(accept: str) -> bool:
    """Return True if a scraper prefers OpenMetrics.

    Args:
        accept: Its header `Accept`; "" if it has none.

    Source: RFC 9110, section 12.5.1.
    """
    open_metrics, plain = 0.0, 0.0
    for part in accept.lower().split(","):
        kind, *words = [word.strip() for word in part.split(";")]
        given = dict(word.partition("=")[::2] for word in words)
        weight = _weight(given.get("q", "1"))
        if kind == "application/openmetrics-text" and given.get("version", "").strip('"') in _VERSIONS:
            open_metrics = max(open_metrics, weight)
        elif kind == "text/plain":
            plain = max(plain, weight)
    return open_metrics > 0 and open_metrics >= plain


def _weight(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def render(snapshot: Snapshot, *, openmetrics: bool = False) -> bytes:
    """Return the body of the answer to `GET /metrics`.

    Args:
        snapshot: The metrics.
        openmetrics: In the format `OPENMETRICS_TYPE`, with exemplars, instead of `CONTENT_TYPE`.
    """
    lines: list[str] = []
    escapes = _OPENMETRICS_ESCAPES if openmetrics else _HELP_ESCAPES
    for name, family in snapshot.families.items():
        shown = name.removesuffix("_total") if openmetrics else name
        lines.append(f"# HELP {shown} {family.purpose.translate(escapes)}")
        lines.append(f"# TYPE {shown} {family.kind}")
        for labels, value in family.values.items():
            lines += _series(name, family, labels, value, openmetrics=openmetrics)
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _series(name: str, family: Family, labels: str, value: Value, *, openmetrics: bool) -> Iterator[str]:
    shown = f"{{{labels}}}" if labels else ""
    if not isinstance(value, Distribution):
        number = f"{value}" if family.divisor == 1 else _decimal(int(value), family.divisor)
        yield f"{name}{shown} {number}"
        return
    count = sum(value.counts)
    if family.kind == "histogram":
        before = f"{labels}," if labels else ""
        exemplars = value.exemplars if openmetrics else _NO_EXEMPLARS
        bounds = [*map(str, family.bounds), "+Inf"]
        for place, (bound, below) in enumerate(zip(bounds, accumulate(value.counts), strict=True)):
            yield f'{name}_bucket{{{before}le="{bound}"}} {below}{_shown(exemplars.get(place))}'
    yield f"{name}_sum{shown} {_decimal(value.sum, MILLIONTHS)}"
    yield f"{name}_count{shown} {count}"


def _shown(exemplar: Exemplar | None) -> str:
    if exemplar is None:
        return ""
    return f" # {{{label_text(TRACE_ID, exemplar.trace_id)}}} {exemplar.value} {exemplar.at:.3f}"


def _decimal(value: int, divisor: int) -> str:
    """Return the exact quotient by a power of ten."""
    whole, part = divmod(value, divisor)
    digits = len(str(divisor)) - 1
    return f"{whole}.{part:0{digits}d}".rstrip("0") if part else str(whole)
