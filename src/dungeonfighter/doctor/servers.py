"""Asks a running server: whether it lives and is ready, its metrics, and its report about itself."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.doctor.fetching import Fetched, Fetcher, Unusable
from dungeonfighter.doctor.findings import Findings
from dungeonfighter.serving.self_report import ServerReport
from dungeonfighter.storage.examination import ClockOffset

TOKEN_HINT: Final = (
    "make a token with `dungeonfighter token create --fleet F --scopes admin`, "
    "and give it by DUNGEONFIGHTER_TOKEN or --token-file"
)
_REACH: Final = "check that `dungeonfighter serve` runs there, and host, port and firewall"
_OTHER_ADDRESS: Final = (
    "give the address of the server itself; with --admin-listen give that one, which has the health checks"
)
_HOST: Final = "ask by a loopback address, or name this host in --allowed-hosts of the server"
_SHOWN_METRICS: Final = (
    "mcp_bot_interactions_total", "mcp_errors_total", "mcp_rejected_total", "mcp_store_conflicts_total",
    "mcp_store_settled_total", "mcp_commit_seconds_sum", "mcp_commit_seconds_count",
    "mcp_response_time_seconds_sum", "mcp_response_time_seconds_count",
    "mcp_spans_sent_total", "mcp_spans_dropped_total", "mcp_metrics_push_up",
)  # fmt: skip
"""The metrics of which the report shows the sum over all labels."""
_METRIC_ROWS_MAX: Final = 20_000


class Health(Struct, frozen=True):
    """The answer to `/readyz`."""

    status: str = ""
    store: str = ""


class ServerAnswers(Struct):
    """The answers of one server; a part that did not come is absent, and a finding says why.

    Attributes:
        clock: The time that the server's clock is ahead of the clock here.
        metrics: The values of some metrics, summed over their labels.
    """

    url: str
    is_reached: bool = False
    health: Health | None = None
    report: ServerReport | None = None
    clock: ClockOffset | None = None
    metrics: dict[str, float] = {}


async def ask_server(url: str, token: str, findings: Findings) -> ServerAnswers:
    """Ask a server; `findings` gets whatever is wrong with its answers."""
    answers = ServerAnswers(url, metrics={})
    async with Fetcher(url, token) as fetcher:
        try:
            alive = await fetcher.fetch("/livez")
        except Unusable as error:
            findings.problem(url, f"the server cannot be asked: {error}", error.remedy or _REACH)
            return answers
        answers.is_reached = True
        if alive.status != 200:
            remedy = _HOST if alive.status == 421 else _OTHER_ADDRESS
            findings.problem(url, f"GET /livez answers {alive.status} instead of 200", remedy)
            return answers
        await _ask_health(fetcher, answers, findings)
        await _ask_metrics(fetcher, answers, findings)
        await _ask_report(fetcher, answers, findings)
    return answers


async def _fetch(
    fetcher: Fetcher, path: str, findings: Findings, *, with_token: bool = False
) -> Fetched | None:
    try:
        return await fetcher.fetch(path, with_token=with_token)
    except Unusable as error:
        findings.problem(fetcher.url, f"GET {path} has no usable answer: {error}", error.remedy or _REACH)
        return None


async def _ask_health(fetcher: Fetcher, answers: ServerAnswers, findings: Findings) -> None:
    found = await _fetch(fetcher, "/readyz", findings)
    if found is None:
        return
    try:
        answers.health = msgspec.json.decode(found.body, type=Health)
    except (msgspec.MsgspecError, RecursionError):
        findings.problem(
            fetcher.url, f"GET /readyz answers {found.status} and no JSON of DungeonFighter", _OTHER_ADDRESS
        )
        return
    if found.status == 503:
        findings.problem(
            fetcher.url,
            "the server is not ready: it starts, or it drains",
            "wait until it has started; if it drains, start another one or ask another replica",
        )
    elif found.status != 200:
        findings.problem(fetcher.url, f"GET /readyz answers {found.status}", _OTHER_ADDRESS)
    if answers.health.store == "unreachable":
        findings.problem(
            fetcher.url,
            "the server does not reach its store",
            "run `dungeonfighter doctor --db URL` on the machine of the server",
        )


async def _ask_metrics(fetcher: Fetcher, answers: ServerAnswers, findings: Findings) -> None:
    found = await _fetch(fetcher, "/metrics", findings)
    if found is None:
        return
    if found.status == 404:
        findings.note(
            fetcher.url, "GET /metrics answers 404: the metrics are at another address, if anywhere"
        )
        return
    answers.metrics = _sums(found.body.decode(errors="replace"))
    if found.status != 200 or not answers.metrics:
        findings.problem(
            fetcher.url,
            f"GET /metrics answers {found.status} and no metrics of DungeonFighter",
            _OTHER_ADDRESS,
        )


def _sums(text: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for row in text.splitlines()[:_METRIC_ROWS_MAX]:
        series, _, value = row.rpartition(" ")
        name = series.partition("{")[0]
        if name in _SHOWN_METRICS:
            try:
                sums[name] = sums.get(name, 0.0) + float(value)
            except ValueError:
                continue
    return sums


async def _ask_report(fetcher: Fetcher, answers: ServerAnswers, findings: Findings) -> None:
    found = await _fetch(fetcher, "/api/doctor", findings, with_token=True)
    if found is None:
        return
    if found.status != 200:
        findings.problem(fetcher.url, *_refusal(found))
        return
    try:
        report = answers.report = msgspec.json.decode(found.body, type=ServerReport)
    except (msgspec.MsgspecError, RecursionError) as error:
        findings.problem(
            fetcher.url,
            f"GET /api/doctor answers no report that this release can read ({type(error).__name__})",
            "use the doctor of the server's own release",
        )
        return
    there = report.answered_at - report.received_at
    offset = (report.received_at - found.sent_at + report.answered_at - found.came_at) / 2
    answers.clock = ClockOffset(offset, max(0.0, (found.came_at - found.sent_at - there) / 2))


def _refusal(found: Fetched) -> tuple[str, str]:
    """Return the text and the remedy for an answer that is no report."""
    what = "GET /api/doctor answers "
    if found.status == 401:
        return what + "401: the server wants a valid access token", TOKEN_HINT
    if found.status == 403:
        return f"{what}403: {_message(found.body) or 'the caller may not see the report'}", TOKEN_HINT
    if found.status == 404:
        remedy = "ask the address of --admin-listen if there is one; releases before 0.1.0 have no report"
        return what + "404: there is no report at this address", remedy
    if found.status == 421:
        return what + "421: the server does not serve this host", _HOST
    if found.status in {429, 503}:
        return f"{what}{found.status}: {_message(found.body) or 'it has no time now'}", "ask once more later"
    return f"{what}{found.status}", _OTHER_ADDRESS


class _Fault(Struct):
    message: str = ""


class _Refused(Struct):
    error: _Fault


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Refused).error.message[:300]
    except (msgspec.MsgspecError, RecursionError):
        return ""
