"""All faults that the tests must detect, by their description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.mutants import admission_faults, commit_faults, ingress_faults, run_faults
from tests.mutants.fault import Fault

FAULTS: Final[Mapping[str, Fault]] = {
    **commit_faults.FAULTS, **admission_faults.FAULTS, **run_faults.FAULTS, **ingress_faults.FAULTS,
}  # fmt: skip
