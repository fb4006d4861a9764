#!/usr/bin/env python3
"""What an S-tracker of many torrents costs: resident memory, the seconds of a restart, and how soon a torrent that slept
serves whoever asks.

usage: archive_catalogue.py [--torrents N] [--wakes N]

All torrents sleep, as after ten minutes in which nobody came. Their rows and .torrent files are written as p2pd writes
them, of 100 pieces each; those that are woken have their bytes on disk, the others an empty folder, whose being there is all
that is looked at while they sleep. A leecher is a bare socket: half of them announce at the tracker and then connect where it says, the other
half connect without a word to the tracker. What counts is the time from the first byte of either to the last byte of a
block. JSON on standard output.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import socket
import sqlite3
import statistics
import struct
import time
import urllib.parse
import urllib.request

from beside import lab, resident

PIECE, PIECES = 256 << 10, 100   # of those that are never woken
SMALL = 16 << 10                 # one piece, of those that are
BLOCK = 16 << 10
DORMANT = 6                      # TorrentState::kDormant


def bencode(value):
    if isinstance(value, int):
        return b'i%de' % value
    if isinstance(value, bytes):
        return b'%d:%s' % (len(value), value)
    return b'd' + b''.join(bencode(key) + bencode(item) for key, item in sorted(value.items())) + b'e'


class Sleeper:
    """One torrent of the catalogue; with `data` it can be served."""

    def __init__(self, number, data=None):
        self.name = f'collection of recordings {number}'
        self.data = data
        self.piece, self.pieces = (SMALL, 1) if data else (PIECE, PIECES)
        self.size = self.piece * self.pieces
        hashes = hashlib.sha1(data).digest() if data else os.urandom(20 * self.pieces)
        info = {b'name': self.name.encode(), b'piece length': self.piece, b'pieces': hashes, b'length': self.size}
        self.metainfo = bencode({b'info': info})
        self.hash = hashlib.sha1(bencode(info)).digest()
        self.file = f'{self.name} 2026-01-01 00.00.00 {self.hash.hex()[:8]}.torrent'

    def row(self):
        at = 1_767_225_600_000_000
        return (self.hash, self.hash, b'', self.name, self.file, self.name, self.name, self.size, self.piece, self.pieces,
                DORMANT, 1, 0, at, at, 0, 0, 0, b'', None)

    def write(self, archive):
        (archive / 'Torrents' / self.file).write_bytes(self.metainfo)
        path = archive / 'Files' / self.name / self.name
        path.parent.mkdir()
        if not self.data:
            return
        path.write_bytes(self.data)
        name = self.name.encode()
        layout = hashlib.sha256(struct.pack('>IQBH', self.piece, self.size, 0, len(name)) + name).digest()
        have = b'p2pd have 1\n' + struct.pack('>B32sII', 0, layout, self.pieces, 1)
        have += struct.pack('>QQ', self.size, path.stat().st_mtime_ns) + b'\x80'
        (archive / 'have' / f'{self.hash.hex()}.have').write_bytes(have + hashlib.sha256(have).digest())


def fill(archive, sleepers):
    with sqlite3.connect(archive / 'library.db') as library:
        for sleeper in sleepers:
            sleeper.write(archive)
            library.execute(f'INSERT INTO torrents VALUES({",".join("?" * 20)})', sleeper.row())
        library.execute('INSERT INTO words(rowid,name,paths) SELECT id,name,paths FROM torrents')
    library.close()


class Leecher:
    """A bare socket that wants the first block."""

    def __init__(self, at, sleeper):
        self.wire = socket.create_connection(at, 30)
        self.wire.sendall(b'\x13BitTorrent protocol' + bytes(8) + sleeper.hash + os.urandom(20))
        self.wire.sendall(struct.pack('>IB', 1, 2))  # interested

    def take(self, size):
        out = b''
        while len(out) < size:
            more = self.wire.recv(size - len(out))
            if not more:
                raise ConnectionError('it hung up')
            out += more
        return out

    def block(self):
        self.take(68)
        while True:
            message = self.take(struct.unpack('>I', self.take(4))[0])
            if message[:1] == b'\x01':  # unchoke
                self.wire.sendall(struct.pack('>IBIII', 13, 6, 0, 0, BLOCK))
            elif message[:1] == b'\x07':
                return message[9:]


def announced_to(announce, sleeper):
    """Where the tracker says that the archive is."""
    words = {'info_hash': sleeper.hash, 'peer_id': os.urandom(20), 'port': 1, 'uploaded': 0, 'downloaded': 0,
             'left': sleeper.size, 'compact': 1, 'numwant': 1, 'event': 'started'}
    with urllib.request.urlopen(f'{announce}?{urllib.parse.urlencode(words, quote_via=urllib.parse.quote)}', timeout=30) as answer:
        text = answer.read()
    packed = re.search(rb'5:peers6:(.{6})', text, re.DOTALL)[1]
    return socket.inet_ntoa(packed[:4]), struct.unpack('>H', packed[4:])[0]


def wake(at, announce, sleeper, by_announce):
    """Seconds to the first block, and whether the first connection had it."""
    begin, tries = time.monotonic(), 0
    if by_announce:
        at = announced_to(announce, sleeper)
    while True:
        tries += 1
        try:
            block = Leecher(at, sleeper).block()
            break
        except ConnectionError:
            if time.monotonic() - begin > 60:
                raise
    if block != sleeper.data[:BLOCK]:
        raise AssertionError('another block than was asked for')
    return time.monotonic() - begin, tries


def processor(pid):
    """Seconds of all its threads."""
    return sum(int((task / 'schedstat').read_text().split()[0])
               for task in pathlib.Path(f'/proc/{pid}/task').iterdir()) / 1e9


def spread(values):
    return {'median': round(statistics.median(values), 4), 'worst': round(max(values), 4)}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument('--torrents', type=int, default=100_000)
    words.add_argument('--wakes', type=int, default=40)
    options = words.parse_args()
    with lab.Lab('catalogue') as place:
        daemon = place.daemon('archive', flags=['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0'])
        empty = resident(daemon.process.child.pid)
        daemon.stop()
        awakened = [Sleeper(i, os.urandom(SMALL)) for i in range(options.wakes)]
        rest = (Sleeper(i) for i in range(options.wakes, options.torrents))
        fill(daemon.data / 'archive', (sleeper for part in (awakened, rest) for sleeper in part))
        begin = time.monotonic()
        daemon.start()
        status = lab.wait('the archive to answer', lambda: daemon.json('archive', 'status'), 600)
        restart = time.monotonic() - begin
        pid = daemon.process.child.pid
        if status['received'] != options.torrents:
            raise AssertionError(f'{status["received"]} of {options.torrents} torrents are there')
        port = re.findall(r'tracker 127\.0\.0\.1:(\d+)', (daemon.folder / 'log').read_text())[-1]
        announce = f'http://127.0.0.1:{port}/announce'
        # Where all are served; the announce of one that sleeps on says it.
        at = announced_to(announce, awakened[0])
        fresh = resident(pid)
        before = processor(pid)
        time.sleep(20)
        idle = (processor(pid) - before) / 20
        times = {True: [], False: []}
        tries = 0
        for i, sleeper in enumerate(awakened[1:]):
            seconds, needed = wake(at, announce, sleeper, i % 2 == 0)
            times[i % 2 == 0].append(seconds)
            tries = max(tries, needed)
        print(json.dumps({
            'torrents': options.torrents, 'resident_empty': empty, 'resident': fresh, 'resident_after': resident(pid),
            'restart_seconds': round(restart, 2), 'idle_share_of_a_core': round(idle, 4),
            'announce_to_block_seconds': spread(times[True]), 'handshake_to_block_seconds': spread(times[False]),
            'connections_needed_at_most': tries}, indent=2))


if __name__ == '__main__':
    main()
