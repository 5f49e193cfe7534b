"""The page of a load: the failure first, no request to elsewhere, and hostile texts as text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from dungeonfighter.fleet.report import Latency, Report
from dungeonfighter.fleet.report_file import write_report
from dungeonfighter.fleet.report_page import page
from dungeonfighter.fleet.report_servers import Level, ServerMoment, Servers
from dungeonfighter.fleet.report_timeline import Moment

HOSTILE = "</style></title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x00\x1b[31m\u202e"
VOID = {"meta", "path", "rect"}


def report(**changes: object) -> Report:
    plain = Report(
        url="http://127.0.0.1:9", policy="attack", view="text", bots=20, mode="open", rate=40.0, seconds=2.0,
        calls=80, turns=80, turns_per_second=40.0, latency_ms=Latency(1, 2, 3, 4, 5), troubles={}, errors={},
        error_examples={}, runs_started=20, runs_finished=0, runs_abandoned=0, mean_score=None, every=0.0,
        processes=1, warm_up=1.0, warm_up_turns=20, warm_up_troubles={}, warm_up_errors={}, cut_off=0,
        cpu_us_per_call=100.0, ended=[], verified=True, verified_bots=20, verified_turns=100,
        replayed_inputs=100, tokens_per_turn=98.5,
        moments=[Moment(1.0, "warm-up", 20, 20.0, 0, 0), Moment(2.0, "", 20, 40.0, 1, 0, 1.0, 2.0, 3.0)],
        servers=Servers(
            urls=["http://127.0.0.1:9/metrics"], versions=["0.1.0"], seconds=2.0, turns=100, inputs=80,
            tokens_per_turn=98.5, processor_cores=0.25, answer_ms={"mean": 0.7, "p50": 0.6}, commits=50,
            commit_ms={"mean": 0.4, "p50": 0.3}, commit_rows=2.0, conflicts=3, pool_size=4,
            levels={"memory_bytes": Level(50e6, 60e6, 70e6, 65e6)},
            moments=[ServerMoment(1.0, 20.0, 0.2, 60e6, 0, 1), ServerMoment(2.0, 40.0, 0.3, 7e7, 3, 1, 9.0)],
        ),
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


class Read(HTMLParser):
    """A page as a browser finds it: tags, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and data.strip():
            self.texts.append(data)


def test_hostile_texts_stay_texts() -> None:
    shown = page(
        report(
            url=HOSTILE, policy=HOSTILE, errors={HOSTILE: 1}, error_examples={HOSTILE: HOSTILE},
            findings={HOSTILE: 1}, finding_examples=[HOSTILE], unread={HOSTILE: 2}, ended=[HOSTILE],
            through=HOSTILE, tool=HOSTILE, failures=[HOSTILE], troubles={HOSTILE: 3},
            servers=Servers(
                urls=[HOSTILE], problems=[HOSTILE], versions=[HOSTILE], seconds=1.0, errors={HOSTILE: 1},
                rejected={HOSTILE: 1},
            ),
        )
    )  # fmt: skip
    found = Read(shown)
    assert not {"script", "img", "link", "iframe"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert not {"\x00", "\x1b", "\u202e"} & set(shown)
    assert any("<script>alert(1)</script>" in text for text in found.texts)


def test_the_page_makes_no_request() -> None:
    found = Read(page(report()))
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert not {"src", "href", "xlink:href", "style"} & {name for name, _ in found.attributes}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in found.attributes
    assert "url(" not in page(report())
    assert "@import" not in page(report())


@pytest.mark.parametrize(
    "failure",
    [
        {"ended": ["generator process 1 ended (killed by signal 9)"]},
        {"findings": {"lost": 2}, "finding_examples": ["bot-00007: lost: e1 t9"]},
        {"unread": {"the server did not answer": 5}},
        {"errors": {"timeout": 3}, "error_examples": {"timeout": "timeout: after 15 s"}},
        {"failures": ["p(99)<=250 was not kept"]},
    ],
    ids=lambda failure: next(iter(failure)),
)
def test_a_failure_comes_first_and_in_full(failure: dict[str, object]) -> None:
    failed = report(**failure)
    texts = Read(page(failed)).texts
    place = next(at for at, text in enumerate(texts) if text.startswith("Failed: "))
    assert place <= 3  # after the title, the heading and its line
    assert failed.failure in texts[place]
    whole = " ".join(texts)
    for value in failure.values():
        for word in value if isinstance(value, (list, dict)) else ():
            assert word in whole


def test_a_load_that_passed_says_so() -> None:
    texts = " ".join(Read(page(report())).texts)
    assert "Passed: every one of 100 acknowledged turns is in the store" in texts
    assert "Failed" not in texts
    assert "not verified against the store" in " ".join(Read(page(report(verified=False))).texts)


def test_the_database_and_the_servers_are_shown() -> None:
    texts = " ".join(Read(page(report())).texts)
    for word in (
        "98.5", "0.25 cores", "mean 0.4, p50 0.3 ms", "2.00 on average", "50 MB", "70 MB", "65 MB",
        "The store has no write-ahead log of its own",
    ):  # fmt: skip
        assert word in texts


def test_a_load_without_metrics_says_why() -> None:
    texts = " ".join(Read(page(report(servers=Servers(problems=["GET /metrics answers 404"])))).texts)
    assert "GET /metrics answers 404" in texts
    assert "Its metrics were not read." in texts


def test_a_load_that_never_began_has_a_page_too() -> None:
    shown = page(
        report(moments=[], servers=Servers(), calls=0, turns=0, turns_per_second=0.0, errors={"x": 1})
    )
    assert "<figure>" not in shown
    Read(shown)


def test_json_has_the_same_contents(tmp_path: Path) -> None:
    written = report()
    write_report(written, tmp_path / "out.json")
    assert msgspec.json.decode((tmp_path / "out.json").read_bytes(), type=Report) == written
    write_report(report(url="\ud800"), tmp_path / "out.HTML")
    assert (tmp_path / "out.HTML").read_text(encoding="utf-8").startswith("<!doctype html>")
