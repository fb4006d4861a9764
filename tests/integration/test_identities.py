#!/usr/bin/env python3
"""Identities through their life: a second machine with only the key, two in one daemon, passphrases, PKCS#12, and what
becomes of a call when a certificate has expired, was revoked, or a contact's key is not the one that was known.
"""

import contextlib
import datetime
import signal
import time

from lab import BIN, DONE, FAILED, NOT_ALLOWED, NOT_FOUND, LabTest, main, need_root, run, wait

ANN, BOB, CAT = 'ann@example.org', 'bob@example.org', 'cat@example.org'
PASSPHRASE = 'correct horse battery\n'
# Long enough to install it and log in on a slow machine, short enough to wait for, seconds.
SHORT_LIFE = 25


class Identities(LabTest):
    def setUp(self):
        super().setUp()
        self.way, self.ann, self.bob = self.lab.ring(['way', 'ann', 'bob'])

    def join(self, name):
        return self.lab.daemon(name, bootstrap=[self.way.endpoint])

    def state(self, daemon, email=''):
        return daemon.identity(email).get('state')

    def last_call(self, daemon):
        return daemon.json('call', 'list')['calls'][-1]

    def refused_call(self, reason, email=BOB):
        """Ann dials; it has to end with this reason, its name shown, exit code 1, and nothing rang at Bob's."""
        dialled = self.ann.ctl('call', 'dial', email, '--for', '2s', code=FAILED)
        self.assertEqual(self.last_call(self.ann)['endReason'], reason, dialled)
        self.assertIn(reason.lower().replace('_', ' '), dialled.out)
        self.assertFalse(self.bob.json('call', 'list').get('calls'))
        self.say(f'{reason}: {self.last_call(self.ann)["endDetail"]}')

    def test_a_second_machine_with_only_the_key(self):
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        self.ann.ctl('contact', 'add', BOB, '--name', 'Bobby')
        self.ann.ctl('contact', 'add', CAT)
        key = self.ann.data / 'identities' / ANN / 'key.pem'
        # The friend list travels; nobody has to be logged in for it to be there.
        self.ann.stop()

        laptop = self.join('laptop')
        told = laptop.ctl('identity', 'import', key, '--email', ANN, code=FAILED)
        self.assertIn('not trusted', told.err)
        self.assertFalse(laptop.json('identity', 'list').get('identities'), 'half an identity was left')
        laptop.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        laptop.ctl('identity', 'import', key, '--email', ANN)
        began = time.monotonic()
        laptop.ctl('login')
        contacts = wait('the friend list is back', lambda: laptop.json('contact', 'list').get('contacts'))
        self.assertEqual({c['email']: c['displayName'] for c in contacts}, {BOB: 'Bobby', CAT: ''})
        self.say(f'friend list restored from the key alone {time.monotonic() - began:.2f} s after login')
        wait('the laptop sees Bob', lambda: laptop.availability(BOB) == 'AVAILABLE')

        # Two devices of one user do not overwrite each other.
        self.ann.start()
        wait('Ann is logged in at both', lambda: self.state(self.ann) == 'LOGGED_IN')
        for daemon in (self.ann, laptop):
            wait(f'{daemon.name} shows two devices',
                 lambda daemon=daemon: len([d for d in daemon.json('device', 'list').get('devices', [])
                                            if d['availability'] == 'AVAILABILITY_AVAILABLE']) == 2)
        laptop.ctl('contact', 'remove', CAT)
        wait('the change reaches the other machine',
             lambda: [c['email'] for c in self.ann.json('contact', 'list').get('contacts', [])] == [BOB],
             patience=300)

    def test_two_identities_in_one_daemon(self):
        self.lab.person(self.ann, ANN)
        self.lab.person(self.ann, CAT)
        self.lab.person(self.bob, BOB)
        self.ann.ctl('contact', 'add', BOB)
        self.ann.ctl('--as', CAT, 'contact', 'add', BOB, '--name', "Cat's Bob")
        mine = self.ann.json('contact', 'list')['contacts']
        hers = self.ann.json('--as', CAT, 'contact', 'list')['contacts']
        self.assertIn(mine[0]['displayName'], ('', 'Bob'))  # the certificate's, once it was seen
        self.assertEqual(hers[0]['displayName'], "Cat's Bob")
        self.bob.ctl('contact', 'add', ANN)
        self.bob.ctl('contact', 'add', CAT)
        wait('both are there', lambda: {self.bob.availability(e) for e in (ANN, CAT)} == {'AVAILABLE'})
        self.ann.ctl('--as', CAT, 'presence', 'set', 'busy')
        wait('one is busy', lambda: self.bob.availability(CAT) == 'BUSY')
        self.assertEqual(self.bob.availability(ANN), 'AVAILABLE')

        answering = self.bob.background('answer.log', 'call', 'answer')
        wait('Bob sits by the telephone', lambda: 'waiting for calls' in answering.text())
        self.ann.ctl('--as', CAT, 'call', 'dial', BOB, '--play', self.lab.speech('ann'), '--for', '3s', code=DONE)
        answering.ended()
        self.assertEqual(self.last_call(self.bob)['peerEmail'], CAT)

        self.ann.ctl('logout')
        wait('one is offline', lambda: self.bob.availability(ANN) == 'OFFLINE')
        self.assertEqual(self.bob.availability(CAT), 'BUSY')
        self.ann.ctl('--as', 'nobody@example.org', 'login', code=NOT_FOUND)

    def test_a_passphrase_keeps_the_key(self):
        self.lab.person(self.ann, ANN, passphrase=PASSPHRASE)
        key = (self.ann.data / 'identities' / ANN / 'key.pem').read_text()
        self.assertIn('ENCRYPTED PRIVATE KEY', key)
        self.ann.kill9()
        self.ann.start()
        # The passphrase locks the user's key, not the device's: the daemon logs in again with nobody there.
        wait('Ann is logged in', lambda: self.state(self.ann) == 'LOGGED_IN')
        told = self.ann.ctl('identity', 'export', self.lab.folder / 'x.p12', '--passphrase-stdin', given=PASSPHRASE,
                            code=FAILED)
        self.assertIn('locked', told.err)
        self.assertFalse((self.lab.folder / 'x.p12').exists())
        # A person who logs in has to give it.
        self.ann.ctl('logout')
        self.assertEqual(self.state(self.ann), 'LOCKED')
        told = self.ann.ctl('login', code=FAILED)
        self.assertIn('unlock', told.err)
        wrong = self.ann.ctl('identity', 'unlock', '--passphrase-stdin', given='not this one\n', code=NOT_ALLOWED)
        self.assertEqual(len(wrong.err.splitlines()), 1, wrong)
        self.assertEqual(self.state(self.ann), 'LOCKED')
        self.ann.ctl('identity', 'unlock', '--passphrase-stdin', given=PASSPHRASE)
        self.ann.ctl('login')
        self.assertEqual(self.state(self.ann), 'LOGGED_IN')

    def test_pkcs12_there_and_back(self):
        self.lab.person(self.ann, ANN)
        file = self.lab.folder / 'ann.p12'
        self.ann.ctl('identity', 'export', file, '--passphrase-stdin', given=PASSPHRASE)
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        run(['openssl', 'pkcs12', '-in', file, '-noout', '-passin', f'pass:{PASSPHRASE.strip()}'])
        laptop = self.join('laptop')
        laptop.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        laptop.ctl('identity', 'import', file, '--passphrase-stdin', given='not this one\n', code=NOT_ALLOWED)
        self.assertFalse(laptop.json('identity', 'list').get('identities'))
        laptop.ctl('identity', 'import', file, '--passphrase-stdin', given=PASSPHRASE)
        laptop.ctl('login')
        self.assertEqual(self.state(laptop, ANN), 'LOGGED_IN')

    def test_a_certificate_for_somebody_else_is_not_installed(self):
        self.lab.person(self.bob, BOB)
        csr = self.lab.folder / 'ann.csr'
        self.ann.ctl('identity', 'create', '--email', ANN, '--name', 'Ann', '--csr-out', csr)
        self.ann.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        told = self.ann.ctl('identity', 'install', self.lab.folder / f'{BOB}.pem', '--email', ANN, code=None)
        self.assertNotEqual(told.code, DONE)
        self.assertEqual(len(told.err.splitlines()), 1, told)
        self.assertEqual(self.state(self.ann), 'AWAITING_CERTIFICATE')

    def test_a_revoked_certificate(self):
        for daemon, email in ((self.ann, ANN), (self.bob, BOB)):
            self.lab.person(daemon, email)
        run([BIN / 'p2pctl', 'ca', 'revoke', self.lab.ca(), '--email', BOB])
        self.way.ctl('ca', 'publish', self.lab.ca())
        # The list is one that Ann's daemon finds by itself, before it knew Bob.
        self.refused_call('CERTIFICATE_REVOKED')
        # Whose it is hears it at the next log-in, though he is logged in, and from then on wherever he looks.
        told = self.bob.ctl('login', code=FAILED)
        self.assertEqual(len(told.err.splitlines()), 1, told)
        self.assertIn('revoked', told.err)
        shown = wait('Bob is logged out', lambda: (i := self.bob.identity())['state'] == 'INVALID' and i)
        self.assertIn('revoked', shown['problem'])
        self.assertIn('identity install', shown['problem'])
        told = self.bob.ctl('call', 'dial', ANN, '--for', '2s', code=FAILED)
        self.assertIn('revoked', told.err)
        self.say(f'Bob, whose certificate was revoked, dials: {told.err.strip()}')
        self.bob.kill9()
        self.bob.start()
        self.assertEqual(self.state(self.bob), 'INVALID')

    def test_a_root_that_the_caller_does_not_trust(self):
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB, ca='other')
        self.refused_call('ROOT_UNTRUSTED')

    def test_an_expired_certificate(self):
        self.lab.person(self.ann, ANN)
        self.short_lived(self.bob, BOB)
        self.assertEqual(self.ann.json('presence', 'get', BOB)['availability'], 'AVAILABILITY_AVAILABLE')
        wait('the certificate expires', lambda: datetime.datetime.now(datetime.timezone.utc) > self.end)
        # No node keeps it any longer than it is valid, so to others it is as if it had never been.
        dialled = self.ann.ctl('call', 'dial', BOB, '--for', '2s', code=NOT_FOUND)
        self.assertEqual(self.last_call(self.ann)['endReason'], 'NOT_FOUND', dialled)
        # The one whose it is hears why, and calls nobody with it.
        told = self.bob.ctl('call', 'dial', ANN, '--for', '2s', code=None)
        self.say(f'Bob, whose certificate has expired, dials: {told!r}')
        self.assertNotEqual(told.code, DONE)
        self.assertIn('expired', told.out + told.err)

    def test_a_contact_with_another_key(self):
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        self.ann.ctl('contact', 'add', BOB)
        wait('Ann sees Bob', lambda: self.ann.availability(BOB) == 'AVAILABLE')
        self.bob.ctl('logout')
        self.bob.ctl('identity', 'delete', BOB, '--yes')
        # Certificates begin at whole seconds, and of two the later one is the newer.
        known = datetime.datetime.now(datetime.timezone.utc)
        wait('the clock moves on', lambda: datetime.datetime.now(datetime.timezone.utc).second != known.second)
        self.lab.person(self.bob, BOB)
        wait('the change is shown', lambda: self.ann.json('contact', 'show', BOB).get('keyChanged'), patience=180)
        self.refused_call('CONTACT_KEY_CHANGED')
        # Who knows why takes the contact anew.
        self.ann.ctl('contact', 'remove', BOB)
        self.ann.ctl('contact', 'add', BOB)
        wait('Ann sees the new Bob', lambda: self.ann.availability(BOB) == 'AVAILABLE')

    def test_a_caller_with_a_contacts_address_and_another_key(self):
        """Bob knows Ann by one authority's certificate and trusts a second authority too, which certified somebody else
        for her address."""
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)
        self.bob.ctl('trust', 'add', self.lab.ca('evil', 'Evil') / 'ca.pem')
        self.bob.ctl('contact', 'add', ANN)
        wait('Bob sees Ann', lambda: self.bob.availability(ANN) == 'AVAILABLE')
        self.ann.ctl('logout')
        mallory = self.join('mallory')
        mallory.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        self.lab.person(mallory, ANN, ca='evil')
        told = mallory.ctl('call', 'dial', BOB, '--for', '2s', code=FAILED)
        self.assertEqual(self.last_call(mallory)['endReason'], 'POLICY', told)
        self.assertFalse(self.bob.json('call', 'list').get('calls'), 'it rang')
        self.assertTrue(self.bob.json('contact', 'show', ANN).get('keyChanged'))
        mallory.ctl('logout')
        self.ann.ctl('login')
        wait('the key that Bob knows is at work', lambda: not self.bob.json('contact', 'show', ANN).get('keyChanged'))

    def test_a_revocation_that_the_caller_hears_of_while_dialling(self):
        for daemon, email in ((self.ann, ANN), (self.bob, BOB)):
            self.lab.person(daemon, email)
        run([BIN / 'p2pctl', 'ca', 'revoke', self.lab.ca(), '--email', BOB])
        self.way.ctl('ca', 'publish', self.lab.ca())
        told = self.bob.ctl('call', 'dial', ANN, '--for', '2s', code=FAILED)
        self.assertIn('revoked', told.out + told.err)
        self.assertIn(BOB, told.out + told.err)

    def test_keys_that_could_not_be_read_are_not_written_over(self):
        csr, folder = self.lab.folder / 'ann.csr', self.ann.data / 'identities' / ANN
        self.lab.person(self.ann, ANN)
        p12 = self.lab.folder / 'ann.p12'
        self.ann.ctl('identity', 'export', p12, '--passphrase-stdin', given=PASSPHRASE)
        self.ann.stop()
        before = {name: (folder / name).read_bytes() for name in ('key.pem', 'device')}
        (folder / 'identity').write_bytes(b'')
        self.ann.start()
        self.assertFalse(self.ann.json('identity', 'list').get('identities'))
        for words, given in ((('identity', 'create', '--email', ANN, '--name', 'Ann', '--csr-out', csr), None),
                             (('identity', 'import', p12, '--passphrase-stdin'), PASSPHRASE)):
            told = self.ann.ctl(*words, code=FAILED, given=given)
            self.assertEqual(len(told.err.splitlines()), 1, told)
            self.assertIn(str(folder), told.err)
            self.assertIn('move it away', told.err)
            self.assertEqual(before, {name: (folder / name).read_bytes() for name in before})
        folder.rename(self.lab.folder / 'away')
        self.ann.ctl('identity', 'import', p12, '--passphrase-stdin', given=PASSPHRASE)

    def test_an_import_for_another_address_is_refused(self):
        self.lab.person(self.ann, ANN)
        p12 = self.lab.folder / 'ann.p12'
        self.ann.ctl('identity', 'export', p12, '--passphrase-stdin', given=PASSPHRASE)
        self.bob.ctl('trust', 'add', self.lab.ca() / 'ca.pem')
        told = self.bob.ctl('identity', 'import', p12, '--email', CAT, '--passphrase-stdin', given=PASSPHRASE,
                            code=FAILED)
        self.assertEqual(len(told.err.splitlines()), 1, told)
        for word in (ANN, CAT):
            self.assertIn(word, told.err)
        self.assertFalse(self.bob.json('identity', 'list').get('identities'))
        self.bob.ctl('identity', 'import', p12, '--email', ANN, '--passphrase-stdin', given=PASSPHRASE)

    def test_a_log_out_on_a_full_disk_is_no_log_out(self):
        need_root(self, 'a small disk is mounted')
        disk = self.lab.folder / 'disk'
        disk.mkdir()
        run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk])
        self.lab.cleanups.callback(run, ['umount', '-l', disk], None)
        ann = self.lab.daemon('small', bootstrap=[self.way.endpoint], data=disk / 'data')
        self.lab.person(ann, ANN)
        ballast = disk / 'ballast'
        with contextlib.suppress(OSError), ballast.open('wb', buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        told = ann.ctl('logout', code=FAILED)
        self.assertEqual(len(told.err.splitlines()), 1, told)
        self.assertIn('RESOURCE_EXHAUSTED', told.err)
        self.say(told.err.strip())
        ballast.unlink()
        ann.ctl('logout')
        ann.kill9()
        ann.start()
        self.assertEqual(self.state(ann), 'LOGGED_OUT')

    def test_presence_set_while_logging_in(self):
        alone = self.lab.daemon('alone', bootstrap=['127.0.0.1:1'])
        self.lab.person(alone, ANN, login=False)
        login = alone.background('login.log', 'login')
        wait('the log-in is under way', lambda: self.state(alone) != 'LOGGED_OUT')
        told = alone.ctl('presence', 'set', 'busy')
        self.say(f'{self.state(alone)}: {told.out.strip()}')
        self.assertIn('shows busy', told.out)
        login.signal(signal.SIGTERM)

    def short_lived(self, daemon, email):
        """A person whose certificate ends in SHORT_LIFE; `ca issue` knows days only, so OpenSSL signs it."""
        csr, pem, work = self.lab.folder / 'short.csr', self.lab.folder / 'short.pem', self.lab.folder / 'openssl'
        work.mkdir()
        daemon.ctl('identity', 'create', '--email', email, '--name', 'Short', '--csr-out', csr)
        ca = self.lab.ca()
        (work / 'index').touch()
        (work / 'config').write_text(
            f'[ca]\ndefault_ca=lab\n[lab]\ndatabase={work}/index\nnew_certs_dir={work}\ncertificate={ca}/ca.pem\n'
            f'private_key={ca}/ca.key\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n'
            '[person]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyAgreement\n'
            f'extendedKeyUsage=emailProtection\nsubjectAltName=email:{email}\nsubjectKeyIdentifier=hash\n'
            'authorityKeyIdentifier=keyid\n')
        now = datetime.datetime.now(datetime.timezone.utc)
        self.end = now + datetime.timedelta(seconds=SHORT_LIFE)
        stamp = '%Y%m%d%H%M%SZ'
        run(['openssl', 'ca', '-batch', '-config', work / 'config', '-in', csr, '-out', work / 'out', '-notext',
             '-startdate', (now - datetime.timedelta(hours=1)).strftime(stamp), '-enddate', self.end.strftime(stamp),
             '-extensions', 'person'])
        pem.write_text((work / 'out').read_text() + (ca / 'ca.pem').read_text())
        daemon.ctl('trust', 'add', ca / 'ca.pem')
        daemon.ctl('identity', 'install', pem, '--email', email)
        daemon.ctl('login', email)


if __name__ == '__main__':
    main()
