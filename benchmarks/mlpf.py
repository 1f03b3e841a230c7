"""Time of MLPF against the number of elements: linear with hashed bins, quadratic with exact neighbours.

``python benchmarks/mlpf.py`` times one event of 1,280 to 12,800 elements through the network of the published size
(1.56 million weights), forward, with one thread, and the search for neighbours alone by both ways. Goals: the exponent
of the time of the network lies in 0.95 to 1.15, and from 5,120 elements on the exact search takes longer.
"""

import functools

import numpy as np
import torch

from _common import machine, one_thread, store, take_turns
from femtobarn.nn import Mlpf
from femtobarn.nn.binned_graph import BinnedGraph

SIZES = (1280, 2560, 5120, 6400, 12800)
GOAL = (0.95, 1.15)
ROUNDS = 2


def events(elements: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tracks and towers over all directions; times do not depend on more."""
    draw = np.random.default_rng(1)
    eta, phi, pt = (
        draw.uniform(-3, 3, elements),
        draw.uniform(-np.pi, np.pi, elements),
        draw.exponential(3, elements),
    )
    element = np.zeros((1, elements, 12), np.float32)
    element[0, :, 0] = draw.integers(1, 3, elements)
    element[0, :, 1:6] = np.column_stack((pt, eta, np.sin(phi), np.cos(phi), pt * np.cosh(eta)))
    return torch.from_numpy(element), torch.ones(1, elements, dtype=torch.bool)


def exponent(seconds: dict[str, list[float]]) -> float:
    """Slope of the logarithm of the fastest round against that of the size."""
    least = [min(seconds[str(size)]) for size in SIZES]
    return float(np.polyfit(np.log(SIZES), np.log(least), 1)[0])


@torch.inference_mode()
def main() -> None:
    one_thread()
    torch.manual_seed(1)
    network = Mlpf(inputs="raw").eval()
    given = {str(size): events(size) for size in SIZES}
    whole = take_turns({s: functools.partial(network, *g) for s, g in given.items()}, rounds=ROUNDS)
    search: dict[str, dict[str, list[float]]] = {}
    for bins in ("hashed", "one"):
        graph = BinnedGraph(12, bins=bins).eval()
        cases = {s: functools.partial(graph, *g) for s, g in given.items()}
        search[bins] = take_turns(cases, rounds=ROUNDS)
    slopes = {"network": exponent(whole)} | {
        f"search, {name}": exponent(times) for name, times in search.items()
    }
    rows = [
        {
            "elements": size,
            "network [s]": round(min(whole[str(size)]), 4),
            "search in bins [s]": round(min(search["hashed"][str(size)]), 4),
            "exact search [s]": round(min(search["one"][str(size)]), 4),
        }
        for size in SIZES
    ]
    met = GOAL[0] <= slopes["network"] <= GOAL[1] and all(
        row["exact search [s]"] > row["search in bins [s]"] for row in rows if row["elements"] >= 5120
    )
    for row in rows:
        print(row)
    print({name: round(slope, 3) for name, slope in slopes.items()}, "met" if met else "missed")
    told = {"goal": GOAL, "met": met, "exponents": {k: round(v, 3) for k, v in slopes.items()}, "times": rows}
    print(f"stored in {store('mlpf', told | machine(['torch']))}")


if __name__ == "__main__":
    main()
