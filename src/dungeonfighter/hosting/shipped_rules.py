"""The rule sets that this release ships: a run is played to its end under the rules it began with.

Source: docs/architecture.md, "Rules identity".
"""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter.errors import NewerRules
from dungeonfighter.rules import Rules


class ShippedRules:
    """The shipped rules by identity; new runs use the first one given."""

    def __init__(self, shipped: Sequence[Rules]) -> None:
        self.current = shipped[0]
        self.shipped = {rules.identity: rules for rules in shipped}

    def of(self, identity: str) -> Rules:
        """Return the rules with this identity.

        Raises:
            NewerRules: This release does not ship these rules.
        """
        rules = self.shipped.get(identity)
        if rules is None:
            raise NewerRules(
                f"this run was begun under rules {identity}, which this server does not have: "
                "a server that has them can go on with it, start_new_game begins a new run here"
            )
        return rules
