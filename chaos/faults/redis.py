"""Redis, which never holds a game, is emptied, killed or frozen."""

from __future__ import annotations

import http.client
import random
import re
import socket
from contextlib import closing
from typing import Final

from chaos.faults.fault import Fault, FaultError, Options
from chaos.hosts import Host
from chaos.stage import Stage

_SECONDS_MAX: Final = 20.0
_UP: Final = re.compile(r"^mcp_redis_up(?:\{[^}\n]*\})? (\S+)$", re.MULTILINE)


class FlushRedis(Fault):
    """Removes every key of Redis; the servers write theirs again."""

    name = "flush-redis"

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._removed = self._written = 0

    def begin(self) -> None:
        self._removed = _order(self.stage, "DBSIZE")
        _order(self.stage, "FLUSHALL")

    def end(self) -> None:
        if self._removed:
            self.stage.until(
                lambda: _order(self.stage, "DBSIZE") > 0, _SECONDS_MAX, "no server writes to Redis"
            )
            self._written = _order(self.stage, "DBSIZE")

    def evidence(self) -> str:
        if not self._removed:
            raise FaultError("Redis had no key; let the scenario limit rates")
        return f"{self._removed} keys removed, {self._written} written since"


class _WithoutRedis(Fault):
    """Takes Redis away until every server notices; brings it back until every server notices."""

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._without = 0
        self._is_away = False

    def begin(self) -> None:
        self._is_away = True
        self._take()
        self._until_all(0.0, "the servers do not notice that Redis is away")
        self._without = len(self.stage.servers)

    def end(self) -> None:
        if self._is_away:
            self._is_away = False
            self._bring_back()
            self._until_all(1.0, "the servers do not find Redis again")

    def evidence(self) -> str:
        if not self._without:
            raise FaultError("no server noticed that Redis was away")
        return f"{self._without} servers had mcp_redis_up 0, and 1 afterwards"

    def _until_all(self, value: float, complaint: str) -> None:
        hosts = self.stage.server_hosts()
        self.stage.until(
            lambda: all(_redis_up(self.stage, host) == value for host in hosts), _SECONDS_MAX, complaint
        )

    def _take(self) -> None:
        raise NotImplementedError

    def _bring_back(self) -> None:
        raise NotImplementedError


class KillRedis(_WithoutRedis):
    """Kills Redis with SIGKILL; an empty one starts at the end."""

    name = "kill-redis"

    def _take(self) -> None:
        self.stage.redis.kill()

    def _bring_back(self) -> None:
        self.stage.service(self.stage.hosts["redis"]).start()


class FreezeRedis(_WithoutRedis):
    """Stops Redis with SIGSTOP: its connections stay, and get no answers; it goes on at the end."""

    name = "freeze-redis"

    def _take(self) -> None:
        self.stage.redis.freeze()

    def _bring_back(self) -> None:
        self.stage.redis.thaw()


def _order(stage: Stage, word: str) -> int:
    """Give an order to Redis; return the number of its answer, or 0 if that is no number."""

    def ask() -> bytes:
        host = stage.hosts["redis"]
        with closing(socket.create_connection((host.address, stage.redis.port), timeout=5)) as link:
            link.sendall(word.encode() + b"\r\n")
            return link.recv(256)

    answer = stage.hosts["redis"].call(ask)
    return int(answer[1:]) if answer.startswith(b":") else 0


def _redis_up(stage: Stage, host: Host) -> float:
    server = stage.server_on(host)

    def ask() -> str:
        with closing(http.client.HTTPConnection(server.host, server.port, timeout=5)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    found = _UP.search(host.call(ask))
    return float(found[1]) if found else -1.0


FAULTS: Final = (FlushRedis, FreezeRedis, KillRedis)
