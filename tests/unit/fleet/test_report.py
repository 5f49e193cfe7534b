"""The table of a load: plain words, and the right number of every noun."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.commands.fleet import way_out
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.report import Latency, Report, table


def report(**changes: object) -> Report:
    plain = Report(
        url="http://127.0.0.1:9", policy="attack", view="text", bots=1, mode="closed", rate=0.0, seconds=1.0,
        calls=2, turns=1, turns_per_second=1.0, latency_ms=Latency(1, 1, 1, 1, 1), troubles={}, errors={},
        error_examples={}, runs_started=1, runs_finished=0, runs_abandoned=0, mean_score=None, every=0.0,
        processes=1, warm_up=0.0, warm_up_turns=0, warm_up_troubles={}, warm_up_errors={}, cut_off=0,
        cpu_us_per_call=100.0, ended=[], verified=True, verified_bots=1, verified_turns=1, replayed_inputs=1,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def rows(**changes: object) -> dict[str, str]:
    """Return the named rows of the table."""
    lines = table(report(**changes)).splitlines()
    return {line[:22].strip(): line[22:] for line in lines if not line.startswith(" ")}


def test_one_is_singular() -> None:
    shown = rows(cut_off=1, further=1, not_replayed_runs=1, unread={"the server did not answer": 1})
    assert shown["verified"] == "1 bot, 1 acknowledged turn"
    assert shown["replayed"] == "1 input of the current runs, with the local rules"
    assert shown["not replayed"] == "1 run under other rules than the local ones"
    assert shown["not verified"] == "1 bot: the server did not answer"
    assert shown["applied unanswered"] == "the last call of 1 bot"
    assert shown["cut off"] == "1 call had no answer yet when the load ended"
    assert shown["CPU of the bots"] == "100 us a call, 1 process"
    assert report(unread={"x": 1}).failure == "1 bot could not be verified"
    assert report(errors={"refused": 1}).failure == "1 call failed after all repeats"


def test_two_are_plural() -> None:
    shown = rows(cut_off=2, verified_bots=2, verified_turns=0, processes=2)
    assert shown["verified"] == "2 bots, 0 acknowledged turns"
    assert shown["cut off"] == "2 calls had no answer yet when the load ended"
    assert shown["CPU of the bots"] == "100 us a call, 2 processes"
    assert several(2, "process", "processes") == "2 processes"


def test_runs_and_failures_are_in_plain_words() -> None:
    shown = rows(
        runs_started=9, runs_finished=5, runs_abandoned=3, troubles={"refused": 4}, errors={"timeout": 2}
    )
    assert shown["runs"] == "9 started, 5 finished, 3 given up"
    assert shown["failed attempts"] == "4 (refused 4)"
    assert shown["errors"] == "2 after all repeats (timeout 2)"
    assert rows()["errors"] == "0"


@pytest.mark.parametrize("message", ["refused: no connection", "no connection"])
def test_the_kind_of_an_error_is_named_once(message: str) -> None:
    shown = table(report(errors={"refused": 1}, error_examples={"refused": message}))
    assert "\n  refused: no connection\n" in shown


def test_a_load_without_an_answer_has_no_latencies() -> None:
    assert rows(calls=0)["latency ms"] == "-"


def test_a_server_that_could_not_be_reached_is_named() -> None:
    unreached = {"calls": 0, "turns": 0, "runs_started": 0, "verified": False}
    failed = report(**unreached, troubles={"refused": 9}, errors={"refused": 1})
    assert failed.failure == "http://127.0.0.1:9 could not be reached (refused)"
    failed = report(**unreached, troubles={"overloaded": 9})
    assert failed.failure == "http://127.0.0.1:9 acknowledged no turn (overloaded)"
    assert report(troubles={"refused": 9}).passed


@pytest.mark.parametrize(
    ("said", "has_token", "expected"),
    [
        ("error not_allowed: the caller may not act for the bot x: this token may act for a-*", True,
         "name bots that are allowed with --prefix, for example --prefix a"),
        ("the caller may not act for the bot x: the bots of this server are bot-1-*", False,
         "name bots that are allowed with --prefix, for example --prefix bot-1"),
        ("error not_allowed: the caller may not act for the bot x: this token may act for ada", True,
         "name bots that are allowed with --prefix"),
        ("error not_allowed: the access token lacks the scope play", True, "ask the operator for a token"),
        ("not_allowed: the token was revoked", True, "the token is not valid: give an access token by"),
        ("not_allowed: send the header", False, "give an access token by"),
    ],
)  # fmt: skip
def test_the_way_out_of_a_refusal_is_named(said: str, expected: str, *, has_token: bool) -> None:
    refused = report(errors={"not_allowed": 1}, error_examples={"not_allowed": said})
    assert way_out(refused, has_token=has_token).startswith(expected)


def test_another_web_server_leads_to_the_url() -> None:
    assert way_out(report(errors={"http_501": 3}), has_token=False).startswith("check that the URL")
    assert way_out(report(errors={"refused": 3}), has_token=False) == ""
