#!/usr/bin/env python3
"""The figures of the overlay: each row of the table of targets, with several seeds, the 2004 protocol beside ours.

    tests/bench/overlay/figures.py run [ROW...]        runs what is not there yet, in parallel; an hour's work to days
    tests/bench/overlay/figures.py document            tables in Markdown on standard output, from what was run
    tests/bench/overlay/figures.py document --into FILE   the same in place of those that FILE has between its marks
    tests/bench/overlay/figures.py list                the rows and their commands

Results are lines of JSON in --out, which is kept beside the document: what was run on one machine is not run again on the
next, and a run that was stopped goes on where it was. Each line says what it was made with: results of other options,
--nodes or latencies are not taken for what is wanted, but refused, or made anew with --again; of two lines for one run the
later one counts. --latency is a matrix of round trips (p2pd-sim's README); without it the synthetic model is used,
and the document says so. A share is that of the trials of all seeds together, and so is its 95 % bound.
"""

import argparse
import concurrent.futures
import fcntl
import functools
import hashlib
import json
import math
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = 'p2pd'
BASELINES = ['bamboo-2004', 'bamboo-2004-rto']
SUMMARY = 'all'  # the name of the table of all limits
LOOKUPS = ['lookups completed', 'answers consistent', 'answers by the root', 'lookup latency, mean',
           'lookup latency, median', 'lookup latency, p99', 'stretch of the means', 'hops, mean',
           'maintenance, bytes', 'all, bytes', 'join to first answer, median']
GETS = ['gets that found', 'gets of the newest version', 'get of an immutable object', 'get of one that changes',
        'puts acknowledged', 'put, ', 'maintenance', 'all', 'objects lost']
WATCH = ['watch: keys with two roots', 'watch: the same key']


class Row:
    """One line of the table: a scenario, its options, whether the baseline can play it, what is shown of it, and how many
    seeds it is played with at most. Durations are such that five seeds have 3/p trials of each probability p that they are to
    show, or the document says that they have not."""

    def __init__(self, arguments, beside=True, show=(), seeds=5, far=True):
        self.arguments = shlex.split(arguments)
        self.far = far  # over the Internet: latencies matter
        self.protocols = [OURS] + (BASELINES if beside else [])
        self.show = list(show)
        self.seeds = seeds

    def shows(self, figure):
        return bool(figure.get('mustBe')) or not self.show or any(figure['name'].startswith(start) for start in self.show)


def churn(median, minutes):
    return Row(f'churn --nodes 1000 --median-session {median} --duration {minutes}min',
               show=LOOKUPS + WATCH)


def gets(median, minutes):
    return Row(f'gets --nodes 1000 --median-session {median} --duration {minutes}min', show=GETS)


ROWS = {
    'churn-47min': churn('47min', 60),
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
    'nat': Row('nat', show=['lookups completed', 'lookup latency, mean']),
    'ad-hoc': Row('ad-hoc', beside=False, far=False),
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
    if options.latency and row.far:
        out += ['--latency', str(options.latency)]
    if options.nodes:
        out += ['--nodes', str(options.nodes)]
    return out


@functools.cache
def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def version():
    """Of the working copy; the program is taken to be of it. What was measured does not make it another."""
    def git(*arguments):
        return subprocess.run(['git', '-C', str(ROOT), *arguments], capture_output=True, text=True, check=False).stdout.strip()
    changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!tests/sim/figures.jsonl', ':!tests/sim/FIGURES.md')
    commit = git('describe', '--always')
    return f'{commit}-dirty' if changed else commit or 'unknown'


def made_with(options, row):
    """What a result has to have been made with to be the one that is wanted."""
    latency = 'synthetic'
    if options.latency and row.far:
        latency = f'{options.latency.name}, sha256 {digest_of(options.latency)[:16]}'
    return {'arguments': row.arguments, 'nodes': options.nodes, 'latency': latency}


def differences(wanted, report):
    made = report.get('run', {})
    return [f'{key} {made.get(key, "unknown")} instead of {value}' for key, value in wanted.items() if made.get(key) != value]


def results_of(options):
    """By row, protocol and seed."""
    out = {}
    if options.out.exists():
        for line in options.out.read_text().splitlines():
            report = json.loads(line)
            out[report['row'], report['protocol'], report['seed']] = report
    return out


def keep(options, report):
    """One line more; several may keep theirs at once."""
    with options.out.open('a', encoding='utf-8') as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        out.write(json.dumps(report) + '\n')


def run_one(options, name, protocol, seed):
    """What is kept is a run that came to its end; a limit that was missed is a result too."""
    row = ROWS[name]
    wanted = made_with(options, row)
    done = results_of(options).get((name, protocol, seed))
    other = differences(wanted, done) if done else []
    if done and not other:
        return None
    if other and not options.again:
        return f'{name}, {protocol}, seed {seed} was made with {"; ".join(other)}: another --out, or --again'
    started = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix='.json') as made:
        command = command_of(options, row, protocol, seed) + ['--json', made.name]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        text = pathlib.Path(made.name).read_text()
    if ran.returncode > 1 or not text:
        return f'{name}, {protocol}, seed {seed}: {ran.stderr.strip() or ran.returncode}'
    report = json.loads(text)
    keep(options, {'row': name, 'protocol': protocol, 'seed': seed,
                   'figures': [figure for figure in report['figures'] if row.shows(figure)],
                   'violations': report['violations'], 'run': wanted | {'version': version()},
                   'seconds': round(time.monotonic() - started, 1)})
    print(f'{name}, {protocol}, seed {seed}: {time.monotonic() - started:.0f} s', file=sys.stderr, flush=True)
    return None


def run(options):
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
    kept = results_of(options)
    return [kept[key] for key in sorted(kept) if key[:2] == (name, protocol)]


def at_least(good, total):
    """The rate is not below this with 95 % confidence: Wilson's score interval, one-sided, as statistics.cc has it."""
    z = 1.6448536269514722
    rate = good / total
    spread = z * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    return max(0.0, (rate + z * z / (2 * total) - spread) / (1 + z * z / total))


def pooled(found):
    """(good, total) of all runs of a share; None when it is none."""
    if not all('total' in figure for figure in found):
        return None
    return sum(figure['good'] for figure in found), sum(figure['total'] for figure in found)


def cell(reports, figure):
    """Mean, of shares all trials together, and worst where a limit says which way that is, else least and most."""
    found = [f for report in reports for f in report['figures'] if f['name'] == figure and f['value'] is not None]
    if not found:
        return '-'
    trials = pooled(found)
    if found[0].get('bound'):
        return f'{100 * at_least(*trials):.5g}'
    values = [f['value'] for f in found]
    mean = f'{100 * trials[0] / trials[1] if trials else statistics.fmean(values):.5g}'
    if len(values) == 1:
        return mean
    limit = found[0].get('mustBe')
    if limit:
        return f'{mean} ({(max if limit.startswith("<=") else min)(values):.5g})'
    return f'{mean} ({min(values):.5g} .. {max(values):.5g})'


def too_few(reports):
    """A probability p is shown by 3/p trials and not by fewer: a sentence for each limit that has fewer."""
    out = []
    names = dict.fromkeys(f['name'] for report in reports for f in report['figures'] if f.get('mustBe'))
    for name in names:
        found = [f for report in reports for f in report['figures'] if f['name'] == name and f['value'] is not None]
        trials = pooled(found) if found else None
        if not trials:
            continue
        percent = float(found[0]['mustBe'].split()[1])
        probability = min(percent, 100 - percent) / 100
        if probability > 0 and trials[1] * probability < 3 * (1 - 1e-9):
            out.append(f'`{name}` rests on {trials[1]:,} trials; {math.ceil(3 / probability - 1e-6):,} would show it.')
    return out


def conditions(name, columns):
    """In words, what the runs of a table were made with; ValueError when it is not the same for all."""
    reports = [report for column in columns.values() for report in column]
    kinds = {json.dumps([report.get('run', {}).get(key) for key in ('arguments', 'nodes', 'latency')]) for report in reports}
    if len(kinds) > 1 or any('run' not in report for report in reports):
        raise ValueError(f'{name}: results of different or unknown options in one file: {"; ".join(sorted(kinds))}')
    made = reports[0]['run']
    latency = 'synthetic latencies' if made['latency'] == 'synthetic' else f'latencies of {made["latency"].split(",")[0]}'
    nodes = f', --nodes {made["nodes"]}' if made['nodes'] else ''
    versions = ', '.join(sorted({report['run']['version'] for report in reports}))
    return f'{latency}{nodes}; version {versions}'


def table(options, name):
    row = ROWS[name]
    columns = {protocol: reports_of(options, name, protocol) for protocol in row.protocols}
    ours = columns[OURS]
    if not ours:
        return ''
    figures = ours[0]['figures']
    shown = [figure for figure in figures if row.shows(figure)]
    seeds = ', '.join(f'{protocol} {len(reports)}' for protocol, reports in columns.items() if reports)
    command = shlex.join(ours[0].get('run', {}).get('arguments', row.arguments))
    lines = [f'### {name}', '', f'`p2pd-sim {command}`; seeds: {seeds}; {conditions(name, columns)}.', '',
             '| | must be | ' + ' | '.join(columns) + ' |', '|---' * (len(columns) + 2) + '|']
    for figure in shown:
        unit = f', {figure["unit"]}' if figure['unit'] else ''
        cells = [cell(reports, figure['name']) for reports in columns.values()]
        lines.append(f'| {figure["name"]}{unit} | {figure.get("mustBe", "")} | ' + ' | '.join(cells) + ' |')
    broken = sorted({v for report in ours for v in report['violations'] if ' must be ' not in v})
    notes = [f'Broken rule: {violation}' for violation in broken] + [f'Too few: {few}' for few in too_few(ours)]
    return '\n'.join(lines + [''] + notes) + '\n'


def keeps(limit, value):
    sign, bound = limit.split()
    return value <= float(bound) if sign == '<=' else value >= float(bound)


def summary(options, names):
    """All limits in one table, and how each is kept."""
    protocols = [OURS, *BASELINES]
    lines = ['| row | | must be | ' + ' | '.join(protocols) + ' | |', '|---' * (len(protocols) + 4) + '|']
    for name in names:
        columns = {protocol: reports_of(options, name, protocol) for protocol in protocols}
        limits = columns[OURS][0]['figures'] if columns[OURS] else []
        for figure in limits:
            found = [f for report in columns[OURS] for f in report['figures'] if f['name'] == figure['name']]
            if not figure.get('mustBe') or figure['name'].startswith('watch: '):
                continue
            missed = sum(f['value'] is None or not keeps(figure['mustBe'], f['value']) for f in found)
            verdict = f'**missed by {missed} of {len(found)}**' if missed else ''
            unit = f', {figure["unit"]}' if figure['unit'] else ''
            cells = [cell(reports, figure['name']) if reports else '' for reports in columns.values()]
            what = figure['name'].removeprefix('target: ')
            lines.append(f'| {name} | {what}{unit} | {figure["mustBe"]} | {" | ".join(cells)} | {verdict} |')
    return '\n'.join(lines) + '\n'


def document(options):
    names = options.rows or list(ROWS)
    try:
        tables = {name: table(options, name) for name in names}
    except ValueError as mixed:
        print(mixed, file=sys.stderr)
        return 1
    if not options.rows:
        tables[SUMMARY] = summary(options, names)
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
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'tests/sim/figures.jsonl',
                        help='the file that keeps the results')
    parser.add_argument('--seeds', type=seeds_of, default=seeds_of('1..5'), metavar='FIRST..LAST')
    parser.add_argument('--protocols', type=lambda text: text.split(','), help='of these only')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), help='runs at once')
    parser.add_argument('--latency', type=pathlib.Path, help='a matrix of round trips')
    parser.add_argument('--into', type=pathlib.Path, metavar='FILE', help='where document puts its tables')
    parser.add_argument('--nodes', type=int, help="in place of each row's own number")
    parser.add_argument('--again', action='store_true', help='replaces results that were made with other options')
    parser.add_argument('--sim', type=pathlib.Path, default=ROOT / 'build/release/bin/p2pd-sim')
    options = parser.parse_intermixed_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f'no row {", ".join(sorted(unknown))}: see list')
    sys.exit(commands[options.command](options))


if __name__ == '__main__':
    main()
