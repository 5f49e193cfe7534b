"""The patience of name lookups.

The resolver of glibc waits 5 s before it repeats a question that a name server did not answer, which is
longer than the time for a whole connection to a database. So a server would find its database seconds after
the name server is back, not at once.

Source: resolv.conf(5), "options timeout" and "options attempts", and the variable RES_OPTIONS there.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

_VARIABLE: Final = "RES_OPTIONS"
_QUICK: Final = "timeout:1 attempts:3"


def repeat_lookups_soon(environ: MutableMapping[str, str]) -> None:
    """Let this process and its children repeat an unanswered question after a second, unless told otherwise.

    Call it before the first lookup: each thread reads the options once.

    Args:
        environ: `os.environ`; a value of the operator stays.
    """
    environ.setdefault(_VARIABLE, _QUICK)
