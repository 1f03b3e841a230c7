"""What the networks cost: weights, and time for a shower that is looked at or generated."""

import time
from collections.abc import Sequence

import torch
from torch import nn

from femtobarn.hardware.latency import single_event_latency
from femtobarn.runs import DataKind, Result
from femtobarn.systems.calo_reconstruction import study
from femtobarn.systems.calo_reconstruction.evaluation import Evaluation
from femtobarn.systems.calo_reconstruction.gan import NORMAL, generate
from femtobarn.systems.calo_reconstruction.gan_training import Gan
from femtobarn.systems.calo_reconstruction.sample import Data, Split
from femtobarn.systems.calo_reconstruction.study import TITLES, Trained


def of_networks(
    trained: Sequence[Trained], split: Split, data: Data, settings: Evaluation, *, kind: DataKind
) -> list[Result]:
    """Weights, latency of one shower, and time of a shower in a batch, of each kind of network."""
    found = []
    for each in {t.part.network: t for t in reversed(trained)}.values():
        labels = {"method": TITLES[each.part.network]}
        found.append(Result("weights", float(study.weights(each.model)), None, "", 0, "", kind, labels))
        if not settings.calls:
            continue
        table = study.table(split.test, each.part.task, data)
        for size in (1, min(1000, len(table))):
            batch = table[torch.arange(size)]
            arguments = [batch[name] for name in ("ecal", "hcal", "sums", "direction")]
            with torch.inference_mode():
                if size == 1:
                    call = single_event_latency(lambda: each.model(*arguments), calls=settings.calls)  # noqa: B023
                    value, error = call.median, call.percentile_95 - call.median
                else:
                    start = time.perf_counter()
                    each.model(*arguments)
                    value, error = 1e6 * (time.perf_counter() - start) / size, None
            more = labels | {"showers at once": str(size)}
            spread = "95 % quantile - median" if size == 1 else ""
            found.append(Result("time per shower", value, error, "us", size, "", kind, more, (), spread))
    return sorted(found, key=lambda result: result.name, reverse=True)


def of_generation(model: nn.Module, settings: Gan, *, kind: DataKind) -> list[Result]:
    """Milliseconds for a shower of the GAN, one or 64 at once, on the threads that torch has."""
    found = []
    for size in (1, 64):
        energy, theta = torch.full((size,), 20.0), torch.full((size,), NORMAL)
        source = torch.Generator().manual_seed(0)
        generate(model, energy, theta, unit=settings.unit, cell_unit=settings.cell_unit, generator=source)
        start = time.perf_counter()
        generate(model, energy, theta, unit=settings.unit, cell_unit=settings.cell_unit, generator=source)
        value = 1e3 * (time.perf_counter() - start) / size
        labels = {"method": "3-D GAN", "showers at once": str(size)}
        found.append(Result("time to generate a shower", value, None, "ms", size, "", kind, labels))
    return found
