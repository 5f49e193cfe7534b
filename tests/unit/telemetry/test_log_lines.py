"""The lines of the log: one for each record, bounded, escaped, and without a text that a caller chose."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from dungeonfighter.errors import IllegalInput, StoreUnavailable
from dungeonfighter.telemetry.log_lines import (
    LINE_BYTES_MAX,
    EcsFormatter,
    JsonFormatter,
    StructuredFormatter,
    TextFormatter,
)
from tests.unit.telemetry.ecs_fields import OWN_FIELDS, problems_of

FORMATTERS = (TextFormatter(), JsonFormatter("one/0"), EcsFormatter("one/0"))
STRUCTURED = FORMATTERS[1:]
ODD = "a\nb\r\x00\x1b[31m\x7f\x85\u2028\u202e\udcff end"
SECRET = "word-of-a-player"


def record(message: str, *args: object, name: str = "dungeonfighter.x", **more: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "a.py", 1, message, args, None)
    made.__dict__.update(more)
    return made


def failing(error: BaseException, message: str = "it broke", **more: Any) -> logging.LogRecord:
    try:
        raise error
    except BaseException:  # noqa: BLE001 (every kind)
        made = record(message, **more)
        made.exc_info = sys.exc_info()
    return made


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_control_characters_are_escaped(formatter: logging.Formatter) -> None:
    line = formatter.format(record("%s", ODD))
    assert line.isprintable()
    assert line.encode()


@pytest.mark.parametrize("formatter", STRUCTURED)
def test_a_machine_reads_the_message_as_it_was(formatter: logging.Formatter) -> None:
    message = json.loads(formatter.format(record("%s \N{GRINNING FACE}", ODD)))["message"]
    assert message == ODD.replace("\udcff", "?") + " \N{GRINNING FACE}"


def test_a_traceback_of_a_text_log_cannot_look_like_another_line() -> None:
    head, *rest = TextFormatter().format(failing(OSError("x\n12:00:00 INFO    forged"))).splitlines()
    assert head.endswith(" WARNING it broke")
    assert rest
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == "    12:00:00 INFO    forged"


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("text", ["a" * 100_000, "\x00" * 100_000, "\N{GRINNING FACE}" * 20_000])
def test_long_lines_are_shortened(formatter: logging.Formatter, text: str) -> None:
    made = failing(OSError(text), text, action="turn", fields={"fleet": text, "bot": text})
    line = formatter.format(made)
    assert len(line.encode()) < LINE_BYTES_MAX
    if isinstance(formatter, StructuredFormatter):
        assert "characters left out]" in json.loads(line)["message"]


def test_a_shortened_traceback_keeps_its_end() -> None:
    def deep(level: int) -> None:
        if level == 0:
            raise OSError("the end")
        deep(level - 1)

    with pytest.raises(OSError, match="the end") as caught:
        deep(500)
    for formatter in FORMATTERS:
        assert "OSError: the end" in formatter.format(failing(caught.value))


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    "error", [ValueError(SECRET), KeyError(SECRET), IllegalInput(SECRET), UnicodeError(SECRET),
              ExceptionGroup("all", [ValueError(SECRET)]), json.JSONDecodeError(SECRET, SECRET, 0)]
)  # fmt: skip
def test_the_text_of_an_exception_that_may_quote_a_player_is_left_out(
    formatter: logging.Formatter, error: Exception
) -> None:
    broken = RuntimeError("known")
    broken.__cause__ = error
    for each in (error, broken):
        assert SECRET not in formatter.format(failing(each))


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_the_text_of_the_servers_own_errors_is_shown(formatter: logging.Formatter) -> None:
    assert "the disk is away" in formatter.format(failing(StoreUnavailable("the disk is away")))


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(
    "made",
    [
        record("dropped %r of %s", f"{SECRET} {SECRET}", "tools/call", name="mcp.server.runner"),
        record("wrong: %s", ValueError(f"a {SECRET}"), name="uvicorn.error"),
        record(f"Task exception was never retrieved\nfuture: <{SECRET}>", name="asyncio"),
    ],
)
def test_libraries_log_no_text_of_a_player(formatter: logging.Formatter, made: logging.LogRecord) -> None:
    assert SECRET not in formatter.format(made)


def test_libraries_log_plain_names() -> None:
    made = record("dropped %s after %d", "tools/call", 3, name="mcp.server")
    assert TextFormatter().format(made).endswith("dropped tools/call after 3")


def test_a_wrong_log_call_does_not_raise() -> None:
    assert TextFormatter().format(record("%d of %d", "x")).endswith("%d of %d")


RUN_ENDED = {
    "fleet": "local", "bot": "ada", "episode": 3, "mode": "casual", "ranked": False, "result": "won",
    "score": 87.0, "turns": 312, "seconds": 1.5,
}  # fmt: skip


def test_a_line_of_flat_json() -> None:
    made = record("run 3 ended", action="run-ended", fields=RUN_ENDED, trace_id="ab" * 16, span_id="cd" * 8)
    line = json.loads(JsonFormatter("one/0").format(made))
    expected = {"event": "run-ended", "seconds": 1.5, "bot": "ada", "score": 87.0, "trace_id": "ab" * 16}
    assert line.items() >= expected.items()
    assert line.items() >= {"level": "warning", "instance": "one/0", "message": "run 3 ended"}.items()


def test_a_line_of_ecs() -> None:
    made = record("run 3 ended", action="run-ended", fields=RUN_ENDED, trace_id="ab" * 16, span_id="cd" * 8)
    text = EcsFormatter("one/0").format(made)
    line = json.loads(text)
    assert (
        line["event"].items() >= {"action": "run-ended", "type": ["end"], "duration": 1_500_000_000}.items()
    )
    assert line["dungeonfighter"] == {name: value for name, value in RUN_ENDED.items() if name != "seconds"}
    assert '"score":87.0' in text, "a whole number would give the field another type"
    assert (line["trace"], line["span"]) == ({"id": "ab" * 16}, {"id": "cd" * 8})
    assert line["service"]["node"] == {"name": "one/0"}
    assert line["ecs"] == {"version": "9.4.0"}


def test_ecs_lines_use_the_listed_fields_in_their_types_as_nested_objects() -> None:
    formatter = EcsFormatter("one/0")
    slow = {"fleet": "local", "bot": "ada", "request": "play", "outcome": "ok", "seconds": 2.0}
    lines = [
        json.loads(formatter.format(made))
        for made in (
            record("plain"),
            failing(OSError(28, "No space left")),
            record("run 3 ended", action="run-ended", fields=RUN_ENDED),
            record("slow", action="slow-turn", fields=slow, trace_id="ab" * 16, span_id="cd" * 8),
        )
    ]
    assert [problem for line in lines for problem in problems_of(line, OWN_FIELDS)] == []
    assert len({line["event"]["id"] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"log.level": "info"}, "log.level: a dotted name"),
        ({"log": {"level": 3}}, "log.level: 3 is no keyword"),
        ({"message": {"text": "x"}}, "message.text: not a field"),
        ({"bot": "ada"}, "bot: not a field"),
        ({"error": "broken"}, "error: not a field"),
        ({"event": {"kind": "game"}}, "event.kind: 'game' is not allowed"),
        ({"dungeonfighter": {"bot": {"id.x": 1}}}, "dungeonfighter.bot.id.x: a dotted name"),
    ],
)
def test_wrong_ecs_lines_are_noticed(line: dict[str, Any], problem: str) -> None:
    assert problems_of(line, OWN_FIELDS) == [problem]
