"""Trains a network with HGQ2, a number of steps for each line read; run by quantised.py with a Python that has it.

Usage: KERAS_BACKEND=torch PYTHON _hgq2.py BATCH OVERFLOW_OF_WEIGHTS, then lines with numbers of steps on stdin.
Each answer is one line: seconds. A first line tells that the network is ready.
"""

import sys
import time

import keras
import torch
from hgq.config import LayerConfigScope, QuantizerConfig
from hgq.layers import QDense


def network(overflow: str) -> keras.Model:
    """64-32-32-5 as in HGQ2's own example, without its regularisers of single bits."""
    weight, data = (
        QuantizerConfig("kif", "weight", overflow_mode=overflow),
        QuantizerConfig("kif", "datalane"),
    )
    forms = {"kq_conf": weight, "bq_conf": weight, "iq_conf": data}
    with LayerConfigScope(enable_ebops=True, beta0=5e-6):
        layers = [QDense(width, activation="relu", **forms) for width in (64, 32, 32)]
        model = keras.Sequential([keras.Input((16,)), *layers, QDense(5, **forms)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=loss)
    return model


def main(batch: str, overflow: str) -> None:
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(0)
    x = torch.randn(int(batch), 16, generator=g)
    y = torch.randint(0, 5, (int(batch),), generator=g)
    model = network(overflow)
    for _ in range(3):
        model.train_on_batch(x, y)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            model.train_on_batch(x, y)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
