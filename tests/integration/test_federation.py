#!/usr/bin/env python3
"""Several S-trackers that share the work, as real daemons: they find each other in the overlay, each keeps its share, a
file is whole among them, and what one of them held is there again after it was killed.
"""

import hashlib

from lab import BIN, FAILED, PATIENCE, USAGE, main, run, wait
from torrents import SwarmTest, Torrent, announce

# Small, so that a file has many groups of pieces: 64 of them are one.
PIECE = 16 << 10
GROUP = 64 * PIECE
# How long a member may be silent.
GRACE = '4s'


class Federation(SwarmTest):
    def flags(self, *more, secret='a secret of the whole rack, and of nobody else'):
        key = self.lab.folder / f'{hashlib.sha1(secret.encode()).hexdigest()}.key'
        if not key.exists():
            key.touch(0o600)
            key.write_text(secret)
        return ['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--federation', 'rack', '--federation-key', key,
                '--member-grace', GRACE, *more]

    def federation(self, names, *more):
        """S-trackers that know each other."""
        daemons = self.lab.ring(names, flags=self.flags(*more))
        for daemon in daemons:
            wait(f'{daemon.name} to meet the others',
                 lambda daemon=daemon: [m['state'] for m in self.members(daemon)].count('PRESENT') == len(names) - 1)
        return daemons

    def members(self, daemon):
        return daemon.json('archive', 'members').get('members', [])

    def torrent(self, name, size, daemon):
        return Torrent(self.lab.folder, name, size, announce(daemon), piece=PIECE)

    def available(self, daemon, torrent, wanted):
        wait(f'{torrent.name} to be {wanted} at {daemon.name}',
             lambda: self.show(daemon, torrent).get('totalAvailability', 0) == wanted, 2 * PATIENCE)

    def kept(self, daemons, torrent, copies):
        """Waits until as many of them hold each group as shall; what each holds, in groups."""
        groups = -(-len(torrent.data) // GROUP)

        def held():
            counts = [int(self.members(daemon)[0].get('groupCount', 0)) for daemon in daemons]
            return counts if sum(counts) >= copies * groups else None
        wait(f'{copies} copies of {torrent.name}', held, 2 * PATIENCE)
        return held()

    def test_two_with_half_each_serve_the_whole(self):
        one, two = self.federation(['one', 'two'], '--copies', '1')
        torrent = self.torrent('halves', 24 * GROUP - 1234, one)
        one.ctl('torrent', 'submit', torrent.file)
        seed = self.seed(f'seed-{torrent.name}', torrent)
        self.kept([one, two], torrent, 1)
        self.leave(seed, torrent, one, two)
        shares = [self.show(daemon, torrent)['archivedShare'] for daemon in (one, two)]
        self.assertAlmostEqual(sum(shares), 1, places=2)
        self.assertLess(max(shares), 0.95)
        for daemon in (one, two):
            wait('its share to be all that it wants', lambda daemon=daemon: self.show(daemon, torrent)['state'] == 'THINNED')
            self.available(daemon, torrent, 1)
        self.assertEqual(self.show(two, torrent)['source'], 'federation')
        self.fetch('leecher', torrent)

    def test_the_share_of_one_that_is_killed_is_kept_by_the_others(self):
        daemons = self.federation(['one', 'two', 'three'], '--copies', '2', '--archive-quota', '64MiB')
        one, two, three = daemons
        torrent = self.torrent('thirds', 32 * GROUP, one)
        one.ctl('torrent', 'submit', torrent.file)
        seed = self.seed(f'seed-{torrent.name}', torrent)
        held = self.kept(daemons, torrent, 2)
        self.assertLess(max(held), 32)
        self.leave(seed, torrent, *daemons)
        self.available(two, torrent, 2)
        one.kill9()
        # Two copies on two members: each has everything.
        self.assertEqual(self.kept([two, three], torrent, 2), [32, 32])
        self.assertEqual({m['state'] for m in self.members(two)}, {'SELF', 'PRESENT', 'LOST'})
        for daemon in (two, three):
            self.available(daemon, torrent, 2)
        files = two.data / 'archive' / 'Files' / 'thirds' / 'thirds'
        self.assertEqual(hashlib.sha256(files.read_bytes()).digest(), hashlib.sha256(torrent.data).digest())
        self.fetch('leecher', torrent, f'--bt-tracker={announce(two)}')

    def test_members_sleep_and_wake_for_whoever_asks_one_of_them(self):
        # The scrub would wake it, too.
        daemons = one, two = self.federation(['one', 'two'], '--copies', '1', '--archive-idle', '2s',
                                             '--scrub-period', '0s')
        torrent = self.torrent('halves', 24 * GROUP - 1234, one)
        one.ctl('torrent', 'submit', torrent.file)
        seed = self.seed(f'seed-{torrent.name}', torrent)
        self.kept(daemons, torrent, 1)
        self.leave(seed, torrent, *daemons)

        def asleep():
            return all(self.show(daemon, torrent)['state'] == 'DORMANT' for daemon in daemons)
        wait('both to sleep', asleep, 2 * PATIENCE)
        self.assertAlmostEqual(sum(self.show(daemon, torrent)['archivedShare'] for daemon in daemons), 1, places=2)
        for daemon in daemons:
            self.available(daemon, torrent, 1)
        # What one of them lacks the other has, and its tracker says where.
        self.fetch('leecher', torrent)
        wait('both to sleep again', asleep, 2 * PATIENCE)
        two.kill9()
        two.start()
        self.assertEqual(self.show(two, torrent)['state'], 'DORMANT')
        self.available(two, torrent, 1)
        self.assertEqual(self.show(two, torrent)['state'], 'DORMANT')

    def seeder(self, name, torrents):
        """An archive that is no member, with these torrents: aria2 leaves whoever has everything, a seeder of the paper
        does not."""
        seeder = self.lab.daemon(name, flags=['--archive', '--peer', '127.0.0.1:0', '--archive-lan'])
        for torrent in torrents:
            seeder.ctl('torrent', 'submit', torrent.file)
            seed = self.seed(f'seed-{torrent.name}', torrent)
            wait('the seeder to have it', lambda torrent=torrent: self.show(seeder, torrent).get('state') == 'ARCHIVED',
                 2 * PATIENCE)
            seed.signal(9)
            seed.ended()
        return seeder

    def test_figure_4_of_the_paper(self):
        one, two = self.federation(['one', 'two'])
        files = {name: self.torrent(name, 2 * GROUP, one) for name in 'ABCD'}

        def share(name, names):
            seeder = self.seeder(name, [files[name] for name in names])
            for file in names:
                one.ctl('torrent', 'submit', files[file].file)
            for file in names:
                self.available(one, files[file], 3)
                self.available(two, files[file], 3)
            return seeder
        first = share('first', 'AB')
        first.stop()
        for name in 'AB':
            self.available(one, files[name], 2)
        share('second', 'CD')
        two.stop()
        for name, copies in zip('ABCD', (1, 1, 2, 2)):
            self.available(one, files[name], copies)

    def test_a_stranger_is_no_member(self):
        one, two = self.federation(['one', 'two'])
        stranger = self.lab.daemon('stranger', bootstrap=[one.endpoint],
                                   flags=self.flags(secret='what somebody took for the secret of the rack'))
        torrent = self.torrent('ours', GROUP, one)
        one.ctl('torrent', 'submit', torrent.file)
        wait('the other to hear of it', lambda: self.show(two, torrent))
        self.assertEqual([m['state'] for m in self.members(stranger)], ['SELF'])
        self.assertEqual(self.show(stranger, torrent), {})
        self.assertEqual(len(self.members(one)), 2)
        self.assertIn('present', two.ctl('archive', 'members').out)
        alone = self.lab.daemon('alone', flags=['--archive', '--peer', '127.0.0.1:0'])
        self.assertEqual(self.members(alone), [])

    def test_what_cannot_be_is_said(self):
        start = [BIN / 'p2pd', '--data-dir', self.lab.folder / 'data', '--control', f'unix:{self.lab.folder}/socket',
                 '--listen', '127.0.0.1:0', '--archive', '--peer', '127.0.0.1:0', '--federation', 'rack']
        self.assertIn('--federation-key', run(start, USAGE).err)
        key = self.lab.folder / 'key'
        key.touch(0o600)
        key.write_text('short')
        self.assertIn('openssl rand', run([*start, '--federation-key', key], FAILED).err)
        key.write_text('x' * 64)
        key.chmod(0o644)
        self.assertIn(str(key), run([*start, '--federation-key', key], FAILED).err)


if __name__ == '__main__':
    main()
