"""The settings for people: every one is there, with its source, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from dungeonfighter.setting_fields import FIELDS, Field
from dungeonfighter.settings import Settings, read_settings
from dungeonfighter.telemetry.shown_settings import ShownSetting, shown_settings

STORES = ("sqlite", "postgresql")
SECRET = "planted-5d20"


def shown(flags: dict[str, str], environ: dict[str, str]) -> dict[str, ShownSetting]:
    settings = read_settings(flags, environ, stores=STORES)
    return {one.name: one for one in shown_settings(settings, flags, environ)}


def test_every_setting_is_there_with_its_default() -> None:
    found = shown({}, {})
    assert list(found) == [field.variables[0] for field in FIELDS]
    assert {one.source for one in found.values()} == {"default"}
    assert found["DUNGEONFIGHTER_PORT"].value == "8000"
    assert found["PUBLIC_URL"].value == ""


def test_each_source_is_named(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET * 3)
    found = shown(
        {"port": "9000", "redis_url_file": str(file_with(tmp_path, f"redis://:{SECRET}@cache:7000/0"))},
        {"DUNGEONFIGHTER_PORT": "1", "POD_NAME": "pod-7", "SIGNING_KEY_FILE": str(file)},
    )
    assert found["DUNGEONFIGHTER_PORT"] == ShownSetting("DUNGEONFIGHTER_PORT", "9000", "--port")
    assert found["INSTANCE_ID"] == ShownSetting("INSTANCE_ID", "pod-7", "POD_NAME")
    assert found["SIGNING_KEY"] == ShownSetting("SIGNING_KEY", "set", "SIGNING_KEY_FILE")
    redis = found["REDIS_CONNECTION_STRING"]
    assert (redis.value, redis.source) == ("cache:7000", "--redis-connection-string-file")


def file_with(folder: Path, text: str) -> Path:
    file = folder / "redis"
    file.write_text(text)
    return file


def test_no_secret_is_shown() -> None:
    environ = {
        "DB_CONNECTION_STRING": f"Host=db;Port=5555;Database=games;Username=me;Password={SECRET}",
        "READ_DB_CONNECTION_STRING": f"postgresql://me:{SECRET}@copy/games",
        "REDIS_CONNECTION_STRING": f"rediss://:{SECRET}@cache:6380/0",
        "SIGNING_KEY": SECRET * 3,
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "ADMIN_LISTEN": "[::1]:9000",
    }
    found = shown({}, environ)
    assert SECRET not in str(found)
    assert found["DB_CONNECTION_STRING"].value == "postgresql://db:5555/games, with a password"
    assert found["TRUSTED_PROXIES"].value == "10.0.0.0/8"
    assert found["ADMIN_LISTEN"].value == "::1:9000"


@pytest.mark.parametrize(
    "field", [field for field in FIELDS if field.is_secret], ids=lambda field: field.attribute
)
def test_every_secret_setting_is_hidden(field: Field) -> None:
    """A secret that is added to the settings is shown as set, or as a place without its password."""
    is_place = field.attribute.endswith(("database", "_url"))
    value = field.parse(f"redis://:{SECRET}@h/0") if field.attribute == "redis_url" else SECRET
    if is_place and field.attribute != "redis_url":
        value = field.parse(f"postgresql://me:{SECRET}@h/d")
    settings = replace(Settings(), **{field.attribute: value})
    (found,) = [one for one in shown_settings(settings, {}, {}) if one.name == field.variables[0]]
    assert found.value
    assert SECRET not in found.value


def test_headers_and_attributes_that_were_not_given_are_not_set() -> None:
    found = shown({}, {})
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"):
        assert found[name] == ShownSetting(name, "", "default")
    given = shown({}, {
        "OTEL_EXPORTER_OTLP_HEADERS": f"key={SECRET}", "OTEL_RESOURCE_ATTRIBUTES": "host.name=a,zone=b"
    })  # fmt: skip
    assert given["OTEL_EXPORTER_OTLP_HEADERS"].value == "set"
    assert given["OTEL_RESOURCE_ATTRIBUTES"].value == "host.name=a, zone=b"


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:9464", "/prometheus/metrics", "http://prometheus:9090", "http://h:1/api/v1/otlp/v1/metrics"],
)
def test_the_endpoint_of_metrics_is_shown_as_it_was_given(text: str) -> None:
    assert shown({}, {"PROMETHEUS_ENDPOINT": text})["PROMETHEUS_ENDPOINT"].value == text


def test_the_default_of_the_proxy_header_is_shown() -> None:
    assert shown({}, {})["PROXY_HEADER"].value == "x-forwarded-for"
