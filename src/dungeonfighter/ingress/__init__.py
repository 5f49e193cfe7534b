"""The other way in: turns through a message queue, Redis Streams or RabbitMQ.

`consumer.py` takes messages from a queue, lets the host play them and answers them. `ports.py` is the
interface of a queue. Source: docs/ingress.md, docs/decisions/051-ingress.md.
"""
