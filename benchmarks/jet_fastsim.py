"""Time of a reconstructed jet: networks of published and of compact size beside our detector with its clustering.

One thread, the same jets, generator time in neither: the detector gets finished collisions and gives jets; the networks
get finished generated jets. Untrained weights: the time does not depend on them.

Run `python benchmarks/jet_fastsim.py`; it prints a table and writes results/jet_fastsim.json.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import nn

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.evaluation.fast_simulation.baselines import BinnedResponse, NearestJet
from femtobarn.nn.jet_generators import Scaling
from femtobarn.nn.jet_simulators import FlowSimulator, JetVae, simulated
from femtobarn.physics.jet_pairs import JetPairs
from femtobarn.simulate.collisions.processes import dijets
from femtobarn.simulate.collisions.sample import collisions
from femtobarn.simulate.jet_pairs import PairSample, detected_pairs
from femtobarn.simulate.particles import Particles

EVENTS = 200
BATCHES = (1, 100, 1000)
UNITS = torch.zeros(3), torch.full((3,), 10.0)
RELATIVE = Scaling((0.0, 0.0, -4.0), (0.1, 0.1, 1.0), log_pt=True)
MODELS: dict[str, Callable[[], nn.Module]] = {
    "VAE, 14.8 M weights": lambda: JetVae(*UNITS),
    "VAE, 1.3 M weights": lambda: JetVae(*UNITS, channels=(16, 32, 64), dense=256),
    "EPiC flow, 3 layers of 64, 10 steps": lambda: FlowSimulator(RELATIVE),
}


def detector(events: Particles, sample: PairSample) -> JetPairs:
    return detected_pairs(events, sample, generator=np.random.default_rng(1))


def times(pairs: JetPairs, events: Particles, sample: PairSample, rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a jet by simulator and jets asked for at once, and the ratio of the detector's time to it."""
    networks = {name: build().eval() for name, build in MODELS.items()}
    baselines = {
        "binned response": BinnedResponse.of(pairs.generated, pairs.reconstructed, bins=(3, 2)),
        "nearest jet": NearestJet.of(pairs.generated, pairs.reconstructed),
    }
    found: dict[str, dict[str, float]] = {}
    for batch in BATCHES:
        jets = pairs.generated.take(np.arange(batch) % len(pairs))
        cases: dict[str, Callable[[], object]] = {"detector": partial(detector, events, sample)}
        cases |= {name: partial(simulated, model, jets, seed=0) for name, model in networks.items()}
        cases |= {
            name: partial(run, jets, generator=np.random.default_rng(0)) for name, run in baselines.items()
        }
        seconds = take_turns(cases, rounds=rounds)
        made = {name: len(pairs) if name == "detector" else batch for name in cases}
        each = {name: [s / made[name] for s in values] for name, values in seconds.items()}
        for name, values in each.items():
            row = {"us per jet": 1e6 * median(values), "detector over this": ratio(each, "detector", name)}
            found.setdefault(name, {}).update(
                {f"{key}, {batch} at once": value for key, value in row.items()}
            )
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    one_thread()
    torch.manual_seed(0)
    where = machine(("femtobarn", "numpy", "torch", "fastjet"))
    sample, events = PairSample(), collisions(dijets((150.0, 500.0)), EVENTS, seed=1, workers=1)
    pairs = detector(events, sample)
    found = times(pairs, events, sample, rounds)
    print(f"{len(pairs)} pairs of jets in {EVENTS} collisions\n")
    print(
        f"{'us per jet, jets at once:':38s}" + "".join(f"{b:>10d}" for b in BATCHES) + "   detector over it"
    )
    for name, row in found.items():
        numbers = "".join(f"{row[f'us per jet, {batch} at once']:10.0f}" for batch in BATCHES)
        print(f"{name:38s}{numbers}{row[f'detector over this, {BATCHES[1]} at once']:12.1f}")
    published = found["VAE, 14.8 M weights"]
    goals = {
        "published network <= 400 us a jet, 100 at once": published["us per jet, 100 at once"] <= 400,
        "detector >= 10 times as long": published["detector over this, 100 at once"] >= 10,
    }
    print(goals)
    about = {"machine": where, "rounds": rounds, "pairs": len(pairs), "collisions": EVENTS}
    print("stored:", store("jet_fastsim", about | {"times": found, "goals": goals}))


if __name__ == "__main__":
    main()
