#!/usr/bin/env python3
"""UDP announces for each CPU-second of the tracker, beside Debian's opentracker and a server that only reflects.

usage: tracker.py [--count N] [--rounds N] [--bin DIR]

10,000 torrents and 2,000,000 peers, numwant 50; target and generator on a core each. The targets take turns, so that a
neighbour's load falls on all of them; what counts is the median of the ratios of one round. The target's time is that of
all its threads by the scheduler's account (/proc/PID/task/*/schedstat), which has no ticks to be rounded to.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

PEERS = 2_000_000
ROOT = pathlib.Path(__file__).resolve().parents[2]


def cpu_seconds(pid):
    return sum(int((task / 'schedstat').read_text().split()[0])
               for task in pathlib.Path(f'/proc/{pid}/task').iterdir()) / 1e9


def resident(pid):
    """MB."""
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())[1]) * 1024 / 1e6


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Target:
    """A server with its process and port."""

    def __init__(self, name, command, cores, says=None):
        self.name = name
        mask = ','.join(map(str, cores))
        self.child = subprocess.Popen(['taskset', '-c', mask, *map(str, command)], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
        self.port = None
        end = time.monotonic() + 20
        while says and not self.port and time.monotonic() < end:
            found = re.search(says, self.child.stdout.readline())
            self.port = int(found[1]) if found else None
        self.base = None

    def end(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


class Bench:
    def __init__(self, folder, arguments):
        self.folder = folder
        self.arguments = arguments
        self.load_program = arguments.bin / 'p2pd_tracker_load_bench'

    def p2pd(self, name, workers, cores):
        data = self.folder / name
        target = Target(name, [self.arguments.daemon, '--data-dir', data, '--control', f'unix:{data}.sock', '--listen',
                               '127.0.0.1:0', '--tracker', '127.0.0.1:0', '--tracker-workers', workers],
                        cores, r'tracker 127\.0\.0\.1:(\d+)')
        target.base = resident(target.child.pid)
        return target

    def opentracker(self):
        (self.folder / 'open').mkdir()
        hashes = subprocess.run([self.load_program, 'hashes'], capture_output=True, text=True, check=True).stdout
        (self.folder / 'open' / 'whitelist').write_text(hashes)
        os.chmod(self.folder, 0o755)
        port = free_port()
        target = Target('opentracker', ['opentracker', '-i', '127.0.0.1', '-p', port, '-P', port, '-d',
                                        self.folder / 'open', '-w', 'whitelist', '-u', 'nobody'], [0])
        target.port = port
        time.sleep(1)
        target.base = resident(target.child.pid)
        return target

    def reflector(self):
        return Target('reflector', [self.load_program, 'reflect', '127.0.0.1:0'], [0], r'127\.0\.0\.1:(\d+)')

    def load(self, target, what, count, wanted):
        before = cpu_seconds(target.child.pid)
        done = subprocess.run(['taskset', '-c', '1', self.load_program, 'load', f'127.0.0.1:{target.port}', what,
                               str(count), str(wanted)], capture_output=True, text=True, check=True)
        result = json.loads(done.stdout)
        result['cpu'] = cpu_seconds(target.child.pid) - before
        result['per_cpu_second'] = round(result['replies'] / result['cpu'])
        result['per_second'] = round(result['replies'] / result['seconds'])
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=1_000_000, help='announces of a round')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--bin', type=pathlib.Path, default=ROOT / 'build/bench/bin')
    parser.add_argument('--daemon', type=pathlib.Path, help='p2pd, when it is not in --bin')
    arguments = parser.parse_args()
    arguments.daemon = arguments.daemon or arguments.bin / 'p2pd'
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(pathlib.Path(name), arguments)
        targets = [bench.p2pd('p2pd', 1, [0]), bench.p2pd('p2pd, 2 workers', 2, [0, 1]), bench.opentracker(),
                   bench.reflector()]
        try:
            figures = {target.name: [] for target in targets}
            for target in targets[:3]:
                bench.load(target, 'fill', PEERS, 1)
                grown = resident(target.child.pid) - target.base
                print(json.dumps({'target': target.name, 'resident_bytes_a_peer': round(grown * 1e6 / PEERS, 1)}),
                      flush=True)
            for _ in range(arguments.rounds):
                for target in targets:
                    result = bench.load(target, 'announce', arguments.count, 50)
                    figures[target.name].append(result)
                    print(json.dumps({'target': target.name, **result}), flush=True)
            ours = [result['per_cpu_second'] for result in figures['p2pd']]
            for other in ('opentracker', 'reflector', 'p2pd, 2 workers'):
                theirs = [result['per_cpu_second'] for result in figures[other]]
                print(json.dumps({'p2pd against': other,
                                  'median_ratio': round(statistics.median(a / b for a, b in zip(ours, theirs)), 3)}))
        finally:
            for target in targets:
                target.end()


if __name__ == '__main__':
    main()
