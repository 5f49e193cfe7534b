"""What a server says when its drain begins."""

from __future__ import annotations

from dungeonfighter.serving.server import stopping_text


def test_a_drain_names_its_time_and_the_way_to_end_at_once() -> None:
    assert stopping_text(20.0).startswith("stopping: serving for 20 s more, then finishing")
    assert "serving" not in stopping_text(0.0)
    assert "again: at once" in stopping_text(0.0)
