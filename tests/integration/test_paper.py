#!/usr/bin/env python3
"""The paper's experiment with unchanged clients: a seeder hands a file to the S-tracker, by nothing but its announce or by
`p2pctl torrent create --submit`; when the file is archived every seeder is killed; qBittorrent, Transmission and aria2
complete from the S-tracker alone, byte for byte, and availability is never read below 1. Once more with opentracker as
the tracker and `p2pd --archive` on another machine, as in the paper.

usage: test_paper.py [--full] [TEST...]
  --full  the paper's 964.54 MB instead of 32 MB

Pieces of 256 KiB. Runs in a network namespace of its own (swarm.py), as root.
"""

import hashlib
import os
import sys
import threading

import swarm
from lab import BIN, PATIENCE, LabTest, main, need_root, run, wait

FULL = '--full' in sys.argv
SIZE = 964_540_000 if FULL else 32_000_000
# Of anything that moves the file once.
SPAN = PATIENCE * (10 if FULL else 2)
TRACKER, ARCHIVE, SEEDER = map(swarm.machine, (1, 2, 3))
LEECHERS = [swarm.Qbittorrent, swarm.Transmission, swarm.Aria2]


def digest(path):
    with open(path, 'rb') as file:
        found = hashlib.sha256()
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


class Availability(threading.Thread):
    """Reads a torrent's availability every second until it is told to end."""

    def __init__(self, daemon, torrent):
        super().__init__()
        self.daemon_at, self.torrent = daemon, torrent
        self.ending = threading.Event()
        self.seen = []

    def run(self):
        while not self.ending.wait(1):
            self.seen.append(self.daemon_at.json('torrent', 'show', self.torrent).get('totalAvailability', 0))

    def end(self):
        self.ending.set()
        self.join()
        return self.seen


class Paper(LabTest):
    def setUp(self):
        super().setUp()
        lacking = swarm.missing()
        if lacking:
            self.fail(f'not installed: {" ".join(lacking)}; run deploy/setup.sh')
        self.data = self.lab.folder / 'film'
        with open(self.data, 'wb') as file:
            for at in range(0, SIZE, 1 << 20):
                file.write(os.urandom(min(1 << 20, SIZE - at)))
        self.digest = digest(self.data)

    def s_tracker(self, *flags, anywhere=False):
        """An S-tracker: tracker and archive in one, at one address or, as the README starts it, at all of the machine's."""
        port = swarm.free_port(TRACKER)
        where = ['--tracker', f'[::]:{port}'] if anywhere else ['--tracker', f'{TRACKER}:{port}', '--peer', f'{TRACKER}:0']
        return self.lab.daemon('tracker', flags=[*where, *flags]), f'{TRACKER}:{port}'

    def torrent(self, *trackers, by=None, flags=()):
        """film.torrent; its hash. `by`: the daemon that it is handed to."""
        self.file = self.lab.folder / 'film.torrent'
        words = ['torrent', 'create', self.data, '--out', self.file, '--piece-size', '256KiB', *flags]
        for tracker in trackers:
            words += ['--tracker', tracker]
        control = ['--control', f'unix:{by.socket}'] if by else []
        return run([BIN / 'p2pctl', *control, '--output', 'json', *words]).json()['name'].split('/')[1]

    def seeder(self, kind):
        seeder = kind(self.lab, f'seeder-{kind.__name__.lower()}', SEEDER, self.file, self.data)
        self.say(f'{seeder.name} is there')
        return seeder

    def experiment(self, daemon, torrent, seeder):
        """From the seeder's start to three complete downloads."""
        def state():
            seeder.alive()
            shown = daemon.ctl('--output', 'json', 'torrent', 'show', torrent, code=None)
            return shown.json() if shown.code == 0 else {}
        wait('the file to be archived', lambda: state().get('state') == 'ARCHIVED', SPAN)
        self.say('archived')
        watch = Availability(daemon, torrent)
        watch.start()
        try:
            seeder.kill()
            wait('the seeder to be missed', lambda: daemon.json('torrent', 'show', torrent).get('organicAvailability', 0) == 0)
            status = daemon.json('archive', 'status')
            self.assertEqual((status['received'], status.get('downloading', 0), status['seeding']), (1, 0, 1))
            given = int(daemon.json('torrent', 'show', torrent).get('uploadedBytes', 0))
            self.say('every seeder is gone')
            self.fetch(daemon, torrent, given)
        finally:
            seen = watch.end()
        self.assertGreater(len(seen), 1)
        self.assertGreaterEqual(min(seen), 1)
        self.say(f'availability, read {len(seen)} times: {min(seen)} at the least')

    def fetch(self, daemon, torrent, given):
        leechers = [kind(self.lab, kind.__name__.lower(), swarm.machine(swarm.LEECHERS + number), self.file)
                    for number, kind in enumerate(LEECHERS)]
        waiting = list(leechers)

        def all_complete():
            for leecher in [leecher for leecher in waiting if leecher.complete()]:
                self.say(f'{leecher.name} is complete')
                waiting.remove(leecher)
            return not waiting
        wait('all of them to complete', all_complete, SPAN)
        for leecher in leechers:
            leecher.kill()
            self.assertEqual(digest(leecher.files / self.data.name), self.digest, leecher.name)
        # All that they have came from the archive. It is counted once a second.
        wait('what was given to be counted', lambda: int(daemon.json('torrent', 'show', torrent)['uploadedBytes']) - given
             >= len(leechers) * SIZE)

    def test_qbittorrent_announces_over_udp(self):
        daemon, at = self.s_tracker('--archive-announced', 'anybodys')
        torrent = self.torrent(f'udp://{at}')
        self.experiment(daemon, torrent, self.seeder(swarm.Qbittorrent))
        self.assertEqual(daemon.json('torrent', 'show', torrent)['source'], 'announced')

    def test_transmission_announces_over_http(self):
        daemon, at = self.s_tracker('--archive-announced', 'anybodys')
        torrent = self.torrent(f'http://{at}/announce')
        self.experiment(daemon, torrent, self.seeder(swarm.Transmission))

    def test_handed_over_by_its_maker(self):
        daemon, at = self.s_tracker(anywhere=True)
        torrent = self.torrent(f'udp://{at}', f'http://{at}/announce', by=daemon, flags=['--submit'])
        self.experiment(daemon, torrent, self.seeder(swarm.Aria2))
        self.assertEqual(daemon.json('torrent', 'show', torrent)['source'], 'submitted')

    def test_opentracker_and_an_archive_elsewhere(self):
        archive = self.lab.daemon('archive', flags=['--archive', '--peer', f'{ARCHIVE}:0', '--archive-lan'])
        port = swarm.free_port(TRACKER)
        torrent = self.torrent(f'http://{TRACKER}:{port}/announce')
        swarm.OpenTracker(self.lab, TRACKER, port, [torrent])
        archive.ctl('torrent', 'submit', self.file)
        self.experiment(archive, torrent, self.seeder(swarm.Aria2))


if __name__ == '__main__':
    if os.geteuid() == 0:
        swarm.own_network()
    sys.argv = [word for word in sys.argv if word != '--full']
    main()
