"""Trackers and BitTorrent clients that nobody changed, on a network of their own: the ground of the paper's experiment.

A network: the program runs again in a network namespace in which `lo` has addresses of 10.77.0.0/24, one a machine.
Transmission refuses peers of 127.0.0.0/8, and nothing in there can reach anybody else. Those from LEECHERS on cannot reach
each other either, so that what they have at the end came from whoever was to give it.

A client: an ordinary installation with a folder of its own, bound to its address, with nothing but the tracker to find
anybody by (no DHT, exchange of peers, local discovery), over TCP.
"""

import json
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from lab import PATIENCE, Process, run, wait

NETWORK = '10.77.0'
_MARK = 'P2PD_OWN_NETWORK'
PROGRAMS = {'qbittorrent-nox': 'qbittorrent-nox', 'transmission-daemon': 'transmission-daemon', 'aria2c': 'aria2',
            'opentracker': 'opentracker'}
# Machines 1 to 9 reach everybody, those from here on only the first ones.
LEECHERS, COUNT = 128, 10


def missing():
    """Debian packages of programs that are not here."""
    return [package for program, package in PROGRAMS.items() if not shutil.which(program)]


def machine(number):
    return f'{NETWORK}.{number}'


def own_network():
    """Goes on in a network namespace of its own. As root."""
    if not os.environ.get(_MARK):
        os.environ[_MARK] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, '-B', *sys.argv])
    run(['ip', 'link', 'set', 'lo', 'up'])
    for number in (*range(1, 10), *range(LEECHERS, LEECHERS + COUNT)):
        run(['ip', 'address', 'add', f'{machine(number)}/32', 'dev', 'lo'])
    # Before the rule that what is local is delivered.
    run(['ip', 'rule', 'add', 'priority', '2', 'lookup', 'local'])
    run(['ip', 'rule', 'delete', 'priority', '0'])
    leechers = f'{machine(LEECHERS)}/25'
    run(['ip', 'rule', 'add', 'priority', '1', 'from', leechers, 'to', leechers, 'prohibit'])


def free_port(address='127.0.0.1'):
    """One that is free for TCP and UDP at this moment."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((address, 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind((address, port))
            except OSError:
                continue
            return port


class OpenTracker:
    """Debian's opentracker, which serves the hashes of a list."""

    def __init__(self, lab, address, port, hashes):
        folder = lab.folder / 'opentracker'
        folder.mkdir()
        (folder / 'whitelist').write_text(''.join(f'{one}\n' for one in hashes))
        os.chmod(lab.folder, 0o755)
        process = Process(['opentracker', '-i', address, '-p', port, '-P', port, '-d', folder, '-w', 'whitelist',
                           '-u', 'nobody'], lab.folder / 'opentracker.log')
        lab.processes.append(process)

        def answers():
            if not process.running:
                raise AssertionError(f'opentracker ended:\n{process.text()}')
            with socket.socket() as tcp:
                return tcp.connect_ex((address, port)) == 0
        wait('opentracker to answer', answers)


class Client:
    """One of the clients at an address, with `torrent` (a file); with `data` (a file) it is a seed."""

    def __init__(self, lab, name, address, torrent, data=None):
        self.name, self.address, self.torrent, self.seeds = name, address, torrent, data is not None
        self.folder = lab.folder / name
        self.files = self.folder / 'files'
        self.files.mkdir(parents=True)
        if data is not None:
            # As a file of its own: no client writes to what it only seeds.
            os.link(data, self.files / data.name)
        self.started = time.monotonic()
        self.process = Process(self.command(), self.folder / 'log', env={**os.environ, 'HOME': str(self.folder)})
        lab.processes.append(self.process)
        self.begin()

    def begin(self):
        """After the start: hands the torrent over where the command line did not."""

    def share(self):
        """What it says that it has, 0..1."""
        raise NotImplementedError

    def alive(self):
        if not self.process.running:
            raise AssertionError(f'{self.name} ended with {self.process.child.returncode}:\n{self.process.text()[-2000:]}')

    def complete(self):
        self.alive()
        return self.share() == 1

    def kill(self):
        self.process.signal(9)
        self.process.ended()


class Aria2(Client):
    def command(self):
        words = ['aria2c', '--no-conf', '--dir', self.files, '--interface', self.address, '--listen-port',
                 free_port(self.address), '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--summary-interval=0',
                 '--file-allocation=none', '--disable-ipv6=true']
        # It asks trackers over UDP with its DHT on, which knows nobody in here.
        words += ['--enable-dht=true', '--dht-listen-addr', self.address, '--dht-listen-port', free_port(self.address),
                  '--dht-file-path', self.folder / 'dht.dat']
        if self.seeds:
            words += ['--check-integrity=true', '--seed-ratio=0']
        else:
            words += ['--seed-time=0']
        return words + [self.torrent]

    def complete(self):
        """Ends by itself."""
        if self.process.running:
            return False
        if self.process.child.returncode != 0:
            self.alive()
        return True


class Qbittorrent(Client):
    def command(self):
        settings = {
            'BitTorrent': {'Session\\Interface': 'lo', 'Session\\InterfaceName': 'lo',
                           'Session\\InterfaceAddress': self.address, 'Session\\Port': free_port(self.address),
                           'Session\\DefaultSavePath': self.files, 'Session\\BTProtocol': 'TCP',
                           'Session\\DHTEnabled': 'false', 'Session\\PeXEnabled': 'false', 'Session\\LSDEnabled': 'false',
                           'Session\\MultiConnectionsPerIp': 'true', 'Session\\QueueingSystemEnabled': 'false'},
            'LegalNotice': {'Accepted': 'true'},
            'Network': {'PortForwardingEnabled': 'false'},
            'Preferences': {'WebUI\\LocalHostAuth': 'false', 'WebUI\\Address': '127.0.0.1'}}
        config = self.folder / 'qBittorrent/config/qBittorrent.conf'
        config.parent.mkdir(parents=True)
        config.write_text(''.join(f'[{part}]\n' + ''.join(f'{key}={value}\n' for key, value in entries.items())
                                  for part, entries in settings.items()))
        self.port = free_port()
        return ['qbittorrent-nox', f'--profile={self.folder}', f'--webui-port={self.port}', self.torrent]

    def share(self):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/api/v2/torrents/info', timeout=PATIENCE) as answer:
                torrents = json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            return 0  # it is starting
        # While it checks, it has nothing to give.
        return torrents[0]['progress'] if torrents and not torrents[0]['state'].startswith('checking') else 0


class Transmission(Client):
    def command(self):
        self.port = free_port()
        (self.folder / 'settings.json').write_text(json.dumps({
            'bind-address-ipv4': self.address, 'peer-port': free_port(self.address), 'download-dir': str(self.files),
            'dht-enabled': False, 'lpd-enabled': False, 'pex-enabled': False, 'utp-enabled': False,
            'port-forwarding-enabled': False, 'rpc-port': self.port, 'rpc-bind-address': '127.0.0.1',
            'rpc-authentication-required': False, 'rpc-whitelist-enabled': False}))
        return ['transmission-daemon', '--foreground', '--config-dir', self.folder]

    def begin(self):
        self.session = ''
        wait(f'{self.name} to answer', lambda: self.alive() or self.ask('session-get'))
        self.ask('torrent-add', filename=str(self.torrent))

    def ask(self, method, **arguments):
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}/transmission/rpc',
                                         json.dumps({'method': method, 'arguments': arguments}).encode(),
                                         {'X-Transmission-Session-Id': self.session})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)['arguments']
        except urllib.error.HTTPError as error:
            self.session = error.headers['X-Transmission-Session-Id']
            return self.ask(method, **arguments)
        except (urllib.error.URLError, ConnectionError):
            return None  # it is starting

    def share(self):
        torrents = self.ask('torrent-get', fields=['percentDone', 'status'])['torrents']
        # 1 and 2: it checks, or is going to.
        return torrents[0]['percentDone'] if torrents and torrents[0]['status'] not in (1, 2) else 0
