"""Makes the queue for an address."""

from __future__ import annotations

from dungeonfighter.connection_strings import is_rabbitmq
from dungeonfighter.errors import SettingsError
from dungeonfighter.ingress.options import Options
from dungeonfighter.ingress.ports import DeadLetters, Queue

_MISSING = "--queue: the package {0} is missing (pip install '.[{0}]' in the checkout)"


def make_queue(options: Options) -> Queue:
    """Make the queue of one consumer; it is not open yet.

    Raises:
        SettingsError: The package of this kind of queue is not installed.
    """
    if is_rabbitmq(options.queue):
        try:
            from dungeonfighter.ingress.rabbitmq import RabbitMQ  # noqa: PLC0415 - needs the extra
        except ImportError:
            raise SettingsError([_MISSING.format("rabbitmq")]) from None
        return RabbitMQ(
            options.queue, prefix=options.prefix, lease_seconds=options.lease_seconds,
            replies_max=options.replies_max, in_hand_max=options.in_hand_max,
        )  # fmt: skip
    try:
        from dungeonfighter.ingress.redis_streams import RedisStreams  # noqa: PLC0415 - needs the extra
    except ImportError:
        raise SettingsError([_MISSING.format("redis")]) from None
    return RedisStreams(
        options.queue, prefix=options.prefix, lease_seconds=options.lease_seconds,
        replies_max=options.replies_max,
    )  # fmt: skip


def make_dead_letters(options: Options) -> DeadLetters:
    """Make the dead letters of a queue, for an operator.

    Raises:
        SettingsError: As `make_queue`.
    """
    if is_rabbitmq(options.queue):
        try:
            from dungeonfighter.ingress.rabbitmq_dead_letters import RabbitMQDeadLetters  # noqa: PLC0415
        except ImportError:
            raise SettingsError([_MISSING.format("rabbitmq")]) from None
        return RabbitMQDeadLetters(options.queue, prefix=options.prefix)
    try:
        from dungeonfighter.ingress.redis_dead_letters import RedisDeadLetters  # noqa: PLC0415
    except ImportError:
        raise SettingsError([_MISSING.format("redis")]) from None
    return RedisDeadLetters(options.queue, prefix=options.prefix)
