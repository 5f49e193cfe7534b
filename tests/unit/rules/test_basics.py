"""Dice, inputs, events, codec and errors: the basics of the engine."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt
from dungeonfighter.rules import GameOptions, canonical, codec, dice, log
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.inputs import numbers
from dungeonfighter.rules.state import Dice, Mode, Phase
from dungeonfighter.rules.views.sentences import FREQUENT, WORDING, sentence
from tests.unit.rules.position import combat_state, hub, inputs, play, rules

STREAMS = Dice.__struct_fields__


def test_splitmix64_is_the_published_generator() -> None:
    stream = Dice(0, 0, 0, 0)
    drawn = [dice.combat(stream, 1 << 64) for _ in range(3)]
    assert drawn == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_an_encoded_state_has_no_former_turns_in_its_log() -> None:
    state = hub()
    play(state, "unequip weapon")
    play(state, "1")
    assert state.turn_start
    with pytest.raises(Corrupt):
        rules().decode(msgspec.msgpack.encode(state))
    assert rules().decode(rules().encode(state)).turn_start == 0


@pytest.mark.parametrize("name", STREAMS)
def test_a_draw_moves_only_its_stream(name: str) -> None:
    stream = Dice(1, 1, 1, 1)
    getattr(dice, name)(stream, 20)
    assert [getattr(stream, other) == 1 for other in STREAMS].count(False) == 1


def test_all_faces_occur_about_equally() -> None:
    stream = dice.streams(7)
    faces = [dice.combat(stream, 20) for _ in range(20_000)]
    assert all(850 < faces.count(face) < 1150 for face in range(20))


def test_streams_of_neighbouring_seeds_differ() -> None:
    assert dice.streams(1) != dice.streams(2)


def test_weights_share_the_range() -> None:
    assert [dice.weighted((2, 0, 3), n) for n in range(5)] == [0, 0, 2, 2, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 1 ", "1"),
        ("EQUIP   3", "equip 3"),
        ("STRIP 2, 0,1", "strip 2,0,1"),
        ("trade 1 ,2 , 3", "trade 1,2,3"),
    ],
)
def test_canonical_spelling(text: str, expected: str) -> None:
    assert canonical(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "x" * 49, "caf\u00e9", "1\n2", "\u0661", "\x00"])
def test_what_is_no_input(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        canonical(text)
    assert caught.value.code == "bad_argument"


@pytest.mark.parametrize("text", ["", "1,", "a", "1," * 24 + "1", "-1", "1000"])
def test_what_is_no_list(text: str) -> None:
    assert numbers(text) is None


@pytest.mark.parametrize("text", ["99", "equip 1", "dance", "strip", "unequip tail", "item 99", "drop 0"])
def test_an_illegal_input_lists_the_legal_ones(text: str) -> None:
    with pytest.raises(BadInput, match="legal: 1, 2") as caught:
        play(hub(), text)
    assert caught.value.code == "illegal_input"


@pytest.mark.parametrize("text", ["99", "strip 7", "trade 1,2,3,4,5", ""])
def test_an_illegal_input_changes_no_state(text: str) -> None:
    state = hub()
    before = rules().encode(state)
    with pytest.raises(BadInput):
        play(state, text)
    assert rules().encode(state) == before


def test_a_run_that_is_over_takes_no_input() -> None:
    state = hub()
    state.over = True
    with pytest.raises(BadInput) as caught:
        play(state, "1")
    assert caught.value.code == "run_over"


@pytest.mark.parametrize(
    "options",
    [
        {"seed": -1},
        {"seed": limits.seed_max + 1},
        {"mode": 7},
        {"weapon": 4},
        {"name": ""},
        {"name": "x" * 25},
    ],
)
def test_options_out_of_range(options: dict[str, int | str]) -> None:
    with pytest.raises(BadInput) as caught:
        rules().new_game(GameOptions(**{"seed": 1, **options}))  # type: ignore[arg-type]
    assert caught.value.code == "bad_argument"


@pytest.mark.parametrize("code", [code for name, code in vars(Event).items() if name[0] != "_"])
def test_every_event_has_a_sentence(code: int) -> None:
    kinds = FREQUENT[code] if code in FREQUENT else WORDING[code][1]
    arguments = [1 if kind in ("n", "stance") else 0 for kind in kinds]
    assert sentence(rules().catalogue, [code, *arguments]).endswith((".", "!"))


def test_a_sentence_is_short() -> None:
    text = sentence(rules().catalogue, [Event.HeroAttacked, 2, 17, 3, 1, 3, 31])
    assert text == "You precise 14+3: combo Strike 31."


def test_decode_gives_back_what_was_encoded() -> None:
    state = combat_state()
    assert codec.decode(codec.encode(state)) == state


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x93\x01\x02\x03", b"x" * 100, b"\xc1", b"x" * 5000])
def test_other_bytes_are_corrupt(raw: bytes) -> None:
    with pytest.raises(Corrupt):
        rules().decode(raw)


def test_half_a_state_is_corrupt() -> None:
    raw = codec.encode(hub())
    with pytest.raises(Corrupt):
        rules().decode(raw[: len(raw) // 2])


def test_parts_that_do_not_fit_are_corrupt() -> None:
    state = hub()
    state.phase = int(Phase.Combat)
    with pytest.raises(Corrupt):
        rules().decode(codec.encode(state))


@pytest.mark.parametrize("part", ["packed_bag", "packed_worn", "packed_shop", "packed_offers", "log"])
@pytest.mark.parametrize("wrong", [["x"], 7, None, [b"x"], {}])
def test_parts_read_later_are_judged_by_decode(part: str, wrong: object) -> None:
    state = hub()
    holder = next(one for one in (state, state.hero, state.world) if hasattr(one, part))
    setattr(holder, part, wrong)
    with pytest.raises(Corrupt):
        rules().decode(msgspec.msgpack.encode(state))


def test_the_digest_has_16_bytes() -> None:
    assert len(rules().digest(b"x")) == 16


def test_apply_leaves_the_state_as_it_was() -> None:
    state = combat_state(faces=(10, 10), at=1)
    before = codec.encode(state)
    rules().apply(state, "1")
    assert codec.encode(state) == before


def test_identity_names_version_and_content() -> None:
    assert rules().identity == f"2-{rules().catalogue.identity}"


def test_turns_count_inputs() -> None:
    state = hub()
    play(state, "1")
    assert state.turn == 1


def test_the_log_keeps_24_events() -> None:
    state = combat_state(health=5_000, period=7000)
    play(state, "9")
    rules().encode(state)
    assert (len(state.log), len(log.recent(state))) == (limits.log_events_max, limits.log_events_max)


@pytest.mark.parametrize(
    ("past", "sizes"),
    [
        (b"\x91\x01", b"\x01"), (b"\x91\x01", b"\x03"), (b"\x91\x01", b""), (b"\x91\x01\x91\x02", b"\x04"),
        (b"\x91\xa1x", b"\x03"), (b"\x91\x01" * 25, b"\x02" * 25),
    ],
)  # fmt: skip
def test_a_past_that_is_no_events_is_no_state(past: bytes, sizes: bytes) -> None:
    state = hub()
    state.past, state.past_sizes = past, sizes
    with pytest.raises(Corrupt):
        rules().decode(msgspec.msgpack.encode(state))


def test_reseeding_changes_every_stream() -> None:
    state = hub()
    before = state.dice
    rules().reseed(state, 99)
    assert all(getattr(before, name) != getattr(state.dice, name) for name in STREAMS)


def test_modes_have_their_numbers() -> None:
    assert [mode.name for mode in Mode] == ["casual", "ironman", "daily", "short"]


def test_a_live_state_lists_1_first() -> None:
    assert inputs(hub())[0] == "1"


@pytest.mark.parametrize("name", [" ", "a\nb", "\x00", "\u0378", "\U0001fae9", "x" * 24])
def test_the_rules_take_any_name_of_the_right_length(name: str) -> None:
    """`hero_names` judges the characters of a name, before it reaches the rules."""
    state = rules().new_game(GameOptions(seed=1, name=name))
    assert rules().decode(rules().encode(state)).hero.name == name
