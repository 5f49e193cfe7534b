"""Faults for the admission of calls: tokens, scopes, patterns, rates and quotas."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_ADMISSION: Final = "access/admission.py"
_BOOK: Final = "access/token_book.py"
_RATES: Final = "access/rates.py"
_METERS: Final = "access/meters.py"
_SIZES: Final = "hosting/fleet_sizes.py"
_DAILY: Final = "hosting/daily_tokens.py"
_ADMISSION_TESTS: Final = "unit/access/test_admission.py::test_"
_BOOK_TESTS: Final = "unit/access/test_token_book.py::test_"
_RATES_TESTS: Final = "unit/access/test_rates.py::test_"
_SIZES_TESTS: Final = "unit/hosting/test_fleet_sizes.py::test_"
_DAILY_TESTS: Final = "unit/hosting/test_daily_tokens.py::test_"

FAULTS: Final = {
    "the pattern of a caller is not checked": Fault(
        _ADMISSION,
        "        if is_bounded and bot is not None and not self._covers(principal, bot):\n",
        "        if False:\n",
        (
            _ADMISSION_TESTS + "a_pattern_bounds_the_bots",
            _ADMISSION_TESTS + "a_prefix_bounds_the_bots_of_a_server",
        ),
    ),
    "the scope of a token is not checked": Fault(
        _ADMISSION,
        "        if scope not in principal.scopes:\n            raise self._lacks(principal, scope)\n",
        "",
        (_BOOK_TESTS + "scope_and_pattern_are_enforced",),
    ),
    "a revoked token lives on": Fault(
        _BOOK,
        "        if token.revoked_at:\n",
        "        if False:\n",
        (_BOOK_TESTS + "a_revoked_token_lets_nobody_in",),
    ),
    "a token never expires": Fault(
        _BOOK,
        "        if left < 0:\n",
        "        if False:\n",
        (_BOOK_TESTS + "expiry_is_judged_with_every_call_and_forgives_the_skew_of_clocks",),
    ),
    "the last known tokens hold for ever": Fault(
        _BOOK,
        "        if self._clock.now() > self._valid_until:\n",
        "        if False:\n",
        (
            _BOOK_TESTS
            + "without_the_store_the_last_known_tokens_hold_for_a_minute_and_then_nobody_is_let_in",
        ),
    ),
    "a late answer of the store overtakes a newer one": Fault(
        _BOOK,
        "        async with self._asking:  # an answer that comes late must not bring back a revoked token\n",
        "        if True:\n",
        (_BOOK_TESTS + "a_late_answer_brings_no_revoked_token_back",),
    ),
    "a refused call is charged to its fleet": Fault(
        _RATES,
        "            if until > now:\n                raise limited(",
        "            if until > now:\n"
        "                if account.shared is not None:\n"
        "                    account.shared.left -= calls\n"
        "                raise limited(",
        (_RATES_TESTS + "a_refused_call_charges_nobody",),
    ),
    "a share that shrinks forgives a debt": Fault(
        _METERS,
        "        saved = min(now - self.paid_until, BURST_SECONDS) * seconds / self.seconds\n",
        "        saved = min(max(0.0, now - self.paid_until), BURST_SECONDS) * seconds / self.seconds\n",
        (_RATES_TESTS + "a_share_that_shrinks_forgives_no_debt",),
    ),
    "a full fleet takes one bot more": Fault(
        _SIZES,
        "        if count >= self._most:\n",
        "        if count > self._most:\n",
        (_SIZES_TESTS + "no_more_bots_begin_than_a_fleet_may_have",),
    ),
    "the tokens of a day have no limit": Fault(
        _DAILY,
        "        if tokens < self._most:\n",
        "        if True:\n",
        (_DAILY_TESTS + "a_bot_without_tokens_is_refused_until_the_day_is_over",),
    ),
    "tokens that a row holds already are written again": Fault(
        _DAILY,
        "        if waiting.sent.is_in(row):\n",
        "        if False:\n",
        (_DAILY_TESTS + "tokens_are_written_with_the_next_turn",),
    ),
}
