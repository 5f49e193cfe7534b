"""The three forms of a line of the log: text for people, flat JSON, and JSON in the Elastic Common Schema.

A line has at most `LINE_BYTES_MAX` bytes, so that the kernel writes it whole: the lines of several workers
that share a pipe never mix. Longer ones are shortened field by field. Control characters, line separators and
characters that turn the direction of the text are written as escapes.

No line shows a value that a caller chose. The texts of exceptions that quote values are left out, and so are
odd arguments of the log calls of libraries.

Source: docs/logs.md; docs/decisions/033-logs.md.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import time
import traceback
from collections.abc import Iterator
from typing import Any, Final

from dungeonfighter import __version__
from dungeonfighter.errors import BadInput

LINE_BYTES_MAX: Final = 4096
"""The size of a write to a pipe that is atomic on Linux (PIPE_BUF), the line feed included."""
ECS_VERSION: Final = "9.4.0"
NAMESPACE: Final = "dungeonfighter"
"""The object of the fields that are not in the Elastic Common Schema, and the name of the service."""
DATASET: Final = "dungeonfighter.log"
_SHORTEST: Final = 48
_FRAMES_MAX: Final = 20
_CAUSES_MAX: Final = 4
_EVENT_TYPES: Final = {"run-started": ["start"], "run-ended": ["end"]}
_SPEAKING: Final = (
    OSError, RuntimeError, TypeError, AttributeError, NameError, AssertionError, ArithmeticError, ImportError,
    MemoryError, IndexError, SyntaxError, EOFError, Warning,
)  # fmt: skip
"""The exceptions whose texts quote no values of callers, as those of `ValueError` and `KeyError` do."""
_OWN: Final = "dungeonfighter"
_SPEAKING_MODULES: Final = (_OWN, "apsw")
_plain: Final = re.compile(r"[A-Za-z0-9_./:@+-]{1,80}").fullmatch
_dumps: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def escaped(text: str) -> str:
    """Return a text on one line: every character that does not print is an escape, as in Python."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def message_of(record: logging.LogRecord) -> str:
    """Return the message of a record; a wrong log call gives the message without its arguments.

    The records of libraries keep only arguments that are numbers or plain names. What asyncio writes behind
    its first line is the `repr` of tasks and exceptions, so it is left out.
    """
    args: Any = record.args
    if not _is_own(record.name):
        if record.name == "asyncio":
            return str(record.msg).partition("\n")[0]
        args = tuple(map(_without_values, args)) if isinstance(args, tuple) else args
    try:
        return str(record.msg) % args if args else str(record.msg)
    except Exception:  # noqa: BLE001 (a wrong log call must not raise in its caller)
        return str(record.msg)


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in {_OWN, "root", "stderr", "py"}


def _without_values(argument: object) -> object:
    if isinstance(argument, int | float) or _plain(str(argument)):
        return argument
    return f"<{type(argument).__name__}>"


def text_of(error: BaseException) -> str:
    """Return the text of an exception, unless its kind may quote what a caller sent."""
    speaks = isinstance(error, _SPEAKING) or type(error).__module__.partition(".")[0] in _SPEAKING_MODULES
    return str(error) if speaks and not isinstance(error, BadInput) else ""


def type_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def stack_of(error: BaseException) -> str:
    """Return the traceback of an exception and of those that caused it, the first cause first."""
    lines: list[str] = []
    for number, one in enumerate(reversed(list(_chain(error)))):
        if number:
            lines.append("which led to:\n")
        lines += traceback.format_tb(one.__traceback__, -_FRAMES_MAX)
        lines.append(f"{_headline(one)}\n")
        if isinstance(one, BaseExceptionGroup):
            lines += [f"  with {_headline(each)}\n" for each in one.exceptions[:_CAUSES_MAX]]
    return "".join(lines)


def _headline(error: BaseException) -> str:
    if not str(error):
        return type_of(error)
    return f"{type_of(error)}: {text_of(error) or '(its text may quote a caller and is left out)'}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if following is None:
            return
        yield following
        context = None if following.__suppress_context__ else following.__context__
        following = following.__cause__ or context


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


class TextFormatter(logging.Formatter):
    """Formats a record for people; a traceback follows on lines of its own, each indented by four blanks."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname:7} {escaped(message_of(record))}"
        trace = getattr(record, "trace_id", "")
        if trace:
            line += f" (trace {trace})"
        error = _error_of(record)
        if error is None:
            return _cut(line, LINE_BYTES_MAX - 1)
        line = _cut(line, LINE_BYTES_MAX // 4)
        stack = [f"    {escaped(one)}" for one in stack_of(error).splitlines()]
        room = LINE_BYTES_MAX - 1 - len(line.encode())
        kept: list[str] = []
        for one in reversed(stack):
            shown = _cut(one, room // 2)
            room -= len(shown.encode()) + 1
            if room < _SHORTEST:
                kept.append("    ...")
                break
            kept.append(shown)
        return "\n".join([line, *reversed(kept)])


def _cut(line: str, most: int) -> str:
    """Shorten a line to a number of bytes, without half characters."""
    raw = line.encode("utf-8", "backslashreplace")
    return line if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "..."


class StructuredFormatter(logging.Formatter):
    """Formats a record as one line of JSON in ASCII; subclasses choose the fields.

    Args:
        instance: The name of this process.
    """

    def __init__(self, instance: str) -> None:
        super().__init__()
        self.instance = instance
        self._second = -1
        self._clock = ""

    def format(self, record: logging.LogRecord) -> str:
        return encoded(self.document(record))

    def document(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line."""
        raise NotImplementedError

    def time_of(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._clock}.{int(record.msecs):03d}Z"


class JsonFormatter(StructuredFormatter):
    """Formats a record as flat JSON: `time` (UTC), `level`, `logger`, `message`, `instance`, its fields."""

    def document(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = {
            "time": self.time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
            "instance": self.instance,
        }
        given = record.__dict__
        if "action" in given:
            line["event"] = given["action"]
            line |= given["fields"]
            if "seconds" in line:
                line["seconds"] = round(line["seconds"], 6)
        for name in ("trace_id", "span_id"):
            if name in given:
                line[name] = given[name]
        error = _error_of(record)
        if error is not None:
            line["error"] = stack_of(error)
        return line


class EcsFormatter(StructuredFormatter):
    """Formats a record in the Elastic Common Schema: nested objects, other fields below `dungeonfighter`.

    `event.id` names a line: shippers that send it twice can use it as the id of the document.

    Source: Elastic Common Schema 9.4, docs/logs.md.
    """

    def __init__(self, instance: str) -> None:
        super().__init__(instance)
        self._process = os.urandom(8).hex()
        self._numbers = itertools.count(1)

    def document(self, record: logging.LogRecord) -> dict[str, Any]:
        number = next(self._numbers)
        event: dict[str, Any] = {
            "kind": "event",
            "dataset": DATASET,
            "id": f"{self._process}-{number}",
            "sequence": number,
        }
        line: dict[str, Any] = {
            "@timestamp": self.time_of(record),
            "log": {"level": record.levelname.lower(), "logger": record.name},
            "message": message_of(record),
            "ecs": {"version": ECS_VERSION},
            "service": {"name": NAMESPACE, "version": __version__, "node": {"name": self.instance}},
            "process": {"pid": record.process or 0},
            "event": event,
        }
        given = record.__dict__
        if "action" in given:
            _add_event(line, event, given["action"], given["fields"])
        if "trace_id" in given:
            line["trace"], line["span"] = {"id": given["trace_id"]}, {"id": given["span_id"]}
        error = _error_of(record)
        if error is not None:
            line["error"] = {
                "type": type_of(error),
                "message": text_of(error),
                "stack_trace": stack_of(error),
            }
        return line


def _add_event(line: dict[str, Any], event: dict[str, Any], action: str, fields: dict[str, Any]) -> None:
    event["action"] = action
    event["type"] = _EVENT_TYPES.get(action, ["info"])
    own = dict(fields)
    seconds = own.pop("seconds", None)
    if seconds is not None:
        event["duration"] = round(seconds * 1_000_000_000)
    outcome = own.get("outcome")
    if outcome is not None:
        event["outcome"] = "success" if outcome == "ok" else "failure"
    line[NAMESPACE] = own


def encoded(document: dict[str, Any]) -> str:
    """Return one line of JSON in ASCII without its line feed, below `LINE_BYTES_MAX`; shorten long texts.

    Half of a surrogate pair, which no other program can read, becomes a question mark.
    """
    line = _dumps(document)
    if "\\ud" in line:
        document = json.loads(line, object_hook=_readable)
        line = _dumps(document)
    if len(line) < LINE_BYTES_MAX:
        return line
    return _shortened(document)


def _readable(document: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in document.items()
    }


def _shortened(document: dict[str, Any]) -> str:
    """Halve the longest text until the line fits; a traceback keeps its end, another text its beginning."""
    texts = list(_texts(document))
    kept = [len(holder[name]) for holder, name in texts]
    whole = [holder[name] for holder, name in texts]
    while len(line := _dumps(document)) >= LINE_BYTES_MAX:
        longest = max(range(len(texts)), key=kept.__getitem__)
        if kept[longest] <= _SHORTEST:
            break
        kept[longest] //= 2
        holder, name = texts[longest]
        size, text = kept[longest], whole[longest]
        is_stack = name in {"stack_trace", "error"}
        mark = f"[{len(text) - size} characters left out]"
        holder[name] = f"{mark} {text[-size:]}" if is_stack else f"{text[:size]} {mark}"
    return line


def _texts(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for name, value in document.items():
        if isinstance(value, str):
            yield document, name
        elif isinstance(value, dict):
            yield from _texts(value)
