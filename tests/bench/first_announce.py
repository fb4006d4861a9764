#!/usr/bin/env python3
"""How many announces a new leecher needs in a large swarm until it is connected to the one who has the file: our S-tracker, and
the same peer among those that opentracker chooses from (a uniform choice needs about n/50).

usage: first_announce.py [--peers N] [--runs N]

The swarm is of leechers that nobody can reach. Each run is a leecher with a port of its own that announces, calls the holder
when it is among the peers it is given, and is called by it; what counts is a BitTorrent handshake. With ours half of the
runs ask for a single peer. JSON on standard output.
"""

import argparse
import json
import os
import re
import select
import socket
import statistics
import struct
import sys
import urllib.parse
import urllib.request

import beside  # noqa: F401  finds the integration tests' modules
import swarm
from lab import BIN, Lab, Process, wait
from torrents import Torrent, announce, port_of

HERE = '127.0.0.1'
FIRST_PORT = 10_000
# Longer than a dial takes on one machine.
MOMENT = 2


def peers_of(tracker, torrent, port, wanted):
    """The ports on this machine that an announce brings."""
    words = {'info_hash': bytes.fromhex(torrent.hash), 'peer_id': os.urandom(20), 'port': port, 'uploaded': 0, 'downloaded': 0,
             'left': len(torrent.data), 'compact': 1, 'numwant': wanted, 'event': 'started'}
    with urllib.request.urlopen(f'{tracker}?{urllib.parse.urlencode(words, quote_via=urllib.parse.quote)}', timeout=30) as answer:
        text = answer.read()
    found = re.search(rb'5:peers(\d+):', text)
    packed = text[found.end():found.end() + int(found[1])]
    return [struct.unpack('>H', packed[at + 4:at + 6])[0] for at in range(0, len(packed), 6)]


def shakes_hands(wire, torrent):
    """Whether the other side says that it is of this swarm."""
    wire.settimeout(MOMENT)
    try:
        wire.sendall(b'\x13BitTorrent protocol' + bytes(8) + bytes.fromhex(torrent.hash) + os.urandom(20))
        heard = b''
        while len(heard) < 68:
            more = wire.recv(68 - len(heard))
            if not more:
                return False
            heard += more
        return heard[28:48].hex() == torrent.hash
    except OSError:
        return False


def connected(holder, given, door, torrent):
    """To the holder, by a call of either side."""
    if holder in given:
        with socket.create_connection((HERE, holder), MOMENT) as wire:
            return shakes_hands(wire, torrent)
    if not select.select([door], [], [], MOMENT)[0]:
        return False
    wire, _ = door.accept()
    with wire:
        return shakes_hands(wire, torrent)


def announces_needed(tracker, holder, torrent, wanted, dialled, most):
    """`dialled`: the holder calls back, too, and is waited for."""
    with socket.create_server((HERE, 0)) as door:
        port = door.getsockname()[1]
        for count in range(1, most + 1):
            given = peers_of(tracker, torrent, port, wanted)
            if (holder in given or dialled) and connected(holder, given, door, torrent):
                return count
    return most


def fill(tracker, torrent, peers):
    for number in range(peers):
        peers_of(tracker, torrent, FIRST_PORT + number, 0)
        if number % 1000 == 0:
            print(f'{number} of {peers} peers have announced', file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peers', type=int, default=5000)
    parser.add_argument('--runs', type=int, default=100)
    arguments = parser.parse_args()
    with Lab('first-announce') as lab:
        daemon = lab.daemon('ours', flags=['--tracker', f'{HERE}:0', '--peer', f'{HERE}:0'])
        torrent = Torrent(lab.folder, 'film', 1 << 20, announce(daemon))
        daemon.ctl('torrent', 'submit', torrent.file)
        folder = lab.folder / 'seed'
        folder.mkdir()
        torrent.write(folder)
        seed = Process([BIN / 'p2pctl', 'torrent', 'download', torrent.file, '--dir', folder, '--no-dht', '--lan', '--seed-for', '1h'],
                       lab.folder / 'seed.log')
        lab.processes.append(seed)

        def shown():
            return daemon.json('torrent', 'show', torrent.hash)
        wait('it to be archived', lambda: shown()['state'] == 'ARCHIVED')
        seed.signal(9)
        wait('the seed to be missed', lambda: shown().get('organicAvailability', 0) == 0)
        archive = port_of(daemon, 'peers')
        port = swarm.free_port(HERE)
        swarm.OpenTracker(lab, HERE, port, [torrent.hash])
        plain = f'http://{HERE}:{port}/announce'
        for tracker in (announce(daemon), plain):
            fill(tracker, torrent, arguments.peers)
        most = 20 * arguments.peers // 50
        ours, theirs = [], []
        for number in range(arguments.runs):
            ours.append(announces_needed(announce(daemon), archive, torrent, 50 if number % 2 else 1, True, most))
            # Announced anew, as a peer does; and asked for as leechers ask.
            peers_of(plain, torrent, archive, 0)
            theirs.append(announces_needed(plain, archive, torrent, 50, False, most))
        print(json.dumps({
            'peers': arguments.peers, 'runs': arguments.runs,
            'ours': {'most': max(ours), 'mean': statistics.mean(ours)},
            'opentracker': {'most': max(theirs), 'mean': statistics.mean(theirs)}}, indent=2))


if __name__ == '__main__':
    main()
