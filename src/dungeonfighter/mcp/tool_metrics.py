"""The metrics of tools: calls by outcome, errors by code, the time of an answer, and its tokens.

One object of plain numbers for each tool (`ToolCounts`) holds them, so that the short way counts a turn in a
few instructions; the meter reads them on demand.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from dungeonfighter import errors
from dungeonfighter.hosting import instruments
from dungeonfighter.hosting.instruments import Counter, Histogram
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.mcp.answers import INTERNAL_ERROR, ProtocolError, ToolAnswer
from dungeonfighter.mcp.batch_tools import Stepped, StepResults

OTHER: Final = "other"
"""The label of requests that call no tool of this server."""
OUTCOMES: Final = ("ok", "repeated", "error")
_TEXT_CHARS_PER_TOKEN: Final = 2.47
_JSON_BYTES_PER_TOKEN: Final = 3.02
"""Measured over 900 turns of three policies against `telemetry.tokens`, which is far too slow to run for each
answer: the mean of a policy differs from these by 1 % at most."""


def _codes() -> tuple[str, ...]:
    """Return the code of each error that a caller can get."""
    codes = {errors.DungeonFighterError.code}
    found = [errors.DungeonFighterError]
    while found:
        kind = found.pop()
        found += kind.__subclasses__()
        codes.add(kind.code)
    return tuple(sorted(codes - {errors.SettingsError.code}))


class ToolCounts:
    """The counts of one tool since the start of the process.

    Attributes:
        ok, repeated, error: Calls by outcome; each step of `step_many` is a call.
        text_chars: The characters of answers without structure.
        json_bytes: The bytes of the structures of all other answers.
        seconds: Observes the time of each call over HTTP.
    """

    __slots__ = ("_errors", "error", "json_bytes", "ok", "repeated", "seconds", "text_chars")

    def __init__(self, seconds: Histogram, errors_by_code: Mapping[str, Counter]) -> None:
        self._errors = errors_by_code
        self.seconds = seconds
        self.ok = self.repeated = self.error = self.text_chars = self.json_bytes = 0

    def count(self, answer: ToolAnswer | ProtocolError, json_bytes: int | None = None) -> None:
        """Count an answer.

        Args:
            answer: The answer, or the error of a call that was refused.
            json_bytes: The bytes of its structure, where the caller has encoded it already.
        """
        if isinstance(answer, ProtocolError):
            self.error += 1
            self._count_error((answer.data or {}).get("code", _INTERNAL.get(answer.code)))
            return
        structured = answer.structured
        if structured is None:
            self.text_chars += len(answer.text)
        else:
            self.json_bytes += len(msgspec.json.encode(structured)) if json_bytes is None else json_bytes
        if isinstance(structured, StepResults):
            self._count_steps(structured)
        elif answer.is_error:
            self.error += 1
            self._count_error(structured.get("code") if isinstance(structured, dict) else None)
        elif answer.repeated:
            self.repeated += 1
        else:
            self.ok += 1

    def tokens(self) -> int:
        """Return the tokens that a model paid for the answers, by estimate."""
        return int(self.text_chars / _TEXT_CHARS_PER_TOKEN + self.json_bytes / _JSON_BYTES_PER_TOKEN)

    def _count_steps(self, answer: StepResults) -> None:
        codes = Tally(one.code for one in answer.results if not isinstance(one, Stepped))
        for code, count in codes.items():
            self._count_error(code, count)
        failed = codes.total()
        repeated = sum(one.repeated is True for one in answer.results if isinstance(one, Stepped))
        self.error += failed
        self.repeated += repeated
        self.ok += len(answer.results) - failed - repeated

    def _count_error(self, code: object, count: int = 1) -> None:
        counter = self._errors.get(code) if isinstance(code, str) else None
        if counter is not None:
            counter.add(count)


_INTERNAL: Final = {INTERNAL_ERROR: errors.DungeonFighterError.code}


class ToolMetrics:
    """The counts of all tools, registered with a meter.

    Args:
        meter: Creates and reads the instruments.
        tools: The names of the tools.
    """

    def __init__(self, meter: Meter, tools: Iterable[str]) -> None:
        names = [*tools, OTHER]
        errors_by_code = meter.counters(
            "mcp_errors_total", "Errors that callers got, by code.", "code", _codes(),
            'docs/tools.md, "Errors", has the codes. illegal_input, stale_turn and unknown_bot are mistakes '
            "of agents. store_unavailable and outcome_unknown come from the store; look at `mcp_store_up`. "
            "overloaded: see `mcp_rejected_total`. corrupt_state, internal: look at the log and report it.",
        )  # fmt: skip
        seconds = meter.histograms(
            "mcp_response_time_seconds",
            "Time from a whole POST to an MCP address until its answer is handed over.",
            "tool", names,
            "Alert on the share of answers below a bound (0.05 or 0.25), not on a quantile. If "
            "`mcp_commit_seconds` grew too, the store is slow; if not, the processors are busy or requests "
            "wait for each other.",
        )  # fmt: skip
        self._counts = {name: ToolCounts(seconds[name], errors_by_code) for name in names}
        called = {name: counts for name, counts in self._counts.items() if name != OTHER}
        meter.read_counters(
            "mcp_bot_interactions_total",
            "Calls of tools that were answered; each step of step_many is one.",
            ("tool", "outcome"),
            {
                (name, outcome): _reader(counts, outcome)
                for name, counts in called.items()
                for outcome in OUTCOMES
            },
            "`repeated`: clients did not get their answers in time and asked again. `error`: "
            "`mcp_errors_total` has the codes.",
        )
        meter.read_counters(
            "mcp_response_tokens_total",
            "Tokens that models pay for the answers of tools, estimated from their length.",
            ("tool",),
            {(name,): counts.tokens for name, counts in called.items()},
            "Divide it by the interactions for the price of a call. It rises when agents ask for view=json.",
        )

    def of(self, tool: object) -> ToolCounts:
        """Return the counts of a tool, or those of `OTHER`."""
        counts = self._counts.get(tool) if isinstance(tool, str) else None
        return self._counts[OTHER] if counts is None else counts


def _reader(counts: ToolCounts, outcome: str) -> instruments.Read:
    return lambda: getattr(counts, outcome)
