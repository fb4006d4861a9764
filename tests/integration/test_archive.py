#!/usr/bin/env python3
"""`p2pd --archive` as its users see it: a torrent handed over, a client nobody changed that seeds it, the seed gone, and
another one that completes from the archive alone.
"""

import json
import signal
import urllib.parse
import urllib.request

from lab import FAILED, NOT_FOUND, PATIENCE, USAGE, main, wait
from torrents import SwarmTest, Torrent, announce


class Archive(SwarmTest):
    def archive(self, *flags, name='archive'):
        daemon = self.lab.daemon(name, flags=['--tracker', '127.0.0.1:0', '--peer', '127.0.0.1:0', *flags])
        daemon.announce = announce(daemon)
        return daemon

    def archived(self, daemon, torrent):
        wait('the torrent to be archived', lambda: self.show(daemon, torrent)['state'] == 'ARCHIVED', 3 * PATIENCE)

    def tracker_says(self, daemon, torrent):
        query = urllib.parse.urlencode({'info_hash': bytes.fromhex(torrent.hash), 'peer_id': b'p' * 20, 'port': 1, 'left': 1})
        with urllib.request.urlopen(f'{announce(daemon)}?{query}', timeout=PATIENCE) as answer:
            return answer.read().decode('latin-1')

    def states(self, watch):
        """The states that a watch told, one behind the other, and the marks of the rest."""
        out = []
        for line in watch.text().splitlines():
            told = json.loads(line)
            mark = told['mark'].removeprefix('WATCH_MARK_')
            out.append(told['torrent']['state'] if mark == 'CHANGED' else mark)
        return [word for before, word in zip([None, *out], out) if word != before]

    def test_changes_are_followed(self):
        daemon = self.archive('--archive-announced', 'anybodys')
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        watch = daemon.background('watch.log', '--output', 'json', 'torrent', 'watch')
        wait('the snapshot', lambda: 'SNAPSHOT_DONE' in watch.text())
        self.assertEqual(daemon.ctl('torrent', 'watch', torrent.hash, code=None).code, NOT_FOUND)
        seed = self.seed('seed', torrent)
        wait('its arrival', lambda: 'ARCHIVED' in watch.text(), 3 * PATIENCE)
        # The announce makes it known, its seed gives the metainfo: not one step is left out.
        self.assertEqual(self.states(watch), ['SNAPSHOT_DONE', 'METADATA', 'FETCHING', 'ARCHIVED'])
        one = daemon.background('one.log', '--output', 'json', 'torrent', 'watch', torrent.hash)
        wait('the snapshot of one', lambda: 'SNAPSHOT_DONE' in one.text())
        daemon.ctl('torrent', 'pin', torrent.hash)
        wait('the policy to be told', lambda: self.states(one)[-1] == 'ARCHIVED' and '"pinned":true' in one.text())
        seed.signal(9)
        daemon.ctl('torrent', 'remove', torrent.hash, '--yes')
        for stream in (watch, one):
            wait('the removal to be told', lambda stream=stream: 'REMOVED' in stream.text())
        daemon.process.signal(signal.SIGTERM)
        for stream in (watch, one):
            self.assertEqual(stream.ended(), 3, 'the daemon is gone')
        self.assertEqual(daemon.process.ended(), 0)

    def test_a_file_outlives_its_seed(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', (3 << 20) + 12345, daemon.announce)
        answer = daemon.json('torrent', 'submit', torrent.file)
        self.assertEqual(answer['name'], f'torrents/{torrent.hash}')
        self.assertEqual(answer['title'], 'speech')
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        self.assertEqual((daemon.data / 'archive' / 'Files' / 'speech' / 'speech').read_bytes(), torrent.data)
        self.assertEqual(len(list((daemon.data / 'archive' / 'Torrents').glob('speech *.torrent'))), 1)
        self.leave(seed, torrent, daemon)
        shown = self.show(daemon, torrent)
        self.assertEqual(shown['totalAvailability'], 1)
        self.assertIn('one whole copy', shown['availabilityText'])
        self.fetch('leecher', torrent)
        status = daemon.json('archive', 'status')
        self.assertEqual((status['received'], status.get('downloading', 0), status['seeding']), (1, 0, 1))
        self.assertEqual(int(self.show(daemon, torrent)['uploadedBytes']), len(torrent.data))
        # And the daemon's end, in order or not.
        daemon.stop()
        daemon.flags[1] = daemon.announce.split('/')[2]
        daemon.start()
        self.archived(daemon, torrent)
        daemon.kill9()
        daemon.start()
        self.archived(daemon, torrent)
        self.fetch('later', torrent)
        daemon.stop()

    def asleep(self, daemon, torrent):
        wait('the torrent to sleep', lambda: self.show(daemon, torrent)['state'] == 'DORMANT', 3 * PATIENCE)

    def test_what_nobody_wants_sleeps_and_wakes_for_whoever_asks(self):
        # The scrub would wake it, too.
        daemon = self.archive('--archive-idle', '2s', '--scrub-period', '0s')
        torrent = Torrent(self.lab.folder, 'lecture', (1 << 20) + 12345, daemon.announce)
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        watch = daemon.background('watch.log', '--output', 'json', 'torrent', 'watch', torrent.hash)
        wait('the snapshot', lambda: 'SNAPSHOT_DONE' in watch.text())
        self.leave(seed, torrent, daemon)
        self.asleep(daemon, torrent)
        shown = self.show(daemon, torrent)
        self.assertEqual((shown['totalAvailability'], shown['archivedShare']), (1, 1))
        status = daemon.json('archive', 'status')
        self.assertEqual((status['received'], status['seeding']), (1, 1))
        self.assertEqual(int(status['usedBytes']), len(torrent.data))
        self.fetch('leecher', torrent)
        self.asleep(daemon, torrent)
        self.assertEqual(self.states(watch)[-3:], ['DORMANT', 'ARCHIVED', 'DORMANT'])
        # It sleeps on over the daemon's end, in order or not, and whoever asks after that wakes it, too.
        daemon.flags[1] = daemon.announce.split('/')[2]
        daemon.stop()
        daemon.start()
        self.assertEqual(self.show(daemon, torrent)['state'], 'DORMANT')
        daemon.kill9()
        daemon.start()
        self.assertEqual(self.show(daemon, torrent)['state'], 'DORMANT')
        self.fetch('later', torrent)
        self.asleep(daemon, torrent)
        # One that sleeps is erased with its files.
        daemon.ctl('torrent', 'remove', torrent.hash, '--yes')
        files = daemon.data / 'archive' / 'Files' / 'lecture'
        wait('its files to be erased', lambda: not [path for path in files.rglob('*') if path.is_file()])

    def test_what_is_lost_of_what_it_knows_is_found_again(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        daemon.json('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        # A library that is no database: what stands in the two folders is enough.
        daemon.flags[1] = daemon.announce.split('/')[2]
        folder = daemon.data / 'archive'
        self.leave(seed, torrent, daemon)
        daemon.stop()
        for part in ('-wal', '-shm'):
            (folder / f'library.db{part}').unlink(missing_ok=True)
        (folder / 'library.db').write_bytes(b'no database' * 1000)
        daemon.start()
        self.assertEqual(len(list(folder.glob('library.db.damaged-*'))), 1)
        self.archived(daemon, torrent)
        self.fetch('leecher', torrent)
        # A .torrent file that somebody deleted: whoever has it gives it, and nothing is fetched again.
        daemon.stop()
        [file] = (folder / 'Torrents').glob('speech *.torrent')
        file.unlink()
        daemon.start()
        self.assertEqual(self.show(daemon, torrent)['state'], 'METADATA')
        again = self.seed('again', torrent)
        self.archived(daemon, torrent)
        self.assertEqual(len(list((folder / 'Torrents').glob('speech *.torrent'))), 1)
        self.assertEqual(int(self.show(daemon, torrent).get('downloadedBytes', 0)), 0)
        self.leave(again, torrent, daemon)
        self.fetch('later', torrent)

    def test_what_cannot_be_saved_is_not_taken(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        torrents = daemon.data / 'archive' / 'Torrents'
        torrents.rmdir()
        torrents.touch()
        refused = daemon.ctl('torrent', 'submit', torrent.file, code=FAILED)
        self.assertIn('Not a directory', refused.err)
        self.assertEqual(daemon.ctl('torrent', 'show', torrent.hash, code=None).code, NOT_FOUND)
        torrents.unlink()
        torrents.mkdir()
        daemon.json('torrent', 'submit', torrent.file)

    def test_a_seed_that_announces_is_enough(self):
        daemon = self.archive('--archive-announced', 'anybodys')
        torrent = Torrent(self.lab.folder, 'talk', 1 << 20, daemon.announce)
        seed = self.seed('seed', torrent)
        wait('the announce to be followed', lambda: daemon.ctl('torrent', 'show', torrent.hash, code=None).code == 0,
             3 * PATIENCE)
        self.archived(daemon, torrent)
        self.assertEqual(self.show(daemon, torrent)['source'], 'announced')
        self.leave(seed, torrent, daemon)
        self.fetch('leecher', torrent)

    def test_what_was_denied_does_not_come_back(self):
        daemon = self.archive('--archive-announced', 'anybodys')
        torrent = Torrent(self.lab.folder, 'secret', 1 << 20, daemon.announce, {'a/one': 300_000, 'two: 2': (1 << 20) - 300_000})
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        files = daemon.data / 'archive' / 'Files' / 'secret'
        self.assertEqual((files / 'a' / 'one').read_bytes(), torrent.files['secret/a/one'])
        self.assertEqual((files / 'two: 2').read_bytes(), torrent.files['secret/two: 2'])
        daemon.ctl('torrent', 'deny', torrent.hash, '--reason', 'its author asked')
        wait('its files to be erased', lambda: not [path for path in files.rglob('*') if path.is_file()])
        self.assertEqual(daemon.ctl('torrent', 'show', torrent.hash, code=NOT_FOUND).code, NOT_FOUND)
        refused = daemon.ctl('torrent', 'submit', torrent.file, code=None)
        self.assertIn('denied', refused.err)
        self.assertIn('its author asked', daemon.ctl('torrent', 'denied').out)
        self.assertIn('was removed', self.tracker_says(daemon, torrent))
        seed.signal(9)
        daemon.kill9()
        daemon.start()
        wait('the tracker to refuse it again', lambda: 'was removed' in self.tracker_says(daemon, torrent))
        daemon.ctl('torrent', 'allow', torrent.hash)
        self.assertNotIn('was removed', self.tracker_says(daemon, torrent))
        daemon.ctl('torrent', 'submit', torrent.file)
        daemon.ctl('torrent', 'remove', torrent.hash, '--yes')

    def test_a_link_in_the_place_of_a_file_is_named_and_never_followed(self):
        daemon = self.archive()
        torrent = Torrent(self.lab.folder, 'speech', 1 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', torrent.file)
        seed = self.seed('seed', torrent)
        self.archived(daemon, torrent)
        seed.signal(9)
        daemon.stop()
        file, other = daemon.data / 'archive' / 'Files' / 'speech' / 'speech', self.lab.folder / 'other'
        other.write_bytes(b'nothing of ours')
        file.unlink()
        file.symlink_to(other)
        daemon.start()
        wait('it to be named', lambda: 'a link' in self.show(daemon, torrent).get('trouble', ''))
        self.assertEqual(self.show(daemon, torrent)['state'], 'KNOWN')
        file.unlink()
        self.client('again', torrent, '--check-integrity=true', '--seed-ratio=0', f'--bt-tracker={announce(daemon)}', holds=True)
        self.archived(daemon, torrent)
        self.assertEqual(other.read_bytes(), b'nothing of ours')
        self.assertEqual(file.read_bytes(), torrent.data)
        self.assertEqual(self.show(daemon, torrent).get('trouble', ''), '')

    def test_what_the_trackers_list_names_the_archive_has_not(self):
        deny = self.lab.folder / 'deny'
        deny.write_text('')
        daemon = self.archive('--tracker-deny', deny)
        torrent = Torrent(self.lab.folder, 'secret', 1 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', torrent.file)
        deny.write_text(f'{torrent.hash}\n')
        daemon.process.signal(signal.SIGHUP)
        wait('it to be removed', lambda: daemon.ctl('torrent', 'show', torrent.hash, code=None).code == NOT_FOUND)
        self.assertIn('denied', daemon.ctl('torrent', 'submit', torrent.file, code=None).err)
        self.assertIn("operator's list", daemon.ctl('torrent', 'allow', torrent.hash, code=FAILED).err)
        deny.write_text('')
        daemon.process.signal(signal.SIGHUP)
        wait('it to be taken', lambda: daemon.ctl('torrent', 'submit', torrent.file, code=None).code == 0)

    def test_what_cannot_be_is_said(self):
        daemon = self.archive('--archive-quota', '1MiB')
        rubbish = self.lab.folder / 'rubbish.torrent'
        rubbish.write_bytes(b'd4:infod4:name1:aee')
        self.assertIn('piece length', daemon.ctl('torrent', 'submit', rubbish, code=USAGE).err)
        self.assertIn('names no torrent', daemon.ctl('torrent', 'submit', 'magnet:?dn=a', code=USAGE).err)
        large = Torrent(self.lab.folder, 'large', 8 << 20, daemon.announce)
        daemon.ctl('torrent', 'submit', large.file)
        self.seed('seed', large)
        wait('the quota to be said', lambda: 'quota' in self.show(daemon, large).get('trouble', ''), 3 * PATIENCE)
        self.assertEqual(self.show(daemon, large)['state'], 'KNOWN')
        plan = daemon.ctl('archive', 'plan').out
        self.assertIn('wait', plan)
        self.assertIn('quota is full', plan)
        plain = self.lab.daemon('plain')
        self.assertIn('--archive', plain.ctl('torrent', 'list', code=FAILED).err)


if __name__ == '__main__':
    main()
