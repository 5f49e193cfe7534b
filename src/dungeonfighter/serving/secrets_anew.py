"""Reads anew what a running server may change, when SIGHUP asks for it.

Of the settings only secrets that came from a file can change. A file that cannot be used any more changes
nothing: the former secret stays in use, and the log says why. Access tokens and the keys of an identity
provider, which a server reads anew by itself from time to time, are read at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from dungeonfighter.connection_strings import Problem
from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import Settings, read_setting, worker_words
from dungeonfighter.telemetry.logs import reopen_log
from dungeonfighter.telemetry.shown_settings import ShownSetting, shown_settings

logger = logging.getLogger(__name__)


class Secrets:
    """The secrets of one process.

    Args:
        settings: Read at the start from `flags` and `environ`.
        flags: Parsed arguments by attribute.
        environ: The environment.
    """

    def __init__(self, settings: Settings, flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._flags = flags
        self._environ = environ
        self._fields = {field.attribute: field for field in FIELDS if field.is_secret}
        self._values = {attribute: getattr(settings, attribute) for attribute in self._fields}
        self._callbacks: dict[str, list[Callable[[Any], None]]] = {}
        self._further: list[Callable[[], object]] = []

    def call_at_change(self, attribute: str, callback: Callable[[Any], None]) -> None:
        """Call `callback` with the new value of a secret setting whenever it changes."""
        assert attribute in self._fields
        self._callbacks.setdefault(attribute, []).append(callback)

    def current(self, attribute: str) -> Any:
        """Return the value of a secret setting that is in use now."""
        return self._values[attribute]

    def values(self) -> list[Any]:
        """Return the values of all secret settings."""
        return list(self._values.values())

    def shown(self, settings: Settings) -> list[ShownSetting]:
        """Describe all settings, which came from the same flags and environment; no secret is in it."""
        return shown_settings(settings, self._flags, self._environ)

    def words(self) -> tuple[list[str], dict[str, str]]:
        """Return the flags and the environment that give the same settings to another process."""
        return worker_words(self._flags, self._environ)

    def call_at_reading(self, callback: Callable[[], object]) -> None:
        """Call `callback` whenever everything is read anew, for what does not come from a file."""
        self._further.append(callback)

    def read_anew(self) -> None:
        """Read all files; pass on the secrets that changed. Open the file of the log anew, too."""
        log = "; the file of the log is opened anew" if reopen_log() else ""
        for read in self._further:
            read()
        changed = []
        for attribute, callbacks in self._callbacks.items():
            field = self._fields[attribute]
            try:
                value = read_setting(field, self._flags, self._environ)
            except Problem as problem:
                logger.warning("%s; the former value stays in use", problem)
                continue
            if value is None or value == self._values[attribute]:
                continue
            self._values[attribute] = value
            changed.append(field.file_variable)
            for callback in callbacks:
                callback(value)
        logger.info("the secrets were read anew; changed: %s%s", ", ".join(changed) or "none", log)
