"""Decides which release can run on which schema.

A migration names the oldest release that can run on the schema after it (`compatible_from`), and the database
keeps that name: so a release that does not know the newest migrations can still tell whether to start.

Source: docs/decisions/018-the-way-back.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dungeonfighter import __version__
from dungeonfighter.errors import SchemaTooNew
from dungeonfighter.storage.sql_files import Migration

_RELEASE: Final = re.compile(
    r"v?(\d+(?:\.\d+)*)(?:[-_.]?(dev|a|alpha|b|beta|c|rc|post)[-_.]?(\d*))?(?:\+[\w.]+)?", re.IGNORECASE
)
_STAGES: Final = {
    "dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "": 4, "post": 5,
}  # fmt: skip
_HINT: Final = "run the release that migrated the database, or name another database with --db"


def release_order(release: str) -> tuple[tuple[int, ...], int, int]:
    """What releases are sorted by: 0.2.0.dev1 < 0.2.0a1 < 0.2.0-beta.2 < 0.2.0rc1 < 0.2.0 = 0.2 < 0.10.

    Raises:
        ValueError: It is no release number.
    """
    found = _RELEASE.fullmatch(release.strip())
    if found is None:
        raise ValueError(f"{release!r} is no release number")
    numbers = [int(part) for part in found[1].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), _STAGES[(found[2] or "").lower()], int(found[3] or 0)


def missing_steps(
    steps: Sequence[Migration], standing: Mapping[int, str | None], release: str = __version__
) -> list[Migration]:
    """The steps that are still to be done, in order; none on a schema that is newer than this release.

    Args:
        steps: All that this release knows.
        standing: Each step that was done, and the oldest release that can run on the schema after it (None:
            it was done before that was recorded).
        release: This one.

    Raises:
        SchemaTooNew: The schema is newer than this release, and does not say that this release can run on it.
    """
    newest, known = max(standing, default=0), steps[-1].number
    if newest <= known:
        return [step for step in steps if step.number not in standing]
    said = [oldest for number, oldest in standing.items() if oldest is not None or number > known]
    schema = f"the database has schema {newest}, this release ({release}) knows {known}"
    try:
        needed = max((oldest or "unknown" for oldest in said), key=release_order)
    except ValueError:
        raise SchemaTooNew(
            f"{schema}, and whether it can run on {newest} is not recorded", hint=_HINT
        ) from None
    if release_order(release) < release_order(needed):
        raise SchemaTooNew(f"{schema}, and schema {newest} needs release {needed} or newer", hint=_HINT)
    return []
