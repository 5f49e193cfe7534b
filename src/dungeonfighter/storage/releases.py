"""Decides whether a release can run on the schema of a database.

A migration names the oldest release that can run on the schema after it (`compatible_from`), and the database
stores that name. So an older release, which does not know the newest migrations, can decide whether to start.

Source: docs/decisions/018-the-way-back.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dungeonfighter import __version__
from dungeonfighter.errors import SchemaTooNew, StoreUnavailable
from dungeonfighter.storage.sql_files import Migration

_RELEASE: Final = re.compile(
    r"v?(\d+(?:\.\d+)*)(?:[-_.]?(dev|a|alpha|b|beta|c|rc|post)[-_.]?(\d*))?(?:\+[\w.]+)?", re.IGNORECASE
)
_STAGES: Final = {
    "dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "": 4, "post": 5,
}  # fmt: skip
_HINT: Final = "run the release that migrated the database, or name another database with --db"


def release_order(release: str) -> tuple[tuple[int, ...], int, int]:
    """Return the sort key of a release: 0.2.0.dev1 < 0.2.0a1 < 0.2.0-beta.2 < 0.2.0rc1 < 0.2.0 = 0.2 < 0.10.

    Raises:
        ValueError: `release` is not a release number.
    """
    found = _RELEASE.fullmatch(release.strip())
    if found is None:
        raise ValueError(f"{release!r} is no release number")
    numbers = [int(part) for part in found[1].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), _STAGES[(found[2] or "").lower()], int(found[3] or 0)


def missing_steps(
    steps: Sequence[Migration], applied: Mapping[int, str | None], release: str = __version__
) -> list[Migration]:
    """Return the steps that the database lacks, in order; none if its schema is newer than this release.

    Args:
        steps: All steps that this release knows.
        applied: The number of each applied step, with the oldest release that can run on the schema after it
            (None: an early release applied the step and did not record that).
        release: The release that wants to start.

    Raises:
        SchemaTooNew: The schema is newer than this release, and does not record that this release can run.
    """
    newest, known = max(applied, default=0), steps[-1].number
    if newest <= known:
        return [step for step in steps if step.number not in applied]
    recorded = [oldest for number, oldest in applied.items() if oldest is not None or number > known]
    schema = f"the database has schema {newest}, this release ({release}) knows {known}"
    try:
        needed = max((oldest or "unknown" for oldest in recorded), key=release_order)
    except ValueError:
        raise SchemaTooNew(
            f"{schema}, and whether it can run on {newest} is not recorded", hint=_HINT
        ) from None
    if release_order(release) < release_order(needed):
        raise SchemaTooNew(f"{schema}, and schema {newest} needs release {needed} or newer", hint=_HINT)
    return []


def too_old() -> StoreUnavailable:
    """Return the error of a command that does not migrate and finds a schema older than this release."""
    return StoreUnavailable(
        "the schema of the database is older than this release; `dungeonfighter db migrate` updates it"
    )


def unfinished_copy() -> StoreUnavailable:
    """Return the error of a store whose database is the target of a copy that is not complete."""
    return StoreUnavailable(
        "a copy into this database is not complete",
        hint="repeat `dungeonfighter db copy` until it says that both are the same, then start servers on it",
    )
