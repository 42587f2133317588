"""An ONNX file as calls of PyTorch's own operators, one for each node."""

import numpy
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Network:
    """Computes on float tensors that lie as `layout` says. One that trains normalises by its batches, and its parameters
    take gradients."""

    def __init__(self, path, layout=torch.contiguous_format, trains=False):
        graph = onnx.load(path).graph
        self.layout = layout
        constants = {
            tensor.name: self.laid_out(torch.from_numpy(numpy_helper.to_array(tensor).copy()))
            for tensor in graph.initializer
        }
        self.parameters = []
        if trains:
            statistics = {
                name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]
            }
            for name, tensor in constants.items():
                if tensor.is_floating_point() and name not in statistics:
                    self.parameters.append(tensor.requires_grad_())
        last = {name: at for at, node in enumerate(graph.node) for name in node.input}
        self.steps = []
        for at, node in enumerate(graph.node):
            inputs = [name for name in node.input if name not in constants]
            freed = {name for name in inputs if last[name] == at}
            self.steps.append((call(node, constants, trains), inputs, node.output[0], freed))
        self.taken, self.given = graph.input[0].name, graph.output[0].name
        self.shape = [axis.dim_value or 1 for axis in graph.input[0].type.tensor_type.shape.dim]

    def image(self, batch):
        """Noise in the shape of so many images."""
        noise = numpy.random.default_rng(0).random([batch, *self.shape[1:]], dtype=numpy.float32)
        return torch.from_numpy(noise)

    def run(self, image):
        values = {self.taken: self.laid_out(image)}
        for function, inputs, output, freed in self.steps:
            value = function(*(values[name] for name in inputs))
            for name in freed:
                del values[name]
            values[output] = value
        return values[self.given]

    def laid_out(self, tensor):
        return tensor.contiguous(memory_format=self.layout) if tensor.dim() == 4 else tensor.contiguous()


def square(pads):
    top, left, bottom, right = pads
    assert (top, left) == (bottom, right), pads
    return top, left


def whole(constants, others):
    """The inputs of a node in order: what is no constant is one of the others."""
    others = iter(others)
    return [next(others) if constant is None else constant for constant in constants]


def call(node, constants, trains):
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
            return lambda x: F.batch_norm(x, mean, variance, scale, shift, trains, eps=take["epsilon"])
        case "Gemm":
            assert take.get("transB", 0) == 0
            weight = weights[1].t() if trains else weights[1].t().contiguous()
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
            return lambda *parts: torch.cat(whole(weights, parts), take["axis"])
        case "Shape":
            return lambda x: torch.tensor(x.shape[take["start"] : take["end"]])
        case "ConstantOfShape":
            return lambda shape: torch.zeros(shape.tolist())
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
