#!/usr/bin/env python3
"""Nobody takes Ann's call: Bob's answering machine does, and what she said is there after a crash; and the list of calls."""

import os
import signal
import subprocess
import wave

import tones
from lab import DONE, FAILED, NOT_FOUND, USAGE, LabTest, main, wait

# Hertz of whom; the machine's greeting is Bob's.
TONES = {'ann': 500, 'bob': 700}
GREETING = 3
ANN, BOB = 'ann@example.org', 'bob@example.org'


class Voicemail(LabTest):
    def people(self, *flags):
        self.said = {who: self.lab.folder / f'said-by-{who}.wav' for who in TONES}
        for who, path in self.said.items():
            tones.tone(path, TONES[who], GREETING if who == 'bob' else 9)
        self.ann = self.lab.daemon('ann')
        self.bob = self.lab.daemon('bob', bootstrap=[self.ann.endpoint], flags=flags)
        self.lab.wait_ring([self.ann, self.bob])
        self.lab.person(self.ann, ANN)
        self.lab.person(self.bob, BOB)

    def machine(self, after, *more):
        self.people('--voicemail', after, '--voicemail-greeting', self.lab.folder / 'said-by-bob.wav', *more)

    def history(self, daemon, *words):
        return daemon.json('call', 'history', *words).get('records', [])

    def written(self, daemon, count):
        wait(f'{count} calls in the history of {daemon.name}', lambda: len(self.history(daemon)) == count)
        return self.history(daemon)

    def ring(self):
        heard = self.lab.folder / 'heard-by-ann.wav'
        return heard, self.ann.background('dial.log', 'call', 'dial', BOB, '--play', self.said['ann'], '--record', heard)

    def message(self, record):
        """What a message has of each: left the machine, right who called."""
        number = record['name'].split('/')[1]
        opus, wav = self.lab.folder / 'message.opus', self.lab.folder / 'message.wav'
        self.bob.ctl('call', 'recording', number, '--out', opus)
        self.assertEqual(opus.stat().st_mode & 0o777, 0o600)
        subprocess.run(['opusdec', '--quiet', '--rate', '48000', opus, wav], check=True, capture_output=True)
        with wave.open(str(wav), 'rb') as both:
            frames = both.readframes(both.getnframes())
            channels = both.getnchannels()
        out = []
        for side in range(channels):
            alone = self.lab.folder / f'message-{side}.wav'
            with wave.open(str(alone), 'wb') as one:
                one.setnchannels(1)
                one.setsampwidth(2)
                one.setframerate(48000)
                one.writeframes(b''.join(frames[i + 2 * side:i + 2 * side + 2] for i in range(0, len(frames), 4)))
            out.append(alone)
        return out

    def test_a_message_is_left_and_outlives_the_daemon(self):
        self.machine('2s')
        heard, dialling = self.ring()
        self.assertEqual(dialling.ended(), DONE, dialling.text())
        # Ann hears the greeting and says 9 s, of which the machine has what comes behind its tone.
        tones.expect(self, 'ann', heard, TONES, 6, {'bob'})
        record, = self.written(self.bob, 1)
        self.assertTrue(record['missed'] and record['call']['voicemail'], record)
        self.assertEqual(record['call']['peerEmail'], ANN)
        self.assertIn('message', self.bob.ctl('call', 'history', '--voicemail').out)
        dialled, = self.written(self.ann, 1)
        self.assertEqual((dialled['call']['direction'], dialled.get('missed', False)), ('OUTGOING', False))
        self.assertTrue(dialled['call']['mediaStats']['sentPacketCount'])
        self.bob.kill9()
        self.bob.start()
        again, = self.history(self.bob)
        self.assertEqual(again, record)
        machine, caller = self.message(record)
        tones.expect(self, 'the machine', caller, TONES, 1, {'ann'})
        tones.expect(self, 'the other side', machine, TONES, 1, set())
        number = record['name'].split('/')[1]
        self.assertEqual(self.bob.json('call', 'forget', number, '--recording')['recordingCount'], 1)
        self.assertEqual(self.history(self.bob), [])
        self.assertFalse(os.path.exists(record['call']['recording']))
        self.bob.ctl('call', 'recording', number, '--out', '-', code=NOT_FOUND)
        self.bob.ctl('call', 'forget', number, code=NOT_FOUND)

    def test_what_must_not_ring_is_taken_at_once_and_rings_nowhere(self):
        self.machine('50s', '--quiet-hours', '00:00-24:00', '--voicemail-length', '5s')
        sitting = self.bob.background('answer.log', 'call', 'answer', '--auto')
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in sitting.text())
        heard, dialling = self.ring()
        self.assertEqual(dialling.ended(), DONE, dialling.text())
        record, = self.written(self.bob, 1)
        # Ann would speak for a second more.
        self.assertEqual(record['call']['endReason'], 'HANGUP_LOCAL')
        self.assertTrue(record['call']['quiet'] and record['call']['voicemail'], record)
        sitting.signal(signal.SIGINT)
        self.assertEqual(sitting.ended(), DONE, sitting.text())
        self.assertNotIn(ANN, sitting.text())

    def test_who_picks_up_while_the_machine_listens_has_the_call(self):
        self.machine('1s')
        heard, dialling = self.ring()
        call = wait('the machine to take the call', lambda: next(
            (call for call in self.bob.json('call', 'list').get('calls', []) if call.get('voicemail')), None))
        self.assertIn('the answering machine', self.bob.ctl('call', 'show', call['name'].split('/')[1]).out)
        here = self.lab.folder / 'heard-by-bob.wav'
        long = self.lab.folder / 'bob-long.wav'
        tones.tone(long, TONES['bob'], 20)
        answering = self.bob.background('answer.log', 'call', 'answer', call['name'].split('/')[1], '--play', long,
                                        '--record', here)
        for program in (dialling, answering):
            self.assertEqual(program.ended(), DONE, program.text())
        tones.expect(self, 'ann', heard, TONES, 1, {'bob'})
        tones.expect(self, 'bob', here, TONES, 2, {'ann'})
        record, = self.written(self.bob, 1)
        self.assertFalse(record.get('missed', False) or record['call'].get('voicemail', False), record)

    def test_who_called_in_vain_is_listed_and_what_makes_no_sense_is_refused(self):
        self.people('--quiet-hours', '00:00-24:00')
        self.assertIn('busy', self.ann.ctl('call', 'dial', BOB, code=FAILED).err)
        record, = self.written(self.bob, 1)
        self.assertTrue(record['missed'])
        self.assertEqual(record['call']['endReason'], 'BUSY')
        self.assertIn('missed: busy', self.bob.ctl('call', 'history', '--missed').out)
        self.assertEqual(self.history(self.bob, '--with', 'carol@example.org'), [])
        self.bob.ctl('call', 'recording', '1', '--out', '-', code=NOT_FOUND)
        self.bob.ctl('call', 'history', '--with', 'nobody', code=USAGE)
        self.assertEqual(self.bob.json('call', 'forget', 'all')['recordCount'], 1)
        silent = self.lab.daemon('silent', start=False, flags=['--voicemail', '2min'])
        self.assertEqual(silent.start(ready=False).process.ended(), USAGE)
        self.assertIn('calls.ring_timeout', silent.tail())
        lost = self.lab.daemon('lost', start=False, flags=['--voicemail', '5s', '--voicemail-greeting', '/none.wav'])
        self.assertEqual(lost.start(ready=False).process.ended(), FAILED)
        self.assertIn('/none.wav', lost.tail())


if __name__ == '__main__':
    main()
