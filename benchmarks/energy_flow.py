"""The 36 energy flow polynomials, ours against EnergyFlow: same values, then time per jet on one thread.

Run `python benchmarks/energy_flow.py`. It prints a table and writes results/energy_flow.json in about a
minute. EnergyFlow 1.4 needs NumPy 1 and therefore an environment of its own:

    python -m venv /tmp/other && /tmp/other/bin/pip install energyflow==1.4.0 "numpy<2"
    python benchmarks/energy_flow.py --energyflow /tmp/other/bin/python
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.physics.energy_flow import energy_flow_polynomials, energy_flow_polynomials_torch
from femtobarn.simulate.toy_jets import toy_jets

JETS, FEW = 50_000, 2000  # for our compiled code, for the rest
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
GOAL_SECONDS, GOAL_RATIO = 3.0, 100.0
Jets = tuple[np.ndarray, np.ndarray]


class EnergyFlow:
    """The package of that name in another Python; every call times itself."""

    def __init__(self, python: str, folder: Path, jets: Jets) -> None:
        self.python, self.jets, self.result = python, folder / "jets.npz", folder / "result.npz"
        folder.mkdir(parents=True)
        np.savez(self.jets, particles=jets[0], mask=jets[1])

    def __call__(self) -> float:
        """Compute all jets, keep the values, and return the seconds."""
        script = Path(__file__).with_name("_energyflow.py")
        command = [self.python, script, self.jets, self.result]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | ONE_THREAD)
        found = np.load(self.result)
        self.value = found["value"]
        return float(found["seconds"])


def compare(particles: int, count: int, other: str | None, folder: Path, rounds: int) -> dict[str, Any]:
    """All ways to the polynomials of gluon jets with at most so many particles."""
    jets = toy_jets("g", count, generator=np.random.default_rng(1), particles=particles)
    few = (jets[0][:FEW], jets[1][:FEW])
    tensors = torch.from_numpy(few[0]), torch.from_numpy(few[1])
    leaf = tensors[0].clone().requires_grad_()
    cases: dict[str, Callable[[], object]] = {
        "ours": lambda: energy_flow_polynomials(*jets),
        "ours, torch": lambda: energy_flow_polynomials_torch(*tensors),
        "ours, torch and backward": lambda: energy_flow_polynomials_torch(leaf, tensors[1]).sum().backward(),
    }
    rows = dict.fromkeys(cases, len(few[0])) | {"ours": count}
    exact = energy_flow_polynomials(*few)
    checks = {"ours, torch": worst(energy_flow_polynomials_torch(*tensors).numpy(), exact)}
    if other:
        cases["EnergyFlow"] = peer = EnergyFlow(other, folder, few)
        rows["EnergyFlow"] = len(few[0])
    seconds = take_turns(cases, rounds=rounds)
    if other:
        checks["EnergyFlow"] = worst(peer.value, exact)
    each = {name: [s / rows[name] for s in times] for name, times in seconds.items()}
    return {
        "jets": count,
        "particles, mean": float(jets[1].sum(axis=1).mean()),
        "seconds for all, ours": float(np.median(seconds["ours"])),
        "rows": {
            name: {
                "us per jet": 1e6 * float(np.median(times)),
                "fastest": 1e6 * min(times),
                "ratio to ours": ratio(each, name, "ours"),
            }
            | ({"largest relative difference": checks[name]} if name in checks else {})
            for name, times in each.items()
        },
    }


def worst(values: np.ndarray, exact: np.ndarray) -> float:
    """Largest difference in units of the value; polynomials that vanish must do so in both."""
    scale = np.where(exact == 0, 1, exact)
    return float(np.abs((values - exact) / scale).max())


def show(title: str, table: dict[str, Any]) -> None:
    print(f"\n{title:40s}{'us per jet':>12s}{'fastest':>10s}{'/ ours':>9s}   difference")
    for name, row in table["rows"].items():
        difference = f"{row.get('largest relative difference', np.nan):.0e}".replace("nan", "")
        print(
            f"{name:40s}{row['us per jet']:12.2f}{row['fastest']:10.2f}{row['ratio to ours']:9.2f}   {difference}"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--energyflow", metavar="PYTHON", help="a Python that has energyflow and NumPy 1")
    options = arguments.parse_args()
    one_thread()
    where = machine(("femtobarn", "numpy", "numba", "torch"))
    tables = {}
    with tempfile.TemporaryDirectory() as name:
        for particles, count in ((30, JETS), (150, FEW)):
            title = f"jets with up to {particles} particles"
            tables[title] = compare(particles, count, options.energyflow, Path(name) / title, options.rounds)
    for title, table in tables.items():
        show(title, table)
    first = next(iter(tables.values()))
    print(f"\n{JETS} jets: {first['seconds for all, ours']:.2f} s, goal {GOAL_SECONDS:g} s")
    result: dict[str, Any] = {"machine": where, "rounds": options.rounds, "tables": tables}
    result["goals"] = {"seconds": GOAL_SECONDS, "times EnergyFlow": GOAL_RATIO}
    if options.energyflow:
        result["energyflow"] = "1.4.0"
        print(f"{first['rows']['EnergyFlow']['ratio to ours']:.0f} times EnergyFlow, goal {GOAL_RATIO:g}")
    else:
        result["left out"] = {"EnergyFlow": "1.4.0 needs NumPy 1; see --energyflow"}
    print("stored:", store("energy_flow", result))


if __name__ == "__main__":
    main()
