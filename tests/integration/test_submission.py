#!/usr/bin/env python3
"""A person without an archive hands a torrent to S-trackers that her daemon finds in the overlay, signed by her certificate."""

import json
import os

from lab import NOT_ALLOWED, NOT_FOUND, PATIENCE, USAGE, main, wait
from torrents import SwarmTest, Torrent, announce, bencode


class Submission(SwarmTest):
    def trackers(self, names, who='certified'):
        daemons = self.lab.ring(names, flags=['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', '--archive-lan',
                                              '--archive-submissions', who])
        for daemon in daemons:
            daemon.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
            daemon.announce = announce(daemon)
        return daemons

    def person(self, email, beside, ca='ca'):
        daemon = self.lab.daemon(email.split('@')[0], bootstrap=[beside.endpoint])
        self.lab.person(daemon, email, login=False, ca=ca)
        wait('the ring', lambda: daemon.status().get('peerCount', 0) >= 1)
        return daemon

    def found(self, daemon, torrent):
        """Until records of S-trackers stand in the overlay."""
        wait('an S-tracker to be found', lambda: 'takes submissions' not in daemon.ctl(
            'torrent', 'submit', torrent.file, '--overlay', code=None).err, 2 * PATIENCE)

    def taken(self, daemon, torrent):
        told = daemon.ctl('--output', 'json', 'torrent', 'submit', torrent.file, '--overlay', code=None)
        return len(json.loads(told.out)['offers']) if told.code == 0 else 0

    def offered(self, daemon, *words):
        return daemon.json('torrent', 'submit', *words, '--overlay')

    def test_two_take_it_and_it_outlives_its_seed(self):
        one, two = self.trackers(['one', 'two'])
        ann = self.person('ann@example.org', one)
        torrent = Torrent(self.lab.folder, 'speech', (1 << 20) + 77, one.announce)
        wait('both to take it', lambda: self.taken(ann, torrent) == 2, 2 * PATIENCE)
        answer = self.offered(ann, torrent.file)
        self.assertEqual(answer['name'], f'torrents/{torrent.hash}')
        self.assertEqual([offer.get('taken') for offer in answer['offers']], [True, True])
        seed = self.seed('seed', torrent)
        for daemon in (one, two):
            wait(f'{daemon.name} to have it', lambda daemon=daemon: self.show(daemon, torrent)['state'] == 'ARCHIVED',
                 3 * PATIENCE)
            self.assertEqual(self.show(daemon, torrent)['source'], 'overlay')
            self.assertIn('was handed in by ann@example.org', daemon.tail(1 << 20))
            self.assertGreater(int(daemon.status()['counters']['archive.submissions_accepted']), 0)
        seed.signal(9)
        # One that they have; and a magnet to one of them alone.
        again = self.offered(ann, f'magnet:?xt=urn:btih:{torrent.hash}', '--to', answer['offers'][1]['nodeId'])
        self.assertEqual([offer['nodeId'] for offer in again['offers']], [answer['offers'][1]['nodeId']])
        self.fetch('leecher', torrent)

    def test_who_is_nobody_hands_in_nothing(self):
        one, = self.trackers(['one'])
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, one.announce)
        mallory = self.person('mallory@example.org', one, ca='another')
        self.found(mallory, torrent)
        refused = mallory.ctl('torrent', 'submit', torrent.file, '--overlay', code=NOT_ALLOWED)
        self.assertIn('UNTRUSTED_ROOT', refused.err)
        self.assertEqual(one.ctl('torrent', 'show', torrent.hash, code=None).code, NOT_FOUND)
        # What the operator denied, nobody hands in either.
        ann = self.person('ann@example.org', one)
        one.ctl('torrent', 'deny', torrent.hash)
        self.assertIn('denied', ann.ctl('torrent', 'submit', torrent.file, '--overlay', code=NOT_ALLOWED).err)
        # Who cannot sign is told so, and what to do.
        nobody = self.lab.daemon('nobody', bootstrap=[one.endpoint])
        told = nobody.ctl('torrent', 'submit', torrent.file, '--overlay', code=None)
        self.assertIn('identity', told.err)
        self.assertEqual(ann.ctl('torrent', 'submit', torrent.file, '--copies', '2', code=USAGE).code, USAGE)
        self.assertIn('none of these nodes', ann.ctl('torrent', 'submit', torrent.file, '--overlay', '--to', 'ab' * 20,
                                                     code=NOT_FOUND).err)

    def test_by_default_nobody_may(self):
        one, = self.trackers(['one'], who='nobody')
        ann = self.person('ann@example.org', one)
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, one.announce)
        told = ann.ctl('torrent', 'submit', torrent.file, '--overlay', code=NOT_FOUND)
        self.assertIn('no S-tracker in the overlay takes submissions', told.err)
        # A large one is handed to one's own archive as it is.
        info = {b'name': b'large', b'piece length': 1 << 14, b'length': 400_000 << 14, b'pieces': os.urandom(20 * 400_000)}
        large = self.lab.folder / 'large.torrent'
        large.write_bytes(bencode({b'info': info}))
        one.ctl('torrent', 'submit', large)
        info[b'pieces'] += os.urandom(3 << 20)
        large.write_bytes(bencode({b'info': info}))
        self.assertIn('10485760 bytes', one.ctl('torrent', 'submit', large, code=USAGE).err)


if __name__ == '__main__':
    main()
