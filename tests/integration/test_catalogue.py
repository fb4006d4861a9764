#!/usr/bin/env python3
"""`p2pd --catalogue --metrics` as browsers, feed readers and Prometheus see them: pages of torrents with names that want to
be markup, a torrent that is archived while one looks, clients that keep to no protocol.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import time
import urllib.parse
import xml.etree.ElementTree as xml
from html.parser import HTMLParser

from lab import PATIENCE, USAGE, main, run, wait
from torrents import PIECE, SwarmTest, Torrent, announce, bencode, port_of

TORZNAB = '{http://torznab.com/schemas/2015/feed}attr'
HOSTILE = '</title><script>alert(1)</script>"\'&amp;<img src=x onerror=alert(1)>'
VOID = {'meta', 'link', 'input', 'br', 'path'}


class Page(HTMLParser):
    """A page, whose elements have to be closed in order, with no script, no handler and no style of an attribute."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError(f'never closed: {self.open}')

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == 'script' or any(name.startswith('on') or name in ('style', 'src') for name, _ in attributes):
            raise AssertionError(f'<{tag} {attributes}>')
        self.links += [value for name, value in attributes if name == 'href']
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError(f'</{tag}> closes something else')

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text.append(data)

    @property
    def words(self):
        return ' '.join(' '.join(self.text).split())


class Catalogue(SwarmTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.lab.daemon('archive', flags=[
            '--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--catalogue', '127.0.0.1:0', '--metrics', '127.0.0.1:0',
            '--catalogue-announce', 'http://tracker.example:6969/announce'])
        self.port, self.metrics_port = (port_of(self.daemon, part) for part in ('catalogue', 'metrics'))
        self.announce = announce(self.daemon)
        self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        self.addCleanup(self.connection.close)

    def get(self, target, method='GET', connection=None, **headers):
        """(response, body)."""
        connection = connection or self.connection
        connection.request(method, target, headers={name.replace('_', '-'): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        self.assertEqual(response.getheader('X-Content-Type-Options'), 'nosniff')
        return response, body

    def page(self, target, status=200):
        response, body = self.get(target)
        self.assertEqual(response.status, status, target)
        self.assertEqual(response.getheader('Content-Type'), 'text/html; charset=utf-8')
        self.assertIn("default-src 'none'; style-src 'sha256-", response.getheader('Content-Security-Policy'))
        return Page(body.decode())

    def feed(self, target):
        return xml.fromstring(self.get(target)[1])

    def json(self, target, status=200):
        response, body = self.get(target)
        self.assertEqual((response.status, response.getheader('Content-Type')), (status, 'application/json'), target)
        return json.loads(body)

    def shown(self, count):
        """Lists are two seconds old at most."""
        wait(f'{count} torrents to be listed', lambda: self.json('/api/torrents')['total'] == count)

    def torrent(self, name, size, **options):
        torrent = Torrent(self.lab.folder, name, size, self.announce, **options)
        self.daemon.ctl('torrent', 'submit', torrent.file)
        return torrent

    def raw(self, name, **info):
        """A torrent whose name Torrent would take for a path, submitted; its info-hash."""
        pieces = hashlib.sha1(name.encode()).digest()
        content = {b'name': name.encode(), b'piece length': PIECE, b'pieces': pieces, b'length': 1000,
                   **{key.encode(): value for key, value in info.items()}}
        file = self.lab.folder / 'raw.torrent'
        file.write_bytes(bencode({b'announce': HOSTILE.encode(), b'comment': HOSTILE.encode(), b'info': content}))
        return self.daemon.json('torrent', 'submit', file)['name'].split('/')[1]

    def test_a_torrent_is_shown_while_it_is_archived(self):
        torrent = self.torrent('speech of a day', (2 << 20) + 12345)
        self.shown(1)
        self.assertIn('incomplete', self.page('/').words)
        seed = self.seed('seed', torrent)
        item = f'/api/torrents/{torrent.hash}'
        wait('it to be archived', lambda: self.json(item)['state'] == 'archived', 3 * PATIENCE)
        self.assertNotIn('127.0.0.1', self.page(f'/torrent/{torrent.hash}').words.replace(self.announce, ''))
        self.leave(seed, torrent, self.daemon)
        page = self.page(f'/torrent/{torrent.hash}')
        self.assertIn('on archives alone', page.words)
        self.assertIn('No peer is connected to this archive just now.', page.words)
        self.assertIn('svg', page.tags)
        self.remember(torrent, (1, 2.5, 0.4))
        self.assertIn('and 2.5 copies, at last 0.4', self.page(f'/torrent/{torrent.hash}').words)
        self.assertEqual([reading['total'] for reading in self.json(item)['history']][-3:], [1, 2.5, 0.4])
        wait('it to be in need', lambda: 'speech of a day' in self.page('/in-need').words)
        magnet = next(link for link in page.links if link.startswith('magnet:'))
        asked = urllib.parse.parse_qs(magnet.split('?')[1])
        self.assertEqual(asked['xt'], [f'urn:btih:{torrent.hash}'])
        self.assertEqual(asked['tr'], ['http://tracker.example:6969/announce', self.announce])
        response, body = self.get(f'/torrent/{torrent.hash}.torrent')
        self.assertEqual(body, torrent.file.read_bytes())
        self.assertEqual(response.getheader('Content-Type'), 'application/x-bittorrent')
        wait('the archive to be the only seed', lambda: self.attributes('speech') == ('1', torrent.hash))
        self.metrics_of_the_archive()
        self.in_a_browser(['/', f'/torrent/{torrent.hash}', '/api'])
        self.daemon.stop()

    def remember(self, torrent, totals):
        """As if the archive had read these, ten minutes after each other."""
        now = time.time()
        rows = [(bytes.fromhex(torrent.hash), int((now + 600 * number) * 1e6), 0, int(total * 10_000))
                for number, total in enumerate(totals, 1)]
        with contextlib.closing(sqlite3.connect(self.daemon.data / 'archive/library.db', timeout=PATIENCE)) as library:
            library.executemany('INSERT INTO readings VALUES(?, ?, ?, ?)', rows)
            library.commit()

    def attributes(self, search):
        found = {a.get('name'): a.get('value') for a in self.feed(f'/torznab/api?t=search&q={search}').iter(TORZNAB)}
        return found['seeders'], found['infohash']

    def metrics_of_the_archive(self):
        samples = self.metrics()
        self.assertEqual(samples['p2pd_archive_torrents{state="archived"}'], 1)
        self.assertEqual(samples['p2pd_archive_torrents_on_archives_alone'], 1)
        self.assertEqual(samples['p2pd_archive_availability_min_copies'], 1)
        self.assertEqual(samples['p2pd_archive_used_bytes'], (2 << 20) + 12345)
        self.assertGreaterEqual(samples['p2pd_tracker_http_announces_total'], 1)
        self.assertGreater(samples['p2pd_process_resident_memory_bytes'], 1 << 20)
        self.assertGreater(samples['p2pd_catalogue_pages_total'], 3)
        self.assertIn('p2pd_tracker_swarms', samples)

    def metrics(self):
        """Every sample, each of a family that was announced before it."""
        connection = http.client.HTTPConnection('127.0.0.1', self.metrics_port, timeout=PATIENCE)
        response, body = self.get('/metrics', connection=connection)
        connection.close()
        self.assertEqual(response.getheader('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8')
        types, samples = {}, {}
        for line in body.decode().splitlines():
            if line.startswith('# TYPE '):
                _, _, family, kind = line.split(' ')
                self.assertNotIn(family, types)
                types[family] = kind
            elif not line.startswith('# HELP '):
                name, value = re.fullmatch(r'(p2pd_\w+(?:{\w+="[^"\\]*"})?) (-?[0-9.e+-]+)', line).groups()
                family = name.split('{')[0]
                self.assertEqual(types[family] == 'counter', family.endswith('_total'), family)
                self.assertNotIn(name, samples)
                samples[name] = float(value)
        return samples

    def in_a_browser(self, targets):
        """Chromium says nothing of scripts, styles or policies."""
        self.assertIsNotNone(shutil.which('chromium'), 'Chromium is not here: run deploy/setup.sh')
        for target in targets:
            sandbox = ['--no-sandbox'] if os.geteuid() == 0 else []
            said = run(['chromium', '--headless', *sandbox, '--disable-gpu', '--enable-logging=stderr', '--dump-dom',
                        f'--user-data-dir={self.lab.folder}/chromium', f'http://127.0.0.1:{self.port}{target}'])
            self.assertIn('</main>', said.out)
            self.assertNotIn(':CONSOLE', said.err)
            self.assertNotIn('Content Security Policy', said.err)

    def test_nothing_of_a_torrent_is_markup(self):
        names = [HOSTILE, 'header\r\nSet-Cookie: a=b', 'turned \u202egpj.exe', '"><svg onload=alert(1)>', 'a b&c=%41+d']
        hashes = [self.raw(name) for name in names]
        secret = self.raw('private matter', private=1)
        self.shown(len(names))
        for target in ['/', '/?sort=name', '/in-need', f'/?q={urllib.parse.quote(HOSTILE)}',
                       *(f'/torrent/{hash}' for hash in hashes)]:
            words = self.page(target).words
            self.assertNotIn('\u202e', words)
            self.assertNotIn('private', words)
        for target in ['/rss', '/rss?q=script', '/torznab/api?t=search&apikey=x', '/torznab/api?t=search&q=%26']:
            self.assertEqual(self.feed(target).tag, 'rss')
        titles = [item.findtext('title') for item in self.feed('/rss').iter('item')]
        self.assertEqual(len(titles), len(names))
        self.assertTrue(any('<script>' in title for title in titles), titles)
        self.assertEqual(self.feed('/torznab/api?t=caps').find('searching/search').get('available'), 'yes')
        self.assertEqual(self.feed('/torznab/api?t=none').get('code'), '202')
        for hash in hashes:
            self.assertIn('cells', self.json(f'/api/torrents/{hash}'))
            response, _ = self.get(f'/torrent/{hash}.torrent')
            self.assertEqual(response.status, 200)
            self.assertIsNone(response.getheader('Set-Cookie'))
        # What is private, was denied or never came looks the same.
        self.daemon.ctl('torrent', 'deny', hashes[0])
        for hash in (secret, hashes[0], '0' * 40):
            self.page(f'/torrent/{hash}', status=404)
            self.json(f'/api/torrents/{hash}', status=404)
            self.assertEqual(self.get(f'/torrent/{hash}.torrent')[0].status, 404)
        self.shown(len(names) - 1)

    def test_lists_are_paged_searched_and_sorted(self):
        for number in range(30):
            self.raw(f'letter {number:02} of {"spring" if number % 3 else "autumn"}')
        self.shown(30)
        first, second = self.page('/?sort=name'), self.page('/?sort=name&page=2')
        self.assertIn('Page 1 of 2', first.words)
        self.assertIn('/?sort=name&page=2', first.links)
        links = [link for page in (first, second) for link in page.links if link.startswith('/torrent/')]
        self.assertEqual((len(links), len(set(links))), (30, 30))
        self.assertIn('letter 29', second.words)
        self.assertIn('There is nothing on this page.', self.page('/?page=9').words)
        self.assertIn('10 torrents', self.page('/?q=AUTUMN').words)
        self.assertIn('Nothing was found', self.page('/?q=winter').words)
        found = self.json('/api/torrents?q=lett+autu&sort=name&limit=3&offset=2')
        self.assertEqual((found['total'], [t['name'] for t in found['torrents']]),
                         (10, [f'letter {n:02} of autumn' for n in (6, 9, 12)]))
        self.assertEqual(len(list(self.feed('/torznab/api?t=search&q=spring&limit=7').iter('item'))), 7)
        self.assertEqual(len(list(self.feed('/rss?q=spring').iter('item'))), 20)

    def test_who_keeps_to_no_protocol_is_told_so(self):
        response, whole = self.get('/api')
        tag = response.getheader('ETag')
        response, body = self.get('/api', If_None_Match=tag)
        self.assertEqual((response.status, body), (304, b''))
        response, body = self.get('/api', method='HEAD')
        self.assertEqual((response.status, response.getheader('Content-Length'), body), (200, str(len(whole)), b''))
        response, _ = self.get('/rss', Host='a"><script>')
        self.assertEqual(response.status, 200)
        for target, status in (('/?q=%ff', 400), ('/?page=0', 400), ('/?unknown=1', 400), ('/nothing', 404),
                               ('/torrent/' + 'g' * 40, 404), ('/../../etc/passwd', 404), ('/?q=' + 'a' * 3000, 414)):
            connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
            response, body = self.get(target, connection=connection)
            self.assertEqual(response.status, status, target)
            Page(body.decode())
            connection.close()
        for request, status in ((b'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', 405), (b'nonsense\r\n\r\n', 400),
                                (b'GET / HTTP/1.1\r\nA: ' + b'a' * 9000 + b'\r\n\r\n', 431)):
            self.assertEqual(self.shout(self.port, request), status, request[:20])
        self.assertEqual(self.shout(self.metrics_port, b'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'), 404)
        # A client that begins and never ends is not waited for.
        self.connection.close()
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE) as slow:
            slow.settimeout(3 * PATIENCE)
            slow.sendall(b'GET / HTTP/1.1\r\nA')
            self.assertEqual(slow.recv(1), b'')
        samples = self.metrics()
        self.assertEqual(samples['p2pd_catalogue_closed_impatient_total'], 1)
        self.assertGreaterEqual(samples['p2pd_catalogue_refused_total'], 10)

    @staticmethod
    def shout(port, request):
        """The status of what comes back for these bytes."""
        with socket.create_connection(('127.0.0.1', port), PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(request)
            answer = b''
            while part := connection.recv(1 << 16):
                answer += part
        return int(answer.split(b' ')[1])

    def test_what_is_not_asked_for_is_not_opened(self):
        plain = self.lab.daemon('plain', start=False, flags=['--catalogue', '127.0.0.1:0'])
        plain.start(ready=False)
        self.assertEqual(plain.process.ended(), USAGE)
        self.assertIn('use --archive or --tracker', plain.process.text())
        taken = self.lab.daemon('taken', start=False, flags=['--metrics', f'127.0.0.1:{self.metrics_port}'])
        taken.start(ready=False)
        self.assertEqual(taken.process.ended(), 1)


if __name__ == '__main__':
    main()
