"""Holds each packet of netfilter queue 0 for some time; a program of the part `network`, not of the tests.

    python packet_delay.py SECONDS JITTER_SECONDS SEED

It says `ready`. When its standard input closes, it lets all packets go, prints how many it held, and ends.
Packets keep their order.
"""

from __future__ import annotations

import collections
import random
import select
import sys
import time

from netfilterqueue import COPY_META, NetfilterQueue, Packet

PACKETS_MAX = 100_000
BUFFER_BYTES = 8_388_608


def main() -> None:
    delay, jitter = float(sys.argv[1]), float(sys.argv[2])
    draws = random.Random(int(sys.argv[3]))
    held: collections.deque[tuple[float, Packet]] = collections.deque()
    count = 0

    def hold(packet: Packet) -> None:
        nonlocal count
        count += 1
        last = held[-1][0] if held else 0.0
        due = time.monotonic() + delay + draws.uniform(-jitter, jitter)
        held.append((max(last, due), packet))

    queue = NetfilterQueue()
    queue.bind(0, hold, max_len=PACKETS_MAX, mode=COPY_META, sock_len=BUFFER_BYTES)
    print("ready", flush=True)
    files = [queue.get_fd(), sys.stdin]
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        ready, _, _ = select.select(files, [], [], wait)
        if sys.stdin in ready:
            break
        if ready:
            queue.run(block=False)
        now = time.monotonic()
        while held and held[0][0] <= now:
            held.popleft()[1].accept()
    for _, packet in held:
        packet.accept()
    print(count, flush=True)


if __name__ == "__main__":
    main()
