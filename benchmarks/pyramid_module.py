"""The encoder of the pyramid code in hardware: mean EMD on test wafers, look-up tables, and its Verilog simulated.

Run `python benchmarks/pyramid_module.py [LINKS...]`; it needs iverilog and yosys, and writes
results/pyramid_module.json, each number of e-links as it is done. The wafers are those of `emd-compression demo`, which
a run of it leaves in the cache. Best choice with logarithmic shares is on the same wafers.
"""

import json
import sys
from typing import Any

import numpy as np
import torch

from _common import RESULTS, machine, one_thread, store
from femtobarn.hardware.synthesis import synthesise
from femtobarn.hardware.testbench import simulate
from femtobarn.nn.wafer_autoencoder import pyramid_code
from femtobarn.nn.wafer_autoencoder.pyramid_code import integer_shares
from femtobarn.nn.wafer_autoencoder.pyramid_module import numbers_of, pyramid_module
from femtobarn.physics.wafer_formats import LOGARITHMIC, logarithmic_choice
from femtobarn.study import draws_of_units
from femtobarn.systems.emd_compression.judge import exact_emd
from femtobarn.systems.emd_compression.recipe import PRESETS
from femtobarn.systems.emd_compression.sample import load_split

VECTORS, TIMEOUT = 1000, 3000.0


def measured(links: int, charge: np.ndarray, group: np.ndarray) -> dict[str, Any]:
    """Distances on all wafers; the module on some of them."""
    code = pyramid_code(links)
    arrived = code(torch.from_numpy(charge)).numpy() * charge.sum(axis=1, keepdims=True)
    by_choice = logarithmic_choice(charge, **LOGARITHMIC[links]._asdict()).charge
    ours, theirs = exact_emd(charge, arrived), exact_emd(charge, by_choice)
    draws = draws_of_units(group, count=200, seed=0)
    sources, some = pyramid_module(code), torch.from_numpy(charge[:VECTORS])
    found = simulate(sources, integer_shares(some).numpy())
    wanted = np.array(numbers_of(code.words(some), sources.outputs))
    cells = synthesise(sources, timeout=TIMEOUT)
    return {
        "layouts": [layout._asdict() for layout in code.layouts],
        "wafers": len(charge),
        "mean EMD": _mean([ours[rows].mean() for rows in draws]),
        "mean EMD, best choice, logarithmic shares": _mean([theirs[rows].mean() for rows in draws]),
        "ratio": _mean([ours[rows].mean() / theirs[rows].mean() for rows in draws]),
        "vectors": len(some),
        "mismatches": int((found != wanted).any(axis=1).sum()),
        **{name: getattr(cells, name) for name in ("luts", "carries", "depth", "version")},
    }


def _mean(values: list[float]) -> list[float]:
    """The first is that of the sample itself; the others give its error."""
    return [float(values[0]), float(np.std(values[1:], ddof=1))]


def main() -> None:
    """See the head of the file."""
    one_thread()
    config, path = PRESETS["demo"], RESULTS / "pyramid_module.json"
    test = load_split(config.data, seed=config.seed, workers=1, progress=True).test
    found = json.loads(path.read_text(encoding="utf-8"))["e-links"] if path.exists() else {}
    for links in map(int, sys.argv[1:] or (2, 3, 4, 5)):
        found[str(links)] = measured(links, test.charge.astype(np.float64), test.group)
        print(links, found[str(links)], flush=True)
        store(
            "pyramid_module",
            {"machine": machine(("torch", "numpy")), "e-links": dict(sorted(found.items()))},
        )


if __name__ == "__main__":
    main()
