"""The fit of the capacity model, and the table that says how far its prediction is off."""

from __future__ import annotations

import msgspec
import pytest

from bench.capacity import Point, predict, table
from bench.machine import Machine

MACHINE = Machine(
    at="2026-01-02T03:04:05+00:00", version="abc1234", python="CPython 3.11.7", system="Linux",
    machine="x86_64", processor="Made-up CPU", cores=2, pinned=False, load_average=0.1, sqlite="3",
    packages={},
)  # fmt: skip
LOW = Point(8000, 400.0, 0.2, 0.1, 10.0, [])
HIGH = Point(40_000, 2000.0, 0.6, 0.3, 12.0, [])


def test_a_load_that_follows_the_model_is_predicted_exactly() -> None:
    target = Point(80_000, 4000.0, 1.1, 0.55, 35.0, [])
    found = predict(LOW, HIGH, target, 20.0, 2)
    assert found.server_cores == pytest.approx(1.1)
    assert found.utilisation == pytest.approx((1.1 + 0.55) / 2)
    assert found.fit.server_us_per_turn == pytest.approx(250.0)
    assert found.fit.error_percent_cpu == 0
    assert found.p99_ms == pytest.approx(found.fit.floor_ms + found.fit.scale_ms / (1 - found.utilisation))


def test_the_table_says_whether_the_prediction_holds() -> None:
    target = Point(80_000, 4000.0, 1.1, 0.55, 20.0, [])
    found = predict(LOW, HIGH, target, 20.0, 2)
    near = msgspec.structs.replace(found.fit, error_percent_p99=24.0)
    text = table([LOW, HIGH, target], found._replace(fit=near), 20.0, MACHINE)
    assert " ".join(text.split()).endswith("Both are within 25 %.")
    far = msgspec.structs.replace(found.fit, error_percent_p99=26.0)
    text = table([LOW, HIGH, target], found._replace(fit=far), 20.0, MACHINE)
    assert max(map(len, text.splitlines())) <= 110
    assert " ".join(text.split()).endswith("the p99 by 26 %. **The prediction is not within 25 %.**")


def test_a_prediction_beyond_saturation_is_without_bound() -> None:
    target = Point(400_000, 20_000.0, 2.0, 0.0, 5000.0, ["late"])
    found = predict(LOW, HIGH, target, 20.0, 2)
    assert found.fit.error_percent_p99 == 1e6
    assert "without bound" in table([LOW, HIGH, target], found, 20.0, MACHINE)


def test_equal_loads_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="different"):
        predict(LOW, LOW, HIGH, 20.0, 2)
