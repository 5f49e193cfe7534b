"""Judges the reports of servers: the limits beyond which something is a problem, and the way out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final
from urllib.parse import urlsplit

from dungeonfighter import limits
from dungeonfighter.doctor.database_rules import CLOCK_SECONDS, SLOW_SECONDS, judge_database
from dungeonfighter.doctor.findings import Findings
from dungeonfighter.doctor.receiver_rules import RECENT_SECONDS, judge_receivers
from dungeonfighter.doctor.servers import ServerAnswers
from dungeonfighter.doctor.units import size, span
from dungeonfighter.serving.self_report import ProcessReport, ServerReport
from dungeonfighter.setting_values import is_loopback
from dungeonfighter.telemetry.troubles import Trouble

FILES_MIN: Final = 4096
LOOP_SECONDS_MAX: Final = 0.25
FULL_SHARE: Final = 0.9
_NTP: Final = "let all machines follow the same time servers (NTP)"
_READ_THEM: Final = 'read them under "last errors and warnings" below'
_PROCESSES_MAX: Final = 64


def judge_servers(all_answers: Sequence[ServerAnswers], findings: Findings) -> None:
    """Add the findings about each server, and about all of them together."""
    reports = [(one.url, one.report) for one in all_answers if one.report is not None]
    for url, report in reports:
        _judge_report(url, report, findings)
    for answers in all_answers:
        judge_receivers(answers, findings)
    _judge_clocks(all_answers, findings)
    _judge_pools(reports, findings)
    versions = sorted({report.build.package for _, report in reports})
    if len(versions) > 1:
        findings.note("servers", f"they run different releases: {', '.join(versions)}", "finish the upgrade")


def judge_transport(url: str, token: str, findings: Findings) -> None:
    """Note a token that travels where others can read it."""
    parts = urlsplit(url)
    if token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        findings.note(url, "the access token travels unencrypted", "use https:// beyond this machine")


def _judge_report(url: str, report: ServerReport, findings: Findings) -> None:
    for note in report.notes:
        findings.note(url, note)
    for number in report.silent:
        findings.problem(
            f"worker {number} of {url}",
            "the worker runs and does not answer",
            "look what holds it up (its log, `py-spy dump`); kill -9 is safe, and the parent replaces it",
        )
    parent = report.parent
    if report.workers > 1 and parent is None:
        findings.problem(
            url, "the parent of the workers does not answer", "look at its log; restart the server"
        )
    if parent is not None:
        for number in parent.starting:
            findings.problem(
                f"worker {number} of {url}",
                "the worker does not serve yet",
                "wait, or read the log of the server",
            )
        for number, times in parent.restarts.items():
            findings.problem(
                f"worker {number} of {url}",
                f"the worker ended and was replaced, {times} times since the server began",
                "the log of the server says why (exit code or signal; 9 is often the memory limit)",
            )
        _judge_troubles(parent.troubles, report.answered_at, f"parent of {url}", findings)
    for process in report.processes[:_PROCESSES_MAX]:
        place = url if process.worker is None else f"worker {process.worker} of {url}"
        _judge_process(process, place, findings)
        _judge_troubles(process.troubles, report.answered_at, place, findings)
    if report.database is not None:
        judge_database(report.database, f"database of {url}", findings)


def _judge_process(process: ProcessReport, place: str, findings: Findings) -> None:
    if process.store_trouble:
        findings.problem(
            place,
            f"reads from its store fail: {process.store_trouble}",
            "see the findings about the database",
        )
    reads = process.store_reads
    if reads is not None and reads.median_seconds > SLOW_SECONDS:
        findings.problem(
            place,
            f"a read from the store takes {span(reads.median_seconds)} (median)",
            "look at the load of the database, the network in between, and the processors of this machine",
        )
    for hazard in process.hazards:
        findings.problem(place, hazard, "set it right there; until then a crash can lose acknowledged turns")
    if process.gauges.get("mcp_redis_up") == 0:
        findings.problem(
            place,
            "Redis does not answer, so each server takes its equal part of the rates",
            "check that Redis runs and that REDIS_CONNECTION_STRING is right; games go on meanwhile",
        )
    turns = process.loop_turns
    if turns is not None and turns.max_seconds > LOOP_SECONDS_MAX:
        findings.problem(
            place,
            f"its event loop was blocked for {span(turns.max_seconds)}",
            "give it a processor of its own, or fewer bots",
        )
    waiting = process.queues.get("requests without an answer", 0)
    if waiting > limits.unanswered_max / 2:
        findings.problem(
            place, f"{waiting} requests wait for an answer", "add workers or servers, or lower the rates"
        )
    _judge_resources(process, place, findings)


def _judge_resources(process: ProcessReport, place: str, findings: Findings) -> None:
    used = process.resources
    if process.connections_max and process.connections > FULL_SHARE * process.connections_max:
        findings.problem(
            place,
            f"{process.connections} of at most {process.connections_max} connections are open",
            "raise the limit of open files (ulimit -n, LimitNOFILE), or add workers",
        )
    elif 0 < used.files_soft_max < FILES_MIN:
        findings.note(
            place,
            f"it may open {used.files_soft_max} files, so {process.connections_max} connections",
            "raise the limit (ulimit -n, LimitNOFILE) for more bots",
        )
    if used.memory_bytes_max and used.memory_bytes > FULL_SHARE * used.memory_bytes_max:
        findings.problem(
            place,
            f"it uses {size(used.memory_bytes)} of {size(used.memory_bytes_max)} of memory",
            "raise the limit of the container, or lower MAX_BOTS_PER_INSTANCE",
        )


def _judge_troubles(troubles: Sequence[Trouble], now: float, place: str, findings: Findings) -> None:
    recent = [one for one in troubles if now - one.at < RECENT_SECONDS]
    errors = sum(one.count for one in recent if one.level != "warning")
    warnings = sum(one.count for one in recent if one.level == "warning")
    if errors:
        findings.problem(place, "it logged errors within the last hour", _READ_THEM)
    elif warnings:
        findings.note(place, "it logged warnings within the last hour", _READ_THEM)


def _judge_clocks(all_answers: Sequence[ServerAnswers], findings: Findings) -> None:
    known = [(one.url, one.clock) for one in all_answers if one.clock is not None]
    for url, clock in known:
        if abs(clock.seconds) - clock.error_seconds > CLOCK_SECONDS:
            ahead = "ahead of" if clock.seconds > 0 else "behind"
            findings.problem(
                url, f"its clock is {span(abs(clock.seconds))} {ahead} the clock of this machine", _NTP
            )
    for (url, clock), (other_url, other) in combinations(known, 2):
        apart = abs(clock.seconds - other.seconds)
        if apart - clock.error_seconds - other.error_seconds > CLOCK_SECONDS:
            findings.problem(f"{url} and {other_url}", f"their clocks are {span(apart)} apart", _NTP)


def _judge_pools(reports: Sequence[tuple[str, ServerReport]], findings: Findings) -> None:
    """Compare the connections that all servers may open with the room of their database."""
    rooms: dict[str, int] = {}
    wanted: dict[str, list[int]] = {}
    for _, report in reports:
        database = report.database
        if database is None or database.postgres is None or database.postgres.is_pooler:
            continue
        settings = database.postgres.settings
        reserved = [
            settings.get(name, "0") for name in ("superuser_reserved_connections", "reserved_connections")
        ]
        rooms[database.place] = _whole(settings.get("max_connections")) - sum(map(_whole, reserved))
        own = {one.name: one.value for one in report.settings}
        pool = _whole(own.get("DB_POOL_SIZE")) * report.workers
        wanted.setdefault(database.place, []).append(pool)
        rest = _whole(own.get("REPLICAS")) - len(wanted[database.place])
        if rest > 0 and report is reports[-1][1]:
            wanted[database.place] += [pool] * rest
    for place, pools in wanted.items():
        if sum(pools) > rooms[place]:
            findings.problem(
                place,
                f"{len(pools)} servers may open {sum(pools)} connections, and it has room for {rooms[place]}",
                "lower DB_POOL_SIZE, raise max_connections there, or put PgBouncer in between",
            )


def _whole(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
