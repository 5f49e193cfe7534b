"""Every regular expression takes linear time: a quadratic one would let one request hold up the server.

`WORST` lists each expression of the package with its worst case: a beginning, a repeated text, and an end
that lets it fail as late as possible. An expression that is not listed fails here. Each expression also gets
the repeated texts of the others. At these sizes a linear expression takes some milliseconds, and a quadratic
one exceeds the timeout of the test; no time is compared.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import pytest

from dungeonfighter import limits
from dungeonfighter.serving import known_heads
from tests.unit.house.expressions import Expression, all_expressions, other_ways

SECONDS_MAX: Final = 12


class Worst(NamedTuple):
    """The input of an expression: `begin`, `pump` up to `size` characters, `end`.

    `function` is the method of the compiled expression that the package calls.
    """

    function: str
    size: int
    begin: str = ""
    pump: str = "a"
    end: str = "!"

    def text(self) -> str:
        return self.begin + self.pump * (self.size // len(self.pump)) + self.end


BODY: Final = limits.body_bytes_max
HEAD: Final = limits.head_bytes_max
ANSWER: Final = 262_144
"""A client of ours reads at most this from a server that need not be ours."""
ARGUMENT: Final = 131_072
"""The longest argument of a command under Linux, and so the longest setting."""
PUMPS: Final = (
    " ",
    "\t",
    "\r\n",
    "\n",
    "a",
    "1",
    "a1",
    "1 ",
    "a ",
    "-",
    "_",
    "'",
    "`",
    "/:",
    "\u00e9",
    "\u0663",
)

WORST: Final = {
    ("origins", "'[a-z0-9_-]+(?:\\\\.[a-z0-9_-]+)*'"): Worst("fullmatch", HEAD, pump="a."),
    ("access.cross_origin", 'b"[!#$%&\'*+.^_`|~0-9A-Za-z-]{1,64}"'): Worst("fullmatch", HEAD),
    ("access.cross_origin", "b'forwarded|x-forwarded-.*|x-real-ip|via'"): Worst(
        "fullmatch", HEAD, "x-forwarded-", end=""
    ),
    ("bridge.numbers", "'e(\\\\d{1,15}) t(\\\\d{1,15})\\\\b'"): Worst("match", ANSWER, "e1 t", "1"),
    ("bots.gear", "'damage \\\\+(\\\\d+)% (with power|after a guard|in slot 1)'"): Worst(
        "match", ANSWER, "damage +", "1"
    ),
    ("bots.textview", "'\\\\be(\\\\d+) t(\\\\d+)\\\\b'"): Worst("search", ANSWER, "e", "1"),
    ("bots.textview", "'(?:item )?\\\\d+\\\\b'"): Worst("match", ANSWER, "item ", "1"),
    ("bots.textview", "'unequip (?:slot \\\\()?([a-z, ]+)'"): Worst("match", ANSWER, "unequip slot (", "a, "),
    ("bots.textview", "'equip (?:n \\\\()?(\\\\d+)(?:-(\\\\d+))?'"): Worst(
        "match", ANSWER, "equip n (", "1-"
    ),
    ("bots.bargains", "'\\\\d+'"): Worst("search", ANSWER),
    ("serving.known_heads", "b'\\\\r\\\\ncontent-length:[ \\\\t]*([^\\\\r\\\\n]*)'"): Worst(
        "finditer", HEAD, "\r\ncontent-length: 1", " ", "1\r\n"
    ),
    ("serving.known_heads", "b'\\\\r\\\\n%b:[ \\\\t]*([^\\\\r\\\\n]*)' % BOT_HEADER"): Worst(
        "finditer", HEAD, "\r\nmcp-param-bot-id: a", " ", "b\r\n"
    ),
    ("serving.known_heads", "b'[A-Za-z0-9._-]+'"): Worst("fullmatch", HEAD),
    (
        "serving.huge_pages",
        "'([0-9a-f]+)-([0-9a-f]+) rw-p \\\\S+ 00:00 0\\\\s*(?:\\\\[heap\\\\])?\\\\n'",
    ): Worst("fullmatch", HEAD, "0-0 rw-p a 00:00 0", " "),
    ("storage.saves_import.affixes", "'\\\\d{1,6}'"): Worst("search", 200, pump="1"),
    ("storage.saves_import.bot_names", "'[^A-Za-z0-9.-]+'"): Worst("sub", 1000, pump="a!", end=""),
    (
        "storage.saves_import.fields",
        "'\\\\s*[+-]?\\\\d{1,15}(?:\\\\.\\\\d{1,15})?\\\\s*'",
    ): Worst("fullmatch", 64, pump=" "),
    ("storage.saves_import.ledger", "'[A-Za-z_$][A-Za-z0-9_$]*'"): Worst("fullmatch", 64),
    ("storage.saves_import.vocabulary", "'[^a-z]+'"): Worst("sub", 200, pump="a!", end=""),
    ("storage.saves_import.vocabulary", "'[A-Za-z]+'"): Worst("findall", 200, pump="a "),
    ("limits", "'[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\\\Z'"): Worst("match", BODY),
    ("limits", "'[a-z0-9-]{1,32}\\\\Z'"): Worst("match", BODY),
    ("limits", "'[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}\\\\Z'"): Worst("match", BODY),
    ("mcp.addresses", r"b'(?:/mcp|/bots/([^/?#%]*)/mcp)(?:\\?[a-z=&]*)?'"): Worst(
        "fullmatch", HEAD, "/bots/"
    ),
    ("mcp.arguments", "'unknown field `(.*)`'"): Worst("search", BODY, pump="unknown field `", end=""),
    ("mcp.arguments", "'missing required field `(\\\\w+)`'"): Worst(
        "search", BODY, pump="missing required field `a", end=""
    ),
    ("mcp.arguments", "' - at `\\\\$\\\\.(\\\\w+)'"): Worst("search", BODY, pump=" - at `$", end=""),
    ("mcp.arguments", "'^[a-z0-9-]{1,32}\\\\Z'"): Worst("search", BODY),
    ("mcp.arguments", "_NO_CONTROLS"): Worst("search", BODY, pump="a\n", end="\x00"),
    ("mcp.media_types", "'q[ \\\\t]*=[ \\\\t]*0(?:\\\\.0{0,3})?'"): Worst("fullmatch", HEAD, "q", " ", "="),
    ("mcp.short_way", "f'^{limits.bot_id_pattern.pattern}'"): Worst("search", BODY),
    ("mcp.short_way", "b'\"[ !#-\\\\[\\\\]-~]*\"|0|-?[1-9][0-9]{0,14}'"): Worst(
        "fullmatch", BODY, begin='"', pump="a", end="!"
    ),
    (
        "mcp.batch_tools",
        "f'(?:{limits.bot_id_pattern.pattern.removesuffix(_END)}\\\\n)*{_END}'",
    ): Worst("match", BODY, pump="a" * 128 + "\n", end="a"),
    ("fleet.wire", "'<[^<>]*>'"): Worst("split", 4000, pump="<"),
    ("commands.fleet", "'(?:may act for|bots of this server are) ([\\\\w.-]+)\\\\*'"): Worst(
        "search", ARGUMENT, begin="may act for "
    ),
    ("replays.replay", "'^[0-9a-f]*$'"): Worst("search", BODY, pump="0"),
    ("replays.replay", "f'^([0-9a-f]{{{2 * limits.nonce_bytes}}})?$'"): Worst("search", BODY, pump="0"),
    ("replays.replay", "'^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'"): Worst("search", BODY),
    ("replays.replay", "'^[a-z0-9-]{0,64}$'"): Worst("search", BODY),
    ("trajectories.steps", "'^[0-9a-f]*$'"): Worst("search", BODY, pump="0"),
    ("commands.token", "'[0-9]{1,7}(\\\\.[0-9]{1,3})?'"): Worst("fullmatch", ARGUMENT, pump="1"),
    ("setting_values", "'[A-Za-z0-9._:/-]{1,64}'"): Worst("fullmatch", ARGUMENT),
    ("setting_values", "'[0-9]{1,9}'"): Worst("fullmatch", ARGUMENT, pump="1"),
    ("setting_values", "'[0-9]{1,6}(\\\\.[0-9]{1,3})?'"): Worst("fullmatch", ARGUMENT, pump="1"),
    ("setting_values", "'[0-9]{1,7}(\\\\.[0-9]{1,3})?'"): Worst("fullmatch", ARGUMENT, pump="1"),
    ("commands.token", "'([1-9][0-9]{0,5})([smhdw])'"): Worst("fullmatch", ARGUMENT, pump="1"),
    ("setting_values", "'[A-Za-z0-9.:_-]{1,255}'"): Worst("fullmatch", ARGUMENT),
    ("setting_values", "'[A-Za-z0-9._-]{1,128}'"): Worst("fullmatch", ARGUMENT),
    ("setting_values", "'(/[A-Za-z0-9._-]+)+'"): Worst("fullmatch", ARGUMENT, pump="/a"),
    ("setting_values", "'[\\\\s@?#]'"): Worst("search", ARGUMENT, end=""),
    ("telemetry.otlp_metrics", '\'([a-z_][a-z0-9_]*)="((?:[^"\\\\\\\\]|\\\\\\\\.)*)"\''): Worst(
        "findall", 4096, 'a="', "\\\\", ""
    ),
    ("storage.sql_files", "'^-- name: (\\\\w+)$'"): Worst("split", ARGUMENT, pump="-- name: a"),
    (
        "connection_strings",
        "'\\\\s*\\\\w+\\\\s*=\\\\s*(?:\\'(?:[^\\'\\\\\\\\]|\\\\\\\\.)*\\'|[^\\\\s;\\'\\\\\"][^\\\\s;]*)\\\\s+\\\\w+\\\\s*='",
    ): Worst("match", ARGUMENT, "a='", "\\a", ""),
    (
        "connection_strings",
        "\"\\\\s*(\\\\w+)\\\\s*=\\\\s*(?:'((?:[^'\\\\\\\\]|\\\\\\\\.)*)'(?=\\\\s|\\\\Z)|((?:[^\\\\s\\\\\\\\']|\\\\\\\\.)*)(?=\\\\s|\\\\Z))\"",
    ): Worst("match", ARGUMENT, "a=", "\\a", "'"),
    (
        "connection_strings",
        "'[\\\\s;]*+((?:[^=;]|==)++)=(?!=)\\\\s*(?:\"((?:[^\"]|\"\")*)\"\\\\s*(?=;|\\\\Z)|\\'((?:[^\\']|\\'\\')*)\\'\\\\s*(?=;|\\\\Z)|([^;]*))'",
    ): Worst("match", ARGUMENT, "a", " ", "b"),
    ("connection_strings", "'\\\\s*[A-Za-z][\\\\w ]*='"): Worst("match", ARGUMENT, "a", " ", "!"),
    ("connection_strings", "'[^/].*\\\\.db:|.*[\\\\0\\\\n]'"): Worst("match", ARGUMENT, "a", ".db", "!"),
    ("connection_strings", "'\\\\\\\\(.)'"): Worst("sub", ARGUMENT, "", "\\", "!"),
    ("connection_strings", "'\\\\[([^\\\\]]*)\\\\](?::(.+))?'"): Worst("fullmatch", ARGUMENT, "[", "a", "!"),
    ("connection_strings", "'[A-Za-z0-9_.-]{1,255}'"): Worst("fullmatch", ARGUMENT, "", "a", "!"),
    ("connection_strings", "'[\\\\s_]'"): Worst("sub", ARGUMENT, "", " ", "!"),
    ("connection_strings", "'(?<=[a-z])(?=[A-Z])'"): Worst("sub", ARGUMENT, "", "aA", "!"),
    ("connection_strings", "'[0-9]{1,5}'"): Worst("fullmatch", ARGUMENT, "", "1", "!"),
    ("connection_strings", "'[A-Za-z][A-Za-z0-9_ ]{0,40}'"): Worst("fullmatch", ARGUMENT, "", "a ", "!"),
    ("hosting.rows", "'[\\ud800-\\udfff]'"): Worst("search", ARGUMENT, "", "a", "!"),
    (
        "storage.postgres_indexes",
        "'^create index concurrently if not exists (\\\\w+) on (\\\\w+)\\\\b'",
    ): Worst("search", ARGUMENT, "", "create index concurrently if not exists a on ", "!"),
    (
        "storage.releases",
        "'v?(\\\\d+(?:\\\\.\\\\d+)*)(?:[-_.]?(dev|a|alpha|b|beta|c|rc|post)[-_.]?(\\\\d*))?(?:\\\\+[\\\\w.]+)?'",
    ): Worst("fullmatch", ARGUMENT, "v", "1.", "!"),
    ("storage.sql_files", "'((\\\\d{3})_\\\\w+)\\\\.sql\\\\Z'"): Worst("match", 255, "001_", "a", "!"),
    ("storage.sql_files", "'^-- compatible_from: (\\\\S+)$'"): Worst(
        "search", ARGUMENT, "", "-- compatible_from: a", "\n "
    ),
    ("storage.sql_files", "'^-- concurrently$'"): Worst("search", ARGUMENT, "", "-- concurrently", "!"),
    ("storage.sql_files", "'(?<=;)[ \\\\t]*$'"): Worst("split", ARGUMENT, "", " ", "!"),
    ("web.files", '\'(from "\\\\./|"static/)([a-z]+\\\\.[a-z]+)"\''): Worst(
        "sub", ARGUMENT, 'from "./', "a", "!"
    ),
    ("web.files", "'(/static/[a-z]{1,32})\\\\.[0-9a-f]{16}(\\\\.[a-z]{2,4})'"): Worst(
        "fullmatch", HEAD, "/static/a.", "0", "!"
    ),
    ("telemetry.hidden", None): Worst("sub", ARGUMENT, "://", "a"),
    ("telemetry.tokens", None): Worst("finditer", ARGUMENT, pump=" \n "),
    ("telemetry.log_lines", "'[A-Za-z0-9_./:@+-]{1,80}'"): Worst("fullmatch", BODY),
}
"""By module and source text of the expression; None stands for the only, long expression of a module."""


def worst_of(expression: Expression) -> Worst | None:
    module = expression.module.removeprefix("dungeonfighter.")
    return WORST.get((module, expression.written)) or WORST.get((module, None))


def worst_case_of(expression: Expression) -> Worst:
    worst = worst_of(expression)
    assert worst is not None, f"list it in WORST with its worst case: {expression}"
    return worst


def consume(pattern: re.Pattern[str], function: str, text: str) -> None:
    """Apply the expression to the whole text, as the package does."""
    if function == "sub":
        pattern.sub("", text)
    elif function in {"finditer", "findall", "split"}:
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, function)(text)


def given(pattern: re.Pattern[str] | re.Pattern[bytes], worst: Worst) -> None:
    text = worst.text()
    if isinstance(pattern.pattern, bytes):
        consume(pattern, worst.function, text.encode("latin-1", "replace"))  # type: ignore[arg-type]
    else:
        consume(pattern, worst.function, text)


@pytest.fixture
def pattern(expression: Expression) -> re.Pattern[str] | re.Pattern[bytes]:
    """Import the module of the expression: that may take seconds, and the limit does not include it."""
    return expression.compiled()


@pytest.mark.parametrize("expression", all_expressions(), ids=lambda one: f"{one.module}: {one.written[:40]}")
@pytest.mark.timeout(SECONDS_MAX, method="signal", func_only=True)
def test_every_expression_is_linear(
    expression: Expression, pattern: re.Pattern[str] | re.Pattern[bytes]
) -> None:
    worst = worst_case_of(expression)
    given(pattern, worst)
    for pump in PUMPS:
        given(pattern, Worst(worst.function, worst.size, worst.begin, pump))


def test_every_listed_expression_exists() -> None:
    there = {(one.module.removeprefix("dungeonfighter."), one.written) for one in all_expressions()}
    modules = {module for module, _ in there}
    assert not [key for key in WORST if key not in there and (key[1] is not None or key[0] not in modules)]


def test_no_module_hides_expressions() -> None:
    assert not other_ways()


@pytest.mark.timeout(SECONDS_MAX, method="signal")
@pytest.mark.parametrize("name", [b"Mcp-Param-Bot-Id", b"Content-Length", b"X-Other"])
def test_a_head_full_of_blanks_is_learned_or_not_in_one_pass(name: bytes) -> None:
    value = b"a" + b" " * (limits.head_bytes_max - 100) + b"b"
    known_heads.learn(b"POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n%b: %b\r\n\r\nhi" % (name, value), b"hi")


def test_a_length_with_more_digits_than_python_reads_is_not_learned() -> None:
    head = b"POST /mcp HTTP/1.1\r\nContent-Length: " + b"0" * 5000 + b"2\r\n\r\nhi"
    assert known_heads.learn(head, b"hi") is None


def test_blanks_around_a_value_are_not_part_of_it() -> None:
    before = b"POST /mcp HTTP/1.1\r\nMcp-Param-Bot-Id: \t"
    known = known_heads.learn(before + b"ada \t \r\nContent-Length:\t2 \r\n\r\nhi", b"hi")
    assert known is not None
    assert known.before == before
    assert known.between == b" \t \r\nContent-Length:\t"
    assert known.after == b" \r\n\r\n"
