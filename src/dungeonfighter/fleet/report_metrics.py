"""Reads `/metrics` of the servers under a load, before, during and after it.

A thread of its own reads, so that a slow answer delays no bot. The series that a report needs are kept, and
at most `SCRAPES_MAX` readings of each server: when there are more, every second one is dropped.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

SCRAPES_MAX: Final = 600
ANSWER_SECONDS_MAX: Final = 5.0
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 65_536
WANTED: Final = (
    "mcp_bot_interactions_total", "mcp_build_info", "mcp_commit_batch_size", "mcp_commit_seconds",
    "mcp_errors_total", "mcp_hot_games", "mcp_rejected_total", "mcp_response_time_seconds",
    "mcp_response_tokens_total", "mcp_store_conflicts_total", "mcp_store_pool_in_use", "mcp_store_pool_size",
    "mcp_store_settled_total", "mcp_turns_total", "mcp_wal_bytes", "process_cpu_seconds_total",
    "process_resident_memory_bytes",
)  # fmt: skip
"""The beginnings of the names of the series that are kept."""
_NO_METRICS: Final = "no metrics of DungeonFighter; --metrics names the address that has them"


class Series(NamedTuple):
    """The name of one series: its metric and its labels as they are written, without braces."""

    metric: str
    labels: str


class Scrape(NamedTuple):
    """One reading of one server; `at` is a `perf_counter`."""

    at: float
    values: Mapping[Series, float]


class Unreadable(Exception):
    """The metrics could not be read; the text says why.

    Attributes:
        is_final: Another attempt would have the same end, because the address is wrong.
    """

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class MetricsWatch:
    """Reads the metrics of some servers at regular intervals, from `start` to `stop`.

    Args:
        urls: The addresses of the metrics; each is another server, and their values are added up.
        every_seconds: The time between two readings.

    Attributes:
        problems: The last reason of each address that could not be read.
    """

    def __init__(self, urls: Sequence[str], every_seconds: float) -> None:
        self.urls = list(urls)
        self.problems: dict[str, str] = {}
        self._every = every_seconds
        self._kept: dict[str, list[Scrape]] = {url: [] for url in urls}
        self._hopeless: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="metrics", daemon=True)

    def start(self) -> None:
        """Read once, so that there is a reading from before the load, then go on in the thread."""
        self._read_all()
        if self.urls:
            self._thread.start()

    def stop(self) -> None:
        """Read for the last time and end the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(2 * ANSWER_SECONDS_MAX * max(1, len(self.urls)))

    def scrapes(self) -> list[list[Scrape]]:
        """Return the readings of each server, oldest first; empty for one that was never read."""
        return [list(self._kept[url]) for url in self.urls]

    def _watch(self) -> None:
        due = time.perf_counter()
        is_over = False
        while not is_over:
            due = max(due + self._every, time.perf_counter())
            is_over = self._ending.wait(max(0.0, due - time.perf_counter()))
            self._read_all()

    def _read_all(self) -> None:
        for url in self.urls:
            if url in self._hopeless:
                continue
            try:
                self._keep(url, read_metrics(url))
            except Unreadable as error:
                self.problems[url] = str(error)
                if error.is_final:
                    self._hopeless.add(url)

    def _keep(self, url: str, scrape: Scrape) -> None:
        kept = self._kept[url]
        kept.append(scrape)
        if len(kept) > SCRAPES_MAX:
            del kept[1:-1:2]
            self._every *= 2


def metrics_url(url: str) -> str:
    """Return the address of the metrics of the server with this address, which may end with `/mcp`.

    Raises:
        ValueError: The text is no http or https address.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError(f"not an http or https address: {url}")
    path = parts.path.rstrip("/").removesuffix("/mcp").rstrip("/")
    path = path if path.endswith("/metrics") else f"{path}/metrics"
    return (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}{f'?{parts.query}' if parts.query else ''}"
    )


def read_metrics(url: str) -> Scrape:
    """Read the metrics of one server.

    Raises:
        Unreadable: There was no usable answer within `ANSWER_SECONDS_MAX`.
    """
    parts = urlsplit(url)
    try:
        status, body = _get(parts.scheme, parts.netloc, parts.path or "/metrics", parts.query)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreadable(f"GET {url}: {str(error) or type(error).__name__}") from None
    at = time.perf_counter()
    if status != 200:
        is_final = 300 <= status < 500 and status not in {408, 425, 429}
        text = f"GET {url} answers {status}"
        raise Unreadable(f"{text}: {_NO_METRICS}" if is_final else text, is_final=is_final)
    values = parse(body.decode("utf-8", "replace"))
    if not any(series.metric == "mcp_turns_total" for series in values):
        raise Unreadable(f"GET {url} has {_NO_METRICS}", is_final=True)
    return Scrape(at, values)


def parse(text: str) -> dict[Series, float]:
    """Return the wanted series of a text in the format of Prometheus; lines that are none are left out."""
    values: dict[Series, float] = {}
    for row in text.splitlines():
        if not row.startswith(WANTED):
            continue
        name, _, value = row.rpartition(" ")
        metric, _, labels = name.partition("{")
        with contextlib.suppress(ValueError):
            values[Series(metric, labels.removesuffix("}"))] = float(value)
    return values


def label(series: Series, name: str) -> str:
    """Return the value of a label; empty if the series has none of this name."""
    for part in series.labels.split('",'):
        found, _, value = part.partition('="')
        if found == name:
            return value.removesuffix('"')
    return ""


def _get(scheme: str, authority: str, path: str, query: str) -> tuple[int, bytes]:
    given_up_at = time.monotonic() + ANSWER_SECONDS_MAX
    connection = (
        http.client.HTTPSConnection(
            authority, timeout=ANSWER_SECONDS_MAX, context=ssl.create_default_context()
        )
        if scheme == "https"
        else http.client.HTTPConnection(authority, timeout=ANSWER_SECONDS_MAX)
    )
    with contextlib.closing(connection):
        connection.request("GET", f"{path}?{query}" if query else path, headers={"accept": "text/plain"})
        answer = connection.getresponse()
        body = bytearray()
        while piece := answer.read1(_PIECE_BYTES):
            body += piece
            if len(body) > BODY_BYTES_MAX:
                raise ValueError(f"more than {BODY_BYTES_MAX} bytes")
            if time.monotonic() > given_up_at:
                raise TimeoutError(f"no complete answer within {ANSWER_SECONDS_MAX:g} s")
        return answer.status, bytes(body)
