"""Times ONNX files with onnxruntime as it comes; the benchmarks `runtimes` and `measure` talk to it.

Each line of standard input is `PASSES THREADS FILE`; each line of standard output is the median of so many passes and their
fastest tenth, in milliseconds, after three that are not counted. A file's session is kept.
"""

import functools
import statistics
import sys
import time

import numpy
import onnxruntime


@functools.cache
def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    shape = [axis if isinstance(axis, int) else 1 for axis in taken.shape]
    image = numpy.random.default_rng(0).random(shape, dtype=numpy.float32)
    return session, {taken.name: image}


print(onnxruntime.__version__, flush=True)
for line in sys.stdin:
    passes, threads, path = line.rstrip("\n").split(" ", 2)
    network, inputs = session(path, int(threads))
    samples = []
    for _ in range(3 + int(passes)):
        begun = time.perf_counter()
        network.run(None, inputs)
        samples.append(1e3 * (time.perf_counter() - begun))
    counted = sorted(samples[3:])
    print(statistics.median(counted), counted[len(counted) // 10], flush=True)
