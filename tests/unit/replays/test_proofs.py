"""The proof of a ranked run: everything that is changed in a file is found and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays import replay as replays
from dungeonfighter.replays.attestations import Attestations, signature_of
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.replays.execution import execute
from dungeonfighter.replays.proofs import problems_of
from dungeonfighter.replays.replay import DIGEST_CHARS, Options, Proof, Replay, Result
from dungeonfighter.replays.results import run_result
from dungeonfighter.replays.run_claims import claim_of
from dungeonfighter.replays.run_keys import PublicKeys, RunKeys
from dungeonfighter.rules import Rules, load_rules

_Part = TypeVar("_Part")
KEY, OTHER_KEY = "a secret of the tests", "another secret of them"
NONCE = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="module")
def keys() -> PublicKeys:
    return RunKeys(KEY).public


@pytest.fixture(scope="module")
def good(rules: Rules) -> Replay:
    """A signed file of an abandoned run of 20 inputs."""
    options = Options(seed=4711, mode="ironman", name="Hero", weapon=1, nonce=NONCE)
    proof = Proof("local", commitment(4711, bytes.fromhex(NONCE), "ada", 3))
    run = Replay(
        bot="ada", episode=3, rules=rules.identity, origin="new", ranked=True, options=options,
        inputs=["1"] * 20, result=Result(20, "", 0, "abandoned"), proof=proof,
    )  # fmt: skip
    digests = []
    for state in execute(run, rules):
        digests.append(rules.digest(rules.encode(state)).hex())
    result = Result(20, digests[-1], rules.score(state) / 100, run_result(state))
    run = replace(run, digests="".join(one[:DIGEST_CHARS] for one in digests), result=result)
    return signed(run)


def signed(run: Replay, key: str = KEY) -> Replay:
    assert run.proof is not None
    parts = signature_of(Attestations(key).attest(claim_of(run)))
    assert parts is not None
    return replace(run, proof=replace(run.proof, key_id=parts[0], signature=parts[1].hex()))


def found(run: Replay, rules: Rules, keys: PublicKeys | None) -> set[str]:
    """Return the names of the things that are wrong."""
    run = replays.decode(replays.encode(run))
    return {what.partition(":")[0] for what in problems_of(run, {rules.identity: rules}, keys)}


def with_option(**changes: Any) -> Callable[[Replay], Replay]:
    return lambda run: replace(run, options=replace(_given(run.options), **changes))


def with_proof(**changes: Any) -> Callable[[Replay], Replay]:
    return lambda run: replace(run, proof=replace(_given(run.proof), **changes))


def _given(value: _Part | None) -> _Part:
    assert value is not None
    return value


def with_result(**changes: Any) -> Callable[[Replay], Replay]:
    return lambda run: replace(run, result=replace(run.result, **changes))


def with_run(**changes: Any) -> Callable[[Replay], Replay]:
    return lambda run: replace(run, **changes)


def with_another_first(digits: str) -> str:
    return ("1" if digits[0] == "0" else "0") + digits[1:]


CHANGES: dict[str, tuple[Callable[[Replay], Replay], set[str]]] = {
    "input": (with_run(inputs=["1"] * 10 + ["2"] + ["1"] * 9), {"execution", "signature"}),
    "seed": (with_option(seed=4712), {"commitment", "execution", "signature"}),
    "nonce": (with_option(nonce="1" + NONCE[1:]), {"commitment", "execution", "signature"}),
    "commitment": (with_proof(commitment="0" * 64), {"commitment"}),
    "digest": (with_result(digest="0" * 32), {"execution", "signature"}),
    "digests": (lambda run: replace(run, digests=with_another_first(run.digests)), {"execution"}),
    "no digests": (with_run(digests=""), {"digests"}),
    "score": (with_result(score=99.0), {"execution", "signature"}),
    "result": (with_result(result="won"), {"execution", "signature"}),
    "rules": (with_run(rules="1-00000000"), {"rules", "signature"}),
    "mode": (with_option(mode="daily"), {"execution", "signature"}),
    "casual": (with_option(mode="casual"), {"mode", "execution", "signature"}),
    "name": (with_option(name="Other"), {"execution", "signature"}),
    "weapon": (with_option(weapon=2), {"execution", "signature"}),
    "bot": (with_run(bot="eve"), {"commitment", "signature"}),
    "episode": (with_run(episode=4), {"commitment", "signature"}),
    "origin": (with_run(origin="reset"), {"signature"}),
    "fleet": (with_proof(fleet="other"), {"signature"}),
    "signature": (with_proof(signature="00" * 64), {"signature"}),
    "no signature": (with_proof(signature="", key_id=""), {"signature"}),
    "key id": (with_proof(key_id="0123456789abcdef"), {"signature"}),
    "another key": (lambda run: signed(run, OTHER_KEY), {"signature"}),
}


def test_a_good_file_has_no_problem(good: Replay, rules: Rules, keys: PublicKeys) -> None:
    assert found(good, rules, keys) == set()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_and_named(change: str, good: Replay, rules: Rules, keys: PublicKeys) -> None:
    make, names = CHANGES[change]
    assert found(make(good), rules, keys) == names
    assert found(make(good), rules, None) == names - {"signature"}


def test_a_run_of_too_many_inputs_is_not_executed(good: Replay, rules: Rules) -> None:
    turns: list[int] = []
    run = replace(good, inputs=["1"] * 100_000, digests="", result=replace(good.result, turn=100_000))
    problems = list(problems_of(run, {rules.identity: rules}, None, turns.append))
    assert problems == ["inputs: a ranked run has at most 3000"]
    assert turns == []


@pytest.mark.parametrize(
    "change",
    [with_run(proof=None), with_run(ranked=False), with_option(nonce="xyz"), with_result(score=1e300),
     with_result(score=-1.0)],
)  # fmt: skip
def test_a_file_that_is_no_ranked_run_is_refused(
    change: Callable[[Replay], Replay], good: Replay, rules: Rules
) -> None:
    with pytest.raises(BadArgument):
        found(change(good), rules, None)


def test_the_signed_text_stays_as_it_is(good: Replay) -> None:
    """Signatures of earlier releases must hold for ever."""
    lines = claim_of(good).message().decode().splitlines()
    assert lines[:9] == [
        "dungeonfighter ranked run 1", 'fleet "local"', 'bot "ada"', "episode 3", f'rules "{good.rules}"',
        'mode "ironman"', 'origin "new"', "seed 4711", f'nonce "{NONCE}"',
    ]  # fmt: skip
    names = [line.partition(" ")[0] for line in lines[9:]]
    assert names == [
        "name", "weapon", "first_turn", "last_turn", "result", "score", "digest", "inputs_digest",
        "commitment",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "member"),
    [(with_option(nonce="01"), "options.nonce"), (with_proof(signature="xyz"), "proof.signature")],
)
def test_a_file_with_a_malformed_part_is_no_replay(
    good: Replay, change: Callable[[Replay], Replay], member: str
) -> None:
    with pytest.raises(BadArgument, match=member):
        replays.decode(replays.encode(change(good)))


def test_a_name_cannot_add_a_line_to_the_signed_text(good: Replay) -> None:
    odd = with_option(name='x"\nscore 10000\u2028')(good)
    assert claim_of(odd).message().count(b"\n") == claim_of(good).message().count(b"\n")


def test_attestations_without_a_key_are_digests_and_count_for_no_key(good: Replay) -> None:
    claim, unkeyed, keyed = claim_of(good), Attestations(), Attestations(KEY)
    plain, by_key = unkeyed.attest(claim), keyed.attest(claim)
    assert unkeyed.holds(claim, plain)
    assert signature_of(plain) is None
    assert keyed.holds(claim, by_key)
    assert not keyed.holds(claim, plain)
    assert not unkeyed.holds(claim, by_key)
    other = msgspec.structs.replace(claim, score=claim.score + 1)
    assert not unkeyed.holds(other, plain)
    assert not keyed.holds(other, by_key)
    assert not keyed.holds(claim, b"")
    assert keyed.holds(claim, by_key)  # from what it knows


def test_a_rotated_key_still_counts_and_the_first_one_signs(good: Replay) -> None:
    claim, before = claim_of(good), Attestations(KEY).attest(claim_of(good))
    rotated = Attestations(f"{OTHER_KEY}\n{KEY}")
    after = rotated.attest(claim)
    assert rotated.holds(claim, before)
    assert rotated.holds(claim, after)
    assert not Attestations(KEY).holds(claim, after)
    assert rotated.public_pem().count("-----BEGIN PUBLIC KEY-----") == 2
    rotated.use(OTHER_KEY)
    assert not rotated.holds(claim, before)


def test_public_keys_are_read_from_what_is_shown(good: Replay, rules: Rules) -> None:
    shown = RunKeys(f"{OTHER_KEY}\n{KEY}").public.pem()
    read = PublicKeys.of_pem(f"keys of our server\n{shown}")
    assert read.by_id.keys() == RunKeys(f"{OTHER_KEY}\n{KEY}").public.by_id.keys()
    assert found(good, rules, read) == set()
    for text in (
        "",
        "nothing",
        shown.replace("MCow", "MCoX"),
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
    ):
        with pytest.raises(BadArgument):
            PublicKeys.of_pem(text)


def test_a_private_key_in_pem_signs_as_it_is(good: Replay, rules: Rules) -> None:
    pem = (
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
        "-----END PRIVATE KEY-----"
    )
    keys = RunKeys(pem)
    # The first test of RFC 8032, section 7.1, has this key, the empty message, and this signature.
    assert (
        keys.sign(b"")[1].hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
    )
    assert found(signed(good, f"{pem}\n{KEY}"), rules, keys.public) == set()


def test_the_key_of_a_text_stays_as_it_is() -> None:
    """Another derivation would disown every signature that a deployment has made."""
    assert list(RunKeys("0123456789abcdef0123").public.by_id) == ["69134f41c96a220b"]
