"""Times ONNX files with onnxruntime as it comes; the benchmarks `runtimes` and `measure` talk to it."""

import functools

import numpy
import onnxruntime

import turns


@functools.cache
def prepare(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    shape = [axis if isinstance(axis, int) else 1 for axis in taken.shape]
    inputs = {taken.name: numpy.random.default_rng(0).random(shape, dtype=numpy.float32)}
    return lambda: session.run(None, inputs)


turns.take(onnxruntime.__version__, prepare)
