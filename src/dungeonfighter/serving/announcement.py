"""The announcement of a server that serves: its addresses, the checks of its start, notes on its settings.

With `--log-format text` that is a block for people, else one line of the log for each statement.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from dungeonfighter import __version__
from dungeonfighter.access.principals import DEFAULT_BOT
from dungeonfighter.serving.start_checks import Finding
from dungeonfighter.setting_values import is_loopback
from dungeonfighter.settings import Settings

logger = logging.getLogger(__name__)


def announce(settings: Settings, address: tuple[Any, ...], findings: Sequence[Finding]) -> None:
    """Say once that the server accepts connections at `address`."""
    origin = settings.public_url or _origin(*address[:2])
    page = origin if settings.admin_listen is None else _origin(*settings.admin_listen)
    bot = settings.bot_id_prefix + DEFAULT_BOT
    notes = [*settings.notes, *_scrape_notes(settings, address)]
    if settings.log_format == "text":
        heads = ["checks", *[""] * len(findings)]
        lines = [
            f"DungeonFighter {__version__}",
            f"  watch page   {page}/",
            f"  MCP          {origin}/mcp   (one bot: {origin}/bots/{bot}/mcp)",
            f"  games        {settings.database.shown}",
            *([f"  workers      {settings.workers} processes"] if settings.workers > 1 else []),
            *(f"  {head:<12} {found.text}" for head, found in zip(heads, findings, strict=False)),
            "  stop         Ctrl-C (again: at once); nothing acknowledged is ever lost",
            *(f"  note         {note}".replace("\n", "\n               ") for note in notes),
        ]
        print("\n".join(lines), file=sys.stderr, flush=True)
        return
    logger.info("serving on %s, games in %s", origin, settings.database.shown)
    for found in findings:
        logger.log(logging.INFO if found.is_good else logging.WARNING, "start: %s", found.text)
    for note in notes:
        logger.warning("%s", note)


def say_where_log_is(settings: Settings) -> None:
    """Name the file of the log on the former standard error; for a log of JSON, say nothing."""
    if settings.log_file and settings.log_format == "text" and sys.__stderr__ is not None:
        with contextlib.suppress(OSError, ValueError):  # it is closed
            print(
                f"DungeonFighter {__version__}: the log is in {settings.log_file}",
                file=sys.__stderr__,
                flush=True,
            )


def _scrape_notes(settings: Settings, address: tuple[Any, ...]) -> list[str]:
    """Return the configuration that a Prometheus needs to which nothing is pushed."""
    prometheus = settings.prometheus
    if prometheus is None or not prometheus.url or prometheus.is_receiver:
        return []
    host, port = address[:2] if settings.admin_listen is None else settings.admin_listen
    if host in {"0.0.0.0", "::"}:
        host = socket.gethostname()
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines: tuple[str, ...] = (
        f"nothing is pushed to {prometheus.url}, which has no path of an OTLP receiver; let it scrape:",
        "scrape_configs:",
        "  - job_name: dungeonfighter",
        "    static_configs:",
        f'      - targets: ["{target}"]',
    )
    if is_loopback(host) and not is_loopback(urlsplit(prometheus.url).hostname or ""):
        way_out = "serve /metrics elsewhere, for example with DUNGEONFIGHTER_HOST=0.0.0.0 and AUTH=tokens"
        lines = (f"{host} is reached from this machine only: {way_out}", *lines)
    return ["\n".join(lines)]


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
