"""BitTorrent spoken by the test itself (BEP 3, 6): peers that lie, and one that takes everybody at his word."""

import hashlib
import os
import socket
import struct
import threading

from lab import PATIENCE

CHOKE, UNCHOKE, INTERESTED, HAVE, BITFIELD, REQUEST, PIECE = 0, 1, 2, 4, 5, 6, 7
HAVE_ALL, HAVE_NONE, REJECT = 14, 15, 16
BLOCK = 1 << 14
FAST = bytes(5) + b'\0\0\4'


class Wire:
    """A connection on which the handshakes were exchanged; `source` is the address that it comes from."""

    def __init__(self, at, torrent, source='127.0.0.1', fast=True):
        self.torrent, self.closed = torrent, False
        self.socket = socket.create_connection(at, PATIENCE, (source, 0))
        self.address = '%s:%d' % self.socket.getsockname()
        self.socket.sendall(b'\x13BitTorrent protocol' + (FAST if fast else bytes(8)) + bytes.fromhex(torrent.hash)
                            + b'-TS0001-' + os.urandom(12))
        self._take(68)

    def _take(self, size):
        out = b''
        while len(out) < size:
            more = self.socket.recv(size - len(out))
            if not more:
                raise ConnectionError('the other side hung up')
            out += more
        return out

    def send(self, number, payload=b''):
        self.socket.sendall(struct.pack('>IB', 1 + len(payload), number) + payload)

    def receive(self):
        """The next message: its number and what it says; keep-alives are passed by."""
        while True:
            size = struct.unpack('>I', self._take(4))[0]
            if size:
                message = self._take(size)
                return message[0], message[1:]

    def close(self):
        self.closed = True
        self.socket.close()


class Claimer(threading.Thread):
    """Says that it has everything. Gives what `answer` makes of the true bytes of a block, which may be nothing."""

    def __init__(self, at, torrent, source, answer):
        super().__init__(daemon=True)
        self.wire, self.answer, self.asked = Wire(at, torrent, source), answer, 0
        self.wire.send(HAVE_ALL)
        self.start()

    def run(self):
        try:
            while True:
                number, said = self.wire.receive()
                if number == INTERESTED:
                    self.wire.send(UNCHOKE)
                if number == REQUEST:
                    self.asked += 1
                    piece, offset, length = struct.unpack('>III', said)
                    at = piece * self.wire.torrent.piece + offset
                    given = self.answer(self.wire.torrent.data[at:at + length])
                    if given is not None:
                        self.wire.send(PIECE, struct.pack('>II', piece, offset) + given)
        except OSError:
            self.wire.close()


class Taken:
    """What one asked of another came to, in pieces: `said` to be there, come and `right`, `refused` although said."""

    def __init__(self):
        self.said, self.right, self.refused = set(), set(), set()


class Taker:
    """Asks for every piece that the other side says that it has, one after the other, and checks each."""

    def __init__(self, wire):
        self.wire, self.torrent, self.taken = wire, wire.torrent, Taken()
        self.unchoked, self.piece, self.blocks = False, None, {}

    def size(self, piece):
        return min(self.torrent.piece, len(self.torrent.data) - piece * self.torrent.piece)

    def ask(self):
        left = self.taken.said - self.taken.right - self.taken.refused
        self.piece, self.blocks = min(left, default=None), {}
        if self.piece is not None:
            for offset in range(0, self.size(self.piece), BLOCK):
                self.wire.send(REQUEST, struct.pack('>III', self.piece, offset, min(BLOCK, self.size(self.piece) - offset)))

    def on_piece(self, piece, offset, block):
        if piece != self.piece:
            return
        self.blocks[offset] = block
        if len(self.blocks) * BLOCK < self.size(piece):
            return
        whole = b''.join(self.blocks[at] for at in sorted(self.blocks))
        if hashlib.sha1(whole).digest() != self.torrent.proofs[piece]:
            raise AssertionError(f'piece {piece} of {self.torrent.name} is advertised and wrong')
        self.taken.right.add(piece)
        self.piece = None

    def on_message(self, number, what):
        count = len(self.torrent.proofs)
        if number == HAVE_ALL:
            self.taken.said = set(range(count))
        elif number == BITFIELD:
            self.taken.said = {i for i in range(count) if what[i // 8] & (0x80 >> i % 8)}
        elif number == HAVE:
            self.taken.said.add(struct.unpack('>I', what)[0])
        elif number in (CHOKE, UNCHOKE):
            # A choke takes the requests along.
            self.unchoked, self.piece = number == UNCHOKE, None
        elif number == REJECT and self.unchoked and struct.unpack('>I', what[:4])[0] == self.piece:
            self.taken.refused.add(self.piece)
            self.piece = None
        elif number == PIECE:
            self.on_piece(*struct.unpack('>II', what[:8]), what[8:])

    def run(self):
        self.wire.send(HAVE_NONE)
        self.wire.send(INTERESTED)
        first = True
        while first or self.taken.said != self.taken.right | self.taken.refused:
            self.on_message(*self.wire.receive())
            first = False
            if self.unchoked and self.piece is None:
                self.ask()
        return self.taken


def take_all(at, torrent):
    """What a fresh connection says to have, and gives; None where nobody answers, or where it ends before that: an archive
    ends its connections when it drops something."""
    try:
        wire = Wire(at, torrent)
    except OSError:
        return None
    try:
        return Taker(wire).run()
    except OSError:
        return None
    finally:
        wire.close()
