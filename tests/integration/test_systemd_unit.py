"""The unit in deploy/systemd passes systemd's own checks, and its times fit those of the server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dungeonfighter import limits
from dungeonfighter.serving.server import FINISH_SECONDS_MAX, SPARE_SECONDS
from dungeonfighter.serving.signals import CLOSE_SECONDS
from dungeonfighter.serving.supervisor import PAUSE_SECONDS_MAX
from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import read_settings
from tests.parts import program
from tests.unit.house.sources import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNIT = (FOLDER / "dungeonfighter.service").read_text(encoding="utf-8")
POSTGRESQL = (FOLDER / "postgresql.conf").read_text(encoding="utf-8")
PROGRAM = "/usr/local/lib/dungeonfighter/bin/dungeonfighter"
EXPOSURE_MAX = 1.5


def values(name: str, text: str = UNIT) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def environment(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for line in values("Environment", text) for word in line.split())


@pytest.fixture(params=["alone", "with PostgreSQL"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit in a folder of its own; the program that it starts is one of this machine."""
    path = tmp_path / "dungeonfighter.service"
    assert f"ExecStart={PROGRAM} serve\n" in UNIT
    path.write_text(UNIT.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    if request.param != "alone":
        (tmp_path / "dungeonfighter.service.d").mkdir()
        (tmp_path / "dungeonfighter.service.d" / "postgresql.conf").write_text(POSTGRESQL, encoding="utf-8")
    return path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    found = program("systemd-analyze", part="systemd")
    return subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.long
def test_systemd_accepts_the_unit_without_a_word(unit: Path) -> None:
    verified = analyze("verify", unit)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.long
def test_systemd_finds_the_sandbox_tight(unit: Path) -> None:
    threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
    rated = analyze("security", "--offline=true", "--no-pager", threshold, unit)
    assert rated.returncode == 0, rated.stdout
    assert "Overall exposure level for dungeonfighter.service" in rated.stdout


@pytest.mark.parametrize("text", [UNIT, POSTGRESQL], ids=["unit", "postgresql"])
def test_the_variables_of_the_unit_are_settings(text: str) -> None:
    known = {name for field in FIELDS for name in field.all_variables}
    assert {name for name in environment(text) if not name.startswith("PYTHON")} <= known


def test_systemd_waits_longer_than_a_drain_and_a_start_may_take() -> None:
    settings = read_settings({}, {k: v for k, v in environment(UNIT).items() if not k.startswith("PYTHON")})
    drain = (
        settings.drain_seconds + FINISH_SECONDS_MAX + SPARE_SECONDS
        + limits.commit_timeout_seconds + CLOSE_SECONDS + PAUSE_SECONDS_MAX
    )  # fmt: skip
    assert drain < float(values("TimeoutStopSec")[0])
    assert settings.drain_seconds > 0
    assert float(values("WatchdogSec")[0]) > 10
    assert values("Type") == ["notify"]


def test_the_state_is_where_the_unit_may_write() -> None:
    database = read_settings({}, {"DB_CONNECTION_STRING": environment(UNIT)["DB_CONNECTION_STRING"]}).database
    assert Path(database.path).parent == Path("/var/lib") / values("StateDirectory")[0]
    assert values("DynamicUser") == ["yes"]


def test_the_connection_string_of_postgresql_is_a_credential() -> None:
    assert environment(POSTGRESQL) == {"DB_CONNECTION_STRING": "", "DB_CONNECTION_STRING_FILE": "%d/db"}
    assert values("LoadCredential", POSTGRESQL) == ["db:/etc/dungeonfighter/db"]
