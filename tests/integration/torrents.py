"""Torrents made in the test itself, and aria2, which nobody changed, that seeds and fetches them."""

import hashlib
import os
import re
import shutil

from lab import PATIENCE, LabTest, Process, wait

PIECE = 1 << 16


def bencode(value):
    if isinstance(value, int):
        return b'i%de' % value
    if isinstance(value, bytes):
        return b'%d:%s' % (len(value), value)
    if isinstance(value, list):
        return b'l' + b''.join(map(bencode, value)) + b'e'
    return b'd' + b''.join(bencode(key) + bencode(item) for key, item in sorted(value.items())) + b'e'


class Torrent:
    """Random bytes in a file, or in a folder of files of the sizes in `parts`; its .torrent and its info-hash."""

    def __init__(self, folder, name, size, tracker, parts=None, piece=PIECE):
        self.name, self.data, self.piece = name, os.urandom(size), piece
        self.proofs = [hashlib.sha1(self.data[at:at + piece]).digest() for at in range(0, size, piece)]
        pieces = b''.join(self.proofs)
        info = {b'name': name.encode(), b'piece length': piece, b'pieces': pieces}
        self.files, at = {}, 0
        for path, length in (parts or {name: size}).items():
            self.files[f'{name}/{path}' if parts else path] = self.data[at:at + length]
            at += length
        if parts:
            info[b'files'] = [{b'length': length, b'path': [part.encode() for part in path.split('/')]}
                              for path, length in parts.items()]
        else:
            info[b'length'] = size
        self.hash = hashlib.sha1(bencode(info)).hexdigest()
        self.file = folder / f'{name}.torrent'
        self.file.write_bytes(bencode({b'announce': tracker.encode(), b'info': info}))

    def write(self, folder):
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def port_of(daemon, part='tracker'):
    """Where a part of the daemon listens now."""
    return int(re.findall(rf'{part} 127\.0\.0\.1:(\d+)', (daemon.folder / 'log').read_text())[-1])


def announce(daemon):
    """The announce address of a daemon's tracker."""
    return f'http://127.0.0.1:{port_of(daemon)}/announce'


class SwarmTest(LabTest):
    def setUp(self):
        super().setUp()
        self.assertIsNotNone(shutil.which('aria2c'), 'aria2 is not here: run deploy/setup.sh')

    def client(self, name, torrent, *flags, holds=False):
        """aria2 with nothing but the tracker to find anybody by."""
        folder = self.lab.folder / name
        folder.mkdir()
        if holds:
            torrent.write(folder)
        process = Process(['aria2c', '--no-conf', '--dir', folder, '--listen-port', '1024-65535', '--enable-dht=false',
                           '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--summary-interval=0', *flags,
                           torrent.file], folder / 'log')
        self.lab.processes.append(process)
        process.file = folder / torrent.name
        return process

    def seed(self, name, torrent):
        return self.client(name, torrent, '--check-integrity=true', '--seed-ratio=0', holds=True)

    def fetch(self, name, torrent, *flags):
        """Another client, which has to complete, byte for byte."""
        client = self.client(name, torrent, '--seed-time=0', *flags)
        self.assertEqual(client.ended(4 * PATIENCE), 0, client.text())
        self.assertEqual(hashlib.sha256(client.file.read_bytes()).digest(), hashlib.sha256(torrent.data).digest())

    def show(self, daemon, torrent):
        """What the daemon says of it; nothing while it does not know it."""
        answer = daemon.ctl('--output', 'json', 'torrent', 'show', torrent.hash, code=None)
        return answer.json() if answer.code == 0 else {}

    def leave(self, seed, torrent, *daemons):
        """The seed is killed, and all of these know that it is gone."""
        seed.signal(9)
        seed.ended()
        for daemon in daemons:
            wait('the seed to be missed', lambda daemon=daemon: self.show(daemon, torrent)
                 .get('organicAvailability', 0) == 0, 3 * PATIENCE)
