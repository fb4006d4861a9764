#!/usr/bin/env python3
"""What an operator sets at an archive while it runs, and the ways in that need no command: limits with schedule and
budget; the watch folder.
"""

import re
import signal
import threading
import time

from lab import PATIENCE, USAGE, main, wait
from torrents import SwarmTest, Torrent, announce


class IntakeTest(SwarmTest):
    def archive(self, *lines, flags=()):
        """An archive with a tracker and a configuration of its own; `lines` are of [archive]."""
        self.config = self.lab.folder / 'p2pd.toml'
        self.configure(*lines)
        daemon = self.lab.daemon('archive', flags=['--config', self.config, '--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0',
                                                   *flags])
        daemon.announce = announce(daemon)
        return daemon

    def configure(self, *lines):
        self.config.write_text('\n'.join(['[archive]', *lines, '']))

    def reload(self, daemon, said='reloaded'):
        before = daemon.tail(1 << 20).count(said)
        daemon.process.signal(signal.SIGHUP)
        wait(f'"{said}" at SIGHUP', lambda: daemon.tail(1 << 20).count(said) > before)

    def limits(self, daemon):
        return daemon.json('archive', 'status')['limits']

    def archived(self, daemon, torrent):
        wait('the torrent to be archived', lambda: self.show(daemon, torrent).get('state') == 'ARCHIVED', 3 * PATIENCE)


class Limits(IntakeTest):
    def test_rates_hold_and_change_while_it_runs(self):
        rate = 256 << 10
        daemon = self.archive('up = "256KiB"', 'slots = 3', 'connections = 40')
        torrent = Torrent(self.lab.folder, 'speech', 2 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        self.leave(seed, torrent, daemon)
        limits = self.limits(daemon)
        self.assertEqual((int(limits['upRate']), limits['slots'], limits['connections'], limits['upOrigin']),
                         (rate, 3, 40, 'CONFIGURED'))
        began = time.monotonic()
        # Who is there, from which side, and how fast.
        seen = []
        reader = threading.Thread(target=lambda: seen.append(wait('the leecher in the status', lambda: re.search(
            r'127\.0\.0\.1:\d+ +(in|out) +(?!0 B/s).*/s up, 0 B/s down', daemon.ctl('archive', 'status').out))))
        reader.start()
        self.fetch('slow', torrent)
        reader.join()
        self.assertEqual(len(seen), 1)
        # A slow machine only takes longer; a burst may save a second or two of the eight.
        self.assertGreater(time.monotonic() - began, len(torrent.data) / rate / 2)
        # Another configuration: a rule that holds at all times.
        self.configure('up = "256KiB"', 'schedule = ["mon-sun 00:00-24:00 up=0 down=8MiB"]')
        self.reload(daemon)
        limits = wait('the schedule to hold', lambda: self.limits(daemon).get('upOrigin') == 'SCHEDULE' and self.limits(daemon))
        self.assertEqual((int(limits.get('upRate', 0)), int(limits['downRate']), limits.get('slots', 0)), (0, 8 << 20, 0))
        # By hand, and back.
        limits = daemon.json('archive', 'limits', '--up', '2MiB', '--slots', '7')
        self.assertEqual((int(limits['upRate']), limits['upOrigin'], limits['downOrigin'], limits['slots']),
                         (2 << 20, 'BY_HAND', 'SCHEDULE', 7))
        self.assertIn('set by hand', daemon.ctl('archive', 'status').out)
        limits = daemon.json('archive', 'limits', '--configured')
        self.assertEqual((limits['upOrigin'], limits.get('slots', 0)), ('SCHEDULE', 0))
        self.fetch('fast', torrent)
        # What is wrong changes nothing.
        self.assertIn('1KiB', daemon.ctl('archive', 'limits', '--up', '3', code=USAGE).err)
        self.assertIn('no size', daemon.ctl('archive', 'limits', '--down', 'fast', code=USAGE).err)
        self.configure('up = "fast"')
        self.reload(daemon, 'archive.up: ')
        self.assertEqual(self.limits(daemon)['upOrigin'], 'SCHEDULE')
        daemon.stop()

    def test_a_budget_keeps_what_nobody_else_has_alive(self):
        daemon = self.archive('budget = "1KiB"')
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        self.leave(seed, torrent, daemon)
        # The only copy: it goes out whole.
        self.fetch('first', torrent)
        limits = wait('the budget to be used up', lambda: self.limits(daemon).get('budgetUsedUp') and self.limits(daemon))
        self.assertGreaterEqual(int(limits['sentBytes']), len(torrent.data))
        self.assertIn('budget is used up', daemon.tail())
        self.assertIn('only what nobody else has whole', daemon.ctl('archive', 'limits').out)
        # There is another one, whose peers stay connected when both have all: whoever wants it is served by that alone.
        other = self.lab.daemon('other', flags=['--archive', '--peer', '127.0.0.1:0', '--archive-lan'])
        other.ctl('torrent', 'submit', torrent.file)
        self.archived(other, torrent)
        wait('the other copy', lambda: self.show(daemon, torrent).get('organicAvailability', 0) >= 1, 3 * PATIENCE)
        limits = self.limits(daemon)
        self.fetch('second', torrent)
        self.assertEqual(self.limits(daemon)['sentBytes'], limits['sentBytes'])
        # The month's count outlives the daemon; a greater budget is one at once.
        daemon.stop()
        daemon.start()
        self.assertEqual(self.limits(daemon)['sentBytes'], limits['sentBytes'])
        self.assertTrue(self.limits(daemon)['budgetUsedUp'])
        self.assertFalse(daemon.json('archive', 'limits', '--budget', '1GiB').get('budgetUsedUp', False))
        daemon.stop()


class WatchFolder(IntakeTest):
    def setUp(self):
        super().setUp()
        self.drop = self.lab.folder / 'drop'

    def there(self, folder, *names):
        """Waits until `drop/folder` has these names, and no others."""
        def seen():
            return sorted(path.name for path in (self.drop / folder).iterdir()) == sorted(names)
        wait(f'{folder} to have {names}', seen)

    def test_what_is_dropped_is_archived(self):
        daemon = self.archive(f'watch_folder = "{self.drop}"')
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        # Written bit by bit, by somebody who closes it in between.
        whole = torrent.file.read_bytes()
        for part in (whole[:100], whole[100:]):
            with open(self.drop / 'speech.torrent', 'ab') as file:
                file.write(part)
        self.there('taken', 'speech.torrent')
        self.assertEqual(self.show(daemon, torrent)['source'], 'watched')
        self.seed('seed', torrent)
        self.archived(daemon, torrent)
        # A link a line, by rename; the torrent is one that is known, and one that is not.
        other = 'c12fe1c06bba254a9dc9f519b335aa7c1367a88a'
        ready = self.lab.folder / 'ready'
        ready.write_text(f'# mine\nmagnet:?xt=urn:btih:{torrent.hash}\nmagnet:?xt=urn:btih:{other}&dn=other\n')
        ready.rename(self.drop / 'links.magnet')
        self.there('taken', 'speech.torrent', 'links.magnet')
        self.assertEqual(daemon.json('torrent', 'show', other)['state'], 'METADATA')
        daemon.stop()
        # What came meanwhile is found at the start.
        later = Torrent(self.lab.folder, 'later', 1 << 18, daemon.announce)
        later.file.rename(self.drop / 'later.torrent')
        daemon.start()
        self.there('taken', 'speech.torrent', 'links.magnet', 'later.torrent')
        self.assertEqual(int(daemon.status()['counters']['archive.watched_taken']), 1)
        daemon.stop()

    def test_what_cannot_be_taken_says_why(self):
        daemon = self.archive(f'watch_folder = "{self.drop}"')
        denied = Torrent(self.lab.folder, 'denied', 1 << 18, daemon.announce)
        daemon.ctl('torrent', 'deny', denied.hash)
        secret = self.lab.folder / 'secret'
        secret.write_text('the passwords')
        (self.drop / 'link.torrent').symlink_to(secret)
        with open(self.drop / 'huge.torrent', 'wb') as huge:
            huge.truncate(1 << 30)
        denied.file.rename(self.drop / 'again\n\x1b[31m.torrent')
        (self.drop / 'not ours').write_text('x')
        names = ['link.torrent', 'huge.torrent', 'again\n\x1b[31m.torrent']
        self.there('refused', *names, *(f'{name}.reason.txt' for name in names))
        reason = {name: (self.drop / 'refused' / f'{name}.reason.txt').read_text() for name in names}
        self.assertIn('link', reason['link.torrent'])
        self.assertIn('bytes', reason['huge.torrent'])
        self.assertIn('denied', reason[names[2]])
        self.assertEqual(secret.read_text(), 'the passwords')
        self.assertTrue((self.drop / 'not ours').exists())
        # One line of the log each, whatever the name.
        self.assertIn('again\\n\\x1b[31m.torrent of the watch folder', daemon.tail())
        self.assertEqual(int(daemon.status()['counters']['archive.watched_refused']), 3)
        daemon.stop()


if __name__ == '__main__':
    main()
