"""One checksum covers all stored columns of a row; stores compare the trail's end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import BadInput, Corrupt, StoreError
from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Conflict, Row, Won, Write
from dungeonfighter.hosting.rows import checked
from dungeonfighter.hosting.seal import sealed_row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.storage.memory import MemoryStore
from tests.rows import follow_up, unsealed
from tests.unit.hosting.hosts import KEY, MACE, replica, rules

TURNS = 70


@pytest.fixture(scope="module")
def book() -> ShippedRules:
    return ShippedRules([rules()])


async def played(host: BotHost, turns: int = TURNS) -> None:
    await host.start(KEY, MACE)
    for _ in range(turns):
        await host.play(KEY, "1")
    await host.set_directive(KEY, "be careful")


async def row_of(store: MemoryStore) -> Row:
    (row,) = await store.load([KEY])
    assert row is not None
    return row


def flipped(value: Any) -> Iterator[Any]:
    """Yield the value with each of its bits flipped, one at a time."""
    if isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(40))
        return
    raw = value.encode() if isinstance(value, str) else value
    for place in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        yield changed.decode(errors="surrogateescape") if isinstance(value, str) else bytes(changed)


COLUMNS = [name for name in Row.__struct_fields__ if name != "updated_at"]


@pytest.mark.parametrize("column", COLUMNS)
async def test_every_flipped_bit_of_a_row_is_noticed(column: str, book: ShippedRules) -> None:
    store = MemoryStore()
    await played(replica(store))
    row = await row_of(store)
    assert checked(KEY, row, book) is row
    unnoticed = []
    for value in flipped(getattr(row, column)):
        spoilt = msgspec.structs.replace(row, **{column: value})
        try:
            checked(KEY, spoilt, book)
        except Corrupt:
            continue
        unnoticed.append(value)
    assert not unnoticed


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "bot_id"])
async def test_a_bot_whose_row_does_not_check_stops_and_can_begin_anew(column: str) -> None:
    store = MemoryStore()
    await played(replica(store))
    row = await row_of(store)
    values = list(flipped(getattr(row, column)))
    for value in values[:: max(1, len(values) // 8)]:
        spoilt = msgspec.structs.replace(row, **{column: value})
        damaged = store.copy()
        damaged._rows[KEY] = spoilt
        host = replica(damaged)
        for _ in range(2):
            with pytest.raises(Corrupt):
                await host.play(KEY, "1")
        with pytest.raises(Corrupt):
            await host.read(KEY)
        assert (await host.start(KEY, MACE)).game.turn == 0
        assert (await host.play(KEY, "1")).game.turn == 1
        assert (await replica(damaged).play(KEY, "1", turn=1)).game.turn == 2


STORED_AS_BYTES = {"digest", "state", "trail"}
VALUES = [None, "a text", 1.5, b"bytes", -1, 2**63 - 1, -(2**63), "\udcff", b""]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (column, value)
        for column in COLUMNS[1:]
        for value in VALUES
        if column not in STORED_AS_BYTES or isinstance(value, bytes)  # stores give bytes there
    ],
)
async def test_a_run_begun_over_a_damaged_row_is_readable(column: str, value: object) -> None:
    """If the version is damaged, the start is refused; a start is never acknowledged and then lost."""
    store = MemoryStore()
    await played(replica(store), 3)
    store._rows[KEY] = msgspec.structs.replace(await row_of(store), **{column: value})
    host = replica(store)
    with pytest.raises((Corrupt, BadInput)) as caught:
        await host.read(KEY)
    assert isinstance(caught.value, Corrupt) or (column, caught.value.code) == ("state", "unknown_bot")
    try:
        await host.start(KEY, MACE)
    except Corrupt:
        assert column == "version"
        return
    await host.play(KEY, "1", turn=0)
    assert (await replica(store).play(KEY, "1", turn=1)).game.turn == 2


@pytest.mark.parametrize("value", [None, "a text", 1.5, b"bytes", -1])
@pytest.mark.parametrize("column", COLUMNS[1:])
async def test_a_value_of_another_type_is_reported_as_corrupt(
    column: str, value: object, book: ShippedRules
) -> None:
    """SQLite may return a value of any type."""
    store = MemoryStore()
    await played(replica(store), 3)
    row = msgspec.structs.replace(await row_of(store), **{column: value})
    with pytest.raises(Corrupt):
        checked(KEY, row, book)


async def test_a_reset_over_a_damaged_row_clears_the_directive_too() -> None:
    store = MemoryStore()
    await played(replica(store), 3)
    row = await row_of(store)
    store._rows[KEY] = msgspec.structs.replace(row, turn=row.turn + 1)
    assert (await replica(store).reset(KEY)).game.directive == ""


async def test_rows_without_a_seal_are_valid_and_sealed_with_their_next_write(book: ShippedRules) -> None:
    store = MemoryStore()
    await played(replica(store), 3)
    store._rows[KEY] = unsealed(await row_of(store))
    assert not trails.is_marked((await row_of(store)).trail)
    assert (await replica(store).play(KEY, "1", turn=3)).game.turn == 4
    assert trails.is_marked((await row_of(store)).trail)


async def test_servers_that_know_of_seals_and_those_that_do_not_write_side_by_side() -> None:
    """The test writes the rows of the other server: an update of all columns, without a seal."""
    store = MemoryStore()
    host = replica(store)
    await host.start(KEY, MACE)
    for turn in range(6):
        await host.play(KEY, "1", turn=turn * 2)
        row = await row_of(store)
        twin = store.copy()
        await replica(twin).play(KEY, "1", turn=turn * 2 + 1)
        assert await store.commit([after_old(row, await row_of(twin))]) == [Won()]
    answer = await host.play(KEY, "1", turn=11)
    assert (answer.game.turn, answer.repeated) == (12, True)


def after_old(row: Row, new: Row) -> Write:
    return Write(unsealed(new), row.version, row.digest, row.tail)


async def test_a_server_whose_lineage_was_lost_cannot_overwrite_the_trail_of_another() -> None:
    """Both lineages are at the same version and in the same state: only the operation ids differ."""
    lost = MemoryStore()
    await replica(lost).start(KEY, MACE)
    standing = lost.copy()
    stale = replica(lost)
    await stale.play(KEY, "1", turn=0)
    await replica(standing).play(KEY, "1", turn=0)
    rows = await row_of(lost), await row_of(standing)
    assert rows[0].digest == rows[1].digest
    assert rows[0].version == rows[1].version
    lost._rows = standing._rows  # the fail-over replaces the rows
    assert (await stale.play(KEY, "1", turn=1)).game.turn == 2
    assert stale.metrics.conflicts.value == 1
    ops = trails.decode((await row_of(lost)).trail).ops
    assert ops[:16] == trails.decode(rows[1].trail).ops


async def test_a_head_of_another_trail_grounds_no_answer() -> None:
    lost = MemoryStore()
    await replica(lost).start(KEY, MACE)
    standing = lost.copy()
    stale = replica(lost)
    await stale.set_directive(KEY, "of the lost lineage")
    await replica(standing).set_directive(KEY, "of the other")
    lost._rows = standing._rows
    assert (await stale.read(KEY)).directive == "of the other"


async def test_the_seal_is_part_of_what_a_store_compares() -> None:
    store = MemoryStore()
    await played(replica(store), 3)
    row = await row_of(store)
    write = follow_up(row, turn=row.turn + 1)
    other = msgspec.structs.replace(write, from_tail=bytes(len(row.tail)))
    assert await store.commit([other]) == [Conflict(row.version, row.digest)]
    assert await store.commit([write]) == [Won()]


def test_a_number_beyond_all_bounds_can_be_sealed() -> None:
    row = sealed_row(KEY, 2**62, b"", 2**62, 2**62, "", b"", trails.encode(trails.decode(b"")), "", 2**62)
    assert trails.is_marked(row.trail)


async def test_a_row_that_cannot_be_rewritten_is_reported() -> None:
    """A store that can read only the key of a row returns version -1."""
    store = MemoryStore()
    await played(replica(store), 1)
    store._rows[KEY] = Row(KEY, -1, b"", 0, 0, "", b"", b"")
    host = replica(store)
    with pytest.raises(Corrupt):
        await host.play(KEY, "1")
    with pytest.raises((Corrupt, StoreError)):
        await host.start(KEY, MACE)
