"""Runs `dungeonfighter ingress`: a consumer of a queue over a host of its own, as any replica has one.

Source: docs/ingress.md, "Operating it".
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import Final

import msgspec

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import AccessUnknown, BadArgument, DungeonFighterError, Unauthenticated
from dungeonfighter.hosting.answers import NewGame, Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.ingress.consumer import Consumer
from dungeonfighter.ingress.hand import Bounds
from dungeonfighter.ingress.messages import Decoder
from dungeonfighter.ingress.metrics import IngressMetrics
from dungeonfighter.ingress.options import Options
from dungeonfighter.ingress.playing import Outcomes, Playing
from dungeonfighter.ingress.ports import Queue, QueueRefused, QueueUnavailable
from dungeonfighter.ingress.queues import make_queue
from dungeonfighter.mcp import arguments, views
from dungeonfighter.mcp.answers import failure
from dungeonfighter.mcp.play_tools import new_game
from dungeonfighter.serving import heap
from dungeonfighter.serving.background import running
from dungeonfighter.serving.composition import admitting, make_rates, make_redis, open_host
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.ingress_health import IngressHealth
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.serving.server import begin_serving
from dungeonfighter.serving.shared_rates import leasing_alone
from dungeonfighter.serving.signals import StopSignals
from dungeonfighter.serving.sockets import listen
from dungeonfighter.settings import Settings, instance_name
from dungeonfighter.telemetry.logs import declare_metric, set_up_logs
from dungeonfighter.telemetry.process_metrics import declare_build, declare_process_metrics

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""The pause between two looks at the token; a revoked one is known within 5 s."""
_GC_THRESHOLDS: Final = (50_000, 20, 50)
"""As `serving.server` has them, for the same reason."""


class IngressFailed(Exception):
    """The ingress cannot go on; the message says why."""


def run_ingress(settings: Settings, options: Options, secrets: Secrets) -> int:
    """Consume until a signal; return the exit code.

    Raises:
        SettingsError: An address cannot be bound, or a package is missing.
        StoreError: The database cannot be opened.
        IngressFailed: The queue or the token is of no use, or is not any more.
    """
    set_up_logs(settings, instance_name(settings))
    heap.return_large_blocks()
    with StopSignals() as signals:
        run_on_fastest_loop(_Ingress(settings, options, secrets, signals).run())
    return 0


class _Ingress:
    def __init__(self, settings: Settings, options: Options, secrets: Secrets, signals: StopSignals) -> None:
        self._settings = settings
        self._options = options
        self._secrets = secrets
        self._signals = signals
        self._is_stopping = False

    async def run(self) -> None:
        """Consume until a signal."""
        settings, options = self._settings, self._options
        self._signals.call_at_hang_up(self._secrets.read_anew)
        rates = make_rates(settings)
        queue = make_queue(options)
        with contextlib.closing(listen(*options.listen, flag="--listen")) as listener:
            async with (
                open_host(settings, self._secrets, serves=True) as host,
                admitting(settings, host, rates, self._secrets) as admission,
                leasing_alone(make_redis(settings, self._secrets), rates, 1 / settings.replicas),
            ):
                principal = await _principal(admission, options.token)
                consumer = self._make_consumer(queue, host, admission, principal)
                health = IngressHealth(
                    host.meter.collect, queue_up=lambda: queue.is_up, store_up=host.is_store_up,
                    is_stopping=lambda: self._is_stopping,
                )  # fmt: skip
                end_serving = begin_serving(health, listener.dup())
                async with running(self._keep_checking(consumer, admission), "check of the access token"):
                    await self._consume(consumer, principal.fleet)
                await end_serving()

    async def _consume(self, consumer: Consumer, fleet: str) -> None:
        def stop() -> None:
            self._is_stopping = True
            logger.info("stopping: finishing what is in hand (Ctrl-C or SIGTERM again: at once)")
            consumer.stop()

        def announce() -> None:
            logger.info(
                "ingress: plays for the fleet %s, games in %s, health and metrics at %s:%d",
                fleet, self._settings.database.shown, *self._options.listen,
            )  # fmt: skip
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)

        self._signals.call_at_first(stop)
        try:
            await consumer.run(announce)
        except (QueueUnavailable, QueueRefused) as error:
            raise IngressFailed(f"the queue cannot be used: {error}") from None
        if consumer.refused_by is not None:
            raise IngressFailed(
                f"{consumer.refused_by}; what is not answered stays in the queue. Make a token with "
                "`dungeonfighter token create`, and start the ingress with it"
            )

    def _make_consumer(
        self, queue: Queue, host: BotHost, admission: Admission, principal: Principal
    ) -> Consumer:
        options, lag = self._options, dict[int, int]()
        metrics = IngressMetrics(
            host.meter, lag=lag, is_up=lambda: queue.is_up, streams_held=lambda: len(queue.held())
        )
        declare_metric(host.meter)
        declare_build(host.meter)
        declare_process_metrics(host.meter, "0")

        def make_playing(outcomes: Outcomes) -> Playing:
            return Playing(host, admission, principal, _ToolViews(), outcomes, queue.held)

        bounds = Bounds(
            in_hand_max=options.in_hand_max, deliveries_max=options.deliveries_max,
            startup_seconds=self._settings.startup_timeout_seconds,
        )  # fmt: skip
        decoder = Decoder(principal.fleet, options.prefix)
        return Consumer(queue, decoder, make_playing, metrics, lag, bounds)

    async def _keep_checking(self, consumer: Consumer, admission: Admission) -> None:
        """Stop the consumer when its token is revoked or has expired, also while no message comes."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                admission.identify(_authorization(self._options.token))
            except Unauthenticated as error:
                consumer.refuse(error)
            except AccessUnknown:
                continue  # the store is away, and messages wait for it anyway


class _ToolViews:
    """The replies have the texts of the tools; see `ingress.playing.Views`."""

    text = staticmethod(views.text_view)

    def json(self, game: Present) -> str:
        return msgspec.json.encode(views.json_view(game)).decode()

    def error(self, error: DungeonFighterError) -> str:
        return failure(error).text

    def new_game(self, options: str) -> NewGame:
        try:
            given = msgspec.json.decode(options)
        except msgspec.DecodeError:
            raise BadArgument("`start` must be a JSON object, for example {}") from None
        if not isinstance(given, dict):
            raise BadArgument("`start` must be a JSON object, for example {}")
        return new_game(arguments.decode(arguments.StartOptions, given, takes_bot=False))


def _authorization(token: str) -> bytes | None:
    return f"Bearer {token}".encode() if token else None


async def _principal(admission: Admission, token: str) -> Principal:
    """Return the principal of the ingress.

    Raises:
        IngressFailed: There is no valid token, or it may not play.
    """
    await admission.prepare(_authorization(token))
    try:
        principal = admission.identify(_authorization(token))
    except (Unauthenticated, AccessUnknown) as error:
        said = error if token else "with --auth tokens an ingress plays under an access token"
        raise IngressFailed(f"{said}; give it by INGRESS_TOKEN or --token-file") from None
    if "play" not in principal.scopes:
        raise IngressFailed("the access token lacks the scope play; `dungeonfighter token create` makes one")
    return principal
