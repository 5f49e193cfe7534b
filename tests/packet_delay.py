"""Holds each packet of netfilter queue 0 for some time; a program of the part `network`, not of the tests.

    python packet_delay.py SECONDS

It says `ready` and ends when its standard input closes. Packets keep their order.
"""

from __future__ import annotations

import collections
import select
import sys
import time

from netfilterqueue import COPY_META, NetfilterQueue, Packet

PACKETS_MAX = 100_000
BUFFER_BYTES = 8_388_608


def main() -> None:
    delay = float(sys.argv[1])
    held: collections.deque[tuple[float, Packet]] = collections.deque()

    def hold(packet: Packet) -> None:
        held.append((time.monotonic() + delay, packet))

    queue = NetfilterQueue()
    queue.bind(0, hold, max_len=PACKETS_MAX, mode=COPY_META, sock_len=BUFFER_BYTES)
    print("ready", flush=True)
    files = [queue.get_fd(), sys.stdin]
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        ready, _, _ = select.select(files, [], [], wait)
        if sys.stdin in ready:
            return
        if ready:
            queue.run(block=False)
        now = time.monotonic()
        while held and held[0][0] <= now:
            held.popleft()[1].accept()


if __name__ == "__main__":
    main()
