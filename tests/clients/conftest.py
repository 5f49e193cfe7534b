"""One real server for the clients of a module; each client plays a bot of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dungeonfighter.rules import Rules, load_rules
from testkit.server_process import ServerProcess


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), "memory://") as process:
        yield process
