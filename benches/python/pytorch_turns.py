"""Times ONNX files with PyTorch's own operators; `cargo bench --bench runtimes -- PYTHON ROUNDS pytorch` talks to it.

The messages are those of `onnxruntime_turns.py`. Each node of a file is one call of PyTorch, in inference mode, on float
tensors that lie as `sys.argv[1]` says: `contiguous`, PyTorch's default, or `channels_last`.
"""

import functools
import statistics
import sys
import time

import numpy
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

LAYOUT = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[sys.argv[1]]


def laid_out(tensor):
    return tensor.contiguous(memory_format=LAYOUT) if tensor.dim() == 4 else tensor.contiguous()


def square(pads):
    top, left, bottom, right = pads
    assert (top, left) == (bottom, right), pads
    return top, left


def call(node, constants):
    """What a node computes, as a function of its inputs that are no constants."""
    take = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    weights = [constants.get(name) for name in node.input]
    stride, pads = take.get("strides"), square(take.get("pads", [0, 0, 0, 0]))
    match node.op_type:
        case "Conv":
            bias = weights[2] if len(weights) > 2 else None
            return lambda x: torch.conv2d(x, weights[1], bias, stride, pads, 1, take["group"])
        case "BatchNormalization":
            scale, shift, mean, variance = weights[1:]
            return lambda x: F.batch_norm(x, mean, variance, scale, shift, eps=take["epsilon"])
        case "Gemm":
            assert take.get("transB", 0) == 0
            weight = weights[1].t().contiguous()
            bias = weights[2] if len(weights) > 2 else None
            return lambda x: F.linear(x, weight, bias)
        case "Relu":
            return torch.relu
        case "Clip":
            return lambda x: torch.clamp(x, 0.0, 6.0)
        case "HardSigmoid":
            return F.hardsigmoid
        case "HardSwish":
            return F.hardswish
        case "Sigmoid":
            return torch.sigmoid
        case "MaxPool":
            return lambda x: F.max_pool2d(x, take["kernel_shape"], stride, pads)
        case "AveragePool":
            return lambda x: F.avg_pool2d(x, take["kernel_shape"], stride, pads, count_include_pad=False)
        case "GlobalAveragePool":
            return lambda x: F.adaptive_avg_pool2d(x, 1)
        case "Add" | "Mul":
            function = torch.add if node.op_type == "Add" else torch.mul
            constant = next((weight for weight in weights if weight is not None), None)
            return function if constant is None else lambda x: function(x, constant)
        case "Concat":
            return lambda *parts: torch.cat(parts, take["axis"])
        case "Reshape":
            lengths = [int(length) for length in weights[1]]
            return lambda x: x.reshape([length or x.shape[axis] for axis, length in enumerate(lengths)])
        case "Transpose":
            return lambda x: x.permute(take["perm"]).contiguous()
        case "Flatten":
            return lambda x: x.flatten(take.get("axis", 1))
        case "Softmax":
            return lambda x: torch.softmax(x, take.get("axis", -1))
        case "Identity":
            return lambda x: x
    raise NotImplementedError(node.op_type)


@functools.cache
def network(path):
    graph = onnx.load(path).graph
    constants = {
        tensor.name: laid_out(torch.from_numpy(numpy_helper.to_array(tensor).copy())) for tensor in graph.initializer
    }
    last = {name: at for at, node in enumerate(graph.node) for name in node.input}
    steps = []
    for at, node in enumerate(graph.node):
        inputs = [name for name in node.input if name not in constants]
        freed = {name for name in inputs if last[name] == at}
        steps.append((call(node, constants), inputs, node.output[0], freed))
    taken = graph.input[0]
    shape = [axis.dim_value or 1 for axis in taken.type.tensor_type.shape.dim]
    image = numpy.random.default_rng(0).random(shape, dtype=numpy.float32)
    return steps, taken.name, image, graph.output[0].name


@torch.inference_mode()
def run(path):
    steps, taken, image, given = network(path)
    values = {taken: laid_out(torch.from_numpy(image))}
    for function, inputs, output, freed in steps:
        value = function(*(values[name] for name in inputs))
        for name in freed:
            del values[name]
        values[output] = value
    return values[given].numpy()


print(torch.__version__, flush=True)
for line in sys.stdin:
    passes, threads, path = line.rstrip("\n").split(" ", 2)
    torch.set_num_threads(int(threads))
    network(path)
    samples = []
    for _ in range(3 + int(passes)):
        begun = time.perf_counter()
        run(path)
        samples.append(1e3 * (time.perf_counter() - begun))
    print(statistics.median(samples[3:]), flush=True)
