"""Pushes the metrics of a server to the OTLP receiver of a Prometheus.

The process that knows the sums pushes, every few seconds and beside the game; no call ever waits for it. A
push that fails is not repeated: the next one has the same counts and more.

Source: docs/decisions/031-start-and-stop.md; Prometheus, "Using Prometheus as your OpenTelemetry backend".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from typing import Final, NoReturn

import httpx2

from dungeonfighter.hosting.instruments import Snapshot
from dungeonfighter.telemetry.otlp_metrics import export_request

logger = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 15.0
ANSWER_SECONDS_MAX: Final = 5.0
_HEADERS: Final = {"content-type": "application/json"}


class MetricsPush:
    """The pushes of one server.

    Args:
        url: The receiver.
        resource: The attributes of the server.
    """

    def __init__(self, url: str, resource: dict[str, str]) -> None:
        self._url = url
        self._resource = resource
        self._began = time.time_ns()
        self._is_known_down = False
        self.is_up = False
        """True if the receiver took the last push."""

    async def keep(self, read: Callable[[], Snapshot]) -> NoReturn:
        """Push until cancelled.

        Args:
            read: Returns all metrics.
        """
        # Without the environment, because a receiver is a neighbour, and no proxy leads to it.
        client = httpx2.AsyncClient(
            timeout=ANSWER_SECONDS_MAX, trust_env=False, verify=ssl.create_default_context()
        )
        async with client:
            while True:
                began = time.monotonic()
                self._note(await self._push(client, read()))
                await asyncio.sleep(max(0.0, began + PERIOD_SECONDS - time.monotonic()))

    async def _push(self, client: httpx2.AsyncClient, snapshot: Snapshot) -> str:
        """Return why a push failed, empty if it did not."""
        body = export_request(
            snapshot, self._resource, began_nanoseconds=self._began, now_nanoseconds=time.time_ns()
        )
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS_MAX),
                client.stream("POST", self._url, content=body, headers=_HEADERS) as answer,
            ):
                return "" if answer.is_success else f"status {answer.status_code}"
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            return type(error).__name__

    def _note(self, trouble: str) -> None:
        if trouble and not self._is_known_down:
            logger.warning("metrics cannot be pushed to %s (%s); it is tried again", self._url, trouble)
        elif not trouble and self._is_known_down:
            logger.info("metrics are pushed to %s again", self._url)
        self.is_up, self._is_known_down = not trouble, bool(trouble)
