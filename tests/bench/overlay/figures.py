#!/usr/bin/env python3
"""The figures of the overlay: each row of the table of targets, with several seeds, the 2004 protocol beside ours.

    tests/bench/overlay/figures.py run [ROW...]        runs what is not there yet, in parallel; an hour's work to days
    tests/bench/overlay/figures.py document            tables in Markdown on standard output, from what was run
    tests/bench/overlay/figures.py document --into FILE   the same in place of those that FILE has between its marks
    tests/bench/overlay/figures.py list                the rows and their commands

Results are one JSON file a run in --out (build/figures), so that a run that was stopped goes on where it was. --latency
is a matrix of round trips (p2pd-sim's README); without it the synthetic model is used, and the document says so.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = 'p2pd'
BASELINES = ['bamboo-2004', 'bamboo-2004-rto']
LOOKUPS = ['lookups completed', 'answers consistent', 'answers by the root', 'lookup latency, mean',
           'lookup latency, median', 'lookup latency, p99', 'stretch of the means', 'hops, mean',
           'maintenance, bytes', 'all, bytes', 'join to first answer, median']
GETS = ['gets that found', 'gets of the newest version', 'get of an immutable object', 'get of one that changes',
        'puts acknowledged', 'put, ', 'maintenance', 'all', 'objects lost']


class Row:
    """One line of the table: a scenario, its options, whether the baseline can play it, what is shown of it, and how many
    seeds it is played with at most."""

    def __init__(self, arguments, beside=True, show=(), seeds=5):
        self.arguments = shlex.split(arguments)
        self.protocols = [OURS] + (BASELINES if beside else [])
        self.show = list(show)
        self.seeds = seeds


def churn(median, minutes):
    return Row(f'churn --nodes 1000 --median-session {median} --duration {minutes}min', show=LOOKUPS)


def gets(median, minutes):
    return Row(f'gets --nodes 1000 --median-session {median} --duration {minutes}min', show=GETS)


ROWS = {
    'churn-47min': churn('47min', 20),
    'churn-6.2min': churn('6.2min', 20),
    'churn-1.4min': churn('1.4min', 10),
    'gets-47min': gets('47min', 20),
    'gets-6.2min': gets('6.2min', 10),
    'gets-1.4min': gets('1.4min', 10),
    'large': Row('large --duration 20min', show=LOOKUPS + ['maintenance, datagrams']),
    'idle': Row('idle --duration 30min', show=['all, bytes', 'maintenance, bytes']),
    'contacts': Row('contacts --duration 30min', beside=False),
    'growth': Row('growth', show=['hops, mean', 'maintenance']),
    'flash-crowd': Row('flash-crowd', show=['one ring after the last start', 'answers by the root']),
    'steady': Row('steady --duration 10min', show=LOOKUPS + ['hops, most']),
    'join': Row('join --duration 20min', show=['join to first answer, median', 'join to first answer, p99']),
    'broken-pairs-2.3': Row('broken-pairs --broken-pairs 0.023 --duration 20min', show=LOOKUPS),
    'broken-pairs-5': Row('broken-pairs --broken-pairs 0.05 --duration 20min', show=LOOKUPS),
    'nat': Row('nat', beside=False),
    'ad-hoc': Row('ad-hoc', beside=False),
    'mass-death': Row('mass-death', show=['lookups completed, first 30 s'] + LOOKUPS[:2]),
    'mass-death-objects': Row('mass-death-objects'),
    'partition': Row('partition', show=['one ring after the heal']),
    'attackers-20': Row('attackers', beside=False),
    'attackers-25': Row('attackers --attackers 0.25', beside=False),
    'sybil': Row('sybil', beside=False),
    'eclipse': Row('eclipse', beside=False),
    'durability-500': Row('durability --nodes 500 --duration 168h', seeds=1),
    'durability-2000': Row('durability --nodes 2000 --duration 6h'),
    'watchers': Row('watchers', beside=False),
}


def seeds_of(text):
    first, _, last = text.partition('..')
    return range(int(first), int(last or first) + 1)


def command_of(options, row, protocol, seed):
    out = [str(options.sim), *row.arguments, '--seed', str(seed), '--protocol', protocol]
    if options.latency:
        out += ['--latency', str(options.latency)]
    if options.nodes:
        out += ['--nodes', str(options.nodes)]
    return out


def run_one(options, name, protocol, seed):
    """Leaves the file that says it is done only when the run is over; a limit that was missed is a result too."""
    done = options.out / f'{name}+{protocol}+{seed}.json'
    if done.exists():
        return None
    part = done.with_suffix('.part')
    started = time.monotonic()
    command = command_of(options, ROWS[name], protocol, seed) + ['--json', str(part)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode > 1 or not part.exists():
        return f'{name}, {protocol}, seed {seed}: {ran.stderr.strip() or ran.returncode}'
    report = json.loads(part.read_text())
    report['seconds'] = round(time.monotonic() - started, 1)
    part.write_text(json.dumps(report))
    part.rename(done)
    print(f'{name}, {protocol}, seed {seed}: {report["seconds"]:.0f} s', file=sys.stderr, flush=True)
    return None


def run(options):
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.rows or list(ROWS)
    # All rows with the first seed come before any with the second.
    work = [(name, protocol, seed) for seed in options.seeds for name in names for protocol in ROWS[name].protocols
            if seed <= ROWS[name].seeds and (not options.protocols or protocol in options.protocols)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        failures = [f for f in pool.map(lambda what: run_one(options, *what), work) if f]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def reports_of(options, name, protocol):
    files = sorted(options.out.glob(f'{name}+{protocol}+*.json'))
    return [json.loads(file.read_text()) for file in files]


def cell(reports, figure):
    """Mean, and worst where a limit says which way that is, else least and most."""
    found = [f for report in reports for f in report['figures'] if f['name'] == figure]
    if not found:
        return '-'
    values = [f['value'] for f in found]
    mean = f'{statistics.fmean(values):.5g}'
    if len(values) == 1:
        return mean
    limit = found[0].get('mustBe')
    if limit:
        return f'{mean} ({(max if limit.startswith("<=") else min)(values):.5g})'
    return f'{mean} ({min(values):.5g} .. {max(values):.5g})'


def table(options, name):
    row = ROWS[name]
    columns = {protocol: reports_of(options, name, protocol) for protocol in row.protocols}
    ours = columns[OURS]
    if not ours:
        return ''
    figures = ours[0]['figures']
    shown = [f for f in figures if f.get('mustBe') or not row.show or any(f['name'].startswith(s) for s in row.show)]
    seeds = ', '.join(f'{protocol} {len(reports)}' for protocol, reports in columns.items() if reports)
    lines = [f'### {name}', '', f'`p2pd-sim {shlex.join(row.arguments)}`; seeds: {seeds}.', '',
             '| | must be | ' + ' | '.join(columns) + ' |', '|---' * (len(columns) + 2) + '|']
    for figure in shown:
        unit = f', {figure["unit"]}' if figure['unit'] else ''
        cells = [cell(reports, figure['name']) for reports in columns.values()]
        lines.append(f'| {figure["name"]}{unit} | {figure.get("mustBe", "")} | ' + ' | '.join(cells) + ' |')
    broken = sorted({v for report in ours for v in report['violations'] if ' must be ' not in v})
    lines += [''] + [f'Broken rule: {violation}' for violation in broken]
    return '\n'.join(lines) + '\n'


def document(options):
    tables = {name: table(options, name) for name in options.rows or ROWS}
    if not options.into:
        print('\n'.join(text for text in tables.values() if text))
        return 0
    # <!-- figures ROW --> ... <!-- end -->
    marked = re.compile(r'(<!-- figures (\S+) -->\n).*?(<!-- end -->)', re.DOTALL)
    text = options.into.read_text()
    fresh = marked.sub(lambda m: m[1] + tables[m[2]] + m[3] if tables.get(m[2]) else m[0], text)
    options.into.write_text(fresh)
    missing = {name for name, made in tables.items() if made} - {m[2] for m in marked.finditer(text)}
    if missing:
        print(f'no marks in {options.into} for {", ".join(sorted(missing))}', file=sys.stderr)
    return 1 if missing else 0


def listing(options):
    for name, row in ROWS.items():
        print(f'{name:20}p2pd-sim {shlex.join(row.arguments)}   [{", ".join(row.protocols)}]')
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {'run': run, 'document': document, 'list': listing}
    parser.add_argument('command', choices=commands)
    parser.add_argument('rows', nargs='*', metavar='ROW', help='all without')
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'build/figures', help='where results are kept')
    parser.add_argument('--seeds', type=seeds_of, default=seeds_of('1..5'), metavar='FIRST..LAST')
    parser.add_argument('--protocols', type=lambda text: text.split(','), help='of these only')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), help='runs at once')
    parser.add_argument('--latency', type=pathlib.Path, help='a matrix of round trips')
    parser.add_argument('--into', type=pathlib.Path, metavar='FILE', help='where document puts its tables')
    parser.add_argument('--nodes', type=int, help="in place of each row's own number")
    parser.add_argument('--sim', type=pathlib.Path, default=ROOT / 'build/release/bin/p2pd-sim')
    options = parser.parse_intermixed_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f'no row {", ".join(sorted(unknown))}: see list')
    sys.exit(commands[options.command](options))


if __name__ == '__main__':
    main()
