"""How much arithmetic one call of a network takes."""

from typing import Any

import torch
from torch import nn


def multiply_adds(model: nn.Module, *arguments: Any) -> int:
    """Multiplications with additions in all matrix products and convolutions of one call."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(*arguments)
    return int(counter.get_total_flops()) // 2
