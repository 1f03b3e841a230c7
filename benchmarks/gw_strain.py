"""Simulated events of whitened strain, and the scores that need no network, in one thread.

    python benchmarks/gw_strain.py

2000 noise events and 300 of each class, made, whitened with the spectrum of their own stretch and cut; the peer
makes noise event by event: 8 s of coloured noise, a spectrum, a filter, and the cut of 2.5 s, with the same functions.
Then excess power, coherent energy and, of the same events, an LSTM autoencoder of the published size (torch, one
thread). Wall time, cases taking turns. Results go to `results/gw_strain.json`.
"""

import functools
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from _common import machine, one_thread, store, take_turns
from femtobarn.evaluation.strain.scores import power_terms
from femtobarn.nn.strain_networks import StrainAutoencoder
from femtobarn.physics.coherence import coherence
from femtobarn.simulate.strain import Strain, events

NOISE, SIGNALS, ALONE, SCORED, ROUNDS = 2000, 300, 100, 200, 3
SETTINGS = Strain()
SINGLE = Strain(stretch=8.0, filter=2.0)


def make(kind: str, count: int) -> None:
    events(kind, count, SETTINGS, generator=np.random.default_rng(1))


def alone() -> None:
    draw = np.random.default_rng(1)
    for _ in range(ALONE):
        events("noise", 1, SINGLE, generator=draw)


def main() -> None:
    one_thread()
    torch.manual_seed(1)
    strain = events("noise", SCORED, SETTINGS, generator=np.random.default_rng(2)).strain
    lstm = StrainAutoencoder("LSTM").eval()
    kinds = {"noise": NOISE} | dict.fromkeys(("BBH", "sine-Gaussian", "BNS"), SIGNALS)
    cases: dict[str, Callable[[], object]] = {
        f"make {kind}": functools.partial(make, kind, count) for kind, count in kinds.items()
    }
    counts = {f"make {kind}": count for kind, count in kinds.items()} | {"make noise one by one": ALONE}
    cases["make noise one by one"] = alone
    scores = {
        "excess power": functools.partial(power_terms, strain, window=100),
        "coherent energy": functools.partial(coherence, strain, rate=1024.0),
        "LSTM": functools.partial(lstm.terms, strain),
    }
    counts |= dict.fromkeys(scores, SCORED)
    seconds = take_turns(cases | scores, rounds=ROUNDS)
    result = {
        "milliseconds per event": {
            name: round(1e3 * median(times) / counts[name], 4) for name, times in seconds.items()
        },
        "2000 noise events, seconds": round(median(seconds["make noise"]), 2),
        "machine": machine(["femtobarn", "numpy", "scipy", "numba", "torch"]),
    }
    print(store("gw_strain", result).read_text())


if __name__ == "__main__":
    main()
