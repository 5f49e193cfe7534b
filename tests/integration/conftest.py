"""The surroundings of the integration tests: a PostgreSQL server per module, both kinds of database, and one
container engine for all tests that need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.postgres_server import PostgresServer, running_server
from tests.integration.containers import Engine, engine
from tests.integration.podman import Podman, podman


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of containers first, so that pytest-xdist gives them to one process, with one image."""
    items.sort(key=lambda item: "docker" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """An engine with the image of this tree."""
    with engine() as running:
        running.import_base()
        running.build_image()
        yield running


@pytest.fixture(scope="session")
def services(docker: Engine) -> Engine:
    """The engine, with stand-ins for the other images of `compose.yaml`, too."""
    docker.import_stand_ins()
    return docker


@pytest.fixture(scope="session")
def pods(docker: Engine) -> Iterator[Podman]:
    """Podman with the same image."""
    with podman(docker) as running:
        yield running


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The connection string of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/games.db"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.empty_database("games")
