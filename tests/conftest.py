"""For all tests: the settings of whoever runs them are not those of the servers that tests start."""

from __future__ import annotations

import os

from dungeonfighter.settings import FIELDS, NOT_YET


def pytest_configure() -> None:
    for name in (*(variable for field in FIELDS for variable in field.variables), *NOT_YET):
        os.environ.pop(name, None)
