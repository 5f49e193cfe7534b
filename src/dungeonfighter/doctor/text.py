"""The text of a report: the problems first, each with the way out, then everything that was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from dungeonfighter.doctor.findings import PLACES_SHOWN_MAX, Finding
from dungeonfighter.doctor.report import Report
from dungeonfighter.doctor.servers import ServerAnswers
from dungeonfighter.doctor.units import moment, number, plain, size, span
from dungeonfighter.serving.self_report import ProcessReport, ServerReport
from dungeonfighter.storage.examination import (
    ClockOffset,
    DatabaseReport,
    PostgresFacts,
    RoundTrips,
    Schema,
    SqliteFacts,
)
from dungeonfighter.telemetry.machine import Build
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import Trouble

_WIDTH: Final = 30
"""The longest name of a setting; a longer one breaks the column."""
_WORDS_CHARS_MAX: Final = 80
_ROWS_MAX: Final = 100


def text_of(report: Report) -> str:
    """Return the report for people; each foreign text is on one line and without control characters."""
    return "\n".join(map(plain, _rows(report))) + "\n"


def _rows(report: Report) -> Iterator[str]:
    yield f"dungeonfighter doctor {report.build.package}, {moment(report.made_at)}"
    yield ""
    yield from _findings(report.problems, "problem")
    yield from _findings(report.notes, "note")
    yield from _build("this machine", report.build)
    yield _row("SQLite library", report.sqlite_library)
    if report.settings:
        yield from _settings("settings of this environment", report.settings)
    yield ""
    for answers in report.servers:
        yield from _server(answers)
    if report.database is not None:
        yield from _database("database, seen from this machine", report.database)


def _findings(findings: Sequence[Finding], what: str) -> Iterator[str]:
    if not findings:
        yield f"no {what}s"
    else:
        yield f"{len(findings)} {what}{'s' * (len(findings) > 1)}"
    for one in findings:
        places = ", ".join(one.places[:PLACES_SHOWN_MAX])
        more = f" and {len(one.places) - PLACES_SHOWN_MAX} more" * (len(one.places) > PLACES_SHOWN_MAX)
        yield f"  * {places}{more}: {one.text}"
        if one.remedy:
            yield f"    way out: {one.remedy}"
    yield ""


def _row(name: str, *values: object) -> str:
    return f"  {name.ljust(_WIDTH)} {' '.join(str(one) for one in values)}".rstrip()


def _build(title: str, build: Build) -> Iterator[str]:
    yield title
    yield _row("dungeonfighter", build.package)
    yield _row("Python", build.python)
    yield from _wrapped("packages", (f"{name}={version}" for name, version in build.packages.items()))
    yield _row("system", f"{build.system}, kernel {build.kernel}, {build.machine}, {build.libc}")
    yield _row("cores", build.cores)


def _settings(title: str, settings: Sequence[ShownSetting]) -> Iterator[str]:
    """Describe the settings that were given, one in a row, and the others together."""
    yield title
    for one in settings[:_ROWS_MAX]:
        if one.source != "default":
            yield _row(one.name, one.value or "not set", f"({_source(one.source)})")
    defaults = [f"{one.name}={one.value}" for one in settings if one.source == "default" and one.value]
    unset = [one.name for one in settings if one.source == "default" and not one.value]
    yield from _wrapped("default", defaults)
    yield from _wrapped("not set", unset)


def _wrapped(title: str, words: Iterable[str], mark: str = "") -> Iterator[str]:
    """Write words with `mark` and a space between them, on as many rows as they need."""
    row = ""
    for word in words:
        row += f"{mark} " if row else ""
        if len(row) + len(word) > _WORDS_CHARS_MAX and row:
            yield _row(title, row)
            title, row = "", ""
        row += word
    if row:
        yield _row(title, row)


def _source(name: str) -> str:
    kind = "file" if name.endswith(("-file", "_FILE")) else "flag" if name.startswith("-") else "environment"
    return f"{kind} {name}"


def _server(answers: ServerAnswers) -> Iterator[str]:
    yield f"server {answers.url}"
    if not answers.is_reached:
        yield _row("state", "not reached")
    if answers.health is not None:
        yield _row("state", f"{answers.health.status}, store {answers.health.store or 'unknown'}")
    if answers.clock is not None:
        yield _row("clock", _clock(answers.clock))
    yield from _metrics(answers.metrics)
    report = answers.report
    if report is None:
        yield _row("report", "none")
        yield ""
        return
    yield _row("instance", report.instance)
    if report.redis:
        yield _row("Redis", f"{report.redis}, {_redis_state(report)}")
    if report.parent is not None:
        yield _row("parent", f"pid {report.parent.pid}, since {moment(report.parent.started_at)}")
    yield ""
    for process in report.processes[:_ROWS_MAX]:
        yield from _process(process)
    yield from _build(f"software of {answers.url}", report.build)
    yield from _settings(f"settings of {answers.url}", report.settings)
    yield ""
    if report.database is not None:
        yield from _database(f"database of {answers.url}, seen from there", report.database)
    yield from _troubles(answers.url, report)


def _metrics(metrics: dict[str, float]) -> Iterator[str]:
    """Describe the counters since the server began."""
    for name, what in (("mcp_commit_seconds", "commits"), ("mcp_response_time_seconds", "answers")):
        count = metrics.get(f"{name}_count", 0.0)
        if count:
            yield _row(what, f"{count:.0f}, mean {span(metrics.get(f'{name}_sum', 0.0) / count)}")
    counters = {name: value for name, value in metrics.items() if name.endswith("_total")}
    yield from _wrapped("counters", (f"{name} {number(value)}" for name, value in counters.items()), ",")


def _redis_state(report: ServerReport) -> str:
    states = {one.gauges.get("mcp_redis_up") for one in report.processes}
    return "answers" if states == {1} else "unknown" if states == {None} else "does not answer"


def _process(process: ProcessReport) -> Iterator[str]:
    used = process.resources
    yield "process" if process.worker is None else f"worker {process.worker}"
    yield _row("pid", f"{process.pid}, since {moment(process.started_at)}, release {process.version}")
    yield _row("state", "draining" if process.is_draining else "serving")
    yield _row("connections", f"{process.connections} of at most {process.connections_max}")
    yield _row("open files", f"{used.files_open} of {used.files_soft_max} (hard limit {used.files_hard_max})")
    limit = f" of {size(used.memory_bytes_max)}" if used.memory_bytes_max else ""
    yield _row(
        "memory", f"{size(used.memory_bytes)}{limit}, {used.threads} threads, {span(used.cpu_seconds)} of CPU"
    )
    queues = list(process.queues.items())[:_ROWS_MAX]
    yield from _wrapped("queues", (f"{name} {length}" for name, length in queues), ",")
    gauges = list(process.gauges.items())[:_ROWS_MAX]
    yield from _wrapped("gauges", (f"{name}={number(value)}" for name, value in gauges))
    if process.loop_turns is not None:
        yield _row("event loop latency", _trips(process.loop_turns))
    yield _row("reads from the store", process.store_trouble or _trips(process.store_reads))
    yield ""


def _database(title: str, report: DatabaseReport) -> Iterator[str]:
    yield title
    yield _row("place", report.place)
    for trouble in report.troubles:
        yield _row("trouble", trouble)
    if report.schema is not None:
        yield _row("schema", _schema(report.schema))
    if report.round_trips is not None:
        yield _row("round trips", _trips(report.round_trips))
    if report.clock is not None:
        yield _row("clock", _clock(report.clock))
    if report.sqlite is not None:
        yield from _sqlite(report.sqlite)
    if report.postgres is not None:
        yield from _postgres(report.postgres)
    yield ""


def _schema(schema: Schema) -> str:
    missing = [*schema.missing, *schema.missing_indexes]
    fits = "does not fit" if schema.trouble or schema.missing else "fits"
    return f"{schema.found}, this release knows {schema.known}: {fits}" + (
        f", missing {', '.join(missing)}" if missing else ""
    )


def _sqlite(facts: SqliteFacts) -> Iterator[str]:
    yield _row("SQLite library", facts.library)
    mode = facts.journal_mode or "unknown"
    yield _row("file", f"{size(facts.file_bytes)} without its log, journal mode {mode}")
    yield _row("log (WAL)", size(facts.log_bytes))
    yield _row("file system", f"{facts.file_system or 'unknown'} on {facts.mount_point or 'unknown'}")
    yield _row("free", f"{size(facts.free_bytes)} of {size(facts.total_bytes)}")


def _postgres(facts: PostgresFacts) -> Iterator[str]:
    yield _row("PostgreSQL", facts.version, "through a pooler" if facts.is_pooler else "")
    yield _row("role", "standby" if facts.is_in_recovery else "primary")
    if facts.replay_lag_seconds is not None:
        yield _row("replayed", f"up to {span(facts.replay_lag_seconds)} ago")
    yield _row("encrypted", "yes" if facts.is_encrypted else "no")
    tables = f", in {facts.partitions} partitions" if facts.partitions else ""
    yield _row("size", f"{size(facts.database_bytes)}{tables}")
    connections = ", ".join(f"{count} of {name}" for name, count in facts.connections.items())
    yield _row("connections", f"{connections or 'none'}; {facts.connections_free} free")
    yield _row("oldest transaction", span(facts.oldest_transaction_seconds))
    yield _row("waiting for locks", facts.waiting_for_locks)
    yield from _wrapped("settings", (f"{name}={value}" for name, value in facts.settings.items()))
    for one in facts.standbys:
        lag = f"{size(one.lag_bytes)} behind"
        yield _row("standby", f"{one.name}: {one.state}, {one.sync_state or 'unknown'}, {lag}")
    if not facts.standbys:
        yield _row("standbys", "none")


def _troubles(url: str, report: ServerReport) -> Iterator[str]:
    yield f"last errors and warnings of {url}"
    sources: list[tuple[str, list[Trouble]]] = []
    if report.parent is not None:
        sources.append(("parent", report.parent.troubles))
    sources += [
        ("" if one.worker is None else f"worker {one.worker}", one.troubles) for one in report.processes
    ]
    found = [(trouble, source) for source, troubles in sources for trouble in troubles]
    for trouble, source in sorted(found, key=lambda one: one[0].at, reverse=True)[:_ROWS_MAX]:
        times = f" ({trouble.count} times since {moment(trouble.first_at)})" if trouble.count > 1 else ""
        yield f"  {moment(trouble.at)} {source} {trouble.level} {trouble.logger}: {trouble.message}{times}"
    if not found:
        yield "  none"
    yield ""


def _trips(trips: RoundTrips | None) -> str:
    if trips is None:
        return "none"
    return (
        f"min {span(trips.min_seconds)}, median {span(trips.median_seconds)}, max {span(trips.max_seconds)} "
        f"({trips.count} times)"
    )


def _clock(clock: ClockOffset) -> str:
    side = "ahead of" if clock.seconds > 0 else "behind"
    return f"{span(abs(clock.seconds))} {side} that of the asking machine, +- {span(clock.error_seconds)}"
