"""The stream of a bot is a contract with producers in any language: docs/ingress.md shows these vectors."""

from __future__ import annotations

import pytest

from dungeonfighter.ingress.partitions import stream_of


@pytest.mark.parametrize(
    ("bot", "stream"),
    [
        ("local/hero", 10),
        ("local/ada", 0),
        ("team-a/bot-1", 7),
        ("team-a/bot-2", 13),
        ("team-b/bot-1", 10),
    ],
)
def test_the_vectors_of_the_documentation(bot: str, stream: int) -> None:
    assert stream_of(bot) == stream
