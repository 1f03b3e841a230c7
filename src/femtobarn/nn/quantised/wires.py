"""A fixed choice and order of elements, with zeros where nothing is chosen."""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from femtobarn.errors import InputError


class Wires(nn.Module):
    """Output element j is input element index[j], counted through the flattened event; -1 gives zero.

    Sensor cells laid out as an image, cropping and padding with zeros are of this kind; hardware does them for
    nothing.

    Args:
        index: Of the shape of an output event.

    Raises:
        InputError: An index below -1.
    """

    index: Tensor

    def __init__(self, index: Int[Tensor, "*shape"]) -> None:
        super().__init__()
        if index.numel() and int(index.min()) < -1:
            raise InputError(f"indices count from 0, and -1 is a zero: got {int(index.min())}")
        self.register_buffer("index", index.long(), persistent=False)

    def forward(self, x: Shaped[Tensor, "event *source"]) -> Shaped[Tensor, "event *shape"]:
        """Chosen elements."""
        return torch.where(self.index < 0, 0, x.flatten(1)[:, self.index.clamp(min=0)])
