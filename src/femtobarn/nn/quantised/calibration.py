"""The ranges of all activations, from data, once training is over."""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from femtobarn.errors import InputError
from femtobarn.nn.quantised.quantiser import Quantiser

EVENTS = 4096  #: of one tensor computed at a time


def calibrate(model: nn.Module, data: Tensor | Iterable[Tensor], *, widen: float = 1.0) -> None:
    """Give every wrapping quantiser of the model the sign and the fewest integer bits that hold these data.

    The extremes are those of the rounded values of an exact float64 pass in `eval()` without wrapping, so no
    event of `data` can overflow in the integer model. Others may: `IntegerModel.overflows` counts them.
    Saturating quantisers keep their trained ranges. The model is changed in place.

    Args:
        model: From `quantise`.
        data: The training inputs, one tensor or batches of it.
        widen: Factor on the extremes, for data beyond those seen.

    Raises:
        InputError: No events, NaN or infinite ones, a model without quantisers, or `widen` below 1.
    """
    if not widen >= 1.0:
        raise InputError(f"widen must be at least 1: got {widen}")
    exact = deepcopy(model).double().eval()
    pairs = [
        (mine, theirs)
        for mine, theirs in zip(model.modules(), exact.modules(), strict=True)
        if isinstance(mine, Quantiser) and isinstance(theirs, Quantiser)
    ]
    if not pairs:
        raise InputError("the model has no quantiser: convert it with quantise(model, example)")
    device = pairs[0][0].fraction.device
    for _, theirs in pairs:
        if theirs.follow:
            theirs.start_calibration()
    events = 0
    with torch.no_grad():
        for batch in torch.split(data, EVENTS) if isinstance(data, Tensor) else data:
            if not torch.isfinite(batch).all():
                raise InputError("calibration data hold NaN or infinity: remove those events")
            events += len(batch)
            if len(batch):
                exact(batch.to(device, torch.float64))
    if not events:
        raise InputError("calibration needs at least one event")
    with torch.no_grad():
        for mine, theirs in pairs:
            theirs.end_calibration(widen=widen)
            mine.integer.copy_(theirs.integer)
            mine.signed.copy_(theirs.signed)
