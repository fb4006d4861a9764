#!/usr/bin/env python3
"""What people and machines get wrong: each time one line on standard error that says what and where, the exit code of the
contract, and nothing half-done. Then the machine's own faults: a taken port, a folder that cannot be written, a disk that
is full, a daemon that is not there.
"""

import os
import signal
import socket
import stat
import wave

from lab import (BIN, DONE, FAILED, NOT_ALLOWED, NOT_FOUND, TIMED_OUT, UNREACHABLE, USAGE, LabTest, main, need_root, run,
                 wait)

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
            (['message', 'list'], USAGE, 'no command message yet;'),
            (['call', 'forward', 'X', 'y@example.org'], USAGE, 'no command call forward;'),
            (['--nonsense', 'status'], USAGE, '--nonsense'),
            (['call', 'dial'], USAGE, 'EMAIL'),
            (['--output', 'xml', 'status'], USAGE, '--output'),
            (['--timeout', 'soon', 'status'], USAGE, '--timeout'),
            (['--control', f'unix:{self.none}', 'status'], UNREACHABLE, self.none, 'start p2pd'),
            (['--control', 'rubbish', 'status'], USAGE, 'rubbish', 'unix:PATH'),
            (['--control', f'unix:{"x" * 108}', 'status'], USAGE, 'xxx', '107'),
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
            (['call', 'answer', '--record', self.none / 'x.wav'], USAGE, self.none),
            (['call', 'answer', '--for', '10parsecs'], USAGE, '10parsecs'),
            (['identity', 'create', '--email', 'a@example.org', '--name', 'A', '--csr-out', self.folder], USAGE,
             self.folder),
            (['overlay', 'get', 'name:x', '--out', self.none / 'x'], USAGE, self.none),
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
        csr = self.folder / 'csr'
        self.request(self.folder / 'key', csr)
        self.rows([
            (['init', ca, '--name', 'Again'], FAILED, ca),
            (['init', '/proc/none', '--name', 'X'], USAGE, '/proc/none'),
            (['init', self.none, '--name', ''], USAGE, 'name'),
            (['issue', ca, '--csr', self.none, '--out', out], USAGE, self.none),
            (['issue', ca, '--csr', self.rubbish, '--out', out], USAGE, self.rubbish),
            (['issue', ca, '--csr', self.folder, '--out', out], USAGE, self.folder, 'directory'),
            (['issue', ca, '--csr', self.rubbish, '--out', self.folder], USAGE, self.folder, 'directory'),
            (['issue', ca, '--csr', self.rubbish, '--out', out, '--days', '0'], USAGE, '--days'),
            (['issue', self.none, '--csr', csr, '--out', out], USAGE, self.none, 'ca init'),
            (['publish', self.none], USAGE, self.none, 'ca init'),
            (['revoke', ca, '--email', 'nobody@example.org'], NOT_FOUND, 'nobody@example.org'),
        ], 'p2pctl', 'ca')
        self.assertFalse(out.exists())
        self.assertEqual((ca / 'ca.key').read_bytes(), before)

    def test_a_key_under_a_passphrase_is_asked_for_in_one_line(self):
        ca, key, csr = self.folder / 'ca', self.folder / 'key', self.folder / 'csr'
        run([BIN / 'p2pctl', 'ca', 'init', ca, '--name', 'X', '--passphrase-stdin'], given='sesame\n')
        self.request(key, csr)
        issue = ['issue', ca, '--csr', csr, '--out', self.folder / 'out.pem']
        self.rows([
            (issue, USAGE, ca / 'ca.key', '--passphrase-stdin'),
            ([*issue[:-1], self.folder], USAGE, self.folder, 'directory'),
        ], 'p2pctl', 'ca')
        (ca / 'ca.key').chmod(0o644)
        self.rows([(issue, FAILED, 'chmod 600')], 'p2pctl', 'ca')

    @staticmethod
    def request(key, csr):
        run(['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key,
             '-subj', '/CN=Ann', '-addext', 'subjectAltName=email:ann@example.org', '-out', csr])

    def test_what_is_no_file_stays_what_it_is(self):
        need_root(self, 'a device of its own')
        daemon = self.lab.daemon('d')
        full, link, real = (self.folder / name for name in ('full', 'link', 'real'))
        # 1:7 is /dev/full.
        os.mknod(full, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
        link.symlink_to('real')
        csr = self.folder / 'csr'
        self.request(self.folder / 'key', csr)
        daemon.ctl('overlay', 'put', 'name:x', self.rubbish)
        for words in (['overlay', 'get', 'name:x', '--out'], ['ca', 'issue', self.lab.ca(), '--csr', csr, '--out']):
            with self.subTest(command=' '.join(str(w) for w in words)):
                self.one_line(daemon.ctl(*words, full, code=FAILED), full, 'No space left')
                self.assertTrue(full.is_char_device())
                daemon.ctl(*words, link)
                self.assertTrue(link.is_symlink() and real.is_file())
                real.unlink()
        self.assertNotIn('file', daemon.ctl('overlay', 'get', 'name:x', '--out', '/dev/stdout').out)

    def test_what_cannot_be_printed_is_a_failure(self):
        daemon = self.lab.daemon('d')
        for words in (['status'], ['--output', 'json', 'status'], ['--help'], ['--output', 'json', 'events']):
            with self.subTest(command=' '.join(words)):
                told = run(['sh', '-c', '"$0" "$@" >/dev/full', BIN / 'p2pctl', '--control', f'unix:{daemon.socket}',
                            *words], FAILED)
                self.one_line(told, 'standard output')

    def test_doors_that_stay_shut(self):
        need_root(self, 'another account')
        self.folder.chmod(0o755)
        daemon = self.lab.daemon('d')
        daemon.folder.chmod(0o755)
        status = [BIN / 'p2pctl', '--control', f'unix:{daemon.socket}', 'status']
        nobody = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--']
        # The file system refuses, the door itself, the folder.
        for mode, what in ((0o660, daemon.socket), (0o666, daemon.socket), (0o666, daemon.folder)):
            with self.subTest(mode=oct(mode), what=what):
                daemon.socket.chmod(mode)
                if what == daemon.folder:
                    what.chmod(0o700)
                told = run([*nobody, *status], NOT_ALLOWED)
                self.one_line(told, daemon.socket, 'group')
                self.assertNotIn('group root', told.err)
        daemon.process.signal(signal.SIGSTOP)
        self.one_line(run(status, TIMED_OUT), daemon.socket, 'said nothing')
        daemon.process.signal(signal.SIGCONT)
        daemon.status()
        daemon.kill9()
        self.one_line(run(status, UNREACHABLE), daemon.socket, 'start p2pd')

    def test_a_door_with_a_certificate(self):
        daemon = self.lab.daemon('d', flags=['--control', '127.0.0.1:0'])
        place = next(e for e in daemon.status()['controlEndpoints'] if not e.startswith('unix:'))
        pem, token = daemon.data / 'control/tls.pem', daemon.data / 'control/token'
        wrong = self.lab.ca() / 'ca.pem'
        short = self.folder / 'short.pem'
        short.write_text(''.join(pem.read_text().splitlines(True)[:3]) + '-----END CERTIFICATE-----\n')
        guess = self.folder / 'guess'
        guess.write_text('0' * 64)

        def row(ca, with_token, code, *said):
            return ['--tls-ca', ca, '--token-file', with_token, 'status'], code, *said
        guess.chmod(0o600)
        shown = self.folder / 'shown'
        shown.write_text(token.read_text())
        shown.chmod(0o644)
        self.rows([
            row(pem, shown, USAGE, '--token-file', f'chmod 600 {shown}'),
            row(wrong, token, UNREACHABLE, place, wrong, 'tls.pem'),
            row(self.rubbish, token, USAGE, '--tls-ca', self.rubbish),
            row(os.devnull, token, USAGE, '--tls-ca', os.devnull),
            row(short, token, USAGE, '--tls-ca', short),
            row(self.folder, token, USAGE, '--tls-ca', self.folder),
            row(pem, self.rubbish, USAGE, '--token-file', self.rubbish),
            row(pem, guess, NOT_ALLOWED, 'token'),
        ], 'p2pctl', '--control', place)
        run([BIN / 'p2pctl', '--control', place, *row(pem, token, DONE)[0]])

    def test_garbage_at_the_door_is_not_logged(self):
        daemon = self.lab.daemon('d', flags=['--control', '127.0.0.1:0'])
        place = next(e for e in daemon.status()['controlEndpoints'] if not e.startswith('unix:'))
        before = daemon.tail()
        for _ in range(5):
            with socket.create_connection(place.rsplit(':', 1), timeout=20) as door:
                door.sendall(b'garbage of a stranger\r\n' * 10)
                # Until the daemon has judged it and closes.
                try:
                    while door.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        self.assertEqual(daemon.tail(), before)

    def test_what_a_daemon_is_told(self):
        daemon = self.lab.daemon('d')
        key = self.folder / 'key.pem'
        self.request(key, self.folder / 'csr')
        daemon.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        for words, code, *said in [
                (['trust', 'add', self.rubbish], USAGE, 'certificate'),
                (['trust', 'remove', 'ab'], None),
                (['identity', 'create', '--email', 'no address', '--name', 'X', '--csr-out', self.none], USAGE,
                 'no address'),
                (['identity', 'install', self.rubbish], None),
                (['identity', 'import', self.rubbish, '--email', 'a@example.org'], USAGE),
                (['identity', 'import', key], USAGE, key, '--email'),
                (['identity', 'show', 'nobody@example.org'], NOT_FOUND, 'nobody@example.org'),
                (['login'], None, 'identity'),
                (['contact', 'add', 'bob@example.org'], None, 'identity'),
                (['call', 'hangup', '00'], None),
                (['call', 'answer'], NOT_FOUND, 'identity create'),
                (['--as', 'a@example.org', 'call', 'answer', '--auto'], NOT_FOUND, 'a@example.org'),
                (['overlay', 'put', 'nokey', self.rubbish], USAGE, 'nokey'),
                (['overlay', 'put', 'name:x', self.rubbish, '--ttl', '8d'], USAGE, '7'),
                (['overlay', 'get', 'zz' * 20], USAGE, 'zz'),
                (['overlay', 'get', 'name:nothing is here'], NOT_FOUND),
        ]:
            with self.subTest(command=' '.join(str(w) for w in words)):
                answer = daemon.ctl(*words, code=code)
                self.assertNotEqual(answer.code, DONE)
                self.one_line(answer, *said)
        self.assertFalse(self.none.exists(), 'half an identity was left')
        self.assertFalse(daemon.json('identity', 'list').get('identities'))
        self.assertEqual(len(daemon.json('trust', 'list')['trustRoots']), 1)

    def pipe(self):
        """A named pipe into which nobody writes."""
        path = self.folder / 'pipe'
        if not path.exists():
            os.mkfifo(path)
        return path

    def test_p2pd_flags_and_configuration(self):
        config = self.folder / 'p2pd.toml'
        rows = [
            (['--nonsense'], USAGE, '--nonsense'),
            (['--listen', 'rubbish', '--check-config'], USAGE, '--listen', 'rubbish'),
            (['--listen', '1.2.3.4:70000', '--check-config'], USAGE, '--listen'),
            (['--control', '0.0.0.0:1', '--check-config'], USAGE, '--control', 'loopback'),
            (['--bootstrap', 'no port', '--check-config'], USAGE, '--bootstrap'),
            (['--config', self.none, '--check-config'], USAGE, self.none),
            (['--config', self.folder, '--check-config'], USAGE, self.folder, 'no regular file'),
            (['--config', self.pipe(), '--check-config'], USAGE, 'pipe', 'no regular file'),
            (['--config', self.pipe()], USAGE, 'pipe', 'no regular file'),
        ]
        self.rows(rows, 'p2pd')
        printed = run([BIN / 'p2pd', '--data-dir', self.none, '--print-config']).out
        good = next(line for line in printed.splitlines() if line.startswith('log_level') or line.startswith('level'))
        key = good.split(' = ')[0]
        before, after = printed.split(good, 1)
        for line, word in (('[nett]', 'nett'), (f'{key} = "loud"', key), (f'{key} = 7', key), (f'{key} = ', ''), ('nonsense = 1', 'nonsense')):
            with self.subTest(line=line):
                config.write_text(before + line + after)
                answer = run([BIN / 'p2pd', '--config', config, '--check-config'], USAGE)
                self.one_line(answer, f'{config}:{before.count(chr(10)) + 1}', word)
        self.assertFalse(self.none.exists())

    def test_doors_are_looked_at_before_the_overlay(self):
        data = self.folder / 'data'
        command = [BIN / 'p2pd', '--data-dir', data, '--listen', '127.0.0.1:0', '--control']
        too_long = f'unix:{self.folder}/{"x" * 107}'
        self.one_line(run([*command, too_long], USAGE), '--control', too_long, '107')
        self.assertFalse(data.exists(), 'something was started')
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            where = f'127.0.0.1:{taken.getsockname()[1]}'
            self.one_line(run([*command, where], FAILED), where, 'another program has this port')
        self.one_line(run([*command, f'unix:{self.folder}'], FAILED), self.folder, 'no socket')
        control = data / 'control'
        for name, content in (('token', b'short'), ('tls.key', b''), ('tls.key', b'rubbish'), ('tls.pem', b'rubbish')):
            with self.subTest(file=name, content=content):
                file = control / name
                before = file.read_bytes()
                file.write_bytes(content)
                self.one_line(run([*command, '127.0.0.1:0'], FAILED), file, 'remove')
                file.write_bytes(before)
        # The key of another certificate: both can be read, and no client could enter.
        key = self.folder / 'other.key'
        run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key])
        (control / 'tls.key').write_bytes(key.read_bytes())
        self.one_line(run([*command, '127.0.0.1:0'], FAILED), control / 'tls.key', 'not the key of the certificate')
        self.assertFalse((data / 'node').exists(), 'the node was started')
        # What it says to do helps.
        (control / 'tls.key').unlink()
        (control / 'tls.pem').unlink()
        self.lab.daemon('d', data=data, flags=['--control', '127.0.0.1:0']).stop()

    def test_a_damaged_key_of_the_node_is_named_with_its_path(self):
        daemon = self.lab.daemon('d')
        daemon.stop()
        key = daemon.data / 'node/keys'
        key.write_bytes(b'rubbish')
        self.one_line(run(daemon.command(), FAILED), f'{key} is damaged', 'remove it')

    def test_a_damaged_identity_is_named_with_its_path(self):
        daemon = self.lab.daemon('d')
        email = self.lab.person(daemon, 'ann@example.org', login=False)
        daemon.stop()
        folder = daemon.data / 'identities' / email
        key, identity = folder / 'key.pem', folder / 'identity'
        good = identity.read_bytes()
        key.chmod(0o644)
        for break_it, said in ((lambda: None, f'run chmod 600 {key}'),
                               (lambda: identity.write_bytes(b'\xff'), f'{identity} is damaged; restore')):
            with self.subTest(said=said):
                break_it()
                daemon.start()
                self.assertIn(said, daemon.tail())
                self.assertFalse(daemon.json('identity', 'list').get('identities'))
                daemon.stop()
        # What it says to do helps.
        identity.write_bytes(good)
        key.chmod(0o600)
        daemon.start()
        self.assertEqual(daemon.identity()['email'], email)

    def test_a_presence_that_cannot_be_watched_ends_at_once(self):
        daemon = self.lab.daemon('d')
        self.lab.person(daemon, 'ann@example.org')
        told = daemon.ctl('presence', 'watch', 'bob@example.org', code=NOT_FOUND)
        self.one_line(told, 'bob@example.org is no contact', 'contact add')

    def test_a_parser_without_a_kind(self):
        self.rows([([], USAGE, '--kind KIND', '--list'),
                   (['--kind', 'none', self.rubbish], USAGE, "'none'", '--list'),
                   (['--kind', 'rtp'], USAGE, 'file')], 'p2pd-parse')

    def test_a_file_without_end_is_not_read(self):
        for kind in ('rtp', 'pki_certificate', 'wav'):
            with self.subTest(kind=kind):
                # 64 MiB of data: the bound lies below.
                told = run(['prlimit', f'--data={64 << 20}', BIN / 'p2pd-parse', '--kind', kind, '/dev/zero'], USAGE)
                self.one_line(told, '/dev/zero is larger than')

    def test_a_damaged_table_of_objects_is_one_line(self):
        daemon = self.lab.daemon('d')
        for i in range(20):
            daemon.ctl('overlay', 'put', f'name:{i}', self.rubbish)
        daemon.stop()
        table = daemon.data / 'store/objects.db'
        content = bytearray(table.read_bytes())
        content[4096:4096 * 4] = bytes(4096 * 3)
        table.write_bytes(content)
        self.one_line(run(daemon.command(), FAILED), table, 'move the file away')

    def test_nobody_is_their_own_contact_or_callee(self):
        daemon = self.lab.daemon('d')
        email = self.lab.person(daemon, 'ann@example.org')
        self.one_line(daemon.ctl('contact', 'add', 'Ann@Example.org', code=None), f'{email} is you')
        self.assertFalse(daemon.json('contact', 'list').get('contacts'))
        told = daemon.ctl('call', 'dial', email, '--for', '1s', code=None)
        self.assertNotEqual(told.code, DONE)
        self.one_line(told, f'{email} is you')
        # What is deleted leaves nothing.
        daemon.ctl('identity', 'delete', email, '--yes')
        self.assertFalse((daemon.data / 'identities' / email).exists())
        self.assertFalse(list(daemon.data.rglob('*ann*')))

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
        self.one_line(told, daemon.socket)
        daemon.status()

    def test_a_folder_that_cannot_be_written(self):
        need_root(self, 'another account')
        self.folder.chmod(0o755)
        state = self.folder / 'state'
        state.mkdir(mode=0o555)
        command = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--', BIN / 'p2pd',
                   '--data-dir', state, '--listen', '127.0.0.1:0', '--control', f'unix:{self.folder}/s']
        told = run(command, FAILED)
        self.one_line(told, state, 'Permission denied', '--data-dir')
        self.assertNotIn('cannot cannot', told.err)
        self.assertEqual(list(state.iterdir()), [])

        disk = self.folder / 'disk'
        disk.mkdir()
        run(['mount', '-t', 'tmpfs', '-o', 'ro', 'tmpfs', disk])
        self.lab.cleanups.callback(run, ['umount', '-l', disk], None)
        told = run([BIN / 'p2pd', '--data-dir', disk / 'data', '--listen', '127.0.0.1:0', '--control',
                    f'unix:{self.folder}/s'], FAILED)
        self.one_line(told, disk, 'Read-only', 'make that disk writable')
        self.assertNotIn('this account', told.err)

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
        # The other nodes keep what this one cannot; where they are too few, it says so in words.
        value.write_bytes(os.urandom(60000))
        for key in ('name:during', 'name:during 2', 'name:during 3', 'name:during 4'):
            told = daemon.ctl('overlay', 'put', key, value, code=None)
            if told.code != DONE:
                self.assertIn('disk', told.err)
                self.assertNotIn('STORE_STATUS', told.err)
        # Nothing that was acknowledged is gone, neither now nor after the end and a start with room.
        self.reads(daemon, 'name:before', b'kept before the disk was full')
        daemon.kill9()
        # Nor does it come back before there is room, and says what to do.
        told = run(daemon.command(), FAILED)
        self.one_line(told, 'disk full', 'make room', disk)
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
                           f'unix:{self.folder}/s'], FAILED), 'disk full', 'make room', disk / 'new')
        self.one_line(run([BIN / 'p2pctl', 'ca', 'init', disk / 'ca', '--name', 'X'], FAILED), 'disk full', disk / 'ca')
        self.assertFalse((disk / 'ca').exists(), 'half an authority was left')

    def test_calls_that_end_badly(self):
        ann, bob = self.lab.ring(['ann', 'bob'])
        self.lab.person(ann, 'ann@example.org')
        self.lab.person(bob, 'bob@example.org')
        old, new = self.folder / 'old.wav', self.folder / 'new.wav'
        said = self.lab.speech('ann').read_bytes()
        old.write_bytes(said)

        # A call that nobody answers leaves the recording, and one file is not played and recorded at once.
        dial = ['call', 'dial', 'bob@example.org', '--record']
        ann.ctl('logout')
        for record in (old, new):
            self.one_line(ann.ctl(*dial, record, code=FAILED), 'login')
        ann.ctl('login')
        link = self.folder / 'link.wav'
        link.symlink_to('old.wav')
        self.one_line(ann.ctl(*dial, link, '--play', old, code=USAGE), link, '--play')
        self.assertEqual(old.read_bytes(), said)
        self.assertFalse(new.exists())

        # The terminal closes: the call ends as with Ctrl-C, and the recording is whole.
        answering = bob.background('answer.log', 'call', 'answer', '--auto', '--play', self.lab.speech('bob'))
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        # Three calls altogether: kRingsPerMinute.
        for number in (signal.SIGHUP, signal.SIGPIPE):
            dialling = ann.background(f'dial-{number}.log', *dial, old)
            wait('voice flows', lambda: self.speaking(ann))
            dialling.signal(number)
            self.assertEqual(dialling.ended(), DONE, dialling.text())
            wait('the call is over', lambda: bob.status().get('activeCallCount', 0) == 0)
            with wave.open(str(old)) as recorded:
                self.assertGreater(recorded.getnframes(), 24000)
            old.write_bytes(said)

        # The machine of the other side is gone: the caller hears of it after a while, the waiting p2pctl at once.
        dialling = ann.background('dial-gone.log', *dial[:-1])
        wait('voice flows', lambda: self.speaking(ann))
        bob.kill9()
        self.assertEqual(answering.ended(), UNREACHABLE, answering.text())
        self.assertIn('connection to the daemon broke', answering.text())
        self.assertEqual(dialling.ended(), DONE, dialling.text())
        self.assertIn('nobody hung up: media timeout', dialling.text())

    @staticmethod
    def speaking(daemon):
        """A call there has voice both ways, as both sides know."""
        stats = [c.get('mediaStats', {}) for c in daemon.json('call', 'list').get('calls', []) if c['state'] == 'ACTIVE']
        return any(int(s.get('receivedPacketCount', 0)) > 100 and 'roundTripTime' in s for s in stats)

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
