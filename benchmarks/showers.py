"""Showers of the CaloChallenge's data sets: GFLASH and Geant4, and a shower at a time in plain NumPy.

    python benchmarks/showers.py

GFLASH: `showers`, energies in, voxels out, in one process and in two that are started and warm; nothing is kept
on disk. The peer is the same method as one types it from the paper (hep-ex/0001020): a Python loop over showers and
layers, NumPy's draws for the spots of a layer (of equal energy), `numpy.add.at` into the voxels; its mean energy per
layer has to agree with ours. Geant4: `showers` with that engine, for electrons of data set 2 at fixed energies and
spread as in the file. Wall time, cases taking turns. Results go to `results/showers.json`.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import Executor
from statistics import median
from typing import Any

import numpy as np
from scipy.special import gammainc

from _common import machine, one_thread, store, take_turns
from femtobarn.parts import fresh_processes
from femtobarn.physics.voxels import geometry
from femtobarn.simulate.showers.cylinders import cylinder
from femtobarn.simulate.showers.sample import incident_energies, showers

COUNTS = {"1-photons": 4000, "1-pions": 4000, "2": 4000, "3": 2000}  # showers of each process in a round
TYPED = 300  # showers of the peer in a round
GEANT4 = {10.0: 60, 100.0: 6}  # GeV and showers of data set 2
SPREAD = 20  # showers of Geant4 with the energies of the data set


def make(dataset: str, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    showers(dataset, incident_energies(dataset, count, generator=generator), generator=generator)


def in_both(pool: Executor, dataset: str, count: int) -> None:
    for made in [pool.submit(make, dataset, count, seed) for seed in range(2)]:
        made.result()


def typed(energies: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Data set 2, shower by shower; energies in MeV."""
    calorimeter, voxels = cylinder("2"), geometry("2")
    medium, section = calorimeter.medium, calorimeter.sections[0]
    step, layers, c = calorimeter.radiation_depth[1], calorimeter.layers, section.stochastic
    Z, Fs, off = medium.Z, medium.frequency, 1 - medium.e_mip
    rings, slices = voxels.layers[0].rings, voxels.layers[0].slices
    edges = np.array(voxels.layers[0].r_edges)
    made = np.zeros((len(energies), layers, slices, rings))
    for row, energy in enumerate(energies / 1e3):
        y, log_energy = np.log(energy * 1e3 / medium.critical_energy), np.log(energy)
        T = max(y - 0.812 - 0.55 / Fs - 0.69 * off, 1.0)
        alpha = mean_alpha = max(0.81 + (0.458 + 2.26 / Z) * y - 0.476 / Fs, 1.1)
        rho = 0.784 - 0.023 * y
        z1, z2 = generator.normal(size=2)
        plus, minus = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
        T = max(T * np.exp(min(0.5, 1 / max(-2.5 + 1.25 * y, 2)) * (plus * z1 + minus * z2)), 1.0)
        alpha = max(alpha * np.exp(min(0.5, 1 / max(-0.82 + 0.79 * y, 2)) * (plus * z1 - minus * z2)), 1.1)
        T_spot, alpha_spot = T * (0.813 + 0.0019 * Z), max(alpha * (0.844 + 0.0026 * Z), 1.05)
        t = step * np.arange(layers + 1)
        share = np.diff(gammainc(alpha, (alpha - 1) / T * t))
        dots = np.diff(gammainc(alpha_spot, (alpha_spot - 1) / T_spot * t)) * 10.3 / c * energy**0.959
        for layer in range(layers):
            seen = section.response * generator.gamma(energy * share[layer] / c**2) * c**2
            number = max(1, int(dots[layer] + generator.random()))
            tau = (t[layer] + t[layer + 1]) / 2 / T * (alpha - 1) / alpha * mean_alpha / (mean_alpha - 1)
            fade = np.exp(-tau) / Fs
            core = (
                0.0251 + 0.00319 * log_energy + (0.1162 - 0.000381 * Z) * tau - 0.0203 * off + 0.0397 * fade
            )
            rise = np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0412 * log_energy) * (tau - 0.645))
            tail = max((0.659 - 0.00309 * Z) * rise - 0.14 * off - 0.495 * fade, core)
            x = (0.401 + 0.00187 * Z - tau) / (1.313 - 0.0686 * log_energy)
            p = (2.632 - 0.00094 * Z) * np.exp(x - np.exp(x)) + off * (
                0.348 - 0.642 / Fs * np.exp(-((tau - 1) ** 2))
            )
            u = generator.random(number)
            r = (
                np.where(generator.random(number) < p, core, tail)
                * np.sqrt(u / (1 - u))
                * medium.moliere_radius
            )
            ring = np.searchsorted(edges, r, side="right") - 1
            turn = generator.integers(slices, size=number)
            inside = ring < rings
            np.add.at(made[row, layer], (turn[inside], ring[inside]), seen / number)
    return (made * 1e3).reshape(len(energies), -1)


def typed_showers() -> None:
    generator = np.random.default_rng(1)
    typed(incident_energies("2", TYPED, generator=generator), generator)


def agreement(count: int) -> dict[str, float]:
    """Mean energy per layer of the peer and of ours, for the same energies: chi2 over the layers that hold energy."""
    energies = np.full(count, 20e3)
    mine = showers("2", energies, generator=np.random.default_rng(1)).reshape(count, 45, -1).sum(axis=2)
    theirs = typed(energies, np.random.default_rng(2)).reshape(count, 45, -1).sum(axis=2)
    used = slice(1, 20)  # few showers have energy behind
    pull = (mine.mean(0) - theirs.mean(0)) / np.sqrt((mine.var(0) + theirs.var(0)) / count)
    ratio = mine.sum(1).mean() / theirs.sum(1).mean()
    return {
        "showers": count,
        "chi2 per layer": float(np.mean(pull[used] ** 2)),
        "energy, ours over peer": float(ratio),
    }


def geant4_rates() -> dict[str, float]:
    """Showers of data set 2 a second, one process."""
    generator = np.random.default_rng(1)
    spread = incident_energies("2", SPREAD, generator=generator)
    cases = {f"{energy:g} GeV": np.full(n, energy * 1e3) for energy, n in GEANT4.items()}
    rates = {}
    for name, energies in (cases | {f"as in the file (mean {spread.mean() / 1e3:.0f} GeV)": spread}).items():
        start = time.perf_counter()
        showers("2", energies, generator=generator, engine="geant4")
        rates[name] = len(energies) / (time.perf_counter() - start)
    return rates


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    one_thread()
    where = machine(("femtobarn", "numpy", "scipy", "numba", "calzone"))
    rows: dict[str, dict[str, Any]] = {}
    with fresh_processes(2) as pool:
        for dataset, count in COUNTS.items():
            cases: dict[str, Callable[[], object]] = {
                "one process": lambda dataset=dataset, count=count: make(dataset, count, 1),  # type: ignore[misc]
                "two processes": lambda dataset=dataset, count=count: in_both(pool, dataset, count),  # type: ignore[misc]
            }
            if dataset == "2":
                cases["NumPy"] = typed_showers
            seconds = take_turns(cases, rounds=rounds)
            done = {"one process": count, "two processes": 2 * count, "NumPy": TYPED}
            rows[dataset] = {
                f"{name}, showers/s": done[name] / median(times) for name, times in seconds.items()
            }
            print(dataset, {name: round(rate) for name, rate in rows[dataset].items()})
    check = agreement(1000)
    print(check)
    geant4 = geant4_rates()
    print("Geant4", {name: round(rate, 2) for name, rate in geant4.items()})
    result = {
        "machine": where,
        "rounds": rounds,
        "gflash": rows,
        "peer": check,
        "geant4, data set 2, showers/s": geant4,
    }
    print("stored:", store("showers", result))


if __name__ == "__main__":
    main()
