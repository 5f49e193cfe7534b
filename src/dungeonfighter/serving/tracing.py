"""Traces of one process: the tracer, and the thread that sends what it traced."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from dungeonfighter import __version__
from dungeonfighter.errors import SettingsError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.system import SystemClock
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import Settings

if TYPE_CHECKING:
    from dungeonfighter.telemetry.traces import Tracer

_NEEDS: Final = {
    "http/protobuf": ("opentelemetry.proto", "httpx2"),
    "grpc": ("opentelemetry.proto", "grpc"),
}


def check_traces(settings: Settings, given_by: str = "--otlp-endpoint") -> None:
    """Check that this process could send traces, without an import of what would send them.

    Args:
        settings: The collector, if there is one.
        given_by: The flag or variable that names the collector.

    Raises:
        SettingsError: A package is not installed.
    """
    if settings.otlp_endpoint and not all(map(_is_installed, _NEEDS[settings.otlp_protocol])):
        needs = "packages that are missing; pip install '.[traces]' in the checkout, or leave it out"
        raise SettingsError([f"{given_by}: this needs {needs}"])


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


@contextlib.asynccontextmanager
async def tracing(
    settings: Settings, secrets: Secrets, host: BotHost, instance: str
) -> AsyncIterator[Tracer | None]:
    """Trace the sampled calls of a host while the block runs; at its end, send the last ones.

    The modules that send are imported here, in the process that serves: gRPC does not survive a fork.

    Args:
        settings: The collector, and the part of the calls to trace.
        secrets: The headers for the collector may change.
        host: Its calls are traced, and its meter gets the metrics.
        instance: The name of this process.

    Yields:
        The tracer; None if no collector is configured.

    Raises:
        SettingsError: A package is not installed, or the certificate cannot be used.
    """
    if not settings.otlp_endpoint:
        yield None
        return
    check_traces(settings)
    from dungeonfighter.telemetry import span_export  # noqa: PLC0415
    from dungeonfighter.telemetry.otlp import make_sender  # noqa: PLC0415
    from dungeonfighter.telemetry.sampling import Sampler  # noqa: PLC0415
    from dungeonfighter.telemetry.spans import SpanEncoder  # noqa: PLC0415
    from dungeonfighter.telemetry.traces import Tracer  # noqa: PLC0415

    try:
        sender = make_sender(
            settings.otlp_protocol, settings.otlp_endpoint, settings.otlp_headers, settings.otlp_certificate
        )
    except (OSError, ValueError) as error:
        raise SettingsError([f"--otlp-certificate: {error}"]) from None
    resource: dict[str, str | int] = {
        **settings.resource_attributes,
        "service.name": settings.service_name,
        "service.version": __version__,
        "service.instance.id": instance,
        "process.pid": os.getpid(),
    }
    encoder = SpanEncoder(resource, settings.database.kind)
    export = span_export.SpanExport(sender, encoder, settings.otlp_endpoint, host.meter)
    secrets.call_at_change("otlp_headers", export.use_headers)
    now = SystemClock.now
    rate = settings.trace_flagged_rate / settings.workers
    tracer = Tracer(Sampler(settings.trace_ratio, rate, now), now, export.take)
    try:
        yield tracer
    finally:
        await export.close(span_export.CLOSE_SECONDS)
