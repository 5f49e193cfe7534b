"""JSON that is damaged or hostile is read as far as it can be, at a bounded cost."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest

from dungeonfighter import limits
from dungeonfighter.storage.saves_import.fields import ELEMENTS_MAX, Fields, elements, number_of
from dungeonfighter.storage.saves_import.hostile_json import BadSave, OddNumber, Pairs, parse
from dungeonfighter.storage.saves_import.ledger import SHOWN_CHARS_MAX, Ledger, child_path, shown
from dungeonfighter.storage.saves_import.vintages import recognise
from tests.unit.storage.save_samples import encoded, sample


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_encoding_and_line_end_is_read(mark: bytes, encoding: str, end: str) -> None:
    text = json.dumps(sample("v6") | {"name": "Zoë"}, indent=2, ensure_ascii=False).replace("\n", end)
    document = parse(mark + text.encode(encoding))
    assert document.repairs == ()
    assert dict(document.content)["name"] == "Zoë"


def test_bytes_that_are_no_utf_8_are_replaced_and_reported() -> None:
    document = parse(b'{"name": "Zo\xeb"}')
    assert document.content == [("name", "Zo\ufffd")]
    assert document.repairs == ("bytes that are no UTF-8, from byte 12 on, became U+FFFD",)


def test_a_padded_file_is_read_and_reported() -> None:
    document = parse(b'{"name": "Ada"}\0\0\0\n')
    assert document.content == [("name", "Ada")]
    assert len(document.repairs) == 1


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
        (bytes(4096), "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (encoded(sample("v6"))[:700], "no JSON"),
        (b"{'name': 1}", "no JSON"),
        (b'{"a": 1} {"b": 2}', "no JSON: Extra data in line 1, column 10"),
        (b"\x89PNG\r\n\x1a\n", "no JSON"),
        (b"[" * 100_000, "more than 64 arrays and objects"),
        (b'{"a":' * 50_000, "more than 64 arrays and objects"),
        (b"[" * 65 + b"]" * 65, "more than 64 arrays and objects"),
    ],
)
def test_other_bytes_are_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(BadSave, match=why):
        parse(raw)


def test_the_deepest_allowed_value_is_read() -> None:
    assert parse(b"[" * limits.json_depth_max + b"]" * limits.json_depth_max).content


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("-0.5", -0.5),
        ("999999999999999", 999999999999999),
        ("1" * 5000, float("inf")),
        ("-" + "1" * 20, float("-inf")),
        ("1e400", float("inf")),
        ("-1e400", float("-inf")),
        ("0." + "3" * 100, float("inf")),
        ("Infinity", float("inf")),
        ("NaN", None),
        ('"12"', 12),
        ('"1e5"', None),
        ("true", None),
        ("null", None),
        ("[]", None),
    ],
)
def test_a_number_of_any_kind_has_a_value_that_can_be_clamped(text: str, number: float | None) -> None:
    assert number_of(parse(text.encode()).content) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, 1),
        (None, None),
        ("a\ud800b", "a\\ud800b"),
        (OddNumber("1e400"), "1e400"),
        (Pairs([("a", [OddNumber("NaN"), {}])]), '{"a": ["NaN", {}]}'),
        ("x" * 1000, "x" * (SHOWN_CHARS_MAX - 1) + "…"),
    ],
)
def test_a_value_is_shown_as_json_accepts_it(value: Any, text: Any) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("", "name", "name"),
        ("a[1]", "$itemType", "a[1].$itemType"),
        ("a", "x y", 'a["x y"]'),
        ("", "", '[""]'),
    ],
)
def test_a_path_names_a_field(path: str, key: str, expected: str) -> None:
    assert child_path(path, key) == expected


def test_an_array_with_references_of_the_serializer_is_an_array() -> None:
    ledger = Ledger()
    fields = Fields(Pairs([("items", Pairs([("$id", "2"), ("$values", [1, 2])]))]), "", ledger)
    assert [each.path for each in elements(fields.take("items"), ledger, "items")] == [
        "items.$values[0]",
        "items.$values[1]",
    ]
    assert [each.path for each in ledger.dropped] == ["items.$id"]


def test_a_long_array_is_read_to_a_bound_and_the_rest_is_one_entry() -> None:
    ledger = Ledger()
    fields = Fields(Pairs([("items", [1] * (ELEMENTS_MAX + 3))]), "", ledger)
    assert len(list(elements(fields.take("items"), ledger, "items"))) == ELEMENTS_MAX
    assert [(each.path, each.why.partition(":")[0]) for each in ledger.dropped] == [
        ("items[2000]", "this and all 3 from here on")
    ]


def test_anything_else_is_no_array() -> None:
    ledger = Ledger()
    fields = Fields(Pairs([("items", "sword")]), "", ledger)
    assert list(elements(fields.take("items"), ledger, "items")) == []
    assert ledger.dropped[0].why == "it is no list of items"


def test_a_lab_file_whose_hero_is_no_json_is_refused() -> None:
    with pytest.raises(BadSave, match="no JSON"):
        recognise(Pairs([("characterJson", '{"name": ')]), Ledger())
