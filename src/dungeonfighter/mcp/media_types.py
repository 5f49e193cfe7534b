"""The headers `Content-Type` and `Accept`: media types in any case, ranges with weights.

The SDK compares both headers more strictly than HTTP does; it gets them in the spelling that it knows.

Source: RFC 9110, sections 8.3.1, 12.4.2 and 12.5.1.
"""

from __future__ import annotations

import re
from typing import Final

from dungeonfighter.mcp import wire

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
_BLANKS: Final = " \t"
_is_zero: Final = re.compile(r"q[ \t]*=[ \t]*0(?:\.0{0,3})?").fullmatch


def media_type(text: str) -> str:
    """Return a media type or a range in lower case, without its parameters."""
    return text.partition(";")[0].strip(_BLANKS).lower()


def accepts(accepted: str | None, kind: str) -> bool:
    """Return whether a client takes this media type.

    The most specific range about it decides; a client without `Accept`, or with an empty one, takes all.

    Args:
        accepted: The values of all `Accept` headers as one list; None if there is none.
        kind: A media type in lower case.
    """
    ranges: dict[str, bool] = {}
    for part in (accepted or "").split(","):
        found = media_type(part)
        if found:
            takes = not any(_is_zero(each.strip(_BLANKS).lower()) for each in part.split(";")[1:])
            ranges[found] = ranges.get(found, False) or takes
    if not ranges:
        return True
    for each in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if each in ranges:
            return ranges[each]
    return False


def plain_headers(scope: wire.Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request for JSON, which the endpoint has accepted, as the SDK knows them."""
    accepted = wire.listed(scope, b"accept")
    kinds = [kind for kind in (JSON, EVENTS) if accepts(accepted, kind)]
    others = [pair for pair in scope["headers"] if pair[0] not in {b"accept", b"content-type"}]
    return [*others, (b"content-type", JSON.encode()), (b"accept", ", ".join(kinds).encode())]
