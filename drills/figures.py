"""Reads what servers say about themselves: `/metrics` and `/readyz`."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections import Counter
from typing import Any, Final

_SECONDS_MAX: Final = 6.0
_SERIES: Final = re.compile(r"^(\w+)(?:\{[^\n]*\})? (\S+)$", re.MULTILINE)


def figures(url: str) -> Counter[str]:
    """Return each metric of a server as the sum over its labels; empty if the server does not answer."""
    found: Counter[str] = Counter()
    for name, value in _SERIES.findall(_text(f"{url}/metrics")):
        found[name] += float(value)  # type: ignore[assignment]  # sums of metrics are floats
    return found


def readiness(url: str) -> dict[str, Any]:
    """Return the answer of `/readyz`; empty if the server does not answer."""
    text = _text(f"{url}/readyz")
    return json.loads(text) if text else {}


def _text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS_MAX) as answer:
            return str(answer.read(), "utf-8")
    except urllib.error.HTTPError as refusal:
        return str(refusal.read(), "utf-8")
    except (OSError, http.client.HTTPException):
        return ""
