#!/usr/bin/env python3
"""p2pd beside the programs that people use for the same: baresip for calls and footprint, OpenDHT's dhtnode for the overlay.

Both are measured in the same run on the same machine and given as a ratio; a single figure of a shared machine says
little. Needs root (network namespaces) and the packages baresip-core and dhtnode.

    tests/bench/peers.py [setup] [store] [footprint] [api]      all four without arguments; JSON on standard output
"""

import hashlib
import json
import os
import pathlib
import select
import socket
import subprocess
import sys
import time

from beside import DhtNode, lab, ratio, resident, spread

CALLS = 20       # per program
OBJECTS = 100    # puts and gets per program
NODES = 20       # of each overlay
TICKS = os.sysconf('SC_CLK_TCK')


def seconds(text):
    return float(text.rstrip('s')) if text else 0.0


class Namespaces:
    """Two network namespaces with a cable between them: ADDRESSES[0] here, ADDRESSES[1] there."""

    ADDRESSES = ('10.199.1.1', '10.199.1.2')

    def __init__(self):
        self.names = [f'p2pdb{os.getpid()}{side}' for side in 'ab']

    def __enter__(self):
        for name in self.names:
            lab.run(['ip', 'netns', 'add', name])
            lab.run(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
        a, b = self.names
        lab.run(['ip', '-n', a, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', b])
        for name, address in zip(self.names, self.ADDRESSES):
            lab.run(['ip', '-n', name, 'addr', 'add', f'{address}/24', 'dev', 'wire'])
            lab.run(['ip', '-n', name, 'link', 'set', 'wire', 'up'])
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(['ip', 'netns', 'del', name], check=False, capture_output=True)


class Baresip:
    """One baresip in a namespace, driven over its ctrl_tcp module."""

    CONFIG = '''poll_method epoll
sip_listen {address}:5060
net_interface wire
audio_player aufile,{folder}/out.wav
audio_source ausine,440
audio_alert aufile,{folder}/alert.wav
ctrl_tcp_listen {address}:4444
module_path /usr/lib/baresip/modules
module opus.so
module g711.so
module ausine.so
module aufile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
'''

    def __init__(self, workshop, namespace, address, name):
        self.namespace, self.address = namespace, address
        folder = workshop.folder / f'baresip-{name}'
        folder.mkdir()
        (folder / 'config').write_text(self.CONFIG.format(address=address, folder=folder))
        (folder / 'accounts').write_text(f'<sip:{name}@{address}>;regint=0;answermode=auto\n')
        (folder / 'contacts').write_text('')
        self.process = lab.Process(['baresip', '-f', folder], folder / 'log', ['ip', 'netns', 'exec', namespace])
        workshop.processes.append(self.process)
        self.buffer = b''
        self.control = lab.wait('baresip opens its control port', self._connect)

    def _connect(self):
        # A socket keeps the namespace in which it was made.
        here = os.open('/proc/self/ns/net', os.O_RDONLY)
        there = os.open(f'/run/netns/{self.namespace}', os.O_RDONLY)
        libc = __import__('ctypes').CDLL(None, use_errno=True)
        try:
            libc.setns(there, 0)
            control = socket.socket()
        finally:
            libc.setns(here, 0)
            os.close(here)
            os.close(there)
        try:
            control.connect((self.address, 4444))
        except OSError:
            control.close()
            return None
        return control

    def say(self, command, parameters=''):
        text = json.dumps({'command': command, 'params': parameters})
        self.control.sendall(f'{len(text)}:{text},'.encode())

    def until(self, event):
        """Reads events until one of this type came."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if f'"type":"{event}"'.encode() in self.buffer:
                self.buffer = b''
                return
            if select.select([self.control], [], [], 1)[0]:
                self.buffer += self.control.recv(65536)
        raise lab.Unmet(f'baresip never said {event}: {self.buffer[-500:]!r}')


def pid_inside(process):
    """The program that `ip netns exec` became, or the process itself: exec keeps the id."""
    return process.child.pid


def processor_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def people(workshop, spaces):
    """Three plain peers, Ann in the one namespace and Bob in the other, logged in."""
    addresses = spaces.ADDRESSES
    where = [(spaces.names[0], addresses[0]), (spaces.names[1], addresses[1])]
    first = workshop.daemon('peer0', listen=f'{addresses[0]}:0', netns=spaces.names[0])
    daemons = [first]
    for name, side in (('peer1', 1), ('peer2', 0), ('ann', 0), ('bob', 1)):
        namespace, address = where[side]
        daemons.append(workshop.daemon(name, listen=f'{address}:0', netns=namespace, bootstrap=[first.endpoint]))
    workshop.wait_ring(daemons)
    ann, bob = daemons[3], daemons[4]
    workshop.person(ann, 'ann@example.org')
    workshop.person(bob, 'bob@example.org')
    # Contacts ring without the limit for strangers.
    bob.ctl('contact', 'add', 'ann@example.org')
    return ann, bob


def elapsed(call, kind):
    for step in call['steps']:
        if step['kind'] == kind:
            return seconds(step['elapsed']) * 1000
    raise AssertionError(f'no step {kind} in {call}')


def measure_setup(workshop, spaces):
    """Dial to keys and to the first voice of p2pd; dial to established of baresip (SIP, answered at once)."""
    ann, bob = people(workshop, spaces)
    answering = bob.background('answer', 'call', 'answer', '--auto', '--play', workshop.speech('bob'))
    lab.wait('Bob sits by the telephone', lambda: 'waiting for calls' in answering.text())
    keys, hello, accepted, voice = [], [], [], []
    for _ in range(CALLS):
        answer = ann.ctl('--output', 'json', 'call', 'dial', 'bob@example.org', '--play', workshop.speech('ann'),
                         '--for', '2s', code=None)
        call = answer.lines()[-1]
        keys.append(elapsed(call, 'KEYS_AGREED'))
        hello.append(elapsed(call, 'KEYS_AGREED') - elapsed(call, 'HELLO'))
        accepted.append(elapsed(call, 'ACCEPTED'))
        voice.append(elapsed(call, 'FIRST_AUDIO_RECEIVED'))
    here = Baresip(workshop, spaces.names[0], spaces.ADDRESSES[0], 'ann')
    Baresip(workshop, spaces.names[1], spaces.ADDRESSES[1], 'bob')
    established = []
    for _ in range(CALLS):
        started = time.monotonic()
        here.say('dial', f'sip:bob@{spaces.ADDRESSES[1]}')
        here.until('CALL_ESTABLISHED')
        established.append((time.monotonic() - started) * 1000)
        here.say('hangup')
        here.until('CALL_CLOSED')
    out = {'p2pd dial to keys (certificate, state, hello, ack)': spread(keys, 'ms'),
           'p2pd hello to keys (one round trip)': spread(hello, 'ms'),
           'p2pd dial to accepted (by a client process)': spread(accepted, 'ms'),
           'p2pd dial to first decoded voice': spread(voice, 'ms'),
           'baresip dial to established (SIP, no encryption)': spread(established, 'ms')}
    out['ratio keys / baresip'] = ratio(out['p2pd dial to keys (certificate, state, hello, ack)'],
                                        out['baresip dial to established (SIP, no encryption)'])
    out['ratio hello / baresip'] = ratio(out['p2pd hello to keys (one round trip)'],
                                         out['baresip dial to established (SIP, no encryption)'])
    return out


def measure_store(workshop, _):
    """Put until acknowledged and get until answered, each program by its own clock, 256 bytes, 20 nodes on loopback."""
    daemons = workshop.ring([f'node{i}' for i in range(NODES)])
    value = workshop.folder / 'value'
    value.write_bytes(bytes(range(256)))
    puts, gets = [], []
    for i in range(OBJECTS):
        key = hashlib.sha1(str(i).encode()).hexdigest()
        puts.append(seconds(daemons[i % NODES].json('overlay', 'put', key, value)['duration']) * 1000)
        gets.append(seconds(daemons[(i + 7) % NODES].json('overlay', 'get', key)['duration']) * 1000)
    for daemon in daemons:
        daemon.kill9()
    nodes = [DhtNode(workshop, None)]
    for _ in range(NODES - 1):
        nodes.append(DhtNode(workshop, nodes[0].port))
    lab.wait('dhtnode knows its neighbours', lambda: nodes[-1].neighbours() >= 8)
    their_puts, their_gets = [], []
    for i in range(OBJECTS):
        key = hashlib.sha1(str(i).encode()).hexdigest()
        their_puts.append(nodes[i % NODES].put(key, 'v' * 256))
        their_gets.append(nodes[(i + 7) % NODES].get(key))
    out = {'p2pd put (8 copies, 5 acknowledged)': spread(puts, 'ms'), 'dhtnode put': spread(their_puts, 'ms'),
           'p2pd get': spread(gets, 'ms'), 'dhtnode get': spread(their_gets, 'ms')}
    out['ratio put'] = ratio(out['p2pd put (8 copies, 5 acknowledged)'], out['dhtnode put'])
    out['ratio get'] = ratio(out['p2pd get'], out['dhtnode get'])
    return out


def measure_footprint(workshop, spaces):
    """Resident memory idle, exec to an answering socket, processor time of one call, beside baresip."""
    ready = []
    for i in range(10):
        probe = workshop.daemon(f'ready{i}', start=False)
        started = time.monotonic()
        probe.start(ready=False)
        while not probe.socket.exists():
            os.sched_yield()
        ready.append((time.monotonic() - started) * 1000)
        probe.wait_ready()
        probe.stop()
    ann, bob = people(workshop, spaces)
    idle = resident(pid_inside(ann.process))
    answering = bob.background('answer', 'call', 'answer', '--auto', '--play', workshop.speech('bob'))
    lab.wait('Bob sits by the telephone', lambda: 'waiting for calls' in answering.text())
    span = 12
    before, started = processor_seconds(pid_inside(ann.process)), time.monotonic()
    ann.ctl('call', 'dial', 'bob@example.org', '--play', workshop.speech('ann'), '--for', f'{span}s', code=None)
    in_call = 100 * (processor_seconds(pid_inside(ann.process)) - before) / (time.monotonic() - started)
    here = Baresip(workshop, spaces.names[0], spaces.ADDRESSES[0], 'ann')
    Baresip(workshop, spaces.names[1], spaces.ADDRESSES[1], 'bob')
    pid = pid_inside(here.process)
    their_idle = resident(pid)
    here.say('dial', f'sip:bob@{spaces.ADDRESSES[1]}')
    here.until('CALL_ESTABLISHED')
    before, started = processor_seconds(pid), time.monotonic()
    time.sleep(span)
    their_call = 100 * (processor_seconds(pid) - before) / (time.monotonic() - started)
    return {'p2pd resident idle, MiB': round(idle, 1), 'baresip resident idle, MiB': round(their_idle, 1),
            'p2pd exec to answering socket': spread(ready, 'ms'),
            'p2pd processor in a call, % of a core': round(in_call, 2),
            'baresip processor in a call, % of a core': round(their_call, 2),
            'ratio processor': round(in_call / their_call, 2) if their_call else None}


def measure_api(workshop, _):
    """Unary calls on the Unix socket beside gRPC's own health check on it (p2pd_api_bench of the preset bench)."""
    program = pathlib.Path(os.environ.get('P2PD_BENCH_BIN', lab.ROOT / 'build/bench/bin')) / 'p2pd_api_bench'
    daemon = workshop.daemon('node')
    return lab.run([program, f'unix:{daemon.socket}']).json()


def main():
    measures = {'setup': measure_setup, 'api': measure_api, 'store': measure_store, 'footprint': measure_footprint}
    wanted = sys.argv[1:] or list(measures)
    if not set(wanted) <= set(measures):
        sys.exit(__doc__)
    result = {}
    for name in wanted:
        with lab.Lab(f'bench-{name}') as workshop, Namespaces() as spaces:
            result[name] = measures[name](workshop, spaces)
        print(f'{name} done', file=sys.stderr)
    print(json.dumps(result, indent=2))


if __name__ == '__main__':
    main()
