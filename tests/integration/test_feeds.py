#!/usr/bin/env python3
"""Feeds that an archive takes torrents from: a web server of the test's own shows them, with what a stranger could do."""

import contextlib
import http.server
import shutil
import sqlite3
import ssl
import subprocess
import threading
from xml.sax.saxutils import escape

from lab import PATIENCE, main, wait
from test_intake import IntakeTest
from torrents import Torrent

UNKNOWN = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'


def rss(*items):
    """An RSS document of (title, link) each."""
    return '<rss><channel>' + ''.join(f'<item><title>{escape(title)}</title><guid>{escape(title)}</guid><link>{escape(link)}</link></item>'
                                      for title, link in items) + '</channel></rss>'


class Web:
    """A web server on a free port: `pages` by path are (status, headers, body); `asked` are (path, headers) in their order."""

    def __init__(self, context=None):
        self.pages, self.asked = {}, []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.asked.append((self.path, dict(self.headers)))
                status, headers, body = web.pages.get(self.path, (404, {}, b''))
                tag = headers.get('ETag')
                if tag and self.headers.get('If-None-Match') == tag:
                    status, body = 304, b''
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        # Who hangs up on what is too long is right.
        self.server.handle_error = lambda *_: None
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f'{"https" if context else "http"}://127.0.0.1:{self.server.server_port}'
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def show(self, path, body, status=200, **headers):
        content = body if isinstance(body, bytes) else body.encode()
        self.pages[path] = (status, {name.replace('_', '-'): value for name, value in headers.items()}, content)

    def count(self, path):
        return sum(asked == path for asked, _ in list(self.asked))

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Feeds(IntakeTest):
    def setUp(self):
        super().setUp()
        self.web = self.serve()

    def serve(self, context=None):
        web = Web(context)
        self.addCleanup(web.stop)
        return web

    def lines(self, *feeds):
        return 'feed_period = "1s"', f'feeds = [{", ".join(chr(34) + feed + chr(34) for feed in feeds)}]'

    def feeds(self, daemon):
        return daemon.json('archive', 'feeds').get('feeds', [])

    def turns(self, path, more=2):
        """Waits until a feed was asked so often again."""
        before = self.web.count(path)
        wait(f'{path} to be asked again', lambda: self.web.count(path) >= before + more)

    def test_what_a_feed_shows_is_archived_once(self):
        daemon = self.archive(*self.lines(f'{self.web.url}/rss?apikey=secret -beta'))
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        self.web.show('/1.torrent', torrent.file.read_bytes())
        self.web.show('/get/1', b'', 302, Location='/1.torrent')
        shown = [('speech', f'{self.web.url}/get/1'), ('other', f'magnet:?xt=urn:btih:{UNKNOWN}'), ('a beta', f'{self.web.url}/beta')]
        self.web.show('/rss?apikey=secret', rss(*shown), ETag='"v1"')
        wait('the torrent', lambda: daemon.ctl('torrent', 'show', torrent.hash, code=None).code == 0)
        self.assertEqual(self.show(daemon, torrent)['source'], 'feed')
        wait('the magnet link', lambda: daemon.ctl('torrent', 'show', UNKNOWN, code=None).code == 0)
        self.seed('seed', torrent)
        self.archived(daemon, torrent)
        # What has not changed is not sent again; what was removed does not come back.
        self.turns('/rss?apikey=secret')
        self.assertEqual(self.web.asked[-1][1].get('If-None-Match'), '"v1"')
        daemon.ctl('torrent', 'remove', '--yes', UNKNOWN)
        self.web.show('/rss?apikey=secret', rss(*shown), ETag='"v2"')
        self.turns('/rss?apikey=secret')
        self.assertNotEqual(daemon.ctl('torrent', 'show', UNKNOWN, code=None).code, 0)
        feed = self.feeds(daemon)[0]
        self.assertEqual((feed['state'], feed['url'], int(feed['takenCount']), feed['itemCount']), ('READ', f'{self.web.url}/rss', 2, 3))
        self.assertIn(f'{self.web.url}/rss', daemon.ctl('archive', 'feeds').out)
        self.assertNotIn('secret', daemon.tail(1 << 20))
        # Nor after a restart.
        daemon.stop()
        daemon.start()
        self.turns('/rss?apikey=secret')
        self.assertEqual(int(daemon.status()['counters']['archive.feed_items_taken']), 0)
        self.assertNotEqual(daemon.ctl('torrent', 'show', UNKNOWN, code=None).code, 0)
        self.assertEqual((self.web.count('/1.torrent'), self.web.count('/beta')), (1, 0))
        # Another filter, while it runs.
        self.configure(*self.lines(f'{self.web.url}/rss?apikey=secret'))
        self.reload(daemon)
        wait('the beta to be asked for', lambda: self.web.count('/beta'))
        self.configure()
        self.reload(daemon)
        wait('no feed', lambda: not self.feeds(daemon))
        daemon.stop()

    def test_what_cannot_be_saved_is_not_lost(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 18, daemon.announce)
        self.web.show('/1.torrent', torrent.file.read_bytes())
        self.web.show('/rss', rss(('link', f'magnet:?xt=urn:btih:{UNKNOWN}'), ('speech', f'{self.web.url}/1.torrent')), ETag='"v1"')
        # As on a full disk: first the library takes nothing, then the folder.
        archive = daemon.data / 'archive'
        self.change(archive / 'library.db', "CREATE TRIGGER full BEFORE INSERT ON torrents BEGIN SELECT RAISE(ABORT, 'no room'); END")
        self.configure(*self.lines(f'{self.web.url}/rss'))
        self.reload(daemon)
        self.not_saved(daemon, 1)
        daemon.stop()
        daemon.start()
        self.not_saved(daemon, 1)
        self.assertEqual(daemon.json('torrent', 'list').get('torrents', []), [])
        self.change(archive / 'library.db', 'DROP TRIGGER full')
        (archive / 'Torrents').rmdir()
        (archive / 'Torrents').touch()
        # Who made room need not wait: a reload tries again at once.
        self.reload(daemon)
        wait('the magnet link', lambda: daemon.ctl('torrent', 'show', UNKNOWN, code=None).code == 0)
        self.not_saved(daemon, 2)
        self.assertNotEqual(daemon.ctl('torrent', 'show', torrent.hash, code=None).code, 0)
        self.assertIn('what they show cannot be saved', daemon.tail(1 << 20))
        (archive / 'Torrents').unlink()
        (archive / 'Torrents').mkdir()
        # kRetryUnsaved
        wait('the torrent', lambda: daemon.ctl('torrent', 'show', torrent.hash, code=None).code == 0, 2 * PATIENCE)
        counters = daemon.status()['counters']
        self.assertEqual((int(counters['archive.feed_items_taken']), int(counters['archive.feed_items_refused'])), (2, 0))
        self.assertEqual(self.show(daemon, torrent)['source'], 'feed')
        # Another filter at the next start is asked of the whole feed, though that did not change.
        self.web.show('/rss', rss(('link', f'magnet:?xt=urn:btih:{UNKNOWN}'), ('a beta', f'{self.web.url}/beta')), ETag='"v2"')
        self.configure(*self.lines(f'{self.web.url}/rss -beta'))
        self.reload(daemon)
        self.turns('/rss')
        self.assertEqual(self.web.asked[-1][1].get('If-None-Match'), '"v2"')
        daemon.stop()
        self.configure(*self.lines(f'{self.web.url}/rss'))
        daemon.start()
        wait('the beta to be asked for', lambda: self.web.count('/beta'))
        daemon.stop()

    def change(self, library, sql):
        with contextlib.closing(sqlite3.connect(library)) as database:
            database.execute(sql)
            database.commit()

    def not_saved(self, daemon, times):
        wait(f'items that could not be saved: {times}',
             lambda: int(daemon.status()['counters'].get('archive.feed_items_not_saved', 0)) >= times)

    def test_nothing_leads_inside(self):
        inside = self.serve()
        # The feed's server is one that the operator named; whatever is beside it is not.
        self.web.show('/away', b'', 302, Location=f'{inside.url}/secret')
        self.web.show('/file', b'', 302, Location='file:///etc/passwd')
        self.web.show('/rss', rss(('direct', f'{inside.url}/secret'), ('away', f'{self.web.url}/away'), ('file', f'{self.web.url}/file'),
                                  ('user', f'http://127.0.0.1@localhost:{inside.server.server_port}/secret'),
                                  ('odd', f'{self.web.url}\\@127.0.0.1:{inside.server.server_port}/secret')))
        self.web.show('/moved', b'', 302, Location=f'{inside.url}/secret')
        daemon = self.archive(*self.lines(f'{self.web.url}/rss', f'{self.web.url}/moved'))
        feed = wait('all items to be refused', lambda: int(self.feeds(daemon)[0].get('refusedCount', 0)) == 5 and self.feeds(daemon)[0])
        self.assertEqual(int(feed.get('takenCount', 0)), 0)
        moved = self.feeds(daemon)[1]
        self.assertEqual(moved['state'], 'FAILED')
        self.assertIn('redirect', moved['trouble'])
        self.assertEqual(inside.asked, [])
        self.assertGreaterEqual(int(daemon.status()['counters']['archive.feed_items_refused']), 5)
        daemon.stop()

    def test_a_name_that_leads_inside_is_not_asked(self):
        # Whoever owns a public name may let it lead to us at any time.
        hosts = self.lab.folder / 'hosts'
        hosts.write_text('127.0.0.1 stranger.example\n')
        name = self.web.url.replace('127.0.0.1', 'stranger.example')
        self.web.show('/rss', rss(('item', f'{name}/secret')))
        self.config = self.lab.folder / 'p2pd.toml'
        self.configure(*self.lines(f'{name}/feed', f'{self.web.url}/rss'))
        daemon = self.lab.daemon('archive', start=False, flags=['--config', self.config, '--archive', '--peer', '127.0.0.1:0'])
        daemon.prefix = ['unshare', '--mount', 'bash', '-euc', 'mount --bind "$0" /etc/hosts; exec "$@"', hosts]
        daemon.start()
        feed = wait('the item to be refused', lambda: int(self.feeds(daemon)[1].get('refusedCount', 0)) == 1 and self.feeds(daemon)[0])
        self.assertEqual(feed['state'], 'FAILED')
        self.assertIn('leads to 127.0.0.1', feed['trouble'])
        self.assertEqual({path for path, _ in self.web.asked}, {'/rss'})
        daemon.stop()

    def test_hostile_feeds_only_fail(self):
        bomb = '<!DOCTYPE a [<!ENTITY b "' + 'x' * 1000 + '">]><rss><channel><item><title>&b;</title></item></channel></rss>'
        self.web.show('/bomb', bomb)
        self.web.show('/deep', '<rss>' + '<a>' * 100_000)
        self.web.show('/huge', b' ' * (5 << 20))
        self.web.show('/rubbish', bytes(range(256)))
        self.web.show('/items', rss(('none', f'{self.web.url}/rubbish'), ('huge', f'{self.web.url}/long')))
        self.web.show('/long', b'd' * (13 << 20))
        paths = ['/bomb', '/deep', '/huge', '/rubbish', '/nobody']
        daemon = self.archive(*self.lines(*(self.web.url + path for path in paths), f'{self.web.url}/items'))
        seen = wait('all of them to fail', lambda: (list_ := self.feeds(daemon)) and all(
            feed['state'] == 'FAILED' for feed in list_[:len(paths)]) and list_)
        for feed, why in zip(seen, ['document type', 'deep', 'longer than', 'no XML', '404']):
            self.assertIn(why, feed['trouble'])
        wait('what is no torrent, and what is too long, to be refused',
             lambda: int(daemon.status()['counters']['archive.feed_items_refused']) >= 2)
        self.assertEqual(daemon.json('torrent', 'list').get('torrents', []), [])
        daemon.stop()

    def test_certificates_are_verified(self):
        if not shutil.which('openssl'):
            self.fail('openssl is not here: run deploy/setup.sh')
        key, certificate = self.lab.folder / 'key', self.lab.folder / 'certificate'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                        '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        web = self.serve(context)
        daemon = self.archive(*self.lines(f'{web.url}/rss'))
        feed = wait('the feed to fail', lambda: (list_ := self.feeds(daemon)) and list_[0]['state'] == 'FAILED' and list_[0])
        self.assertIn('certificate', feed['trouble'])
        self.assertEqual(web.asked, [])
        daemon.stop()


if __name__ == '__main__':
    main()
