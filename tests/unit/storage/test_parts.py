"""`in_parts` splits a large read."""

from __future__ import annotations

from itertools import chain

import pytest

from dungeonfighter.storage.parts import in_parts


@pytest.mark.parametrize("length", [0, 1, 7, 15, 16, 17, 64, 255, 256])
@pytest.mark.parametrize("most", [1, 2, 4])
def test_parts_are_the_whole_in_order(length: int, most: int) -> None:
    items = list(range(length))
    parts = in_parts(items, most)
    assert list(chain.from_iterable(parts)) == items
    assert 1 <= len(parts) <= most
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_few_items_stay_together_and_many_are_split() -> None:
    assert len(in_parts(range(15), 4)) == 1
    assert len(in_parts(range(16), 4)) == 2
    assert len(in_parts(range(64), 4)) == 4
