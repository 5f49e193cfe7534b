"""A store compares each of version, digest and tail of a write with the stored row."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.hosting.ports import Conflict, Store
from tests.contract.rows import after, digest_of, first


@pytest.mark.parametrize("other", ["version", "digest", "tail"])
async def test_a_write_from_a_row_that_differs_in_one_of_them_conflicts(store: Store, other: str) -> None:
    begun = first("local/a")
    await store.commit([begun])
    step = after(begun, b"next")
    if other == "version":
        later = msgspec.structs.replace(step.row, version=3)
        step = msgspec.structs.replace(step, row=later, from_version=2)
    elif other == "digest":
        step = msgspec.structs.replace(step, from_digest=digest_of(b"elsewhere"))
    else:
        step = msgspec.structs.replace(step, from_tail=step.from_tail[::-1])
    assert await store.commit([step]) == [Conflict(1, begun.row.digest)]
    (stored,) = await store.load(["local/a"])
    assert stored is not None
    assert (stored.version, stored.state) == (1, begun.row.state)
