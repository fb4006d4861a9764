"""The telephones that the rig measures, each a pair of programs at the two ends of a link of its own.

Every one has the same face: `call(said, heard, seconds)` starts a call in which the speech `said` goes from a to b and
returns once voice flows; `result()` waits for its end, leaves what b heard in `heard` and returns `offset`, the ms from the
moment at which the first sample of `said` was handed over to that of the first sample of `heard`, and `concealed`, the
share of what was played that was made up (None when the program does not tell). The buffers of a sound card are outside in
all three: a sample counts as said when the program gets it and as heard when the program gives it away.
"""

import json
import os
import pathlib
import select
import subprocess
import sys
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'bench'))
import peers  # noqa: E402  drives baresip
from beside import lab  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# Programs that stand for hardware, which nobody keeps waiting.
REAL_TIME = ['chrt', '-f', '20']
ADDRESSES = ('10.199.1.1', '10.199.1.2')


class Child:
    """A program that is spoken to by lines."""

    def __init__(self, workshop, command, name):
        self.errors = open(workshop.folder / f'{name}.err', 'ab')
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.errors, text=True, bufsize=1)
        workshop.cleanups.callback(self.end)

    def say(self, line):
        self.child.stdin.write(line + '\n')

    def hear(self, patience=60):
        if not select.select([self.child.stdout], [], [], patience)[0]:
            raise lab.Unmet(f'{self.child.args} says nothing')
        line = self.child.stdout.readline()
        if not line:
            raise lab.Unmet(f'{self.child.args} has ended, see {self.errors.name}')
        return line.strip()

    def end(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            try:
                self.child.wait(8)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.errors.close()


class Wire:
    """Two namespaces with a link between them; ADDRESSES are its ends."""

    def __init__(self, workshop, name):
        self.names = [f'p2pv{os.getpid()}{name}{side}' for side in 'ab']
        workshop.cleanups.callback(self.delete)
        for space in self.names:
            lab.run(['ip', 'netns', 'add', space])
            lab.run(['ip', '-n', space, 'link', 'set', 'lo', 'up'])
        ends = [word for side, space, address in zip('ab', self.names, ADDRESSES)
                for word in (f'--{side}', space, address)]
        self.log = workshop.folder / f'packets-{name}.csv'
        self.link = Child(workshop, [*REAL_TIME, sys.executable, HERE / 'link.py', *ends, '--log', self.log], name)
        assert self.link.hear() == 'ready'

    def set(self, **condition):
        self.link.say(json.dumps(condition))
        assert self.link.hear() == 'ok'

    def delete(self):
        for space in self.names:
            subprocess.run(['ip', 'netns', 'del', space], check=False, capture_output=True)


class P2pd:
    """Two p2pd and the third that is the way in, unmodified; telephones at their API's audio streams."""

    name = 'p2pd'

    def __init__(self, workshop):
        self.workshop = workshop
        self.wire = Wire(workshop, 'p')
        self.wire.set(delay=20)
        a, b = self.wire.names
        way = workshop.daemon('way', listen=f'{ADDRESSES[0]}:0', netns=a)
        self.ann = workshop.daemon('ann', listen=f'{ADDRESSES[0]}:0', netns=a, bootstrap=[way.endpoint])
        self.bob = workshop.daemon('bob', listen=f'{ADDRESSES[1]}:0', netns=b, bootstrap=[way.endpoint])
        workshop.wait_ring([way, self.ann, self.bob])
        workshop.person(self.ann, 'ann@example.org')
        workshop.person(self.bob, 'bob@example.org')
        self.bob.ctl('contact', 'add', 'ann@example.org')

    def phone(self, daemon, *words):
        return Child(self.workshop, [*REAL_TIME, lab.BIN / 'p2pd-voice-phone', '--control', f'unix:{daemon.socket}',
                                     *words], f'phone-{daemon.name}')

    def call(self, said, heard, seconds):
        self.answering = self.phone(self.bob, '--answer', '--play', said, '--record', heard, '--seconds', seconds + 10)
        assert self.answering.hear() == 'waiting'
        self.dialling = self.phone(self.ann, '--dial', 'bob@example.org', '--play', said, '--record', f'{heard}.back',
                                   '--seconds', seconds)
        assert self.dialling.hear() == 'active' and self.answering.hear() == 'active'

    def result(self):
        spoken, listened = json.loads(self.dialling.hear(120)), json.loads(self.answering.hear())
        self.dialling.end()
        self.answering.end()
        return {'offset': 1000 * (listened['ear'] - spoken['mouth']),
                'concealed': listened['call']['mediaStats'].get('concealedRatio', 0.0)}


class Sip(peers.Baresip):
    """baresip with JACK as its sound card and the best settings that were found for it."""

    CONFIG = '''poll_method epoll
sip_listen {address}:5060
net_interface wire
jack_client_name sip{address}
audio_player jack
audio_source jack
audio_alert aufile,{folder}/alert.wav
ausrc_format float
auplay_format float
audio_buffer 20-160
jitter_buffer_delay 5-10
opus_bitrate 32000
opus_stereo no
opus_sprop_stereo no
opus_inbandfec yes
opus_packet_loss 10
ctrl_tcp_listen {address}:4444
module_path /usr/lib/baresip/modules
module opus.so
module jack.so
module aufile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
'''


class Baresip:
    """Two baresip on one JACK server without a device; a third client is mouth and ear on its clock."""

    name = 'baresip'

    def __init__(self, workshop):
        self.workshop = workshop
        server = f'p2pv{os.getpid()}'
        os.environ['JACK_DEFAULT_SERVER'] = server
        os.environ['JACK_NO_AUDIO_RESERVATION'] = '1'
        jack = lab.Process([*REAL_TIME, 'jackd', '-r', '-n', server, '-d', 'dummy', '-r', '48000', '-p', '480'],
                           workshop.folder / 'jack.log')
        workshop.processes.append(jack)
        lab.wait('the start of JACK', lambda: self.ports() is not None)
        self.wire = Wire(workshop, 's')
        self.wire.set(delay=20)
        self.a, _ = (Sip(workshop, space, address, name)
                     for space, address, name in zip(self.wire.names, ADDRESSES, 'ab'))

    @staticmethod
    def ports():
        seen = subprocess.run(['jack_lsp'], capture_output=True, text=True, check=False)
        return seen.stdout.split('\n') if seen.returncode == 0 else None

    def port(self, side, kind):
        for port in self.ports() or []:
            if ADDRESSES[side] in port and f'{kind}_1' in port:
                return port
        return None

    def call(self, said, heard, seconds):
        self.a.say('dial', f'sip:b@{ADDRESSES[1]}')
        self.a.until('CALL_ESTABLISHED')
        into, out_of = (lab.wait(f'baresip opens its {kind}', lambda side=side, kind=kind: self.port(side, kind))
                        for side, kind in ((0, 'input'), (1, 'output')))
        self.ends = Child(self.workshop, [*REAL_TIME, lab.BIN / 'p2pd-voice-jack', said, heard, into, out_of], 'ends')
        assert self.ends.hear() == 'active'

    def result(self):
        code = self.ends.child.wait(120)
        self.a.say('hangup')
        self.a.until('CALL_CLOSED')
        if code != 0:
            raise lab.Unmet(f'p2pd-voice-jack ended with {code}')
        return {'offset': 0.0, 'concealed': None}


class Chromium:
    """Two Chromium without windows: WebRTC between them, WebAudio as mouth and ear."""

    name = 'chromium'

    def __init__(self, workshop):
        self.workshop, self.number = workshop, 0
        self.wire = Wire(workshop, 'c')

    def note(self, name, patience=60):
        def look():
            if (self.folder / 'problem').exists():
                raise lab.Unmet((self.folder / 'problem').read_text())
            return (self.folder / name).exists()
        lab.wait(f'the browser says {name}', look, patience)
        return (self.folder / name).read_bytes()

    def call(self, said, heard, seconds):
        self.number += 1
        self.heard = heard
        self.folder = self.workshop.folder / f'chromium{self.number}'
        self.folder.mkdir()
        self.ends = [Child(self.workshop, ['ip', 'netns', 'exec', space, sys.executable, HERE / 'browser.py', role,
                                           self.folder, said], f'chromium-{role}')
                     for space, role in zip(self.wire.names, ('say', 'hear'))]
        self.note('connected')
        (self.folder / 'start').write_text('')
        self.until = time.monotonic() + seconds

    def result(self):
        time.sleep(max(self.until - time.monotonic(), 0))
        (self.folder / 'stop').write_text('')
        mouth, ear = json.loads(self.note('mouth')), json.loads(self.note('ear'))
        with wave.open(str(self.heard), 'wb') as out:
            out.setparams((1, 2, 48000, 0, 'NONE', ''))
            out.writeframes(self.note('heard'))
        for end in self.ends:
            end.end()
        return {'offset': 1000 * (ear['at'] - mouth), 'concealed': ear['concealed'] / max(ear['received'], 1)}


ENDS = {end.name: end for end in (P2pd, Baresip, Chromium)}
