#!/usr/bin/env python3
"""p2pd's voice beside baresip's and Chromium's on the same bad networks: delay from mouth to ear, intelligibility, and what
was made up. Needs root (network namespaces, TUN); `deploy/setup.sh --voice` installs the sound card of baresip.

    tests/voice/measure.py [--conditions clean,loss10|all] [--programs p2pd,baresip,chromium] [--seeds 1,2,3,4,5]
                           [--seconds 30] [--out FOLDER]

Without arguments: the clean network, 30 s of recorded speech, all programs. The programs of one run call at the same time,
each over a link of its own with the same seed, so that a machine that has no time has none for all of them. Prints a table
of medians over the seeds; FOLDER gets table.txt, results.json and a plot of the delay over time for each condition.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import wave

from ends import ENDS, lab

NETWORK = {'delay': 20}
# What holds from which second of the speech on. Normal jitter is one-sided, the queue first in, first out.
CONDITIONS = {
    'clean': {0: {}},
    'jitter15': {0: {'jitter': 15}},
    'jitter40': {0: {'jitter': 40}},
    'reorder': {0: {'jitter': 15, 'fifo': False}},
    'loss5': {0: {'loss': 0.05}},
    'loss10': {0: {'loss': 0.10}},
    'loss20': {0: {'loss': 0.20}},
    'bursts': {0: {'to_bad': 0.03, 'to_good': 0.4}},
    'spikes': {0: {'spike': {'every': 5, 'ms': 200, 'for': 60}}},
    'recovery': {0: {'jitter': 40}, 12: {}},
}
# A delay counts as back when it is so near to the clean network's, ms.
BACK = 20


def speech(folder, seconds):
    """Recorded speech of one reader as a WAV file of 16 kHz."""
    out = folder / 'said.wav'
    parts = sorted(lab.SPEECH.glob('librivox/*.wav')) + sorted(lab.SPEECH.glob('cards/*.wav'))
    if not parts:
        sys.exit(f'no recorded speech in {lab.SPEECH}: install pocketsphinx-testdata')
    left = seconds * 16_000
    with wave.open(str(out), 'wb') as joined:
        joined.setparams((1, 2, 16_000, 0, 'NONE', ''))
        while left > 0:
            for part in parts:
                with wave.open(str(part), 'rb') as source:
                    frames = source.readframes(min(source.getnframes(), left))
                joined.writeframes(frames)
                left -= len(frames) // 2
    return out


def percentile(values, share):
    return sorted(values)[round(share * (len(values) - 1))]


def judge(said, heard, told):
    """The figures of one call."""
    seen = lab.run([lab.BIN / 'p2pd-speech-compare', said, heard, '--delays'], code=None).json()
    delays = [(at, delay + told['offset']) for at, delay in seen['delays']]
    if not seen['judged'] or not delays:
        raise lab.Unmet(f'nothing to judge in {heard}: {seen}')
    values = [delay for _, delay in delays]
    return {'delay': statistics.median(values), 'p95': percentile(values, 0.95), 'estoi': seen['estoi'],
            'worst': seen['worst'], 'coverage': seen['coverage'], 'concealed': told['concealed'], 'delays': delays}


def lost(log, begin):
    """Share of the packets towards b that the link lost, from this byte of its log on."""
    with open(log) as packets:
        packets.seek(begin)
        fates = [line.rsplit(',', 1)[1].strip() for line in packets if line.count(',') == 3 and ',a,' in line]
    return fates.count('lost') / max(len(fates), 1)


def run(programs, condition, seed, said, seconds, folder):
    """One call of every program at once; program → figures."""
    heard = {program.name: folder / f'{condition}-{seed}-{program.name}.wav' for program in programs}
    for program in programs:
        program.wire.set(**NETWORK, seed=seed)
        program.call(said, heard[program.name], seconds)
    begin = {program.name: os.path.getsize(program.wire.log) for program in programs}
    at = time.monotonic()
    for second, change in CONDITIONS[condition].items():
        time.sleep(max(at + second - time.monotonic(), 0))
        for program in programs:
            program.wire.set(**NETWORK, **change, **({'seed': seed} if second == 0 else {}))
    out = {}
    for program in programs:
        try:
            out[program.name] = judge(said, heard[program.name], program.result())
        except (lab.Unmet, AssertionError) as problem:
            print(f'{condition}, seed {seed}, {program.name}: {problem}', file=sys.stderr)
            continue
        out[program.name]['lost'] = lost(program.wire.log, begin[program.name])
    return out


def back_after(figures, clean, since):
    """Seconds from the end of the disturbance until the delay stays within BACK ms of the clean network's."""
    late = [at for at, delay in figures['delays'] if at > since and delay > clean + BACK]
    return max(late) - since if late else 0.0


def middle(values, form):
    values = [value for value in values if value is not None]
    return form.format(statistics.median(values)) if values else '-'


def table(results):
    lines = [f'{"condition":10} {"program":9} {"delay":>6} {"p95":>6} {"ESTOI":>6} {"worst":>6} {"made up":>8} {"lost":>6}  '
             'medians over the seeds; ms, %']
    clean = {name: statistics.median(run['delay'] for run in runs)
             for name, runs in results.get('clean', {}).items()}
    for condition, programs in results.items():
        for name, runs in programs.items():
            def column(key, form, factor=1.0, runs=runs):
                return middle([factor * run[key] if run[key] is not None else None for run in runs], form)
            line = (f'{condition:10} {name:9} {column("delay", "{:6.1f}"):>6} {column("p95", "{:6.1f}"):>6} '
                    f'{column("estoi", "{:6.3f}"):>6} {column("worst", "{:6.3f}"):>6} '
                    f'{column("concealed", "{:8.2f}", 100):>8} {column("lost", "{:6.1f}", 100):>6}')
            if condition == 'recovery' and name in clean:
                back = middle([back_after(run, clean[name], max(CONDITIONS[condition])) for run in runs], '{:.1f}')
                line += f'  back after {back} s'
            lines.append(line)
    return '\n'.join(lines)


def plot(results, folder):
    """Delay over time, one picture a condition, the first seed of each program."""
    for condition, programs in results.items():
        curves = []
        for name, runs in programs.items():
            data = folder / f'{condition}-{name}.tsv'
            data.write_text(''.join(f'{at}\t{delay}\n' for at, delay in runs[0]['delays']))
            curves.append(f"'{data}' with linespoints pointsize 0.4 title '{name}'")
        if curves:
            commands = (f"set terminal png size 900,400; set output '{folder / condition}.png'; set title '{condition}'; "
                        f"set xlabel 's'; set ylabel 'mouth to ear, ms'; set yrange [0:*]; plot {', '.join(curves)}")
            subprocess.run(['gnuplot', '-e', commands], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--conditions', default='clean', help=f'all, or of {",".join(CONDITIONS)}')
    parser.add_argument('--programs', default=','.join(ENDS))
    parser.add_argument('--seeds', default='1')
    parser.add_argument('--seconds', type=int, default=30)
    parser.add_argument('--out', type=pathlib.Path, default=lab.ROOT / 'build/voice-figures')
    arguments = parser.parse_args()
    conditions = list(CONDITIONS) if arguments.conditions == 'all' else arguments.conditions.split(',')
    if os.geteuid() != 0:
        sys.exit('measure.py makes network namespaces: run it as root')
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Ours and the peers' programs alike, before whatever else this machine does.
    pathlib.Path('/proc/self/autogroup').write_text('-10')
    folder = arguments.out.resolve()
    said = speech(folder, arguments.seconds)
    results = {condition: {} for condition in conditions}
    with lab.Lab('voice') as workshop:
        programs = [ENDS[name](workshop) for name in arguments.programs.split(',')]
        for condition in conditions:
            for seed in map(int, arguments.seeds.split(',')):
                for name, figures in run(programs, condition, seed, said, arguments.seconds + 1, folder).items():
                    results[condition].setdefault(name, []).append(figures)
                    print(f'{condition}, seed {seed}, {name}: {figures["delay"]:.1f} ms, ESTOI {figures["estoi"]:.3f}',
                          file=sys.stderr, flush=True)
    (folder / 'results.json').write_text(json.dumps(results, indent=1))
    (folder / 'table.txt').write_text(table(results) + '\n')
    plot(results, folder)
    print(table(results))


if __name__ == '__main__':
    main()
