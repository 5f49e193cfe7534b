"""The other way in: turns through a message queue, Redis Streams or RabbitMQ.

`consumer.py` takes messages from a queue, lets the host play them and answers them. `ports.py` is the
interface of a queue. `producer.py` is the other end, for programs that play bots.

Source: docs/ingress.md, docs/decisions/051-ingress.md.
"""

from dungeonfighter.ingress.ports import QueueRefused, QueueUnavailable
from dungeonfighter.ingress.producer import NoReply, Producer, TurnReply

__all__ = ["NoReply", "Producer", "QueueRefused", "QueueUnavailable", "TurnReply"]
