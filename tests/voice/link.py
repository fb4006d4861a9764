#!/usr/bin/env python3
"""A network between two network namespaces that is as bad as it is told to be: netem in user space, seeded.

    link.py --a NAMESPACE ADDRESS --b NAMESPACE ADDRESS [--log FILE]

It makes a TUN device `wire` in each namespace and carries IPv4 packets between the two. Each line on standard input is a
condition as JSON and holds for both directions from then on; an answer of one line says that it is in force. The program
ends with standard input. Keys of a condition, all optional:
  delay    ms that every packet takes
  jitter   ms: |N(0, jitter)| is added to each packet
  spike    {"every": s, "ms": more, "for": ms}: so much more for a while, again and again
  fifo     packets wait for those before them (default true); without it a late one is overtaken
  ahead    share of packets that are sent ahead without jitter, which reorders even a fifo
  loss     share lost at random
  to_bad, to_good   Gilbert-Elliott: chance per packet to enter and to leave a state in which all are lost
  seed     starts the draws anew
  rate     kbit/s, with `queue` ms of room (default 200) before the tail is dropped
The draws of each direction come from their own generator, so the same seed and the same packets meet the same fate.
"""

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)


class Impairment:
    """The fate of the packets of one direction. No clock of its own: times are seconds and come in."""

    def __init__(self, way):
        self.way = way  # 0 or 1, so that the two directions do not draw the same
        self.random = random.Random(way)
        self.condition = {}
        self.since = 0.0
        self.bad = False
        self.last = 0.0    # arrival of the packet before, for the fifo
        self.free_at = 0.0  # when the narrow wire has sent what it has

    def set(self, condition, now):
        self.condition, self.since = condition, now
        if 'seed' in condition:
            self.random.seed(f"{condition['seed']} {self.way}")
            self.bad = False

    def arrival(self, now, size):
        """When the packet arrives; None when it never does."""
        of = self.condition.get
        # Always the same number of draws for a packet, so that one figure's change leaves the others' draws alone.
        normal, lost, turn, first = (self.random.gauss(0, 1), self.random.random(), self.random.random(),
                                     self.random.random())
        self.bad = turn >= of('to_good', 1.0) if self.bad else turn < of('to_bad', 0.0)
        if self.bad or lost < of('loss', 0.0):
            return None
        at = now
        if of('rate'):
            start = max(now, self.free_at)
            if start - now > of('queue', 200) / 1000:
                return None
            self.free_at = at = start + 8 * size / (1000 * of('rate'))
        at += of('delay', 0) / 1000
        ahead = first < of('ahead', 0.0)
        if not ahead:
            at += abs(normal) * of('jitter', 0) / 1000
            spike = of('spike')
            # The first spike comes half a period after the condition.
            if spike and (now - self.since + spike['every'] / 2) % spike['every'] < spike['for'] / 1000:
                at += spike['ms'] / 1000
            if of('fifo', True):
                at = max(at, self.last)
                self.last = at
        return at


def open_tun(namespace, address, peer):
    """A TUN device inside `namespace`; the calling thread is back in its own afterwards."""
    home = os.open('/proc/self/ns/net', os.O_RDONLY)
    there = os.open(f'/run/netns/{namespace}', os.O_RDONLY)
    if LIBC.setns(there, 0) != 0:
        raise OSError(ctypes.get_errno(), f'cannot enter {namespace}')
    try:
        tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', b'wire', IFF_TUN | IFF_NO_PI))
        for words in (['address', 'add', address, 'peer', peer, 'dev', 'wire'],
                      ['link', 'set', 'wire', 'up', 'mtu', '1500', 'txqueuelen', '1000'],
                      ['route', 'replace', 'default', 'dev', 'wire']):
            subprocess.run(['ip', *words], check=True)
    finally:
        LIBC.setns(home, 0)
        os.close(home)
        os.close(there)
    return tun


class Link:
    def __init__(self, tuns, log):
        self.tuns, self.log = tuns, log
        self.ways = [Impairment(0), Impairment(1)]
        self.flying = []  # (arrival, number, way, packet)
        self.number = 0

    def take(self, way):
        while True:
            try:
                packet = os.read(self.tuns[way], 2048)
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4:
                continue  # what the kernel says on its own over IPv6
            now = time.monotonic()
            at = self.ways[way].arrival(now, len(packet))
            if self.log:
                took = 'lost' if at is None else f'{1000 * (at - now):.3f}'
                self.log.write(f'{now:.6f},{"ab"[way]},{len(packet)},{took}\n')
            if at is not None:
                self.number += 1
                heapq.heappush(self.flying, (at, self.number, way, packet))

    def deliver(self):
        now = time.monotonic()
        while self.flying and self.flying[0][0] <= now:
            _, _, way, packet = heapq.heappop(self.flying)
            try:
                os.write(self.tuns[1 - way], packet)
            except OSError:
                pass  # a device without room drops, as any does

    def run(self, orders):
        poll = select.epoll()
        for tun in self.tuns:
            poll.register(tun, select.EPOLLIN)
        poll.register(orders.fileno(), select.EPOLLIN)
        while True:
            left = self.flying[0][0] - time.monotonic() if self.flying else -1
            # epoll counts milliseconds: the last one is slept by the clock.
            events = poll.poll(-1 if not self.flying else max(left - 0.001, 0))
            if self.flying and not events and 0 < left <= 0.001:
                time.sleep(max(self.flying[0][0] - time.monotonic(), 0))
            for file, _ in events:
                if file in self.tuns:
                    self.take(self.tuns.index(file))
                    continue
                line = orders.readline()
                if not line:
                    return
                condition = json.loads(line)
                for way in self.ways:
                    way.set(condition, time.monotonic())
                print('ok', flush=True)
            self.deliver()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--a', nargs=2, metavar=('NAMESPACE', 'ADDRESS'), required=True)
    parser.add_argument('--b', nargs=2, metavar=('NAMESPACE', 'ADDRESS'), required=True)
    parser.add_argument('--log', help='one line a packet: seconds, way, bytes, ms or lost')
    arguments = parser.parse_args()
    (a, here), (b, there) = arguments.a, arguments.b
    tuns = [open_tun(a, here, there), open_tun(b, there, here)]
    log = open(arguments.log, 'w') if arguments.log else None
    print('ready', flush=True)
    Link(tuns, log).run(sys.stdin)
    if log:
        log.close()


if __name__ == '__main__':
    main()
