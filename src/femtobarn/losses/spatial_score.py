"""A spatial score as one object: which score, after which filter, as a number to read or a loss to make small."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from femtobarn.errors import InputError, check_known
from femtobarn.losses import spatial
from femtobarn.losses._types import result_type
from femtobarn.losses.spatial_filters import (
    FourierBand,
    HaarBand,
    Neighbourhood,
    fourier_band,
    haar_band,
)

Filter = Neighbourhood | FourierBand | HaarBand

_SCORES: dict[str, Callable[..., Tensor]] = {
    "brier": spatial.brier, "cross_entropy": spatial.cross_entropy, "fss": spatial.fss, "csi": spatial.csi,
    "bias": spatial.bias, "iou": spatial.iou, "all_class_iou": spatial.all_class_iou, "dice": spatial.dice,
    "dice_ref": spatial.dice_ref, "heidke": spatial.heidke, "peirce": spatial.peirce, "gerrity": spatial.gerrity,
}  # fmt: skip
_PIXEL = Neighbourhood()
_ERRORS = ("brier", "cross_entropy")  # less is better
#: Names of the authors' code; their "dice" is not the Dice coefficient, so that has the name of its equal.
_THEIRS = {"xentropy": "cross_entropy", "all-class-iou": "all_class_iou", "dice": "dice_ref", "f1": "dice"}
_NAME = re.compile(r"([a-z0-9-]+)_(?:neigh(\d+)|([\d.]+)d_([\d.]+|inf)d(?:_wavelets([01]))?)")


@dataclass(frozen=True)
class SpatialScore:
    """A score after a filter, of maps as `losses.spatial` describes them.

    A neighbourhood is that of the score. A band filters the target, cut to [0, 1] and compared pixel by pixel: the
    prediction is then to be the filtered map, as in the paper; with `apply_to` "both" it is filtered as well. The
    score of a filtered target is not that of the event: such a prediction is calibrated before it is read as a
    probability.

    Args:
        score: Name of a function of `losses.spatial`.
        filter: What it is made after.
        apply_to: "target" or "both", for a band.
        circular: Axes that close on themselves; a Haar band has none.
        per_image: See `losses.spatial`; the way of the paper if None.
    """

    score: str
    filter: Filter = _PIXEL
    apply_to: str = "target"
    circular: tuple[int, ...] = ()
    per_image: bool | None = None

    def __post_init__(self) -> None:
        check_known("score", [self.score], _SCORES)
        if self.apply_to not in ("target", "both"):
            raise InputError(f"a band filters the target or both, got {self.apply_to!r}")
        if isinstance(self.filter, HaarBand) and self.circular:
            raise InputError(
                "the blocks of a Haar band have fixed places: it has no circular axes, a Fourier band may"
            )

    @property
    def title(self) -> str:
        """In words, such as "FSS 9 px" or "brier Fourier over 0.16"."""
        name = self.score.replace("_", " ") if self.score not in ("fss", "csi", "iou") else self.score.upper()
        if isinstance(self.filter, Neighbourhood):
            return f"{name} {2 * self.filter.radius + 1} px" if self.filter.radius else name
        kind = "Haar" if isinstance(self.filter, HaarBand) else "Fourier"
        low, high = self.filter.shortest, self.filter.longest
        return f"{name} {kind} " + (f"{low:g} to {high:g}" if math.isfinite(high) else f"over {low:g}")

    def value(
        self,
        prediction: Float[Tensor, "*map row column"],
        target: Shaped[Tensor, "*map row column"],
        mask: Bool[Tensor, "*place row column"] | None = None,
    ) -> Float[Tensor, ""]:
        """The score as the field quotes it."""
        if not isinstance(self.filter, Neighbourhood) and self.apply_to == "both":
            prediction = self.filtered(prediction, mask)
        return self.of_filtered(prediction, self.filtered(target, mask), mask)

    def loss(
        self,
        prediction: Float[Tensor, "*map row column"],
        target: Shaped[Tensor, "*map row column"],
        mask: Bool[Tensor, "*place row column"] | None = None,
    ) -> Float[Tensor, ""]:
        """What is small for a good prediction: the score itself, or one less the score.

        Raises:
            InputError: The bias, which is best at 1.
        """
        return self.as_loss(self.value(prediction, target, mask))

    def filtered(
        self, x: Shaped[Tensor, "*map row column"], mask: Bool[Tensor, "*place row column"] | None = None
    ) -> Float[Tensor, "*map row column"]:
        """The maps after the band, in [0, 1]; as they are for a neighbourhood. Worth keeping for a whole data set."""
        x = x.to(result_type(x))
        if isinstance(self.filter, Neighbourhood):
            return x
        if mask is not None:
            x = spatial.filled(x, spatial.placed(mask, x))
        if isinstance(self.filter, FourierBand):
            return fourier_band(x, self.filter, circular=self.circular).clamp(0, 1)
        return haar_band(x, self.filter).clamp(0, 1)

    def of_filtered(
        self,
        prediction: Float[Tensor, "*map row column"],
        target: Shaped[Tensor, "*map row column"],
        mask: Bool[Tensor, "*place row column"] | None = None,
    ) -> Float[Tensor, ""]:
        """The score of maps that `filtered` has made."""
        about: dict[str, Any] = {} if self.per_image is None else {"per_image": self.per_image}
        if isinstance(self.filter, Neighbourhood):
            about["radius"] = self.filter.radius
        return _SCORES[self.score](prediction, target, mask, circular=self.circular, **about)

    def mean_loss(
        self,
        prediction: Float[Tensor, "image channel row column"],
        target: Float[Tensor, "image channel row column"],
        mask: Bool[Tensor, "image channel row column"],
    ) -> Float[Tensor, ""]:
        """Mean over the channels of their losses, for targets that `filtered` has made.

        Maps of which nothing is known, and channels of which no map is, are left out.
        """
        found = []
        for channel in range(prediction.shape[1]):
            there = torch.nonzero(mask[:, channel].any(dim=(-2, -1))).squeeze(1)
            if len(there):
                maps = (each[there, channel] for each in (prediction, target, mask))
                found.append(self.as_loss(self.of_filtered(*maps)))
        return torch.stack(found).mean() if found else 0 * prediction.sum()

    def as_loss(self, value: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """A value of this score turned so that less is better."""
        if self.score == "bias":
            raise InputError("a frequency bias is best at 1: it is a metric, not a loss")
        return value if self.score in _ERRORS else 1 - value


def spatial_score(
    name: str, *, pitch: float = 1.0, window: str = "blackman", circular: Sequence[int] = ()
) -> SpatialScore:
    """The score of a compact name of the authors' code.

    Such as ``fss_neigh4`` for a half-width of 4 pixels, ``brier_0.0500d_0.2000d`` for a Fourier band and
    ``brier_0.0500d_0.2000d_wavelets1`` for a Haar band. Numbers are resolutions, half the wavelength; ``inf`` is none.
    ``dice`` is what the authors call so, `losses.spatial.dice_ref`; the Dice coefficient is ``f1``.

    Args:
        name: As said.
        pitch: Of the pixels, in the unit of the numbers.
        window: Of a Fourier band, see `FourierBand`.
        circular: Axes that close on themselves.

    Raises:
        InputError: The name is none of these.

    Example:
        >>> spatial_score("fss_neigh4").filter
        Neighbourhood(radius=4)
        >>> spatial_score("brier_0.05d_0.2d", pitch=0.0125).filter.longest
        0.4
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise InputError(f"expected a name such as fss_neigh4 or brier_0.05d_0.2d, got {name!r}")
    score, radius, low, high, wavelets = parts.groups()
    if radius is not None:
        band: Filter = Neighbourhood(int(radius))
    else:
        edges = 2 * float(low), 2 * float(high)
        band = HaarBand(*edges, pitch) if wavelets == "1" else FourierBand(*edges, pitch, window)
    return SpatialScore(_THEIRS.get(score, score), band, circular=tuple(circular))
