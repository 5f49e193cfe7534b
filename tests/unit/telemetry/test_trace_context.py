"""`traceparent` is read as W3C writes it; anything else is as if there were none."""

from __future__ import annotations

import pytest

from dungeonfighter.telemetry.trace_context import Parent, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "is_sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_a_parent_has_ids_and_a_flag(flags: str, is_sampled: bool) -> None:
    expected = Parent(bytes.fromhex(TRACE), bytes.fromhex(SPAN), is_sampled)
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}") == expected


def test_a_later_version_may_have_further_parts() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01-more-of-it") is not None
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01more") is None


@pytest.mark.parametrize(
    "value",
    [
        "", "00", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1", f"00-{TRACE}-{SPAN}-01-",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n", f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE[:-1]}\u0661-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 300}", None, 7, 0.5, True, [], {}, [f"00-{TRACE}-{SPAN}-01"],
    ],
)  # fmt: skip
def test_any_other_value_names_no_parent(value: object) -> None:
    assert parse_traceparent(value) is None
