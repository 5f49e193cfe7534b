"""The settings of `dungeonfighter ingress` besides those that it shares with the server.

Source: docs/ingress.md, "Settings".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from msgspec import Struct

from dungeonfighter import setting_values as to
from dungeonfighter.connection_strings import Problem, is_rabbitmq, parse_rabbitmq, parse_redis
from dungeonfighter.errors import SettingsError
from dungeonfighter.setting_fields import Field
from dungeonfighter.setting_values import Address
from dungeonfighter.settings import read_setting

SHARED: Final = (
    "database", "db_pool_size", "read_database", "db_prepared_statements", "allow_unsafe_store",
    "max_bots_per_instance", "catalog", "instance_id", "bot_id_prefix", "auth", "rate_per_bot",
    "rate_per_token", "rate_per_fleet", "bots_per_fleet", "tokens_per_bot_per_day", "replicas", "redis_url",
    "redis_key_prefix", "signing_key", "commit_timeout_seconds", "startup_timeout_seconds", "log_format",
    "log_level", "log_file", "slow_turn_milliseconds",
)  # fmt: skip
"""The settings of a server that matter here, too, by attribute."""


class Options(Struct, frozen=True, kw_only=True):
    """The settings of one ingress."""

    queue: str
    token: str = ""
    prefix: str = "df:"
    listen: Address = Address("127.0.0.1", 9464)
    lease_seconds: float = 5.0
    deliveries_max: int = 5
    in_hand_max: int = 2048
    replies_max: int = 100_000

    def __repr__(self) -> str:
        """Return the settings without the secrets, because texts about failures may show them."""
        return f"Options(prefix={self.prefix!r}, listen={self.listen!r})"


def parse_queue(text: str) -> str:
    """Return the URL of a queue; no message holds a part of it, for it may have a password."""
    try:
        return parse_rabbitmq(text) if is_rabbitmq(text) else parse_redis(text)
    except Problem:
        raise Problem(
            "this must be like redis://host:6379/0 or amqp://user:password@host:5672/ (with TLS rediss:// or "
            "amqps://)"
        ) from None


def _access_token(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise Problem("the text is no access token; `dungeonfighter token create` makes one")
    return text


QUEUE_FIELDS: Final = (
    Field("queue", ("--queue",), ("INGRESS_QUEUE",), parse_queue, "URL",
          "the queue: redis://HOST:6379/0 or amqp://HOST:5672/", is_secret=True),
    Field("prefix", ("--prefix",), ("INGRESS_PREFIX",), to.key_prefix, "TEXT",
          "beginning of all keys or queues (default: df:)"),
)  # fmt: skip
"""The settings that say where the messages are."""
FIELDS: Final = (
    *QUEUE_FIELDS,
    Field("token", ("--token",), ("INGRESS_TOKEN",), _access_token, "TEXT",
          "the access token under which all messages are played, with --auth tokens", is_secret=True),
    Field("listen", ("--listen",), ("INGRESS_LISTEN",), to.address, "ADDRESS:PORT",
          "where /livez, /readyz and /metrics of this process are (default: 127.0.0.1:9464)"),
    Field("lease_seconds", ("--lease-seconds",), ("INGRESS_LEASE_SECONDS",), to.seconds(600, 1), "SECONDS",
          "the streams of a dead consumer are taken over after so long (default: 5)"),
    Field("deliveries_max", ("--deliveries-max",), ("INGRESS_DELIVERIES_MAX",), to.integer(1, 1000), "N",
          "a message that came to no outcome in so many deliveries is a dead letter (default: 5)"),
    Field("in_hand_max", ("--in-hand-max",), ("INGRESS_IN_HAND_MAX",), to.integer(64, 100_000), "N",
          "messages that are read and not answered yet (default: 2048)"),
    Field("replies_max", ("--replies-max",), ("INGRESS_REPLIES_MAX",), to.integer(100, 100_000_000), "N",
          "replies that a stream of replies keeps, about (default: 100000)"),
)  # fmt: skip


def read_options(
    flags: Mapping[str, Any], environ: Mapping[str, str], fields: Collection[Field] = FIELDS
) -> Options:
    """Read the settings of an ingress.

    Args:
        flags: Parsed arguments by attribute; None where a flag was not given.
        environ: Usually `os.environ`.
        fields: The settings to read; the others have their defaults.

    Raises:
        SettingsError: One line per problem, each naming the setting and its remedy.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in fields:
        try:
            found = read_setting(field, flags, environ)
        except Problem as problem:
            problems.append(str(problem))
        else:
            values |= {} if found is None else {field.attribute: found}
    if "queue" not in values and not problems:
        problems.append("--queue: say where the messages are: redis://HOST:6379/0 or amqp://HOST:5672/")
    if problems:
        raise SettingsError(problems)
    return Options(**values)
