"""Times ONNX files with PyTorch's own operators; `cargo bench --bench runtimes -- PYTHON ROUNDS pytorch` talks to it.

Inference mode, on tensors that lie as `sys.argv[1]` says: `contiguous`, PyTorch's default, or `channels_last`.
"""

import functools
import sys

import torch

import turns
from pytorch_network import Network

LAYOUT = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[sys.argv[1]]


@functools.cache
def network(path):
    network = Network(path, LAYOUT)
    return network, network.image(network.shape[0])


def prepare(path, threads):
    torch.set_num_threads(threads)
    taken, image = network(path)

    @torch.inference_mode()
    def run():
        return taken.run(image).numpy()

    return run


turns.take(torch.__version__, prepare)
