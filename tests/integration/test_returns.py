#!/usr/bin/env python3
"""What comes back to `p2pd --archive`, or does not: seeds, what was asked for already, what was removed, and files."""

import shutil
import time

from lab import BIN, NOT_FOUND, PATIENCE, Process, main, run, wait
from torrents import SwarmTest, Torrent, announce

# An announce is heard at once; what does not happen within this, does not.
A_WHILE = 3


class Returns(SwarmTest):
    def archive(self, *flags):
        daemon = self.lab.daemon('archive', flags=['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0',
                                                   '--archive-announced', 'anybodys', *flags])
        daemon.announce = announce(daemon)
        return daemon

    def state(self, daemon, torrent):
        return self.show(daemon, torrent).get('state')

    def archived(self, daemon, torrent):
        wait('the torrent to be archived', lambda: self.state(daemon, torrent) == 'ARCHIVED', 3 * PATIENCE)

    def test_a_seed_that_comes_back_ends_what_it_began(self):
        daemon = self.archive('--archive-down', '512KiB')
        torrent = Torrent(self.lab.folder, 'lecture', 8 << 20, daemon.announce)
        seed = self.seed('seed', torrent)
        wait('a part of it', lambda: self.show(daemon, torrent).get('archivedShare', 0) > 0.2, 3 * PATIENCE)
        self.leave(seed, torrent, daemon)
        self.assertEqual(self.state(daemon, torrent), 'FETCHING')
        daemon.ctl('archive', 'limits', '--down', '0')
        self.seed('again', torrent)
        self.archived(daemon, torrent)

    def test_a_hybrid_that_is_announced_is_one_torrent(self):
        daemon = self.archive()
        folder = self.lab.folder / 'seed'
        (folder / 'talk').mkdir(parents=True)
        torrent = Torrent(self.lab.folder, 'bytes', 3 << 20, daemon.announce)
        (folder / 'talk' / 'one').write_bytes(torrent.data)
        (folder / 'talk' / 'two').write_bytes(torrent.data[::-1])
        file = self.lab.folder / 'talk.torrent'
        run([BIN / 'p2pctl', 'torrent', 'create', folder / 'talk', '--hybrid', '--out', file, '--tracker', daemon.announce])
        seed = Process([BIN / 'p2pctl', 'torrent', 'download', file, '--dir', folder, '--listen', '127.0.0.1:0', '--no-dht', '--lan',
                        '--seed-for', '1h'], self.lab.folder / 'seed.log')
        self.lab.processes.append(seed)

        def all_of_them():
            return daemon.json('torrent', 'list').get('torrents', [])
        wait('it to be archived', lambda: [t['state'] for t in all_of_them()] == ['ARCHIVED'], 3 * PATIENCE)
        self.assertEqual(all_of_them()[0]['title'], 'talk')
        self.assertEqual((daemon.data / 'archive/Files/talk/two').read_bytes(), torrent.data[::-1])

    def test_who_hands_in_what_is_asked_for_is_heard(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', f'magnet:?xt=urn:btih:{torrent.hash}')
        self.assertEqual(self.state(daemon, torrent), 'METADATA')
        daemon.ctl('torrent', 'submit', torrent.file)
        self.assertEqual(self.state(daemon, torrent), 'FETCHING')
        self.seed('seed', torrent)
        self.archived(daemon, torrent)

    def test_what_was_removed_comes_back_by_hand_alone(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        self.seed('seed', torrent)
        self.archived(daemon, torrent)
        self.assertIn('submitted here again', daemon.ctl('torrent', 'remove', torrent.hash, '--yes').out)
        self.seed('another', torrent)
        time.sleep(A_WHILE)
        daemon.ctl('torrent', 'show', torrent.hash, code=NOT_FOUND)
        daemon.ctl('torrent', 'submit', torrent.file)
        self.archived(daemon, torrent)

    def deleted(self, daemon, torrent):
        """Somebody deletes its files, which is noticed; a seed that comes makes good for it."""
        place = daemon.data / 'archive' / 'Files' / torrent.name / torrent.name
        place.unlink()
        wait('that to be noticed', lambda: self.show(daemon, torrent).get('archivedShare', 0) == 0)
        self.assertIn(self.state(daemon, torrent), ('THINNED', 'LOST'))
        self.seed('for ' + torrent.name, torrent)
        self.archived(daemon, torrent)
        self.assertEqual(place.read_bytes(), torrent.data)

    def test_a_file_that_somebody_deletes_is_no_copy(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'awake', 1 << 20, daemon.announce)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        self.leave(seed, torrent, daemon)
        self.deleted(daemon, torrent)
        self.assertIn('removed or changed files of', (daemon.folder / 'log').read_text())

    def test_one_that_sleeps_is_no_copy_either(self):
        daemon = self.archive('--archive-idle', '2s', '--scrub-period', '0s')
        torrents = [Torrent(self.lab.folder, name, 1 << 20, daemon.announce) for name in ('asleep', 'other')]
        for torrent in torrents:
            seed = self.seed(torrent.name + '-seed', torrent)
            self.archived(daemon, torrent)
            seed.signal(9)
            wait('it to sleep', lambda torrent=torrent: self.state(daemon, torrent) == 'DORMANT', 3 * PATIENCE)
        files = daemon.data / 'archive' / 'Files'
        shutil.rmtree(files / 'asleep')
        wait('that to be noticed', lambda: self.show(daemon, torrents[0]).get('archivedShare', 0) == 0)
        self.assertEqual(self.state(daemon, torrents[1]), 'DORMANT')
        # A disk that is not mounted is no reason to fetch everything again.
        daemon.stop()
        shutil.rmtree(files)
        daemon.start(ready=False)
        self.assertEqual(daemon.process.ended(), 1)
        self.assertIn('mount its disk', daemon.process.text())
        files.mkdir(exist_ok=True)
        (files / 'none').touch()
        daemon.start()
        wait('the other to be missed, too', lambda: self.show(daemon, torrents[1]).get('archivedShare', 0) == 0)


if __name__ == '__main__':
    main()
