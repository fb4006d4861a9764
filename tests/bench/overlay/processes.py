#!/usr/bin/env python3
"""Real p2pd processes on one machine: a hundred in one overlay, and twenty under load beside OpenDHT's dhtnode.

Each overlay has a network namespace of its own, whose loopback counts the bytes on the wire. Both are measured in the
same run, and what counts is the ratio. Needs root, the package dhtnode and the benchmarks of the preset bench
(P2PD_BENCH_BIN, by default build/bench/bin).

    tests/bench/overlay/processes.py [hundred] [load]     both without arguments; JSON on standard output
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from beside import DhtNode, lab, ratio, resident, spread  # noqa: E402

HUNDRED = 100
TWENTY = 20
VALUE = 256      # bytes
IDLE = 60        # seconds
LOAD = 20        # seconds
ETHERNET = 14    # bytes that loopback counts round each packet
BENCH = pathlib.Path(os.environ.get('P2PD_BENCH_BIN', lab.ROOT / 'build/bench/bin'))


class Island:
    """A network namespace with a loopback and nothing else."""

    def __init__(self, name):
        self.name = f'p2pdb{os.getpid()}{name}'

    def __enter__(self):
        lab.run(['ip', 'netns', 'add', self.name])
        lab.run(['ip', '-n', self.name, 'link', 'set', 'lo', 'up'])
        return self

    def __exit__(self, *_):
        subprocess.run(['ip', 'netns', 'del', self.name], check=False, capture_output=True)

    def wire_bytes(self):
        """Bytes of IP packets sent so far."""
        told = lab.run(['ip', '-n', self.name, '-s', '-j', 'link', 'show', 'lo']).json()[0]['stats64']['tx']
        return told['bytes'] - ETHERNET * told['packets']


def measure_hundred(workshop):
    """A hundred daemons, one after another and all through the first: start to ready of each, then one ring."""
    with Island('h') as island:
        ready, joined = [], []
        daemons = []
        for i in range(HUNDRED):
            way_in = [daemons[0].endpoint] if daemons else []
            daemon = workshop.daemon(f'n{i}', start=False, netns=island.name, bootstrap=way_in)
            started = time.monotonic()
            daemon.start()
            ready.append((time.monotonic() - started) * 1000)
            if daemons:
                lab.wait(f'{daemon.name} is in the overlay', lambda d=daemon: d.status()['state'].endswith('JOINED'))
                joined.append((time.monotonic() - started) * 1000)
            daemons.append(daemon)
        lab.wait('one ring', lambda: one_ring(daemons), 60)
        before, started = island.wire_bytes(), time.monotonic()
        time.sleep(IDLE)
        rate = (island.wire_bytes() - before) / (time.monotonic() - started) / HUNDRED
        memory = [resident(daemon.process.child.pid) for daemon in daemons]
        return {'start to ready': spread(ready, 'ms'), 'start to member of the overlay': spread(joined, 'ms'),
                'one ring of': HUNDRED, 'resident memory': spread(memory, 'MiB'),
                'idle, bytes a second and node': round(rate, 1)}


def one_ring(daemons):
    """All name the same root for the same keys."""
    for text in ('a', 'b', 'c'):
        key = hashlib.sha1(text.encode()).hexdigest()
        if len({daemon.json('overlay', 'lookup', key)['root']['nodeId'] for daemon in daemons}) != 1:
            return False
    return True


def measure_ours(workshop):
    with Island('o') as island:
        daemons = workshop.ring([f'node{i}' for i in range(TWENTY)], netns=island.name)
        idle, started = island.wire_bytes(), time.monotonic()
        time.sleep(IDLE)
        idle = (island.wire_bytes() - idle) / (time.monotonic() - started) / TWENTY
        before = island.wire_bytes()
        told = lab.run([BENCH / 'p2pd_overlay_load_bench', LOAD, VALUE, *[f'unix:{d.socket}' for d in daemons]],
                       timeout=LOAD + 60).json()
        operations = told['put']['count'] + told['get']['count']
        told |= {'bytes on the wire for an operation': round((island.wire_bytes() - before) / operations),
                 'idle, bytes a second and node': round(idle, 1),
                 'resident memory': spread([resident(d.process.child.pid) for d in daemons], 'MiB')}
        for daemon in daemons:
            daemon.kill9()
        return told


def measure_theirs(workshop):
    with Island('t') as island:
        nodes = [DhtNode(workshop, None, island.name)]
        for _ in range(TWENTY - 1):
            nodes.append(DhtNode(workshop, nodes[0].port, island.name))
        lab.wait('dhtnode knows its neighbours', lambda: nodes[-1].neighbours() >= 8)
        idle, started = island.wire_bytes(), time.monotonic()
        time.sleep(IDLE)
        idle = (island.wire_bytes() - idle) / (time.monotonic() - started) / TWENTY
        before = island.wire_bytes()
        puts, gets, done, failures = [], [], [0] * TWENTY, [0]

        def work(index, end):
            other, turn = (index + 7) % TWENTY, 0
            while time.monotonic() < end:
                key = hashlib.sha1(f'{index}/{turn}'.encode()).hexdigest()
                try:
                    puts.append(nodes[index].put(key, 'v' * VALUE))
                    done[index] = turn = turn + 1
                    if done[other]:
                        key = hashlib.sha1(f'{other}/{turn * 31 % done[other]}'.encode()).hexdigest()
                        gets.append(nodes[index].get(key))
                except lab.Unmet:
                    failures[0] += 1
        started = time.monotonic()
        threads = [threading.Thread(target=work, args=(i, started + LOAD)) for i in range(TWENTY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        span = time.monotonic() - started
        return {'put': spread(puts, 'ms'), 'get': spread(gets, 'ms'),
                'operations_per_second': round((len(puts) + len(gets)) / span), 'failures': failures[0],
                'bytes on the wire for an operation': round((island.wire_bytes() - before) / (len(puts) + len(gets))),
                'idle, bytes a second and node': round(idle, 1),
                'resident memory': spread([resident(node.child.pid) for node in nodes], 'MiB')}


def measure_load(workshop):
    """Each node has one client that waits for its answers, puts 256 bytes and gets what another put."""
    ours, theirs = measure_ours(workshop), measure_theirs(workshop)
    return {'p2pd': ours, 'dhtnode': theirs,
            'ratio put': ratio(ours['put'], theirs['put']),
            'ratio get': ratio(ours['get'], theirs['get']),
            'ratio operations': round(ours['operations_per_second'] / theirs['operations_per_second'], 2)}


def main():
    measures = {'hundred': measure_hundred, 'load': measure_load}
    wanted = sys.argv[1:] or list(measures)
    if not set(wanted) <= set(measures):
        sys.exit(__doc__)
    result = {}
    for name in wanted:
        with lab.Lab(f'bench-{name}') as workshop:
            result[name] = measures[name](workshop)
        print(f'{name} done', file=sys.stderr)
    print(json.dumps(result, indent=2))


if __name__ == '__main__':
    main()
