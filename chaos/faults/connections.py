"""Connections that are cut at every phase of a commit and of a call."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos import balancer, databases
from chaos.detour import Connect, Detour, Serve
from chaos.faults.fault import Fault, FaultError, HostWord, Options
from chaos.stage import Stage
from testkit.cutting_proxy import CUTS, MUTE, CuttingProxy
from testkit.evil_proxy import DEEDS, EvilProxy

_Permille = Annotated[int, Meta(ge=1, le=100)]


class CommitOptions(Options, frozen=True):
    """The servers, and the share of their commits that are cut in each of the ways."""

    on: Annotated[list[HostWord], Meta(min_length=1)]
    permille: _Permille = 10


class CallOptions(Options, frozen=True):
    """The share of calls that are disturbed in each of the ways."""

    permille: _Permille = 10


class CutCommits(Fault):
    """Cuts connections of servers to databases at every phase of a commit, and lets some fall silent."""

    name = "cut-commits"
    Options: ClassVar[type[Options]] = CommitOptions

    def __init__(self, stage: Stage, options: CommitOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._permille = options.permille
        self._detours: list[Detour] = []
        self._proxies: list[CuttingProxy] = []

    def begin(self) -> None:
        for host in self.stage.named(self._words, self.draws):
            for name in self.stage.databases:
                address = self.stage.hosts[name].address
                dice = random.Random(self.draws.random())
                make = functools.partial(self._make_server, dice)
                detour = Detour(host, address, databases.PORT, make)
                detour.open()
                self._detours.append(detour)

    def end(self) -> None:
        while self._detours:
            self._detours.pop().close()

    def evidence(self) -> str:
        cuts: Counter[str] = sum((proxy.cuts for proxy in self._proxies), Counter())
        return _shown(cuts, (*CUTS, MUTE), f"of {sum(proxy.commits for proxy in self._proxies)} commits")

    def _make_server(self, dice: random.Random, connect: Connect) -> Serve:
        proxy = CuttingProxy(connect, dice, (*CUTS, MUTE))
        proxy.permille = self._permille
        self._proxies.append(proxy)
        return proxy.serve


class CutCalls(Fault):
    """Disturbs calls between bots and balancer: before, within and after the request and its answer."""

    name = "cut-calls"
    Options: ClassVar[type[Options]] = CallOptions

    def __init__(self, stage: Stage, options: CallOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._permille = options.permille
        self._detour: Detour | None = None
        self._proxy: EvilProxy | None = None

    def begin(self) -> None:
        host = self.stage.hosts["balancer"]
        self._detour = Detour(host, "127.0.0.1", balancer.PORT, self._make_server)
        self._detour.open()

    def end(self) -> None:
        if self._detour is not None:
            self._detour.close()
        self._detour = None

    def evidence(self) -> str:
        assert self._proxy is not None, "called after `begin`"
        return _shown(self._proxy.done, DEEDS, f"of {len(self._proxy.requests)} calls")

    def _make_server(self, connect: Connect) -> Serve:
        self._proxy = EvilProxy(connect, self._choose)
        return self._proxy.serve

    def _choose(self, request: bytes) -> str:
        if self.draws.randrange(1000) >= self._permille * len(DEEDS):
            return "pass"
        return self.draws.choice(DEEDS)


def _shown(counted: Counter[str], ways: Sequence[str], total: str) -> str:
    missing = [way for way in ways if not counted[way]]
    if missing:
        raise FaultError(f"never drawn: {', '.join(missing)} ({total})")
    return f"{total}: " + ", ".join(f"{way} {counted[way]}" for way in ways)


FAULTS: Final = (CutCommits, CutCalls)
