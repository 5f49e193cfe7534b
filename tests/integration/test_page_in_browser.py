"""The watch page in Chromium, before a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.server_process import ServerProcess
from tests.integration.browser import Browser, chromium

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_a_page_opens_without_errors(browser: Browser, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("#status[data-state=live]")
        assert page.title() == "DungeonFighter"
        assert page.errors() == []
