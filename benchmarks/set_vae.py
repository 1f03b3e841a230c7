"""How much faster the score of CLIP-VAE is than that of Set-VAE: the encoder alone against encoder and decoder.

``python benchmarks/set_vae.py`` times the network of the published size (205,155 weights) on jets of 36 and of 128
particles, one at a time and 256 together, with one thread. Goal: the encoder takes at most 0.65 of the time of the
whole (the abstract of arXiv:2311.17162 says about half).
"""

import functools

import torch

from _common import machine, one_thread, store
from femtobarn.evaluation.network_costs import latency_ratio
from femtobarn.nn import SetVae

GOAL = 0.65
CALLS = 50


def main() -> None:
    one_thread()
    torch.manual_seed(1)
    network = SetVae().eval()
    rows = []
    for particles in (36, 128):
        for batch in (1, 256):
            pt = torch.rand(batch, particles) * 30 + 1
            angles = 0.2 * torch.randn(batch, particles, 2)
            jets = torch.cat((angles, torch.stack((pt, 1.3 * pt), dim=-1)), dim=-1)
            event = jets, torch.randint(0, 8, (batch, particles)), jets[..., 2:].sum(dim=1)
            part, whole = (functools.partial(call, *event) for call in (network.encode, network))
            value, error = latency_ratio(part, whole, calls=CALLS)
            rows.append(
                {"particles": particles, "batch": batch, "ratio": round(value, 3), "error": round(error, 3)}
            )
            print(f"{particles} particles, batch {batch}: {value:.2f} +- {error:.2f}")
    met = all(row["ratio"] <= GOAL for row in rows)
    path = store("set_vae", {"goal": GOAL, "met": met, "calls": CALLS, "ratios": rows} | machine(["torch"]))
    print(f"goal {GOAL}: {'met' if met else 'missed'}; stored in {path}")


if __name__ == "__main__":
    main()
