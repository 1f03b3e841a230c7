"""The latent score of CoDAE alone beside its whole network, at published size, one event at a time.

Run `python benchmarks/codae.py`. It prints medians and writes results/codae.json in a minute. The authors quote 3.03 ms
for this encoder against 40.1 ms for all three parts (fp16, TensorFlow Lite); no peer is measured here.
"""

import torch

from _common import machine, one_thread, ratio, store, take_turns
from femtobarn.nn import DualAutoencoder

ROUNDS, CALLS = 15, 10


def main() -> None:
    """Measure, print, store."""
    about = machine(["torch", "numpy"])
    one_thread()
    torch.manual_seed(1)
    model = DualAutoencoder().eval()
    event = (torch.rand(1, 1, 72, 58) < 0.02).float()

    @torch.no_grad()
    def whole() -> None:
        for _ in range(CALLS):
            model(event)

    @torch.no_grad()
    def latent() -> None:
        for _ in range(CALLS):
            model.summary(event)

    with torch.no_grad():
        assert torch.equal(model(event).summary, model.summary(event)), "the same score"
    seconds = take_turns({"whole": whole, "latent alone": latent}, rounds=ROUNDS)
    median = {name: sorted(each)[len(each) // 2] / CALLS * 1e3 for name, each in seconds.items()}
    share = 1 / ratio(seconds, "whole", "latent alone")
    for name, milliseconds in median.items():
        print(f"{name:13} {milliseconds:7.2f} ms an event")
    print(f"the latent score takes {100 * share:.0f} % of the whole (goal: 25 % or less)")
    result = {"milliseconds": median, "share": share, "goal": 0.25, "rounds": ROUNDS, "calls": CALLS}
    print(store("codae", {"machine": about, **result}))


if __name__ == "__main__":
    main()
