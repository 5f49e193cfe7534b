"""Names of databases that nobody answers any more."""

from __future__ import annotations

import random
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Literal

from chaos.faults.fault import Fault, FaultError, Options
from chaos.packet_rules import PacketRules
from chaos.stage import Stage
from testkit import parts

_HOST: Final = "names"
_ADDRESS: Final = "10.79.0.51"
_DOMAIN: Final = "chaos.test"
_SETTINGS: Final = Path("/etc/netns")
_CUT: Final = (
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dungeonfighter'"
)
_UP_SECONDS_MAX: Final = 10.0


class NamesOptions(Options, frozen=True):
    """What becomes of questions: they are dropped, or refused, or answered as if no name existed."""

    answer: Literal["none", "refused", "unknown"] = "none"


class DnsGone(Fault):
    """Stops the answers of the name server, and cuts the connections of servers to the databases."""

    name = "dns-gone"
    Options: ClassVar[type[Options]] = NamesOptions

    def __init__(self, stage: Stage, options: NamesOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._answer = options.answer
        self._process: subprocess.Popen[bytes] | None = None
        self._rules: PacketRules
        self._questions = 0
        self._cut = 0

    @classmethod
    def obstacle(cls) -> str:
        try:
            parts.program("dnsmasq", part="dns")
        except parts.PartMissing as missing:
            return str(missing)
        return ""

    def prepare(self) -> None:
        host = self.stage.add_host(_HOST, _ADDRESS)
        verdict = " drop" if self._answer == "none" else ""
        self._rules = PacketRules(host, arriving=[f"udp dport 53 counter{verdict}"])
        for name in ("database-1", "database-2"):
            if name in self.stage.hosts:
                self.stage.database_names[name] = f"{name}.{_DOMAIN}"
        for server in self.stage.server_hosts():
            folder = _SETTINGS / server.namespace.name
            self.stage.leftovers.add("folder", str(folder))
            self.stage.at_end(partial(shutil.rmtree, folder, ignore_errors=True))
            folder.mkdir(parents=True)
            (folder / "resolv.conf").write_text(f"nameserver {_ADDRESS}\n", encoding="utf-8")
        self._start(known=True)
        self.stage.at_end(self._stop)

    def begin(self) -> None:
        self.stop_answers()
        self._cut = len(self.stage.query(self.stage.primary_host, _CUT))

    def end(self) -> None:
        self.answer_once_more()

    def stop_answers(self) -> None:
        self._rules.add()
        if self._answer != "none":
            self._stop()
        if self._answer == "unknown":
            self._start(known=False)

    def answer_once_more(self) -> None:
        if self._answer != "none":
            self._stop()
            self._start(known=True)
        self._questions += sum(self._rules.remove())

    def evidence(self) -> str:
        if not self._cut or not self._questions:
            raise FaultError(f"{self._cut} connections cut, {self._questions} questions asked")
        return f"{self._cut} connections cut, and {self._questions} questions without an address"

    def _start(self, *, known: bool) -> None:
        host = self.stage.hosts[_HOST]
        words = [
            parts.program("dnsmasq", part="dns"), "--keep-in-foreground", "--log-facility=-", "--no-resolv",
            "--no-hosts", "--bind-interfaces", f"--listen-address={_ADDRESS}", "--user=root", "--pid-file=",
            f"--local=/{_DOMAIN}/",
        ]  # fmt: skip
        if known:
            places = ((name, self.stage.hosts[name].address) for name in self.stage.database_names)
            words += [f"--host-record={name}.{_DOMAIN},{address}" for name, address in places]
        with (self.stage.folder / "names.log").open("ab") as log:
            process = self._process = host.popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stage.leftovers.add("process", str(process.pid))
        listening = f"{_ADDRESS}:53"
        self.stage.until(
            lambda: listening in host.run("ss", "--udp", "--listening", "--numeric"),
            _UP_SECONDS_MAX, "the name server does not start",
        )  # fmt: skip

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


FAULTS: Final = (DnsGone,)
