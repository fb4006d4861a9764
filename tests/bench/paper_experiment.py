#!/usr/bin/env python3
"""The paper's experiment beside its reference: how long an unchanged client takes for 964.54 MB in pieces of 256 KiB from our
S-tracker when every seeder is gone, and from a plain libtorrent seed (qBittorrent) behind opentracker.

usage: paper_experiment.py [--rounds N] [--size BYTES] [--client aria2|qbittorrent]...

The two take turns, so that a neighbour's load falls on both; what counts is the median of the ratios of one round. In a network
namespace of its own (tests/integration/swarm.py), as root, with the Debian packages that swarm.py names. From the client's
start to its own word that it is complete; each file is compared.
"""

import argparse
import json
import os
import statistics
import sys
import time

import beside  # noqa: F401  finds the integration tests' modules
import swarm
from lab import BIN, Lab, run, wait

CLIENTS = {'aria2': swarm.Aria2, 'qbittorrent': swarm.Qbittorrent}
# One torrent may take so long, seconds.
SPAN = 900


class Bench:
    def __init__(self, lab, size):
        self.lab, self.count = lab, 0
        self.data = lab.folder / 'film'
        with open(self.data, 'wb') as file:
            for at in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - at)))
        self.torrents = {}
        self.serve_ours()
        self.serve_theirs()

    def torrent(self, name, tracker):
        """name.torrent and its hash."""
        self.torrents[name] = self.lab.folder / f'{name}.torrent'
        made = run([BIN / 'p2pctl', '--output', 'json', 'torrent', 'create', self.data, '--out', self.torrents[name],
                    '--piece-size', '256KiB', '--tracker', tracker], timeout=SPAN)
        return made.json()['name'].split('/')[1]

    def serve_ours(self):
        at = f'{swarm.machine(1)}:{swarm.free_port(swarm.machine(1))}'
        daemon = self.lab.daemon('ours', flags=['--tracker', at, '--peer', f'{swarm.machine(1)}:0'])
        torrent = self.torrent('ours', f'http://{at}/announce')
        daemon.ctl('torrent', 'submit', self.torrents['ours'])
        seeder = swarm.Aria2(self.lab, 'seeder', swarm.machine(2), self.torrents['ours'], self.data)
        wait('the file to be archived', lambda: daemon.json('torrent', 'show', torrent)['state'] == 'ARCHIVED', SPAN)
        seeder.kill()
        wait('the seeder to be missed', lambda: daemon.json('torrent', 'show', torrent).get('organicAvailability', 0) == 0)

    def serve_theirs(self):
        port = swarm.free_port(swarm.machine(3))
        torrent = self.torrent('theirs', f'http://{swarm.machine(3)}:{port}/announce')
        swarm.OpenTracker(self.lab, swarm.machine(3), port, [torrent])
        seed = swarm.Qbittorrent(self.lab, 'seed', swarm.machine(4), self.torrents['theirs'], self.data)
        wait('the seed to be ready', seed.complete, SPAN)

    def fetch(self, client, whose):
        """Seconds."""
        self.count += 1
        leecher = CLIENTS[client](self.lab, f'{client}-{self.count}', swarm.machine(swarm.LEECHERS), self.torrents[whose])
        wait(f'{client} to complete', leecher.complete, SPAN)
        took = time.monotonic() - leecher.started
        leecher.kill()
        run(['cmp', self.data, leecher.files / self.data.name], timeout=SPAN)
        run(['rm', '-rf', leecher.folder])
        print(json.dumps({'client': client, 'from': whose, 'seconds': round(took, 2)}), flush=True)
        return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--size', type=int, default=964_540_000)
    parser.add_argument('--client', action='append', choices=sorted(CLIENTS))
    arguments = parser.parse_args()
    if os.geteuid() != 0 or swarm.missing():
        sys.exit(f'run as root, with these packages: {" ".join(swarm.PROGRAMS.values())}')
    swarm.own_network()
    with Lab('bench') as lab:
        bench = Bench(lab, arguments.size)
        for client in arguments.client or sorted(CLIENTS):
            rounds = [(bench.fetch(client, 'ours'), bench.fetch(client, 'theirs')) for _ in range(arguments.rounds)]
            ours, theirs = zip(*rounds)
            print(json.dumps({'client': client, 'ours_s': round(statistics.median(ours), 2),
                              'theirs_s': round(statistics.median(theirs), 2),
                              'median_ratio': round(statistics.median(a / b for a, b in rounds), 3)}), flush=True)


if __name__ == '__main__':
    main()
