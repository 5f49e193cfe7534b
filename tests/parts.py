"""Turns a missing part of the operating system into a skipped test; scripts in .ci/parts install parts."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from testkit import parts


def program(name: str, *, part: str) -> str:
    """Return the path of a program that a part installs; skip the test if the program is missing."""
    try:
        return parts.program(name, part=part)
    except parts.PartMissing:
        go_without(part)


def go_without(part: str) -> NoReturn:
    """Skip a test that needs this part, with the reason that .ci/run recorded.

    In CI a part without a recorded reason fails the test: .ci/run does not know that the part is missing, so
    no test is skipped unnoticed.
    """
    reasons = dict(line.split(": ", 1) for line in os.environ.get("PARTS_MISSING", "").splitlines())
    if part in reasons:
        pytest.skip(f"{part}: {reasons[part]}")
    if os.environ.get("CI"):
        pytest.fail(f"{part} is missing, and .ci/run does not know that it is; does it name the part?")
    pytest.skip(f"{part} is missing; .ci/parts/{part} installs it")
