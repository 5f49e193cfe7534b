"""The metrics of servers are read before, during and after a load, and never harm it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dungeonfighter.fleet import report_metrics
from dungeonfighter.fleet.report_metrics import (
    MetricsWatch,
    Series,
    Unreadable,
    label,
    metrics_url,
    parse,
    read_metrics,
)

TURNS = Series("mcp_turns_total", "")
Answer = Callable[[int], tuple[int, bytes]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Serve metrics on loopback: `answer` returns status and body of the n-th request."""
    asked = iter(range(10_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(next(asked))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_wanted_series_are_read_and_others_left_out() -> None:
    text = (
        "# HELP mcp_turns_total Inputs.\nmcp_turns_total 12\nmcp_active_bots 3\n"
        'mcp_response_time_seconds_bucket{tool="handle_input",le="0.05"} 7\n'
        "mcp_turns_total x\nmcp_wal_bytes\n"
    )
    values = parse(text)
    assert values == {
        TURNS: 12.0,
        Series("mcp_response_time_seconds_bucket", 'tool="handle_input",le="0.05"'): 7.0,
    }


def test_a_label_is_found_by_its_name() -> None:
    series = Series("m", 'tool="handle_input",le="0.05"')
    assert label(series, "tool") == "handle_input"
    assert label(series, "le") == "0.05"
    assert label(series, "worker") == ""


@pytest.mark.parametrize(
    ("url", "metrics"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/metrics"),
        ("127.0.0.1:8000/mcp", "http://127.0.0.1:8000/metrics"),
        ("https://host/game/mcp/", "https://host/game/metrics"),
        ("http://host:9464/prometheus/metrics", "http://host:9464/prometheus/metrics"),
        ("http://user:secret@host", "http://host/metrics"),
    ],
)
def test_the_metrics_lie_beside_the_endpoint(url: str, metrics: str) -> None:
    assert metrics_url(url) == metrics


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:0"])
def test_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        metrics_url(url)


def test_a_wrong_address_is_final_and_a_refused_connection_is_not() -> None:
    with answering(lambda _: (404, b"")) as url, pytest.raises(Unreadable, match="404") as missing:
        read_metrics(url)
    with pytest.raises(Unreadable) as refused:
        read_metrics(url)  # the server has ended
    with answering(lambda _: (503, b"")) as busy, pytest.raises(Unreadable) as overloaded:
        read_metrics(busy)
    with answering(lambda _: (200, b"other_metric 1\n")) as other, pytest.raises(Unreadable) as foreign:
        read_metrics(other)
    assert [error.value.is_final for error in (missing, refused, overloaded, foreign)] == [
        True, False, False, True,
    ]  # fmt: skip
    assert "--metrics" in str(missing.value)


def test_a_long_body_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_metrics, "BODY_BYTES_MAX", 100)
    with answering(lambda _: (200, b"x" * 200_000)) as url, pytest.raises(Unreadable, match="more than 100"):
        read_metrics(url)


def test_a_watch_reads_before_during_and_after() -> None:
    with answering(lambda number: (200, b"mcp_turns_total %d\n" % number)) as url:
        watch = MetricsWatch([url], 0.01)
        watch.start()
        deadline = time.monotonic() + 30
        while len(watch.scrapes()[0]) < 5:
            assert time.monotonic() < deadline
        watch.stop()
        (scrapes,) = watch.scrapes()
    turns = [scrape.values[TURNS] for scrape in scrapes]
    assert turns == list(map(float, range(len(turns))))
    assert not watch.problems


def test_a_watch_outlives_a_failing_server_and_keeps_the_reason() -> None:
    answers = {0: (200, b"mcp_turns_total 0\n"), 1: (503, b"")}
    with answering(lambda number: answers.get(number, (200, b"mcp_turns_total 9\n"))) as url:
        watch = MetricsWatch([url, "http://127.0.0.1:9/metrics"], 0.01)
        watch.start()
        deadline = time.monotonic() + 30
        while len(watch.scrapes()[0]) < 2:
            assert time.monotonic() < deadline
        watch.stop()
    assert watch.problems[url] == f"GET {url} answers 503"
    assert "refused" in watch.problems["http://127.0.0.1:9/metrics"]
    assert watch.scrapes()[1] == []


def test_a_long_load_keeps_the_first_and_the_last_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_metrics, "SCRAPES_MAX", 10)
    with answering(lambda number: (200, b"mcp_turns_total %d\n" % number)) as url:
        watch = MetricsWatch([url], 0.001)
        watch.start()
        time_up = time.monotonic() + 30
        while not watch.scrapes()[0] or watch.scrapes()[0][-1].values[TURNS] < 30:
            assert time.monotonic() < time_up
        watch.stop()
        (scrapes,) = watch.scrapes()
    turns = [scrape.values[TURNS] for scrape in scrapes]
    assert len(turns) <= 10
    assert turns[0] == 0
    assert turns == sorted(turns)
    assert turns[-1] >= 30
