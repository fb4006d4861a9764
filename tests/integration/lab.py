"""A lab of real daemons: starts them on free ports with folders of their own, drives them through p2pctl, waits for what
is to be true with a deadline, and stops everything by process id, whatever happened.

Rules. Nothing here waits a fixed time and hopes: `wait` asks until the answer is the right one, and says what it saw last
when it never was. Nothing is killed by name. The programs come from P2PD_BIN (ctest sets it), the patience is multiplied
by P2PD_PATIENCE where a machine is slow or a sanitizer runs.
"""

import atexit
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get('P2PD_BIN', ROOT / 'build/release/bin'))
SPEECH = pathlib.Path('/usr/share/pocketsphinx/test/data')
# How long anything here may take, seconds; beyond it something is wrong.
PATIENCE = 60 * float(os.environ.get('P2PD_PATIENCE', '1'))
# What a listener understands, by ESTOI: a tenth below what deploy/demo.sh asks of an undisturbed machine, since the sound
# of a call suffers on one that compiles beside it. The other person's speech has at most 0.3.
UNDERSTOOD = 0.8
# Between two looks at the same thing, seconds.
LOOK = 0.1

# p2pctl's exit codes, CONTRACT.md.
DONE, FAILED, USAGE, UNREACHABLE, NOT_ALLOWED, NOT_FOUND, TIMED_OUT = range(7)


class Unmet(AssertionError):
    """What was waited for did not happen."""


def wait(what, look, patience=PATIENCE):
    """Calls `look` until it returns something true and returns that; Unmet with the last answer after `patience` s."""
    end = time.monotonic() + patience
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Unmet(f'{what} did not happen within {patience:.0f} s; last seen: {seen!r}')
        time.sleep(LOOK)


class Answer:
    """What a program said: exit code, standard output and standard error as text."""

    def __init__(self, command, finished):
        self.command = ' '.join(str(word) for word in command)
        self.code, self.out, self.err = finished.returncode, finished.stdout, finished.stderr

    def json(self):
        return json.loads(self.out)

    def lines(self):
        """The objects of a stream, one a line."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith('{')]

    def __repr__(self):
        return f'$ {self.command}\nexit code {self.code}\n{self.out}{self.err}'


def run(command, code=DONE, given=None, timeout=2 * PATIENCE, **options):
    """Runs a program to its end; AssertionError unless it ends with `code` (None: any)."""
    finished = subprocess.run([str(word) for word in command], input=given, text=True, capture_output=True,
                              timeout=timeout, check=False, **options)
    answer = Answer(command, finished)
    if code is not None and answer.code != code:
        raise AssertionError(f'exit code {code} was expected:\n{answer!r}')
    return answer


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_the_test():
    """Whatever kills the test, even SIGKILL at ctest's timeout, takes what it started along (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program in the background with its output in a file."""

    def __init__(self, command, log, prefix=(), **options):
        self.log = log
        with open(log, 'ab') as out:
            self.child = subprocess.Popen([str(word) for word in (*prefix, *command)], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, preexec_fn=_die_with_the_test, **options)

    @property
    def running(self):
        return self.child.poll() is None

    def text(self):
        return pathlib.Path(self.log).read_text(errors='replace')

    def signal(self, number):
        if self.running:
            self.child.send_signal(number)

    def ended(self, patience=2 * PATIENCE):
        """Its exit code, once it has ended."""
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            raise Unmet(f'{self.child.args[0]} did not end within {patience:.0f} s:\n{self.text()[-2000:]}') from None


class Daemon:
    """One p2pd and the p2pctl that talks to it."""

    def __init__(self, lab, name, listen='127.0.0.1:0', bootstrap=(), flags=(), netns=None, data=None, user=None):
        self.lab, self.name, self.listen, self.flags = lab, name, listen, list(flags)
        self.bootstrap = list(bootstrap)
        self.folder = lab.folder / name
        self.folder.mkdir(exist_ok=True)
        self.data = pathlib.Path(data) if data else self.folder / 'data'
        self.socket = self.folder / 'control.sock'
        self.prefix = ['ip', 'netns', 'exec', netns] if netns else []
        if user is not None:
            self.prefix += ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups', '--']
        self.process = None

    def command(self):
        words = [BIN / 'p2pd', '--data-dir', self.data, '--listen', self.listen, '--control', f'unix:{self.socket}']
        for node in self.bootstrap:
            words += ['--bootstrap', node]
        return words + self.flags

    def start(self, ready=True):
        self.process = Process(self.command(), self.folder / 'log', self.prefix)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        def answers():
            if not self.process.running:
                raise AssertionError(f'{self.name} ended with {self.process.child.returncode}:\n{self.tail()}')
            return self.ctl('status', code=None).code == DONE
        wait(f'the start of {self.name}', answers)

    def kill9(self):
        """As when the machine is gone: no farewell, no offline state."""
        self.process.signal(signal.SIGKILL)
        self.process.ended()

    def stop(self):
        """Ends in order; the exit code has to be 0."""
        self.process.signal(signal.SIGTERM)
        code = self.process.ended()
        if code != 0:
            raise AssertionError(f'{self.name} ended with {code}:\n{self.tail()}')

    def tail(self, size=3000):
        return (self.folder / 'log').read_text(errors='replace')[-size:]

    def ctl(self, *words, code=DONE, given=None, **options):
        """p2pctl at this daemon; AssertionError unless it ends with `code` (None: any)."""
        return run([BIN / 'p2pctl', '--control', f'unix:{self.socket}', *words], code, given, **options)

    def json(self, *words, **options):
        return self.ctl('--output', 'json', *words, **options).json()

    def background(self, log, *words):
        """p2pctl in the background, its output in a file of the daemon's folder."""
        process = Process([BIN / 'p2pctl', '--control', f'unix:{self.socket}', *words], self.folder / log)
        self.lab.processes.append(process)
        return process

    def status(self):
        return self.json('status')

    @property
    def endpoint(self):
        return self.status()['listenEndpoint']

    def places(self):
        """(place, kind) of every object that it keeps, read from its table while it runs or after."""
        path = self.data / 'store/objects.db'
        with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True, timeout=5)) as table:
            return set(table.execute('SELECT place, kind FROM objects'))

    # --- a person at this daemon ---

    def availability(self, email, **options):
        """What the friend list shows of a contact, such as AVAILABLE; '' while nothing is known."""
        for contact in self.json(*self.who(**options), 'contact', 'list').get('contacts', []):
            if contact['email'] == email:
                return contact.get('presence', {}).get('availability', '').removeprefix('AVAILABILITY_')
        return None

    @staticmethod
    def who(as_=None):
        return ['--as', as_] if as_ else []

    def identity(self, email=''):
        return self.json('identity', 'show', *([email] if email else []))


class Lab:
    """All daemons of one test, a folder of their own, a certificate authority when one is needed."""

    def __init__(self, name):
        # Short: a Unix socket's path has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f'p2pd-{name}-'))
        self.daemons, self.processes = {}, []
        self.cleanups = contextlib.ExitStack()
        # unittest leaves out its cleanups when it is interrupted.
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close(failed=kind is not None)

    def close(self, failed=False):
        atexit.unregister(self.close)
        if failed:
            for daemon in self.daemons.values():
                if (daemon.folder / 'log').exists():
                    print(f'--- the end of the log of {daemon.name}:\n{daemon.tail()}', file=sys.stderr)
        everything = self.processes + [d.process for d in self.daemons.values() if d.process]
        for process in everything:
            process.signal(signal.SIGKILL)
        for process in everything:
            process.child.wait()
        self.cleanups.close()
        if failed and os.environ.get('P2PD_KEEP'):
            print(f'kept: {self.folder}', file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def daemon(self, name, start=True, **options):
        daemon = self.daemons[name] = Daemon(self, name, **options)
        return daemon.start() if start else daemon

    def ring(self, names, **options):
        """Daemons that all know each other, the first of them being everybody's way in."""
        made = [self.daemon(names[0], **options)]
        way_in = [made[0].endpoint]
        for name in names[1:]:
            made.append(self.daemon(name, bootstrap=way_in, **options))
        self.wait_ring(made)
        return made

    @staticmethod
    def wait_ring(daemons):
        # A leaf set holds 16: beyond that nobody knows all.
        least = min(len(daemons) - 1, 16)
        for daemon in daemons:
            wait(f'{daemon.name} knows {least} others',
                 lambda daemon=daemon: daemon.status().get('peerCount', 0) >= least)

    # --- people ---

    def ca(self, name='ca', title='Lab CA'):
        folder = self.folder / name
        if not folder.exists():
            run([BIN / 'p2pctl', 'ca', 'init', folder, '--name', title])
        return folder

    def issue(self, csr, out, days=None, ca='ca'):
        run([BIN / 'p2pctl', 'ca', 'issue', self.ca(ca), '--csr', csr, '--out', out,
             *(['--days', days] if days else [])])
        return out

    def person(self, daemon, email, login=True, ca='ca', passphrase=None):
        """A key, a certificate of the lab's authority, the authority trusted, and logged in."""
        csr, pem = self.folder / f'{email}.csr', self.folder / f'{email}.pem'
        protect = ['--passphrase-stdin'] if passphrase else []
        daemon.ctl('identity', 'create', '--email', email, '--name', email.split('@')[0].title(), '--csr-out', csr,
                   *protect, given=passphrase)
        self.issue(csr, pem, ca=ca)
        told = daemon.ctl('trust', 'add', self.ca(ca) / 'ca.pem', code=None)
        if told.code != DONE and 'ALREADY_EXISTS' not in told.err:
            raise AssertionError(f'{told!r}')
        daemon.ctl('identity', 'install', pem, '--email', email)
        if login:
            daemon.ctl('login', email)
        return email

    # --- speech ---

    def speech(self, who):
        """A recording of 'ann' (13 s of a book) or 'bob' (12 s of names of cards)."""
        out = self.folder / f'said-by-{who}.wav'
        if not out.exists():
            names = ([f'librivox/*-{n}.wav' for n in ('0870', '0890')] if who == 'ann' else
                     [f'cards/00{n}.wav' for n in range(1, 6)])
            files = [next(iter(sorted(SPEECH.glob(name))), None) for name in names]
            if None in files:
                raise AssertionError(f'no recorded speech in {SPEECH}: install pocketsphinx-testdata')
            with wave.open(str(out), 'wb') as joined:
                for i, file in enumerate(files):
                    with wave.open(str(file), 'rb') as part:
                        if i == 0:
                            joined.setparams(part.getparams())
                        joined.writeframes(part.readframes(part.getnframes()) + bytes(part.getframerate()))
        return out

    def compare(self, said, heard):
        """The judgement of p2pd-speech-compare."""
        return run([BIN / 'p2pd-speech-compare', said, heard], code=None).json()

    def call(self, caller, callee, email, span='15s', tries=3):
        """As `call_once`; only the score may be tried again, by another call, since a machine that has no time for its
        sound is none of ours to judge. The first call as any later one has to be set up, carry voice both ways and end
        well. The score of each try is printed."""
        for number in range(1, tries + 1):
            call = self.call_once(caller, callee, email, span)
            to, back = call['to']['estoi'], call['back']['estoi']
            good = min(to, back) >= UNDERSTOOD
            print(f'  call {caller.name} to {callee.name}, score of try {number} of {tries}: ESTOI {to:.3f} there, {back:.3f} '
                  f'back' + ('' if good else f', under {UNDERSTOOD}'), flush=True)
            if good:
                return call
        raise AssertionError(f'{tries} calls, and each was hard to understand (at least {UNDERSTOOD} is asked): {call}')

    def call_once(self, caller, callee, email, span):
        """`caller` (Ann's voice) calls `email` at `callee` (Bob's voice), speaks for `span`, hangs up; both ends have to
        end well. Returns what each heard of the other, judged: {'to': …, 'back': …, 'answer': text of the callee}."""
        heard_here, heard_there = self.folder / 'heard-here.wav', self.folder / 'heard-there.wav'
        for file in (heard_here, heard_there):
            file.unlink(missing_ok=True)
        log = 'answer.log'
        (callee.folder / log).unlink(missing_ok=True)
        answering = callee.background(log, 'call', 'answer', '--play', self.speech('bob'), '--record', heard_there)
        wait('somebody sits by the telephone', lambda: 'waiting for calls' in answering.text())
        dialled = caller.ctl('call', 'dial', email, '--play', self.speech('ann'), '--record', heard_here, '--for', span,
                             code=None)
        if dialled.code != DONE:
            raise AssertionError(f'{dialled!r}\nthe other side:\n{answering.text()}')
        if answering.ended() != DONE:
            raise AssertionError(f'the callee ended with {answering.child.returncode}:\n{answering.text()}')
        # Nothing of a call is left on either side.
        for side in (caller, callee):
            wait(f'{side.name} has no call', lambda side=side: not side.status().get('activeCallCount'))
        reasons = sorted(side.json('call', 'list')['calls'][-1]['endReason'] for side in (caller, callee))
        if reasons != ['HANGUP_LOCAL', 'HANGUP_REMOTE']:
            raise AssertionError(f'the call ended with {reasons}')
        return {'to': self.compare(self.speech('ann'), heard_there),
                'back': self.compare(self.speech('bob'), heard_here),
                'dialled': dialled, 'answer': answering.text()}


class LabTest(unittest.TestCase):
    """A test with a lab of its own; logs are shown when it fails."""

    def setUp(self):
        self.started = time.monotonic()
        self.lab = Lab(type(self).__name__.lower()[:12])
        self.addCleanup(self._close)

    def _close(self):
        result = self._outcome.result
        self.lab.close(failed=any(test is self for test, _ in result.failures + result.errors))

    def say(self, text):
        """A line of the report, with the seconds since the test began."""
        print(f'[{time.monotonic() - self.started:6.1f} s] {text}', flush=True)


def need_root(test, why):
    """Root is what CI has; elsewhere P2PD_SKIP_ROOT=1 says that a test may be left out, else its lack is a failure."""
    if os.geteuid() == 0:
        return
    if os.environ.get('P2PD_SKIP_ROOT'):
        test.skipTest(f'{why}: not root, and P2PD_SKIP_ROOT is set')
    test.fail(f'{why}: run as root, or set P2PD_SKIP_ROOT=1 to leave this test out')


def main():
    for program in ('p2pd', 'p2pctl', 'p2pd-speech-compare'):
        if not (BIN / program).exists():
            sys.exit(f'{BIN / program} is not there: build it, or set P2PD_BIN')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    unittest.main(verbosity=2)
