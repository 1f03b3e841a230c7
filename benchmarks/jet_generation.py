"""Time of a generated jet: each model of published size at several batch sizes, and how it grows with the particles.

One thread, untrained weights: the time does not depend on them. Run `python benchmarks/jet_generation.py`; it prints
tables and writes results/jet_generation.json.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from torch import nn

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.nn.jet_generators import (
    EpicFlow,
    FullyConnectedGenerator,
    GaptGenerator,
    IgaptGenerator,
    MpganGenerator,
    scaling_by_maxima,
)
from femtobarn.nn.jet_generators import generate as generate_jets

SCALING = scaling_by_maxima()
MODELS: dict[str, Callable[..., nn.Module]] = {
    "GAPT": GaptGenerator,
    "GAPT, width 64": partial(GaptGenerator, width=64, heads=4),
    "iGAPT": IgaptGenerator,
    "MPGAN": MpganGenerator,
    "EPiC-FM, 100 steps": EpicFlow,
    "EPiC-FM, 3 layers of 64, 25 steps": partial(EpicFlow, hidden=64, layers=3, steps=25),
    "FC generator": FullyConnectedGenerator,
}
BATCHES = (1, 10, 100, 1000, 10_000)
SLOW = ("MPGAN", "EPiC-FM, 100 steps")  # these are not asked for the largest batch
PARTICLES = (30, 120)
CHUNK = {"MPGAN": 50}  # a message of 192 numbers for each of 900 pairs: more do not fit in the cache


def generate(generator: nn.Module, jets: int, *, chunk: int) -> None:
    wanted = torch.full((jets,), generator.particles)
    generate_jets(generator, wanted, generator=torch.Generator().manual_seed(0), chunk=chunk)


def by_batch(rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds a jet of 30 particles, by model and jets asked for at once."""
    found: dict[str, dict[str, float]] = {name: {} for name in MODELS}
    generators = {name: build(SCALING, particles=30).eval() for name, build in MODELS.items()}
    for batch in BATCHES:
        cases = {
            name: partial(generate, generator, batch, chunk=CHUNK.get(name, 1000))
            for name, generator in generators.items()
            if batch <= 1000 or name not in SLOW
        }
        for name, times in take_turns(cases, rounds=rounds if batch < 1000 else 3).items():
            found[name][str(batch)] = 1e6 * median(times) / batch
    return found


def by_particles(rounds: int, *, jets: int = 50) -> dict[str, float]:
    """Ratio of the time of a jet of 120 particles to that of one of 30, within one round."""
    found = {}
    for name, build in MODELS.items():
        cases = {
            str(n): partial(generate, build(SCALING, particles=n).eval(), jets, chunk=jets) for n in PARTICLES
        }
        found[name] = ratio(take_turns(cases, rounds=rounds), "120", "30")
    return found


def peers(rounds: int, *, jets: int = 200) -> float:
    """How many times as long MPGAN takes as GAPT, both as published, 30 particles."""
    cases = {
        name: partial(generate, MODELS[name](SCALING, particles=30).eval(), jets, chunk=50)
        for name in ("MPGAN", "GAPT")
    }
    return ratio(take_turns(cases, rounds=rounds), "MPGAN", "GAPT")


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=7)
    rounds = arguments.parse_args().rounds
    one_thread()
    torch.manual_seed(0)
    where = machine(("femtobarn", "numpy", "torch"))
    times, growth, against = by_batch(rounds), by_particles(rounds), peers(rounds)
    print(f"{'us per jet, jets at once:':36s}" + "".join(f"{batch:>10d}" for batch in BATCHES) + "  120/30")
    for name, each in times.items():
        numbers = "".join(f"{each.get(str(batch), float('nan')):10.0f}" for batch in BATCHES)
        print(f"{name:36s}{numbers}{growth[name]:8.1f}")
    print(f"\nMPGAN / GAPT at 30 particles: {against:.1f}")
    goals = {
        "MPGAN, 120 particles / 30 > 8": growth["MPGAN"] > 8,
        "iGAPT, 120 particles / 30 < 6": growth["iGAPT"] < 6,
        "MPGAN / GAPT >= 5": against >= 5,
    }
    print(goals)
    result = {
        "machine": where,
        "rounds": rounds,
        "us per jet": times,
        "time of 120 particles over 30": growth,
        "MPGAN over GAPT": against,
        "goals": goals,
    }
    print("stored:", store("jet_generation", result))


if __name__ == "__main__":
    main()
