#!/usr/bin/env python3
"""Every C++ file is as clang-format-19 writes it (.clang-format). Says so and passes where that program is missing."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import sources

PROGRAM = 'clang-format-19'
BATCH = 20


def check(root, program=PROGRAM):
    files = sources.cpp_files(root)
    batches = [files[i:i + BATCH] for i in range(0, len(files), BATCH)]

    def run(batch):
        done = subprocess.run([program, '--dry-run', '--Werror', *batch], cwd=root, capture_output=True, text=True)
        bad = sorted({line.split(':')[0] for line in done.stderr.splitlines() if 'clang-format-violations' in line})
        if done.returncode != 0 and not bad:
            return [done.stderr.strip() or f'{program} failed']
        return [f'{path}: not as {program} writes it: run {program} -i {path}' for path in bad]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [problem for result in pool.map(run, batches) for problem in result]


if __name__ == '__main__':
    if shutil.which(PROGRAM) is None:
        print(f'format: {PROGRAM} is not installed, nothing was checked (deploy/setup.sh installs it)')
        sys.exit(0)
    sources.finish('format', check(sources.ROOT))
