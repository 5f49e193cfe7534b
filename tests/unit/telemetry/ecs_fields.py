"""The fields of the Elastic Common Schema that the server uses, and a check of lines against a list.

`OWN_FIELDS` is our own short list. A long test compares it with the list that Elastic publishes.

Source: Elastic Common Schema, version 9.4.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

NAMESPACE: Final = "dungeonfighter"


class Field(NamedTuple):
    """One field: its type, the values it may have (none: any), and if it holds a list."""

    type: str
    allowed: Collection[str] = ()
    is_list: bool = False


OWN_FIELDS: Final[Mapping[str, Field]] = {
    "@timestamp": Field("date"),
    "message": Field("match_only_text"),
    "ecs.version": Field("keyword"),
    "error.message": Field("match_only_text"),
    "error.stack_trace": Field("wildcard"),
    "error.type": Field("keyword"),
    "event.action": Field("keyword"),
    "event.dataset": Field("keyword"),
    "event.duration": Field("long"),
    "event.id": Field("keyword"),
    "event.kind": Field("keyword", ("event",)),
    "event.outcome": Field("keyword", ("failure", "success", "unknown")),
    "event.sequence": Field("long"),
    "event.type": Field("keyword", ("end", "info", "start"), is_list=True),
    "log.level": Field("keyword"),
    "log.logger": Field("keyword"),
    "process.pid": Field("long"),
    "service.name": Field("keyword"),
    "service.node.name": Field("keyword"),
    "service.version": Field("keyword"),
    "span.id": Field("keyword"),
    "trace.id": Field("keyword"),
}
_TEXTS: Final = {"keyword", "match_only_text", "wildcard", "constant_keyword", "text"}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def problems_of(line: Mapping[str, Any], fields: Mapping[str, Field]) -> list[str]:
    """Return what is wrong with a line: unknown names, wrong types, dotted names; our namespace is free."""
    return list(_problems(line, fields, ""))


def names_in(line: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the names of the fields of a line outside of our namespace."""
    for name, value in line.items():
        if before or name != NAMESPACE:
            if isinstance(value, dict):
                yield from names_in(value, f"{before}{name}.")
            else:
                yield before + name


def _problems(part: Mapping[str, Any], fields: Mapping[str, Field], before: str) -> Iterator[str]:
    for name, value in part.items():
        whole = before + name
        if "." in name:
            yield f"{whole}: a dotted name"
        elif isinstance(value, dict):
            yield from _problems(value, fields, f"{whole}.")
        elif before.startswith(f"{NAMESPACE}."):
            if not isinstance(value, str | int | float | bool):
                yield f"{whole}: {value!r} is no plain value"
        elif whole not in fields:
            yield f"{whole}: not a field"
        else:
            yield from _wrong_values(whole, value, fields[whole])


def _wrong_values(name: str, value: Any, field: Field) -> Iterator[str]:
    if field.is_list != isinstance(value, list):
        yield f"{name}: {value!r} should {'' if field.is_list else 'not '}be a list"
        return
    for one in value if field.is_list else [value]:
        if not _is_of(field.type, one):
            yield f"{name}: {one!r} is no {field.type}"
        elif field.allowed and one not in field.allowed:
            yield f"{name}: {one!r} is not allowed"


def _is_of(kind: str, value: object) -> bool:
    if kind == "date":
        return isinstance(value, str) and _DATE.fullmatch(value) is not None
    if kind == "long":
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return kind in _TEXTS and isinstance(value, str)
