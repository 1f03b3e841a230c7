"""Writes hgq2.json: what HGQ2 gives for a few hundred numbers, forward and backward, and EBOPs of a layer.

Made with hgq2 0.2.0, quantizers 1.2.2, keras 3.15.1, torch 2.13.0 on Python 3.11:
KERAS_BACKEND=torch python hgq2.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from hgq.config import LayerConfigScope, QuantizerConfig
from hgq.layers import QDense
from hgq.quantizer.internal import FixedPointQuantizerKIF

EVENTS = 6


def _rows(values: object) -> list:
    """Nested lists; nine digits hold every float32."""
    array = np.asarray(values, dtype=np.float64)
    return np.array([float(f"{value:.9g}") for value in array.ravel()]).reshape(array.shape).tolist()


def quantiser(rounding: str, overflow: str, training: bool) -> dict:
    """Elements with all signs and bits of a small grid: also i < 0, f < 0, and k + i + f <= 0."""
    grid = [(k, i, f) for k in (0, 1) for i in (-2, -1, 0, 3) for f in (-1, 0, 2, 5)]
    if training:  # with fewer bits than none, HGQ2 differs between training and inference
        grid = [(k, i, f) for k, i, f in grid if k + i + f > 0 and i + f >= 0]
    k, i, f = (np.array(column, np.float32) for column in zip(*grid, strict=True))
    g = np.random.default_rng(7)
    x = g.normal(size=(EVENTS, len(grid))).astype(np.float32) * 2 ** (i + 0.5)
    x[:3] = np.round(x[:3] * 2**f) * 2**-f + 2 ** (-f - 1)  # ties
    upstream = g.normal(size=x.shape).astype(np.float32)
    layer = FixedPointQuantizerKIF(1, 2, 2, rounding, overflow, i_decay_speed=0.01, homogeneous_axis=(0,))
    layer.build(x.shape)
    layer._k.assign(k[None])
    layer._i.assign(i[None])
    layer._f.assign(f[None])
    tensor = torch.tensor(x, requires_grad=True)
    q = layer(tensor, training=training)
    (q * torch.tensor(upstream)).sum().backward()
    gradient = {"x": _rows(tensor.grad.cpu()), "f": _rows(layer._f.value.grad.cpu()[0])}
    if overflow != "WRAP":
        gradient["i"] = _rows(layer._i.value.grad.cpu()[0])
    return {
        "rounding": rounding,
        "overflow": overflow,
        "training": training,
        "k": _rows(k),
        "i": _rows(i),
        "f": _rows(f),
        "x": _rows(x),
        "upstream": _rows(upstream),
        "q": _rows(q.detach().cpu()),
        "gradient": gradient,
        "i after": _rows(layer._i.numpy()[0]),
    }


def dense() -> dict:
    """Outputs and EBOPs of one layer, and the gradients of the EBOPs in the bits."""
    g = np.random.default_rng(3)
    forms = {
        name: QuantizerConfig("kif", "datalane" if name == "iq_conf" else "weight", overflow_mode="SAT_SYM")
        for name in ("iq_conf", "kq_conf", "bq_conf")
    }
    with LayerConfigScope(enable_ebops=True, beta0=1.0):
        layer = QDense(5, name="dense", **forms)
        layer.build((None, 7))
    kernel, bias = g.normal(size=(7, 5)).astype(np.float32), g.normal(size=5).astype(np.float32)
    x = g.normal(size=(40, 7)).astype(np.float32)
    shapes = ((1, 7), (7, 5), (5,))
    fractions = [g.integers(-1, 5, size=shape).astype(np.float32) for shape in shapes]
    integers = [g.integers(-2, 3, size=shape).astype(np.float32) for shape in shapes]
    layer._kernel.assign(kernel)
    layer.bias.assign(bias)
    quantisers = (layer.iq, layer.kq, layer.bq)
    for each, fraction, integer in zip(quantisers, fractions, integers, strict=True):
        each.quantizer._f.assign(fraction)
        each.quantizer._i.assign(integer)
    y = layer(torch.tensor(x), training=True)
    ebops = layer._compute_ebops((1, 7))
    ebops.backward()
    return {
        "kernel": _rows(kernel),
        "bias": _rows(bias),
        "x": _rows(x),
        "f": [_rows(fraction) for fraction in fractions],
        "i": [_rows(integer) for integer in integers],
        "y": _rows(y.detach().cpu()),
        "ebops": float(ebops.detach()),
        "gradient": [
            [_rows(bits.value.grad.cpu()) for bits in (each.quantizer._i, each.quantizer._f)]
            for each in quantisers
        ],
    }


if __name__ == "__main__":
    modes = [
        (rounding, overflow, training)
        for rounding in ("RND", "TRN")
        for overflow in ("WRAP", "SAT", "SAT_SYM")
        for training in (True, False)
    ]
    content = {"quantiser": [quantiser(*mode) for mode in modes], "dense": dense()}
    Path(__file__).with_name("hgq2.json").write_text(json.dumps(content))
