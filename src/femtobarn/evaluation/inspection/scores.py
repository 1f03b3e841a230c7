"""Scores of the patches of images, and how each is read against what is usual at its scan position."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from femtobarn.data.patch_images import PatchImages
from femtobarn.nn.cell_statistics import cell_statistics
from femtobarn.nn.efficientnet_lite import load_efficientnet_lite0
from femtobarn.nn.feature_bank import FeatureBank
from femtobarn.nn.patch_autoencoder import PatchPca
from femtobarn.nn.patches import cut_patches
from femtobarn.nn.position_gaussian import PositionGaussian

AT_POSITION = " at its position"  #: behind the name of a score that is read so
Score = Callable[
    [Tensor, int], Mapping[str, Tensor]
]  #: (1, height, width) and position to (row, column) by name
Maps = dict[str, Float[np.ndarray, "image row column"]]
Kept = Mapping[str, Any]  #: tensors and plain data
_LEAST = 1e-9  # of a score, before its logarithm
_CELL = 8  # pixels
_PIXELS = 32_000_000  # that principal components are fitted to at most
_OF_BANK = 20  # features of clean images for each that is kept


def score_maps(score: Score, sample: PatchImages, usual: Kept | None = None) -> Maps:
    """Every score of every patch, image by image; those that `usual_scores` knows also as read at their position.

    Raises:
        InputError: A position that was not learned.
    """
    rows: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for index, position in enumerate(sample.position.tolist()):
            for name, each in score(sample.image(index), position).items():
                rows.setdefault(name, []).append(each)
    found = {name: torch.stack(each).double().numpy() for name, each in rows.items()}
    for name in list(found) if usual else []:
        known = PositionGaussian.from_tensors(named(usual or {}, name))
        pairs = zip(_readable(found[name]), sample.position.tolist(), strict=True)
        found[name + AT_POSITION] = torch.cat([known.deviation(x, p) for x, p in pairs]).double().numpy()
    return found


def usual_scores(found: Maps, position: Sequence[int], *, prior: float) -> dict[str, Tensor]:
    """Mean and variance of the logarithm of each score at every patch of every position, from clean images.

    Read so, a score needs no place to be as smooth as the others: where a printed line always leaves a large residual,
    only a larger one counts.
    """
    kept: dict[str, Tensor] = {}
    for name, maps in found.items():
        usual = PositionGaussian(prior=prior)
        for each, place in zip(_readable(maps), position, strict=True):
            usual.add(each, place)
        kept |= {f"{name}/{key}": tensor for key, tensor in usual.tensors().items()}
    return kept


def fit_simple(sample: PatchImages, components: int) -> tuple[PatchPca, dict[str, Tensor]]:
    """Principal components of clean patches, and what statistics of cells are usual at each place of each position."""
    every = np.random.default_rng(0).permutation(sample.defect.size)[: _PIXELS // sample.patch**2]
    pca, usual = PatchPca.fit(sample.patches(np.sort(every)), components), PositionGaussian()
    for index, position in enumerate(sample.position.tolist()):
        usual.add(cell_statistics(sample.image(index), _CELL)[0], position)
    return pca, {f"cells/{key}": each for key, each in usual.tensors().items()}


def simple_score(pca: nn.Module, kept: Kept, patch: int) -> Score:
    """ "contrast", the standard deviation of a patch; "cell statistics"; what principal components leave."""
    usual = PositionGaussian.from_tensors(named(kept, "cells"))
    residual = residual_score("PCA", pca, patch)

    def score(image: Tensor, position: int) -> dict[str, Tensor]:
        cells = usual.score(cell_statistics(image, _CELL)[0], position)
        return {
            "contrast": cut_patches(image, patch)[0].flatten(2).std(dim=2),
            "cell statistics": _highest(cells, patch // _CELL),
            **residual(image, position),
        }

    return score


def residual_score(name: str, model: nn.Module, patch: int) -> Score:
    """What a reconstruction leaves of a patch: its mean square, and the largest mean over a tenth of its side."""
    size = patch // 10

    def score(image: Tensor, _: int) -> dict[str, Tensor]:
        left = cut_patches(image - model(image), patch)[0]
        averaged = F.avg_pool2d(left.flatten(0, 1)[:, None], size, size // 2)
        peak = averaged.abs().flatten(1).amax(dim=1).view(left.shape[:2])
        return {f"{name} residual": left.square().mean(dim=(2, 3)), f"{name} peak": peak}

    return score


def fit_features(sample: PatchImages, *, bank: int, seed: int) -> dict[str, Tensor]:
    """What features of EfficientNet-Lite0 are usual at each place of each position, and a bank of them from all.

    Raises:
        MissingExtraError: Its weights are not installed.
    """
    network, usual, rows = load_efficientnet_lite0(), PositionGaussian(), []
    generator = torch.Generator().manual_seed(seed)
    for index, position in enumerate(sample.position.tolist()):
        features = network(sample.image(index))[0]
        usual.add(features, position)
        some = torch.randperm(features[0].numel(), generator=generator)[: -(-_OF_BANK * bank // len(sample))]
        rows.append(features.flatten(1).T[some])
    found = FeatureBank(torch.cat(rows), bank, generator=generator)
    places = {f"places/{key}": each for key, each in usual.tensors().items()}
    return places | {"bank": found.bank, "scale": found.scale}


def feature_score(kept: Kept, patch: int) -> Score:
    """ "Lite0 Gaussian", against the same place of the same position; "Lite0 bank", against any place of any."""
    network, usual = load_efficientnet_lite0(), PositionGaussian.from_tensors(named(kept, "places"))
    bank = FeatureBank.from_tensors(kept["bank"], kept["scale"])

    def score(image: Tensor, position: int) -> dict[str, Tensor]:
        found = network(image)[0]
        side = patch * found.shape[1] // image.shape[1]
        away = bank.score(found.flatten(1).T).view(found.shape[1:])
        return {
            "Lite0 Gaussian": _highest(usual.score(found, position), side),
            "Lite0 bank": _highest(away, side),
        }

    return score


def score_of(kind: str, model: nn.Module | None, kept: Kept) -> Score:
    """The scores of a fitted or trained part, whose "patch" is kept.

    Args:
        kind: "simple", "features", "autoencoder"; any other is the name of the score that the model gives.
        model: None for features.
        kept: What was fitted.
    """
    patch = int(kept["patch"])
    if model is None:
        return feature_score(kept, patch)
    if kind == "simple":
        return simple_score(model, kept, patch)
    return (
        residual_score("AE", model, patch)
        if kind == "autoencoder"
        else lambda image, _: {kind: model(image)[0]}
    )


def written_scores(found: Maps, thresholds: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Columns of a file: the score of each image, that of its patches, and whether it is to be looked at."""
    columns: dict[str, np.ndarray] = {}
    for name, maps in found.items():
        highest = maps.max(axis=(1, 2))
        columns |= {
            name: highest,
            f"{name}, look at it": highest > thresholds[name],
            f"{name}, patches": maps,
        }
    return columns


def named(kept: Kept, prefix: str) -> dict[str, Any]:
    """What was kept as PREFIX/NAME, by NAME."""
    return {
        key.removeprefix(f"{prefix}/"): each for key, each in kept.items() if key.startswith(f"{prefix}/")
    }


def _readable(found: Float[np.ndarray, "image row column"]) -> Float32[Tensor, "image 1 row column"]:
    """The logarithm of scores, whose spread at a position is near that of a Gaussian."""
    return torch.from_numpy(np.log(np.maximum(found, _LEAST))).float()[:, None]


def _highest(found: Tensor, side: int) -> Tensor:
    """Of the places in each patch."""
    return cut_patches(found[None], side)[0].amax(dim=(2, 3))
