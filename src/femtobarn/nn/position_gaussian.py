"""What is usual at each place of each scan position, and how unusual an image is there.

The Gaussian of features at a place is the idea of PaDiM (Defard et al., arXiv:2011.08785), with a diagonal covariance.
Here a place is one of a scan position that is photographed on every sensor, so that it knows the printed pattern.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from femtobarn.errors import InputError


class PositionGaussian:
    """Mean and variance of features at every place of every scan position, from clean images of several sensors.

    A few sensors tell a variance badly. It is therefore joined with that of the feature over all places, which counts
    as much as `prior` more images.

    Args:
        prior: Images that the common variance counts for; above 0.

    Example:
        >>> usual = PositionGaussian()
        >>> for value in (1.0, 2.0, 3.0):
        ...     usual.add(torch.full((1, 1, 1), value), position=7)
        >>> usual.score(torch.full((1, 1, 1), 4.0), position=7)
        tensor([[2.]])
    """

    def __init__(self, *, prior: float = 4.0) -> None:
        if not prior > 0:
            raise InputError(f"expected a prior above 0 images, got {prior}")
        self.prior = prior
        self.count: dict[int, int] = {}
        self.mean: dict[int, Tensor] = {}
        self.squares: dict[int, Tensor] = {}  # sum of squared differences from the mean
        self._common: Tensor | None = None

    def add(self, features: Float[Tensor, "feature row column"], position: int) -> None:
        """Learn from the features of one clean image."""
        self._common = None
        if position not in self.count:
            self.count[position] = 1
            self.mean[position], self.squares[position] = features.clone(), torch.zeros_like(features)
            return
        if features.shape != self.mean[position].shape:
            raise InputError(
                f"expected features {tuple(self.mean[position].shape)}, got {tuple(features.shape)}"
            )
        self.count[position] += 1
        away = features - self.mean[position]
        self.mean[position] += away / self.count[position]
        self.squares[position] += away * (features - self.mean[position])

    def deviation(
        self, features: Float[Tensor, "feature row column"], position: int
    ) -> Float[Tensor, "feature row column"]:
        """Distance of each feature from its mean in standard deviations, with its sign.

        Raises:
            InputError: A position that was not learned, or only from one image where no other has more.
        """
        if position not in self.count:
            known = ", ".join(map(str, sorted(self.count))) or "none"
            raise InputError(f"scan position {position} was not learned; known are {known}")
        if self._common is None:
            self._common = self._variance()
        freedom = self.count[position] - 1 + self.prior
        variance = (self.squares[position] + self.prior * self._common) / freedom
        return (features - self.mean[position]) / variance.sqrt()

    def score(
        self, features: Float[Tensor, "feature row column"], position: int
    ) -> Float[Tensor, "row column"]:
        """Root mean square over the features of `deviation`: how unusual each place is."""
        return self.deviation(features, position).square().mean(dim=0).sqrt()

    def _variance(self) -> Tensor:
        """Of each feature, over all places of all positions."""
        freedom = sum(count - 1 for count in self.count.values())
        if freedom < 1:
            raise InputError("expected at least two clean images of one position to learn a variance from")
        total = sum(each.mean(dim=(1, 2), keepdim=True) for each in self.squares.values())
        assert isinstance(total, Tensor)
        return total / freedom + torch.finfo(total.dtype).tiny

    def tensors(self) -> dict[str, Tensor]:
        """All that it has learned, to be stored."""
        order = sorted(self.count)
        return {
            "position": torch.tensor(order),
            "count": torch.tensor([self.count[each] for each in order]),
            "mean": torch.stack([self.mean[each] for each in order]),
            "squares": torch.stack([self.squares[each] for each in order]),
            "prior": torch.tensor(self.prior),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "PositionGaussian":
        """What `tensors` gave, as it was."""
        made = cls(prior=float(tensors["prior"]))
        for index, position in enumerate(tensors["position"].tolist()):
            made.count[position] = int(tensors["count"][index])
            made.mean[position] = tensors["mean"][index]
            made.squares[position] = tensors["squares"][index]
        return made
