"""The settings of an ingress, and whether docs/ingress.md says the same as the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.ingress.messages import DEAD_LETTER_BYTES_MAX, MESSAGE_BYTES_MAX, REASONS
from dungeonfighter.ingress.options import FIELDS, QUEUE_FIELDS, Options, read_options
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.setting_values import Address
from tests.unit.house.sources import ROOT

DOCUMENT = (ROOT / "docs" / "ingress.md").read_text("utf-8")
QUEUE = {"queue": "redis://127.0.0.1:6379/0"}


def test_flags_win_over_variables_and_files_hold_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("df_secret\n")
    environ = {
        "INGRESS_QUEUE": "redis://other",
        "INGRESS_PREFIX": "team-a:",
        "INGRESS_TOKEN_FILE": str(tmp_path / "token"),
        "INGRESS_LISTEN": "0.0.0.0:9000",
    }
    given = read_options(QUEUE, environ)
    assert given == Options(
        queue=QUEUE["queue"], prefix="team-a:", token="df_secret", listen=Address("0.0.0.0", 9000)
    )
    assert "secret" not in repr(given)


@pytest.mark.parametrize("text", ["amqp://user:pass@host:5672/", "amqps://host/", "rediss://host:6379/0"])
def test_the_kinds_of_queues(text: str) -> None:
    assert read_options({"queue": text}, {}).queue == text


@pytest.mark.parametrize("text", ["http://host", "amqp://", "redis:/host", "host:6379"])
def test_a_wrong_address_is_not_shown(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_options({"queue": f"{text}?password=secret", "lease_seconds": "0"}, {})
    assert len(refused.value.problems) == 2
    assert "secret" not in str(refused.value)


def test_the_queue_is_needed() -> None:
    with pytest.raises(SettingsError, match="--queue: say where"):
        read_options({}, {}, QUEUE_FIELDS)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.attribute)
def test_the_document_names_every_setting(field: object) -> None:
    [found] = [one for one in FIELDS if one is field]
    flag = found.file_flag if found.attribute == "token" else found.flags[0]
    [row] = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{flag}` |")]
    for variable in found.all_variables:
        assert f"`{variable}`" in row


def test_the_document_names_every_reason_and_bound() -> None:
    table = DOCUMENT.partition("## Dead letters")[2].partition("```")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == REASONS
    assert f"{MESSAGE_BYTES_MAX:,} bytes" in DOCUMENT
    assert f"{DEAD_LETTER_BYTES_MAX:,} bytes" in DOCUMENT


def test_the_document_has_right_streams() -> None:
    rows = re.findall(r"^\| ([\w/-]+) \| [0-9a-f]{8} \| `df:in:(\d+)` \|$", DOCUMENT, re.MULTILINE)
    assert len(rows) == 5
    assert [stream_of(bot) for bot, _ in rows] == [int(stream) for _, stream in rows]
