"""Turns of passes that a benchmark asks for: each line of standard input is `PASSES THREADS FILE`, each line of standard
output the median of so many passes and their fastest tenth, in milliseconds, after three that are not counted."""

import statistics
import sys
import time


def take(version, prepare):
    """Tells the version first. `prepare` makes a pass, a function, of a file and a number of threads."""
    print(version, flush=True)
    for line in sys.stdin:
        passes, threads, path = line.rstrip("\n").split(" ", 2)
        run = prepare(path, int(threads))
        samples = []
        for _ in range(3 + int(passes)):
            begun = time.perf_counter()
            run()
            samples.append(1e3 * (time.perf_counter() - begun))
        counted = sorted(samples[3:])
        print(statistics.median(counted), counted[len(counted) // 10], flush=True)
