#!/usr/bin/env python3
"""`p2pd --tracker` as BitTorrent clients see it: announces and scrapes over UDP and HTTP on one port, keys and lists that
change at SIGHUP, swarms that outlive the daemon, and strangers who do not keep to the protocol.
"""

import signal
import socket
import struct
import urllib.parse
import urllib.request

from lab import PATIENCE, main, wait
from torrents import SwarmTest, Torrent, announce, port_of

HASH, OTHER = b'a' * 20, b'b' * 20
PROTOCOL = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = range(4)
STARTED, STOPPED = 2, 3


def bdecode(data, at=0):
    """(value, end) of the bencoded value at `at`."""
    kind = data[at:at + 1]
    if kind == b'i':
        end = data.index(b'e', at)
        return int(data[at + 1:end]), end + 1
    if kind in b'ld':
        out, at = [], at + 1
        while data[at:at + 1] != b'e':
            value, at = bdecode(data, at)
            out.append(value)
        return (dict(zip(out[::2], out[1::2])) if kind == b'd' else out), at + 1
    colon = data.index(b':', at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end], end


def compact(data, size=6):
    """(address, port) of each peer."""
    family = socket.AF_INET if size == 6 else socket.AF_INET6
    return {(socket.inet_ntop(family, data[at:at + size - 2]), int.from_bytes(data[at + size - 2:at + size], 'big'))
            for at in range(0, len(data), size)}


class UdpClient:
    """BEP 15 on a raw socket."""

    def __init__(self, port, source='127.0.0.1'):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((source, 0))
        self.socket.connect(('127.0.0.1', port))
        self.transaction = 0
        self.id = None

    def __enter__(self):
        action, self.id = struct.unpack('>IQ', self.ask(PROTOCOL, CONNECT, b''))
        assert action == CONNECT, action
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, connection, action, body):
        """The reply without its transaction id."""
        self.transaction += 1
        self.socket.send(struct.pack('>QII', connection, action, self.transaction) + body)
        reply = self.socket.recv(2048)
        assert int.from_bytes(reply[4:8], 'big') == self.transaction, reply
        return reply[:4] + reply[8:]

    def announce(self, port, left=1, event=0, wanted=-1, info_hash=HASH, options=b''):
        """{'interval', 'leechers', 'seeders', 'peers'}, or the error's text."""
        body = info_hash + b'p' * 20 + struct.pack('>QQQIIIiH', 0, left, 0, event, 0x01020304, 7, wanted, port) + options
        reply = self.ask(self.id, ANNOUNCE, body)
        if int.from_bytes(reply[:4], 'big') == ERROR:
            return reply[4:].decode()
        _, interval, leechers, seeders = struct.unpack('>IIII', reply[:16])
        return {'interval': interval, 'leechers': leechers, 'seeders': seeders, 'peers': compact(reply[16:])}

    def scrape(self, *hashes):
        """(seeders, completed, leechers) of each."""
        reply = self.ask(self.id, SCRAPE, b''.join(hashes))
        return list(struct.iter_unpack('>III', reply[4:]))


class Tracker(SwarmTest):
    def tracker(self, *flags, name='tracker'):
        daemon = self.lab.daemon(name, flags=['--tracker', '127.0.0.1:0', *flags])
        daemon.port = port_of(daemon)
        return daemon

    def get(self, daemon, path, info_hash=HASH, **query):
        query = urllib.parse.urlencode({'info_hash': info_hash, 'peer_id': b'p' * 20, **query})
        with urllib.request.urlopen(f'http://127.0.0.1:{daemon.port}{path}?{query}', timeout=PATIENCE) as answer:
            return bdecode(answer.read())[0]

    def counters(self, daemon):
        return {name: int(value) for name, value in daemon.status()['counters'].items() if name.startswith('tracker.')}

    def reload(self, daemon, said):
        before = daemon.tail(1 << 20).count(said)
        daemon.process.signal(signal.SIGHUP)
        wait('the lists to be read again', lambda: daemon.tail(1 << 20).count(said) > before)

    def test_one_swarm_over_both_protocols(self):
        daemon = self.tracker()
        with UdpClient(daemon.port, '127.0.0.2') as seed, UdpClient(daemon.port, '127.0.0.3') as leecher:
            self.assertEqual(seed.announce(6881, left=0, event=STARTED)['peers'], set())
            answer = leecher.announce(6882, event=STARTED)
            self.assertEqual((answer['seeders'], answer['leechers']), (1, 1))
            self.assertEqual(answer['peers'], {('127.0.0.2', 6881)})
            self.assertTrue(108 <= answer['interval'] <= 132, 'a young swarm comes back soon')
            answer = self.get(daemon, '/announce', port=6883, left=9, compact=1, ip='9.9.9.9', numwant=50)
            self.assertEqual(compact(answer[b'peers']), {('127.0.0.2', 6881), ('127.0.0.3', 6882)})
            self.assertEqual(answer[b'external ip'], socket.inet_aton('127.0.0.1'))
            answer = self.get(daemon, '/announce', port=6884, left=0, compact=0)
            self.assertEqual({(peer[b'ip'], peer[b'port']) for peer in answer[b'peers']},
                             {(b'127.0.0.3', 6882), (b'127.0.0.1', 6883)}, 'no seeds for a seed')
            self.assertEqual(seed.scrape(HASH, OTHER), [(2, 0, 2), (0, 0, 0)])
            answer = self.get(daemon, '/scrape')
            self.assertEqual(answer[b'files'][HASH], {b'complete': 2, b'downloaded': 0, b'incomplete': 2})
            seed.announce(6881, left=0, event=STOPPED)
            self.assertEqual(leecher.announce(6882)['seeders'], 1)
        counters = self.counters(daemon)
        self.assertEqual(counters['tracker.udp_announces'], 4)
        self.assertEqual(counters['tracker.http_announces'], 2)
        self.assertEqual((counters['tracker.swarms'], counters['tracker.peers_ipv4']), (1, 3))
        daemon.stop()

    def test_many_peers_and_a_list_of_fifty(self):
        daemon = self.tracker('--tracker-workers', '2')
        with UdpClient(daemon.port) as client:
            for port in range(1, 301):
                answer = client.announce(port)
            self.assertEqual(len(answer['peers']), 50)
            seen = set()
            for _ in range(60):
                answer = client.announce(300)
                self.assertNotIn(('127.0.0.1', 300), answer['peers'])
                seen |= answer['peers']
            self.assertGreater(len(seen), 290, 'sooner or later everybody is in a list')
            self.assertEqual(len(client.announce(300, wanted=7)['peers']), 7)

    def test_swarms_outlive_the_daemon(self):
        daemon = self.tracker()
        self.get(daemon, '/announce', port=6881, left=0)
        daemon.stop()
        daemon.start()
        daemon.port = port_of(daemon)
        answer = self.get(daemon, '/announce', port=6882, left=1)
        self.assertEqual(compact(answer[b'peers']), {('127.0.0.1', 6881)})
        (daemon.data / 'tracker' / 'swarms').write_bytes(b'rubbish')
        daemon.kill9()
        daemon.start()
        daemon.port = port_of(daemon)
        self.assertEqual(self.get(daemon, '/announce', port=6882, left=1)[b'peers'], b'')

    def test_lists_change_at_sighup(self):
        allow, deny, config = (self.lab.folder / name for name in ('allow', 'deny', 'p2pd.toml'))
        allow.write_text(f'{HASH.hex()}  # ours\n')
        deny.write_text('')
        config.write_text(f'[tracker]\nmode = "allow-list"\nallow = "{allow}"\ndeny = "{deny}"\n')
        daemon = self.tracker('--config', str(config))
        with UdpClient(daemon.port) as client:
            self.assertIsInstance(client.announce(1), dict)
            self.assertIn('does not serve this torrent', client.announce(1, info_hash=OTHER))
            allow.write_text(f'{HASH.hex()}\n{OTHER.hex()}\n')
            deny.write_text(f'{HASH.hex()}\n')
            self.reload(daemon, 'reloaded')
            self.assertIsInstance(client.announce(1, info_hash=OTHER), dict)
            self.assertIn('was removed', client.announce(1))
            self.assertEqual(client.scrape(HASH), [(0, 0, 0)])
            answer = self.get(daemon, '/announce', port=1)
            self.assertIn(b'was removed', answer[b'failure reason'])
            self.assertEqual(answer[b'retry in'], b'never')
            deny.write_text('no hash\n')
            self.reload(daemon, f'{deny}:1: ')
            self.assertIn('was removed', client.announce(1), 'a broken list changes nothing')
            # Only who has a key from now on.
            keys = self.lab.folder / 'keys'
            keys.write_text('sesame-sesame\n')
            config.write_text(f'[tracker]\nmode = "keys"\nkeys = "{keys}"\n')
            self.reload(daemon, 'reloaded')
            self.assertIn('needs a key', client.announce(1))
            path = b'/sesame-sesame/announce'
            self.assertIsInstance(client.announce(1, options=bytes([2, len(path)]) + path), dict)
            self.assertIn(b'failure reason', self.get(daemon, '/announce', port=1))
            self.assertIn(b'interval', self.get(daemon, '/sesame-sesame/announce', port=1))

    def test_an_unchanged_client_finds_another(self):
        daemon = self.tracker()
        torrent = Torrent(self.lab.folder, 'file', 1 << 20, announce(daemon))
        self.seed('seed', torrent)
        with UdpClient(daemon.port) as client:
            wait('the seed to announce', lambda: client.scrape(bytes.fromhex(torrent.hash))[0][0] == 1)
            self.fetch('leecher', torrent)
        self.assertGreaterEqual(self.counters(daemon)['tracker.http_announces'], 3)

    def test_strangers_who_do_not_keep_to_it(self):
        daemon = self.tracker()
        with UdpClient(daemon.port) as client:
            good = client.id
            client.socket.settimeout(0.3)
            client.id = 12345
            with self.assertRaises(socket.timeout):
                client.announce(1)
            for rubbish in (b'', b'x', b'\0' * 15, b'\xff' * 1400, struct.pack('>QII', good, 99, 1)):
                client.socket.send(rubbish)
            with self.assertRaises(socket.timeout):
                client.socket.recv(2048)
            client.socket.settimeout(PATIENCE)
            client.id = good
            self.assertIn('port is 0', client.announce(0))
            self.assertIsInstance(client.announce(1), dict)
        for request, status in ((b'nonsense\r\n\r\n', b'400'), (b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\n\r\n', b'414'),
                                (b'GET /announce HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', b'400')):
            with socket.create_connection(('127.0.0.1', daemon.port), PATIENCE) as connection:
                connection.sendall(request)
                self.assertTrue(connection.recv(4096).startswith(b'HTTP/1.1 %s ' % status), request[:20])
        with socket.create_connection(('127.0.0.1', daemon.port), PATIENCE) as connection:
            connection.settimeout(3 * PATIENCE)
            connection.sendall(b'GET /announce')
            self.assertEqual(connection.recv(1), b'', 'who says half a request is not waited for')
        counters = self.counters(daemon)
        self.assertEqual(counters['tracker.dropped_not_connected'], 1)
        self.assertGreaterEqual(counters['tracker.dropped_malformed'], 4)
        self.assertEqual(counters['tracker.http_malformed'], 3)
        self.assertEqual(counters['tracker.http_closed_impatient'], 1)
        daemon.stop()


if __name__ == '__main__':
    main()
