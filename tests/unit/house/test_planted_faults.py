"""Each fault that `tests/mutants` plants names text that occurs exactly once in the sources."""

from __future__ import annotations

import pytest

from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.unit.house.sources import PACKAGE


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_names_text_that_occurs_once(fault: Fault) -> None:
    assert (PACKAGE / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
