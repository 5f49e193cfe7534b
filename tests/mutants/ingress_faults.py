"""Faults for messages of a queue: what is acknowledged, in which order, how often, and what is buried."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_PLAYING: Final = "ingress/playing.py"
_HAND: Final = "ingress/hand.py"
_MESSAGES: Final = "ingress/messages.py"
_STREAMS: Final = "ingress/redis_streams.py"
_PLAYING_TESTS: Final = "unit/ingress/test_playing.py::test_"
_HAND_TESTS: Final = "unit/ingress/test_hand.py::test_"
_QUEUE_TESTS: Final = "contract/test_queue.py::test_"

FAULTS: Final = {
    "a message is acknowledged before its commit": Fault(
        _PLAYING,
        "            yield command.bot, command.input, command.turn, command.episode, task\n",
        '            self._outcomes.reply(task, encode(command, "ok"))\n'
        "            yield command.bot, command.input, command.turn, command.episode, task\n",
        (_PLAYING_TESTS + "a_message_is_answered_after_its_commit",),
    ),
    "a message that must wait is acknowledged": Fault(
        _PLAYING,
        "        if isinstance(error, StoreError | Overloaded):\n",
        "        if False:\n",
        (_PLAYING_TESTS + "a_message_that_must_wait_holds_back_those_behind_it",),
    ),
    "a second message of a bot does not wait for the first": Fault(
        _PLAYING,
        "            if bot not in lines:\n",
        "            if True:\n",
        (_PLAYING_TESTS + "a_message_that_must_wait_holds_back_those_behind_it",),
    ),
    "a message overtakes one that was dropped": Fault(
        _PLAYING,
        "        for other in self._lines.pop(task.command.bot) or ():\n"
        "            self._outcomes.drop(other)\n",
        "        self._next(task)\n",
        (_PLAYING_TESTS + "no_message_overtakes_one_that_is_dropped",),
    ),
    "a message of a lost stream is played": Fault(
        _PLAYING,
        "        if task.delivery.stream in self._held():\n",
        "        if True:\n",
        (_PLAYING_TESTS + "a_message_of_a_lost_stream_is_left_to_its_new_holder",),
    ),
    "a second copy of a message is played again": Fault(
        _PLAYING,
        "            yield command.bot, command.input, command.turn, command.episode, task\n",
        "            yield command.bot, command.input, None, command.episode, task\n",
        (_PLAYING_TESTS + "a_second_copy_of_a_message_has_no_effect",),
    ),
    "a message that ends its consumers is delivered for ever": Fault(
        _HAND,
        "            elif delivery.times > self._bounds.deliveries_max:\n",
        "            elif False:\n",
        (_HAND_TESTS + "a_message_that_was_delivered_too_often_is_buried",),
    ),
    "poison is played": Fault(
        _HAND,
        "                self.bury(delivery, command.reason)\n",
        "                continue\n",
        (_HAND_TESTS + "poison_is_buried_and_the_rest_is_played",),
    ),
    "more messages are taken than there is room for": Fault(
        _HAND,
        "        free = most - self._count\n",
        "        free = most\n",
        (_HAND_TESTS + "no_more_is_read_than_there_is_room_for",),
    ),
    "a message of another stream is played": Fault(
        _MESSAGES,
        '        return None if stream_of(bot) == stream else "wrong_stream"\n',
        "        return None\n",
        ("unit/ingress/test_messages.py::test_another_stream_would_break_the_order_of_the_bot",),
    ),
    "a new message overtakes those of a dead consumer": Fault(
        _STREAMS,
        "        for stream in self._taking_over.keys() & readable:\n",
        "        for stream in set[int]():\n",
        (_QUEUE_TESTS + "what_was_not_answered_goes_to_the_next_consumer_first[redis]",),
    ),
    "a message is acknowledged without its reply": Fault(
        "ingress/redis_scripts.py",
        "    local added = redis.pcall('XADD', KEYS[one[3]], 'MAXLEN', '~', most, '*', unpack(one[4]))\n",
        "    local added = {}\n",
        (_QUEUE_TESTS + "an_answered_message_is_gone_and_its_reply_is_there[redis]",),
    ),
}
