"""The report of a load as one HTML file: it loads nothing and runs no script.

Whatever comes from a server, a bot or a command line is escaped, and characters that cannot be shown are
replaced, so that no text of theirs changes the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.report import Report, rows
from dungeonfighter.fleet.report_plots import Curve, Plot, figure, format_value
from dungeonfighter.fleet.report_servers import Level, Servers

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_LEVELS: Final = (
    ("memory_bytes", "memory of the servers", "bytes"),
    ("hot_games", "games in memory", ""),
    ("pool_in_use", "store connections in use", ""),
    ("wal_bytes", "write-ahead log of SQLite", "bytes"),
)
_NO_WAL: Final = "The store has no write-ahead log of its own that /metrics shows."


def page(report: Report) -> str:
    """Return the whole page; the reason of a failure comes before everything else."""
    title = f"{report.tool}: {several(report.bots, 'bot')} at {report.url}"
    parts = [
        f"<header><h1>{shown(title)}</h1><p class=faint>{shown(_subtitle(report))}</p></header>",
        _verdict(report),
        _tiles(report),
        f"<div class=plots>{''.join(map(figure, plots(report)))}</div>",
        _panel("The load", _table(rows(report))),
        _panel("The servers", _servers(report.servers)),
        _panel("The database", _database(report.servers)),
        f"<p class=faint>{shown(_reading(report))}</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{shown(title)}</title><style>{_style()}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def shown(text: str) -> str:
    """Return a text as HTML; a character that cannot be shown becomes the replacement character."""
    return escape("".join(one if one.isprintable() else "\ufffd" for one in text))


def plots(report: Report) -> Iterator[Plot]:
    """Yield the plots in the order of the page, those without a value, too."""
    bots, servers = report.moments, report.servers.moments
    warm_up = report.warm_up
    yield Plot("Turns a second", "/s", [
        Curve("bots", [(one.seconds, one.turns_per_second) for one in bots]),
        Curve("servers", [(one.seconds, one.turns_per_second) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Latency", "ms", [
        Curve("p50", [(one.seconds, one.p50_ms) for one in bots]),
        Curve("p95", [(one.seconds, one.p95_ms) for one in bots]),
        Curve("p99", [(one.seconds, one.p99_ms) for one in bots]),
        Curve("mean inside the servers", [(one.seconds, one.answer_ms) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Failures", "", [
        Curve("failed attempts", [(one.seconds, one.troubles) for one in bots]),
        Curve("errors after all repeats", [(one.seconds, one.errors) for one in bots]),
    ], warm_up)  # fmt: skip
    yield Plot("Processors of the servers", "cores", [
        Curve("in use", [(one.seconds, one.processor_cores) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Memory of the servers", "bytes", [
        Curve("resident", [(one.seconds, one.memory_bytes) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Time of a commit", "ms", [
        Curve("mean", [(one.seconds, one.commit_ms) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Rows of a commit", "", [
        Curve("mean", [(one.seconds, one.commit_rows) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Conflicts and connections of the store", "", [
        Curve("conflicts", [(one.seconds, one.conflicts) for one in servers]),
        Curve("connections in use", [(one.seconds, one.pool_in_use) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Write-ahead log of SQLite", "bytes", [
        Curve("size", [(one.seconds, one.wal_bytes) for one in servers]),
    ], warm_up)  # fmt: skip
    yield Plot("Tokens of an answer to a turn", "", [
        Curve("mean", [(one.seconds, one.tokens_per_turn) for one in servers]),
    ], warm_up)  # fmt: skip


@cache
def _style() -> str:
    return Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def _subtitle(report: Report) -> str:
    version = ", ".join(report.servers.versions)
    measured = f"{report.seconds:g} s measured after a warm-up of {report.warm_up:g} s"
    return f"{measured}{f'; release {version}' if version else ''}"


def _verdict(report: Report) -> str:
    if report.passed:
        verified = (
            f"every one of {report.verified_turns:,} acknowledged turns is in the store"
            if report.verified
            else "not verified against the store"
        )
        return f'<section class="panel verdict passed"><h2>Passed: {verified}</h2></section>'
    items = "".join(f"<li>{shown(text)}</li>" for text in failures(report))
    return (
        f'<section class="panel verdict failed"><h2>Failed: {shown(report.failure)}</h2>'
        f"<ul>{items}</ul></section>"
    )


def failures(report: Report) -> Iterator[str]:
    """Yield every sign of a failure, the worst first."""
    yield from report.ended
    yield from (f"{several(count, 'bot')}: {kind}" for kind, count in report.findings.items())
    yield from report.finding_examples
    yield from (f"{several(count, 'bot')} not verified: {why}" for why, count in report.unread.items())
    yield from report.failures
    for place, kinds in (("", report.errors), (" in the warm-up", report.warm_up_errors)):
        for kind, count in kinds.items():
            yield f"{several(count, 'error')}{place}: {kind}"
    for kind, example in report.error_examples.items():
        yield f"for example {kind}: {example}"


def _tiles(report: Report) -> str:
    servers, ms = report.servers, report.latency_ms
    tiles = [
        (f"{report.turns_per_second:,.1f}", "turns/s"),
        (format_value(ms.p50, "ms"), "p50"),
        (format_value(ms.p99, "ms"), "p99"),
        (f"{sum(report.errors.values()):,}", "errors after all repeats"),
    ]
    if report.tokens_per_turn:
        tiles.append((f"{report.tokens_per_turn:.1f}", "tokens a turn"))
    if servers.seconds:
        memory = servers.levels.get("memory_bytes", Level(0, 0, 0, 0))
        tiles += [
            (f"{servers.processor_cores:.2f}", "cores of the servers"),
            (format_value(memory.highest, "bytes"), "memory of the servers"),
            (format_value(servers.commit_ms.get("mean", 0.0), "ms"), "a commit"),
        ]
    cells = (f"<div class=tile><b>{shown(value)}</b>{shown(name)}</div>" for value, name in tiles)
    return f"<div class=tiles>{''.join(cells)}</div>"


def _panel(title: str, content: str) -> str:
    return f"<section class=panel><h2>{title}</h2>{content}</section>"


def _table(lines: Iterable[tuple[str, str]], head: Iterable[str] = ()) -> str:
    titles = "".join(f"<th scope=col>{shown(title)}</th>" for title in head)
    body = "".join(
        f"<tr><th scope=row>{shown(name)}</th><td>{shown(value)}</td></tr>" for name, value in lines
    )
    return f"<table>{f'<tr>{titles}</tr>' if titles else ''}{body}</table>"


def _servers(servers: Servers) -> str:
    problems = "".join(f"<p>{shown(problem)}</p>" for problem in servers.problems)
    if not servers.seconds:
        return problems or "<p class=faint>Their metrics were not read.</p>"
    return problems + _table(_server_rows(servers)) + _levels(servers)


def _server_rows(servers: Servers) -> Iterator[tuple[str, str]]:
    yield "metrics", ", ".join(servers.urls)
    yield "turns", f"{servers.turns:,.0f} inputs and new runs in {servers.seconds:.1f} s"
    yield (
        "processors",
        f"{servers.processor_cores:.2f} cores, {servers.processor_us_per_turn:,.0f} us a turn",
    )
    yield "answer to a turn", _times(servers.answer_ms)
    yield "tokens a turn", f"{servers.tokens_per_turn:.1f}"
    yield "errors", _counted(servers.errors)
    yield "refused", _counted(servers.rejected)


def _levels(servers: Servers) -> str:
    head = "".join(f"<th scope=col>{title}</th>" for title in ("", "before", "mean", "highest", "after"))
    lines = []
    for name, title, unit in _LEVELS:
        level = servers.levels.get(name)
        if level is not None:
            values = (level.before, level.mean, level.highest, level.after)
            cells = "".join(f"<td>{format_value(value, unit)}</td>" for value in values)
            lines.append(f"<tr><th scope=row>{title}</th>{cells}</tr>")
    return f"<table class=levels><tr>{head}</tr>{''.join(lines)}</table>"


def _database(servers: Servers) -> str:
    if not servers.seconds:
        return "<p class=faint>Its metrics were not read.</p>"
    lines = [
        ("commits", f"{servers.commits:,.0f}, {servers.commits / servers.seconds:,.1f}/s"),
        ("time of a commit", _times(servers.commit_ms)),
        ("rows of a commit", f"{servers.commit_rows:.2f} on average"),
        ("conflicts", f"{servers.conflicts:,.0f}"),
        ("unknown outcomes", f"{servers.settled:,.0f} settled"),
        ("pool", f"{servers.pool_size:,.0f} connections"),
    ]
    note = "" if "wal_bytes" in servers.levels else f"<p class=faint>{_NO_WAL}</p>"
    return _table(lines) + note


def _times(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in times.items()) + " ms" if times else "-"


def _counted(kinds: dict[str, float]) -> str:
    return ", ".join(f"{kind} {count:,.0f}" for kind, count in kinds.items()) or "0"


def _reading(report: Report) -> str:
    return (
        "Latencies of the bots count from the moment a call was due to its answer, repeats included. Those "
        "inside the servers come from /metrics, quantiles of them from buckets, three a decade. The shaded "
        f"part of a plot is the warm-up, which no figure contains. Made by {report.tool}."
    )
