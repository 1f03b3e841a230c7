"""CPU seconds of a pile-up-200 endcap: its simulation, the loss of condensation on it, and inference by hits.

Simulated are all particles of a crossing in the whole endcap, 96 x 384 x 32 cells. The loss is that of 2022, forward
and backward, on all hits and showers of the crossing, with its peak of memory. Inference is that of the compact
network of the demo, untrained, on slices of growing width; clustering apart. Pile-up comes from Pythia if it is
installed, else from its averages.

Run `python benchmarks/endcap.py`. It prints a table and writes results/endcap.json in about a minute.
"""

import importlib.util
import json
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from _common import machine, one_thread, store
from femtobarn.datasets.hgcalml import HitEvents, of_endcap
from femtobarn.losses import condensation_2022
from femtobarn.nn.condensing import event_tensors
from femtobarn.physics.condense import condense
from femtobarn.simulate.endcap import Crossings, Endcap, endcap_hits, soft_crossings, truth
from femtobarn.systems.object_condensation.recipe import PRESETS

ROUNDS = 3


def cpu(work: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """CPU seconds of a call, the median of some after a first that does not count; of one, that one."""
    seconds = []
    for _ in range(rounds + (rounds > 1)):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return round(median(seconds[-rounds:]), 3)


def part_of(events: HitEvents, share: float) -> HitEvents:
    """The hits of one event within a share of the azimuth."""
    phi = np.arctan2(events.hits[:, 2], events.hits[:, 1])
    kept = phi < -np.pi + share * 2 * np.pi
    return replace(events, offset=np.array([0, kept.sum()]), hits=events.hits[kept], owner=events.owner[kept])


def loss_of(events: HitEvents) -> float:
    """One step of the loss on numbers as a network gives them at first."""
    draw = torch.Generator().manual_seed(1)
    n = len(events.hits)
    beta = torch.rand(n, generator=draw, requires_grad=True)
    x = torch.from_numpy(events.hits[:, 1:4] / 50).float().requires_grad_()
    owner = torch.from_numpy(events.owner)
    loss = condensation_2022(beta * 0.9 + 0.01, x, torch.ones(n), owner).sum
    torch.autograd.backward(loss)
    return float(loss.detach())


def main() -> None:
    """Measure, print, store."""
    one_thread()
    found = machine(["numpy", "numba", "torch", "scipy"])
    endcap, draw = Endcap(), np.random.default_rng(1)
    if importlib.util.find_spec("pythia8mc"):
        crossings = Crossings.pythia(endcap, collisions_in_pool=1000, seed=1)
    else:
        crossings = soft_crossings(endcap, collisions_in_pool=1000, seed=1)
    incoming = crossings.incoming(200.0, 1, generator=draw)
    hits = endcap_hits(incoming, endcap, generator=draw)
    events = of_endcap(hits, endcap)
    found["showers"], found["hits"] = len(incoming.pdg), len(hits.cell)
    found["objects"] = len(events.energy)
    found["CPU seconds"] = {
        "particles on the face": cpu(lambda: crossings.incoming(200.0, 1, generator=draw)),
        "showers and hits": cpu(lambda: endcap_hits(incoming, endcap, generator=draw)),
        "truth": cpu(lambda: truth(hits)),
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["CPU seconds"]["loss, forward and backward"] = cpu(lambda: loss_of(events), rounds=1)
    found["GB more for the loss"] = round(
        (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6, 2
    )
    model = PRESETS["demo"].study.net.build().eval()
    found["inference"] = []
    for share in (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1.0):
        some = part_of(events, share)

        def network(some: HitEvents = some) -> tuple[np.ndarray, ...]:
            with torch.no_grad():
                return tuple(each.numpy() for each in model(*event_tensors(some)))

        beta, x, distance, _ = network()
        row = {"hits": len(some.hits), "network": cpu(network)}
        row["clusters"] = cpu(lambda b=beta, p=x, d=distance: condense(b, p, d))
        found["inference"].append(row)
    points = np.log([(row["hits"], row["network"] + row["clusters"]) for row in found["inference"]])
    found["power of hits"] = round(float(np.polyfit(*points.T, 1)[0]), 2)
    print(json.dumps(found, indent=1))
    print(store("endcap", found))


if __name__ == "__main__":
    main()
