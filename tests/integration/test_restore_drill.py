"""The restore drill ends well on each store: `make restore-drill` runs it by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.restore_drill import STORES, run_drill


@pytest.mark.long
@pytest.mark.parametrize("store", sorted(STORES))
def test_bots_play_on_after_their_store_was_destroyed(store: str, tmp_path: Path) -> None:
    found = run_drill(store, tmp_path, bots=20, turns=400, show=print)
    print(*found.lines(), sep="\n")
    assert 0 < found.lost < found.acknowledged
