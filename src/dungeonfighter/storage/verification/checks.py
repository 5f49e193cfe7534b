"""The checks of single rows: a game, a save, an ended run, a record of inputs.

Each returns the problem in words, or "".
"""

from __future__ import annotations

from typing import Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, NewerRules
from dungeonfighter.hosting import rows
from dungeonfighter.hosting.ports import EpisodeEnd, Row
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import Mode
from dungeonfighter.storage.save_rows import from_json

RESULTS: Final = frozenset({"won", "died", "turns", "abandoned"})
_MODES: Final = frozenset(mode.name for mode in Mode)
_DIGEST_BYTES: Final = 16


class UnknownRules(Exception):
    """This release does not ship the rules of a row, so the row cannot be checked; `args[0]` names them."""


def problem_of_row(row: Row, book: ShippedRules) -> str:
    """Check a row of `games`: its seal, its trail, its digest, and that its state decodes.

    Raises:
        UnknownRules: See there.
    """
    try:
        rows.checked(row.bot_id, row, book)
    except NewerRules as error:
        raise UnknownRules(row.rules) from error
    except Corrupt as error:
        return _first_clause(error)
    except UnicodeEncodeError:
        return "a text of it is not UTF-8"
    return ""


def problem_of_save(key: str, slot: str, text: str, book: ShippedRules) -> str:
    """Check a save slot: its JSON, its digest, and that its state decodes.

    Raises:
        UnknownRules: See there.
    """
    if not _is_utf_8(text) or not _is_utf_8(slot) or not limits.slot_pattern.match(slot):
        return "a text of it is not as it was written"
    try:
        save = from_json(key, slot, text, 1, 0.0, with_state=True)
    except Corrupt as error:
        return _first_clause(error)
    try:
        rules = book.of(save.rules)
        if rules.digest(save.state) != save.digest:
            return "its state does not match its digest"
        rules.decode(save.state)
    except NewerRules as error:
        raise UnknownRules(save.rules) from error
    except Corrupt as error:
        return _first_clause(error)
    return ""


def problem_of_base(base: bytes, identity: str, book: ShippedRules) -> str:
    """Check the first state of a run that did not begin new: it has no digest, so it must decode.

    Raises:
        UnknownRules: See there.
    """
    try:
        book.of(identity).decode(base)
    except NewerRules as error:
        raise UnknownRules(identity) from error
    except Corrupt as error:
        return _first_clause(error)
    return ""


def problem_of_run(end: EpisodeEnd) -> str:
    """Check the row of an ended run; it has no checksum, so only what a host never writes is found."""
    numbers = (end.episode, end.seed, end.parent_episode, end.first_turn, end.last_turn, end.score)
    if not all(type(number) is int and number >= 0 for number in numbers):
        return "a number of it is no number"
    texts = (end.rules, end.mode, end.options, end.result)
    if not all(type(text) is str and _is_utf_8(text) for text in texts):
        return "a text of it is not UTF-8"
    if is_of_unreadable(end):
        return ""
    if type(end.digest) is not bytes or len(end.digest) != _DIGEST_BYTES:
        return "its digest has a wrong length"
    if end.result not in RESULTS or end.mode not in _MODES:
        return "its result or its mode is none that a run can have"
    if end.first_turn > end.last_turn:
        return "it ends before it begins"
    return "" if _is_options(end.options) else "its options do not decode"


def is_of_unreadable(end: EpisodeEnd) -> bool:
    """Return True if a host recorded this end of a run that it could not read; see `hosting.run_ends`."""
    return not end.mode and end.result == "abandoned"


def problem_of_inputs(first_turn: object, text: object) -> str:
    """Check one record of inputs: 1 to 64 inputs that a host accepts, joined by newlines."""
    if type(first_turn) is not int or first_turn < 0:
        return "its turn is no number"
    if type(text) is not str:
        return "it holds no text"
    inputs = text.split("\n")
    if len(inputs) > limits.trail_inputs_max or not all(map(_is_input, inputs)):
        return "it holds no inputs of a run"
    return ""


def _is_utf_8(text: str) -> bool:
    """Return False for a text with a surrogate escape, which stands for an invalid byte."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_input(text: str) -> bool:
    is_plain = text.isascii() and text.isprintable() and text == text.strip()
    return is_plain and 0 < len(text) <= limits.input_chars_max


def _is_options(options: str) -> bool:
    if not options.startswith("{"):
        return options.isprintable()
    try:
        return isinstance(msgspec.json.decode(options), dict)
    except msgspec.MsgspecError:
        return False


def _first_clause(error: Exception) -> str:
    return str(error).partition(";")[0]
