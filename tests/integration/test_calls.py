#!/usr/bin/env python3
"""What may change in a call while two people talk, and what they hear of it: nothing."""

import array
import pathlib
import time
import wave

from lab import DONE, FAILED, LabTest, main, wait

ANN, BOB = 'ann@example.org', 'bob@example.org'


class Calls(LabTest):
    def people(self, **flags):
        """Three daemons, Ann and Bob at the last two; flags by name."""
        peer = self.lab.daemon('peer')
        self.ann, self.bob = (self.lab.daemon(name, bootstrap=[peer.endpoint], flags=flags.get(name, ()))
                              for name in ('ann', 'bob'))
        self.lab.wait_ring([peer, self.ann, self.bob])
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)

    def talk(self, span):
        """Ann calls Bob, both speak; a generator that gives the call as each sees it, as long as it is active."""
        said = {'ann': self.lab.speech('ann'), 'bob': self.lab.speech('bob')}
        self.heard = {name: self.lab.folder / f'heard-by-{name}.wav' for name in said}
        answering = self.bob.background('answer.log', 'call', 'answer', '--play', said['bob'],
                                        '--record', self.heard['bob'])
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        dialling = self.ann.background('dial.log', 'call', 'dial', BOB, '--play', said['ann'],
                                       '--record', self.heard['ann'], '--for', span)
        while dialling.running:
            both = [self.shown(side) for side in (self.ann, self.bob)]
            if all(call.get('state') == 'ACTIVE' for call in both):
                yield both
            time.sleep(0.1)
        self.assertEqual(dialling.ended(), DONE, dialling.text())
        self.assertEqual(answering.ended(), DONE, answering.text())

    @staticmethod
    def shown(daemon):
        calls = daemon.json('call', 'list').get('calls', [])
        return calls[0] if calls else {}

    def understood(self):
        for speaker, listener in (('ann', 'bob'), ('bob', 'ann')):
            verdict = self.lab.compare(self.lab.speech(speaker), self.heard[listener])
            self.say(f'{listener} heard {speaker}: {verdict}')
            self.assertGreaterEqual(verdict['estoi'], 0.85)
            self.assertGreaterEqual(verdict['coverage'], 0.97)

    def test_fresh_keys_every_two_seconds_are_not_heard(self):
        """Both begin at nearly the same moments, so that some may cross."""
        self.people(ann=['--rekey', '2500ms'], bob=['--rekey', '2s'])
        epochs, prints = set(), set()
        for ann, bob in self.talk('15s'):
            for call in (ann, bob):
                stats = call.get('mediaStats', {})
                epochs.add(stats.get('keyEpoch', 0))
                prints.add(call['keyFingerprint'])
                self.assertEqual(int(stats.get('rejectedPacketCount', 0)), 0, call)
        self.say(f'epochs seen: {sorted(epochs)}, {len(prints)} fingerprints')
        self.assertGreaterEqual(max(epochs), 4)
        self.assertGreaterEqual(len(prints), 5)
        for daemon in (self.ann, self.bob):
            call = self.shown(daemon)
            self.assertLessEqual(int(call['mediaStats'].get('lostPacketCount', 0)), 2, call)
            self.assertIn(', epoch ', daemon.ctl('call', 'show', call['name'].split('/')[1]).out)
        self.understood()

    def test_in_quiet_hours_the_line_is_busy(self):
        self.people(bob=['--quiet-hours', '00:00-24:00'])
        dialled = self.ann.ctl('call', 'dial', BOB, code=FAILED)
        self.assertIn('busy', dialled.err)
        called, = self.bob.json('call', 'list')['calls']
        self.assertEqual((called['state'], called['endReason'], called['quiet']), ('ENDED', 'BUSY', True))

    def test_what_is_recorded_has_both_and_the_other_side_knows(self):
        self.people()
        files, told = {}, set()
        for ann, bob in self.talk('15s'):
            told.add(bob.get('recordedRemote', False))
            if not files:
                call = ann['name'].split('/')[1]
                for kind in ('wav', 'opus'):
                    daemon, of = (self.ann, call) if kind == 'wav' else (self.bob, bob['name'].split('/')[1])
                    made = daemon.json('call', 'record', of, '--format', kind)
                    files[kind] = made['recording']
                    self.assertTrue(made['recordedLocal'])
                self.assertIn(', recorded', self.ann.ctl('call', 'show', call).out)
        self.assertIn(True, told)
        self.understood()
        for kind, path in files.items():
            path = pathlib.Path(path)
            wait(f'{path} to be whole', lambda path=path: path.stat().st_size > 20_000)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        # Left is who records, right the other.
        with wave.open(files['wav'], 'rb') as recording:
            self.assertEqual((recording.getnchannels(), recording.getframerate()), (2, 48000))
            samples = array.array('h', recording.readframes(recording.getnframes()))
        for side, speaker in enumerate(('ann', 'bob')):
            alone = self.lab.folder / f'recorded-{speaker}.wav'
            with wave.open(str(alone), 'wb') as out:
                out.setnchannels(1)
                out.setsampwidth(2)
                out.setframerate(48000)
                out.writeframes(samples[side::2].tobytes())
            verdict = self.lab.compare(self.lab.speech(speaker), alone)
            self.say(f'recorded {speaker}: {verdict}')
            self.assertGreaterEqual(verdict['estoi'], 0.85)
        self.assertEqual(self.ann.ctl('call', 'record', self.shown(self.ann)['name'].split('/')[1], code=FAILED).code, FAILED)

    def test_by_default_the_keys_stay_for_an_hour(self):
        self.people()
        epochs = {call.get('mediaStats', {}).get('keyEpoch', 0) for both in self.talk('5s') for call in both}
        self.assertEqual(epochs, {0})


if __name__ == '__main__':
    main()
