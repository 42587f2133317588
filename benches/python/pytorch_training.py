"""Times training steps of ONNX files with PyTorch's own operators; `cargo bench --bench training` talks to it.

A step is that of `torch.optim.SGD` with momentum and weight decay, for the cross-entropy of one batch of `sys.argv[1]`
images of noise.
"""

import functools
import sys

import torch
import torch.nn.functional as F

import turns
from pytorch_network import Network

BATCH = int(sys.argv[1])


@functools.cache
def trained(path):
    network = Network(path, trains=True)
    optimiser = torch.optim.SGD(network.parameters, lr=1e-3, momentum=0.9, weight_decay=5e-4)
    return network, optimiser, network.image(BATCH), torch.arange(BATCH) % 10


def prepare(path, threads):
    torch.set_num_threads(threads)
    network, optimiser, images, labels = trained(path)

    def step():
        optimiser.zero_grad()
        loss = F.cross_entropy(network.run(images), labels)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


turns.take(torch.__version__, prepare)
