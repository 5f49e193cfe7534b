"""The settings of a server as people may see them: each effective value with its source, no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.connection_strings import Database, shown_redis
from dungeonfighter.setting_fields import FIELDS, Field
from dungeonfighter.setting_values import Address, Prometheus
from dungeonfighter.settings import Settings, source_of
from dungeonfighter.telemetry.hidden import hiding

_PLAIN_DEFAULTS: Final = {"proxy_header": "x-forwarded-for"}
"""The meaning of an empty text, by attribute, of the settings for which it is not "none"."""
_hide = hiding()


class ShownSetting(Struct, frozen=True):
    """One setting.

    Attributes:
        name: The name of its environment variable.
        value: The value in effect; empty if there is none. A secret is "set", or its harmless part.
        source: "default", or the name of the flag or variable that gives it; one that names a file ends in
            `-file` or `_FILE`.
    """

    name: str
    value: str
    source: str


def shown_settings(
    settings: Settings, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> list[ShownSetting]:
    """Describe all settings in the order of `FIELDS`; the arguments are those of `read_settings`."""
    return [
        ShownSetting(
            field.variables[0], _shown(field, getattr(settings, field.attribute)),
            source_of(field, flags, environ) or "default",
        )
        for field in FIELDS
    ]  # fmt: skip


def _shown(field: Field, value: object) -> str:
    value = _PLAIN_DEFAULTS.get(field.attribute) if value == "" else value
    if value is None or value in ({}, ()):
        return ""
    if isinstance(value, Database):
        return f"{value.shown}{', with a password' if value.has_password else ''}"
    if field.attribute == "redis_url":
        return shown_redis(str(value))
    if field.is_secret:
        return "set"
    if isinstance(value, Prometheus):
        value = value.listen or value.path or value.url
    if isinstance(value, Address):
        return f"{value.host}:{value.port}"
    if isinstance(value, dict):
        return _hide(", ".join(f"{name}={text}" for name, text in value.items()))
    if isinstance(value, tuple):
        return _hide(", ".join(map(str, value)))
    if isinstance(value, bool):
        return "1" if value else "0"
    return _hide(f"{value:g}" if isinstance(value, float) else str(value))
