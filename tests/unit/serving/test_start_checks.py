"""The checks of a start that need no server."""

from __future__ import annotations

import sys

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.serving.composition import STORES, make_redis
from dungeonfighter.serving.redis_leases import RedisLeases
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.serving.start_checks import Finding, check_redis, findings, read_checked_settings
from dungeonfighter.settings import Settings, read_settings

REDIS = {"REDIS_CONNECTION_STRING": "redis://user:s3cret@127.0.0.1:9/0"}


async def test_without_redis_there_is_no_finding_about_it() -> None:
    assert await check_redis(Settings()) is None
    assert len(findings(Settings(), None)) == 3


async def test_redis_that_is_away_is_named_without_its_password() -> None:
    found = await check_redis(read_settings({}, REDIS))
    assert found is not None
    assert not found.is_good
    assert found.text.startswith("Redis: 127.0.0.1:9 does not answer (ConnectionError)")
    assert "s3cret" not in found.text


@pytest.mark.parametrize("end", ["/zero", "/0?strange=1", "/0?health_check_interval=often"])
async def test_redis_with_a_url_that_the_driver_refuses_is_a_warning(end: str) -> None:
    url = f"redis://127.0.0.1:9{end}"
    found = await check_redis(read_settings({}, {"REDIS_CONNECTION_STRING": url}))
    assert found is not None
    assert not found.is_good
    leases = RedisLeases(url, prefix="", replica="a", replicas=1, place="here")
    assert await leases._ask({"fleet a": 1.0}) == {}


async def test_a_missing_package_is_no_reason_not_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis", "redis.asyncio", "redis.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "dungeonfighter.serving.redis_leases", raising=False)
    settings = read_settings({}, REDIS)
    assert make_redis(settings, Secrets(settings, {}, REDIS)) is None
    found = await check_redis(settings)
    assert found is not None
    assert "pip install '.[redis]'" in found.text


def test_the_connections_of_each_worker_are_named() -> None:
    (files,) = [found.text for found in findings(Settings(workers=3), None) if "files" in found.text]
    assert files.endswith("connections of each worker")
    assert Finding(True, "settings: valid") in findings(Settings(), None)


@pytest.mark.parametrize(
    ("flags", "environ", "given_by"),
    [
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, "OTEL_EXPORTER_OTLP_ENDPOINT: "),
        ({"otlp_endpoint": "http://127.0.0.1:9"}, {}, "--otlp-endpoint: "),
    ],
)
def test_missing_packages_of_traces_are_a_problem_of_the_start_like_the_others(
    flags: dict[str, str], environ: dict[str, str], given_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError) as caught:
        read_checked_settings({"database": "memory://", "port": "0", **flags}, environ, STORES)
    (problem,) = caught.value.problems
    assert problem.startswith(given_by)
    assert "pip install '.[traces]'" in problem


def test_where_traces_are_sent_is_named() -> None:
    settings = read_settings({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    texts = [found.text for found in findings(settings, None)]
    assert "traces: 0.01 of the calls to http://127.0.0.1:9 (http/protobuf)" in texts
