#!/usr/bin/env python3
"""Whom the archive believes, and what it finds on its own disk: peers that claim everything and show nothing or rubbish are
no holders, and what rots on the disk is found and fetched again.
"""

import os

from lab import PATIENCE, main, wait
from torrents import SwarmTest, Torrent, announce
from wire import Claimer


class Holders(SwarmTest):
    def archive(self, name, *flags):
        daemon = self.lab.daemon(name, flags=['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', *flags])
        daemon.announce = announce(daemon)
        return daemon

    def archived(self, daemon, torrent):
        """Archives it, and the seed leaves."""
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed(f'seed-{torrent.name}', torrent)
        wait('the torrent to be archived', lambda: self.show(daemon, torrent)['state'] == 'ARCHIVED', 3 * PATIENCE)
        self.leave(seed, torrent, daemon)

    def test_who_shows_nothing_is_no_holder(self):
        daemon = self.archive('archive')
        torrent = Torrent(self.lab.folder, 'speech', (2 << 20) + 777, daemon.announce)
        self.archived(daemon, torrent)
        at = ('127.0.0.1', int(daemon.json('archive', 'status')['peerAddresses'][0].rsplit(':', 1)[1]))
        # Each in a network of its own, since one counts once.
        honest = [Claimer(at, torrent, f'127.0.{i}.1', lambda block: block) for i in (1, 2)]
        liars = [Claimer(at, torrent, f'127.0.{i}.1', lambda block: bytes(len(block))) for i in (3, 4)]
        miser = Claimer(at, torrent, '127.0.5.1', lambda _: None)
        wanted = {**{peer.wire.address: 'VERIFIED' for peer in honest}, **{peer.wire.address: 'LIED' for peer in liars},
                  miser.wire.address: 'NOT_ASKED'}

        def trusts():
            return {peer['address']: peer['trust'] for peer in self.show(daemon, torrent).get('peers', [])}
        wait(f'the archive to know whom to believe, {wanted}', lambda: miser.asked and trusts() == wanted, 2 * PATIENCE)
        group = daemon.json('archive', 'plan')['groups'][0]
        self.assertEqual((group['verifiedHolders'], group['neededHolders']), (2, 3))
        self.assertIn('2 verified, needs 3', daemon.ctl('archive', 'plan').out)
        self.assertGreaterEqual(int(daemon.status()['counters']['archive.probes_wrong']), 2)

    def test_what_rots_is_found_and_fetched_again(self):
        daemon = self.archive('archive', '--scrub-period', '2s', '--scrub-rate', '1GiB', '--archive-idle', '1s')
        torrent = Torrent(self.lab.folder, 'speech', 2 << 20, daemon.announce)
        self.archived(daemon, torrent)
        wait('it to be woken to be read', lambda: int(daemon.status()['counters'].get('archive.torrents_woken', 0)) > 1)
        file = daemon.data / 'archive' / 'Files' / 'speech' / 'speech'
        # As the disk would, without a trace in the file's times.
        times = file.stat()
        with file.open('r+b') as out:
            out.seek(5 * torrent.piece + 100)
            out.write(bytes(50))
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

        def scrub():
            return daemon.json('archive', 'status').get('scrub', {})
        wait('the rot to be found', lambda: int(scrub().get('rottedCount', 0)) == 1, 2 * PATIENCE)
        self.assertIn('1 rotted', daemon.ctl('archive', 'status').out)
        wait('it to be out of sight', lambda: self.show(daemon, torrent)['archivedShare'] < 1)
        self.assertIn('piece 5', self.show(daemon, torrent)['trouble'])
        # Where it was outlives a restart, and what is missing is fetched from the first who has it.
        daemon.kill9()
        daemon.flags[1] = daemon.announce.split('/')[2]
        daemon.start()
        again = self.seed('again', torrent)
        wait('it to be fetched again', lambda: self.show(daemon, torrent).get('archivedShare') == 1, 4 * PATIENCE)
        self.assertEqual(file.read_bytes(), torrent.data)
        again.signal(9)

    def test_the_scrub_goes_on_behind_what_cannot_be_read(self):
        daemon = self.archive('archive', '--scrub-period', '2s', '--scrub-rate', '1GiB', '--archive-idle', '1s')
        torrents = [Torrent(self.lab.folder, name, 1 << 20, daemon.announce) for name in ('gone', 'there')]
        for torrent in torrents:
            self.archived(daemon, torrent)
        (daemon.data / 'archive' / 'Torrents' / 'gone.torrent').write_bytes(b'rubbish')
        wait('trouble to be told', lambda: 'trouble' in self.show(daemon, torrents[0]), 2 * PATIENCE)

        def completed():
            return daemon.json('archive', 'status')['scrub'].get('completeTime', '')
        before = completed()
        wait('a round to come to its end', lambda: completed() > before, 2 * PATIENCE)
        self.assertEqual(self.show(daemon, torrents[1])['archivedShare'], 1)


if __name__ == '__main__':
    main()
