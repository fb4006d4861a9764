#!/usr/bin/env python3
"""What people and machines get wrong: each time one line on standard error that says what and where, the exit code of the
contract, and nothing half-done. Then the machine's own faults: a taken port, a folder that cannot be written, a disk that
is full, a daemon that is not there.
"""

import os
import socket
import wave

from lab import BIN, DONE, FAILED, NOT_FOUND, UNREACHABLE, USAGE, LabTest, main, need_root, run, wait

# An account that owns nothing.
NOBODY = 65534


class BadInput(LabTest):
    def setUp(self):
        super().setUp()
        self.folder = self.lab.folder
        self.none = self.folder / 'none'
        self.rubbish = self.folder / 'rubbish'
        self.rubbish.write_text('this is no such thing\n')

    def one_line(self, answer, *words):
        """One line on standard error with these words, nothing on standard output."""
        self.assertEqual(len(answer.err.splitlines()), 1, answer)
        self.assertEqual(answer.out, '', answer)
        for word in words:
            self.assertIn(str(word), answer.err)

    def rows(self, rows, program, *flags):
        for words, code, *said in rows:
            with self.subTest(command=' '.join(str(w) for w in words)):
                self.one_line(run([BIN / program, *flags, *words], code), *said)

    def test_p2pctl_without_a_daemon(self):
        self.rows([
            ([], USAGE, '--help'),
            (['nonsense'], USAGE, 'nonsense', '--help'),
            (['--nonsense', 'status'], USAGE, '--nonsense'),
            (['call', 'dial'], USAGE, 'EMAIL'),
            (['--output', 'xml', 'status'], USAGE, '--output'),
            (['--timeout', 'soon', 'status'], USAGE, '--timeout'),
            (['--control', f'unix:{self.none}', 'status'], UNREACHABLE, self.none, 'start p2pd'),
            (['--control', 'rubbish', 'status'], USAGE, 'rubbish', 'unix:PATH'),
            (['--control', '127.0.0.1:1', 'status'], USAGE, '--tls-ca', '--token-file'),
            (['--control', '127.0.0.1:1', '--tls-ca', self.rubbish, '--token-file', self.none, 'status'], USAGE,
             self.none),
        ], 'p2pctl')

    def test_files_are_looked_at_before_the_daemon_is(self):
        empty = self.folder / 'empty.wav'
        with wave.open(str(empty), 'wb') as out:
            out.setparams((1, 2, 16000, 0, 'NONE', ''))
        self.rows([
            (['call', 'dial', 'a@example.org', '--play', self.none], USAGE, self.none),
            (['call', 'dial', 'a@example.org', '--play', empty], USAGE, empty),
            (['call', 'dial', 'a@example.org', '--play', self.rubbish], USAGE, self.rubbish),
            (['call', 'dial', 'a@example.org', '--play', self.folder], USAGE, self.folder),
            (['call', 'dial', 'a@example.org', '--record', self.none / 'x.wav'], USAGE, self.none),
            (['call', 'dial', 'a@example.org', '--for', '10parsecs'], USAGE, '--for', '10parsecs'),
            (['call', 'answer', '--play', self.none], USAGE, self.none),
            (['trust', 'add', self.none], USAGE, self.none),
            (['identity', 'install', self.folder], USAGE, self.folder),
            (['identity', 'import', self.none, '--email', 'a@example.org'], USAGE, self.none),
            (['overlay', 'put', 'name:x', self.none], USAGE, self.none),
            (['overlay', 'put', 'name:x', self.rubbish, '--ttl', 'ever'], USAGE, '--ttl', 'ever'),
        ], 'p2pctl', '--control', f'unix:{self.folder}/no-daemon')

    def test_an_authority(self):
        ca = self.lab.ca()
        before = (ca / 'ca.key').read_bytes()
        out = self.folder / 'out.pem'
        self.rows([
            (['init', ca, '--name', 'Again'], FAILED, ca),
            (['init', '/proc/none', '--name', 'X'], None, '/proc/none'),
            (['issue', ca, '--csr', self.none, '--out', out], NOT_FOUND, self.none),
            (['issue', ca, '--csr', self.rubbish, '--out', out], FAILED, self.rubbish),
            (['issue', ca, '--csr', self.rubbish, '--out', out, '--days', '0'], USAGE, '--days'),
            (['issue', self.none, '--csr', self.rubbish, '--out', out], None),
            (['revoke', ca, '--email', 'nobody@example.org'], NOT_FOUND, 'nobody@example.org'),
        ], 'p2pctl', 'ca')
        self.assertFalse(out.exists())
        self.assertEqual((ca / 'ca.key').read_bytes(), before)

    def test_what_a_daemon_is_told(self):
        daemon = self.lab.daemon('d')
        daemon.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        for words, code, *said in [
                (['trust', 'add', self.rubbish], FAILED, 'certificate'),
                (['trust', 'remove', 'ab'], None),
                (['identity', 'create', '--email', 'no address', '--name', 'X', '--csr-out', self.none], FAILED,
                 'no address'),
                (['identity', 'install', self.rubbish], None),
                (['identity', 'import', self.rubbish, '--email', 'a@example.org'], FAILED),
                (['identity', 'show', 'nobody@example.org'], NOT_FOUND, 'nobody@example.org'),
                (['login'], None, 'identity'),
                (['contact', 'add', 'bob@example.org'], None, 'identity'),
                (['call', 'hangup', '00'], None),
                (['overlay', 'put', 'nokey', self.rubbish], FAILED, 'nokey'),
                (['overlay', 'put', 'name:x', self.rubbish, '--ttl', '8d'], FAILED, '7'),
                (['overlay', 'get', 'zz' * 20], FAILED, 'zz'),
                (['overlay', 'get', 'name:nothing is here'], NOT_FOUND),
        ]:
            with self.subTest(command=' '.join(str(w) for w in words)):
                answer = daemon.ctl(*words, code=code)
                self.assertNotEqual(answer.code, DONE)
                self.one_line(answer, *said)
        self.assertFalse(self.none.exists(), 'half an identity was left')
        self.assertFalse(daemon.json('identity', 'list').get('identities'))
        self.assertEqual(len(daemon.json('trust', 'list')['trustRoots']), 1)

    def test_p2pd_flags_and_configuration(self):
        config = self.folder / 'p2pd.toml'
        rows = [
            (['--nonsense'], USAGE, '--nonsense'),
            (['--listen', 'rubbish', '--check-config'], USAGE, '--listen', 'rubbish'),
            (['--listen', '1.2.3.4:70000', '--check-config'], USAGE, '--listen'),
            (['--control', '0.0.0.0:1', '--check-config'], USAGE, '--control', 'loopback'),
            (['--bootstrap', 'no port', '--check-config'], USAGE, '--bootstrap'),
            (['--config', self.none, '--check-config'], USAGE, self.none),
        ]
        self.rows(rows, 'p2pd')
        printed = run([BIN / 'p2pd', '--data-dir', self.none, '--print-config']).out
        good = next(line for line in printed.splitlines() if line.startswith('log_level') or line.startswith('level'))
        key = good.split(' = ')[0]
        before, after = printed.split(good, 1)
        for line, word in ((f'{key} = "loud"', key), (f'{key} = 7', key), (f'{key} = ', ''), ('nonsense = 1', 'nonsense')):
            with self.subTest(line=line):
                config.write_text(before + line + after)
                answer = run([BIN / 'p2pd', '--config', config, '--check-config'], USAGE)
                self.one_line(answer, f'{config}:{before.count(chr(10)) + 1}', word)
        self.assertFalse(self.none.exists())

    def test_a_taken_port_and_a_taken_folder(self):
        daemon = self.lab.daemon('first')
        for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
            taken = socket.socket(family, socket.SOCK_DGRAM)
            self.addCleanup(taken.close)
            taken.bind((address, 0))
            where = f'{address}:{taken.getsockname()[1]}' if family == socket.AF_INET else (
                f'[{address}]:{taken.getsockname()[1]}')
            self.one_line(run([BIN / 'p2pd', '--data-dir', self.folder / 'second', '--listen', where, '--control',
                               f'unix:{self.folder}/s'], FAILED), where)
            self.assertFalse((self.folder / 's').exists())
        told = run([BIN / 'p2pd', '--data-dir', daemon.data, '--listen', '127.0.0.1:0', '--control',
                    f'unix:{self.folder}/s'], FAILED)
        self.one_line(told, daemon.data, '--data-dir')
        told = run([BIN / 'p2pd', '--data-dir', self.folder / 'third', '--listen', '127.0.0.1:0', '--control',
                    f'unix:{daemon.socket}'], FAILED)
        self.assertIn(str(daemon.socket), told.err.splitlines()[-1])
        daemon.status()

    def test_a_folder_that_cannot_be_written(self):
        need_root(self, 'another account')
        self.folder.chmod(0o755)
        state = self.folder / 'state'
        state.mkdir(mode=0o555)
        command = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--', BIN / 'p2pd',
                   '--data-dir', state, '--listen', '127.0.0.1:0', '--control', f'unix:{self.folder}/s']
        self.one_line(run(command, FAILED), state, 'Permission denied')
        self.assertEqual(list(state.iterdir()), [])

    def test_a_full_disk(self):
        need_root(self, 'a small disk of its own')
        disk = self.folder / 'disk'
        disk.mkdir()
        run(['mount', '-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', disk])
        self.lab.cleanups.callback(run, ['umount', '-l', disk], None)
        way = self.lab.daemon('way')
        daemon = self.lab.daemon('d', data=disk / 'data', bootstrap=[way.endpoint])
        self.lab.wait_ring([way, daemon])
        value = self.folder / 'value'
        value.write_bytes(b'kept before the disk was full')
        daemon.ctl('overlay', 'put', 'name:before', value)
        email = self.lab.person(daemon, 'ann@example.org')
        daemon.ctl('contact', 'add', 'bob@example.org')

        filler = disk / 'filler'
        self.fill(filler)
        told = daemon.ctl('identity', 'create', '--email', 'cat@example.org', '--name', 'Cat', '--csr-out',
                          self.none, code=FAILED)
        self.one_line(told, 'No space left')
        self.assertEqual([i['email'] for i in daemon.json('identity', 'list')['identities']], [email])
        told = daemon.ctl('contact', 'add', 'dan@example.org', code=FAILED)
        self.one_line(told, 'No space left')
        self.assertEqual([c['email'] for c in daemon.json('contact', 'list')['contacts']], ['bob@example.org'])
        self.one_line(daemon.ctl('trust', 'add', self.lab.ca('other') / 'ca.pem', code=FAILED), 'No space left')
        # The other nodes keep what this one cannot.
        value.write_bytes(os.urandom(60000))
        daemon.ctl('overlay', 'put', 'name:during', value, code=None)
        # Nothing that was acknowledged is gone, neither now nor after the end and a start with room.
        self.reads(daemon, 'name:before', b'kept before the disk was full')
        daemon.kill9()
        filler.unlink()
        daemon.start()
        self.reads(daemon, 'name:before', b'kept before the disk was full')
        self.assertEqual([c['email'] for c in daemon.json('contact', 'list')['contacts']], ['bob@example.org'])
        wait('Ann is logged in', lambda: daemon.identity().get('state') == 'LOGGED_IN')
        daemon.ctl('contact', 'add', 'dan@example.org')

        # With no room at all a daemon does not begin.
        daemon.stop()
        self.fill(filler)
        self.one_line(run([BIN / 'p2pd', '--data-dir', disk / 'new', '--listen', '127.0.0.1:0', '--control',
                           f'unix:{self.folder}/s'], FAILED), 'No space left')

    def fill(self, file):
        """Writes until not one byte more has room."""
        with open(file, 'wb', buffering=0) as out:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        out.write(bytes(size))
                except OSError:
                    continue

    def reads(self, daemon, key, content):
        out = self.folder / 'read'
        daemon.ctl('overlay', 'get', key, '--out', out)
        self.assertEqual(out.read_bytes(), content)


if __name__ == '__main__':
    main()
