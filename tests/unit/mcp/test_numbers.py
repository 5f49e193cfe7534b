"""The demand for numbers says who demands them, and which number to send."""

from __future__ import annotations

import pytest

from dungeonfighter.errors import BadInput
from dungeonfighter.mcp.arguments import Step
from dungeonfighter.mcp.numbers import demand_numbers


def test_a_missing_number_of_a_new_run_is_named_with_its_value() -> None:
    with pytest.raises(BadInput, match="the access token or this address demands it") as refused:
        demand_numbers(Step("ada"), ["episode"])
    assert str(refused.value).endswith("send `episode`, the number of the new run: 1 for a new bot, else "
                                       "that of the present run plus 1")  # fmt: skip


def test_a_missing_turn_is_named_with_its_episode() -> None:
    with pytest.raises(BadInput, match=r"send `turn` and `episode`$"):
        demand_numbers(Step("ada", input="1"), ["turn", "episode"])
